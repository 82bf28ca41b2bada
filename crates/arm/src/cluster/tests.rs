//! Clusters in and out.
//!
//! What a GET shows can be sent back and is no difference; passwords do not survive; the autoscaler's profile keeps its forms.

use super::{Context, View, body, merge, patch};
use crate::errors::ArmError;
use crate::id::{ClusterId, GroupId};
use crate::pool;
use nodelane_catalog::Catalog;
use nodelane_model::cluster::{ClusterSpec, ClusterState};
use nodelane_model::pool::{Mode, PoolSpec, PoolState};
use nodelane_model::{Cluster, Name, NodePool, Refusal, Uid};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// About what `az aks create` sends.
fn create() -> Value {
    json!({"location": "eastus", "identity": {"type": "SystemAssigned"}, "sku": {"name": "Base", "tier": "Free"}, "properties": {
        "kubernetesVersion": "", "dnsPrefix": "two-lanes-000000", "enableRBAC": true, "addonProfiles": {}, "disableLocalAccounts": false,
        "windowsProfile": {"adminUsername": "me", "adminPassword": "hunter2"}, "storageProfile": {},
        "agentPoolProfiles": [{"count": 1, "vmSize": "", "osType": "Linux", "type": "VirtualMachineScaleSets", "mode": "System",
            "orchestratorVersion": "", "upgradeSettings": {}, "enableNodePublicIP": false, "name": "nodepool1"}]}})
}

fn id() -> ClusterId {
    ClusterId { group: GroupId { subscription: "s".into(), group: "lanes".into() }, cluster: "two".into() }
}

fn merged(
    sent: &Value,
    stored: Option<&Cluster>,
    pools: BTreeMap<Name, (&NodePool, u32)>,
) -> Result<(ClusterSpec, Vec<(Name, PoolSpec)>), ArmError> {
    merge(sent.to_string().as_bytes(), &Context { catalog: Catalog::default(), id: &id(), stored, pools })
}

/// The cluster and its pool as admission stores them.
fn stored() -> (Cluster, NodePool) {
    let (mut spec, pools) = merged(&create(), None, BTreeMap::new()).unwrap();
    spec.kubernetes_version = "1.35.6".into();
    let pool = PoolSpec { orchestrator_version: "1.35.6".into(), ..pools[0].1.clone() };
    let state = PoolState { version: "1.35.6".into(), ..PoolState::default() };
    (Cluster { spec, state: ClusterState { version: "1.35.6".into(), ..ClusterState::default() } }, NodePool { spec: pool, state })
}

fn shown(cluster: &Cluster, pool: &NodePool) -> Value {
    let pools = vec![pool::View { name: "nodepool1", uid: Uid(8), pool, count: pool.spec.count, cluster }];
    body(&View { uid: Uid(9), cluster, pools, fqdn: "127.0.0.1", tenant: "t" })
}

#[test]
fn a_new_cluster_is_an_overlay_with_azures_own_ranges() {
    let (spec, pools) = merged(&create(), None, BTreeMap::new()).unwrap();
    assert_eq!((spec.location.as_str(), spec.name.as_str(), spec.resource_group.as_str()), ("eastus", "two", "lanes"));
    assert_eq!(
        (spec.network_plugin.as_str(), spec.network_plugin_mode.as_str(), spec.pod_cidr.as_str()),
        ("azure", "overlay", "10.244.0.0/16")
    );
    assert!(spec.windows, "O-1: a windowsProfile at creation");
    assert_eq!((pools[0].0.as_str(), pools[0].1.mode, pools[0].1.max_pods), ("nodepool1", Mode::System, 250));
}

#[test]
fn passwords_are_never_stored() {
    let mut sent = create();
    sent["properties"]["servicePrincipalProfile"] = json!({"clientId": "c", "secret": "hunter2"});
    sent["properties"]["aadProfile"] = json!({"serverAppID": "s", "serverAppSecret": "hunter2"});
    sent["properties"]["unknown"] = json!({"list": [{"Password": "hunter2", "kept": "here"}]});
    let (spec, _) = merged(&sent, None, BTreeMap::new()).unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(["adminUsername", "clientId", "serverAppID", "here"].iter().all(|open| text.contains(open)), "{text}");
}

#[test]
fn the_body_of_a_get_has_pools_network_and_the_autoscalers_defaults() {
    let (cluster, pool) = stored();
    let body = shown(&cluster, &pool);
    let properties = &body["properties"];
    assert_eq!((&body["name"], &body["location"], &body["sku"]["tier"]), (&json!("two"), &json!("eastus"), &json!("Free")));
    assert_eq!((&properties["kubernetesVersion"], &properties["currentKubernetesVersion"]), (&json!("1.35.6"), &json!("1.35.6")));
    assert_eq!((&properties["powerState"]["code"], &properties["nodeResourceGroup"]), (&json!("Running"), &json!("MC_lanes_two_eastus")));
    let pool = &properties["agentPoolProfiles"][0];
    assert_eq!((&pool["name"], &pool["count"], &pool["mode"]), (&json!("nodepool1"), &json!(1), &json!("System")));
    let network = &properties["networkProfile"];
    assert_eq!(
        (&network["podCidr"], &network["networkPluginMode"], &network["dnsServiceIP"]),
        (&json!("10.244.0.0/16"), &json!("overlay"), &json!("10.0.0.10"))
    );
    let scaler = &properties["autoScalerProfile"];
    for (key, value) in [
        ("expander", "random"),
        ("scan-interval", "10s"),
        ("max-graceful-termination-sec", "600"),
        ("skip-nodes-with-local-storage", "false"),
    ] {
        assert_eq!(scaler[key], value, "{key}");
    }
    assert_eq!(scaler["daemonset-eviction-for-occupied-nodes"], true);
}

