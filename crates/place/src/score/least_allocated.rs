//! NodeResourcesFit, strategy LeastAllocated: the emptier in CPU and memory, the better.
//!
//! The shares that would be free with the pod, in percent, averaged. Containers without a request count with a default, so that many of
//! them do not pile up on one node.

use super::MAX;
use crate::profile::Profile;
use nodelane_world::NodeRow;

pub(crate) fn score(profile: &Profile, row: &NodeRow) -> i64 {
    let (cpu, memory) = (row.allocatable.cpu_milli, row.allocatable.memory_bytes);
    let parts =
        [(cpu, row.scoring_cpu_milli + profile.scoring_cpu_milli), (memory, row.scoring_memory_bytes + profile.scoring_memory_bytes)];
    let (mut sum, mut weights) = (0, 0);
    for (all, taken) in parts.into_iter().filter(|(all, _)| *all != 0) {
        sum += if taken > all { 0 } else { (all - taken) * MAX / all };
        weights += 1;
    }
    if weights == 0 { 0 } else { sum / weights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn half_empty_in_cpu_and_a_quarter_taken_of_memory_is_62() {
        let (profile, row) = fixture::pod_on_node("1", "1Gi", "2", "4Gi");
        assert_eq!(score(&profile, &row), (50 + 75) / 2);
    }

    #[test]
    fn an_overfull_resource_gives_nothing() {
        let (profile, row) = fixture::pod_on_node("3", "1Gi", "2", "4Gi");
        assert_eq!(score(&profile, &row), 75 / 2);
    }
}
