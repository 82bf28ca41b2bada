//! A run as tables for people: assertions first, then metrics, pools, operations and what was decided.
//!
//! Durations are written as scenarios write them, prices with cents.

use std::collections::BTreeMap;

use nodelane_rehearsal::measure::{AssertRow, measure};
use nodelane_rehearsal::record::Record;
use nodelane_rehearsal::scenario::{Metric, Span};

/// A whole report.
pub fn report(record: &Record) -> String {
    let mut text = format!("# Rehearsal: {} to {}, seed {}\n", record.start, record.until, record.seed);
    text.push_str(&asserts(record));
    text.push_str("\n## Metrics\n\n| metric | lowest | highest |\n|---|--:|--:|\n");
    for metric in Metric::ALL {
        let shown = measure(record, metric, None);
        let [low, high] = [shown.map(|(low, _)| low), shown.map(|(_, high)| high)].map(|value| value_text(metric.as_str(), value));
        text.push_str(&format!("| {} | {low} | {high} |\n", metric.as_str()));
    }
    text.push_str(&pools(record));
    text.push_str(&operations(record));
    text.push_str(&decisions(record));
    text
}

fn asserts(record: &Record) -> String {
    if record.asserts.is_empty() {
        return "\nNothing is asserted.\n".to_owned();
    }
    let failed = record.asserts.iter().filter(|row| !row.holds).count();
    let verdict = match failed {
        0 => format!("All {} assertions hold.", record.asserts.len()),
        failed => format!("{failed} of {} assertions do not hold.", record.asserts.len()),
    };
    let mut text = format!("\n**{verdict}**\n\n| | metric | of | value | limit |\n|---|---|---|--:|--:|\n");
    for row in &record.asserts {
        let mark = if row.holds { "ok" } else { "**FAIL**" };
        text.push_str(&format!("| {mark} | {} | {} | {} | {} |\n", row.metric, subject(row), value(row), limit(row)));
    }
    text
}

fn pools(record: &Record) -> String {
    let mut bounds: BTreeMap<(&str, &str), [u32; 3]> = BTreeMap::new();
    for row in &record.timeline {
        let entry = bounds.entry((&row.cluster, &row.pool)).or_insert([row.nodes, row.nodes, row.nodes]);
        *entry = [entry[0].min(row.nodes), entry[1].max(row.nodes), row.nodes];
    }
    let mut text = "\n## Pools\n\n| cluster | pool | fewest nodes | most | at the end |\n|---|---|--:|--:|--:|\n".to_owned();
    for ((cluster, pool), [fewest, most, last]) in bounds {
        text.push_str(&format!("| {cluster} | {pool} | {fewest} | {most} | {last} |\n"));
    }
    text
}

fn operations(record: &Record) -> String {
    if record.operations.is_empty() {
        return String::new();
    }
    let mut text = "\n## Operations\n\n| start | cluster | pool | kind | took | outcome |\n|---|---|---|---|--:|---|\n".to_owned();
    for row in &record.operations {
        let took = row.end.map_or("-".to_owned(), |end| Span(end.since(row.start)).to_string());
        let pool = row.pool.as_deref().unwrap_or("-");
        let outcome = row.outcome.unwrap_or("runs");
        text.push_str(&format!("| {} | {} | {pool} | {} | {took} | {outcome} |\n", row.start, row.cluster, row.kind));
    }
    text
}

/// How often each planner did what; the rows themselves are in the JSON.
fn decisions(record: &Record) -> String {
    let mut counts: BTreeMap<(&str, &str), (usize, String)> = BTreeMap::new();
    for row in &record.decisions {
        counts.entry((&row.planner, &row.action)).or_insert_with(|| (0, format!("{}: {}: {}", row.at, row.subject, row.reason))).0 += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let mut text = "\n## Decisions\n\n| planner | action | times | the first |\n|---|---|--:|---|\n".to_owned();
    for ((planner, action), (times, first)) in counts {
        text.push_str(&format!("| {planner} | {action} | {times} | {} |\n", first.replace('|', "\\|").replace('\n', " ")));
    }
    text
}

/// What an assertion is about.
pub fn subject(row: &AssertRow) -> &str {
    row.subject.as_deref().unwrap_or("all")
}

/// What an assertion found.
pub fn value(row: &AssertRow) -> String {
    value_text(&row.metric, row.value)
}

/// What an assertion allows.
pub fn limit(row: &AssertRow) -> String {
    value_text(&row.metric, Some(row.limit))
}

/// A metric's value as people read it.
pub fn value_text(metric: &str, value: Option<f64>) -> String {
    match (metric, value) {
        (_, None) => "-".to_owned(),
        ("pending_p95" | "pending_max" | "endsWithin", Some(seconds)) => Span((seconds * 1000.0).round() as i64).to_string(),
        ("price", Some(dollars)) => format!("{dollars:.2}"),
        (_, Some(number)) if number.fract() == 0.0 => format!("{number}"),
        (_, Some(number)) => format!("{number:.2}"),
    }
}
