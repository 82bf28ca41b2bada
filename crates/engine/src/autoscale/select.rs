//! Which pools grow by how many machines: templates, limits and upcoming machines in; machines with their pods out.
//!
//! The estimator packs as cluster-autoscaler does and its expanders choose. Only machines on their way stand in its world, because placing
//! has found the others full; the pods that stand are looked at only where some rule is about other pods. Work goes with the classes of
//! pending pods, not with the nodes.

use super::groups::Group;
use super::profile::{ExpanderName, MAX_NODES_PER_SCALE_UP};
use super::up::{Question, upcoming};
use super::watch::Watch;
use super::{priority, template};
use nodelane_model::hash::Hash;
use nodelane_model::{Doc, Kind, Name};
use nodelane_place::estimate::{self, Expander, Limit, Preferences, Request, Search, Template};
use nodelane_world::World;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was chosen.
#[derive(Debug, Default)]
pub struct Selection {
    /// The templates of the groups that may grow, and the group of each.
    pub templates: Vec<Template>,
    /// By template.
    pub group_of: Vec<usize>,
    /// Machines: template, and the pods that need it, as places in the question's.
    pub machines: Vec<(usize, Vec<usize>)>,
    /// Pods for which nothing was found.
    pub unplaced: Vec<usize>,
}

/// Chooses.
pub fn select(world: &World, watch: &Watch, question: &Question) -> Selection {
    let Some(cluster) = world.cluster() else { return Selection::default() };
    let add_upcoming = |into: &mut World| upcoming(watch).for_each(|key| template::put_upcoming(into, world, question.env, cluster, key));
    let mut selection = Selection::default();
    let mut limits = shared_limits(question);
    for (at, group) in question.groups.iter().enumerate().filter(|(_, group)| group.skip.is_none()) {
        let takes = takes(&mut limits, question, group);
        let templates = template::templates(world, question.env, cluster, group, &takes);
        selection.group_of.extend(std::iter::repeat_n(at, templates.len()));
        selection.templates.extend(templates);
    }
    let search = Search::Expanders(chain(world, question));
    // Where rules are about the node alone, only machines on their way stand.
    let mut standing = World::new(world.seed);
    world.list(Kind::Namespace, None).for_each(|doc| drop(standing.put(doc.clone())));
    add_upcoming(&mut standing);
    let ask = |world: &World, pods: &[Arc<Doc>]| {
        let request = Request {
            world,
            pods,
            templates: &selection.templates,
            limits: &limits,
            preferences: Preferences::Soft,
            search: search.clone(),
        };
        estimate::estimate(&request)
    };
    let all = looks_around(world, question.pods);
    let found = if all {
        let mut full = world.clone();
        add_upcoming(&mut full);
        ask(&full, question.pods)
    } else {
        ask(&standing, question.pods)
    };
    selection.machines = found.machines.into_iter().map(|machine| (machine.template, machine.pods)).collect();
    selection.unplaced = found.unplaced.into_iter().map(|(at, _)| at).collect();
    if all {
        // Placing has looked at the nodes that stand, and more closely: their room is none for these pods.
        let on_nodes = found.standing.iter().filter(|(node, _)| standing.node(node).is_none()).flat_map(|(_, pods)| pods.iter().copied());
        let again: Vec<usize> = on_nodes.collect();
        if !again.is_empty() && selection.machines.is_empty() {
            let pods: Vec<Arc<Doc>> = again.iter().map(|at| question.pods[*at].clone()).collect();
            let found = ask(&standing, &pods);
            let places = |pods: Vec<usize>| pods.into_iter().map(|at| again[at]).collect();
            selection.machines.extend(found.machines.into_iter().map(|machine| (machine.template, places(machine.pods))));
            selection.unplaced.extend(found.unplaced.into_iter().map(|(at, _)| again[at]));
        }
    }
    selection
}

/// Whether a rule about other pods decides where some pod may go.
pub fn looks_around(world: &World, pods: &[Arc<Doc>]) -> bool {
    let mut last: Option<&Arc<Doc>> = None;
    !world.exclusive.is_empty()
        || pods.iter().any(|doc| {
            let before = last.replace(doc).and_then(|doc| doc.as_pod());
            let Some(pod) = doc.as_pod().filter(|pod| before.is_none_or(|before| !Arc::ptr_eq(&before.spec, &pod.spec))) else {
                return false;
            };
            let affinity = pod.spec.affinity.as_ref();
            let near = affinity.into_iter().flat_map(|affinity| [&affinity.pod_affinity, &affinity.pod_anti_affinity]).flatten();
            near.into_iter().any(|terms| !terms.required.is_empty())
                || pod.spec.topology_spread_constraints.iter().any(|constraint| constraint.when_unsatisfiable == "DoNotSchedule")
        })
}

/// Limits that all groups share: machines of one scale-up, nodes of the cluster, vCPUs of the region and of each family.
fn shared_limits(question: &Question) -> Vec<Limit> {
    let limit = |name: &str, left: i64| Limit { name: name.into(), left };
    let mut limits = vec![
        limit("machines of one scale-up", MAX_NODES_PER_SCALE_UP as i64),
        limit("nodes of the cluster", question.left.nodes),
        limit("region", question.left.region),
    ];
    let families: BTreeSet<&str> = question.groups.iter().filter_map(|group| Some(group.size?.quota_family)).collect();
    limits.extend(families.into_iter().map(|family| limit(family, question.left.family(family))));
    limits
}

/// What a machine of a group takes of which limit; its own maximum is one more.
fn takes(limits: &mut Vec<Limit>, question: &Question, group: &Group) -> Vec<(usize, i64)> {
    let vcpus = group.size.map_or(0, |size| i64::from(size.vcpu));
    let family = group.size.and_then(|size| limits.iter().position(|limit| limit.name == size.quota_family));
    limits.push(Limit { name: group.id.clone(), left: i64::from(group.max) - i64::from(group.counts.target()) });
    debug_assert!(question.groups.iter().any(|other| other.name == group.name));
    [(0, 1), (1, 1), (2, vcpus), (limits.len() - 1, 1)].into_iter().chain(family.map(|at| (at, vcpus))).collect()
}

/// The expanders of the profile; what they leave is drawn.
fn chain(world: &World, question: &Question) -> Vec<Expander> {
    let seed = Hash::new(world.seed).number(world.revision).get();
    let named = question.profile.expanders.iter().filter_map(|name| match name {
        ExpanderName::Random => Some(Expander::Random(seed)),
        ExpanderName::MostPods => Some(Expander::MostPods),
        ExpanderName::LeastWaste => Some(Expander::LeastWaste),
        ExpanderName::Price => Some(Expander::Price),
        // Without the ConfigMap there is nothing to go by (aks-semantics SU-5).
        ExpanderName::Priority => priority::priorities(world).map(Expander::Priority),
    });
    named.chain([Expander::Random(seed)]).collect()
}

/// The name of a template's node in a world where it stands for the group.
pub fn template_name(group: &Name) -> Name {
    format!("template-{group}").into()
}
