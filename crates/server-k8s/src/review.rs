//! Questions in the shape of a create: who am I, may I, what may I.
//!
//! Whoever holds this cluster's credential is its administrator (`system:masters`), so the answer to "may I" is yes for every verb that
//! exists. Anyone else does not get here.

use crate::route::Target;
use crate::{Answer, Call, Result};
use nodelane_k8s::status::Status;
use serde_json::{Value, json};

/// Answers a review.
pub fn answer(call: &Call, target: &Target) -> Result<Answer> {
    let body: Value = serde_json::from_slice(&call.body).map_err(|error| Status::bad_request(error.to_string()))?;
    let admin = call.groups.iter().any(|group| group == "system:masters");
    let status = match target.resource.kind {
        "SelfSubjectReview" => json!({"userInfo": {"username": call.user, "groups": call.groups}}),
        "SelfSubjectAccessReview" => json!({"allowed": admin}),
        "SelfSubjectRulesReview" if admin => json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        }),
        "SelfSubjectRulesReview" => json!({"resourceRules": [], "nonResourceRules": [], "incomplete": false}),
        _ => return Err(Status::method_not_allowed()),
    };
    Ok(Answer::value(
        201,
        &json!({
            "kind": target.resource.kind,
            "apiVersion": target.resource.api_version(),
            "metadata": {"creationTimestamp": null},
            "spec": body.get("spec").cloned().unwrap_or_else(|| json!({})),
            "status": status,
        }),
    ))
}
