//! E2 to E4: faults are over, users have taken back their cordons, and time has passed. All is as asked, nothing is left over, states
//! are true.
//!
//! A pod that is not bound has no node on which it would fit by the plainest reading: labels, taints, cores, memory, number of pods.

use super::instances::Instances;
use super::{Findings, Invariant, View};
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::node::Taint;
use nodelane_model::operation::Outcome;
use nodelane_model::pod::{Phase, PodSpec};
use nodelane_model::pool::Power;
use nodelane_model::{Doc, Key, Kind, Machine, Name, Node, NodePool, Time};

pub(super) fn judge(findings: &mut Findings, view: &View, instances: &Instances, at: Time) {
    let runs = view.cluster().is_some_and(|cluster| cluster.spec.power == Power::Running);
    let cluster_rests = view.cluster_operation().is_none();
    findings.check(Invariant::Ends, at, cluster_rests, || "the cluster's operation has not ended".to_owned());
    for (name, pool) in view.pools() {
        findings.check(Invariant::Ends, at, pool.state.operation.is_none() && pool.state.successor.is_none(), || {
            format!("pool {name} is still {}", pool.provisioning_state())
        });
        let usable = pool.last_outcome() == Outcome::Succeeded || pool.state.deletion_started.is_some();
        findings.check(Invariant::Usable, at, usable, || {
            let error = pool.last_ended().and_then(|ended| ended.ended.clone());
            format!("pool {name} was put again and is {}: {error:?}", pool.provisioning_state())
        });
        settled(findings, view, at, name, pool, runs);
    }
    leaks(findings, view, instances, at);
    pods(findings, view, at);
}

fn settled(findings: &mut Findings, view: &View, at: Time, name: &Name, pool: &NodePool, runs: bool) {
    let own: Vec<(&Name, &Machine)> = view.machines(name).filter(|(_, machine)| !machine.surge && machine.intent != Intent::Gone).collect();
    let runs = runs && pool.spec.power == Power::Running;
    let count = own.len() as u32;
    let fits = match pool.spec.enable_auto_scaling {
        true => count >= pool.spec.min_count.unwrap_or(0).min(pool.spec.count),
        false => count == pool.spec.count,
    };
    findings.check(Invariant::Settles, at, fits, || format!("pool {name} has {count} machines of {}", pool.spec.count));
    for (name, machine) in own {
        let node = view.node(name);
        // A spot machine that was deallocated stays so until its pool is scaled (aks-semantics S-5).
        let deallocated = machine.phase == MachinePhase::Stopped;
        let holds = match (runs, deallocated) {
            (true, false) => machine.phase == MachinePhase::Running && node.is_some_and(|node| node.status.is_ready()),
            (true, true) => pool.spec.eviction_policy == "Deallocate",
            (false, _) => deallocated && node.is_none_or(|node| !node.status.is_ready()),
        };
        findings.check(Invariant::Settles, at, holds, || {
            let ready = node.map(|node| node.status.is_ready());
            format!("machine {name} is {:?}, its node is Ready: {ready:?}, its pool runs: {runs}", machine.phase)
        });
        let current = machine.running.as_ref().is_none_or(|is| is.version == pool.state.version && is.image == pool.state.image);
        findings.check(Invariant::Settles, at, deallocated || current, || format!("machine {name} has {:?}", machine.running));
        if let Some(node) = node.filter(|_| !deallocated) {
            node_as_its_pool(findings, view, at, name, node, pool);
        }
    }
}

fn node_as_its_pool(findings: &mut Findings, view: &View, at: Time, name: &Name, node: &Node, pool: &NodePool) {
    let wanted: Vec<Taint> = pool.spec.node_taints.iter().filter_map(|text| Taint::parse(text)).collect();
    // The autoscaler's mark of a node that it may not take, for its pool has its minimum (SD-3).
    let is: Vec<&Taint> = node.spec.taints.iter().filter(|taint| taint.key != "DeletionCandidateOfClusterAutoscaler").collect();
    let same = is.len() == wanted.len() && wanted.iter().all(|taint| is.iter().any(|is| is.same_place(taint)));
    findings.check(Invariant::Leak, at, same && !node.spec.unschedulable, || {
        format!("node {name} has taints {:?}, unschedulable: {}", node.spec.taints, node.spec.unschedulable)
    });
    let doc = view.get(&Key::global(Kind::Node, name.clone()));
    let labelled = doc.is_some_and(|doc| pool.spec.node_labels.iter().all(|(key, value)| doc.meta.labels.get(key) == Some(value)));
    // `lane` is the one label that pools of a storm have and lose.
    let stale = doc.is_some_and(|doc| doc.meta.labels.contains_key("lane") && !pool.spec.node_labels.contains_key("lane"));
    findings.check(Invariant::Settles, at, labelled && !stale, || format!("node {name} has not the labels of its pool"));
}

