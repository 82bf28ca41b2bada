//! Endpoint slices: for each service with a selector, where its pods can be reached.
//!
//! As the upstream endpoint slice controller: pods with an address that have not ended, at most a hundred to a slice, slices apart by
//! their resolved ports; an endpoint stays in its slice while its pod lives, and a service without endpoints has one empty slice. Slices
//! belong to their service and go with it. Not here: the older Endpoints objects, topology hints, services that name no pods.

use crate::stamp;
use nodelane_model::{Body, Doc, Key, Kind, Labels, Meta, Name, OwnerRef, Pod, Rest};
use nodelane_world::Draft;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Endpoints in one slice (`--max-endpoints-per-slice`).
const SLICE_LIMIT: usize = 100;
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The ports of the slice of a service without endpoints.
const NO_PORTS: &str = "null";
const HEADLESS: &str = "service.kubernetes.io/headless";

/// Endpoints by the uid of their pod, which orders them.
type Endpoints = BTreeMap<String, Value>;

pub(crate) fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(service) = draft.world.get(key).cloned().filter(|doc| !doc.is_terminating()) else {
        return 0;
    };
    let Some(spec) = service.as_opaque().and_then(|rest| rest.get("spec")).filter(|spec| spec["type"] != "ExternalName") else {
        return 0;
    };
    if spec["selector"].as_object().is_none_or(Map::is_empty) {
        return 0;
    }
    let mut wanted = wanted(draft, &service, spec);
    if wanted.is_empty() {
        wanted.insert(NO_PORTS.into(), Endpoints::new());
    }
    let labels = labels(&service, spec);
    let mine = |doc: &&Arc<Doc>| doc.key.kind == Kind::EndpointSlice && doc.meta.labels.get(MANAGED_BY).is_some_and(|by| by == CONTROLLER);
    let slices: Vec<Arc<Doc>> = draft.world.owned_by(service.meta.uid).filter(mine).cloned().collect();
    let written = draft.writes.len();
    // By ports: the slices that have room, with what stays in them.
    let mut kept: BTreeMap<String, Vec<(Key, Vec<Value>)>> = BTreeMap::new();
    for slice in &slices {
        let Some(rest) = slice.as_opaque() else { continue };
        let ports = rest.get("ports").unwrap_or(&Value::Null).to_string();
        let Some(wanted) = wanted.get_mut(&ports) else {
            draft.remove(&slice.key);
            continue;
        };
        let uids = rest
            .get("endpoints")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|endpoint| endpoint["targetRef"]["uid"].as_str());
        let stays = uids.filter_map(|uid| wanted.remove(uid)).collect();
        kept.entry(ports).or_default().push((slice.key.clone(), stays));
    }
    for (ports, new) in wanted {
        let mut new = new.into_values();
        let slices = kept.remove(&ports).unwrap_or_default();
        let is_placeholder = ports == NO_PORTS;
        for (n, (key, mut endpoints)) in slices.iter().cloned().enumerate() {
            endpoints.extend(new.by_ref().take(SLICE_LIMIT.saturating_sub(endpoints.len())));
            if endpoints.is_empty() && !(is_placeholder && n == 0) {
                draft.remove(&key);
            } else {
                draft.update(&key, |doc| fill(doc, &labels, &ports, endpoints));
            }
        }
        let rest: Vec<Value> = new.collect();
        let placeholder = (is_placeholder && slices.is_empty()).then(Vec::new);
        for endpoints in rest.chunks(SLICE_LIMIT).map(<[Value]>::to_vec).chain(placeholder) {
            create(draft, &service, &labels, &ports, endpoints);
        }
    }
    draft.writes.len() - written
}

fn fill(doc: &mut Doc, labels: &Labels, ports: &str, endpoints: Vec<Value>) {
    doc.meta.labels = labels.clone();
    if let Body::Opaque(rest) = &mut doc.body {
        rest.insert("addressType".into(), "IPv4".into());
        rest.insert("endpoints".into(), Value::Array(endpoints));
        rest.insert("ports".into(), serde_json::from_str(ports).unwrap_or_default());
    }
}

