//! How containers fare over time: running, ready, ended, waiting to be started again.
//!
//! A function of the pod's document and the time. A container that ends is started again as its pod's restart policy says: the first
//! time at once, then after 10 s, doubled each time up to five minutes, as kubelet's back-off does; after a run of more than ten minutes
//! at once again. Which restart it is, is read off the restart count, so nothing is remembered.

use super::script::{self, Script};
use nodelane_model::pod::{Condition, Container, ContainerState, ContainerStatus, Phase, PodSpec, PodStatus, Running, Terminated, Waiting};
use nodelane_model::{Doc, Time, Uid};

/// The first pause (kubelet's `initialCrashLoopBackOff`).
const BACK_OFF_MILLIS: i64 = 10_000;
/// The longest pause (kubelet's `MaxContainerBackOff`).
const LONGEST_BACK_OFF_MILLIS: i64 = 300_000;
/// Ends and starts of one container looked at in one go; what is left is due at once.
const STEPS_AT_ONCE: usize = 16;
const CRASH_LOOP: &str = "CrashLoopBackOff";
/// The conditions that say whether all containers are ready.
const READY: [&str; 2] = ["Ready", "ContainersReady"];

/// A container that begins to run.
pub fn started(uid: Uid, container: &Container, ready: bool, at: Time) -> ContainerStatus {
    ContainerStatus {
        name: container.name.clone(),
        ready,
        started: true,
        image: container.image.clone(),
        container_id: id(uid, container, 0).into(),
        state: running(at),
        ..ContainerStatus::default()
    }
}

/// An id of a run of a container.
fn id(uid: Uid, container: &Container, restarts: i32) -> String {
    let id = nodelane_model::hash::Hash::new(uid.0 as u64).text(&container.name).number(restarts.unsigned_abs().into()).get();
    format!("containerd://{id:016x}{:048x}", uid.0)
}

/// The state of a container that runs.
fn running(at: Time) -> ContainerState {
    ContainerState { running: Some(Running { started_at: at.whole_seconds() }), ..ContainerState::default() }
}

/// When something happens next to the containers of a running pod; not after `now` where its conditions are not as they should be.
pub fn next_at(doc: &Doc, now: Time) -> Option<Time> {
    let pod = doc.as_pod()?;
    let of = |status: &ContainerStatus| {
        let container = pod.spec.containers.iter().find(|container| container.name == status.name)?;
        event_at(status, script::of(doc, container))
    };
    let statuses = &pod.status.container_statuses;
    let unready = unready_message(statuses);
    let right = |condition: &&Condition| (condition.status == "True", condition.message.as_str()) == (unready.is_empty(), unready.as_str());
    let right = |kind: &str| pod.status.conditions.iter().find(|condition| condition.kind == kind).is_some_and(|is| right(&is));
    if READY.into_iter().all(right) { statuses.iter().filter_map(of).min() } else { Some(now) }
}

fn event_at(status: &ContainerStatus, script: Script) -> Option<Time> {
    let ready = |at: Time| (!status.ready).then_some(at.plus(script.ready_after_millis));
    match (&status.state.running, &status.state.waiting) {
        (Some(running), _) => {
            let ends = script.ends.map(|(after, _)| running.started_at.plus(after));
            [ends, ready(running.started_at)].into_iter().flatten().min()
        }
        (None, Some(waiting)) if waiting.reason == CRASH_LOOP => {
            let last = status.last_state.terminated.as_ref()?;
            Some(last.finished_at.plus(pause_millis(status.restart_count, last)))
        }
        _ => None,
    }
}

/// How long a container waits before its next start, after so many and such a last run.
fn pause_millis(restarts: i32, last: &Terminated) -> i64 {
    if restarts < 1 || last.finished_at.since(last.started_at) > 2 * LONGEST_BACK_OFF_MILLIS {
        return 0;
    }
    BACK_OFF_MILLIS.saturating_mul(1 << (restarts - 1).min(16)).min(LONGEST_BACK_OFF_MILLIS)
}

