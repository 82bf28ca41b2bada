//! What goes wrong, as ARM says it: status, envelope, code, message, target, and the rule with what would be accepted.
//!
//! Two envelopes: routing-level answers and policy are wrapped in `error` and carry `x-ms-failure-cause: gateway`; what the rules of
//! pools and clusters refuse is a bare object. AKS's sentences are verbatim as far as they are known; docs/fidelity.md lists the rest.

mod pool;

use crate::id::{ClusterId, GroupId};
use crate::route::Method;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Key, Kind, Name, Refusal};
use serde_json::{Value, json};
use thiserror::Error;

/// Why a request has no good answer.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum ArmError {
    /// No `api-version`.
    #[error("no api-version")]
    MissingApiVersion,
    /// Nothing is there, or not with this method.
    #[error("{method:?} {path} is no route")]
    UnknownRoute {
        /// The method.
        method: Method,
        /// The path.
        path: Name,
    },
    /// No credential, or not one of ours. The server sends `WWW-Authenticate` with it.
    #[error("not authenticated")]
    Unauthenticated,
    /// No such subscription.
    #[error("no subscription {0}")]
    SubscriptionNotFound(Name),
    /// No such provider.
    #[error("no provider {0}")]
    ProviderNotFound(Name),
    /// No such group.
    #[error("no group {0:?}")]
    GroupNotFound(GroupId),
    /// No such cluster.
    #[error("no cluster {0:?}")]
    ClusterNotFound(ClusterId),
    /// A pool or what belongs to it is asked for in a cluster that is not there.
    #[error("no cluster {cluster:?} to {verb} a pool of")]
    ParentNotFound {
        /// `read`, `write`, `delete` or `action`.
        verb: &'static str,
        /// The cluster.
        cluster: ClusterId,
    },
    /// No such machine.
    #[error("no machine {0}")]
    MachineNotFound(Name),
    /// No such maintenance configuration.
    #[error("no maintenance configuration {name} of {cluster:?}")]
    MaintenanceNotFound {
        /// The cluster.
        cluster: ClusterId,
        /// The configuration.
        name: Name,
    },
    /// No such operation, or its time is over.
    #[error("no operation {0}")]
    OperationNotFound(Name),
    /// The body is no JSON object.
    #[error("the body is no JSON object: {0}")]
    NotJson(Name),
    /// A value has another type.
    #[error("{field} is a {found}, not a {wanted}")]
    Unmarshal {
        /// The JSON type that it has.
        found: &'static str,
        /// The field, in Go's words.
        field: String,
        /// The Go type that it should have.
        wanted: &'static str,
    },
    /// `If-None-Match` with something else than `*`.
    #[error("If-None-Match takes * only")]
    IfNoneMatchTag,
    /// `If-Match` and `If-None-Match` together.
    #[error("If-Match and If-None-Match together")]
    BothConditions,
    /// The subscription has calls that are faster than it may be.
    #[error("throttled for {retry_after_seconds} s")]
    Throttled {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// Refused by the rules.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<PoolRefusal> for ArmError {
    fn from(refusal: PoolRefusal) -> ArmError {
        ArmError::Refused(Refusal::Pool(refusal))
    }
}

impl From<Refusal> for ArmError {
    fn from(refusal: Refusal) -> ArmError {
        ArmError::Refused(refusal)
    }
}

/// An answer that is an error.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// Whether the envelope is the gateway's: then `x-ms-failure-cause: gateway` goes with it.
    pub gateway: bool,
    /// The body.
    pub body: Value,
}

impl Answer {
    fn gateway(status: u16, code: &str, message: impl Into<String>) -> Answer {
        Answer { status, gateway: true, body: json!({"error": {"code": code, "message": message.into()}}) }
    }
    fn service(status: u16, code: &str, message: impl Into<String>) -> Answer {
        Answer { status, gateway: false, body: json!({"code": code, "details": null, "message": message.into(), "subcode": ""}) }
    }
    /// Adds which rule refuses and what it would accept.
    fn because(mut self, rule: &str, accepted: &str) -> Answer {
        let details = json!([{"code": rule, "message": accepted}]);
        match self.gateway {
            true => self.body["error"]["details"] = details,
            false => self.body["details"] = details,
        }
        self
    }
    fn at(mut self, target: &str) -> Answer {
        self.body["target"] = target.into();
        self
    }
}

