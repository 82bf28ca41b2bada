//! Every refusal against the bytes of the specification (arm-wire section 6; aks-semantics section 5).
//!
//! Sentences that the sources give whole are compared whole, others up to where they end.

use super::{Answer, ArmError};
use crate::id::{ClusterId, GroupId};
use nodelane_model::refusal::{PoolRefusal, UnsupportedZones};
use nodelane_model::{Refusal, Time};

fn answer(refusal: PoolRefusal) -> Answer {
    ArmError::from(refusal).answer()
}

fn cluster() -> ClusterId {
    ClusterId { group: GroupId { subscription: "s".into(), group: "lanes".into() }, cluster: "X".into() }
}

#[test]
fn routing_level_answers_have_the_gateways_envelope() {
    let cases = [
        (
            ArmError::MissingApiVersion,
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ),
        (ArmError::GroupNotFound(cluster().group), 404, "ResourceGroupNotFound", "Resource group 'lanes' could not be found."),
        (
            ArmError::ClusterNotFound(cluster()),
            404,
            "ResourceNotFound",
            "The Resource 'Microsoft.ContainerService/managedClusters/X' under resource group 'lanes' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        ),
        (
            ArmError::ParentNotFound { verb: "read", cluster: cluster() },
            404,
            "ParentResourceNotFound",
            "Failed to perform 'read' on resource(s) of type 'managedClusters/agentPools', because the parent resource '/subscriptions/s/resourceGroups/lanes/providers/Microsoft.ContainerService/managedClusters/X' could not be found.",
        ),
    ];
    for (error, status, code, message) in cases {
        let answer = error.answer();
        assert_eq!((answer.status, answer.gateway), (status, true), "{code}");
        assert_eq!((&answer.body["error"]["code"], &answer.body["error"]["message"]), (&code.into(), &message.into()));
    }
}

/// refusal, status, code, message, target, rule
type Row = (PoolRefusal, u16, &'static str, &'static str, Option<&'static str>, &'static str);

fn rows() -> Vec<Row> {
    [rows_of_states(), rows_of_versions(), rows_of_nodes(), rows_of_pools(), rows_of_rolls()].concat()
}

fn rows_of_states() -> Vec<Row> {
    use PoolRefusal::*;
    vec![
        (
            PoolBusy { pool: "nodepool1".into(), state: "Creating" },
            409,
            "OperationNotAllowed",
            "Operation is not allowed: Another agentpool operation (nodepool1 - Creating) is in progress, please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details",
            None,
            "LK-1",
        ),
        (
            ClusterBusy { state: "Updating" },
            409,
            "OperationNotAllowed",
            "Operation is not allowed: Another operation (Updating) is in progress, please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details",
            None,
            "LK-2",
        ),
        (
            ClusterBlockedByPool { pool: "np1".into(), state: "Scaling" },
            409,
            "OperationNotAllowed",
            "Managed Cluster operation is not allowed: Another operation (Scaling) is in progress on agent pool (np1), please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details",
            None,
            "LK-3",
        ),
        (
            PoolDeleting { pool: "np1".into(), asked: "Scaling", since: Time(1_767_225_600_123), elapsed_millis: 245_999 },
            409,
            "OperationNotAllowed",
            "Unable to perform 'Scaling' operation on 'np1' since deletion was issued on 'np1'. The only allowed operation is deletion once deletion has started. The delete operation started at '2026-01-01T00:00:00Z' and elapsed time is: '4m5s' (RFC3339 format)",
            None,
            "LK-4",
        ),
        (LastSystemPool, 400, "BadRequest", "There has to be at least one system agent pool.", None, "SP-1"),
        (NoSystemPool, 400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.", None, "SP-1"),
    ]
}

fn rows_of_versions() -> Vec<Row> {
    use PoolRefusal::*;
    vec![
        (
            AboveControlPlane { pool: "1.20.5".into(), control_plane: "1.19.9".into() },
            400,
            "NodePoolMcVersionIncompatible",
            "Node pool version 1.20.5 and control plane version 1.19.9 are incompatible. Minor version of node pool version 20 is bigger than control plane version 19. For more information, please check https://aka.ms/version-skew-policy",
            None,
            "UV-1",
        ),
        (
            VersionNotSupported { version: "1.20.7".into(), for_pool: false },
            400,
            "K8sVersionNotSupported",
            "Version 1.20.7 is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list",
            None,
            "UV-4",
        ),
        (
            RegionQuota { requested: 4, remaining: 3, location: "eastus".into() },
            400,
            "ErrCode_InsufficientVCPUQuota",
            "Insufficient regional vcpu quota left for location eastus. left regional vcpu quota 3, requested quota 4. If you want to increase the quota, please follow this instruction: https://learn.microsoft.com/en-us/azure/quotas/view-quotas. Surge nodes would also consume vcpu quota, please consider use smaller maxSurge or use maxUnavailable to proceed upgrade without surge nodes, details: aka.ms/aks/maxUnavailable.",
            None,
            "E2",
        ),
        (
            PropertyChange { rule: "M-1", property: "properties.vmSize".into() },
            400,
            "PropertyChangeNotAllowed",
            "Changing property 'properties.vmSize' is not allowed.",
            Some("properties.vmSize"),
            "M-1",
        ),
    ]
}

fn rows_of_nodes() -> Vec<Row> {
    use PoolRefusal::*;
    vec![
        (
            LabelPrefixReserved { key: "kubernetes.azure.com/x".into() },
            400,
            "BadRequest",
            "Invalid node label key kubernetes.azure.com/x. The 'kubernetes.azure.com' prefix is preserved by aks system labels",
            None,
            "LB-4",
        ),
        (
            LabelNamespaceReserved { key: "k8s.io/a".into(), value: "b".into() },
            400,
            "BadRequest",
            "For Kubernetes version greater than or equal to 1.16, node label keys in the 'kubernetes.io' or 'k8s.io' namespace must begin with an allowed prefix (kubelet.kubernetes.io, node.kubernetes.io). For more information, please check https://aka.ms/aks-node-labels-116.",
            Some("k8s.io/a=b"),
            "LB-5",
        ),
        (
            CountOutOfRange { count: 0, min: 1, max: 1000 },
            400,
            "InvalidParameter",
            "agentPoolProfile.count was 0. It must be greater or equal to minCount:1 and less than or equal to maxCount:1000. If allowedMinCount was expected to be 0 but is 1: 1) The nodepool is a VMAS pool. 2) api Version is less than 2020-03-01. 3) The node is a system pool.",
            Some("agentPoolProfile.count"),
            "L-4",
        ),
    ]
}

fn rows_of_pools() -> Vec<Row> {
    use PoolRefusal::*;
    vec![
        (
            SystemSizeTooSmall { pool: "np1".into() },
            400,
            "SystemPoolSkuTooLow",
            "System node pool must use VM sku with more than 2 cores and 4GB memory. Nodepool name: np1.",
            None,
            "V-2",
        ),
        (
            SizeNotAllowed { rule: "V-4", pool: "nodepool1".into(), location: "westus".into() },
            400,
            "BadRequest",
            "The VM size of AgentPoolProfile:nodepool1 is not allowed in your subscription in location 'westus'. For more details, please visit https://aka.ms/aks/quotas-skus-regions",
            None,
            "V-4",
        ),
        (
            ZonesNotSupported(Box::new(UnsupportedZones {
                cluster: "dev".into(),
                group: "lanes".into(),
                pool: "np1".into(),
                location: "eastus".into(),
                zones: vec!["1".into()],
                supported: vec!["2".into(), "3".into()],
            })),
            400,
            "AvailabilityZoneNotSupported",
            "Preflight validation check for resource(s) for container service dev in resource group lanes failed. Message: The zone(s) '1' for resource 'np1' is not supported. The supported zones for location 'eastus' are '2','3'",
            None,
            "Z-2",
        ),
        (
            PoolRefusal::parameter("S-4", "agentPoolProfile.upgrade.maxSurge", "Spot pools can't set max surge", "none"),
            400,
            "InvalidParameter",
            "The value of parameter agentPoolProfile.upgrade.maxSurge is invalid. Error details: Spot pools can't set max surge. Please see https://aka.ms/aks-naming-rules for more details.",
            Some("agentPoolProfile.upgrade.maxSurge"),
            "S-4",
        ),
    ]
}

fn rows_of_rolls() -> Vec<Row> {
    use PoolRefusal::*;
    vec![
        (
            SystemTaint,
            400,
            "SystemPoolHasRestrictedTaint",
            "Operation failed due to insufficient nodes for system pod scheduling. Placing custom taints on system pool is not supported(except 'CriticalAddonsOnly' taint or taint effect is 'PreferNoSchedule'). Please refer to https://aka.ms/aks/system-taints for detail",
            None,
            "T-2",
        ),
        (
            SurgeAndUnavailable { both_zero: false },
            400,
            "InvalidParameter",
            "maxSurge and maxUnavailable cannot both bigger than 0.",
            Some("agentPoolProfile.upgradeSettings.maxUnavailable"),
            "US-3",
        ),
        (
            SurgeAndUnavailable { both_zero: true },
            400,
            "InvalidParameter",
            "maxSurge and maxUnavailable cannot both be 0.",
            Some("agentPoolProfile.upgradeSettings.maxUnavailable"),
            "US-3",
        ),
        (
            UnsatisfiableBudgets(vec!["default/stuck".into()]),
            400,
            "UnsatisfiablePDB",
            "1 error occurred:\n* PDB default/stuck has maxunavailble == 0 can't proceed with put operation",
            None,
            "UF-2",
        ),
    ]
}

#[test]
fn refusals_of_rules_are_bare_objects_with_the_services_sentence_and_the_rule() {
    for (refusal, status, code, message, target, rule) in rows() {
        let answer = answer(refusal);
        assert_eq!((answer.status, answer.gateway), (status, false), "{code}");
        assert_eq!((&answer.body["code"], &answer.body["message"]), (&code.into(), &message.into()));
        assert_eq!(answer.body.get("target").and_then(|target| target.as_str()), target, "{code}");
        assert_eq!(answer.body["details"][0]["code"], rule);
        assert!(
            answer.body["details"][0]["message"].as_str().is_some_and(|accepted| !accepted.is_empty()),
            "{rule}: what would be accepted"
        );
    }
}

#[test]
fn sentences_that_the_sources_give_in_part_have_that_part() {
    for (refusal, status, code, part) in parts() {
        let answer = answer(refusal);
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)));
        assert!(answer.body["message"].as_str().is_some_and(|message| message.contains(part)), "{}", answer.body);
    }
}

