//! What the API server adds to every pod, whoever makes it: priority, default tolerations, the service account, and the defaults that
//! a template does not have (requests from limits, host ports, service links).
//!
//! One function for pods that users create and for pods stamped from a template, so that no way in is missed. Completing twice is
//! completing once.

use nodelane_model::pod::{PodSpec, SYSTEM_CLASSES, Toleration};
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_world::{Draft, World};
use serde_json::Value;
use std::sync::Arc;

/// How long a pod stays on a node that is not ready or not reachable, where it does not say (DefaultTolerationSeconds).
const TOLERATED_SECONDS: i64 = 300;
const LOST_NODE_TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Completes a pod that a user creates.
pub fn complete_pod(draft: &Draft, doc: &mut Doc) {
    if let Some(pod) = doc.as_pod_mut() {
        complete(&draft.world, &mut pod.spec);
        pod.status.qos_class = crate::qos_class(&pod.spec).into();
    }
}

/// Gives a pod the priority and the preemption policy of the class that it names; where it has no priority, of the default class. The
/// system's own classes are known even where they are not in the world.
pub fn resolve_priority(world: &World, spec: &mut PodSpec) {
    if spec.priority.is_some() && spec.priority_class_name.is_empty() {
        return;
    }
    let class = priority_class(world, &spec.priority_class_name);
    let field = |name: &str| class.as_ref().and_then(|doc| doc.as_opaque()?.get(name).cloned());
    if spec.priority_class_name.is_empty()
        && let Some(doc) = &class
    {
        spec.priority_class_name = doc.key.name.clone();
    }
    let value = field("value").and_then(|value| value.as_i64()).and_then(|value| i32::try_from(value).ok());
    let of_system = SYSTEM_CLASSES.iter().find(|(name, _)| *name == spec.priority_class_name).map(|(_, value)| *value);
    spec.priority = Some(value.or(of_system).or(spec.priority).unwrap_or(0));
    let policy = field("preemptionPolicy").and_then(|policy| policy.as_str().map(Name::from));
    spec.preemption_policy = Some(spec.preemption_policy.take().or(policy).unwrap_or("PreemptLowerPriority".into()));
}

/// Completes a specification.
pub(crate) fn complete(world: &World, spec: &mut Arc<PodSpec>) {
    let spec = Arc::make_mut(spec);
    resolve_priority(world, spec);
    for key in LOST_NODE_TAINTS {
        let covered = spec.tolerations.iter().any(|toleration| {
            (toleration.key == key || toleration.key.is_empty()) && (toleration.effect == "NoExecute" || toleration.effect.is_empty())
        });
        if !covered {
            spec.tolerations.push(Toleration {
                key: key.into(),
                operator: "Exists".into(),
                effect: "NoExecute".into(),
                toleration_seconds: Some(TOLERATED_SECONDS),
                ..Toleration::default()
            });
        }
    }
    pod_defaults(spec);
    let account = spec.rest.entry("serviceAccountName").or_insert_with(|| Value::from("default")).clone();
    spec.rest.entry("serviceAccount").or_insert(account);
}

/// Defaults of a pod that its template was not given: without them, a pod put back as it is would be a changed one.
fn pod_defaults(spec: &mut PodSpec) {
    let on_host = spec.host_network;
    for container in spec.containers.iter_mut().chain(&mut spec.init_containers) {
        let resources = &mut container.resources;
        for (name, amount) in &resources.limits {
            resources.requests.entry(name.clone()).or_insert_with(|| amount.clone());
        }
        for port in container.ports.iter_mut().filter(|port| on_host && port.host_port == 0) {
            port.host_port = port.container_port;
        }
    }
    spec.rest.entry("enableServiceLinks").or_insert(true.into());
}

/// The class of that name; without a name the global default, if there is one.
fn priority_class(world: &World, name: &str) -> Option<Arc<Doc>> {
    if !name.is_empty() {
        return world.get(&Key::global(Kind::PriorityClass, name)).cloned();
    }
    let is_default = |doc: &&Arc<Doc>| doc.as_opaque().and_then(|rest| rest.get("globalDefault")).and_then(Value::as_bool) == Some(true);
    world.list(Kind::PriorityClass, None).find(is_default).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::codec::from_value;
    use serde_json::json;

    fn completed(world: &World, spec: Value) -> PodSpec {
        let mut spec = Arc::new(serde_json::from_value(spec).unwrap());
        complete(world, &mut spec);
        let once = spec.clone();
        complete(world, &mut spec);
        assert_eq!(once, spec);
        (*spec).clone()
    }

    #[test]
    fn a_pod_gets_the_priority_of_its_class_and_zero_without_one() {
        let mut world = World::new(1);
        let class = json!({"metadata": {"name": "high", "uid": "00000000-0000-4000-8000-000000000001"}, "value": 1000, "preemptionPolicy": "Never"});
        world.put(Arc::new(from_value(Kind::PriorityClass, &class).unwrap()));
        let high = completed(&world, json!({"containers": [], "priorityClassName": "high"}));
        assert_eq!((high.priority, high.preemption_policy.as_deref()), (Some(1000), Some("Never")));
        assert_eq!(completed(&world, json!({"containers": []})).priority, Some(0));
    }

    #[test]
    fn a_pod_requests_its_limits_and_has_its_ports_on_the_host_whose_network_it_uses() {
        // SetDefaults_Pod of upstream: for pods only, templates stay as they are.
        let container = json!({"name": "c", "ports": [{"containerPort": 80}], "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}}});
        let spec = completed(&World::new(1), json!({"containers": [container], "hostNetwork": true}));
        let value = serde_json::to_value(&spec).unwrap();
        assert_eq!(value["containers"][0]["resources"]["requests"], json!({"cpu": "1", "memory": "1Gi"}));
        assert_eq!(value["containers"][0]["ports"][0]["hostPort"], 80);
        assert_eq!(value["enableServiceLinks"], true);
    }

    #[test]
    fn a_pod_stays_five_minutes_on_a_lost_node_unless_it_says_otherwise() {
        let world = World::new(1);
        let spec = completed(
            &world,
            json!({"containers": [], "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]}),
        );
        let seconds: Vec<_> = spec.tolerations.iter().map(|toleration| (toleration.key.as_str(), toleration.toleration_seconds)).collect();
        assert_eq!(seconds, [("node.kubernetes.io/not-ready", Some(5)), ("node.kubernetes.io/unreachable", Some(300))]);
        let everything = completed(&world, json!({"containers": [], "tolerations": [{"operator": "Exists"}]}));
        assert_eq!(everything.tolerations.len(), 1);
    }
}
