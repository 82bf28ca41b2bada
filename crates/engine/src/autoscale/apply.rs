//! What was chosen comes to be: machines, deallocated ones first, and the word to the pods that asked for them.
//!
//! Machines whose pods ask for no place in particular go to the emptiest zone, and are shared with pools that are alike where the profile
//! says so. Sizes in texts are machines that are meant to run.

use super::groups::Group;
use super::select::Selection;
use super::up::Question;
use super::watch::State;
use super::{Memory, balance, pending, say};
use crate::fleet;
use nodelane_model::machine::Intent;
use nodelane_model::{Key, Kind, Name};
use nodelane_place::estimate::suits;
use nodelane_world::Draft;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Makes the machines; gives how many.
pub fn apply(draft: &mut Draft, memory: &mut Memory, question: &Question, selection: &Selection) -> usize {
    let groups = question.groups;
    let sets = alike(question, selection);
    let mut exchange = Exchange { question, selection, sets: &sets, known: BTreeMap::new() };
    // Zones that are asked for, by group; machines that may be anywhere in the group, or in all groups alike, by group.
    let mut bound: Vec<Vec<Option<Name>>> = vec![Vec::new(); groups.len()];
    let mut free: Vec<u32> = vec![0; groups.len()];
    let mut pods: Vec<(usize, usize)> = Vec::new();
    for (template, of_machine) in &selection.machines {
        let group = selection.group_of[*template];
        pods.extend(of_machine.iter().map(|pod| (*pod, group)));
        match exchange.of(*template, of_machine) {
            Where::Here => bound[group].push(Some(selection.templates[*template].zone.clone())),
            Where::AnyZone => bound[group].push(None),
            Where::AnyAlike => free[group] += 1,
        }
    }
    share(question, &sets, &bound, &mut free);
    let mut said: Vec<Option<String>> = vec![None; groups.len()];
    let mut made = 0;
    for (at, group) in groups.iter().enumerate() {
        let zones: Vec<Option<Name>> = bound[at].drain(..).chain(std::iter::repeat_n(None, free[at] as usize)).collect();
        if !zones.is_empty() {
            made += zones.len();
            said[at] = Some(grow(draft, memory, group, &zones));
        }
    }
    pods.sort_unstable();
    let message = |set: &Vec<usize>| {
        let infos: Vec<&str> = set.iter().filter_map(|group| said[*group].as_deref()).collect();
        Name::from(format!("pod triggered scale-up: [{}]", infos.join(" ")))
    };
    let messages: Vec<Name> = sets.iter().map(message).collect();
    for (pod, group) in pods {
        memory.untold.add(&question.pods[pod].key, "TriggeredScaleUp", &messages[group]);
    }
    made
}

/// By group, the groups that are alike, itself among them; only itself where the profile does not balance.
fn alike(question: &Question, selection: &Selection) -> Vec<Vec<usize>> {
    let first = |group: usize| selection.group_of.iter().position(|of| *of == group).map(|at| &selection.templates[at]);
    let are_alike = |a: usize, b: usize| first(a).zip(first(b)).is_some_and(|(a, b)| balance::are_alike(a, b));
    let all = 0..question.groups.len();
    let of = |at: usize| match question.profile.balance_similar_node_groups {
        true => all.clone().filter(|other| at == *other || are_alike(at, *other)).collect(),
        false => vec![at],
    };
    all.clone().map(of).collect()
}

/// Where a machine may be instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Here,
    AnyZone,
    AnyAlike,
}

/// Where machines may be, by what their pods ask; asked once for each specification and template.
struct Exchange<'a> {
    question: &'a Question<'a>,
    selection: &'a Selection,
    sets: &'a [Vec<usize>],
    known: BTreeMap<(usize, usize), Where>,
}

