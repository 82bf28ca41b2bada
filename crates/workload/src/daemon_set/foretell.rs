//! The daemons that a node would get, for questions about nodes that are not there yet.
//!
//! By the same verdict as the reconciler's. The pods are bound at once: daemons come first on a new node, and what they take is not
//! there for others. They are never stored.

use super::eligible::Daemon;
use nodelane_model::{Body, Doc, Key, Kind, Meta, Pod, Uid};
use nodelane_world::World;

/// The pods of every daemon set that would run on a node, bound to it.
pub fn daemons_on(world: &World, node: &Doc) -> Vec<Doc> {
    let mut pods = Vec::new();
    for set in world.list(Kind::DaemonSet, None) {
        let Some(template) = set.as_daemon_set().map(|set| &set.spec.template) else { continue };
        let daemon = Daemon::of(template);
        if set.is_terminating() || !daemon.verdict(node).0 {
            continue;
        }
        let name = format!("{}-{}", set.key.name, node.key.name);
        let uid = Uid::derive(node.meta.uid.0 as u64, set.meta.uid.0 as u64, 1);
        let meta = Meta { uid, labels: template.labels.clone(), ..Meta::default() };
        let pod = Pod { spec: daemon.spec, node: Some(node.key.name.clone()), ..Pod::default() };
        pods.push(Doc::new(Key::new(Kind::Pod, set.key.namespace.clone(), name), 0, meta, Body::Pod(pod)));
    }
    pods
}
