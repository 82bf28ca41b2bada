//! Why pods bring no machine: the word to each, counted over pools (aks-semantics SU-2).
//!
//! Asked of the scheduler's own filters on a node as the pool would make it; a pool that does not grow whatever the pod says its own reason.
//! Not said in a look that added a machine, and not for more classes than one look may take the time for.

use super::groups::{Group, Skip};
use super::select::{Selection, looks_around, template_name};
use super::up::Question;
use super::{Memory, say, template};
use nodelane_model::{Doc, Name};
use nodelane_place::estimate::Template;
use nodelane_place::{Room, Verdict};
use nodelane_world::{ClassId, Draft, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Classes of pods that are explained in one look: each takes up to a millisecond in a large cluster.
pub const CLASSES_LIMIT: usize = 64;

/// Tells the pods that nothing was found for.
pub fn tell(draft: &mut Draft, memory: &mut Memory, question: &Question, selection: &Selection) {
    if selection.unplaced.is_empty() {
        return;
    }
    if question.groups.iter().all(|group| group.skip == Some(Skip::TotalReached)) {
        say::on_status(draft, true, "MaxNodesTotalReached", "Max total nodes in cluster reached".into());
        let message = Name::from(format!("pod didn't trigger scale-up: {}", Skip::TotalReached.text()));
        for at in &selection.unplaced {
            memory.untold.add(&question.pods[*at].key, "NotTriggerScaleUp", &message);
        }
        return;
    }
    let pods: Vec<Arc<Doc>> = selection.unplaced.iter().map(|at| question.pods[*at].clone()).collect();
    let mut world = world_of(&draft.world, question, selection, looks_around(&draft.world, &pods));
    let mut room = Room::default();
    room.config = question.env.scheduler.clone();
    let mut known: BTreeMap<ClassId, Name> = BTreeMap::new();
    for pod in &pods {
        let Some(class) = world.class(pod).map(|class| class.id) else { continue };
        if !known.contains_key(&class) {
            if known.len() >= CLASSES_LIMIT {
                continue;
            }
            known.insert(class, message(&world, &mut room, question, pod));
        }
        memory.untold.add(&pod.key, "NotTriggerScaleUp", &known[&class]);
    }
}

/// A world with a node of each group that may grow, and nothing else where no rule is about other pods.
fn world_of(world: &World, question: &Question, selection: &Selection, all: bool) -> World {
    let mut fork = if all { world.clone() } else { World::new(world.seed) };
    for (at, group) in question.groups.iter().enumerate() {
        let Some(of) = selection.group_of.iter().position(|of| *of == at).map(|at| &selection.templates[at]) else { continue };
        put_template(&mut fork, world, group, of);
    }
    fork
}

/// Puts the node that a group would make into a world, under the group's name.
pub fn put_template(into: &mut World, world: &World, group: &Group, template: &Template) {
    let mut node = (*template.row.doc).clone();
    node.key.name = template_name(&group.id);
    template::put(into, world, node);
}

/// What that node says against a pod; nothing where it takes it.
pub fn reasons<'a>(verdict: &'a Verdict, group: &Group) -> impl Iterator<Item = String> + 'a {
    let refused = verdict.nodes.get(&template_name(&group.id)).and_then(|verdict| verdict.as_ref().err());
    refused.into_iter().flat_map(|refusal| &refusal.reasons).map(ToString::to_string)
}

fn message(world: &World, room: &mut Room, question: &Question, pod: &Doc) -> Name {
    let verdict = room.explain(world, pod);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for group in question.groups {
        match &group.skip {
            Some(skip) => *counts.entry(skip.text()).or_default() += 1,
            None => reasons(&verdict, group).for_each(|reason| *counts.entry(reason).or_default() += 1),
        }
    }
    let parts: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    format!("pod didn't trigger scale-up: {}", parts.join(", ")).into()
}
