//! The documents that a storm's users write: pools and workloads as they come from the wire, with every default filled in.
//!
//! A storm's cluster has room for all of its pools; what is refused is refused for what is asked. Not here: who writes them when.

use super::script::{App, Lane, Sort};
use nodelane_model::budget::{BudgetSpec, IntOrPercent};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::{Mode, PoolSpec, Priority, Undrainable};
use nodelane_model::{Doc, Key, Kind, Name, codec};
use serde_json::{Value, json};

/// The cluster, with a network that its pools fit into many times over.
pub(super) fn cluster() -> ClusterSpec {
    ClusterSpec {
        subscription: "00000000-0000-0000-0000-000000000001".into(),
        resource_group: "lanes".into(),
        name: "dev".into(),
        location: "eastus".into(),
        kubernetes_version: "1.34".into(),
        network_plugin: "azure".into(),
        network_plugin_mode: "overlay".into(),
        pod_cidr: "100.64.0.0/10".into(),
        node_cidr: "10.224.0.0/12".into(),
        service_cidr: "10.0.0.0/16".into(),
        ..ClusterSpec::default()
    }
}

/// A lane as a pool.
pub(super) fn pool(lane: &Lane) -> PoolSpec {
    let mut spec = PoolSpec {
        count: lane.count,
        vm_size: "Standard_D4s_v5".into(),
        os_disk_size_gb: 128,
        os_disk_type: "Managed".into(),
        max_pods: 110,
        os_sku: "Ubuntu".into(),
        scale_down_mode: "Delete".into(),
        kind: "VirtualMachineScaleSets".into(),
        orchestrator_version: format!("1.{}", lane.minor).into(),
        mode: if lane.system { Mode::System } else { Mode::User },
        availability_zones: (1..=lane.zones).map(|zone| zone.to_string().into()).collect(),
        ..PoolSpec::default()
    };
    if let Some((least, most)) = lane.scaled {
        (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(least), Some(most));
    }
    if !lane.spot.is_empty() {
        (spec.priority, spec.eviction_policy, spec.spot_max_price) = (Priority::Spot, lane.spot.clone().into(), "-1".into());
    }
    if lane.tainted {
        spec.node_taints.push(taint(&lane.name));
    }
    settings(&mut spec, lane);
    spec
}

/// The taint of a lane.
pub(super) fn taint(lane: &str) -> Name {
    format!("lane={lane}:NoSchedule").into()
}

/// The upgrade settings of a lane.
pub(super) fn settings(spec: &mut PoolSpec, lane: &Lane) {
    let settings = &mut spec.upgrade_settings;
    settings.max_surge = IntOrPercent::parse(&lane.surge);
    settings.max_unavailable = IntOrPercent::parse(&lane.missing);
    settings.drain_timeout_in_minutes = (lane.drain_minutes > 0).then_some(lane.drain_minutes);
    settings.node_soak_duration_in_minutes = (lane.soak_minutes > 0).then_some(lane.soak_minutes);
    settings.undrainable_node_behavior = lane.quarantine.then_some(Undrainable::Cordon);
}

fn pod(app: &App, lanes: &[Lane]) -> Value {
    let mut spec = json!({"restartPolicy": "Always", "terminationGracePeriodSeconds": app.grace_seconds, "schedulerName": "default-scheduler",
        "priority": app.priority, "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": format!("{}m", app.cpu_milli), "memory": "64Mi"}}}],
        "tolerations": [{"key": "kubernetes.azure.com/scalesetpriority", "operator": "Exists"}]});
    if let Some(lane) = app.lane.and_then(|lane| lanes.get(lane)) {
        spec["nodeSelector"] = json!({"agentpool": lane.name});
        spec["tolerations"] =
            json!([{"key": "kubernetes.azure.com/scalesetpriority", "operator": "Exists"}, {"key": "lane", "operator": "Exists"}]);
    }
    match app.sort {
        Sort::Job => spec["restartPolicy"] = "Never".into(),
        Sort::DaemonSet => spec["tolerations"] = json!([{"operator": "Exists"}]),
        Sort::Deployment | Sort::StatefulSet | Sort::Bare => {}
    }
    spec
}

