//! Several scenarios side by side: the same metrics and the same pools, each with its assertions.
//!
//! The first one is what the others are compared with.

use anyhow::Result;
use nodelane_rehearsal::measure::measure;
use nodelane_rehearsal::record::Record;
use nodelane_rehearsal::scenario::Metric;
use serde_json::{Value, json};

use super::{Run, markdown};

/// What a metric came to in one run: the value that limits are compared with.
fn highest(record: &Record, metric: Metric) -> Option<f64> {
    measure(record, metric, None).map(|(_, high)| high)
}

/// US dollars that the run cost: prices over the time that they held.
fn cost(record: &Record) -> f64 {
    let mut latest = std::collections::BTreeMap::new();
    let (mut sum, mut total, mut since) = (0_i64, 0.0, record.start);
    for row in &record.timeline {
        total += sum as f64 * row.at.since(since) as f64;
        since = row.at;
        let now = row.micro_usd_per_hour;
        sum += now - latest.insert((&row.cluster, &row.pool), now).unwrap_or(0);
    }
    total += sum as f64 * record.until.since(since) as f64;
    total / 1e6 / 3_600_000.0
}

/// Everything, to compute with.
pub fn json(runs: &[Run]) -> Result<String> {
    let rows = Metric::ALL.map(|metric| {
        let values: Vec<Option<f64>> = runs.iter().map(|run| highest(&run.record, metric)).collect();
        json!({"metric": metric.as_str(), "values": values})
    });
    let costs: Vec<f64> = runs.iter().map(|run| cost(&run.record)).collect();
    let mut comparison: Vec<Value> = rows.into();
    comparison.push(json!({"metric": "cost", "values": costs}));
    let labelled = runs.iter().map(|run| Ok(json!({"name": run.label, "result": serde_json::to_value(&run.record)?})));
    Ok(json!({"runs": labelled.collect::<Result<Vec<_>>>()?, "comparison": comparison}).to_string())
}

/// Tables, to read.
pub fn markdown(runs: &[Run]) -> String {
    let labels: Vec<&str> = runs.iter().map(|run| run.label.as_str()).collect();
    let mut text = format!("# Rehearsal: {} compared\n\n", labels.join(", "));
    text.push_str(&format!("| highest | {} | change |\n|---|{}--:|\n", labels.join(" | "), "--:|".repeat(labels.len())));
    for metric in Metric::ALL {
        let values: Vec<Option<f64>> = runs.iter().map(|run| highest(&run.record, metric)).collect();
        text.push_str(&line(metric.as_str(), metric.as_str(), &values));
    }
    let costs: Vec<Option<f64>> = runs.iter().map(|run| Some(cost(&run.record))).collect();
    text.push_str(&line("cost of the whole time, USD", "price", &costs));
    for run in runs {
        let whole = markdown::report(&run.record);
        let body = whole.split_once('\n').map_or("", |(_, body)| body).replace("\n## ", "\n### ");
        text.push_str(&format!("\n## {}: {} to {}, seed {}\n{body}", run.label, run.record.start, run.record.until, run.record.seed));
    }
    text
}

fn line(title: &str, metric: &str, values: &[Option<f64>]) -> String {
    let cells: Vec<String> = values.iter().map(|value| markdown::value_text(metric, *value)).collect();
    let change = match (values.first().copied().flatten(), values.last().copied().flatten()) {
        (Some(first), Some(last)) if first == last => "same".to_owned(),
        (Some(first), Some(last)) if first != 0.0 => format!("{:+.0} %", (last - first) / first * 100.0),
        _ => "-".to_owned(),
    };
    format!("| {title} | {} | {change} |\n", cells.join(" | "))
}