impl ArmError {
    /// The answer that clients get.
    pub fn answer(&self) -> Answer {
        match self {
            ArmError::MissingApiVersion => Answer::gateway(400, "MissingApiVersionParameter", MISSING_API_VERSION),
            ArmError::Unauthenticated => Answer::gateway(401, "AuthenticationFailed", UNAUTHENTICATED),
            ArmError::UnknownRoute { path, .. } => {
                let message = format!("The resource at '{path}' could not be found, or does not take this method.");
                Answer::gateway(404, "InvalidResourceType", message)
            }
            ArmError::SubscriptionNotFound(id) => {
                Answer::gateway(404, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
            }
            ArmError::ProviderNotFound(namespace) => {
                let message = format!("The resource namespace '{namespace}' is invalid.");
                Answer::gateway(404, "InvalidResourceNamespace", message)
            }
            ArmError::GroupNotFound(id) => {
                let message = format!("Resource group '{}' could not be found.", id.group);
                Answer::gateway(404, "ResourceGroupNotFound", message)
            }
            ArmError::ClusterNotFound(id) => Answer::gateway(404, "ResourceNotFound", cluster_not_found(id)),
            ArmError::ParentNotFound { verb, cluster } => {
                let message = format!(
                    "Failed to perform '{verb}' on resource(s) of type 'managedClusters/agentPools', because the parent resource '{cluster}' could not be found."
                );
                Answer::gateway(404, "ParentResourceNotFound", message)
            }
            ArmError::NotJson(why) => {
                let message = format!("The request content was invalid and could not be deserialized: '{why}'.");
                Answer::gateway(400, "InvalidRequestContent", message)
            }
            ArmError::Refused(refusal) => of_refusal(refusal),
            ArmError::MachineNotFound(_) | ArmError::OperationNotFound(_) | ArmError::Unmarshal { .. } => self.of_service(),
            ArmError::IfNoneMatchTag | ArmError::BothConditions | ArmError::Throttled { .. } => self.of_service(),
            ArmError::MaintenanceNotFound { .. } => self.of_service(),
        }
    }

    fn of_service(&self) -> Answer {
        let (status, code, message) = match self {
            ArmError::MachineNotFound(machine) => (404, "NotFound", format!("Could not find the machine '{machine}'.")),
            ArmError::MaintenanceNotFound { cluster, name } => {
                (404, "NotFound", format!("Could not find the maintenance configuration '{name}' of '{cluster}'."))
            }
            ArmError::OperationNotFound(id) => (404, "NotFound", format!("The entity was not found: operation '{id}'.")),
            ArmError::Unmarshal { found, field, wanted } => {
                let message = format!(
                    "UnmarshalEntity encountered error: json: cannot unmarshal {found} into Go struct field {field} of type {wanted}."
                );
                (400, "UnmarshalError", message)
            }
            ArmError::Throttled { retry_after_seconds } => {
                (429, "Throttled", format!("The request is being throttled. Retry after {retry_after_seconds} seconds."))
            }
            ArmError::IfNoneMatchTag => {
                let answer = Answer::service(400, "BadRequest", "If-None-Match must be empty or '*'.");
                return answer.because("X-1", "'*' or no If-None-Match");
            }
            other => {
                let answer = Answer::service(400, "BadRequest", "If-Match and If-None-Match cannot both be set.");
                debug_assert_eq!(*other, ArmError::BothConditions, "the caller sorts");
                return answer.because("X-1", "one of the two headers");
            }
        };
        Answer::service(status, code, message)
    }
}

const MISSING_API_VERSION: &str = "The api-version query parameter (?api-version=) is required for all requests.";
const UNAUTHENTICATED: &str = "Authentication failed. The 'Authorization' header is missing or invalid.";

fn cluster_not_found(id: &ClusterId) -> String {
    format!(
        "The Resource 'Microsoft.ContainerService/managedClusters/{}' under resource group '{}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        id.cluster, id.group.group
    )
}

fn of_refusal(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::Pool(refusal) => pool::answer(refusal),
        Refusal::NotFound(key) => Answer::service(404, "NotFound", format!("Could not find {}.", named(key))),
        Refusal::AlreadyExists(key) => Answer::service(409, "Conflict", format!("{} exists already.", named(key))),
        Refusal::Stale { key, .. } | Refusal::Precondition { key, .. } => {
            Answer::service(409, "Conflict", format!("{} has changed meanwhile. Please retry the request.", named(key)))
        }
        Refusal::Invalid { field, message, .. } => Answer::service(400, "InvalidParameter", format!("{field}: {message}")).at(field),
        Refusal::Forbidden { message, .. } => Answer::gateway(403, "AuthorizationFailed", message.as_str()),
        // The disk is full, or a write failed: not the caller's fault, and worth another try.
        Refusal::Unavailable(why) => Answer::gateway(503, "ServiceUnavailable", format!("The change could not be stored: {why}")),
        // Nothing that ARM's calls ask for meets these.
        Refusal::BudgetBlocks { .. } | Refusal::BudgetUnobserved { .. } | Refusal::TwoBudgets(_) | Refusal::NamespaceTerminating { .. } => {
            Answer::service(409, "OperationNotAllowed", refusal.to_string())
        }
    }
}

fn named(key: &Key) -> String {
    match key.kind {
        Kind::Cluster => "the managed cluster".into(),
        Kind::NodePool => format!("the agent pool '{}'", key.name),
        kind => format!("{} '{}'", kind.as_str(), key.name),
    }
}

#[cfg(test)]
mod tests;
