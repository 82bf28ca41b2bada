//! From a refusal to the changes that would take it away: generated from what refused, never blindly.
//!
//! Each alternative takes away one plugin's refusal at one node, whole: all taints, all keys of the selector, all shortages at once. The
//! next plugin may refuse then; the search asks again. Facts are not up for change: the operating system and the processor that an image
//! was built for, and taints that say what is wrong with a node. Cordons that the system holds are not the user's to take off.

use super::edit::{Edit, Holder, Need, amount, rounded};
use super::{STATE_TAINTS, UNSCHEDULABLE};
use nodelane_model::machine::CordonOwner;
use nodelane_model::node::Taint;
use nodelane_model::pod::{Container, ContainerResources, NodeTerm, PodSpec, Toleration};
use nodelane_model::selector::Requirement;
use nodelane_model::{Doc, Key, Kind, Labels, Name};
use nodelane_place::{Plugin, Reason, Refusal};
use nodelane_world::{Amounts, NodeRow, World};

/// Labels that say what a node is and no pool can change: an image runs there or it does not.
const FACTS: [&str; 4] = ["kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch"];
/// Labels that are a node's own, so that asking for another value asks for another node.
const HOST: &str = "kubernetes.io/hostname";

/// The alternatives that take away a node's refusal of a pod: `original` as it was given, `pod` with what was changed so far.
pub(crate) fn alternatives(world: &World, original: &PodSpec, pod: &Doc, row: &NodeRow, refusal: &Refusal) -> Vec<Vec<Edit>> {
    let Some(spec) = pod.as_pod().map(|pod| &pod.spec) else { return Vec::new() };
    match refusal.plugin() {
        Plugin::NodeUnschedulable => uncordon(world, row),
        Plugin::TaintToleration => tolerate(spec, row),
        Plugin::NodeAffinity => select(spec, row),
        Plugin::NodeResourcesFit => lower(original, spec, row, &refusal.reasons),
        Plugin::PodTopologySpread => spread(original, spec),
        Plugin::InterPodAffinity => pod_terms(original, spec),
        // What names a node or a port, or asks for a volume, is what the pod is for; room elsewhere is the pools' part.
        _ => Vec::new(),
    }
}

/// The alternatives where the pod was refused before any node was looked at: its terms name no node.
pub(crate) fn before(spec: &PodSpec) -> Vec<Vec<Edit>> {
    let fields = terms(spec).iter().enumerate().flat_map(|(at, term)| term.match_fields.iter().map(move |field| (at, field)));
    fields.map(|(term, field)| vec![Edit::DropAffinity { term, requirement: Need::of(field) }]).collect()
}

fn uncordon(world: &World, row: &NodeRow) -> Vec<Vec<Edit>> {
    let node = row.doc.key.name.clone();
    let machine = world.get(&Key::global(Kind::Machine, node.clone())).and_then(|doc| doc.as_machine());
    let is_ours = machine.is_some_and(|machine| machine.cordoned_by.iter().any(|owner| *owner != CordonOwner::User));
    if is_ours { Vec::new() } else { vec![vec![Edit::Uncordon { node }]] }
}

fn tolerate(spec: &PodSpec, row: &NodeRow) -> Vec<Vec<Edit>> {
    let keeps_away = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    let tolerated = |taint: &Taint| spec.tolerations.iter().any(|toleration: &Toleration| toleration.tolerates(taint));
    let taints = row.doc.as_node().into_iter().flat_map(|node| &node.spec.taints).filter(keeps_away).filter(|taint| !tolerated(taint));
    let mut edits = Vec::new();
    for taint in taints {
        if taint.key == UNSCHEDULABLE || STATE_TAINTS.iter().any(|state| taint.key.starts_with(state)) {
            return Vec::new();
        }
        edits.push(Edit::Tolerate { taint: Taint { time_added: None, ..taint.clone() } });
    }
    vec![edits]
}

