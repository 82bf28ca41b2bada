//! Defaults of services and endpoints. The cluster is of one address family, IPv4.
//!
//! Run on bodies before they are decoded; doing it twice changes nothing (kube-apiserver's own answers are in the tests).
//! Not here: validation.

use super::{Fields, each, put, put_number, within};
use serde_json::{Value, json};

/// A client sticks to its endpoint for three hours where nothing else is said.
const AFFINITY_SECONDS: i64 = 10_800;

/// A service's `spec`.
pub fn service(spec: &mut Fields) {
    put(spec, "type", "ClusterIP");
    // Each of the two spellings of the address gives the other.
    let first = spec.get("clusterIPs").and_then(|list| list.get(0)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let address = super::text(spec, "clusterIP").to_owned();
    match (address.is_empty(), first.is_empty()) {
        (false, true) => drop(spec.insert("clusterIPs".into(), json!([address]))),
        (true, false) => drop(spec.insert("clusterIP".into(), first.into())),
        _ => {}
    }
    put(spec, "sessionAffinity", "None");
    let of_type = |spec: &Fields, types: &[&str]| types.contains(&super::text(spec, "type"));
    match super::text(spec, "sessionAffinity") {
        "None" => drop(spec.remove("sessionAffinityConfig")),
        "ClientIP" => {
            within(spec, "sessionAffinityConfig", |config| {
                within(config, "clientIP", |client| put_number(client, "timeoutSeconds", AFFINITY_SECONDS));
            });
        }
        _ => {}
    }
    for port in each(spec, "ports") {
        put(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_else(|| 0.into());
        let unsaid = |target: &Value| target.is_null() || target.as_i64() == Some(0) || target.as_str() == Some("");
        if port.get("targetPort").is_none_or(unsaid) {
            port.insert("targetPort".into(), number);
        }
    }
    let outside = has_items(spec, "externalIPs");
    if of_type(spec, &["NodePort", "LoadBalancer"]) || of_type(spec, &["ClusterIP"]) && outside {
        put(spec, "externalTrafficPolicy", "Cluster");
    }
    if of_type(spec, &["ClusterIP", "NodePort", "LoadBalancer"]) {
        put(spec, "internalTrafficPolicy", "Cluster");
        // A headless service without selector is someone else's list of addresses, which may be of either family.
        let is_list = super::text(spec, "clusterIP") == "None" && spec.get("selector").is_none_or(|map| map == &json!({}));
        let is_unsaid = super::is_unsaid(spec, "ipFamilyPolicy");
        put(spec, "ipFamilyPolicy", if is_list { "RequireDualStack" } else { "SingleStack" });
        if !has_items(spec, "ipFamilies") {
            let families = if is_list && is_unsaid { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) };
            spec.insert("ipFamilies".into(), families);
        }
    }
    if of_type(spec, &["LoadBalancer"]) && super::is_unsaid(spec, "allocateLoadBalancerNodePorts") {
        spec.insert("allocateLoadBalancerNodePorts".into(), true.into());
    }
}

fn has_items(spec: &Fields, name: &str) -> bool {
    spec.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

/// Endpoints.
pub fn endpoints(object: &mut Fields) {
    for subset in each(object, "subsets") {
        for port in each(subset, "ports") {
            put(port, "protocol", "TCP");
        }
    }
}

/// A slice of endpoints.
pub fn endpoint_slice(object: &mut Fields) {
    for port in each(object, "ports") {
        put(port, "protocol", "TCP");
        if super::is_unsaid(port, "name") {
            port.insert("name".into(), "".into());
        }
    }
}
