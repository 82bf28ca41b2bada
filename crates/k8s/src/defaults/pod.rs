//! Defaults of pods, of pod specifications in templates, and of containers, probes and volumes.
//!
//! A template gets fewer than a pod: what belongs to a pod only (requests from limits, host ports, service links, service
//! account) is filled in when the pod is made, so that templates written by older servers stay as they were.

use super::{Fields, each, field, is_unsaid, put, put_number, text, within};
use nodelane_model::Quantity;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
/// Mode bits 0644 of files in config map, secret, projected and downward volumes.
const FILE_MODE: i64 = 0o644;
/// A projected token lives for an hour where nothing else is said.
const TOKEN_SECONDS: i64 = 3600;

/// A pod.
pub fn pod(object: &mut Fields) {
    within(object, "spec", spec_of_pod);
}

fn spec_of_pod(spec: &mut Fields) {
    pod_spec(spec);
    for list in ["containers", "initContainers"] {
        for container in each(spec, list) {
            if let Some(resources) = field(container, "resources") {
                requests_from_limits(resources);
            }
        }
    }
    pod_level_requests(spec);
    if is_unsaid(spec, "enableServiceLinks") {
        spec.insert("enableServiceLinks".into(), true.into());
    }
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        for list in ["containers", "initContainers"] {
            for container in each(spec, list) {
                for port in each(container, "ports") {
                    let inside = port.get("containerPort").and_then(Value::as_i64).unwrap_or_default();
                    put_number(port, "hostPort", inside);
                }
            }
        }
    }
    // The old spelling of the field and the new one say the same; admission names the default account.
    let account = [text(spec, "serviceAccountName"), text(spec, "serviceAccount"), "default"];
    let account = account.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
    spec.insert("serviceAccountName".into(), account.clone().into());
    spec.insert("serviceAccount".into(), account.into());
}

/// The template of a workload, in `template` of these fields.
pub fn template(fields: &mut Fields) {
    within(fields, "template", |template| {
        within(template, "spec", |spec| {
            pod_spec(spec);
            let accounts = [text(spec, "serviceAccountName"), text(spec, "serviceAccount")];
            let account = accounts.into_iter().find(|name| !name.is_empty()).map(str::to_owned);
            if let Some(account) = account {
                spec.insert("serviceAccountName".into(), account.clone().into());
                spec.insert("serviceAccount".into(), account.into());
            }
        });
    });
}

fn pod_spec(spec: &mut Fields) {
    put(spec, "dnsPolicy", "ClusterFirst");
    put(spec, "restartPolicy", "Always");
    within(spec, "securityContext", |_| {});
    if is_unsaid(spec, "terminationGracePeriodSeconds") {
        spec.insert("terminationGracePeriodSeconds".into(), 30.into());
    }
    put(spec, "schedulerName", "default-scheduler");
    for list in CONTAINERS {
        each(spec, list).for_each(container);
    }
    each(spec, "volumes").for_each(volume);
}

