//! Services: ports, addresses, types.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use crate::names::{dns1123_label, dns1123_subdomain, labels};
use crate::status::FieldError;
use core::net::IpAddr;
use serde_json::json;
use std::collections::BTreeSet;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/// A service's `spec`.
pub fn service(spec: &At, errors: &mut Errors) {
    let (kind, addresses) = (spec.get("type"), spec.get("clusterIPs"));
    let is_headless = addresses.value.get(0).and_then(|first| first.as_str()) == Some("None");
    let ports = spec.get("ports");
    if ports.is_empty() && !is_headless && kind.text() != "ExternalName" {
        errors.push(ports.required(""));
    }
    match kind.text() {
        "LoadBalancer" | "NodePort" if is_headless => {
            let why = format!("may not be set to 'None' for {} services", kind.text());
            errors.push(FieldError::invalid(&addresses.path.index(0), "None", &why));
        }
        "ExternalName" => external_name(spec, errors),
        _ => {}
    }
    port_list(&ports, errors);
    errors.extend(labels(Some(spec.get("selector").value), &spec.get("selector").path));
    spec.get("sessionAffinity").one_of(&["ClientIP", "None"], errors);
    if kind.text() != "ExternalName" {
        for at in addresses.items() {
            if at.text() != "None" && at.text().parse::<IpAddr>().is_err() {
                errors.push(at.invalid("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
            }
        }
    }
    kind.one_of(&TYPES, errors);
    repeated(&ports, kind.text(), errors);
}

fn external_name(spec: &At, errors: &mut Errors) {
    for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if !spec.get(field).is_empty() {
            errors.push(spec.get(field).forbidden("may not be set for ExternalName services"));
        }
    }
    let name = spec.get("externalName");
    let bare = name.text().strip_suffix('.').unwrap_or(name.text());
    if bare.is_empty() {
        errors.push(name.required(""));
    } else {
        errors.extend(dns1123_subdomain(bare).iter().map(|why| FieldError::invalid(&name.path, bare, why)));
    }
}

fn port_list(list: &At, errors: &mut Errors) {
    let items = list.items();
    let mut names = BTreeSet::new();
    for at in &items {
        let name = at.get("name");
        if name.is_empty() {
            if items.len() > 1 {
                errors.push(name.required(""));
            }
        } else {
            name.all_invalid(dns1123_label(name.text()), errors);
            if !names.insert(name.text()) {
                errors.push(name.duplicate());
            }
        }
        at.get("port").port_number(errors);
        at.get("protocol").one_of(&["SCTP", "TCP", "UDP"], errors);
        at.get("targetPort").port(errors);
    }
}

fn repeated(list: &At, kind: &str, errors: &mut Errors) {
    let items = list.items();
    let number = |at: &At, field: &str| at.get(field).int().unwrap_or_default();
    if kind == "ClusterIP" {
        for at in items.iter().filter(|at| number(at, "nodePort") != 0) {
            errors.push(at.get("nodePort").forbidden("may not be used when `type` is 'ClusterIP'"));
        }
    }
    let (mut outside, mut inside) = (BTreeSet::new(), BTreeSet::new());
    for at in items.iter().filter(|at| number(at, "nodePort") != 0) {
        if !outside.insert((at.get("protocol").text(), number(at, "nodePort"))) {
            errors.push(at.get("nodePort").duplicate());
        }
    }
    for at in &items {
        if !inside.insert((at.get("protocol").text(), number(at, "port"))) {
            let shown = json!({
                "Name": "",
                "Protocol": at.get("protocol").text(),
                "AppProtocol": null,
                "Port": number(at, "port"),
                "TargetPort": 0,
                "NodePort": 0,
            });
            errors.push(FieldError::duplicate(&at.path, shown));
        }
    }
}
