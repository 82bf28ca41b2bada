//! The autoscaler's profile of a cluster: defaults and forms (aks-semantics section 3.2, CA-1).
//!
//! All values are texts, but for three flags. Validated, kept and shown.

use crate::errors::ArmError;
use crate::fields::Fields;
use nodelane_model::refusal::PoolRefusal;
use serde_json::{Map, Value, json};

/// Form of a value, with its words for a refusal.
#[derive(Clone, Copy)]
enum Form {
    Flag,
    TextFlag,
    Seconds,
    Minutes,
    Delay,
    Count,
    Percent,
    Share,
    Expanders,
}

const FORMS: [(&str, Form); 20] = [
    ("balance-similar-node-groups", Form::TextFlag),
    ("daemonset-eviction-for-empty-nodes", Form::Flag),
    ("daemonset-eviction-for-occupied-nodes", Form::Flag),
    ("ignore-daemonsets-utilization", Form::Flag),
    ("expander", Form::Expanders),
    ("max-empty-bulk-delete", Form::Count),
    ("max-graceful-termination-sec", Form::Count),
    ("max-node-provision-time", Form::Minutes),
    ("max-total-unready-percentage", Form::Percent),
    ("new-pod-scale-up-delay", Form::Delay),
    ("ok-total-unready-count", Form::Count),
    ("scan-interval", Form::Seconds),
    ("scale-down-delay-after-add", Form::Minutes),
    ("scale-down-delay-after-delete", Form::Delay),
    ("scale-down-delay-after-failure", Form::Minutes),
    ("scale-down-unneeded-time", Form::Minutes),
    ("scale-down-unready-time", Form::Minutes),
    ("scale-down-utilization-threshold", Form::Share),
    ("skip-nodes-with-local-storage", Form::TextFlag),
    ("skip-nodes-with-system-pods", Form::TextFlag),
];

const EXPANDERS: [&str; 4] = ["random", "most-pods", "least-waste", "priority"];

/// The profile of a cluster that has none. The delay after a deletion is the scan interval.
pub(super) fn defaults() -> Value {
    json!({
        "balance-similar-node-groups": "false", "daemonset-eviction-for-empty-nodes": false,
        "daemonset-eviction-for-occupied-nodes": true, "expander": "random", "ignore-daemonsets-utilization": false,
        "max-empty-bulk-delete": "10", "max-graceful-termination-sec": "600", "max-node-provision-time": "15m",
        "max-total-unready-percentage": "45", "new-pod-scale-up-delay": "0s", "ok-total-unready-count": "3",
        "scale-down-delay-after-add": "10m", "scale-down-delay-after-delete": "10s", "scale-down-delay-after-failure": "3m",
        "scale-down-unneeded-time": "10m", "scale-down-unready-time": "20m", "scale-down-utilization-threshold": "0.5",
        "scan-interval": "10s", "skip-nodes-with-local-storage": "false", "skip-nodes-with-system-pods": "true"
    })
}

/// A profile with its defaults.
pub(super) fn shown(profile: &Map<String, Value>) -> Value {
    let mut shown = defaults();
    for (key, value) in profile {
        shown[key] = value.clone();
    }
    if let (Some(scan), None) = (profile.get("scan-interval"), profile.get("scale-down-delay-after-delete")) {
        shown["scale-down-delay-after-delete"] = scan.clone();
    }
    shown
}

/// The profile that a PUT gives; unknown keys are kept.
pub(super) fn read(fields: &Fields) -> Result<Map<String, Value>, ArmError> {
    let mut profile = Map::new();
    for (key, value) in fields.entries() {
        let form = FORMS.iter().find(|(name, _)| name == key).map(|(_, form)| *form);
        let mut kept = value.clone();
        match form {
            None => {}
            Some(Form::Flag) => drop(fields.flag(key)?),
            Some(form) => {
                let Some(text) = fields.text(key)? else { continue };
                if !fits(form, text) {
                    return Err(refusal(key, text, form));
                }
                // A scan interval is shown with its unit, however it was given.
                if matches!(form, Form::Seconds) && !text.ends_with('s') {
                    kept = format!("{text}s").into();
                }
            }
        }
        profile.insert(key.clone(), kept);
    }
    Ok(profile)
}

fn fits(form: Form, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match form {
        Form::Flag | Form::TextFlag => matches!(text, "true" | "false"),
        Form::Seconds => digits(text.strip_suffix('s').unwrap_or(text)),
        Form::Minutes => text.strip_suffix('m').is_some_and(digits),
        Form::Delay => text.strip_suffix(['s', 'm', 'h']).is_some_and(digits),
        Form::Count => digits(text),
        Form::Percent => digits(text) && text.parse().is_ok_and(|percent: u32| percent <= 100),
        Form::Share => text.parse().is_ok_and(|share: f64| (0.0..=1.0).contains(&share)),
        Form::Expanders => text.split(',').all(|expander| EXPANDERS.contains(&expander)),
    }
}

fn refusal(key: &str, text: &str, form: Form) -> ArmError {
    let accepted = match form {
        Form::Flag | Form::TextFlag => "true or false",
        Form::Seconds => "whole seconds, such as 10s",
        Form::Minutes => "whole minutes, such as 10m",
        Form::Delay => "a whole number with s, m or h, such as 30s",
        Form::Count => "a whole number",
        Form::Percent => "0 to 100",
        Form::Share => "0 to 1, such as 0.5",
        Form::Expanders => "random, most-pods, least-waste or priority, or several with commas between",
    };
    let parameter = format!("autoScalerProfile.{key}");
    PoolRefusal::parameter("CA-1", &parameter, format!("'{text}' is not a value that it may have"), accepted).into()
}