fn container(container: &mut Fields) {
    put(container, "terminationMessagePath", "/dev/termination-log");
    put(container, "terminationMessagePolicy", "File");
    let policy = pull_policy(text(container, "image"));
    put(container, "imagePullPolicy", policy);
    within(container, "resources", |_| {});
    for port in each(container, "ports") {
        put(port, "protocol", "TCP");
    }
    for variable in each(container, "env") {
        if let Some(source) = field(variable, "valueFrom").and_then(|from| field(from, "fieldRef")) {
            put(source, "apiVersion", "v1");
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = field(container, name) {
            put_number(probe, "timeoutSeconds", 1);
            put_number(probe, "periodSeconds", 10);
            put_number(probe, "successThreshold", 1);
            put_number(probe, "failureThreshold", 3);
            handler(probe);
            if let Some(grpc) = field(probe, "grpc").filter(|grpc| is_unsaid(grpc, "service")) {
                grpc.insert("service".into(), "".into());
            }
        }
    }
    for name in ["postStart", "preStop"] {
        if let Some(hook) = field(container, "lifecycle").and_then(|lifecycle| field(lifecycle, name)) {
            handler(hook);
        }
    }
}

fn handler(fields: &mut Fields) {
    if let Some(get) = field(fields, "httpGet") {
        put(get, "path", "/");
        put(get, "scheme", "HTTP");
    }
}

fn volume(volume: &mut Fields) {
    if volume.iter().all(|(name, source)| name == "name" || source.is_null()) {
        volume.insert("emptyDir".into(), json!({}));
    }
    for name in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(source) = field(volume, name).filter(|source| is_unsaid(source, "defaultMode")) {
            source.insert("defaultMode".into(), FILE_MODE.into());
        }
    }
    let downward = |source: &mut Fields| {
        for item in each(source, "items") {
            if let Some(reference) = field(item, "fieldRef") {
                put(reference, "apiVersion", "v1");
            }
        }
    };
    if let Some(source) = field(volume, "downwardAPI") {
        downward(source);
    }
    for source in field(volume, "projected").into_iter().flat_map(|projected| each(projected, "sources")) {
        if let Some(token) = field(source, "serviceAccountToken").filter(|token| is_unsaid(token, "expirationSeconds")) {
            token.insert("expirationSeconds".into(), TOKEN_SECONDS.into());
        }
        if let Some(source) = field(source, "downwardAPI") {
            downward(source);
        }
    }
    if let Some(path) = field(volume, "hostPath").filter(|path| is_unsaid(path, "type")) {
        path.insert("type".into(), "".into());
    }
    if let Some(template) = field(volume, "ephemeral").and_then(|source| field(source, "volumeClaimTemplate")) {
        within(template, "spec", |spec| put(spec, "volumeMode", "Filesystem"));
    }
    if let Some(image) = field(volume, "image") {
        let policy = pull_policy(text(image, "reference"));
        put(image, "pullPolicy", policy);
    }
}

fn pull_policy(image: &str) -> &'static str {
    if image_tag(image) == "latest" { "Always" } else { "IfNotPresent" }
}

/// The tag of an image reference; `latest` where it names neither tag nor digest, empty where only a digest.
fn image_tag(image: &str) -> &str {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or_default(); // a colon before the last slash is a registry's port
    match last.split_once(':') {
        Some((_, tag)) => tag,
        None if digest.is_some() => "",
        None => "latest",
    }
}

fn requests_from_limits(resources: &mut Fields) {
    let Some(limits) = field(resources, "limits").cloned() else {
        return;
    };
    within(resources, "requests", |requests| {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    });
}

/// Requests of the pod as a whole, where it has limits: the sum over its containers, or else the limits.
fn pod_level_requests(spec: &mut Fields) {
    let supported = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    let Some(limits) = field(spec, "resources").and_then(|resources| field(resources, "limits")).cloned() else {
        return;
    };
    if limits.is_empty() {
        return;
    }
    let sums = container_requests(spec);
    let Some(resources) = field(spec, "resources") else {
        return;
    };
    within(resources, "requests", |requests| {
        for (name, milli) in sums.into_iter().filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory")) {
            requests.entry(name).or_insert_with(|| Quantity::from_milli(milli).0.as_str().into());
        }
        for (name, amount) in limits.into_iter().filter(|(name, _)| supported(name)) {
            requests.entry(name).or_insert(amount);
        }
    });
}

/// What the containers request together, in thousandths: the larger of what runs together and of what each init container
/// needs beside the sidecars before it.
fn container_requests(spec: &Fields) -> BTreeMap<String, i64> {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let requests = |container: &Value| -> Vec<(String, i64)> {
        let map = container.pointer("/resources/requests").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        let amounts = map.into_iter().filter_map(|(name, value)| {
            let quantity: Quantity = serde_json::from_value(value).ok()?;
            Some((name, quantity.milli()?))
        });
        amounts.collect()
    };
    let mut together = BTreeMap::new();
    for container in list("containers") {
        for (name, milli) in requests(&container) {
            *together.entry(name).or_insert(0) += milli;
        }
    }
    let (mut sidecars, mut peak) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, i64>::new());
    for container in list("initContainers") {
        let is_sidecar = container.get("restartPolicy").and_then(Value::as_str) == Some("Always");
        for (name, milli) in requests(&container) {
            let beside = sidecars.entry(name.clone()).or_insert(0);
            let needed = *beside + milli;
            if is_sidecar {
                *beside = needed;
                *together.entry(name.clone()).or_insert(0) += milli;
            }
            let most = peak.entry(name).or_insert(0);
            *most = needed.max(*most);
        }
    }
    for (name, milli) in peak {
        let sum = together.entry(name).or_insert(0);
        *sum = milli.max(*sum);
    }
    together
}
