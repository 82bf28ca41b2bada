//! What a run of storms has met: the proof that it was no fair weather. An empty cell fails the run.
//!
//! Cells are texts so that a tally is kept in a file and goes on from there.

use crate::invariants::Invariant;
use nodelane_control::Event;
use nodelane_model::operation::{ClusterPhase, Outcome, Progress, ScalePhase};
use nodelane_model::{Doc, FaultKind, Operation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Counts of what happened.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Storms.
    pub seeds: u64,
    /// Simulated hours.
    pub hours: i64,
    /// Writes that were published.
    pub writes: u64,
    /// Faults by kind: how often they struck, or were set where a strike cannot be seen.
    pub faults: BTreeMap<String, u64>,
    /// Operations that ended, as `upgrade Failed`.
    pub operations: BTreeMap<String, u64>,
    /// Requests, as `put accepted`.
    pub requests: BTreeMap<String, u64>,
    /// Evaluations by invariant.
    pub evaluations: BTreeMap<String, u64>,
    /// Most nodes in a world.
    pub nodes: u64,
    /// Most pods in a world.
    pub pods: u64,
    /// Most pools in a world.
    pub pools: u64,
}

/// Faults that are the storm's own, beside those of `nodelane fault`.
const OWN_FAULTS: [&str; 4] = ["crash", "crash mid-batch", "disk full", "flaky cloud"];

/// Kinds of faults.
fn faults() -> impl Iterator<Item = &'static str> {
    FaultKind::ALL.into_iter().map(|(word, _)| word).chain(OWN_FAULTS)
}
/// Operations and the outcomes that they can have; what cannot be is not listed.
const OPERATIONS: [(&str, &[Outcome]); 16] = {
    use Outcome::{Canceled, Failed, Succeeded};
    [
        ("create", &[Succeeded, Failed, Canceled]),
        ("update", &[Succeeded]),
        ("scale-out", &[Succeeded, Failed, Canceled]),
        ("scale-in", &[Succeeded, Failed, Canceled]),
        ("upgrade", &[Succeeded, Failed, Canceled]),
        ("image-upgrade", &[Succeeded, Failed, Canceled]),
        ("stop", &[Succeeded, Canceled]),
        ("start", &[Succeeded, Failed, Canceled]),
        ("delete", &[Succeeded, Failed]),
        ("delete-machines", &[Succeeded, Canceled]),
        ("cluster-create", &[Succeeded]),
        ("cluster-update", &[Succeeded]),
        ("cluster-upgrade", &[Succeeded, Failed]),
        ("cluster-stop", &[Succeeded]),
        ("cluster-start", &[Succeeded, Failed]),
        ("abort", &[Succeeded]),
    ]
};

/// What an operation is called in the table.
pub fn operation_name(operation: &Operation) -> &'static str {
    match operation.progress {
        _ if operation.abort_requested && operation.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Succeeded) => "abort",
        Progress::Create(_) => "create",
        Progress::Update(_) => "update",
        Progress::Scale(ScalePhase::Provisioning) => "scale-out",
        Progress::Scale(ScalePhase::Draining | ScalePhase::Removing) => "scale-in",
        Progress::Upgrade(_) if operation.image_only => "image-upgrade",
        Progress::Upgrade(_) => "upgrade",
        Progress::Stop(_) => "stop",
        Progress::Start(_) => "start",
        Progress::Delete(_) => "delete",
        Progress::DeleteMachines(_) => "delete-machines",
        Progress::Cluster(ClusterPhase::Creating) => "cluster-create",
        Progress::Cluster(ClusterPhase::Updating) => "cluster-update",
        Progress::Cluster(ClusterPhase::Upgrading) => "cluster-upgrade",
        Progress::Cluster(ClusterPhase::Stopping) => "cluster-stop",
        Progress::Cluster(ClusterPhase::Starting) => "cluster-start",
        Progress::Cluster(ClusterPhase::Deleting) => "cluster-delete",
    }
}

fn history(doc: Option<&Arc<Doc>>) -> &[Operation] {
    let pool = doc.and_then(|doc| doc.as_pool()).map(|pool| pool.state.history.as_slice());
    pool.or_else(|| doc.and_then(|doc| doc.as_cluster()).map(|cluster| cluster.state.history.as_slice())).unwrap_or_default()
}

