//! Refusals about pools and clusters: status, code, sentence, target and what would be accepted, in one match.
//!
//! Sentences are AKS's where the sources have them. The rule stands in `details`, with what would be accepted in our words.

use super::Answer;
use nodelane_model::refusal::{PoolRefusal, UnsupportedZones};
use nodelane_model::{Name, Time};

const PENDING: &str = "is in progress, please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details";
const QUOTA: &str = "If you want to increase the quota, please follow this instruction: https://learn.microsoft.com/en-us/azure/quotas/view-quotas. Surge nodes would also consume vcpu quota, please consider use smaller maxSurge or use maxUnavailable to proceed upgrade without surge nodes, details: aka.ms/aks/maxUnavailable.";

/// The answer to a refusal.
pub(super) fn answer(refusal: &PoolRefusal) -> Answer {
    let (status, code, message, target, accepted) = parts(refusal);
    let answer = match refusal {
        PoolRefusal::Policy { .. } => Answer::gateway(status, code, message),
        _ => Answer::service(status, code, message),
    };
    let answer = answer.because(refusal.rule(), &accepted);
    if target.is_empty() { answer } else { answer.at(&target) }
}

type Parts = (u16, &'static str, String, String, String);

fn parts(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    match refusal {
        EtagMismatch { .. } | PoolBusy { .. } | ClusterBusy { .. } | ClusterBlockedByPool { .. } => state(refusal),
        PoolDeleting { .. } => state(refusal),
        ClusterStopped { .. } | PoolNotFound { .. } | NotAllowed { .. } => standing(refusal),
        DeletionProtected { .. } | ManagedByAnother { .. } => marked(refusal),
        AboveControlPlane { .. } | TooFarBehind { .. } | VersionNotSupported { .. } => version(refusal),
        UpgradePath { .. } | PoolVersionsMixed => version(refusal),
        FamilyQuota { .. } | RegionQuota { .. } | SubnetSize { .. } | Policy { .. } | UnsatisfiableBudgets(_) => capacity(refusal),
        Parameter { .. } | CountOutOfRange { .. } | SystemSizeTooSmall { .. } | SizeNotAllowed { .. } => value(refusal),
        ZonesNotSupported { .. } | PropertyChange { .. } | LabelPrefixReserved { .. } => value(refusal),
        LabelNamespaceReserved { .. } | SystemTaint | LastSystemPool | NoSystemPool | SurgeAndUnavailable { .. } => value(refusal),
    }
}

/// The state of pool or cluster does not allow it.
fn state(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    let busy =
        |message: String| (409, "OperationNotAllowed", message, String::new(), "the same request once that operation has ended".to_owned());
    match refusal {
        EtagMismatch { current } => {
            let accepted = current.as_ref().map_or("a request without If-Match: there is no such resource".to_owned(), |tag| {
                format!("If-Match: \"{tag}\", and no If-None-Match")
            });
            (
                412,
                "PreConditionFailed",
                "The condition of the request's If-Match or If-None-Match header is not met.".into(),
                String::new(),
                accepted,
            )
        }
        PoolBusy { pool, state } => busy(format!("Operation is not allowed: Another agentpool operation ({pool} - {state}) {PENDING}")),
        ClusterBusy { state } => busy(format!("Operation is not allowed: Another operation ({state}) {PENDING}")),
        ClusterBlockedByPool { pool, state } => {
            let wait = PENDING.trim_start_matches("is in progress, ");
            busy(format!(
                "Managed Cluster operation is not allowed: Another operation ({state}) is in progress on agent pool ({pool}), {wait}"
            ))
        }
        PoolDeleting { pool, asked, since, elapsed_millis } => {
            (409, "OperationNotAllowed", deleting(pool, asked, *since, *elapsed_millis), String::new(), "a deletion".into())
        }
        _ => unreachable!("the caller sorts"),
    }
}

/// What is asked for is not there, or is not possible as things are.
fn standing(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    match refusal {
        ClusterStopped { state } => (
            409,
            "OperationNotAllowed",
            format!("managed cluster is in Provisioning State({state}) and Power State(Stopped), starting cannot be performed."),
            String::new(),
            "the cluster is started first".into(),
        ),
        PoolNotFound { pool, cluster } => (
            404,
            "NotFound",
            format!("Could not find the agent pool '{pool}' in the managed cluster '{cluster}'."),
            String::new(),
            "the name of a pool of the cluster".into(),
        ),
        NotAllowed { why, accepted, rule } => {
            let status = if matches!(*rule, "RB-1" | "M-2" | "S-6") { 400 } else { 409 };
            (status, "OperationNotAllowed", why.to_string(), String::new(), accepted.to_string())
        }
        _ => unreachable!("the caller sorts"),
    }
}

/// A mark of the pool refuses it.
fn marked(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    match refusal {
        DeletionProtected { pool, tag } => (
            409,
            "PoolDeletionProtected",
            format!("Node pool '{pool}' is protected from deletion by its tag '{tag}', and so is its cluster."),
            String::new(),
            format!("the same request once the pool no longer has the tag '{tag}'"),
        ),
        ManagedByAnother { pool, manager, tag } => (
            409,
            "PoolManagedByAnother",
            format!("Node pool '{pool}' is managed by '{manager}' (tag '{tag}'), and the request does not come from there. Make the change there, or it will be undone or in the way."),
            String::new(),
            "the header x-nodelane-override-managed-by: true; with az, AZURE_HTTP_USER_AGENT=nodelane-override-managed-by; with nodelane, --override-managed-by".into(),
        ),
        _ => unreachable!("the caller sorts"),
    }
}

fn deleting(pool: &Name, asked: &str, since: Time, elapsed_millis: i64) -> String {
    let (since, elapsed) = (since.whole_seconds(), duration(elapsed_millis));
    format!(
        "Unable to perform '{asked}' operation on '{pool}' since deletion was issued on '{pool}'. The only allowed operation is deletion once deletion has started. The delete operation started at '{since}' and elapsed time is: '{elapsed}' (RFC3339 format)"
    )
}

/// `4m5s`, as Go prints a duration.
fn duration(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match seconds / 60 {
        0 => format!("{seconds}s"),
        minutes if minutes < 60 => format!("{minutes}m{}s", seconds % 60),
        minutes => format!("{}h{}m{}s", minutes / 60, minutes % 60, seconds % 60),
    }
}

/// Kubernetes versions do not go together.
fn version(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    let minor = |version: &Name| version.split('.').nth(1).unwrap_or_default().to_owned();
    match refusal {
        AboveControlPlane { pool, control_plane } => {
            let (p, c) = (minor(pool), minor(control_plane));
            let which = match p == c {
                false => format!("Minor version of node pool version {p} is bigger than control plane version {c}."),
                true => format!("Patch version of node pool version {pool} is bigger than control plane version {control_plane}."),
            };
            let message = format!("Node pool version {pool} and control plane version {control_plane} are incompatible. {which} For more information, please check https://aka.ms/version-skew-policy");
            (400, "NodePoolMcVersionIncompatible", message, String::new(), format!("a version up to {control_plane}"))
        }
        TooFarBehind { pool, control_plane, minors } => {
            let (p, c) = (minor(pool), minor(control_plane));
            let message = format!("Node pool version {pool} and control plane version {control_plane} are incompatible. Minor version of node pool cannot be more than {minors} versions less than control plane's version. Minor version of node pool is {p} and control plane is {c}. For more information, please check https://aka.ms/version-skew-policy");
            (400, "NodePoolMcVersionIncompatible", message, String::new(), format!("at most {minors} minor versions between pool and control plane"))
        }
        VersionNotSupported { version, for_pool } => {
            let message = format!("Version {version} is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list");
            let code = if *for_pool { "AgentPoolK8sVersionNotSupported" } else { "K8sVersionNotSupported" };
            (400, code, message, String::new(), "a version that `az aks get-versions` lists".into())
        }
        UpgradePath { from, to, available, .. } => {
            let list = available.join(" ");
            let message = format!("Upgrading Kubernetes version {from} to {to} is not allowed. Available upgrades: [{list}].");
            (409, "OperationNotAllowed", message, String::new(), if list.is_empty() { from.to_string() } else { list })
        }
        PoolVersionsMixed => (
            400,
            "NotAllAgentPoolOrchestratorVersionSpecifiedAndUnchanged",
            "Using managed cluster api, all Agent pools' OrchestratorVersion must be all specified or all unspecified. If all specified, they must be stay unchanged or the same with control plane.".into(),
            String::new(),
            "each pool's own version, or the control plane's".into(),
        ),
        _ => unreachable!("the caller sorts"),
    }
}

/// There is not enough of something, or it may not be had.
fn capacity(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    match refusal {
        FamilyQuota { requested, remaining, family, location } => (
            400,
            "ErrCode_InsufficientVCPUQuota",
            format!(
                "Insufficient vcpu quota requested {requested}, remaining {remaining} for family {family} for region {location}. {QUOTA}"
            ),
            String::new(),
            format!("at most {remaining} vCPUs of the family"),
        ),
        RegionQuota { requested, remaining, location } => (
            400,
            "ErrCode_InsufficientVCPUQuota",
            format!(
                "Insufficient regional vcpu quota left for location {location}. left regional vcpu quota {remaining}, requested quota {requested}. {QUOTA}"
            ),
            String::new(),
            format!("at most {remaining} vCPUs"),
        ),
        SubnetSize { needed, available, cidr, subnet } => (
            400,
            "InsufficientSubnetSize",
            format!(
                "Pre-allocated IPs {needed} exceeds IPs available {available} in Subnet Cidr {cidr}, Subnet Name {subnet}. If Autoscaler is enabled, the max-count from each nodepool is counted towards this total (which means that pre-allocated IPs count represents a theoretical max value, not the actual number of IPs requested). https://aka.ms/aks/insufficientsubnetsize"
            ),
            String::new(),
            format!("at most {available} addresses"),
        ),
        Policy { resource, why } => (
            403,
            "RequestDisallowedByPolicy",
            format!("Resource '{resource}' was disallowed by policy. {why}"),
            String::new(),
            why.to_string(),
        ),
        UnsatisfiableBudgets(budgets) => {
            let lines: Vec<String> =
                budgets.iter().map(|name| format!("\n* PDB {name} has maxunavailble == 0 can't proceed with put operation")).collect();
            let noun = if budgets.len() == 1 { "error" } else { "errors" };
            let message = format!("{} {noun} occurred:{}", budgets.len(), lines.concat());
            (400, "UnsatisfiablePDB", message, String::new(), "budgets that let at least one pod go".into())
        }
        _ => unreachable!("the caller sorts"),
    }
}

/// A value may not be had.
fn value(refusal: &PoolRefusal) -> Parts {
    use PoolRefusal::*;
    let bad_request = |message: String, target: String, accepted: &str| (400, "BadRequest", message, target, accepted.to_owned());
    match refusal {
        Parameter { parameter, why, accepted, .. } => (
            400,
            "InvalidParameter",
            format!("The value of parameter {parameter} is invalid. Error details: {why}. Please see https://aka.ms/aks-naming-rules for more details."),
            parameter.to_string(),
            accepted.to_string(),
        ),
        CountOutOfRange { count, min, max } => (
            400,
            "InvalidParameter",
            format!("agentPoolProfile.count was {count}. It must be greater or equal to minCount:{min} and less than or equal to maxCount:{max}. If allowedMinCount was expected to be 0 but is 1: 1) The nodepool is a VMAS pool. 2) api Version is less than 2020-03-01. 3) The node is a system pool."),
            "agentPoolProfile.count".into(),
            format!("{min} to {max}"),
        ),
        SystemSizeTooSmall { pool } => (
            400,
            "SystemPoolSkuTooLow",
            format!("System node pool must use VM sku with more than 2 cores and 4GB memory. Nodepool name: {pool}."),
            String::new(),
            "a size with at least 2 vCPUs and 4 GiB of memory".into(),
        ),
        SizeNotAllowed { pool, location, .. } => bad_request(
            format!("The VM size of AgentPoolProfile:{pool} is not allowed in your subscription in location '{location}'. For more details, please visit https://aka.ms/aks/quotas-skus-regions"),
            String::new(),
            "a size that is sold in the region and that AKS can use",
        ),
        ZonesNotSupported(zones) => unsupported(zones),
        PropertyChange { property, .. } => (
            400,
            "PropertyChangeNotAllowed",
            format!("Changing property '{property}' is not allowed."),
            property.to_string(),
            "the value that it has, or another pool".into(),
        ),
        LabelPrefixReserved { key } => bad_request(
            format!("Invalid node label key {key}. The 'kubernetes.azure.com' prefix is preserved by aks system labels"),
            String::new(),
            "a key without this prefix",
        ),
        LabelNamespaceReserved { key, value } => bad_request(
            "For Kubernetes version greater than or equal to 1.16, node label keys in the 'kubernetes.io' or 'k8s.io' namespace must begin with an allowed prefix (kubelet.kubernetes.io, node.kubernetes.io). For more information, please check https://aka.ms/aks-node-labels-116.".into(),
            format!("{key}={value}"),
            "a key of another namespace, or with the prefix kubelet.kubernetes.io or node.kubernetes.io",
        ),
        SystemTaint => (
            400,
            "SystemPoolHasRestrictedTaint",
            "Operation failed due to insufficient nodes for system pod scheduling. Placing custom taints on system pool is not supported(except 'CriticalAddonsOnly' taint or taint effect is 'PreferNoSchedule'). Please refer to https://aka.ms/aks/system-taints for detail".into(),
            String::new(),
            "CriticalAddonsOnly with any effect, or the effect PreferNoSchedule".into(),
        ),
        LastSystemPool => bad_request("There has to be at least one system agent pool.".into(), String::new(), "another system pool first"),
        NoSystemPool => (400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.".into(), String::new(), "one pool with mode System".into()),
        SurgeAndUnavailable { both_zero } => {
            let what = if *both_zero { "be 0" } else { "bigger than 0" };
            let target = "agentPoolProfile.upgradeSettings.maxUnavailable";
            (400, "InvalidParameter", format!("maxSurge and maxUnavailable cannot both {what}."), target.into(), "exactly one of the two above 0".into())
        }
        _ => unreachable!("the caller sorts"),
    }
}

fn unsupported(refusal: &UnsupportedZones) -> Parts {
    let UnsupportedZones { cluster, group, pool, location, zones, supported } = refusal;
    let quoted = |zones: &[Name]| zones.iter().map(|zone| format!("'{zone}'")).collect::<Vec<_>>().join(",");
    let message = format!(
        "Preflight validation check for resource(s) for container service {cluster} in resource group {group} failed. Message: The zone(s) {} for resource '{pool}' is not supported. The supported zones for location '{location}' are {}",
        quoted(zones),
        quoted(supported)
    );
    let accepted = if supported.is_empty() { "no zones".to_owned() } else { quoted(supported) };
    (400, "AvailabilityZoneNotSupported", message, String::new(), accepted)
}
