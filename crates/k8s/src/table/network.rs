//! Services, Endpoints, EndpointSlices.
//!
//! Long lists show three items and the number of the rest. Addresses print as they are stored. Not here: Ingress.

use super::access::{age, first_three, integer, joined, labels, list, name, text, text_or};
use super::{AGE, Column, NAME};
use nodelane_model::Time;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const SERVICE: &[Column] = &[
    NAME,
    Column::text("Type", "How the service is reached."),
    Column::text("Cluster-IP", "Address inside the cluster."),
    Column::text("External-IP", "Addresses outside the cluster."),
    Column::text("Port(s)", "Ports, with the node's port where there is one."),
    AGE,
    Column::wide("Selector", "Labels of the pods that serve it."),
];

pub(super) fn service(object: &Value, now: Time) -> Vec<Value> {
    let port = |port: &Value| {
        let protocol = text_or(port, "/protocol", "TCP");
        match (integer(port, "/port"), integer(port, "/nodePort")) {
            (port, 0) => format!("{port}/{protocol}"),
            (port, node_port) => format!("{port}:{node_port}/{protocol}"),
        }
    };
    let ports: Vec<String> = list(object, "/spec/ports").iter().map(port).collect();
    vec![
        name(object),
        text(object, "/spec/type").into(),
        text_or(object, "/spec/clusterIPs/0", "<none>").into(),
        external(object).into(),
        if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") }.into(),
        age(object, now),
        labels(object, "/spec/selector").into(),
    ]
}

fn external(service: &Value) -> String {
    let own = list(service, "/spec/externalIPs").iter().filter_map(Value::as_str);
    match text(service, "/spec/type") {
        "ClusterIP" | "NodePort" => match joined(own) {
            none if none.is_empty() => "<none>".to_owned(),
            some => some,
        },
        "LoadBalancer" => {
            let ingress = list(service, "/status/loadBalancer/ingress").iter();
            let balanced: BTreeSet<&str> =
                ingress.map(|item| text_or(item, "/ip", text(item, "/hostname"))).filter(|at| !at.is_empty()).collect();
            match joined(balanced.into_iter().chain(own)) {
                none if none.is_empty() => "<pending>".to_owned(),
                some => some,
            }
        }
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

pub(super) const ENDPOINTS: &[Column] = &[NAME, Column::text("Endpoints", "Addresses and ports that serve."), AGE];

pub(super) fn endpoints(object: &Value, now: Time) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in list(object, "/subsets") {
        let addresses = || list(subset, "/addresses").iter().map(|address| text(address, "/ip"));
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            all.extend(addresses().map(|ip| host_port(ip, integer(port, "/port"))));
        }
    }
    let empty = if list(object, "/subsets").is_empty() { "<none>" } else { "" };
    vec![name(object), first_three(&all, empty).into(), age(object, now)]
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

pub(super) const ENDPOINT_SLICE: &[Column] = &[
    NAME,
    Column::text("AddressType", "IPv4, IPv6 or FQDN."),
    Column::text("Ports", "Ports that serve."),
    Column::text("Endpoints", "Addresses that serve."),
    AGE,
];

pub(super) fn endpoint_slice(object: &Value, now: Time) -> Vec<Value> {
    let port = |port: &Value| match port.get("port").and_then(Value::as_i64) {
        Some(number) => number.to_string(),
        None => port.get("name").and_then(Value::as_str).unwrap_or("*").to_owned(),
    };
    let ports: Vec<String> = list(object, "/ports").iter().map(port).collect();
    let addresses = list(object, "/endpoints").iter().flat_map(|endpoint| list(endpoint, "/addresses"));
    let addresses: Vec<String> = addresses.filter_map(Value::as_str).map(str::to_owned).collect();
    vec![
        name(object),
        text(object, "/addressType").into(),
        first_three(&ports, "<unset>").into(),
        first_three(&addresses, "<unset>").into(),
        age(object, now),
    ]
}
