//! One change that could let a pod run: the closed set, and what each does to the pod and to the world.
//!
//! Edits are made on the pod as it was given, all of a set at once, so their order does not matter. Those of pools (count, maximum,
//! start, a new pool) bring nodes, which the search puts into its fork. Quotas bring nothing themselves: they let a pool grow.
//! How a change is shown is here too; whether it helps is not.

use super::Change;
use nodelane_model::node::Taint;
use nodelane_model::pod::{Affinity, Container, NodeTerm, PodSpec, Toleration};
use nodelane_model::selector::Requirement;
use nodelane_model::{Doc, Key, Kind, Name, Quantity};
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;

/// One change. The order is that of names, for ties.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Edit {
    /// A pool that is not there yet.
    AddPool { pool: Name, size: Name, zone: Name },
    /// A requirement of a required node affinity term goes; the last of a term takes the whole affinity with it.
    DropAffinity { term: usize, requirement: Need },
    /// A required term about other pods goes.
    DropPodTerm { away: bool, index: usize, key: Name },
    /// A key of the node selector goes.
    DropSelector { key: Name, value: Name },
    /// A request is lowered, and its limit where the two must be equal. Amounts in the resource's own unit, see [`amount`].
    LowerRequest { holder: Holder, resource: Name, from: i64, to: i64 },
    /// A pool gets more nodes.
    RaiseCount { pool: Name, from: u32, to: u32 },
    /// A pool's autoscaler may have more nodes.
    RaiseMax { pool: Name, from: u32, to: u32 },
    /// A quota of vCPUs is raised; of the region where the family is empty.
    RaiseQuota { family: Name, from: u64, to: u64 },
    /// A spread constraint allows a larger skew, or no longer keeps the pod away.
    RelaxSpread { index: usize, key: Name, from: i32, to: Option<i32> },
    /// A stopped pool runs again.
    StartPool { pool: Name },
    /// A taint is tolerated.
    Tolerate { taint: Taint },
    /// A cordoned node takes pods again.
    Uncordon { node: Name },
    /// A requirement of a required node affinity term lets one more value in.
    WidenAffinity { term: usize, requirement: Need, to: Need },
    /// A key of the node selector asks for another value.
    WidenSelector { key: Name, from: Name, to: Name },
}

/// A requirement that can be put in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Need {
    pub key: Name,
    pub operator: Name,
    pub values: Vec<Name>,
}

impl Need {
    pub fn of(requirement: &Requirement) -> Need {
        Need { key: requirement.key.clone(), operator: requirement.operator.clone(), values: requirement.values.clone() }
    }
    fn is(&self, requirement: &Requirement) -> bool {
        *self == Need::of(requirement)
    }
    fn requirement(&self) -> Requirement {
        Requirement { key: self.key.clone(), operator: self.operator.clone(), values: self.values.clone() }
    }
    fn words(&self) -> String {
        format!("{} {}", self.operator, self.values.join(",")).trim_end().to_owned()
    }
}

/// Who requests something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Holder {
    Container(Name),
    Init(Name),
    Pod,
}

/// Resources whose request must equal their limit: everything with a domain, and huge pages.
fn is_exact(resource: &str) -> bool {
    resource.contains('/') || resource.starts_with("hugepages-")
}

/// A quantity in the unit of its resource: milli-cores for CPU, whole units for all else.
pub(crate) fn amount(resource: &str, quantity: &Quantity) -> i64 {
    let amount = if resource == "cpu" { quantity.milli() } else { quantity.units() };
    amount.unwrap_or(0)
}

/// The amount as people write it, rounded down so that it still fits: memory from 1 MiB on in Mi.
pub(crate) fn rounded(resource: &str, amount: i64) -> i64 {
    match resource {
        "memory" | "ephemeral-storage" if amount >= 1 << 20 => amount >> 20 << 20,
        _ => amount,
    }
}

fn quantity(resource: &str, amount: i64) -> Quantity {
    match resource {
        "cpu" => Quantity::from_milli(amount),
        "memory" | "ephemeral-storage" if amount > 0 && amount % (1 << 30) == 0 => Quantity(format!("{}Gi", amount >> 30).into()),
        "memory" | "ephemeral-storage" if amount > 0 && amount % (1 << 20) == 0 => Quantity(format!("{}Mi", amount >> 20).into()),
        _ => Quantity::from_count(amount),
    }
}

