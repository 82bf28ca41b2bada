//! Which of several nodes goes first, and which not at all.
//!
//! The order is the spec's (aks-semantics SD-3, SD-4b; section 8 row 7 for zones).

use super::*;

fn lanes(minimum: u32, zones: &[(&str, u32)]) -> BTreeMap<Name, Lane> {
    let zones: BTreeMap<Name, u32> = zones.iter().map(|(zone, count)| (Name::from(*zone), *count)).collect();
    let lane = Lane { profile: Profile::default(), minimum, stay: zones.values().sum(), zones, next_change: None, cooldown: None };
    [(Name::from("np"), lane)].into()
}

fn ripe(name: &str, zone: &str, share: f64, since: i64) -> Ripe {
    let utilization = Utilization { share, ..Utilization::default() };
    Ripe { name: name.into(), pool: "np".into(), zone: zone.into(), since: Time(since), utilization, is_empty: share == 0.0 }
}

/// The names in the order in which they would go, with the lane kept in step as `run` does.
fn order(mut all: Vec<Ripe>, mut lanes: BTreeMap<Name, Lane>, strategy: Strategy) -> Vec<String> {
    let mut names = Vec::new();
    let mut draining = 0;
    while let Some(next) = choose(&all, &lanes, draining, strategy) {
        let ripe = all.swap_remove(next);
        let lane = lanes.get_mut(&ripe.pool).unwrap();
        lane.stay -= 1;
        *lane.zones.get_mut(&ripe.zone).unwrap() -= 1;
        draining += u32::from(!ripe.is_empty);
        names.push(ripe.name.to_string());
    }
    names
}

#[test]
fn empty_nodes_go_first_and_one_with_pods_at_a_time() {
    let all = vec![ripe("full", "1", 0.4, 0), ripe("half", "1", 0.2, 5), ripe("late", "1", 0.0, 9), ripe("early", "1", 0.0, 1)];
    assert_eq!(order(all, lanes(0, &[("1", 9)]), Strategy::Aks), ["early", "late", "half"]);
}

#[test]
fn the_minimum_holds_within_one_look() {
    let all = vec![ripe("a", "1", 0.0, 0), ripe("b", "1", 0.0, 0), ripe("c", "1", 0.0, 0)];
    assert_eq!(order(all, lanes(2, &[("1", 3)]), Strategy::Aks), ["a"]);
}

#[test]
fn among_equals_the_better_strategy_takes_from_the_fullest_zone() {
    let all = || {
        vec![ripe("a1", "1", 0.0, 0), ripe("b2", "2", 0.0, 0), ripe("c2", "2", 0.0, 0), ripe("d3", "3", 0.0, 0), ripe("e3", "3", 0.0, 0)]
    };
    let zones = [("1", 1), ("2", 2), ("3", 2)];
    assert_eq!(order(all(), lanes(3, &zones), Strategy::Better), ["b2", "d3"], "one is left in each zone");
    assert_eq!(order(all(), lanes(3, &zones), Strategy::Aks), ["a1", "b2"]);
    // Emptier nodes are no equals: they go first, whatever their zone.
    let unequal = vec![ripe("a1", "1", 0.1, 0), ripe("b2", "2", 0.3, 0)];
    assert_eq!(order(unequal, lanes(0, &[("1", 1), ("2", 5)]), Strategy::Better), ["a1"]);
}

#[test]
fn a_node_ripens_at_the_whole_interval_after_it_has_been_of_no_need_for_longer_than_it_must() {
    let profile = Profile::default();
    assert_eq!(matures_at(&profile, Time(0), true), Time(610_000));
    assert_eq!(matures_at(&profile, Time(0), false), Time(1_210_000));
    let odd = Profile { scan_interval_millis: 7_000, ..profile };
    assert_eq!(matures_at(&odd, Time(0), true), Time(602_000), "the first multiple of seven seconds beyond ten minutes");
}
