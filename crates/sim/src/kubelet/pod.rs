//! What a kubelet does with a pod: starts it, ends it, lets it go.
//!
//! A container runs within a second and stops within a second of SIGTERM. `sleep N`, `true`, `false` and `exit N` end as written; other
//! commands run until they are deleted, except in a job, where they succeed after five seconds or what `nodelane.dev/run-for` says.

use super::Kubelets;
use nodelane_model::change::{Change, Propagation};
use nodelane_model::pod::{Condition, Container, ContainerState, ContainerStatus, Phase, PodSpec, Running, Terminated};
use nodelane_model::{Doc, Key, Name, Time, Uid};
use nodelane_world::World;
use std::sync::Arc;

/// From binding to running, in milliseconds.
pub const START_MILLIS: (i64, i64) = (150, 800);
/// From SIGTERM to the end, in milliseconds.
pub const STOP_MILLIS: (i64, i64) = (100, 700);
/// How long a job's container runs whose command says nothing about it.
const JOB_RUN_MILLIS: i64 = 5_000;
/// Says how long the containers of a pod run before they succeed: `90s`, `5m`, `1h`.
const RUN_FOR: &str = "nodelane.dev/run-for";

/// After how long a pod's containers end by themselves, and with which exit code.
pub fn ending(doc: &Doc) -> Option<(i64, i32)> {
    let pod = doc.as_pod()?;
    if let Some(text) = doc.meta.annotations.get(RUN_FOR) {
        return parse_duration(text).map(|millis| (millis, 0));
    }
    let written: Vec<Option<(i64, i32)>> = pod.spec.containers.iter().map(written_ending).collect();
    if let Some(endings) = written.iter().copied().collect::<Option<Vec<_>>>() {
        let after = endings.iter().map(|(after, _)| *after).max().unwrap_or(0);
        return Some((after, endings.iter().map(|(_, code)| *code).find(|code| *code != 0).unwrap_or(0)));
    }
    let in_job = doc.meta.controller().is_some_and(|owner| owner.kind == "Job");
    in_job.then_some((JOB_RUN_MILLIS, 0))
}

/// What a container's command says about its end: the last of `sleep N`, `true`, `false`, `exit N`, after all sleeps before it.
fn written_ending(container: &Container) -> Option<(i64, i32)> {
    let line = container.command.iter().chain(&container.args).map(Name::as_str).collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("/bin/sh -c ").or_else(|| line.strip_prefix("sh -c ")).unwrap_or(&line);
    let (mut millis, mut code, mut ends) = (0, 0, false);
    for command in line.split(['&', ';', '\n']).map(str::trim).filter(|command| !command.is_empty()) {
        let mut words = command.split_whitespace();
        match (words.next().unwrap_or_default(), words.next()) {
            ("sleep" | "/bin/sleep", Some(time)) if time != "infinity" => {
                millis += parse_duration(time)?;
                ends = true;
            }
            ("true" | "/bin/true", None) => (code, ends) = (0, true),
            ("false" | "/bin/false", None) => (code, ends) = (1, true),
            ("exit", status) => {
                code = status.map_or(Some(0), |status| status.parse().ok())?;
                return Some((millis, code));
            }
            ("echo" | "date" | "printf", _) => {}
            _ => return None,
        }
    }
    ends.then_some((millis, code))
}

/// `90`, `1.5`, `90s`, `5m`, `1h`, `2d`, in milliseconds.
fn parse_duration(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let (number, millis) = match unit {
        's' => (&text[..text.len() - 1], 1_000.0),
        'm' => (&text[..text.len() - 1], 60_000.0),
        'h' => (&text[..text.len() - 1], 3_600_000.0),
        'd' => (&text[..text.len() - 1], 86_400_000.0),
        _ => (text, 1_000.0),
    };
    let value: f64 = number.parse().ok()?;
    (value >= 0.0 && value.is_finite()).then_some((value * millis) as i64)
}

impl Kubelets {
    /// A bound pod's containers run.
    pub(super) fn start(&mut self, world: &World, key: &Key, uid: Uid, now: Time) -> Option<(Name, Change)> {
        let old = world.get(key).filter(|doc| doc.meta.uid == uid && !doc.is_terminating())?;
        let pod = old.as_pod().filter(|pod| pod.status.phase == Phase::Pending)?;
        let node = pod.node.clone()?;
        let index = self.addresses.node(&node);
        let host_ip = world.node(&node)?.doc.as_node()?.status.addresses.first()?.address.clone();
        let host = self.addresses.pod(&node, key);
        // Overlay: one /24 of 100.64.0.0/10 a node.
        let pod_ip =
            if pod.spec.host_network { host_ip.clone() } else { format!("100.{}.{}.{host}", 64 + index / 256 % 64, index % 256).into() };
        let mut doc = (**old).clone();
        let started = now.whole_seconds();
        let spec = pod.spec.clone();
        let status = &mut doc.as_pod_mut()?.status;
        status.phase = Phase::Running;
        (status.host_ip, status.pod_ip, status.start_time) = (host_ip, pod_ip, Some(started));
        status.conditions.retain(|condition| condition.kind == "PodScheduled");
        for kind in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"] {
            status.conditions.push(Condition::new(kind, true, now));
        }
        let running = ContainerState { running: Some(Running { started_at: started }), ..ContainerState::default() };
        status.container_statuses = containers(uid, &spec.containers, &running, true);
        status.init_container_statuses = init_containers(uid, &spec, started);
        status.reason = Name::default();
        status.message = Name::default();
        let address = serde_json::json!([{ "ip": status.pod_ip }]);
        status.rest.insert("podIPs".into(), address);
        status.rest.insert("hostIPs".into(), serde_json::json!([{ "ip": status.host_ip }]));
        Some((node, Change::Replace { base: old.revision, doc: Arc::new(doc) }))
    }
}

