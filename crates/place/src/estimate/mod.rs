//! How many machines of which size pods need: the estimator.
//!
//! Pending pods, templates of machines and what stands already go in; machines with their pods, the order in which the pods can be bound,
//! and a lower bound of the price come out. What it answers is what kube-scheduler can do when all the machines stand empty: every step
//! of the order is legal there. Prices are integers, in nano US dollars per hour. Volumes are not looked at; devices claimed by dynamic
//! resource claims are refused.

mod binpack;
mod bound;
mod demand;
mod expander;
mod fleet;
mod improve;
mod pack;
mod repair;
mod rules;
mod search;
mod share;
mod single;
mod site;
mod suits;

use nodelane_model::{Doc, Name};
use nodelane_world::{NodeRow, World};
use std::sync::Arc;

pub use expander::{Expander, Pattern};
pub use search::estimate;
pub use suits::suits;

/// A kind of machine that may be added.
#[derive(Clone, Debug)]
pub struct Template {
    /// What is scaled: the pool, or the size where there are no pools.
    pub group: Name,
    /// VM size.
    pub size: Name,
    /// Zone; empty for none.
    pub zone: Name,
    /// `spot` or `on-demand`.
    pub capacity_type: Name,
    /// The node as it would register: labels, taints, allocatable; `used` is what DaemonSets take of it.
    pub row: NodeRow,
    /// Price in nano US dollars per hour.
    pub price_nano_usd: i64,
    /// Which limits a machine counts against, and how much.
    pub takes: Vec<(usize, i64)>,
}

impl Template {
    pub(crate) fn is_spot(&self) -> bool {
        self.capacity_type == "spot"
    }
}

/// What may be added at most: machines of a pool, vCPUs of a family.
#[derive(Clone, Debug)]
pub struct Limit {
    /// What is said of it to people.
    pub name: Name,
    /// How much is left.
    pub left: i64,
}

/// What preferred terms and `ScheduleAnyway` do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Preferences {
    /// They break ties between sites of one price.
    #[default]
    Soft,
    /// Each is kept, the heaviest first, while any machine can keep it.
    Hard,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What stands: nodes, the pods on them, namespaces.
    pub world: &'a World,
    /// The pods that wait.
    pub pods: &'a [Arc<Doc>],
    /// What may be added.
    pub templates: &'a [Template],
    /// Limits that templates name.
    pub limits: &'a [Limit],
    /// What preferences do.
    pub preferences: Preferences,
    /// How machines are chosen.
    pub search: Search,
}

/// How machines are chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Search {
    /// For the lowest price, in one pass.
    #[default]
    Fast,
    /// For the lowest price, with this many further packings, and exchanges of pods for about as much work.
    Optimal(usize),
    /// As cluster-autoscaler does, by a chain of expanders.
    Expanders(Vec<Expander>),
}

/// A machine to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMachine {
    /// Place in the request's templates.
    pub template: usize,
    /// Places in the request's pods.
    pub pods: Vec<usize>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Machines to add.
    pub machines: Vec<NewMachine>,
    /// Pods for nodes that stand.
    pub standing: Vec<(Name, Vec<usize>)>,
    /// Pods that nothing can take, with what stops them.
    pub unplaced: Vec<(usize, String)>,
    /// Pods in an order in which each can be bound to its machine.
    pub order: Vec<usize>,
    /// Price of the machines in nano US dollars per hour.
    pub price_nano_usd: i64,
    /// What any answer costs at least, in nano US dollars per hour.
    pub bound_nano_usd: i64,
}
