//! Probes and lifecycle hooks of containers.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};

/// The probes of a container.
pub fn probes(container: &At, errors: &mut Errors) {
    let lifecycle = container.get("lifecycle");
    for hook in [lifecycle.get("postStart"), lifecycle.get("preStop")].into_iter().filter(At::is_set) {
        handler(&hook, errors);
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let at = container.get(name);
        if !at.is_set() {
            continue;
        }
        handler(&at, errors);
        for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
            at.get(field).not_negative(errors);
        }
        let grace = at.get("terminationGracePeriodSeconds");
        if grace.int().is_some_and(|seconds| seconds <= 0) {
            errors.push(grace.invalid("must be greater than 0"));
        }
        let threshold = at.get("successThreshold");
        if name != "readinessProbe" && threshold.int() != Some(1) {
            errors.push(threshold.invalid("must be 1"));
        }
    }
}

/// None of these may be on an init container that ends.
pub fn no_probes(container: &At, errors: &mut Errors) {
    for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        let at = container.get(name);
        if at.is_set() {
            errors.push(at.forbidden("may not be set for init containers without restartPolicy=Always"));
        }
    }
}

fn handler(at: &At, errors: &mut Errors) {
    let mut found = 0;
    for name in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let action = at.get(name);
        if !action.is_set() {
            continue;
        }
        found += 1;
        if found > 1 {
            errors.push(action.forbidden("may not specify more than 1 handler type"));
            continue;
        }
        match name {
            "exec" if action.get("command").is_empty() => errors.push(action.get("command").required("")),
            "httpGet" => {
                action.get("port").port(errors);
                if !matches!(action.get("scheme").text(), "HTTP" | "HTTPS") {
                    errors.push(action.get("scheme").unsupported(&["HTTP", "HTTPS"]));
                }
            }
            "tcpSocket" => action.get("port").port(errors),
            "grpc" => action.get("port").port_number(errors),
            _ => {}
        }
    }
    if found == 0 {
        errors.push(at.required("must specify a handler type"));
    }
}
