//! A day of streaming under both strategies: `better` lets no pod wait longer and takes fewer node-hours than `aks`.
//!
//! Three lanes: ingest follows the day in steps of ten minutes, windows come every hour for a quarter of an hour, and a lane for joins
//! follows ingest half an hour later. Each has a pool of its own, so what one does should not hold up the others. `--nocapture` prints.

#[path = "support/mod.rs"]
mod support;

use nodelane_engine::Env;
use nodelane_engine::autoscale::Strategy;
use nodelane_model::{Key, Kind, Time};
use nodelane_sim::BootProfile;
use serde_json::json;
use std::collections::BTreeMap;
use support::{Bench, HOUR, MINUTE};

/// What a day came to.
#[derive(Debug)]
struct Day {
    /// From creation to binding, of all pods.
    pending_p95_millis: i64,
    node_minutes: i64,
    /// Nodes that were removed.
    churn: usize,
}

fn lane(bench: &mut Bench, name: &str, most: u32) -> Key {
    bench.make(name, 1, |spec| (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(0), Some(most)));
    let template = json!({"restartPolicy": "Always", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 5,
        "nodeSelector": {"agentpool": name},
        "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "1800m", "memory": "1Gi"}}}]});
    bench.create(
        Kind::Deployment,
        json!({"metadata": {"name": name, "namespace": "default", "generation": 1}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template}}}),
    )
}

fn day(strategy: Strategy) -> Day {
    let mut bench = Bench::in_env(BootProfile::Azure, Env { autoscaler: strategy, ..Env::default() });
    let keys = ["ingest", "joins", "windows"].map(|name| lane(&mut bench, name, 20));
    bench.pass(HOUR);
    let (start, since) = (bench.r.now(), bench.r.events.len());
    // 4 to 20 pods over the day, by a wave of twelve steps an hour that needs no floating point to be the same everywhere.
    let wave = |step: i64| -> i64 {
        let of_day = step.rem_euclid(144);
        4 + 16 * (72 - (of_day - 72).abs()) / 72 + [0, 2, 1, 3, 0, 1][step.rem_euclid(6) as usize]
    };
    for step in 0..144 {
        let windows = if step % 6 == 0 {
            12
        } else if step % 6 == 2 {
            0
        } else {
            -1
        };
        for (key, replicas) in keys.iter().zip([wave(step), wave(step - 3), windows]) {
            if replicas >= 0 {
                bench.edit(key, |doc| {
                    doc.meta.generation += 1;
                    if let Some(deployment) = doc.as_deployment_mut() {
                        deployment.spec.replicas = Some(replicas as i32);
                    }
                });
            }
        }
        bench.pass(10 * MINUTE);
    }
    measure(&bench, start, since)
}

fn measure(bench: &Bench, start: Time, since: usize) -> Day {
    let (mut nodes, mut last, mut node_millis, mut churn) = (0_i64, start, 0, 0);
    let mut created: BTreeMap<Key, Time> = BTreeMap::new();
    let mut waits = Vec::new();
    for (place, (at, event)) in bench.r.events.iter().enumerate() {
        let Some(key) = event.key() else { continue };
        match key.kind {
            Kind::Node => {
                if place >= since {
                    node_millis += nodes * at.since(last);
                    last = *at;
                }
                nodes += i64::from(event.old.is_none()) - i64::from(event.new.is_none());
                churn += usize::from(event.new.is_none() && place >= since);
            }
            Kind::Pod if place >= since => {
                if event.old.is_none() {
                    created.insert(key.clone(), *at);
                }
                let is_bound = event.new.as_ref().and_then(|doc| doc.as_pod()).is_some_and(|pod| pod.node.is_some());
                if let Some(from) = created.get(key).copied().filter(|_| is_bound) {
                    created.remove(key);
                    waits.push(at.since(from));
                }
            }
            _ => {}
        }
    }
    node_millis += nodes * bench.r.now().since(last);
    waits.sort_unstable();
    Day { pending_p95_millis: waits[waits.len() * 95 / 100], node_minutes: node_millis / MINUTE, churn }
}

#[test]
fn over_a_day_of_streaming_better_takes_fewer_node_hours_and_lets_no_pod_wait_longer() {
    let (aks, better) = (day(Strategy::Aks), day(Strategy::Better));
    println!("aks    {aks:?}\nbetter {better:?}");
    assert!(better.pending_p95_millis <= aks.pending_p95_millis, "{aks:?} {better:?}");
    assert!(better.node_minutes < aks.node_minutes, "{aks:?} {better:?}");
    assert!(better.churn <= aks.churn, "{aks:?} {better:?}");
}
