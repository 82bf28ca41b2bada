//! Injected faults where they meet the simulated world: answers of the cloud that fail, and hits that are counted.
//!
//! A fault with a count is used up: hits are noted here at once, so that no more of them happen than were asked for however many come
//! at one time, and written behind to the fault's document. Silent kubelets count nothing: they are silent while the fault lasts.

use nodelane_model::change::{Change, Origin};
use nodelane_model::{Body, Doc, Fault, FaultKind, Key, Kind, Revision, Time, Uid};
use nodelane_provider::{Call, Completion, Failure, Verb};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The faults that are in force, in order of name.
pub fn active(world: &World, now: Time) -> impl Iterator<Item = Fault> {
    world.list(Kind::Fault, None).filter_map(|doc| Fault::read(doc)).filter(move |fault| fault.is_active(now))
}

/// Whether a fault hits a call: it concerns the machine, and the draw is below the rate.
pub fn hits(fault: &Fault, call: &Call) -> bool {
    fault.concerns(&call.machine, &call.pool, &call.zone) && fault.draws(&call.machine, call.incarnation)
}

/// Hits that faults' documents do not show yet.
#[derive(Default)]
pub struct Ledger {
    open: BTreeMap<Uid, u64>,
    /// Which revision of a document a write was computed from, so that none is sent twice.
    sent: BTreeMap<Uid, (Revision, u64)>,
}

impl Ledger {
    /// Takes a hit of a fault, if any is left.
    pub fn take(&mut self, fault: &Fault) -> bool {
        let Some(left) = fault.left else { return true };
        let open = self.open.entry(fault.uid).or_default();
        let takes = *open < left;
        *open += u64::from(takes);
        takes
    }
    /// A fault's document has changed: hits that it shows are settled.
    pub fn settle(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let left = |doc: Option<&Arc<Doc>>| doc.and_then(|doc| Fault::read(doc)?.left);
        let Some(uid) = new.or(old).map(|doc| doc.meta.uid) else { return };
        let shown = left(old).unwrap_or_default().saturating_sub(left(new).unwrap_or_default());
        let open = self.open.remove(&uid).unwrap_or_default().saturating_sub(shown);
        if new.is_some() && open > 0 {
            self.open.insert(uid, open);
        }
    }
    /// Writes open hits to their documents.
    pub fn write(&mut self, world: &World, changes: &mut Vec<(Change, Origin)>) {
        for (uid, open) in &self.open {
            let Some(old) = world.by_uid(*uid).filter(|old| self.sent.get(uid) != Some(&(old.revision, *open))) else { continue };
            self.sent.insert(*uid, (old.revision, *open));
            let mut doc = (**old).clone();
            let Body::Opaque(rest) = &mut doc.body else { continue };
            if let Some(count) = rest.get_mut("spec").and_then(|spec| spec.get_mut("count")) {
                *count = count.as_u64().unwrap_or_default().saturating_sub(*open).into();
                changes.push((Change::Replace { base: doc.revision, doc: Arc::new(doc) }, Origin::default()));
            }
        }
    }
}

/// Turns an answer of the cloud into a failure where a fault hits it (aks-semantics E1, E4, E5).
pub fn strike(world: &World, ledger: &mut Ledger, completion: &mut Completion, now: Time) {
    let call = &completion.call;
    if is_of_repair(world, call) {
        let fails = |fault: &Fault| fault.kind == FaultKind::RepairError && hits(fault, call);
        if active(world, now).any(|fault| fails(&fault) && ledger.take(&fault)) {
            completion.result = Err(repair_failure(call.verb));
        }
    }
    if !matches!(call.verb, Verb::Create | Verb::Start) {
        return;
    }
    let refuses = |fault: &Fault| match fault.kind {
        FaultKind::Allocation | FaultKind::Quota => true,
        FaultKind::ZoneOut => !call.zone.is_empty() && fault.zone == call.zone,
        _ => false,
    };
    let Some(fault) = active(world, now).find(|fault| refuses(fault) && hits(fault, call) && ledger.take(fault)) else { return };
    let short = |code: &str, place: &str| {
        Failure::CapacityShort {
        code: code.into(),
        message: format!("Allocation failed. We do not have sufficient capacity for the requested VM size in this {place}. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance").into(),
    }
    };
    completion.result = Err(match fault.kind {
        FaultKind::Quota => Failure::Permanent {
            code: "QuotaExceeded".into(),
            message: "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.".into(),
        },
        _ if call.zone.is_empty() => short("AllocationFailed", "region"),
        _ => short("ZonalAllocationFailed", "zone"),
    });
}

fn is_of_repair(world: &World, call: &Call) -> bool {
    let machine = world.get(&Key::global(Kind::Machine, call.machine.clone())).and_then(|doc| doc.as_machine());
    matches!(call.verb, Verb::Reboot | Verb::Reimage | Verb::Redeploy) && machine.is_some_and(|machine| machine.is_being_repaired())
}

/// Codes of aks-semantics H-4.
fn repair_failure(verb: Verb) -> Failure {
    let (code, message) = match verb {
        Verb::Redeploy => ("VMRedeploymentFailed", "Redeployment failed due to an internal error. Please retry later."),
        _ => ("VMExtensionProvisioningError", "VM has reported a failure when processing extension 'vmssCSE'."),
    };
    Failure::Permanent { code: code.into(), message: message.into() }
}