impl Edit {
    /// Whether it changes the pod, and with it the template that the pod comes from.
    pub fn is_of_pod(&self) -> bool {
        match self {
            Edit::AddPool { .. } | Edit::RaiseCount { .. } | Edit::RaiseMax { .. } | Edit::RaiseQuota { .. } => false,
            Edit::StartPool { .. } | Edit::Uncordon { .. } => false,
            Edit::DropAffinity { .. } | Edit::DropPodTerm { .. } | Edit::DropSelector { .. } | Edit::LowerRequest { .. } => true,
            Edit::RelaxSpread { .. } | Edit::Tolerate { .. } | Edit::WidenAffinity { .. } | Edit::WidenSelector { .. } => true,
        }
    }
    /// What two edits have in common of which only the better one is worth telling.
    pub fn subject(&self) -> (&'static str, String) {
        let shown = self.shown();
        match self {
            Edit::WidenAffinity { .. } | Edit::WidenSelector { .. } | Edit::Tolerate { .. } => {
                (shown.kind, format!("{} {}", shown.target, shown.to))
            }
            _ => (shown.kind, shown.target),
        }
    }
    /// The change as users see it.
    pub fn shown(&self) -> Change {
        let change = |kind, target: String, from: Value, to: Value| Change { kind, target, from, to };
        let affinity = |term: &usize, need: &Need| format!("spec.affinity.nodeAffinity.required[{term}].{}", need.key);
        match self {
            Edit::AddPool { pool, size, zone } => {
                let zone = if zone.is_empty() { Value::Null } else { json!(zone) };
                change("addPool", pool.to_string(), Value::Null, json!({"size": size, "zone": zone, "taints": [], "count": 1}))
            }
            Edit::DropAffinity { term, requirement } => {
                change("dropAffinityTerm", affinity(term, requirement), json!(requirement.words()), Value::Null)
            }
            Edit::DropPodTerm { away, index, key } => {
                let which = if *away { "podAntiAffinity" } else { "podAffinity" };
                change("dropAffinityTerm", format!("spec.affinity.{which}.required[{index}]"), json!(key), Value::Null)
            }
            Edit::DropSelector { key, value } => change("dropSelector", format!("spec.nodeSelector.{key}"), json!(value), Value::Null),
            Edit::LowerRequest { holder, resource, from, to } => {
                let path = match holder {
                    Holder::Container(name) => format!("spec.containers[{name}].resources.requests.{resource}"),
                    Holder::Init(name) => format!("spec.initContainers[{name}].resources.requests.{resource}"),
                    Holder::Pod => format!("spec.resources.requests.{resource}"),
                };
                change("lowerRequest", path, json!(quantity(resource, *from).0), json!(quantity(resource, *to).0))
            }
            Edit::RaiseCount { pool, from, to } => change("raiseCount", pool.to_string(), json!(from), json!(to)),
            Edit::RaiseMax { pool, from, to } => change("raiseMax", pool.to_string(), json!(from), json!(to)),
            Edit::RaiseQuota { family, from, to } => {
                let family = if family.is_empty() { "region" } else { family };
                change("raiseQuota", family.to_owned(), json!(from), json!(to))
            }
            Edit::RelaxSpread { index, from, to, .. } => {
                let path = format!("spec.topologySpreadConstraints[{index}]");
                match to {
                    Some(to) => change("relaxSpread", format!("{path}.maxSkew"), json!(from), json!(to)),
                    None => change("relaxSpread", format!("{path}.whenUnsatisfiable"), json!("DoNotSchedule"), json!("ScheduleAnyway")),
                }
            }
            Edit::StartPool { pool } => change("startPool", pool.to_string(), json!("Stopped"), json!("Running")),
            Edit::Tolerate { taint } => change("tolerateTaint", "spec.tolerations".to_owned(), Value::Null, json!(spelled(taint))),
            Edit::Uncordon { node } => change("uncordonNode", node.to_string(), json!("cordoned"), json!("schedulable")),
            Edit::WidenAffinity { term, requirement, to } => {
                change("widenAffinityTerm", affinity(term, requirement), json!(requirement.words()), json!(to.words()))
            }
            Edit::WidenSelector { key, from, to } => change("widenSelector", format!("spec.nodeSelector.{key}"), json!(from), json!(to)),
        }
    }
}

/// A taint as pools spell it.
pub(crate) fn spelled(taint: &Taint) -> String {
    let equals = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
    format!("{}{equals}:{}", taint.key, taint.effect)
}

