//! Which faults may be set: a fault that could never hit anything is refused, with what would.
//!
//! A pool or node that is not there yet is no mistake: it may come. Not here: what faults do (`sim`, `server-arm`).

use nodelane_model::pool::Priority;
use nodelane_model::{Doc, Fault, FaultKind, Key, Kind, Name, Refusal};
use nodelane_world::World;

/// What a fault `scheduled-event` may announce.
const HAPPENINGS: [&str; 4] = ["Freeze", "Reboot", "Redeploy", "Terminate"];

/// Whether a fault may be set.
pub fn check(world: &World, doc: &Doc) -> Result<(), Refusal> {
    let invalid =
        |field: &str, message: String| Err(Refusal::Invalid { key: doc.key.clone(), field: field.into(), message: message.into() });
    let Some(fault) = Fault::read(doc) else {
        let words: Vec<&str> = FaultKind::ALL.iter().map(|(word, _)| *word).collect();
        return invalid("spec.kind", format!("must be one of {}", words.join(", ")));
    };
    let word = |field: &str| doc.as_opaque().and_then(|rest| rest.get("spec")?.get(field)?.as_str()).unwrap_or_default().to_owned();
    let heals = word("healsBy");
    if !heals.is_empty() && !heals.eq_ignore_ascii_case("none") && fault.heals_by.is_none() {
        return invalid("spec.healsBy", "must be one of reboot, reimage, redeploy, none".to_owned());
    }
    if fault.kind == FaultKind::ScheduledEvent && !HAPPENINGS.iter().any(|known| known.eq_ignore_ascii_case(&word("event"))) {
        return invalid("spec.event", format!("must be one of {}; a spot machine is preempted by spot-evict", HAPPENINGS.join(", ")));
    }
    match fault.kind {
        FaultKind::ZoneOut if fault.zone.is_empty() => invalid("spec.zone", "zone-out needs a zone, such as 1".to_owned()),
        FaultKind::SpotEvict => match regular_pool(world, &fault) {
            Some(pool) => invalid(
                "spec.pool",
                format!("the machines of pool {pool} are not spot machines and are never evicted; name a pool of priority Spot, or none"),
            ),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The pool that the fault is bound to, where it is a regular one.
fn regular_pool(world: &World, fault: &Fault) -> Option<Name> {
    let of_node = || world.get(&Key::global(Kind::Machine, fault.node.clone())).and_then(|doc| Some(doc.as_machine()?.pool.clone()));
    let name = if fault.pool.is_empty() { of_node()? } else { fault.pool.clone() };
    let (_, pool) = world.pool(&name)?;
    (pool.spec.priority == Priority::Regular).then_some(name)
}
