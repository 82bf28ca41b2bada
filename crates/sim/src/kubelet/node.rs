//! What a kubelet reports of its node: amounts, versions, addresses, conditions.
//!
//! Ids of a machine and of a boot derive from the machine's id and its incarnation: they survive restarts of the simulator, and change
//! with a reimage. Labels and taints of the pool are not the kubelet's to set.

use super::{Duty, Kubelets, ready_lag_millis};
use crate::fault;
use nodelane_catalog::{OsSku, Size, Version};
use nodelane_model::change::Change;
use nodelane_model::hash::Hash;
use nodelane_model::machine::MachinePhase;
use nodelane_model::node::{Address, Image, NodeInfo, NodeStatus, Taint};
use nodelane_model::pod::Condition;
use nodelane_model::pool::{OsType, PoolSpec};
use nodelane_model::quantity::Resources;
use nodelane_model::{Body, Doc, Key, Kind, Machine, Meta, Name, Node, Quantity, Time, Uid};
use nodelane_world::World;
use std::sync::Arc;

/// The taint of a node that is not Ready.
const NOT_READY: &str = "node.kubernetes.io/not-ready";
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
        if world.node(&name).is_some() {
            return None;
        }
        let fault =
            fault::active(world, now).find(|fault| fault.kind == "never-registers" && fault.concerns(&name, &machine.pool, &machine.zone));
        if let Some(fault) = fault {
            self.hold(fault.until, Duty::Register, machine_key, Uid::default());
            return None;
        }
        let ready = ready_lag_millis(self.profile) == 0;
        let index = self.addresses.node(&name);
        let size = self.catalog.size(&machine.size)?;
        let status = self.status(doc.meta.uid, machine, &pool.spec, size, &name, index, now);
        let mut node = Node { status, ..Node::default() };
        set_ready(&mut node.status, ready, now);
        if !ready {
            node.spec.taints.push(Taint { key: NOT_READY.into(), effect: "NoSchedule".into(), ..Taint::default() });
        }
        let doc = Doc::new(Key::global(Kind::Node, name.clone()), 0, Meta::default(), Body::Node(Box::new(node)));
        Some((name, Change::Create(Arc::new(doc))))
    }

    /// The node reports Ready, unless a fault says otherwise.
    pub(super) fn become_ready(&mut self, world: &World, key: &Key, uid: Uid, now: Time) -> Option<(Name, Change)> {
        let old = world.get(key).filter(|doc| doc.meta.uid == uid)?;
        let machine = world.get(&Key::global(Kind::Machine, key.name.clone()))?.as_machine()?;
        if machine.phase != MachinePhase::Running || old.as_node()?.status.is_ready() {
            return None;
        }
        let fault =
            fault::active(world, now).find(|fault| fault.kind == "not-ready" && fault.concerns(&key.name, &machine.pool, &machine.zone));
        if let Some(fault) = fault {
            self.hold(fault.until, Duty::BecomeReady, key, uid);
            return None;
        }
        let mut doc = (**old).clone();
        let node = doc.as_node_mut()?;
        set_ready(&mut node.status, true, now);
        node.spec.taints.retain(|taint| taint.key != NOT_READY);
        Some((key.name.clone(), Change::Replace { base: old.revision, doc: Arc::new(doc) }))
    }

    #[allow(clippy::too_many_arguments)] // All of them are facts about one machine.
    fn status(&self, uid: Uid, machine: &Machine, pool: &PoolSpec, size: &Size, name: &Name, index: u32, now: Time) -> NodeStatus {
        let model = machine.running.as_ref().unwrap_or(&machine.model);
        let version: Version = model.version.parse().unwrap_or_else(|_| self.catalog.default_version());
        let disk = pool.os_disk_size_gb;
        let capacity = nodelane_catalog::capacity(size, disk, pool.max_pods);
        let allocatable = nodelane_catalog::allocatable(size, pool.os_type, version, disk, pool.max_pods);
        let address = std::net::Ipv4Addr::from(FIRST_ADDRESS + index).to_string();
        let mut status = NodeStatus {
            capacity: Arc::new(resources(&capacity, size)),
            allocatable: Arc::new(resources(&allocatable, size)),
            addresses: vec![
                Address { kind: "InternalIP".into(), address: address.into() },
                Address { kind: "Hostname".into(), address: name.clone() },
            ],
            node_info: self.info(uid, machine, pool, size, version, &model.image),
            images: Arc::new(images(pool.os_type)),
            ..NodeStatus::default()
        };
        for (kind, reason, message) in [
            ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ] {
            status.conditions.push(Condition::new(kind, false, now).because(reason, message));
        }
        status
    }

    fn info(&self, uid: Uid, machine: &Machine, pool: &PoolSpec, size: &Size, version: Version, image: &str) -> NodeInfo {
        let id = |salt: u64| Uid::derive(Hash::new(self.seed).number(uid.0 as u64).get(), u64::from(machine.incarnation), salt);
        let sku = OsSku::from_name(&pool.os_sku).and_then(|sku| sku.effective(version).ok());
        let known = self.catalog.image(image).or_else(|| sku.and_then(|sku| self.catalog.newest_image(sku)));
        let kubelet: Name = version.kubelet_version().into();
        NodeInfo {
            machine_id: id(1).to_string().replace('-', "").into(),
            system_uuid: uid.to_string().into(),
            boot_id: id(2).to_string().into(),
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

/// Sets the condition Ready as a kubelet words it.
pub fn set_ready(status: &mut NodeStatus, ready: bool, now: Time) {
    let condition = match ready {
        true => Condition::new("Ready", true, now).because("KubeletReady", "kubelet is posting ready status"),
        false => Condition::new("Ready", false, now).because(
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
        ),
    };
    status.conditions.retain(|condition| condition.kind != "Ready");
    status.conditions.push(condition);
}

fn resources(amounts: &nodelane_catalog::NodeResources, size: &Size) -> Resources {
    let mut list = Resources::new();
    list.insert("cpu".into(), Quantity::from_milli(amounts.cpu_milli));
    list.insert("memory".into(), Quantity::from_kibibytes(amounts.memory_bytes));
    list.insert("ephemeral-storage".into(), Quantity::from_kibibytes(amounts.ephemeral_bytes));
    list.insert("pods".into(), Quantity::from_count(amounts.pods));
    for name in ["hugepages-1Gi", "hugepages-2Mi"] {
        list.insert(name.into(), Quantity("0".into()));
    }
    if let Some(vendor) = size.gpu_vendor.filter(|_| size.gpus > 0) {
        list.insert(vendor.resource_name().into(), Quantity::from_count(i64::from(size.gpus)));
    }
    list
}

/// What every AKS node of an operating system has pulled before any pod runs.
fn images(os: OsType) -> Vec<Image> {
    let of = |name: &str, size_bytes| Image { names: vec![name.into()], size_bytes };
    match os {
        OsType::Linux => vec![of("mcr.microsoft.com/oss/kubernetes/pause:3.6", 301_973)],
        OsType::Windows => vec![of("mcr.microsoft.com/oss/kubernetes/pause:3.6", 301_973)],
    }
}
