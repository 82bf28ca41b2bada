//! What a kubelet reports of its node: amounts, versions, addresses, conditions.
//!
//! Ids of a machine and of a boot derive from the machine's id, its incarnation and its boots: they survive restarts of the simulator;
//! the one changes with a reimage, the other with every boot. Labels and taints are not the kubelet's to set.

use super::{Duty, Kubelets, ready_lag_millis};
use crate::fault;
use nodelane_catalog::{OsSku, Size, Version};
use nodelane_model::change::Change;
use nodelane_model::hash::Hash;
use nodelane_model::machine::MachinePhase;
use nodelane_model::node::{Address, Image, NodeInfo, NodeStatus};
use nodelane_model::pod::Condition;
use nodelane_model::pool::{OsType, PoolSpec};
use nodelane_model::{Body, Doc, FaultKind, Key, Kind, Machine, Meta, Name, Node, Time, Uid};
use nodelane_world::{Silence, World};
use std::sync::Arc;

/// Kinds of ids.
const MACHINE_ID: u64 = 1;
const BOOT_ID: u64 = 2;
/// The first node's address: Azure keeps the first four of a subnet. 10.224.0.0/12 holds a million more.
const FIRST_ADDRESS: u32 = (10 << 24) + (224 << 16) + 4;

/// The index of a node's address in the node network.
pub fn index_of(address: &str) -> Option<u32> {
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    u32::from(address).checked_sub(FIRST_ADDRESS)
}

impl Kubelets {
    /// The node of a machine that runs registers; not where a fault keeps it from it.
    pub(super) fn register(&mut self, world: &World, machine_key: &Key, now: Time) -> Option<(Name, Change)> {
        let doc = world.get(machine_key)?;
        let machine = doc.as_machine().filter(|machine| machine.phase == MachinePhase::Running && machine.is_wanted())?;
        let name = machine_key.name.clone();
        let (_, pool) = world.pool(&machine.pool)?;
        if let Some(row) = world.node(&name) {
            if is_lost(&row.doc) || was_shut_down(&row.doc) {
                self.task(now, Duty::BecomeReady, row.doc.key.clone(), row.doc.meta.uid);
            }
            return None;
        }
        let mutes = |fault: &nodelane_model::Fault| {
            let kept = fault.concerns(&name, &machine.pool, &machine.zone) && fault.draws(&name, machine.boots);
            fault.kind == FaultKind::NeverRegisters && kept
        };
        if fault::active(world, now).any(|fault| mutes(&fault)) {
            self.hold(Duty::Register, machine_key, Uid::default());
            return None;
        }
        let ready = ready_lag_millis(self.profile) == 0;
        let index = self.addresses.node(&name);
        let size = self.catalog.size(&machine.size)?;
        let status = self.status(doc.meta.uid, machine, &pool.spec, size, &name, index);
        let body = Body::Node(Box::new(Node { status, ..Node::default() }));
        let mut doc = Doc::new(Key::global(Kind::Node, name.clone()), 0, Meta::default(), body);
        let speaks = Silence::of(world, now).since(world, &doc).is_none();
        report(&mut doc.as_node_mut()?.status, ready && speaks, now);
        Some((name, Change::Create(Arc::new(doc))))
    }

    /// The node reports Ready.
    pub(super) fn become_ready(&mut self, world: &World, key: &Key, uid: Uid, now: Time) -> Option<(Name, Change)> {
        let old = world.get(key).filter(|doc| doc.meta.uid == uid)?;
        let machine_doc = world.get(&Key::global(Kind::Machine, key.name.clone()))?;
        let machine = machine_doc.as_machine()?;
        if machine.phase != MachinePhase::Running || old.as_node()?.status.is_ready() && !was_shut_down(old) {
            return None;
        }
        let mut doc = (**old).clone();
        let node = doc.as_node_mut()?;
        report(&mut node.status, true, now);
        node.status.node_info.boot_id = self.id(machine_doc.meta.uid, BOOT_ID, machine.boots);
        Some((key.name.clone(), Change::Replace { base: old.revision, doc: Arc::new(doc) }))
    }

    fn status(&self, uid: Uid, machine: &Machine, pool: &PoolSpec, size: &Size, name: &Name, index: u32) -> NodeStatus {
        let model = machine.running.as_ref().unwrap_or(&machine.model);
        let version: Version = model.version.parse().unwrap_or_else(|_| self.catalog.default_version());
        let disk = pool.os_disk_size_gb;
        let capacity = nodelane_catalog::capacity(size, disk, pool.max_pods);
        let allocatable = nodelane_catalog::allocatable(size, pool.os_type, version, disk, pool.max_pods);
        let address = std::net::Ipv4Addr::from(FIRST_ADDRESS + index).to_string();
        NodeStatus {
            capacity: Arc::new(capacity.list(size)),
            allocatable: Arc::new(allocatable.list(size)),
            addresses: vec![
                Address { kind: "InternalIP".into(), address: address.into() },
                Address { kind: "Hostname".into(), address: name.clone() },
            ],
            node_info: self.info(uid, machine, pool, size, version, &model.image),
            images: Arc::new(images(pool.os_type)),
            ..NodeStatus::default()
        }
    }