/// Every way to match a node: the selector's keys that do not, and those of one term of the affinity.
fn select(spec: &PodSpec, row: &NodeRow) -> Vec<Vec<Edit>> {
    let labels = &row.doc.meta.labels;
    let mut ways = vec![Vec::new()];
    for (key, value) in spec.node_selector.iter().filter(|(key, value)| labels.get(*key) != Some(value)) {
        if FACTS.contains(&key.as_str()) {
            return Vec::new();
        }
        let mut options = vec![Edit::DropSelector { key: key.clone(), value: value.clone() }];
        if let Some(to) = labels.get(key).filter(|to| key != HOST && !to.is_empty()) {
            options.push(Edit::WidenSelector { key: key.clone(), from: value.clone(), to: to.clone() });
        }
        ways = product(ways, &options);
    }
    let terms = terms(spec);
    if terms.is_empty() || terms.iter().any(|term| misses(term, row).is_some_and(|misses| misses.is_empty())) {
        return ways;
    }
    let mut all = Vec::new();
    for (at, term) in terms.iter().enumerate() {
        let Some(misses) = misses(term, row) else { continue };
        let mut of_term = ways.clone();
        for requirement in misses {
            of_term = product(of_term, &for_requirement(at, requirement, labels));
        }
        all.extend(of_term);
    }
    all
}

fn product(ways: Vec<Vec<Edit>>, options: &[Edit]) -> Vec<Vec<Edit>> {
    let with = |way: &Vec<Edit>, option: &Edit| way.iter().chain([option]).cloned().collect::<Vec<Edit>>();
    // More edits than a fix may have lead nowhere.
    let short = ways.iter().filter(|way| way.len() < super::search::MOST_EDITS);
    short.flat_map(|way| options.iter().map(move |option| with(way, option))).collect()
}

fn terms(spec: &PodSpec) -> &[NodeTerm] {
    let required = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()?.required.as_ref());
    required.map_or(&[], |required| &required.node_selector_terms)
}

/// The requirements of a term that a node misses; `None` where it misses a fact, or the term has none.
fn misses<'a>(term: &'a NodeTerm, row: &NodeRow) -> Option<Vec<&'a Requirement>> {
    if term.match_expressions.is_empty() && term.match_fields.is_empty() {
        return None;
    }
    let expressions = term.match_expressions.iter().filter(|requirement| !requirement.matches(&row.doc.meta.labels));
    let fields = term.match_fields.iter().filter(|requirement| !requirement.holds(Some(&row.doc.key.name)));
    let misses: Vec<&Requirement> = expressions.chain(fields).collect();
    (!misses.iter().any(|requirement| FACTS.contains(&requirement.key.as_str()))).then_some(misses)
}

fn for_requirement(term: usize, requirement: &Requirement, labels: &Labels) -> Vec<Edit> {
    let need = Need::of(requirement);
    let mut options = vec![Edit::DropAffinity { term, requirement: need.clone() }];
    let here = labels.get(&requirement.key).filter(|value| requirement.key != HOST && !value.is_empty());
    let mut to = need.clone();
    match (requirement.operator.as_str(), here) {
        ("In", Some(value)) => to.values.push(value.clone()),
        ("NotIn", Some(value)) if need.values.len() > 1 => to.values.retain(|old| old != value),
        _ => return options,
    }
    options.push(Edit::WidenAffinity { term, requirement: need, to });
    options
}

/// Lowers every short resource to what is free, in the fewest requests.
fn lower(original: &PodSpec, spec: &PodSpec, row: &NodeRow, reasons: &[Reason]) -> Vec<Vec<Edit>> {
    let mut edits = Vec::new();
    for reason in reasons {
        let Reason::Insufficient(resource) = reason else { return Vec::new() };
        let free = of_resource(&row.allocatable, resource) - of_resource(&row.used, resource);
        edits.extend(lowered(original, resource, free));
    }
    let mut after = spec.clone();
    edits.iter().for_each(|edit| super::edit::change_spec(&mut after, edit));
    let needs = Amounts::of_pod(&after);
    let fits =
        |resource: &Name| of_resource(&needs, resource) <= of_resource(&row.allocatable, resource) - of_resource(&row.used, resource);
    let all_fit = reasons.iter().all(|reason| matches!(reason, Reason::Insufficient(resource) if fits(resource)));
    if all_fit { vec![edits] } else { Vec::new() }
}