/// Brings a running pod's status up to `now`; gives the names of containers whose start is put off.
pub fn advance(doc: &Doc, spec: &PodSpec, status: &mut PodStatus, now: Time) -> Vec<nodelane_model::Name> {
    let mut put_off = Vec::new();
    let pod = format!("{}_{}({})", doc.key.name, doc.key.namespace, doc.meta.uid);
    for of in &mut status.container_statuses {
        let Some(container) = spec.containers.iter().find(|container| container.name == of.name) else { continue };
        let script = script::of(doc, container);
        for _ in 0..STEPS_AT_ONCE {
            let Some(at) = event_at(of, script).filter(|at| *at <= now) else { break };
            if step(of, script, &spec.restart_policy, at, &pod) {
                put_off.push(of.name.clone());
            }
            if of.state.running.is_some() {
                of.container_id = id(doc.meta.uid, container, of.restart_count).into();
            }
        }
    }
    let ended: Option<Vec<i32>> =
        status.container_statuses.iter().map(|of| of.state.terminated.as_ref().map(|ended| ended.exit_code)).collect();
    let word = ended.map(|codes| if codes.iter().all(|code| *code == 0) { Phase::Succeeded } else { Phase::Failed });
    if let Some(phase) = word.filter(|_| !status.container_statuses.is_empty()) {
        status.phase = phase;
        let reason = if phase == Phase::Succeeded { "PodCompleted" } else { "PodFailed" };
        for kind in READY {
            Condition::new(kind, false, now).because(reason, "").set_in(&mut status.conditions);
        }
    } else {
        judge(&mut status.conditions, &status.container_statuses, now);
    }
    put_off
}

/// What happens to a container at a time; whether its start was put off.
fn step(status: &mut ContainerStatus, script: Script, policy: &str, at: Time, pod: &str) -> bool {
    let Some(started_at) = status.state.running.as_ref().map(|running| running.started_at) else {
        status.restart_count += 1;
        (status.state, status.started) = (running(at), true);
        status.ready = script.ready_after_millis == 0;
        return false;
    };
    let Some((_, code)) = script.ends.filter(|(after, _)| started_at.plus(*after) <= at) else {
        status.ready = true;
        return false;
    };
    let reason = if code == 0 { "Completed" } else { "Error" };
    let ended = Terminated { exit_code: code, reason: reason.into(), started_at, finished_at: at.whole_seconds(), ..Terminated::default() };
    let pause = pause_millis(status.restart_count, &ended);
    (status.ready, status.started) = (false, false);
    let ended_state = ContainerState { terminated: Some(ended), ..ContainerState::default() };
    if policy == "Never" || policy == "OnFailure" && code == 0 {
        status.state = ended_state;
        return false;
    }
    let message = format!("back-off {} restarting failed container={} pod={pod}", go_duration(pause), status.name);
    status.last_state = ended_state;
    status.state =
        ContainerState { waiting: Some(Waiting { reason: CRASH_LOOP.into(), message: message.into() }), ..ContainerState::default() };
    pause > 0
}

/// Go's way to write whole seconds below an hour: `10s`, `1m20s`, `5m0s`.
fn go_duration(millis: i64) -> String {
    let (minutes, seconds) = (millis / 60_000, millis / 1_000 % 60);
    if minutes == 0 { format!("{seconds}s") } else { format!("{minutes}m{seconds}s") }
}

/// Sets Ready and ContainersReady as the containers say.
pub fn judge(conditions: &mut Vec<Condition>, containers: &[ContainerStatus], now: Time) {
    let message = unready_message(containers);
    let reason = if message.is_empty() { "" } else { "ContainersNotReady" };
    for kind in READY {
        Condition::new(kind, message.is_empty(), now).because(reason, &message).set_in(conditions);
    }
}

/// Kubelet's sentence for containers that are not ready; empty where all are.
fn unready_message(containers: &[ContainerStatus]) -> String {
    let unready: Vec<&str> = containers.iter().filter(|status| !status.ready).map(|status| status.name.as_str()).collect();
    if unready.is_empty() { String::new() } else { format!("containers with unready status: [{}]", unready.join(" ")) }
}