fn containers(uid: Uid, of: &[Container], state: &ContainerState, ready: bool) -> Vec<ContainerStatus> {
    let status = |container: &Container| {
        let id = nodelane_model::hash::Hash::new(uid.0 as u64).text(&container.name).get();
        ContainerStatus {
            name: container.name.clone(),
            ready,
            started: ready,
            image: container.image.clone(),
            container_id: format!("containerd://{id:016x}{:048x}", uid.0).into(),
            state: state.clone(),
            ..ContainerStatus::default()
        }
    };
    of.iter().map(status).collect()
}

/// Sidecars run, other init containers have ended well.
fn init_containers(uid: Uid, spec: &PodSpec, at: Time) -> Vec<ContainerStatus> {
    let ended = Terminated { reason: "Completed".into(), started_at: at, finished_at: at, ..Terminated::default() };
    let ended = ContainerState { terminated: Some(ended), ..ContainerState::default() };
    let running = ContainerState { running: Some(Running { started_at: at }), ..ContainerState::default() };
    let mut statuses = containers(uid, &spec.init_containers, &ended, true);
    for (status, container) in statuses.iter_mut().zip(&spec.init_containers) {
        let sidecar = container.restart_policy.as_deref() == Some("Always");
        status.started = sidecar;
        if sidecar {
            status.state = running.clone();
        }
    }
    statuses
}

/// A pod's containers have ended by themselves.
pub fn end(world: &World, key: &Key, uid: Uid, now: Time) -> Option<(Name, Change)> {
    let old = world.get(key).filter(|doc| doc.meta.uid == uid && !doc.is_terminating())?;
    let pod = old.as_pod().filter(|pod| pod.status.phase == Phase::Running)?;
    let (after_millis, code) = ending(old)?;
    let node = pod.node.clone()?;
    if pod.status.start_time.is_some_and(|started| started.plus(after_millis) > now) {
        return None; // It has started again since.
    }
    let restarts = match pod.spec.restart_policy.as_str() {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    };
    let mut doc = (**old).clone();
    let spec = pod.spec.clone();
    let status = &mut doc.as_pod_mut()?.status;
    let started_at = status.start_time.unwrap_or(now);
    let reason = if code == 0 { "Completed" } else { "Error" };
    let ended =
        Terminated { exit_code: code, reason: reason.into(), started_at, finished_at: now.whole_seconds(), ..Terminated::default() };
    let ended = ContainerState { terminated: Some(ended), ..ContainerState::default() };
    if restarts {
        restart(status, &ended, now);
    } else {
        status.phase = if code == 0 { Phase::Succeeded } else { Phase::Failed };
        status.container_statuses = containers(uid, &spec.containers, &ended, false);
        let word = if code == 0 { "PodCompleted" } else { "PodFailed" };
        for kind in ["Ready", "ContainersReady"] {
            status.conditions.retain(|condition| condition.kind != kind);
            status.conditions.push(Condition::new(kind, false, now).because(word, ""));
        }
    }
    Some((node, Change::Replace { base: old.revision, doc: Arc::new(doc) }))
}

/// Ended containers start again at once; the back-off of a real kubelet is not simulated.
fn restart(status: &mut nodelane_model::pod::PodStatus, ended: &ContainerState, now: Time) {
    status.start_time = Some(now.whole_seconds());
    for container in &mut status.container_statuses {
        container.restart_count += 1;
        container.last_state = ended.clone();
        container.state = ContainerState { running: Some(Running { started_at: now.whole_seconds() }), ..ContainerState::default() };
    }
}

/// A pod that was told to stop has stopped: its document may go.
pub fn release(world: &World, key: &Key, uid: Uid) -> Option<(Name, Change)> {
    let doc = world.get(key).filter(|doc| doc.meta.uid == uid && doc.is_terminating())?;
    let node = doc.as_pod()?.node.clone()?;
    let change =
        Change::Delete { key: key.clone(), uid: Some(uid), base: None, grace_seconds: Some(0), propagation: Propagation::Background };
    Some((node, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(command: &[&str]) -> Container {
        Container { command: command.iter().map(|word| Name::from(*word)).collect(), ..Container::default() }
    }

    #[test]
    fn commands_end_as_written() {
        for (command, expected) in [
            (vec!["sleep", "30"], Some((30_000, 0))),
            (vec!["true"], Some((0, 0))),
            (vec!["false"], Some((0, 1))),
            (vec!["sh", "-c", "sleep 5; exit 3"], Some((5_000, 3))),
            (vec!["/bin/sh", "-c", "echo hello && sleep 2m"], Some((120_000, 0))),
            (vec!["sleep", "infinity"], None),
            (vec!["nginx", "-g", "daemon off;"], None),
            (vec![], None),
        ] {
            assert_eq!(written_ending(&container(&command)), expected, "{command:?}");
        }
    }
}
