//! Subresources: status, scale, binding, eviction, logs; and the plain word that nothing runs for exec and its like.
//!
//! Each is a write like any other (`write`), or text made from the stored status: logs tell when a simulated container started and how
//! it ended. Not here: budgets of evictions (the engine's ledger) and which subresources a kind has (the registry).

use crate::route::Target;
use crate::write::{change, json_body, put, rewrite, submit};
use crate::{Answer, Api, Call, Result};
use http::{Method, header};
use nodelane_k8s::object::{self as objects, Part};
use nodelane_k8s::patch::{self, Dialect};
use nodelane_k8s::request::WriteOptions;
use nodelane_k8s::status::{self, Status};
use nodelane_model::change::Change;
use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Time};
use serde_json::Value;
use std::sync::Arc;

/// Answers a request about a part of an object.
pub async fn serve(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let (name, _) = target.sub.split_once('/').unwrap_or((&target.sub, ""));
    if target.resource.subresource(name).is_none() {
        return Err(Status::no_such_path());
    }
    match (name, &call.method) {
        ("status", &Method::GET) => crate::read::get(api, &call, &target),
        ("status", &Method::PUT) => put(api, call, target, Part::Status).await,
        ("status", &Method::PATCH) => change(api, call, target, Part::Status).await,
        ("finalize", &Method::PUT) => put(api, call, target, Part::Finalize).await,
        ("scale", &Method::GET) => {
            let doc = existing(api, &target)?;
            Ok(Answer::value(200, &objects::scale_of(&doc)))
        }
        ("scale", &Method::PUT | &Method::PATCH) => scale(api, call, target).await,
        ("binding", &Method::POST) => bind(api, call, target).await,
        ("eviction", &Method::POST) => evict(api, call, target).await,
        ("log", &Method::GET) => log(api, &target),
        ("exec" | "attach" | "portforward" | "proxy" | "ephemeralcontainers" | "resize", _) => Err(nothing_runs(name)),
        _ => Err(Status::method_not_allowed()),
    }
}

/// Containers are simulated: there is nothing to enter.
fn nothing_runs(what: &str) -> Status {
    Status::bad_request(format!(
        "{what} is not possible here: containers are simulated, nothing runs in them. Use kubectl logs, describe or get -o yaml to see what their kubelet reports"
    ))
}

fn existing(api: &Api, target: &Target) -> Result<Arc<Doc>> {
    let world = api.door.world();
    world.get(&target.key()).cloned().ok_or_else(|| Status::not_found(target.resource.group_resource(), &target.name))
}

async fn scale(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let patching = call.method == Method::PATCH;
    let options = WriteOptions::parse(&target.query, if patching { "PatchOptions" } else { "UpdateOptions" })?;
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A scale has no merge keys: strategic and merge patches mean the same.
    let dialect = match Dialect::of(content_type, target.resource) {
        Ok(Dialect::Strategic) => Dialect::Merge,
        Ok(other) => other,
        Err(status) if patching => return Err(status),
        Err(_) => Dialect::Merge,
    };
    let next = |old: &Doc| {
        let scale = if patching {
            patch::apply(dialect, "Scale", &objects::scale_of(old), &call.body)?
        } else {
            serde_json::from_slice(&call.body).map_err(|error| Status::bad_request(error.to_string()))?
        };
        objects::with_scale(old, scale)
    };
    let doc = rewrite(api, &target, &call.origin, options.dry_run, next).await?;
    Ok(Answer::value(200, &objects::scale_of(&doc)))
}

async fn bind(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let body: Value = serde_json::from_slice(&json_body(&call)?).map_err(|error| Status::bad_request(error.to_string()))?;
    let node = objects::binding(&body)?;
    submit(api, &target, Change::Bind { pod: target.key(), node: node.into() }, call.origin).await?;
    Ok(Answer::value(201, &status::success(None, 201)))
}

async fn evict(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let body: Value = serde_json::from_slice(&json_body(&call)?).map_err(|error| Status::bad_request(error.to_string()))?;
    let options = objects::eviction(&body, &target.query)?;
    let change = Change::Evict { pod: target.key(), grace_seconds: options.grace_period_seconds, dry_run: options.dry_run };
    submit(api, &target, change, call.origin).await?;
    Ok(Answer::value(201, &status::success(None, 201)))
}

/// What a simulated container has said: when it started, and how it ended.
fn log(api: &Api, target: &Target) -> Result<Answer> {
    let doc = existing(api, target)?;
    let Some(pod) = doc.as_pod() else {
        return Err(Status::no_such_path());
    };
    let names: Vec<&str> = pod.spec.init_containers.iter().chain(&pod.spec.containers).map(|container| container.name.as_str()).collect();
    let wanted = match target.parameter("container").filter(|name| !name.is_empty()) {
        Some(name) if names.contains(&name) => name.to_owned(),
        Some(name) => {
            return Err(Status::bad_request(format!("container {name} is not valid for pod {}", target.name)));
        }
        None => pod.spec.containers.first().map(|container| container.name.to_string()).unwrap_or_default(),
    };
    if pod.status.phase == Phase::Pending {
        let why = if pod.node.is_none() { "pod has not been scheduled".to_owned() } else { "ContainerCreating".to_owned() };
        return Err(Status::bad_request(format!("container \"{wanted}\" in pod \"{}\" is waiting to start: {why}", target.name)));
    }
    let mut lines = Vec::new();
    let states = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    if let Some(status) = states.into_iter().find(|status| status.name == wanted) {
        if let Some(ended) = status.last_state.terminated.as_ref().or(status.state.terminated.as_ref()) {
            lines.push((ended.started_at, format!("{wanted} of {} started (simulated)", target.name)));
            lines.push((ended.finished_at, format!("{wanted} ended with exit code {}", ended.exit_code)));
        }
        if let Some(running) = &status.state.running {
            lines.push((running.started_at, format!("{wanted} of {} started (simulated)", target.name)));
        }
    }
    let stamp = |at: &Time| {
        if matches!(target.parameter("timestamps"), Some("true" | "1")) { format!("{at} ") } else { String::new() }
    };
    let keep = target.parameter("tailLines").and_then(|lines| lines.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let skip = lines.len().saturating_sub(keep);
    let text: String = lines.iter().skip(skip).map(|(at, line)| format!("{}{line}\n", stamp(at))).collect();
    Ok(Answer::whole(200, "text/plain", text))
}
