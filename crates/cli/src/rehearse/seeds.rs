//! The same scenario under many seeds: how metrics and assertions spread, and which seed is the worst.
//!
//! Seeds run on several threads; results are put together in the order of seeds, so their number does not show.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use nodelane_rehearsal::measure::{AssertRow, measure};
use nodelane_rehearsal::scenario::Metric;
use serde_json::{Value, json};

use super::scene::{BadScenario, Scene};
use super::{Format, Run, junit, markdown};

/// One seed's figures.
struct One {
    seed: u64,
    metrics: Vec<Option<f64>>,
    asserts: Vec<AssertRow>,
}

/// All seeds of a scenario.
pub struct Seeds {
    label: String,
    ones: Vec<One>,
    worst: Run,
}

impl Seeds {
    /// Whether every assertion holds under every seed.
    pub fn hold(&self) -> bool {
        self.ones.iter().all(|one| one.asserts.iter().all(|row| row.holds))
    }
}

/// Runs so many seeds from the scenario's on.
///
/// # Errors
/// That of the lowest seed that has one.
pub fn run(scene: &Scene, count: u64, threads: Option<usize>) -> Result<Seeds, BadScenario> {
    let threads = threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1).clamp(1, 64);
    let first = scene.scenario.seed;
    let (next, done) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let bar = Mutex::new(super::bar::Bar::new(&scene.label, nodelane_model::Time(0), nodelane_model::Time(count as i64)));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let seed = first.wrapping_add(at);
                    let one = scene.run(seed, &mut |_| {}).map(|record| One {
                        seed,
                        metrics: Metric::ALL.iter().map(|metric| measure(&record, *metric, None).map(|(_, high)| high)).collect(),
                        asserts: record.asserts,
                    });
                    let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    done.insert(at, one);
                    bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).show(nodelane_model::Time(done.len() as i64));
                }
            });
        }
    });
    drop(bar);
    let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ones = done.into_values().collect::<Result<Vec<One>, _>>()?;
    let worst = worst(&ones).unwrap_or(first);
    let worst = Run { label: format!("{} seed {worst}", scene.label), record: scene.run(worst, &mut |_| {})? };
    Ok(Seeds { label: scene.label.clone(), ones, worst })
}

/// The seed under which most assertions fail, then the one that comes closest to its limits or goes furthest beyond them.
fn worst(ones: &[One]) -> Option<u64> {
    let strain = |one: &One| {
        let share = |row: &AssertRow| row.value.map_or(0.0, |value| (value - row.limit) / row.limit.abs().max(1.0));
        one.asserts.iter().map(share).fold(f64::NEG_INFINITY, f64::max)
    };
    let failed = |one: &One| one.asserts.iter().filter(|row| !row.holds).count();
    let order = |a: &&One, b: &&One| failed(a).cmp(&failed(b)).then(strain(a).total_cmp(&strain(b))).then(b.seed.cmp(&a.seed));
    ones.iter().max_by(order).map(|one| one.seed)
}

/// Lowest, median, 95th percentile and highest, by nearest rank; `None` where nothing was measured.
fn spread(values: impl Iterator<Item = Option<f64>>) -> Option<[f64; 4]> {
    let mut all: Vec<f64> = values.flatten().collect();
    all.sort_by(f64::total_cmp);
    let rank = |percent: usize| all.get((all.len() * percent).div_ceil(100).max(1) - 1).copied();
    Some([rank(0)?, rank(50)?, rank(95)?, rank(100)?])
}

/// The report in a format.
pub fn text(format: Format, all: &[Seeds]) -> Result<String> {
    Ok(match format {
        Format::Json => match all {
            [one] => format!("{}\n", json(one)?),
            all => format!(
                "{}\n",
                Value::from(all.iter().map(|one| Ok(json!({"name": one.label, "result": json(one)?}))).collect::<Result<Vec<_>>>()?)
            ),
        },
        Format::Markdown => all.iter().map(tables).collect::<Vec<_>>().join("\n"),
        Format::Junit => {
            let runs: Vec<Run> = all.iter().map(|one| Run { label: one.worst.label.clone(), record: one.worst.record.clone() }).collect();
            junit::report(&runs)
        }
    })
}

/// The rows of assertions, each over all seeds.
fn over_seeds(seeds: &Seeds) -> impl Iterator<Item = (&AssertRow, usize, Option<[f64; 4]>)> {
    let first = seeds.ones.first().map(|one| one.asserts.as_slice()).unwrap_or_default();
    first.iter().enumerate().map(|(at, row)| {
        let rows = seeds.ones.iter().map(move |one| &one.asserts[at]);
        (row, rows.clone().filter(|row| row.holds).count(), spread(rows.map(|row| row.value)))
    })
}

fn json(seeds: &Seeds) -> Result<Value> {
    let fields = |spread: Option<[f64; 4]>| spread.map(|[min, p50, p95, max]| json!({"min": min, "p50": p50, "p95": p95, "max": max}));
    let metrics = Metric::ALL.iter().enumerate().map(|(at, metric)| {
        let spread = spread(seeds.ones.iter().map(|one| one.metrics[at]));
        json!({"metric": metric.as_str(), "distribution": fields(spread)})
    });
    let asserts = over_seeds(seeds).map(|(row, holds, spread)| {
        json!({"metric": row.metric, "subject": row.subject, "limit": row.limit, "holds": holds, "distribution": fields(spread)})
    });
    Ok(json!({
        "seeds": seeds.ones.len(),
        "first": seeds.ones.first().map(|one| one.seed),
        "metrics": metrics.collect::<Vec<_>>(),
        "asserts": asserts.collect::<Vec<_>>(),
        "worst": serde_json::to_value(&seeds.worst.record)?,
    }))
}

fn tables(seeds: &Seeds) -> String {
    let count = seeds.ones.len();
    let cells = |metric: &str, spread: Option<[f64; 4]>| match spread {
        Some(spread) => spread.map(|value| markdown::value_text(metric, Some(value))).join(" | "),
        None => "- | - | - | -".to_owned(),
    };
    let mut text = format!("# Rehearsal: {} under {count} seeds\n", seeds.label);
    text.push_str("\n| assertion | of | limit | holds | min | p50 | p95 | max |\n|---|---|--:|--:|--:|--:|--:|--:|\n");
    for (row, holds, spread) in over_seeds(seeds) {
        let (subject, limit) = (markdown::subject(row), markdown::limit(row));
        text.push_str(&format!("| {} | {subject} | {limit} | {holds} of {count} | {} |\n", row.metric, cells(&row.metric, spread)));
    }
    text.push_str("\n| highest | min | p50 | p95 | max |\n|---|--:|--:|--:|--:|\n");
    for (at, metric) in Metric::ALL.iter().enumerate() {
        let spread = spread(seeds.ones.iter().map(|one| one.metrics[at]));
        text.push_str(&format!("| {} | {} |\n", metric.as_str(), cells(metric.as_str(), spread)));
    }
    let whole = markdown::report(&seeds.worst.record);
    let body = whole.split_once('\n').map_or("", |(_, body)| body).replace("\n## ", "\n### ");
    text.push_str(&format!("\n## The worst: seed {} (run it again with --seed {0})\n{body}", seeds.worst.record.seed));
    text
}
