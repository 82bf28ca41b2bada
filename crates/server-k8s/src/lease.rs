//! Leases of nodes, computed when read: a kubelet has renewed its lease at the last full ten seconds, a silent one before it fell silent.
//!
//! Invariant: they are never stored, so a thousand kubelets write nothing; leases that users write are stored like any other object
//! and win over a computed one of the same name. Not here: conditions' heartbeats (`heartbeat`).

use nodelane_model::{Body, Doc, Key, Kind, Meta, Rest, Time, Uid};
use nodelane_world::{Silence, World};
use serde_json::json;
use std::sync::Arc;

/// Where the leases of nodes are.
pub const NAMESPACE: &str = "kube-node-lease";
/// How often a kubelet renews its lease.
const RENEW_MILLIS: i64 = 10_000;
/// How long a lease is good (kubelet's default).
const DURATION_SECONDS: i64 = 40;

/// The lease of a node, last renewed not after `heard`.
fn lease(node: &Doc, heard: Time) -> Doc {
    let renewed = (heard.0.div_euclid(RENEW_MILLIS) * RENEW_MILLIS).max(node.meta.created.0);
    let mut rest = Rest::new();
    rest.insert(
        "spec".into(),
        json!({"holderIdentity": node.key.name, "leaseDurationSeconds": DURATION_SECONDS, "renewTime": Time(renewed).micro()}),
    );
    let owner = nodelane_model::OwnerRef {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: node.key.name.clone(),
        uid: node.meta.uid.to_string().into(),
        controller: false,
        block_owner_deletion: false,
    };
    let meta = Meta {
        uid: Uid::derive(node.meta.uid.0 as u64, 0, 0),
        created: node.meta.created,
        owners: Arc::new(vec![owner]),
        ..Meta::default()
    };
    Doc::new(Key::new(Kind::Lease, NAMESPACE, node.key.name.clone()), node.revision, meta, Body::Opaque(rest))
}

/// The leases of all nodes, in order of name.
pub fn leases(world: &World, now: Time) -> impl Iterator<Item = Arc<Doc>> {
    let silence = Silence::of(world, now);
    world.list(Kind::Node, None).map(move |node| Arc::new(lease(node, silence.since(world, node).unwrap_or(now))))
}

/// The lease of one node.
pub fn find(world: &World, key: &Key, now: Time) -> Option<Arc<Doc>> {
    if key.kind != Kind::Lease || key.namespace != NAMESPACE {
        return None;
    }
    let node = world.get(&Key::global(Kind::Node, key.name.clone()))?;
    Some(Arc::new(lease(node, Silence::of(world, now).since(world, node).unwrap_or(now))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::Machine;
    use nodelane_model::machine::MachineModel;

    const CREATED: Time = Time(1_767_225_600_000);

    fn world(fault: bool) -> World {
        let mut world = World::new(1);
        let mut put = |kind, name: &str, since: Time, body| {
            let meta = Meta { uid: Uid(7), created: since, ..Meta::default() };
            world.put(Arc::new(Doc::new(Key::global(kind, name), 1, meta, body)));
        };
        put(Kind::Machine, "n", CREATED, Body::Machine(Box::new(Machine::requested("np", 0, "", MachineModel::default(), CREATED))));
        put(Kind::Node, "n", CREATED, Body::Node(Box::default()));
        if fault {
            let spec = Rest::from_iter([("spec".to_owned(), json!({"kind": "not-ready", "pool": "np"}))]);
            put(Kind::Fault, "f", CREATED.plus(65_000), Body::Opaque(spec));
        }
        world
    }

    fn renewed(world: &World, after_millis: i64) -> i64 {
        let lease = find(world, &Key::new(Kind::Lease, NAMESPACE, "n"), CREATED.plus(after_millis)).expect("a node has a lease");
        let text = lease.as_opaque().unwrap()["spec"]["renewTime"].as_str().unwrap().to_owned();
        Time::parse(&text).unwrap().since(CREATED) / 1_000
    }

    #[test]
    fn a_lease_is_renewed_every_ten_seconds_until_its_kubelet_falls_silent() {
        assert_eq!([0, 19_999, 125_000].map(|after| renewed(&world(false), after)), [0, 10, 120]);
        assert_eq!([66_000, 74_000, 125_000].map(|after| renewed(&world(true), after)), [60, 60, 60]);
    }
}
