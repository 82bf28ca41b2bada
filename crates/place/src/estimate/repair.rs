//! When something found no place: the answer without it, put in order again, and one more look for a place.
//!
//! A pod that is missing may have been what made a later step legal, so all steps are checked again in their order; those that are not legal
//! at their turn wait for a later one. Whatever is left then is tried on every machine by the letter of kube-scheduler's rules, which count
//! the machines that stand and no others: a pod that is left in the end fits none of them.

use super::fleet::{Fleet, Step};
use super::single;
use super::site::fits;

/// Steps that are legal in their order, the fleet after them, and what found no place.
pub(super) fn repair<'a>(base: &Fleet<'a>, done: &Fleet<'a>, steps: &[Step], mut left: Vec<(u32, u32)>) -> (Fleet<'a>, Vec<(u32, u32)>) {
    let mut fleet = base.clone();
    for bin in base.len()..done.len() {
        fleet.open(done.site[bin], done.template[bin]);
    }
    let mut waiting = steps.to_vec();
    loop {
        let before = waiting.len();
        waiting.retain(|step| !put(&mut fleet, *step));
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }
    left.extend(waiting.iter().map(|step| (step.rule, step.shape)));
    left = single::place(&mut fleet, &left);
    fleet.complete = true;
    left.sort_unstable();
    loop {
        let before = left.len();
        let mut hopeless = None;
        left.retain(|pair| {
            // Pods alike that come after one which fits nowhere fit nowhere either.
            if hopeless == Some(*pair) || !single::place_on_standing(&mut fleet, pair.0, pair.1) {
                hopeless = Some(*pair);
                return true;
            }
            false
        });
        if left.is_empty() || left.len() == before {
            return (fleet, left);
        }
    }
}

/// Puts a pod where it was, if that is legal now.
fn put(fleet: &mut Fleet<'_>, step: Step) -> bool {
    let of = &fleet.rules.all[step.rule as usize];
    let free: Vec<i64> = fleet.room(step.bin).iter().zip(fleet.used(step.bin)).map(|(room, used)| room - used).collect();
    let legal = fits(fleet.demand.shape(step.shape), &free)
        && fleet.site_allows(&of.checks, fleet.site[step.bin as usize])
        && fleet.host_allows(&of.checks, step.bin)
        && fleet.host_near(&of.checks, step.bin);
    if legal {
        fleet.load(step.bin, step.shape, 1);
        fleet.count(&of.moves, step.bin);
        fleet.log.push(step);
    }
    legal
}