impl Exchange<'_> {
    fn of(&mut self, template: usize, pods: &[usize]) -> Where {
        pods.iter().map(|pod| self.of_pod(template, *pod)).min().unwrap_or(Where::AnyAlike)
    }
    fn of_pod(&mut self, template: usize, pod: usize) -> Where {
        let (selection, doc) = (self.selection, &self.question.pods[pod]);
        let Some(spec) = doc.as_pod().map(|pod| &pod.spec) else { return Where::Here };
        // Groups that are alike differ in labels of place only, so who asks for no label may be in any of them.
        if spec.node_selector.is_empty() && spec.affinity.is_none() && spec.topology_spread_constraints.is_empty() {
            return Where::AnyAlike;
        }
        let (address, group) = (Arc::as_ptr(spec) as usize, selection.group_of[template]);
        let set = &self.sets[group];
        *self.known.entry((template, address)).or_insert_with(|| {
            let in_groups = |groups: &[usize]| {
                (0..selection.templates.len())
                    .filter(|at| groups.contains(&selection.group_of[*at]))
                    .all(|at| suits(&selection.templates[at], doc))
            };
            match () {
                () if pending::looks_beyond_its_node(doc) => Where::Here,
                () if in_groups(set) => Where::AnyAlike,
                () if in_groups(&[group]) => Where::AnyZone,
                () => Where::Here,
            }
        })
    }
}

/// Shares machines among groups that are alike.
fn share(question: &Question, sets: &[Vec<usize>], bound: &[Vec<Option<Name>>], free: &mut [u32]) {
    for (at, set) in sets.iter().enumerate().filter(|(at, set)| set.len() > 1 && set[0] == *at) {
        debug_assert_eq!(set[0], at);
        let total: u32 = set.iter().map(|group| free[*group]).sum();
        let size = |group: usize| question.groups[group].counts.target() + bound[group].len() as u32;
        let sizes: Vec<(u32, u32)> = set.iter().map(|group| (size(*group), question.groups[*group].max)).collect();
        for (group, (new, (old, _))) in set.iter().zip(balance::spread(&sizes, total).iter().zip(&sizes)) {
            free[*group] = new - old;
        }
    }
}

/// More machines for a group, each in a zone or in any; gives what is said of it: `<group> 1->3 (max: 5)`.
pub fn grow(draft: &mut Draft, memory: &mut Memory, group: &Group, zones: &[Option<Name>]) -> String {
    let (id, old, max) = (&group.id, group.counts.target(), group.max);
    let new = old + zones.len() as u32;
    let said = format!("group {id} size ");
    say::on_status(draft, false, "ScaledUpGroup", format!("Scale-up: setting {said}to {new} instead of {old} (max: {max})"));
    let mut left: Vec<Option<Name>> = zones.to_vec();
    start_deallocated(draft, memory, group, &mut left);
    let asked: Vec<Name> = left.iter().flatten().cloned().collect();
    let anywhere = left.len() - asked.len();
    let next = fleet::next_zones(&draft.world, &group.name, &group.pool, &asked, anywhere);
    let zones: Vec<Name> = asked.into_iter().chain(next).collect();
    fleet::grow(draft, &Key::global(Kind::NodePool, group.name.clone()), &zones);
    memory.cooldowns.note_scale_up(&group.name, draft.now);
    say::on_status(draft, false, "ScaledUpGroup", format!("Scale-up: {said}set to {new} instead of {old} (max: {max})"));
    format!("{{{id} {old}->{new} (max: {max})}}")
}

/// Starts deallocated machines of a group, those of a zone that is asked for first, and takes them off what is to be made.
fn start_deallocated(draft: &mut Draft, memory: &Memory, group: &Group, left: &mut Vec<Option<Name>>) {
    left.sort_by_key(|zone| zone.is_none());
    for key in memory.watch.of(State::Suspended, &group.name) {
        let Some(machine) = draft.world.get(key).and_then(|doc| doc.as_machine()) else { continue };
        if machine.intent != Intent::Stop || machine.surge {
            continue;
        }
        let fits = |zone: &Option<Name>| zone.as_ref().is_none_or(|zone| *zone == machine.zone);
        let Some(at) = left.iter().position(fits) else { continue };
        left.remove(at);
        fleet::change(draft, key, |machine| machine.intent = Intent::Run);
    }
}