fn of_resource(amounts: &Amounts, resource: &str) -> i64 {
    match resource {
        "cpu" => amounts.cpu_milli,
        "memory" => amounts.memory_bytes,
        "ephemeral-storage" => amounts.ephemeral_bytes,
        name => amounts.extended.get(name).copied().unwrap_or(0),
    }
}

/// The requests to lower so that the pod needs no more than is free, the largest first; none comes to nothing. Containers and sidecars
/// add up, steps before them run alone.
fn lowered(spec: &PodSpec, resource: &Name, free: i64) -> Vec<Edit> {
    let free = free - spec.overhead.get(resource).map_or(0, |quantity| amount(resource, quantity));
    let asked = |holder: Holder, resources: &ContainerResources| {
        let quantity = resources.requests.get(resource).or_else(|| resources.limits.get(resource))?;
        Some((holder, amount(resource, quantity))).filter(|(_, asked)| *asked > 0)
    };
    let edit = |holder: &Holder, from: i64, to: i64| {
        let to = rounded(resource, to.max(1));
        Edit::LowerRequest { holder: holder.clone(), resource: resource.clone(), from, to }
    };
    if let Some((holder, from)) = spec.resources.as_ref().and_then(|pod| asked(Holder::Pod, pod)) {
        return vec![edit(&holder, from, free)];
    }
    let is_sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let main = spec.containers.iter().filter_map(|it| asked(Holder::Container(it.name.clone()), &it.resources));
    let sidecars = spec.init_containers.iter().filter(is_sidecar).filter_map(|it| asked(Holder::Init(it.name.clone()), &it.resources));
    let mut main: Vec<(Holder, i64)> = main.chain(sidecars).collect();
    main.sort_by_key(|(_, asked)| -asked);
    let (mut short, mut edits) = (main.iter().map(|(_, asked)| asked).sum::<i64>() - free, Vec::new());
    for (holder, from) in main {
        if short <= 0 {
            break;
        }
        edits.push(edit(&holder, from, from - short));
        short -= from - (from - short).max(1);
    }
    let steps =
        spec.init_containers.iter().filter(|it| !is_sidecar(it)).filter_map(|it| asked(Holder::Init(it.name.clone()), &it.resources));
    edits.extend(steps.filter(|(_, from)| *from > free).map(|(holder, from)| edit(&holder, from, free)));
    edits
}

fn spread(original: &PodSpec, spec: &PodSpec) -> Vec<Vec<Edit>> {
    let hard =
        |at: usize| spec.topology_spread_constraints.get(at).is_some_and(|constraint| constraint.when_unsatisfiable == "DoNotSchedule");
    let constraints = original.topology_spread_constraints.iter().enumerate().filter(|(at, _)| hard(*at));
    let relax = constraints.map(|(index, constraint)| {
        vec![Edit::RelaxSpread { index, key: constraint.topology_key.clone(), from: constraint.max_skew, to: None }]
    });
    relax.collect()
}

fn pod_terms(original: &PodSpec, spec: &PodSpec) -> Vec<Vec<Edit>> {
    let of = |spec: &PodSpec, away: bool| {
        let affinity = spec.affinity.clone().unwrap_or_default();
        if away { affinity.pod_anti_affinity } else { affinity.pod_affinity }.unwrap_or_default().required
    };
    let mut ways = Vec::new();
    for away in [false, true] {
        let left = of(spec, away);
        for (index, term) in of(original, away).into_iter().enumerate().filter(|(_, term)| left.contains(term)) {
            ways.push(vec![Edit::DropPodTerm { away, index, key: term.topology_key }]);
        }
    }
    ways
}