fn create(draft: &mut Draft, service: &Doc, labels: &Labels, ports: &str, endpoints: Vec<Value>) {
    let prefix = format!("{}-", service.key.name);
    let key = stamp::free_key(draft, Kind::EndpointSlice, &service.key.namespace, &prefix);
    let owner = OwnerRef {
        api_version: "v1".into(),
        kind: "Service".into(),
        name: service.key.name.clone(),
        uid: service.meta.uid.to_string().into(),
        controller: true,
        block_owner_deletion: true,
    };
    let meta = Meta { generation: 1, owners: Arc::new(vec![owner]), generate_name: Some(prefix.into()), ..Meta::default() };
    let mut doc = Doc::new(key.clone(), 0, meta, Body::Opaque(Rest::new()));
    fill(&mut doc, labels, ports, endpoints);
    draft.create(key, doc.meta, doc.body);
}

/// Those of the service, and what names it.
fn labels(service: &Doc, spec: &Value) -> Labels {
    let mut labels = (*service.meta.labels).clone();
    labels.insert(MANAGED_BY.into(), CONTROLLER.into());
    labels.insert(SERVICE_NAME.into(), service.key.name.clone());
    match spec["clusterIP"] == "None" {
        true => labels.insert(HEADLESS.into(), Name::default()),
        false => labels.remove(HEADLESS),
    };
    Arc::new(labels)
}

/// What should be in the slices, by their ports in JSON.
fn wanted(draft: &Draft, service: &Doc, spec: &Value) -> BTreeMap<String, Endpoints> {
    let mut wanted: BTreeMap<String, Endpoints> = BTreeMap::new();
    for doc in draft.world.list(Kind::Pod, Some(&service.key.namespace)) {
        let Some(pod) = doc.as_pod().filter(|pod| !pod.status.pod_ip.is_empty() && !pod.status.is_terminal()) else {
            continue;
        };
        if nodelane_world::serves(service, &doc.meta.labels) {
            let endpoints = wanted.entry(ports(pod, spec).to_string()).or_default();
            endpoints.insert(doc.meta.uid.to_string(), endpoint(draft, doc, pod, spec["publishNotReadyAddresses"] == true));
        }
    }
    wanted
}

fn endpoint(draft: &Draft, doc: &Doc, pod: &Pod, is_always_ready: bool) -> Value {
    let (serving, terminating) = (pod.status.is_ready(), doc.is_terminating());
    let ready = is_always_ready || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": [pod.status.pod_ip],
        "conditions": {"ready": ready, "serving": serving || is_always_ready, "terminating": terminating},
        "targetRef": {"kind": "Pod", "namespace": doc.key.namespace, "name": doc.key.name, "uid": doc.meta.uid.to_string()},
    });
    if let Some(node) = &pod.node {
        endpoint["nodeName"] = json!(node);
        let zone = draft.world.node(node).and_then(|row| row.doc.meta.labels.get("topology.kubernetes.io/zone"));
        if let Some(zone) = zone {
            endpoint["zone"] = json!(zone);
        }
    }
    endpoint
}

/// The service's ports on a pod. A port whose name no container has is left out.
fn ports(pod: &Pod, spec: &Value) -> Value {
    let ports = spec["ports"].as_array().into_iter().flatten().filter_map(|port| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let target = match &port["targetPort"] {
            Value::String(name) => named(pod, name, protocol)?,
            target => i32::try_from(target.as_i64().filter(|target| *target != 0).or(port["port"].as_i64())?).ok()?,
        };
        let mut resolved = json!({"name": port["name"].as_str().unwrap_or_default(), "port": target, "protocol": protocol});
        if let Some(app) = port["appProtocol"].as_str() {
            resolved["appProtocol"] = json!(app);
        }
        Some(resolved)
    });
    Value::Array(ports.collect())
}

fn named(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let of_name = |port: &&nodelane_model::pod::ContainerPort| port.rest.get("name").and_then(Value::as_str) == Some(name);
    let of_protocol =
        |port: &&nodelane_model::pod::ContainerPort| port.protocol == protocol || (port.protocol.is_empty() && protocol == "TCP");
    ports.filter(of_name).find(of_protocol).map(|port| port.container_port)
}
