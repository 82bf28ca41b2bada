//! Metrics and assertions, computed from a record alone: whoever has the record can compute them again.
//!
//! Nodes, unready nodes and price are compared at every moment at which a pool changed; durations are of pods that were created
//! in the run, one that was never bound counting until it was gone or the run was over. Percentiles are by nearest rank.

use crate::record::{PodRow, Record};
use crate::scenario::{Assertion, Metric};
use nodelane_model::{Name, Time};
use serde::Serialize;
use std::collections::BTreeMap;

/// Whether an assertion holds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AssertRow {
    /// The metric; `endsWithin` for operations.
    pub metric: Name,
    /// The pool, workload or operation; null for all.
    pub subject: Option<Name>,
    /// What was measured; seconds for durations; null where there was nothing to measure.
    pub value: Option<f64>,
    /// The limit.
    pub limit: f64,
    /// Whether it holds; where nothing was measured only an upper limit on everything does.
    pub holds: bool,
}

/// Lowest and highest value of a metric over a run; `None` where there was nothing to measure.
pub fn measure(record: &Record, metric: Metric, subject: Option<&str>) -> Option<(f64, f64)> {
    let once = |value: f64| Some((value, value));
    match metric {
        Metric::Nodes => series(record, subject, |row| i64::from(row.nodes)).map(|(low, high)| (low as f64, high as f64)),
        Metric::Unready => series(record, subject, |row| i64::from(row.nodes - row.ready)).map(|(low, high)| (low as f64, high as f64)),
        Metric::Price => series(record, subject, |row| row.micro_usd_per_hour).map(|(low, high)| (low as f64 / 1e6, high as f64 / 1e6)),
        Metric::PendingP95 => rank(&pending(record, subject), 95).and_then(once),
        Metric::PendingMax => rank(&pending(record, subject), 100).and_then(once),
        Metric::BudgetViolations => once(record.decisions.iter().filter(|row| row.action == "violate").count() as f64),
        Metric::Churn => once(churn(record, subject)),
        Metric::OperationsFailed => {
            let of = |pool: &Option<Name>, cluster: &Name| {
                subject.is_none_or(|wanted| names(wanted, cluster, pool.as_deref().unwrap_or_default()))
            };
            let failed = record.operations.iter().filter(|row| row.outcome == Some("Failed") && of(&row.pool, &row.cluster));
            once(failed.count() as f64)
        }
    }
}

/// Whether `pool` or `cluster/pool` names this one.
fn names(wanted: &str, cluster: &str, pool: &str) -> bool {
    wanted == pool || wanted.split_once('/').is_some_and(|(of, name)| of == cluster && name == pool)
}

/// Lowest and highest sum over the pools that are meant, at the moments at which any of them changed.
fn series(record: &Record, subject: Option<&str>, value: impl Fn(&crate::record::PoolRow) -> i64) -> Option<(i64, i64)> {
    let mut latest: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let (mut sum, mut bounds) = (0, None);
    let rows: Vec<_> = record.timeline.iter().filter(|row| subject.is_none_or(|wanted| names(wanted, &row.cluster, &row.pool))).collect();
    for moment in rows.chunk_by(|a, b| a.at == b.at) {
        for row in moment {
            let now = value(row);
            sum += now - latest.insert((&row.cluster, &row.pool), now).unwrap_or(0);
        }
        bounds = Some(bounds.map_or((sum, sum), |(low, high): (i64, i64)| (low.min(sum), high.max(sum))));
    }
    bounds
}

/// Milliseconds from creation to binding of the pods that are meant, ascending.
fn pending(record: &Record, workload: Option<&str>) -> Vec<i64> {
    let meant = |row: &&PodRow| {
        workload.is_none_or(|wanted| {
            let name = row.workload.as_deref().unwrap_or_default();
            crate::manifest::is_meant(wanted, &row.namespace, &row.workload_kind, name)
        })
    };
    let until = |row: &PodRow| row.bound.or(row.deleted).unwrap_or(record.until);
    let mut all: Vec<i64> = record.pods.iter().filter(meant).map(|row| until(row).since(row.created)).collect();
    all.sort_unstable();
    all
}

/// The value of that rank, in seconds.
fn rank(sorted: &[i64], percent: usize) -> Option<f64> {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).map(|millis| *millis as f64 / 1000.0)
}

/// Nodes removed or reimaged, an hour of the run.
fn churn(record: &Record, subject: Option<&str>) -> f64 {
    let meant = |row: &&crate::record::DecisionRow| {
        let mut parts = row.subject.splitn(3, '/');
        let (cluster, pool) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        matches!(row.action.as_str(), "remove" | "reimage") && subject.is_none_or(|wanted| names(wanted, cluster, pool))
    };
    let hours = record.until.since(record.start) as f64 / 3_600_000.0;
    record.decisions.iter().filter(meant).count() as f64 / hours
}

/// Judges assertions on a record.
pub fn judge(record: &Record, assertions: &[Assertion]) -> Vec<AssertRow> {
    let mut rows = Vec::new();
    for assertion in assertions {
        match assertion {
            Assertion::Metric { metric, pool, workload, max, min } => {
                let subject = pool.as_ref().or(workload.as_ref());
                let measured = measure(record, *metric, subject.map(Name::as_str));
                let row = |limit: f64, value: Option<f64>, holds: bool| AssertRow {
                    metric: metric.as_str().into(),
                    subject: subject.cloned(),
                    value,
                    limit,
                    holds,
                };
                if let Some(max) = *max {
                    let high = measured.map(|(_, high)| high);
                    rows.push(row(max, high, high.map_or(subject.is_none(), |high| high <= max)));
                }
                if let Some(min) = *min {
                    let low = measured.map(|(low, _)| low);
                    rows.push(row(min, low, low.is_some_and(|low| low >= min)));
                }
            }
            Assertion::Operation { operation, pool, ends_within } => {
                rows.push(judge_operation(record, operation, pool.as_ref(), ends_within.seconds()));
            }
        }
    }
    rows
}

/// The longest of the operations that are meant; null where there was none, or one never ended.
fn judge_operation(record: &Record, operation: &Name, pool: Option<&Name>, limit: f64) -> AssertRow {
    let of_pool = |row: &&crate::record::OperationRow| {
        pool.is_none_or(|wanted| row.pool.as_ref().is_some_and(|pool| names(wanted, &row.cluster, pool)))
    };
    let meant = record.operations.iter().filter(|row| operation == "any" || row.kind == operation).filter(of_pool);
    let lengths: Vec<Option<i64>> = meant.map(|row| row.end.map(|end: Time| end.since(row.start))).collect();
    let all: Option<Vec<i64>> = lengths.into_iter().collect();
    let value = all.and_then(|all| all.into_iter().max()).map(|millis| millis as f64 / 1000.0);
    let subject = Some(pool.map_or_else(|| operation.clone(), |pool| format!("{operation} {pool}").into()));
    AssertRow { metric: "endsWithin".into(), subject, value, limit, holds: value.is_some_and(|value| value <= limit) }
}