fn annotations(app: &App) -> Value {
    match app.ready_after_seconds {
        0 => json!({}),
        seconds => json!({"nodelane.dev/ready-after": format!("{seconds}s")}),
    }
}

/// The documents of an app.
pub(super) fn app(app: &App, lanes: &[Lane]) -> Vec<Doc> {
    let labels = json!({"app": app.name});
    let template = json!({"metadata": {"labels": labels, "annotations": annotations(app)}, "spec": pod(app, lanes)});
    let meta = json!({"name": app.name, "namespace": "default", "generation": 1});
    let selector = json!({"matchLabels": labels});
    let value = |spec: Value| json!({"metadata": meta, "spec": spec});
    let (kind, value) = match app.sort {
        Sort::Deployment => (
            Kind::Deployment,
            value(json!({"replicas": app.replicas, "selector": selector, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 2,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, "template": template})),
        ),
        Sort::StatefulSet => (
            Kind::StatefulSet,
            value(json!({"replicas": app.replicas, "selector": selector, "serviceName": app.name, "podManagementPolicy": "OrderedReady",
                "revisionHistoryLimit": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, "template": template})),
        ),
        Sort::DaemonSet => (
            Kind::DaemonSet,
            value(json!({"selector": selector, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "revisionHistoryLimit": 2, "template": template})),
        ),
        Sort::Job => {
            (Kind::Job, value(json!({"parallelism": app.replicas, "completions": app.replicas, "backoffLimit": 6, "template": template})))
        }
        Sort::Bare => {
            let bare = |ordinal: u32| {
                let mut meta = json!({"name": format!("{}-{ordinal}", app.name), "namespace": "default", "labels": labels});
                meta["annotations"] = annotations(app);
                codec::from_value(Kind::Pod, &json!({"metadata": meta, "spec": pod(app, lanes)})).expect("a pod is a pod")
            };
            return (0..app.replicas).map(bare).collect();
        }
    };
    vec![codec::from_value(kind, &value).expect("a workload is a workload")]
}

/// The key of an app's own document.
pub(super) fn key(app: &App) -> Key {
    let kind = match app.sort {
        Sort::Deployment => Kind::Deployment,
        Sort::StatefulSet => Kind::StatefulSet,
        Sort::DaemonSet => Kind::DaemonSet,
        Sort::Job => Kind::Job,
        Sort::Bare => return Key::new(Kind::Pod, "default", format!("{}-0", app.name)),
    };
    Key::new(kind, "default", app.name.clone())
}

/// Reads a budget's bound.
pub(super) fn bound(spec: &mut BudgetSpec, text: &str) {
    let (which, value) = text.split_once(' ').unwrap_or(("max", "1"));
    let value = IntOrPercent::parse(value);
    (spec.min_available, spec.max_unavailable) = if which == "min" { (value, None) } else { (None, value) };
}

/// A budget of an app.
pub(super) fn budget(app: &App, name: &str, text: &str) -> Doc {
    let policy = if app.always_allow { "AlwaysAllow" } else { "IfHealthyBudget" };
    let value = json!({"metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": app.name}}, "unhealthyPodEvictionPolicy": policy}});
    let mut doc = codec::from_value(Kind::PodDisruptionBudget, &value).expect("a budget is a budget");
    if let Some(budget) = doc.as_budget_mut() {
        bound(&mut budget.spec, text);
    }
    doc
}

/// What a namespace has to begin with.
pub(super) fn namespace(name: &str) -> Doc {
    let value = json!({"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
    codec::from_value(Kind::Namespace, &value).expect("a namespace is a namespace")
}

/// A fault.
pub(super) fn fault(name: &str, spec: Value) -> Doc {
    codec::from_value(Kind::Fault, &json!({"metadata": {"name": name}, "spec": spec})).expect("a fault is a fault")
}
