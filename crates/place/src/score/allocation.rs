//! NodeResourcesFit and NodeResourcesBalancedAllocation over any resources, for configurations other than the default.
//!
//! A resource that a node does not have counts for nothing there, and so does an extended one that the pod does not request. The default
//! way, CPU and memory with weight 1, is in files of its own: it is asked once per pod and node. Equal to them by the tests here.

use super::{MAX, balanced_allocation};
use crate::config::Strategy;
use crate::profile::Profile;
use nodelane_model::Name;
use nodelane_world::{Amounts, NodeRow};

/// What NodeResourcesFit gives by the profile's strategy.
pub(crate) fn fit(profile: &Profile, row: &NodeRow) -> i64 {
    let config = &profile.config;
    let (mut sum, mut weights) = (0, 0);
    for (name, weight) in &config.fit_resources {
        let (taken, asked) = match name.as_str() {
            "cpu" => (row.scoring_cpu_milli, profile.scoring_cpu_milli),
            "memory" => (row.scoring_memory_bytes, profile.scoring_memory_bytes),
            _ => (amount(&row.used, name), amount(&profile.scoring_needs, name)),
        };
        let Some(all) = counted(row, name, asked) else { continue };
        let taken = taken + asked;
        let (score, counts) = match &config.strategy {
            Strategy::LeastAllocated => (if taken > all { 0 } else { (all - taken) * MAX / all }, true),
            Strategy::MostAllocated => (taken.min(all) * MAX / all, true),
            Strategy::RequestedToCapacityRatio(points) => {
                let score = on_line(points, if taken > all { MAX } else { taken * MAX / all });
                (score, score > 0)
            }
        };
        if counts {
            sum += score * weight;
            weights += weight;
        }
    }
    match &config.strategy {
        _ if weights == 0 => 0,
        Strategy::RequestedToCapacityRatio(_) => (sum as f64 / weights as f64).round() as i64,
        _ => sum / weights,
    }
}

/// What NodeResourcesBalancedAllocation gives.
pub(crate) fn balance(profile: &Profile, row: &NodeRow) -> i64 {
    let needs = &profile.class.needs;
    let resources = &profile.config.balanced_resources;
    if resources.iter().all(|name| amount(needs, name) == 0) {
        return 0;
    }
    let shares = |with: i64| {
        let share = |name: &Name| {
            let asked = amount(needs, name);
            let all = counted(row, name, asked)?;
            Some(((amount(&row.used, name) + with * asked) as f64 / all as f64).min(1.0))
        };
        evenness(&resources.iter().filter_map(share).collect::<Vec<f64>>())
    };
    balanced_allocation::counted(profile.config.balance, shares)
}

/// 100 less the standard deviation.
fn evenness(shares: &[f64]) -> i64 {
    let count = shares.len() as f64;
    let deviation = match shares {
        [] | [_] => 0.0,
        [one, other] => ((one - other) / 2.0).abs(),
        _ => {
            // The same order of operations as upstream's, so that the last bit is the same.
            let mean = shares.iter().fold(0.0, |sum, share| sum + share) / count;
            (shares.iter().fold(0.0, |sum, share| sum + (share - mean) * (share - mean)) / count).sqrt()
        }
    };
    ((1.0 - deviation) * MAX as f64) as i64
}

/// What a node has of a resource that counts there.
fn counted(row: &NodeRow, name: &Name, asked: i64) -> Option<i64> {
    let is_scalar = name.contains('/') || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-");
    let is_known = is_scalar || matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
    let all = amount(&row.allocatable, name);
    (is_known && all != 0 && !(is_scalar && asked == 0)).then_some(all)
}

fn amount(amounts: &Amounts, name: &str) -> i64 {
    match name {
        "cpu" => amounts.cpu_milli,
        "memory" => amounts.memory_bytes,
        "ephemeral-storage" => amounts.ephemeral_bytes,
        _ => amounts.extended.get(name).copied().unwrap_or(0),
    }
}

/// The height of a line through points at `x`; level before the first and behind the last.
fn on_line(points: &[(i64, i64)], x: i64) -> i64 {
    match points.iter().position(|(at, _)| x <= *at) {
        None => points.last().map_or(0, |(_, height)| *height),
        Some(0) => points[0].1,
        Some(next) => {
            let ((x0, y0), (x1, y1)) = (points[next - 1], points[next]);
            y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::score::least_allocated;

    #[test]
    fn over_cpu_and_memory_it_says_what_the_default_way_says() {
        for (cpu, memory) in [("1", "1Gi"), ("3", "1Gi"), ("0", "0"), ("250m", "3Gi")] {
            let (profile, row) = fixture::pod_on_node(cpu, memory, "2", "4Gi");
            assert_eq!(fit(&profile, &row), least_allocated::score(&profile, &row), "{cpu} {memory}");
            assert_eq!(balance(&profile, &row), balanced_allocation::score(&profile, &row), "{cpu} {memory}");
        }
    }

    #[test]
    fn a_line_is_level_outside_of_its_points_and_rounds_towards_zero_between() {
        let points = [(20, 0), (80, 100)];
        assert_eq!([0, 20, 50, 51, 80, 100].map(|x| on_line(&points, x)), [0, 0, 50, 51, 100, 100]);
        assert_eq!(on_line(&[(0, 100), (30, 0)], 10), 67);
    }
}
