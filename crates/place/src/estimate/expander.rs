//! Which group to grow, as cluster-autoscaler's expanders choose: filters in a chain, then a draw.
//!
//! In rounds: what fits on the machines there are goes there; each group is estimated for the rest; the chain picks an option, its machines
//! are added, until no group takes a pod. Scores are cluster-autoscaler's, in its order of operations. Azure has no prices for pods in
//! it, so those of its price expander are the ones of the cloud it was written for.

use super::Template;
use super::binpack::{Class, Group, Packing, binpack};
use super::fleet::Fleet;
use nodelane_model::hash::Hash;
use std::collections::BTreeMap;

/// One expander of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expander {
    /// Any, by a draw that the seed decides.
    Random(u64),
    /// The option that places most pods.
    MostPods,
    /// The option that leaves least of its CPU and memory idle.
    LeastWaste,
    /// The groups of the highest priority: each with the patterns of names that have it.
    Priority(BTreeMap<i32, Vec<Pattern>>),
    /// The option that costs least for what it takes.
    Price,
}

/// A pattern of group names: letters as they are, `.` for any one, `*` after one for any number of it, `^` and `$` for the ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern; `None` where it asks for more than the above.
    pub fn parse(text: &str) -> Option<Pattern> {
        let starred = text.starts_with('*') || text.contains("**");
        (!starred && !text.contains(['(', ')', '[', ']', '{', '}', '|', '+', '?', '\\'])).then(|| Pattern(text.into()))
    }
    /// Whether it is found anywhere in a name.
    pub fn is_found_in(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        match pattern.strip_prefix(b"^") {
            Some(rest) => matches_here(rest, name),
            None => (0..=name.len()).any(|at| matches_here(pattern, &name[at..])),
        }
    }
}

fn matches_here(pattern: &[u8], text: &[u8]) -> bool {
    let one = |letter: u8, text: &[u8]| text.first().is_some_and(|first| letter == b'.' || *first == letter);
    match pattern {
        [] => true,
        [b'$'] => text.is_empty(),
        [letter, b'*', rest @ ..] => {
            let run = (0..text.len()).take_while(|at| one(*letter, &text[*at..])).count();
            (0..=run).any(|taken| matches_here(rest, &text[taken..]))
        }
        [letter, rest @ ..] => one(*letter, text) && matches_here(rest, &text[1..]),
    }
}

/// What an option comes to, for the scores.
#[derive(Clone, Debug)]
struct Choice {
    group: usize,
    machines: u32,
    pods: u32,
    cpu_milli: i64,
    memory_bytes: i64,
}

/// GCE's prices, which cluster-autoscaler's price expander was written with: US dollars per hour for a core and for a GiB.
const CORE_USD: f64 = 0.033174;
const GIB_USD: f64 = 0.004446;
/// Added to both sides of the price ratio: half a core and 500 MiB.
const STABILISER_USD: f64 = 0.5 * CORE_USD + 500.0 / 1024.0 * GIB_USD;

/// Grows groups until none takes another pod; gives the fleet and what is left, by class.
pub(super) fn expand<'a>(base: &Fleet<'a>, templates: &[Template], chain: &[Expander], classes: &[Class]) -> (Fleet<'a>, Vec<Class>) {
    let groups = groups(templates);
    let (mut fleet, mut left) = (base.clone(), classes.to_vec());
    // A round adds a machine or is the last; limits, or pods, end it.
    for round in 0.. {
        settle(&mut fleet, &mut left);
        left.retain(|(_, _, count)| *count > 0);
        if left.is_empty() {
            break;
        }
        let (mut choices, mut last) = (Vec::new(), None);
        for (at, group) in groups.iter().enumerate() {
            let packing = binpack(&fleet, group, &left);
            choices.extend(choice(&packing, at, &left));
            last = Some((at, packing));
        }
        let Some(chosen) = choose(choices, chain, &groups, templates, &fleet, round) else { break };
        // The last is at hand; keeping all would be a fleet for each group.
        let packing = last.filter(|(at, _)| *at == chosen.group).map(|(_, packing)| packing);
        let packing = packing.unwrap_or_else(|| binpack(&fleet, &groups[chosen.group], &left));
        left.iter_mut().zip(&packing.placed).for_each(|(class, placed)| class.2 -= placed);
        fleet = packing.fleet;
    }
    (fleet, left)
}

