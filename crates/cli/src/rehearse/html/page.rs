//! The page around the charts: style, assertions, pools, operations, decisions.
//!
//! Rows that are too many for a page are cut, and it is said how many there are; the JSON has them all.

use std::collections::{BTreeMap, BTreeSet};

use nodelane_model::Time;
use nodelane_rehearsal::record::{PoolRow, Record};

use super::chart::{Axis, Line, Mark, bars, chart};
use crate::rehearse::junit::escaped;
use crate::rehearse::{Run, markdown};

/// Decisions that a page shows: about 100 KiB.
const DECISIONS: usize = 500;
/// Operations that a page shows.
const OPERATIONS: usize = 60;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(runs: &[Run]) -> String {
    let labels: Vec<String> = runs.iter().map(|run| escaped(&run.label)).collect();
    let title = format!("Rehearsal: {}", labels.join(", "));
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta name=\"color-scheme\" content=\"light dark\"/><title>{title}</title>\n<style>\n{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
    );
    for run in runs {
        text.push_str(&section(run, runs.len() > 1));
    }
    text.push_str("</body></html>\n");
    text
}

fn section(run: &Run, is_one_of_many: bool) -> String {
    let record = &run.record;
    let axis = Axis { start: record.start, end: record.until };
    let mut text = String::from("<section>\n");
    if is_one_of_many {
        text.push_str(&format!("<h2>{}</h2>\n", escaped(&run.label)));
    }
    text.push_str(&format!("<p>{} to {}, seed {}</p>\n", record.start, record.until, record.seed));
    text.push_str(&asserts(record));
    let marks = marks(record);
    text.push_str(&charts(record, axis, &marks));
    let operations: Vec<Mark> = record.operations.iter().take(OPERATIONS).map(|row| operation(row, record.until)).collect();
    if !operations.is_empty() {
        text.push_str(&bars("Operations", axis, &operations));
    }
    if !marks.is_empty() {
        text.push_str(&bars("What happened to it", axis, &marks));
    }
    text.push_str(&decisions(record));
    text.push_str("</section>\n");
    text
}

fn asserts(record: &Record) -> String {
    if record.asserts.is_empty() {
        return "<p>Nothing is asserted.</p>\n".to_owned();
    }
    let mut text = "<table><thead><tr><th></th><th>assertion</th><th>of</th><th class=\"number\">value</th><th class=\"number\">limit</th></tr></thead><tbody>\n".to_owned();
    for row in &record.asserts {
        let (class, mark) = if row.holds { ("good", "holds") } else { ("bad", "fails") };
        text.push_str(&format!(
            "<tr class=\"{class}\"><td>{mark}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
            escaped(&row.metric),
            escaped(markdown::subject(row)),
            markdown::value(row),
            markdown::limit(row)
        ));
    }
    text.push_str("</tbody></table>\n");
    text
}

fn charts(record: &Record, axis: Axis, marks: &[Mark]) -> String {
    let pools: BTreeSet<(&str, &str)> = record.timeline.iter().map(|row| (row.cluster.as_str(), row.pool.as_str())).collect();
    let many_clusters = record.timeline.iter().any(|row| row.cluster != record.timeline[0].cluster);
    let of = |pool: (&str, &str), value: &dyn Fn(&PoolRow) -> f64| -> Vec<(Time, f64)> {
        let rows = record.timeline.iter().filter(|row| (row.cluster.as_str(), row.pool.as_str()) == pool);
        rows.map(|row| (row.at, value(row))).collect()
    };
    let name = |(cluster, pool): (&str, &str)| if many_clusters { format!("{cluster}/{pool}") } else { pool.to_owned() };
    let line = |(colour, pool): (usize, &(&str, &str)), what: &str, dashed: bool, value: &dyn Fn(&PoolRow) -> f64| Line {
        name: format!("{}{what}", name(*pool)),
        colour,
        dashed,
        points: of(*pool, value),
    };
    let mut text = String::new();
    let nodes = |(colour, pool)| {
        let all = line((colour, pool), "", false, &|row| f64::from(row.nodes));
        let ready = line((colour, pool), " ready", true, &|row| f64::from(row.ready));
        if all.points == ready.points { vec![all] } else { vec![all, ready] }
    };
    let limits = |metric: &str| -> Vec<f64> {
        record.asserts.iter().filter(|row| row.metric == metric && row.subject.is_none()).map(|row| row.limit).collect()
    };
    text.push_str(&chart("Nodes", axis, &pools.iter().enumerate().flat_map(nodes).collect::<Vec<_>>(), marks, &limits("nodes")));
    let waiting = Line { name: "pods without a node".into(), colour: 0, dashed: false, points: waiting(record) };
    text.push_str(&chart("Pending pods", axis, &[waiting], marks, &[]));
    let prices: Vec<Line> =
        pools.iter().enumerate().map(|pool| line(pool, "", false, &|row| row.micro_usd_per_hour as f64 / 1e6)).collect();
    text.push_str(&chart("US dollars an hour", axis, &prices, marks, &limits("price")));
    text
}

/// Pods that wait for a node, whenever their number changed.
fn waiting(record: &Record) -> Vec<(Time, f64)> {
    let mut changes: BTreeMap<Time, i64> = BTreeMap::from([(record.start, 0)]);
    for row in &record.pods {
        let end = row.bound.or(row.deleted);
        if end == Some(row.created) {
            continue;
        }
        *changes.entry(row.created).or_default() += 1;
        if let Some(end) = end {
            *changes.entry(end).or_default() -= 1;
        }
    }
    let mut count = 0;
    let sum = |(at, change): (Time, i64)| {
        count += change;
        (at, count as f64)
    };
    changes.into_iter().map(sum).collect()
}

fn operation(row: &nodelane_rehearsal::record::OperationRow, until: Time) -> Mark {
    let class = match row.outcome {
        Some("Succeeded") => "succeeded",
        Some("Failed") => "failed",
        Some(_) => "canceled",
        None => "running",
    };
    let of = row.pool.as_ref().map_or_else(|| row.cluster.to_string(), |pool| format!("{}/{pool}", row.cluster));
    let text = format!("{} of {of}: {}", row.kind, row.outcome.unwrap_or("still running"));
    Mark { from: row.start, to: row.end.unwrap_or(until), text, class }
}

/// What the timeline did: faults, changes and loads at their moments.
fn marks(record: &Record) -> Vec<Mark> {
    let rows = record.decisions.iter().filter(|row| row.planner == "user" || row.planner == "admit" || row.action == "violate");
    let mark = |row: &nodelane_rehearsal::record::DecisionRow| {
        let class = match row.action.as_str() {
            "fault" => "fault",
            "refuse" | "violate" => "failed",
            _ => "deed",
        };
        Mark { from: row.at, to: row.at, text: format!("{} {}", row.action, row.reason), class }
    };
    rows.map(mark).take(OPERATIONS).collect()
}

fn decisions(record: &Record) -> String {
    let count = record.decisions.len();
    let shown = count.min(DECISIONS);
    let note = if shown < count { format!(" (the first {shown})") } else { String::new() };
    let mut text = format!(
        "<details><summary>{count} decisions{note}</summary><table><thead><tr><th>at</th><th>planner</th><th>subject</th><th>action</th><th>reason</th></tr></thead><tbody>\n"
    );
    for row in record.decisions.iter().take(shown) {
        let cells = [row.at.to_string(), row.planner.to_string(), row.subject.to_string(), row.action.to_string(), row.reason.to_string()];
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        text.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    text.push_str("</tbody></table></details>\n");
    text
}