impl Tally {
    /// Counts operations that a write ended.
    pub fn event(&mut self, event: &Event) {
        self.writes += 1;
        let before = history(event.old.as_ref());
        for ended in history(event.new.as_ref()).iter().filter(|ended| !before.iter().any(|other| other.id == ended.id)) {
            if let Some(end) = &ended.ended {
                self.count_operation(&format!("{} {:?}", operation_name(ended), end.outcome));
            }
        }
    }
    fn count_operation(&mut self, cell: &str) {
        *self.operations.entry(cell.to_owned()).or_default() += 1;
    }
    /// Counts a fault.
    pub fn fault(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }
    /// Counts a request.
    pub fn request(&mut self, verb: &str, answer: &str) {
        *self.requests.entry(format!("{verb} {answer}")).or_default() += 1;
    }
    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        let sum = |into: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>| {
            from.iter().for_each(|(key, count)| *into.entry(key.clone()).or_default() += count);
        };
        self.seeds += other.seeds;
        self.hours += other.hours;
        self.writes += other.writes;
        sum(&mut self.faults, &other.faults);
        sum(&mut self.operations, &other.operations);
        sum(&mut self.requests, &other.requests);
        sum(&mut self.evaluations, &other.evaluations);
        (self.nodes, self.pods, self.pools) = (self.nodes.max(other.nodes), self.pods.max(other.pods), self.pools.max(other.pools));
    }
    /// Cells that should have something in them and have nothing.
    pub fn empty_cells(&self) -> Vec<String> {
        let has = |map: &BTreeMap<String, u64>, cell: &str| map.get(cell).is_some_and(|count| *count > 0);
        let faults = faults().map(str::to_owned).filter(|cell| !has(&self.faults, cell));
        let operations = OPERATIONS.iter().flat_map(|(name, outcomes)| outcomes.iter().map(move |outcome| format!("{name} {outcome:?}")));
        let invariants = Invariant::ALL.iter().map(|invariant| invariant.id().to_owned()).filter(|cell| !has(&self.evaluations, cell));
        faults.chain(operations.filter(|cell| !has(&self.operations, cell))).chain(invariants).collect()
    }
    /// The table for people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let count = |map: &BTreeMap<String, u64>, cell: &str| map.get(cell).copied().unwrap_or(0);
        let _ = writeln!(out, "{} seeds, {} simulated hours, {} writes", self.seeds, self.hours, self.writes);
        let _ = writeln!(out, "largest world: {} nodes, {} pods, {} pools", self.nodes, self.pods, self.pools);
        let _ = writeln!(out, "\n{:<20}{:>10}", "fault", "times");
        for kind in faults() {
            let _ = writeln!(out, "{kind:<20}{:>10}", count(&self.faults, kind));
        }
        let _ = writeln!(out, "\n{:<20}{:>10}{:>10}{:>10}", "operation", "Succeeded", "Failed", "Canceled");
        for (name, outcomes) in OPERATIONS {
            let cell = |outcome: Outcome| match (outcomes.contains(&outcome), count(&self.operations, &format!("{name} {outcome:?}"))) {
                (false, 0) => "-".to_owned(),
                (_, count) => count.to_string(),
            };
            let [a, b, c] = [Outcome::Succeeded, Outcome::Failed, Outcome::Canceled].map(cell);
            let _ = writeln!(out, "{name:<20}{a:>10}{b:>10}{c:>10}");
        }
        let _ = writeln!(out, "\n{:<20}{:>10}{:>10}{:>12}{:>10}", "request", "accepted", "refused", "unavailable", "lost");
        let verbs: std::collections::BTreeSet<&str> =
            self.requests.keys().filter_map(|cell| cell.rsplit_once(' ')).map(|(verb, _)| verb).collect();
        for verb in verbs {
            let [a, b, c, d] =
                ["accepted", "refused", "unavailable", "lost"].map(|answer| count(&self.requests, &format!("{verb} {answer}")));
            let _ = writeln!(out, "{verb:<20}{a:>10}{b:>10}{c:>12}{d:>10}");
        }
        let _ = writeln!(out, "\n{:<6}{:>12}  says", "holds", "evaluated");
        for invariant in Invariant::ALL {
            let _ = writeln!(out, "{:<6}{:>12}  {}", invariant.id(), count(&self.evaluations, invariant.id()), invariant.says());
        }
        out
    }
}
