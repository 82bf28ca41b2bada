//! What a kubelet does with a pod: starts it, reports on it, lets it go.
//!
//! A container runs within a second and stops within a second of SIGTERM. What happens to it in between is in `container`, what it is
//! meant to do in `script`.

use super::{Kubelets, container, script};
use nodelane_model::change::{Change, Origin, Propagation};
use nodelane_model::event::Notice;
use nodelane_model::pod::{Condition, Container, ContainerState, ContainerStatus, Phase, PodSpec, Terminated};
use nodelane_model::{Key, Name, Time, Uid};
use nodelane_world::{Draft, World, Write};
use std::sync::Arc;

/// From binding to running, in milliseconds.
pub const START_MILLIS: (i64, i64) = (150, 800);
/// From SIGTERM to the end, in milliseconds.
pub const STOP_MILLIS: (i64, i64) = (100, 700);

impl Kubelets {
    /// A bound pod's containers run.
    pub(super) fn start(&mut self, world: &World, key: &Key, uid: Uid, now: Time) -> Option<(Name, Change)> {
        let old = world.get(key).filter(|doc| doc.meta.uid == uid && !doc.is_terminating())?;
        let pod = old.as_pod().filter(|pod| pod.status.phase == Phase::Pending)?;
        let node = pod.node.clone()?;
        let index = self.addresses.node(&node);
        let host_ip = world.node(&node)?.doc.as_node()?.status.addresses.first()?.address.clone();
        let host = self.addresses.pod(&node, key);
        // Overlay: one /24 of 100.64.0.0/10 a node.
        let pod_ip =
            if pod.spec.host_network { host_ip.clone() } else { format!("100.{}.{}.{host}", 64 + index / 256 % 64, index % 256).into() };
        let mut doc = (**old).clone();
        let started = now.whole_seconds();
        let spec = pod.spec.clone();
        let status = &mut doc.as_pod_mut()?.status;
        status.phase = Phase::Running;
        (status.host_ip, status.pod_ip, status.start_time) = (host_ip, pod_ip, Some(started));
        status.conditions.retain(|condition| condition.kind == "PodScheduled");
        for kind in ["PodReadyToStartContainers", "Initialized"] {
            status.conditions.push(Condition::new(kind, true, now));
        }
        let ready = |container: &Container| script::of(old, container).ready_after_millis == 0;
        let begin = |of: &Container| container::started(uid, of, ready(of), started);
        status.container_statuses = spec.containers.iter().map(begin).collect();
        container::judge(&mut status.conditions, &status.container_statuses, now);
        status.init_container_statuses = init_containers(uid, &spec, started);
        status.reason = Name::default();
        status.message = Name::default();
        let address = serde_json::json!([{ "ip": status.pod_ip }]);
        status.rest.insert("podIPs".into(), address);
        status.rest.insert("hostIPs".into(), serde_json::json!([{ "ip": status.host_ip }]));
        Some((node, Change::Replace { base: old.revision, doc: Arc::new(doc) }))
    }
}

/// Sidecars run, other init containers have ended well.
fn init_containers(uid: Uid, spec: &PodSpec, at: Time) -> Vec<ContainerStatus> {
    let ended = Terminated { reason: "Completed".into(), started_at: at, finished_at: at, ..Terminated::default() };
    let status = |container: &Container| {
        let mut status = container::started(uid, container, true, at);
        if container.restart_policy.as_deref() != Some("Always") {
            status.started = false;
            status.state = ContainerState { terminated: Some(ended.clone()), ..ContainerState::default() };
        }
        status
    };
    spec.init_containers.iter().map(status).collect()
}

/// What has become of a pod's containers is reported; a start that is put off is said in an event as well.
pub fn report(world: &World, key: &Key, uid: Uid, now: Time, changes: &mut Vec<(Change, Origin)>) -> Option<(Name, Change)> {
    let old = world.get(key).filter(|doc| doc.meta.uid == uid && !doc.is_terminating())?;
    let pod = old.as_pod().filter(|pod| pod.status.phase == Phase::Running)?;
    let node = pod.node.clone()?;
    let mut doc = (**old).clone();
    let put_off = container::advance(old, &pod.spec, &mut doc.as_pod_mut()?.status, now);
    if doc == **old {
        return None;
    }
    for container in put_off {
        let full_name = format!("{}_{}({uid})", key.name, key.namespace);
        let message = format!("Back-off restarting failed container {container} in pod {full_name}").into();
        let mut draft = Draft::new(world.clone(), now);
        draft.notify(&Notice { about: key.clone(), warning: true, reason: "BackOff", message, component: "kubelet" });
        changes.extend(draft.writes.into_iter().filter_map(as_change).map(|change| (change, Origin::default())));
    }
    Some((node, Change::Replace { base: old.revision, doc: Arc::new(doc) }))
}

/// A write of an event as the change that asks for it.
fn as_change(write: Write) -> Option<Change> {
    let doc = write.new?;
    Some(match write.old {
        Some(old) => Change::Replace { base: old.revision, doc },
        None => Change::Create(doc),
    })
}

/// A pod that was told to stop has stopped: its document may go.
pub fn release(world: &World, key: &Key, uid: Uid) -> Option<(Name, Change)> {
    let doc = world.get(key).filter(|doc| doc.meta.uid == uid && doc.is_terminating())?;
    let node = doc.as_pod()?.node.clone()?;
    let change =
        Change::Delete { key: key.clone(), uid: Some(uid), base: None, grace_seconds: Some(0), propagation: Propagation::Background };
    Some((node, change))
}