    /// An id of a machine, one per kind and count.
    fn id(&self, machine: Uid, kind: u64, count: u32) -> Name {
        Uid::derive(Hash::new(self.seed).number(machine.0 as u64).get(), u64::from(count), kind).to_string().into()
    }

    fn info(&self, uid: Uid, machine: &Machine, pool: &PoolSpec, size: &Size, version: Version, image: &str) -> NodeInfo {
        let sku = OsSku::from_name(&pool.os_sku).and_then(|sku| sku.effective(version).ok());
        let known = self.catalog.image(image).or_else(|| sku.and_then(|sku| self.catalog.newest_image(sku)));
        let kubelet: Name = version.kubelet_version().into();
        NodeInfo {
            machine_id: self.id(uid, MACHINE_ID, machine.incarnation).replace('-', "").into(),
            system_uuid: uid.to_string().into(),
            boot_id: self.id(uid, BOOT_ID, machine.boots),
            kernel_version: known.map(|image| image.kernel_version.into()).unwrap_or_default(),
            os_image: known.map(|image| image.os_image.into()).unwrap_or_default(),
            container_runtime_version: known.map(|image| image.container_runtime_version().into()).unwrap_or_default(),
            kubelet_version: kubelet.clone(),
            kube_proxy_version: kubelet,
            operating_system: if pool.os_type == OsType::Windows { "windows" } else { "linux" }.into(),
            architecture: if size.arch == nodelane_catalog::Arch::Arm64 { "arm64" } else { "amd64" }.into(),
        }
    }
}

/// Conditions other than Ready, as a kubelet words them.
const PRESSURES: [(&str, &str, &str); 3] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
];

/// Sets all conditions as a kubelet words them.
fn report(status: &mut NodeStatus, ready: bool, now: Time) {
    let condition = match ready {
        true => Condition::new("Ready", true, now).because("KubeletReady", "kubelet is posting ready status"),
        false => Condition::new("Ready", false, now).because(
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
        ),
    };
    let pressures = PRESSURES.map(|(kind, reason, message)| Condition::new(kind, false, now).because(reason, message));
    for condition in pressures.into_iter().chain([condition]) {
        condition.set_in(&mut status.conditions);
    }
}

/// Whether a node is known to be silent.
pub fn is_lost(doc: &Doc) -> bool {
    let lost = |condition: &Condition| condition.kind == "Ready" && condition.status == "Unknown";
    doc.as_node().is_some_and(|node| node.status.conditions.iter().any(lost))
}

/// Whether a node stayed while its machine was deallocated, and was not heard of since.
fn was_shut_down(doc: &Doc) -> bool {
    doc.as_node().is_some_and(|node| node.spec.taints.iter().any(|taint| taint.key == "node.cloudprovider.kubernetes.io/shutdown"))
}

/// A node that nothing was heard of since `heard`, in the node controller's words; a default `uid` is any node of the name.
pub fn lose(world: &World, silence: &Silence, key: &Key, uid: Uid, heard: Time, now: Time) -> Option<(Name, Change)> {
    let old = world.get(key).filter(|doc| (uid == Uid::default() || doc.meta.uid == uid) && !is_lost(doc))?;
    silence.since(world, old).filter(|since| *since <= heard)?;
    let mut doc = (**old).clone();
    let conditions = &mut doc.as_node_mut()?.status.conditions;
    for kind in PRESSURES.map(|(kind, ..)| kind).into_iter().chain(["Ready"]) {
        let unknown = Condition::new(kind, false, now).because("NodeStatusUnknown", "Kubelet stopped posting node status.");
        Condition { status: "Unknown".into(), ..unknown }.set_in(conditions);
    }
    Some((key.name.clone(), Change::Replace { base: old.revision, doc: Arc::new(doc) }))
}

/// What every AKS node of an operating system has pulled before any pod runs.
fn images(os: OsType) -> Vec<Image> {
    let of = |name: &str, size_bytes| Image { names: vec![name.into()], size_bytes };
    match os {
        OsType::Linux => vec![of("mcr.microsoft.com/oss/kubernetes/pause:3.6", 301_973)],
        OsType::Windows => vec![of("mcr.microsoft.com/oss/kubernetes/pause:3.6", 301_973)],
    }
}