#[test]
fn a_body_that_was_read_can_be_sent_back() {
    let (cluster, pool) = stored();
    let pools = BTreeMap::from([("nodepool1".into(), (&pool, pool.spec.count))]);
    let (spec, merged) = merged(&shown(&cluster, &pool), Some(&cluster), pools).unwrap();
    assert_eq!(spec, cluster.spec);
    assert_eq!(merged, vec![("nodepool1".into(), pool.spec.clone())]);
}

#[test]
fn the_nodes_identity_is_shown_because_az_insists_on_it() {
    // `az aks update` reads identityProfile.kubeletidentity.objectId of a cluster with a managed identity, or fails.
    let (cluster, pool) = stored();
    let body = shown(&cluster, &pool);
    let identity = &body["properties"]["identityProfile"]["kubeletidentity"];
    assert!(["objectId", "clientId"].iter().all(|id| identity[id].as_str().is_some_and(|id| id.len() == 36)), "{identity}");
    assert!(identity["resourceId"].as_str().is_some_and(|id| id.contains(&cluster.node_resource_group())));
}

#[test]
fn an_upgrade_names_the_version_for_cluster_and_pools() {
    let (cluster, pool) = stored();
    let mut body = shown(&cluster, &pool);
    body["properties"]["kubernetesVersion"] = "1.36.2".into();
    body["properties"]["agentPoolProfiles"][0]["orchestratorVersion"] = "1.36.2".into();
    let pools = BTreeMap::from([("nodepool1".into(), (&pool, 1))]);
    let (spec, pools) = merged(&body, Some(&cluster), pools).unwrap();
    assert_eq!((spec.kubernetes_version.as_str(), pools[0].1.orchestrator_version.as_str()), ("1.36.2", "1.36.2"));
}

#[test]
fn the_autoscalers_profile_is_validated_kept_and_completed() {
    let (cluster, pool) = stored();
    let send = |profile: Value| {
        let mut body = shown(&cluster, &pool);
        body["properties"]["autoScalerProfile"] = profile;
        merged(&body, Some(&cluster), BTreeMap::from([("nodepool1".into(), (&pool, 1))]))
    };
    for profile in [
        json!({"expander": "cheapest"}),
        json!({"expander": "random,"}),
        json!({"balance-similar-node-groups": "maybe"}),
        json!({"scale-down-unneeded-time": "10"}),
        json!({"scale-down-unneeded-time": "10s"}),
        json!({"scan-interval": "1.5s"}),
        json!({"max-total-unready-percentage": "101"}),
        json!({"scale-down-utilization-threshold": "1.1"}),
        json!({"new-pod-scale-up-delay": "5"}),
        json!({"ok-total-unready-count": "-1"}),
    ] {
        match send(profile.clone()) {
            Err(ArmError::Refused(Refusal::Pool(refusal))) => assert_eq!(refusal.rule(), "CA-1", "{profile}"),
            other => panic!("{profile}: {other:?}"),
        }
    }
    assert!(matches!(send(json!({"ignore-daemonsets-utilization": "true"})), Err(ArmError::Unmarshal { .. })), "a flag is no text");
    assert!(matches!(send(json!({"max-empty-bulk-delete": 10})), Err(ArmError::Unmarshal { .. })), "a text is no number");
    let (spec, _) = send(json!({"expander": "least-waste,random", "scan-interval": "20", "scale-down-unneeded-time": "5m"})).unwrap();
    let kept = Cluster { spec, ..cluster.clone() };
    let scaler = shown(&kept, &pool)["properties"]["autoScalerProfile"].clone();
    assert_eq!(
        (&scaler["expander"], &scaler["scan-interval"], &scaler["scale-down-unneeded-time"]),
        (&json!("least-waste,random"), &json!("20s"), &json!("5m"))
    );
    assert_eq!(
        (&scaler["max-graceful-termination-sec"], &scaler["scale-down-delay-after-delete"]),
        (&json!("600"), &json!("20s")),
        "the rest by default"
    );
}

#[test]
fn a_patch_replaces_the_tags_and_nothing_else() {
    let (mut cluster, _) = stored();
    cluster.spec.tags.insert("a".into(), "b".into());
    let spec = patch(br#"{"tags":{"c":"d"}}"#, &cluster).unwrap();
    assert_eq!(spec.tags.keys().collect::<Vec<_>>(), ["c"]);
    assert_eq!(ClusterSpec { tags: cluster.spec.tags.clone(), ..spec }, cluster.spec);
}

#[test]
fn address_ranges_plugins_and_pool_names_are_judged_for_form() {
    for properties in [
        json!({"networkProfile": {"podCidr": "10.244.0.0"}}),
        json!({"networkProfile": {"serviceCidr": "10.0.0.0/33"}}),
        json!({"networkProfile": {"networkPlugin": "calico"}}),
        json!({"agentPoolProfiles": [{"name": "a"}, {"name": "a"}]}),
    ] {
        assert!(matches!(merged(&json!({"properties": properties}), None, BTreeMap::new()), Err(ArmError::Refused(_))), "{properties}");
    }
}