fn leaks(findings: &mut Findings, view: &View, instances: &Instances, at: Time) {
    for doc in view.list(Kind::Machine) {
        let Some(machine) = doc.as_machine() else { continue };
        let name = &doc.key.name;
        let held = machine.surge || machine.intent == Intent::Gone || machine.drain.is_some() || !machine.cordoned_by.is_empty();
        findings.check(Invariant::Leak, at, !held && view.pool(&machine.pool).is_some(), || {
            format!("machine {name}: {:?}, surge {}, {:?}, {:?}", machine.intent, machine.surge, machine.cordoned_by, machine.drain)
        });
    }
    for doc in view.list(Kind::Node) {
        let orphan = view.machine(&doc.key.name).is_none();
        findings.check(Invariant::Leak, at, !orphan, || format!("node {} has no machine", doc.key.name));
    }
    let lost = instances.exist().iter().find(|name| view.machine(name).is_none());
    findings.check(Invariant::Leak, at, lost.is_none(), || format!("the cloud still has {lost:?}"));
}

fn pods(findings: &mut Findings, view: &View, at: Time) {
    for doc in view.list(Kind::Pod) {
        let Some(pod) = doc.as_pod() else { continue };
        let open = matches!(pod.status.phase, Phase::Pending | Phase::Running);
        let place = pod.node.as_ref().and_then(|node| view.node(node));
        // Nobody ends the pods of a machine that is deallocated and whose node stays (aks-semantics S-5).
        let deallocated = pod.node.as_ref().and_then(|node| view.machine(node)).is_some_and(|m| m.phase == MachinePhase::Stopped);
        let ends = doc.meta.deleted.is_some() && !deallocated;
        findings.check(Invariant::Leak, at, !ends && (pod.node.is_none() || place.is_some() || !open), || {
            format!("pod {} is terminating or on a node that is not there", doc.key)
        });
        if pod.node.is_none() && open {
            let fits = view.list(Kind::Node).find(|node| takes(view, node, &pod.spec));
            findings.check(Invariant::Settles, at, fits.is_none(), || {
                let there = fits.map(|node| view.pods_on(&node.key.name).map(|pod| pod.key.name.to_string()).collect::<Vec<_>>());
                format!(
                    "pod {} waits, and {} would take it beside {there:?}",
                    doc.key,
                    fits.map(|node| node.key.name.clone()).unwrap_or_default()
                )
            });
        }
        let starts = pod.status.phase == Phase::Pending && place.is_some_and(|node| node.status.is_ready());
        findings.check(Invariant::Settles, at, !starts, || format!("pod {} is bound and does not start", doc.key));
    }
    for doc in view.list(Kind::Deployment) {
        let wanted = doc.as_deployment().and_then(|body| body.spec.replicas).unwrap_or(1);
        let label = doc.key.name.as_str();
        let is = view.list_in(Kind::Pod, &doc.key.namespace).filter(|pod| {
            let active = pod.as_pod().is_some_and(|pod| matches!(pod.status.phase, Phase::Pending | Phase::Running));
            active && pod.meta.labels.get("app").is_some_and(|app| app == label)
        });
        let is = is.count() as i64;
        // A rollout that cannot go on keeps a quarter more (maxSurge).
        let most = i64::from(wanted) + (i64::from(wanted) + 3) / 4;
        let fewest = i64::from(wanted) - i64::from(wanted) / 4;
        findings.check(Invariant::Settles, at, (fewest..=most).contains(&is), || format!("deployment {label} has {is} pods of {wanted}"));
    }
}

fn takes(view: &View, node_doc: &Doc, spec: &PodSpec) -> bool {
    let Some(node) = node_doc.as_node().filter(|node| super::view::takes_pods(node)) else { return false };
    if spec.affinity.is_some() {
        return false; // Of a storm's pods only those of daemon sets have one: each names its own node.
    }
    let labels = spec.node_selector.iter().all(|(key, value)| node_doc.meta.labels.get(key) == Some(value));
    let bars = |taint: &&Taint| taint.effect != "PreferNoSchedule" && !spec.tolerations.iter().any(|t| t.tolerates(taint));
    if !labels || node.spec.taints.iter().any(|taint| bars(&taint)) {
        return false;
    }
    let sum = |spec: &PodSpec, name: &str| -> i64 {
        spec.containers.iter().filter_map(|container| container.resources.requests.get(name)?.milli()).sum()
    };
    let there: Vec<_> = view.pods_on(&node_doc.key.name).filter_map(|doc| doc.as_pod()).collect();
    let there: Vec<_> = there.into_iter().filter(|pod| matches!(pod.status.phase, Phase::Pending | Phase::Running)).collect();
    ["cpu", "memory"].into_iter().all(|name| {
        let has = node.status.allocatable.get(name).and_then(|quantity| quantity.milli()).unwrap_or(0);
        there.iter().map(|pod| sum(&pod.spec, name)).sum::<i64>() + sum(spec, name) <= has
    }) && (there.len() as i64) < node.status.allocatable.get("pods").and_then(|quantity| quantity.units()).unwrap_or(0)
}