/// Templates by group, in the order in which the groups are named first.
fn groups(templates: &[Template]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, template) in templates.iter().enumerate() {
        let group = *known.entry(&template.group).or_insert_with(|| {
            groups.push(Group { name: template.group.clone(), templates: Vec::new() });
            groups.len() - 1
        });
        groups[group].templates.push(at as u32);
    }
    groups
}

fn choice(packing: &Packing<'_>, at: usize, left: &[Class]) -> Option<Choice> {
    let Packing { fleet, placed, machines } = packing;
    let mut choice = Choice { group: at, machines: *machines, pods: 0, cpu_milli: 0, memory_bytes: 0 };
    for ((_, shape, _), placed) in left.iter().zip(placed) {
        let need = fleet.demand.shape(*shape);
        choice.pods += placed;
        choice.cpu_milli += need[0] * i64::from(*placed);
        choice.memory_bytes += need[1] * i64::from(*placed);
    }
    (choice.pods > 0).then_some(choice)
}

/// Puts pods on machines that there are.
fn settle(fleet: &mut Fleet<'_>, left: &mut [Class]) {
    if fleet.len() == 0 {
        return;
    }
    for (rule, shape, count) in left {
        while *count > 0 && super::single::place_on_standing(fleet, *rule, *shape) {
            *count -= 1;
        }
    }
}

fn choose(
    mut choices: Vec<Choice>,
    chain: &[Expander],
    groups: &[Group],
    templates: &[Template],
    fleet: &Fleet<'_>,
    round: u64,
) -> Option<Choice> {
    let mut seed = 0;
    for expander in chain {
        match expander {
            Expander::Random(own) => {
                seed = *own;
                break;
            }
            Expander::MostPods => keep_least(&mut choices, |choice| -f64::from(choice.pods)),
            Expander::LeastWaste => {
                keep_least(&mut choices, |choice| waste(choice, &templates[groups[choice.group].templates[0] as usize]))
            }
            Expander::Price => {
                keep_least(&mut choices, |choice| price(choice, &templates[groups[choice.group].templates[0] as usize], fleet.len()))
            }
            Expander::Priority(priorities) => {
                let of = |choice: &Choice| {
                    let named = |patterns: &Vec<Pattern>| patterns.iter().any(|pattern| pattern.is_found_in(&groups[choice.group].name));
                    priorities.iter().rev().find(|(_, patterns)| named(patterns)).map(|(priority, _)| *priority)
                };
                // Where no group has a priority all stay, for the next in the chain.
                if let Some(best) = choices.iter().filter_map(of).max() {
                    choices.retain(|choice| of(choice) == Some(best));
                }
            }
        }
        if choices.len() <= 1 {
            break;
        }
    }
    let draw = Hash::new(seed).number(round).get() % (choices.len().max(1) as u64);
    choices.into_iter().nth(draw as usize)
}

fn keep_least(choices: &mut Vec<Choice>, score: impl Fn(&Choice) -> f64) {
    let least = choices.iter().map(&score).fold(f64::INFINITY, f64::min);
    choices.retain(|choice| score(choice) == least);
}

/// The idle part of CPU plus the idle part of memory, of the machines' capacity.
fn waste(choice: &Choice, template: &Template) -> f64 {
    let node = template.row.doc.as_node();
    let capacity = node.map(|node| nodelane_world::Amounts::from_resources(&node.status.capacity)).unwrap_or_default();
    let or = |capacity: i64, allocatable: i64| if capacity > 0 { capacity } else { allocatable };
    let idle = |all: i64, asked: i64| {
        let available = all * i64::from(choice.machines);
        (available - asked) as f64 / available as f64
    };
    idle(or(capacity.cpu_milli, template.row.allocatable.cpu_milli), choice.cpu_milli)
        + idle(or(capacity.memory_bytes, template.row.allocatable.memory_bytes), choice.memory_bytes)
}

