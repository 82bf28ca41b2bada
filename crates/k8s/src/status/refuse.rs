//! The constructors of [`Status`], one per reason that kube-apiserver knows and this server uses.
//!
//! Invariant: a caller passes facts (resource, name, revisions), never wording; the wording is upstream's, because kubectl
//! prints it and clients match on it. Not here: validation messages (they come as [`FieldError`]s).

use super::{Cause, FieldError, GroupResource, Status};

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. \
You can start a new list without the continue parameter";

/// Why an optimistic write lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition<'a> {
    /// The object moved on since the client read it.
    Modified,
    /// `preconditions.uid` names another object.
    Uid {
        /// What the request said.
        wanted: &'a str,
        /// What the object has.
        found: &'a str,
    },
    /// `preconditions.resourceVersion` is not the current one.
    ResourceVersion {
        /// What the request said.
        wanted: &'a str,
        /// What the object has.
        found: &'a str,
    },
}

impl std::fmt::Display for Precondition<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Precondition::Modified => {
                f.write_str("the object has been modified; please apply your changes to the latest version and try again")
            }
            Precondition::Uid { wanted, found } => write!(
                f,
                "the UID in the precondition ({wanted}) does not match the UID in record ({found}). \
                 The object might have been deleted and then recreated"
            ),
            Precondition::ResourceVersion { wanted, found } => write!(
                f,
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
                 ({found}). The object might have been modified"
            ),
        }
    }
}

impl Status {
    /// 404 for one object.
    pub fn not_found(resource: GroupResource<'_>, name: &str) -> Status {
        Status::new(404, "NotFound", format!("{resource} \"{name}\" not found")).about(resource, name)
    }

