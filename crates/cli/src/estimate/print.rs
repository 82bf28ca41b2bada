//! The answer of `nodelane estimate`, for programs and for people.
//!
//! Pods are named by name, and by namespace and name where two namespaces have pods of one name. Prices are US dollars per hour.

use super::{Cost, Offers};
use nodelane_model::Doc;
use nodelane_place::estimate::Estimate;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Reasons that the table shows at most.
const REASONS_SHOWN: usize = 10;

/// `{"seconds", "memoryBytes", "machines", "pricePerHour", "unplaced", "placement", "order", "bound", "gapPercent", "reasons", "volumesUnknown"}`.
pub(super) fn json(found: &Estimate, pods: &[Arc<Doc>], offers: &Offers, cost: &Cost, elsewhere: usize) -> Value {
    let names = names(pods);
    let placement = found.machines.iter().map(|machine| {
        let template = &offers.templates[machine.template];
        let pods: Vec<&str> = machine.pods.iter().map(|at| names[*at].as_str()).collect();
        let mut placed = json!({"size": template.size, "zone": template.zone, "capacityType": template.capacity_type, "pods": pods});
        if offers.of_pools {
            placed["pool"] = json!(template.group);
        }
        placed
    });
    let order: Vec<&str> = found.order.iter().map(|at| names[*at].as_str()).collect();
    let reasons: BTreeMap<&str, &str> = found.unplaced.iter().map(|(at, reason)| (names[*at].as_str(), reason.as_str())).collect();
    json!({
        "seconds": cost.seconds,
        "memoryBytes": cost.memory_bytes,
        "machines": found.machines.len(),
        "pricePerHour": usd(found.price_nano_usd),
        "unplaced": found.unplaced.len(),
        "placement": placement.collect::<Vec<Value>>(),
        "order": order,
        "bound": usd(found.bound_nano_usd),
        "gapPercent": gap_percent(found),
        "reasons": reasons,
        "volumesUnknown": elsewhere,
    })
}

/// What to add, by group, size, zone and kind of capacity, then what finds no machine.
pub(super) fn table(found: &Estimate, pods: &[Arc<Doc>], offers: &Offers) -> String {
    let names = names(pods);
    let mut rows: BTreeMap<[&str; 4], (usize, usize, i64)> = BTreeMap::new();
    for machine in &found.machines {
        let template = &offers.templates[machine.template];
        let group = if offers.of_pools { template.group.as_str() } else { "" };
        let row = rows.entry([group, &template.size, &template.zone, &template.capacity_type]).or_default();
        *row = (row.0 + 1, row.1 + machine.pods.len(), row.2 + template.price_nano_usd);
    }
    let mut cells: Vec<[String; 7]> = vec![["Pool", "Size", "Zone", "Capacity", "Machines", "Pods", "USD/h"].map(str::to_owned)];
    for (key, (machines, pods, price)) in rows {
        let [pool, size, zone, capacity] = key.map(str::to_owned);
        cells.push([pool, size, zone, capacity, machines.to_string(), pods.to_string(), format!("{:.4}", usd(price))]);
    }
    if !offers.of_pools {
        cells.iter_mut().for_each(|row| row[0].clear());
    }
    let mut text = String::new();
    let widths: Vec<usize> = (0..7).map(|column| cells.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    for row in &cells {
        let padded = row.iter().zip(&widths).filter(|(_, width)| **width > 0).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    let placed = found.order.len();
    let _ = writeln!(
        text,
        "\n{placed} pods on {} machines, {:.4} USD/h; no answer costs less than {:.4} ({:.1} % below)",
        found.machines.len(),
        usd(found.price_nano_usd),
        usd(found.bound_nano_usd),
        gap_percent(found)
    );
    for (at, reason) in found.unplaced.iter().take(REASONS_SHOWN) {
        let _ = writeln!(text, "{}: {reason}", names[*at]);
    }
    if found.unplaced.len() > REASONS_SHOWN {
        let _ = writeln!(text, "and {} more pods that find no machine", found.unplaced.len() - REASONS_SHOWN);
    }
    text
}

/// What is said of pods whose claims are not known.
pub(super) fn unknown_volumes(pods: usize) -> String {
    match pods {
        0 => String::new(),
        _ => format!(
            "{pods} pods have claims that the file does not have: placed wherever they fit otherwise, with any number of volumes a node\n"
        ),
    }
}

fn usd(nano: i64) -> f64 {
    nano as f64 / 1e9
}

/// How far the bound is below the price, in percent of the price.
fn gap_percent(found: &Estimate) -> f64 {
    match found.price_nano_usd {
        0 => 0.0,
        price => (price - found.bound_nano_usd) as f64 / price as f64 * 100.0,
    }
}

fn names(pods: &[Arc<Doc>]) -> Vec<String> {
    let bare: BTreeSet<&str> = pods.iter().map(|doc| doc.key.name.as_str()).collect();
    let unique = bare.len() == pods.len();
    let name = |doc: &Arc<Doc>| if unique { doc.key.name.to_string() } else { format!("{}/{}", doc.key.namespace, doc.key.name) };
    pods.iter().map(name).collect()
}
