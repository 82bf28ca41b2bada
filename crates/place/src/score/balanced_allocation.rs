//! NodeResourcesBalancedAllocation: whether the pod brings the shares of CPU and memory that are taken closer together.
//!
//! Since 1.36 the change counts, around 75; before, only the state after. Pods that request neither CPU nor memory get nothing.

use super::MAX;
use crate::profile::Profile;
use nodelane_world::NodeRow;

pub(crate) fn score(profile: &Profile, row: &NodeRow) -> i64 {
    let needs = &profile.class.needs;
    if needs.cpu_milli == 0 && needs.memory_bytes == 0 {
        return 0;
    }
    let used = &row.used;
    let with = balance(row, used.cpu_milli + needs.cpu_milli, used.memory_bytes + needs.memory_bytes);
    let without = balance(row, used.cpu_milli, used.memory_bytes);
    MAX / 2 + (MAX / 2 + with - without) / 2
}

/// 100 where both shares are the same, 50 where they are as far apart as can be.
fn balance(row: &NodeRow, cpu_milli: i64, memory_bytes: i64) -> i64 {
    let (all_cpu, all_memory) = (row.allocatable.cpu_milli, row.allocatable.memory_bytes);
    if all_cpu == 0 || all_memory == 0 {
        return MAX;
    }
    let share = |taken: i64, all: i64| (taken as f64 / all as f64).min(1.0);
    let deviation = ((share(cpu_milli, all_cpu) - share(memory_bytes, all_memory)) / 2.0).abs();
    ((1.0 - deviation) * MAX as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_pod_that_unbalances_an_empty_node_scores_below_75() {
        // Shares 1/2 and 1/4: deviation 1/8, so 87 after and 100 before.
        let (profile, row) = fixture::pod_on_node("1", "1Gi", "2", "4Gi");
        assert_eq!(score(&profile, &row), 50 + (50 + 87 - 100) / 2);
    }
}
