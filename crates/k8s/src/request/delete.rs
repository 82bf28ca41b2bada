//! Options of delete and deletecollection: from the body, or from the query when there is no body.
//!
//! Invariant: a body, once there, is the only source; upstream ignores the query then. Not here: finalizers, garbage
//! collection, the grace period of a kind.

use super::write::dry_run;
use super::{Query, first, flag, integer, invalid_options};
use crate::status::{FieldError, FieldPath, Status};
use serde::Deserialize;

/// What becomes of the objects that the deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They go later, by garbage collection.
    Background,
    /// They go first; the object waits under the finalizer `foregroundDeletion`.
    Foreground,
    /// They stay, without owner.
    Orphan,
}

/// Options of a delete.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// Seconds until a pod is killed; `None` takes the object's own, 0 deletes at once.
    pub grace_period_seconds: Option<i64>,
    /// `None` takes the kind's default.
    pub propagation: Option<Propagation>,
    /// The object must have this UID.
    pub uid: Option<String>,
    /// The object must be at this revision.
    pub resource_version: Option<String>,
    /// Do everything but delete.
    pub dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wire {
    grace_period_seconds: Option<i64>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    preconditions: Option<Preconditions>,
    dry_run: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads and validates; the error is the 400 or the 422.
    pub fn parse(query: Query<'_>, body: &[u8]) -> Result<DeleteOptions, Status> {
        let wire = if body.is_empty() {
            let dry_run: Vec<String> = query.iter().filter(|(key, _)| key == "dryRun").map(|(_, value)| value.clone()).collect();
            Wire {
                grace_period_seconds: integer(query, "gracePeriodSeconds")?,
                propagation_policy: first(query, "propagationPolicy").map(str::to_owned),
                orphan_dependents: flag(query, "orphanDependents"),
                preconditions: None,
                dry_run: Some(dry_run),
            }
        } else {
            serde_json::from_slice(body).map_err(|error| Status::bad_request(format!("DeleteOptions cannot be read: {error}")))?
        };
        wire.validate()
    }
}

impl Wire {
    fn validate(self) -> Result<DeleteOptions, Status> {
        let mut errors = Vec::new();
        let path = FieldPath::new("propagationPolicy");
        let propagation = match (self.propagation_policy.as_deref(), self.orphan_dependents) {
            (Some(policy), Some(_)) => {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid(&path, policy, why));
                None
            }
            (Some("Foreground"), None) => Some(Propagation::Foreground),
            (Some("Background"), None) => Some(Propagation::Background),
            (Some("Orphan"), None) => Some(Propagation::Orphan),
            (Some(other), None) => {
                let supported = &["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported(&path, other, supported));
                None
            }
            (None, Some(true)) => Some(Propagation::Orphan),
            (None, Some(false)) => Some(Propagation::Background),
            (None, None) => None,
        };
        let words = self.dry_run.unwrap_or_default();
        let dry_run = dry_run(words.iter().map(String::as_str), &mut errors);
        invalid_options("DeleteOptions", &errors)?;
        let preconditions = self.preconditions.unwrap_or_default();
        Ok(DeleteOptions {
            // Negative grace means the shortest that stops in order (upstream: one second).
            grace_period_seconds: self.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds }),
            propagation,
            uid: preconditions.uid,
            resource_version: preconditions.resource_version,
            dry_run,
        })
    }
}
