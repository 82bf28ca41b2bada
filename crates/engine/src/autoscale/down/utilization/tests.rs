//! Shares by table: what is asked for of what there is.
//!
//! Expected shares are the spec's rules worked out by hand (aks-semantics 3.2, AL-7).

use super::*;
use crate::autoscale::down::fixture::put;
use nodelane_model::Kind;
use serde_json::{Value, json};

const NOW: Time = Time(10_000_000_000);

/// A node of four cores and eight GiB with these pods: requests of CPU and memory, and whether they are daemons.
fn share_of(pods: &[(&str, &str, bool)], labels: Value, allocatable: Value, profile: &Profile) -> Option<Utilization> {
    let mut world = World::new(0);
    let mut all = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    allocatable.as_object().into_iter().flatten().for_each(|(key, value)| all[key] = value.clone());
    put(&mut world, Kind::Node, json!({"metadata": {"name": "n", "labels": labels}, "spec": {}, "status": {"allocatable": all}}));
    for (at, (cpu, memory, is_daemon)) in pods.iter().enumerate() {
        let kind = if *is_daemon { "DaemonSet" } else { "ReplicaSet" };
        let mut requests = json!({"cpu": cpu, "memory": memory});
        if labels.get("accelerator").is_some() {
            requests["nvidia.com/gpu"] = json!("1");
        }
        put(
            &mut world,
            Kind::Pod,
            json!({"metadata": {"name": format!("p{at}"), "namespace": "default", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": "o", "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i", "resources": {"requests": requests}}]}, "status": {"phase": "Running"}}),
        );
    }
    of(&world, world.node(&"n".into()).unwrap(), profile, NOW)
}

#[test]
fn the_larger_share_decides_and_up_to_the_threshold_a_node_may_go() {
    let profile = Profile::default();
    let share = |pods: &[(&str, &str, bool)]| share_of(pods, json!({}), json!({}), &profile).unwrap();
    let half = share(&[("1", "1Gi", false), ("1", "1Gi", false)]);
    assert_eq!((half.cpu, half.memory, half.resource, half.share), (0.5, 0.25, "cpu", 0.5));
    assert!(half.is_low(&profile), "0.5 is not above 0.5");
    let more = share(&[("1", "1Gi", false), ("1001m", "1Gi", false)]);
    assert!(!more.is_low(&profile));
    let memory = share(&[("1", "4Gi", false)]);
    assert_eq!((memory.resource, memory.share), ("memory", 0.5));
    assert_eq!(share(&[]).resource, "memory", "of equal shares it is memory's");
}

#[test]
fn daemons_count_unless_the_profile_leaves_them_out_on_both_sides() {
    let pods = [("1", "1Gi", false), ("2", "1Gi", true)];
    let counted = share_of(&pods, json!({}), json!({}), &Profile::default()).unwrap();
    assert_eq!(counted.cpu, 0.75);
    let ignoring = Profile { ignore_daemonsets_utilization: true, ..Profile::default() };
    let ignored = share_of(&pods, json!({}), json!({}), &ignoring).unwrap();
    // AL-7: one core of the two that daemons leave.
    assert_eq!((ignored.cpu, ignored.memory), (0.5, 1.0 / 7.0));
}

#[test]
fn a_node_with_gpus_is_judged_by_them_alone() {
    let gpus = |pods: &[(&str, &str, bool)], allocatable: Value| {
        share_of(pods, json!({"accelerator": "nvidia"}), allocatable, &Profile::default()).unwrap()
    };
    let one_of_four = gpus(&[("4", "8Gi", false)], json!({"nvidia.com/gpu": "4"}));
    assert_eq!((one_of_four.share, one_of_four.resource, one_of_four.cpu), (0.25, "nvidia.com/gpu", 0.0));
    assert_eq!(gpus(&[("4", "8Gi", false)], json!({})).share, 0.0, "GPUs that do not report leave the node free to go");
}

#[test]
fn a_node_that_has_nothing_to_give_has_no_share() {
    assert_eq!(share_of(&[], json!({}), json!({"cpu": "0"}), &Profile::default()), None);
}

#[test]
fn it_is_printed_as_go_prints_it() {
    let share = share_of(&[("1", "1Gi", false)], json!({}), json!({}), &Profile::default()).unwrap();
    assert_eq!(share.to_string(), "{0.25 0.125 0 0 cpu 0.25}");
}