/// Price of the machines by that of the pods, times how unlike the machines are to what suits a cluster of this size; that matters less
/// the more machines are added.
fn price(choice: &Choice, template: &Template, cluster: usize) -> f64 {
    let machines = template.price_nano_usd as f64 / 1e9 * f64::from(choice.machines);
    let pods = choice.cpu_milli as f64 / 1000.0 * CORE_USD + choice.memory_bytes as f64 / f64::from(1 << 30) * GIB_USD;
    let suits = match cluster {
        0..=2 => 1000.0,
        3..=6 => 2000.0,
        7..=20 => 4000.0,
        21..=60 => 8000.0,
        61..=200 => 16_000.0,
        _ => 32_000.0,
    };
    let cpu = template.row.allocatable.cpu_milli.max(1) as f64;
    let unlike = (suits / cpu).max(cpu / suits);
    let softened = (unlike - 1.0) * (1.0 - (f64::from(choice.machines - 1) / 15.0).tanh()) + 1.0;
    softened * ((machines + STABILISER_USD) / (pods + STABILISER_USD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::{Doc, Kind, codec};
    use nodelane_world::NodeRow;
    use std::sync::Arc;

    fn template(name: &str, cpu_milli: i64, memory_bytes: i64) -> Template {
        let amounts = serde_json::json!({"cpu": format!("{cpu_milli}m"), "memory": memory_bytes.to_string(), "pods": "100"});
        let node = serde_json::json!({"metadata": {"name": name}, "spec": {}, "status": {"capacity": amounts, "allocatable": amounts}});
        let doc: Doc = codec::from_value(Kind::Node, &node).expect("a node");
        let row = NodeRow::empty(Arc::new(doc));
        Template {
            group: name.into(),
            size: name.into(),
            zone: "".into(),
            capacity_type: "".into(),
            row,
            price_nano_usd: 0,
            takes: Vec::new(),
        }
    }
    fn one_pod(cpu_milli: i64, memory_bytes: i64) -> Choice {
        Choice { group: 0, machines: 1, pods: 1, cpu_milli, memory_bytes }
    }

    /// cluster-autoscaler's own example: one pod of 500m and 1000 MiB; 16 times that, twice the memory, half the CPU.
    #[test]
    fn least_waste_prefers_the_machine_with_less_to_spare() {
        const CPU: i64 = 500;
        const MEMORY: i64 = 1000 << 20;
        let pod = one_pod(CPU, MEMORY);
        let balanced = waste(&pod, &template("balanced", 16 * CPU, 16 * MEMORY));
        let much_memory = waste(&pod, &template("highmem", 16 * CPU, 32 * MEMORY));
        let little_cpu = waste(&pod, &template("lowcpu", 8 * CPU, 16 * MEMORY));
        assert!(balanced < much_memory && little_cpu < balanced);
        assert_eq!(balanced, 2.0 * 15.0 / 16.0);
        assert_eq!(little_cpu, 7.0 / 8.0 + 15.0 / 16.0);
    }

    #[test]
    fn patterns_are_found_anywhere_unless_they_are_anchored() {
        let found = |pattern: &str, name: &str| Pattern::parse(pattern).expect("a pattern").is_found_in(name);
        assert!(found("spot", "np-spot-1") && found(".*", "") && found("^np.*1$", "np-spot-1"));
        assert!(!found("^spot", "np-spot-1") && !found("spot$", "np-spot-1") && !found("s.ot$", "np-sot"));
        assert!(Pattern::parse("a|b").is_none() && Pattern::parse("*a").is_none());
    }
}