#[test]
fn the_policy_answers_as_the_gateway() {
    let answer = answer(PoolRefusal::Policy { resource: "np1".into(), why: "requiredTags: team".into() });
    assert_eq!((answer.status, answer.gateway), (403, true));
    let error = &answer.body["error"];
    assert_eq!(error["code"], "RequestDisallowedByPolicy");
    assert!(error["message"].as_str().is_some_and(|message| message.starts_with("Resource 'np1' was disallowed by policy.")));
    assert_eq!(error["details"][0]["code"], "E9");
}

#[test]
fn what_another_try_may_mend_is_the_only_answer_that_clients_retry_by_themselves() {
    // azure-core retries 408, 429, 500, 502, 503 and 504.
    assert_eq!(ArmError::from(Refusal::Unavailable("the disk is full".into())).answer().status, 503);
    for (refusal, ..) in rows() {
        assert!(answer(refusal).status < 500);
    }
}

fn parts() -> Vec<(PoolRefusal, u16, &'static str, &'static str)> {
    vec![
        (
            PoolRefusal::FamilyQuota { requested: 6, remaining: 4, family: "standardDCSv2Family".into(), location: "westeurope".into() },
            400,
            "ErrCode_InsufficientVCPUQuota",
            "Insufficient vcpu quota requested 6, remaining 4 for family standardDCSv2Family for region westeurope.",
        ),
        (
            PoolRefusal::TooFarBehind { pool: "1.24.3".into(), control_plane: "1.29.1".into(), minors: 3 },
            400,
            "NodePoolMcVersionIncompatible",
            "Minor version of node pool cannot be more than 3 versions less than control plane's version. Minor version of node pool is 24 and control plane is 29.",
        ),
        (
            PoolRefusal::UpgradePath { rule: "UV-3", from: "1.24.9".into(), to: "1.26.6".into(), available: vec!["1.25.1".into()] },
            409,
            "OperationNotAllowed",
            "Upgrading Kubernetes version 1.24.9 to 1.26.6 is not allowed. Available upgrades: [1.25.1]",
        ),
        (
            PoolRefusal::SubnetSize { needed: 9, available: 8, cidr: "10.0.0.0/29".into(), subnet: "s".into() },
            400,
            "InsufficientSubnetSize",
            "Pre-allocated IPs 9 exceeds IPs available 8 in Subnet Cidr 10.0.0.0/29, Subnet Name s.",
        ),
        (PoolRefusal::EtagMismatch { current: None }, 412, "PreConditionFailed", ""),
        (
            PoolRefusal::PoolNotFound { pool: "p".into(), cluster: "c".into() },
            404,
            "NotFound",
            "Could not find the agent pool 'p' in the managed cluster 'c'",
        ),
        (
            PoolRefusal::PoolVersionsMixed,
            400,
            "NotAllAgentPoolOrchestratorVersionSpecifiedAndUnchanged",
            "Using managed cluster api, all Agent pools'",
        ),
    ]
}