/// The pod with all edits that are about it.
pub(crate) fn edited<'a>(pod: &Arc<Doc>, edits: impl Iterator<Item = &'a Edit> + Clone) -> Arc<Doc> {
    if !edits.clone().any(Edit::is_of_pod) {
        return pod.clone();
    }
    let mut doc = (**pod).clone();
    if let Some(pod) = doc.as_pod_mut() {
        let spec = Arc::make_mut(&mut pod.spec);
        edits.clone().for_each(|edit| change_spec(spec, edit));
        let gone = |away: bool, at: usize| {
            edits.clone().any(|edit| matches!(edit, Edit::DropPodTerm { away: a, index, .. } if *a == away && *index == at))
        };
        drop_pod_terms(spec, gone);
    }
    Arc::new(doc)
}

pub(crate) fn change_spec(spec: &mut PodSpec, edit: &Edit) {
    match edit {
        Edit::Tolerate { taint } => {
            let operator = if taint.value.is_empty() { "Exists" } else { "Equal" };
            let (key, value, effect) = (taint.key.clone(), taint.value.clone(), taint.effect.clone());
            spec.tolerations.push(Toleration { key, operator: operator.into(), value, effect, ..Toleration::default() });
        }
        Edit::DropSelector { key, .. } => drop(spec.node_selector.remove(key)),
        Edit::WidenSelector { key, to, .. } => drop(spec.node_selector.insert(key.clone(), to.clone())),
        Edit::DropAffinity { term, requirement } => change_term(spec, *term, requirement, None),
        Edit::WidenAffinity { term, requirement, to } => change_term(spec, *term, requirement, Some(to)),
        Edit::RelaxSpread { index, to, .. } => {
            if let Some(constraint) = spec.topology_spread_constraints.get_mut(*index) {
                match to {
                    Some(to) => constraint.max_skew = *to,
                    None => constraint.when_unsatisfiable = "ScheduleAnyway".into(),
                }
            }
        }
        Edit::LowerRequest { holder, resource, to, .. } => lower(spec, holder, resource, *to),
        Edit::DropPodTerm { .. } => {} // All at once, because their places move.
        Edit::AddPool { .. } | Edit::RaiseCount { .. } | Edit::RaiseMax { .. } | Edit::RaiseQuota { .. } => {}
        Edit::StartPool { .. } | Edit::Uncordon { .. } => {}
    }
}

fn change_term(spec: &mut PodSpec, term: usize, requirement: &Need, to: Option<&Need>) {
    let Some(affinity) = spec.affinity.as_mut().and_then(|affinity| affinity.node_affinity.as_mut()) else { return };
    let Some(found) = affinity.required.as_mut().and_then(|required| required.node_selector_terms.get_mut(term)) else { return };
    let NodeTerm { match_expressions, match_fields } = found;
    for list in [&mut *match_expressions, &mut *match_fields] {
        match to {
            Some(to) => list.iter_mut().filter(|old| requirement.is(old)).for_each(|old| *old = to.requirement()),
            None => list.retain(|old| !requirement.is(old)),
        }
    }
    // A term without requirements would hold for no node; what is meant is one that holds for all.
    if match_expressions.is_empty() && match_fields.is_empty() {
        affinity.required = None;
    }
}

fn drop_pod_terms(spec: &mut PodSpec, gone: impl Fn(bool, usize) -> bool) {
    let Some(Affinity { pod_affinity, pod_anti_affinity, .. }) = &mut spec.affinity else { return };
    for (terms, away) in [(pod_affinity, false), (pod_anti_affinity, true)] {
        if let Some(terms) = terms {
            let mut at = 0..;
            terms.required.retain(|_| !at.next().is_some_and(|at| gone(away, at)));
        }
    }
}

fn lower(spec: &mut PodSpec, holder: &Holder, resource: &Name, to: i64) {
    let named = |containers: &mut Vec<Container>, name: &Name| containers.iter_mut().position(|container| container.name == *name);
    let resources = match holder {
        Holder::Pod => spec.resources.as_mut(),
        Holder::Container(name) => named(&mut spec.containers, name).map(|at| &mut spec.containers[at].resources),
        Holder::Init(name) => named(&mut spec.init_containers, name).map(|at| &mut spec.init_containers[at].resources),
    };
    let Some(resources) = resources else { return };
    resources.requests.insert(resource.clone(), quantity(resource, to));
    if is_exact(resource) {
        resources.limits.insert(resource.clone(), quantity(resource, to));
    }
}

/// Takes a cordon off a node of a fork.
pub(crate) fn uncordon(world: &mut World, node: &Name) {
    let Some(doc) = world.get(&Key::global(Kind::Node, node.clone())).cloned() else { return };
    let mut doc = (*doc).clone();
    if let Some(node) = doc.as_node_mut() {
        node.spec.unschedulable = false;
        node.spec.taints.retain(|taint| taint.key != super::UNSCHEDULABLE);
    }
    world.put(Arc::new(doc));
}
