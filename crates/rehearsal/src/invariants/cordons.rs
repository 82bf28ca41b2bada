//! C: cordons have owners. What a user has cordoned stays cordoned until a user lifts it, over reimages and restarts.
//!
//! Whose a cordon is, is seen from the order of writes: planners put their name on the machine before they touch the node.

use super::{Findings, Invariant, Users, View, is};
use nodelane_control::Event;
use nodelane_model::machine::CordonOwner;
use nodelane_model::{Kind, Name, Time};
use std::collections::BTreeSet;

/// Nodes that users have cordoned.
#[derive(Default)]
pub(super) struct Cordons {
    by_users: BTreeSet<Name>,
}

impl Cordons {
    pub(super) fn prime(&mut self, view: &View) {
        for doc in view.list(Kind::Machine) {
            if doc.as_machine().is_some_and(|machine| machine.cordoned_by.contains(&CordonOwner::User)) {
                self.by_users.insert(doc.key.name.clone());
            }
        }
    }
    pub(super) fn before(&mut self, findings: &mut Findings, view: &View, users: &Users, at: Time, event: &Event) {
        let Some(name) = event.key().map(|key| key.name.clone()) else { return };
        if is(event, Kind::Machine) && event.new.is_none() {
            self.by_users.remove(&name);
        }
        if !is(event, Kind::Node) {
            return;
        }
        let bit = |doc: &Option<std::sync::Arc<nodelane_model::Doc>>| {
            doc.as_ref().and_then(|doc| doc.as_node()).map(|node| node.spec.unschedulable)
        };
        match (bit(&event.old), bit(&event.new)) {
            (Some(false), Some(true)) => {
                // Planners write their name on the machine before they touch the node.
                let by_user = |owners: &BTreeSet<CordonOwner>| owners.is_empty() || owners.contains(&CordonOwner::User);
                if view.machine(&name).is_some_and(|machine| by_user(&machine.cordoned_by)) {
                    self.by_users.insert(name);
                }
            }
            (Some(true) | None, Some(false)) if self.by_users.contains(&name) => {
                let lifted = users.uncordons.contains(&name);
                findings.check(Invariant::Cordon, at, lifted, || format!("node {name} was cordoned by a user, and takes pods again"));
                self.by_users.remove(&name);
            }
            (Some(true), Some(false)) => findings.check(Invariant::Cordon, at, true, String::new),
            _ => {}
        }
    }
}