    /// 404 for a path that no kind serves.
    pub fn no_such_path() -> Status {
        Status::bare(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409: a create met an object of that name.
    pub fn already_exists(resource: GroupResource<'_>, name: &str) -> Status {
        Status::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists")).about(resource, name)
    }

    /// 409: `generateName` met taken names in every attempt; the client may retry after a second.
    pub fn generate_name_clash(resource: GroupResource<'_>, name: &str) -> Status {
        let text = format!("{resource} \"{name}\" already exists, the server was not able to generate a unique name for the object");
        let mut status = Status::new(409, "AlreadyExists", text).about(resource, name);
        status.details.get_or_insert_default().retry_after_seconds = 1;
        status
    }

    /// 409: an optimistic write lost, see [`Precondition`]. For the preconditions of a delete upstream names the *kind*
    /// where it else names the resource: pass that.
    pub fn conflict(resource: GroupResource<'_>, name: &str, why: Precondition<'_>) -> Status {
        Status::conflict_because(resource, name, &why.to_string())
    }

    /// 409 with a reason of the resource's own (`pod web-0 is already assigned to node "a"`).
    pub fn conflict_because(resource: GroupResource<'_>, name: &str, why: &str) -> Status {
        let text = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Status::new(409, "Conflict", text).about(resource, name)
    }

    /// 422: the object breaks rules. `kind` is the Kubernetes kind.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Status {
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut message = format!("{qualified} \"{name}\" is invalid");
        // Upstream folds equal texts into one and brackets what remains when there are several.
        let mut texts: Vec<String> = Vec::new();
        for text in errors.iter().map(FieldError::to_string) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.as_slice() {
            [] => {}
            [one] => message.push_str(&format!(": {one}")),
            many => message.push_str(&format!(": [{}]", many.join(", "))),
        }
        let mut status = Status::new(422, "Invalid", message);
        status = status.about(GroupResource { group, resource: kind }, name);
        status.details.get_or_insert_default().causes = errors.iter().map(FieldError::cause).collect();
        status
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Status {
        Status::new(400, "BadRequest", message)
    }

    /// 401; the message is always the bare word, so that nobody learns why.
    pub fn unauthorized() -> Status {
        Status::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403. `name` may be empty; `why` is the part behind the colon.
    pub fn forbidden(resource: GroupResource<'_>, name: &str, why: &str) -> Status {
        let message =
            if name.is_empty() { format!("{resource} is forbidden: {why}") } else { format!("{resource} \"{name}\" is forbidden: {why}") };
        Status::new(403, "Forbidden", message).about(resource, name)
    }

    /// 403 of the authorizer. `subresource`, `name` and `namespace` may be empty.
    pub fn unauthorized_verb(
        user: &str,
        verb: &str,
        resource: GroupResource<'_>,
        subresource: &str,
        namespace: &str,
        name: &str,
    ) -> Status {
        let slash = if subresource.is_empty() { "" } else { "/" };
        let place = match namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let (what, group) = (resource.resource, resource.group);
        let why = format!("User \"{user}\" cannot {verb} resource \"{what}{slash}{subresource}\" in API group \"{group}\" {place}");
        Status::forbidden(resource, name, &why)
    }

    /// 403 of the authorizer for a path that is no resource.
    pub fn unauthorized_path(user: &str, verb: &str, path: &str) -> Status {
        Status::bare(403, "Forbidden", format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\""))
    }

    /// 403 for a write into a namespace that is going away.
    pub fn namespace_terminating(resource: GroupResource<'_>, name: &str, namespace: &str) -> Status {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        Status::forbidden(resource, name, &why).with_cause(Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        })
    }

    /// 405: the kind exists, the verb does not.
    pub fn method_not_allowed() -> Status {
        Status::bare(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 406: no representation that the client accepts; `available` are the media types of the endpoint.
    pub fn not_acceptable(available: &[&str]) -> Status {
        let list = available.join(", ");
        Status::bare(406, "NotAcceptable", format!("406: Not Acceptable\n\nAvailable representations: {list}"))
    }

    /// 406 for a known media type in an unknown shape (`as=…`).
    pub fn not_acceptable_shape(accepted: &[&str]) -> Status {
        let list = accepted.join(", ");
        Status::new(406, "NotAcceptable", format!("only the following media types are accepted: {list}"))
    }

    /// 415: the body is of a type that this endpoint does not read.
    pub fn unsupported_media_type() -> Status {
        Status::bare(415, "UnsupportedMediaType", "415: Unsupported Media Type")
    }

    /// 415 that names the readable types: a strategic patch for a kind that has no schema.
    pub fn unsupported_media_type_among(accepted: &[&str]) -> Status {
        let list = accepted.join(", ");
        let text = format!("the body of the request was in an unknown format - accepted media types include: {list}");
        Status::new(415, "UnsupportedMediaType", text)
    }

    /// 422 without a reason: a JSON patch that does not apply.
    pub fn rejected() -> Status {
        Status::bare(422, "Invalid", "the server rejected our request due to an error in our request")
    }

    /// 500 with neither reason nor details: an error that upstream does not classify.
    pub fn unknown(message: impl Into<String>) -> Status {
        Status::new(500, "", message)
    }

    /// 410 for a watch that starts below the oldest kept revision.
    pub fn expired_watch(requested: u64, oldest: u64) -> Status {
        Status::new(410, "Expired", format!("too old resource version: {requested} ({oldest})"))
    }

    /// 410 for a list at an exact revision that is gone.
    pub fn expired_list() -> Status {
        Status::new(410, "Expired", "The resourceVersion for the provided list is too old.")
    }

    /// 410 for a page whose revision is gone. With a token the client may go on at the newest revision, knowing that the
    /// whole is inconsistent; with `None` it must start again.
    pub fn expired_continue(inconsistent: Option<String>) -> Status {
        let text = match &inconsistent {
            None => format!("{TOO_OLD}."),
            Some(_) => format!(
                "{TOO_OLD}, or use the continue token in this response to retrieve the remainder of the results. \
                 Continuing with the provided token results in an inconsistent list - objects that were created, \
                 modified, or deleted between the time the first chunk was returned and now may show up in the list."
            ),
        };
        let mut status = Status::new(410, "Expired", text);
        status.continue_token = inconsistent.unwrap_or_default();
        status
    }

    /// 410 with reason `Gone`.
    pub fn gone(message: impl Into<String>) -> Status {
        Status::new(410, "Gone", message)
    }

    /// 429: an eviction that a budget does not allow (spec: kubernetes-api, subresources).
    pub fn disruption_budget(budget: &str, healthy_needed: i64, healthy_now: i64) -> Status {
        let text = format!("The disruption budget {budget} needs {healthy_needed} healthy pods and has {healthy_now} currently");
        Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 0).with_cause(Cause {
            reason: "DisruptionBudget",
            message: text,
            field: String::new(),
        })
    }

    /// 429: a budget whose status the controller has not yet computed for its newest generation.
    pub fn disruption_budget_processing(budget: &str) -> Status {
        let text = format!("The disruption budget {budget} is still being processed by the server.");
        Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 10).with_cause(Cause {
            reason: "DisruptionBudget",
            message: text,
            field: String::new(),
        })
    }

    /// 429; 0 seconds means that the client chooses.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Status {
        let mut status = Status::new(429, "TooManyRequests", message);
        status.details.get_or_insert_default().retry_after_seconds = retry_after_seconds;
        status
    }

    /// 413. `limit_bytes` is the largest body that is read.
    pub fn request_entity_too_large(limit_bytes: usize) -> Status {
        let text = format!("Request entity too large: limit is {limit_bytes}");
        Status::new(413, "RequestEntityTooLarge", text)
    }

    /// 413 for a JSON patch with too many operations, in upstream's words.
    pub fn patch_too_long(limit: usize, found: usize) -> Status {
        let text = format!("Request entity too large: The allowed maximum operations in a JSON patch is {limit}, got {found}");
        Status::new(413, "RequestEntityTooLarge", text)
    }

    /// 503.
    pub fn service_unavailable(message: impl Into<String>) -> Status {
        Status::new(503, "ServiceUnavailable", message)
    }

    /// 500.
    pub fn internal(message: &str) -> Status {
        let cause = Cause { reason: "", message: message.to_owned(), field: String::new() };
        Status::new(500, "InternalError", format!("Internal error occurred: {message}")).with_cause(cause)
    }

    /// 504 for a list or watch at a revision that the server has not reached.
    pub fn resource_version_too_large(requested: u64, current: u64) -> Status {
        let text = format!("Timeout: Too large resource version: {requested}, current: {current}");
        let mut status = Status::new(504, "Timeout", text);
        status.details.get_or_insert_default().retry_after_seconds = 1;
        status.with_cause(Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        })
    }
}
