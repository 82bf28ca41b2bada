//! `metrics.k8s.io`: simulated usage, computed when asked.
//!
//! A running pod uses half of what it requests, or what its annotations `nodelane.dev/cpu-usage` and `nodelane.dev/memory-usage` say; a
//! node uses what its pods do, and a little for itself.

use crate::route::Target;
use crate::{Answer, Api, Call, Result};
use http::Method;
use nodelane_k8s::request::ListOptions;
use nodelane_k8s::status::Status;
use nodelane_model::pod::{Container, Phase};
use nodelane_model::{Doc, Kind, Name, Quantity, Time};
use nodelane_world::World;
use serde_json::{Value, json};

/// What a node uses for itself, in milli-cores.
const NODE_CPU_MILLI: i64 = 80;
/// What a node uses for itself, in bytes.
const NODE_MEMORY_BYTES: i64 = 600 << 20;
/// What a container uses that requests nothing: milli-cores, bytes.
const IDLE: (i64, i64) = (1, 12 << 20);

/// Lists or gets metrics.
pub fn serve(api: &Api, call: &Call, target: &Target) -> Result<Answer> {
    if call.method != Method::GET {
        return Err(Status::method_not_allowed());
    }
    let world = api.door.world();
    let now = api.door.now();
    let of_nodes = target.resource.plural == "nodes";
    let kind = if of_nodes { Kind::Node } else { Kind::Pod };
    let one = |doc: &Doc| {
        if of_nodes { node(&world, doc, now) } else { pod(doc, now) }
    };
    if !target.name.is_empty() {
        let key = nodelane_model::Key::new(kind, if of_nodes { "" } else { &target.namespace }, target.name.as_str());
        let found = world.get(&key).and_then(|doc| one(doc));
        return found
            .map(|metrics| Answer::value(200, &metrics))
            .ok_or_else(|| Status::not_found(target.resource.group_resource(), &target.name));
    }
    let options = ListOptions::parse(&target.query, target.resource.fields, false)?;
    let namespace = (!of_nodes && !target.namespace.is_empty()).then_some(target.namespace.as_str());
    let items: Vec<Value> =
        world.list(kind, namespace).filter(|doc| crate::fields::matches(doc, &options)).filter_map(|doc| one(doc)).collect();
    let list = json!({
        "kind": target.resource.list_kind(),
        "apiVersion": target.resource.api_version(),
        "metadata": {},
        "items": items,
    });
    Ok(Answer::value(200, &list))
}

fn meta(doc: &Doc) -> Value {
    let mut meta = json!({"name": doc.key.name, "creationTimestamp": doc.meta.created, "labels": *doc.meta.labels});
    if !doc.key.namespace.is_empty() {
        meta["namespace"] = doc.key.namespace.as_str().into();
    }
    meta
}

fn usage((cpu_milli, memory_bytes): (i64, i64)) -> Value {
    json!({"cpu": Quantity::from_milli(cpu_milli).0, "memory": Quantity::from_kibibytes(memory_bytes).0})
}

fn metrics(kind: &str, doc: &Doc, now: Time) -> Value {
    json!({
        "kind": kind,
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": meta(doc),
        "timestamp": now.whole_seconds(),
        "window": "15s",
    })
}

fn pod(doc: &Doc, now: Time) -> Option<Value> {
    let pod = doc.as_pod().filter(|pod| pod.status.phase == Phase::Running)?;
    let containers: Vec<Value> = pod
        .spec
        .containers
        .iter()
        .map(|container| json!({"name": container.name, "usage": usage(container_usage(doc, container))}))
        .collect();
    let mut value = metrics("PodMetrics", doc, now);
    value["containers"] = containers.into();
    Some(value)
}

fn container_usage(doc: &Doc, container: &Container) -> (i64, i64) {
    let said = |key: &str| doc.meta.annotations.get(key).map(|text| Quantity(text.clone()));
    let asked = |name: &str| container.resources.requests.get(&Name::new(name)).cloned();
    let half = |value: Option<i64>, idle: i64| value.map_or(idle, |value| value / 2);
    let cpu = said("nodelane.dev/cpu-usage")
        .and_then(|cpu| cpu.milli())
        .unwrap_or_else(|| half(asked("cpu").and_then(|cpu| cpu.milli()), IDLE.0));
    let memory = said("nodelane.dev/memory-usage")
        .and_then(|memory| memory.units())
        .unwrap_or_else(|| half(asked("memory").and_then(|memory| memory.units()), IDLE.1));
    (cpu, memory)
}

fn node(world: &World, doc: &Doc, now: Time) -> Option<Value> {
    doc.as_node().filter(|node| node.status.is_ready())?;
    let mut total = (NODE_CPU_MILLI, NODE_MEMORY_BYTES);
    for pod_doc in world.pods_on(&doc.key.name) {
        let Some(pod) = pod_doc.as_pod().filter(|pod| pod.status.phase == Phase::Running) else {
            continue;
        };
        for container in &pod.spec.containers {
            let (cpu, memory) = container_usage(pod_doc, container);
            total = (total.0 + cpu, total.1 + memory);
        }
    }
    let mut value = metrics("NodeMetrics", doc, now);
    value["usage"] = usage(total);
    Some(value)
}
