//! NodeResourcesBalancedAllocation: whether the pod brings the shares of CPU and memory that are taken closer together.
//!
//! Since 1.36 the change counts, around 75; before, only the state with the pod: the configuration says which. Pods that request neither
//! CPU nor memory get nothing. Over other resources than these two it is `allocation` that scores.

use super::MAX;
use crate::config::Balance;
use crate::profile::Profile;
use nodelane_world::NodeRow;

pub(crate) fn score(profile: &Profile, row: &NodeRow) -> i64 {
    let needs = &profile.class.needs;
    if needs.cpu_milli == 0 && needs.memory_bytes == 0 {
        return 0;
    }
    let used = &row.used;
    let with = |times: i64| balance(row, used.cpu_milli + times * needs.cpu_milli, used.memory_bytes + times * needs.memory_bytes);
    counted(profile.config.balance, with)
}

/// What counts of a node's balance with no or one pod more.
pub(super) fn counted(what: Balance, with: impl Fn(i64) -> i64) -> i64 {
    match what {
        Balance::Change => MAX / 2 + (MAX / 2 + with(1) - with(0)) / 2,
        Balance::State => with(1),
    }
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

    #[test]
    fn before_1_36_the_balance_with_the_pod_is_the_score() {
        let (mut profile, row) = fixture::pod_on_node("1", "1Gi", "2", "4Gi");
        profile.config = profile.config.of_release("1.35.4");
        assert_eq!(score(&profile, &row), 87);
        assert_eq!(crate::score::allocation::balance(&profile, &row), 87);
    }
}
