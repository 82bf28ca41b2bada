//! Jobs and cron jobs.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::selector::{matches, selector};
use super::{At, Errors, cron, pod};
use crate::status::FieldError;
use std::collections::BTreeSet;

/// An indexed job runs at most this many pods at once (upstream's `maxParallelismForIndexedJob`).
const PARALLELISM_LIMIT: i64 = 100_000;
/// A cron job's name is followed by eleven characters in its jobs' names, and those keep within 63.
const CRON_NAME_LIMIT: usize = 63 - 11;

/// A job. Without a manual selector its selector is generated when it is stored, so nothing is said about one here
/// except that the user may not bring it.
pub fn job(root: &At, errors: &mut Errors) {
    let spec = root.get("spec");
    let own = spec.get("selector");
    let is_manual = spec.get("manualSelector").is_true();
    let is_generated = own.get("matchLabels").get("batch.kubernetes.io/controller-uid").is_set();
    if !is_manual && own.is_set() && !is_generated {
        errors.push(own.invalid("`selector` not auto-generated"));
    }
    job_spec(&spec, errors);
    if is_manual && !own.is_set() {
        errors.push(own.required(""));
    }
    if is_manual {
        selector(&own, errors);
        let labels = spec.get("template").get("metadata").get("labels");
        if !matches(&own, labels.value) {
            errors.push(labels.invalid("`selector` does not match template `labels`"));
        }
    }
}

fn job_spec(spec: &At, errors: &mut Errors) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        spec.get(field).not_negative(errors);
    }
    let mode = spec.get("completionMode");
    match mode.text() {
        "NonIndexed" | "" => {
            for at in [spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")].iter().filter(|at| at.is_set()) {
                errors.push(at.invalid("requires indexed completion mode"));
            }
        }
        "Indexed" => {
            if !spec.get("completions").is_set() {
                errors.push(spec.get("completions").required("when completion mode is Indexed"));
            }
            let parallelism = spec.get("parallelism");
            if parallelism.int().is_some_and(|count| count > PARALLELISM_LIMIT) {
                let why = format!("must be less than or equal to {PARALLELISM_LIMIT} when completion mode is Indexed");
                errors.push(parallelism.invalid(&why));
            }
        }
        _ => errors.push(mode.unsupported(&["NonIndexed", "Indexed"])),
    }
    let (policy, replacement) = (spec.get("podFailurePolicy"), spec.get("podReplacementPolicy"));
    let allowed: &[&str] = if policy.is_set() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    if replacement.is_set() && !allowed.contains(&replacement.text()) {
        errors.push(replacement.unsupported(allowed));
    }
    let template = spec.get("template");
    pod::template(&template, &BTreeSet::new(), errors);
    let restart = template.get("spec").get("restartPolicy");
    match restart.text() {
        "Always" | "" => errors.push(restart.required("valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if policy.is_set() => {
            errors.push(restart.invalid("only \"Never\" is supported when podFailurePolicy is specified"));
        }
        "OnFailure" | "Never" => {}
        _ => errors.push(restart.unsupported(&["OnFailure", "Never"])),
    }
}

/// A cron job.
pub fn cron_job(root: &At, is_new: bool, errors: &mut Errors) {
    let spec = root.get("spec");
    let (schedule, zone) = (spec.get("schedule"), spec.get("timeZone"));
    if schedule.is_empty() {
        errors.push(schedule.required(""));
    } else {
        if let Err(why) = cron::check(schedule.text()) {
            errors.push(schedule.invalid(&why));
        }
        if schedule.text().contains("TZ") {
            errors.push(schedule.invalid("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
        }
    }
    spec.get("startingDeadlineSeconds").not_negative(errors);
    if zone.is_set() {
        time_zone(&zone, errors);
    }
    spec.get("concurrencyPolicy").one_of(&["Allow", "Forbid", "Replace"], errors);
    let job = spec.get("jobTemplate").get("spec");
    job_spec(&job, errors);
    if job.get("selector").is_set() {
        errors.push(job.get("selector").invalid("`selector` will be auto-generated"));
    }
    if job.get("manualSelector").is_true() {
        errors.push(job.get("manualSelector").unsupported(&["nil", "false"]));
    }
    spec.get("successfulJobsHistoryLimit").not_negative(errors);
    spec.get("failedJobsHistoryLimit").not_negative(errors);
    let name = root.get("metadata").get("name");
    if is_new && name.text().len() > CRON_NAME_LIMIT {
        errors.push(FieldError::invalid(&name.path, name.text(), "must be no more than 52 characters"));
    }
}

/// The form of a zone's name. Whether such a zone exists is found out when the schedule is computed.
fn time_zone(at: &At, errors: &mut Errors) {
    let name = at.text();
    let is_part = |part: &str| {
        let is_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        !part.is_empty() && part != "." && part != ".." && !part.starts_with('-') && part.chars().all(is_character)
    };
    if name.is_empty() {
        errors.push(at.invalid("timeZone must be nil or non-empty string"));
    } else if !name.split('/').all(is_part) {
        errors.push(at.invalid(&format!("unknown time zone {name}")));
    } else if name.eq_ignore_ascii_case("Local") {
        errors.push(at.invalid("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"));
    }
}
