//! Containers and init containers: names, images, ports, environment.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::cursor::port_name;
use super::{At, Errors, amount, probe, volume};
use crate::names::dns1123_label;
use crate::status::FieldError;
use std::collections::BTreeSet;

/// The containers of a pod, which run together.
pub fn containers(list: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    if list.is_empty() {
        return errors.push(list.required(""));
    }
    let mut names = BTreeSet::new();
    for at in list.items() {
        common(&at, volumes, errors);
        if !names.insert(at.get("name").text()) {
            errors.push(at.get("name").duplicate());
        }
        probe::probes(&at, errors);
        restart_policy(&at.get("restartPolicy"), errors);
    }
    host_ports(&list.items(), errors);
}

/// The init containers of a pod, which run one after the other.
pub fn init_containers(list: &At, regular: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    let mut names: BTreeSet<&str> = regular.items().iter().map(|at| at.get("name").text()).collect();
    for at in list.items() {
        common(&at, volumes, errors);
        restart_policy(&at.get("restartPolicy"), errors);
        if !names.insert(at.get("name").text()) {
            errors.push(at.get("name").duplicate());
        }
        host_ports(std::slice::from_ref(&at), errors);
        if at.get("restartPolicy").text() == "Always" {
            probe::probes(&at, errors);
        } else {
            probe::no_probes(&at, errors);
        }
    }
}

fn restart_policy(at: &At, errors: &mut Errors) {
    if at.is_set() {
        at.one_of(&["Always", "Never", "OnFailure"], errors);
    }
}

fn common(at: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    let name = at.get("name");
    if name.is_empty() {
        errors.push(name.required(""));
    } else {
        name.all_invalid(dns1123_label(name.text()), errors);
    }
    if at.get("image").is_empty() {
        errors.push(at.get("image").required(""));
    }
    at.get("terminationMessagePolicy").one_of(&["File", "FallbackToLogsOnError"], errors);
    ports(&at.get("ports"), errors);
    environment(&at.get("env"), errors);
    volume::mounts(&at.get("volumeMounts"), volumes, errors);
    at.get("imagePullPolicy").one_of(&["Always", "IfNotPresent", "Never"], errors);
    amount::requirements(&at.get("resources"), errors);
}

fn ports(list: &At, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for at in list.items() {
        let (name, inside, outside) = (at.get("name"), at.get("containerPort"), at.get("hostPort"));
        if !name.is_empty() {
            let complaints = port_name(name.text());
            if complaints.is_empty() && !names.insert(name.text()) {
                errors.push(name.duplicate());
            }
            name.all_invalid(complaints, errors);
        }
        if inside.int().unwrap_or_default() == 0 {
            errors.push(inside.required(""));
        } else {
            inside.port_number(errors);
        }
        if outside.int().unwrap_or_default() != 0 {
            outside.port_number(errors);
        }
        at.get("protocol").one_of(&["SCTP", "TCP", "UDP"], errors);
    }
}

/// Two containers that run together cannot have one port of the node.
fn host_ports(containers: &[At], errors: &mut Errors) {
    let mut taken = BTreeSet::new();
    for port in containers.iter().flat_map(|at| at.get("ports").items()) {
        let number = port.get("hostPort").int().unwrap_or_default();
        let shown = format!("{}/{}/{number}", port.get("protocol").text(), port.get("hostIP").text());
        if number != 0 && !taken.insert(shown.clone()) {
            errors.push(FieldError::duplicate(&port.get("hostPort").path, shown));
        }
    }
}

fn environment(list: &At, errors: &mut Errors) {
    for at in list.items() {
        let (name, from) = (at.get("name"), at.get("valueFrom"));
        let is_printable = name.text().bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=');
        if name.is_empty() {
            errors.push(name.required(""));
        } else if !is_printable {
            let why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            errors.push(name.invalid(why));
        }
        if !from.is_set() {
            continue;
        }
        let sources = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
        let count = sources.iter().filter(|source| from.get(source).is_set()).count();
        let about = |why: &str| FieldError::invalid(&from.path, "", why);
        if count == 0 {
            let why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
            errors.push(about(why));
        } else if !at.get("value").is_empty() {
            errors.push(about("may not be specified when `value` is not empty"));
        } else if count > 1 {
            errors.push(about("may not have more than one field specified at a time"));
        }
    }
}
