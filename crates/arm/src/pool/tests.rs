//! Bodies in and out, with the bodies that az 2.91 sends (arm-wire section 2).
//!
//! The property that everything rests on: what a GET shows can be sent back and is no difference.

use super::{Context, Stored, View, body, machine_names, put};
use crate::errors::ArmError;
use nodelane_catalog::{Catalog, Version};
use nodelane_model::cluster::{ClusterSpec, ClusterState};
use nodelane_model::operation::{Operation, Progress, StopPhase};
use nodelane_model::pool::{Mode, OsType, PoolSpec, PoolState, Power, Priority, Undrainable};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Cluster, NodePool, Refusal, Time, Uid};
use serde_json::{Value, json};

/// What `az aks nodepool add -n np1` sends.
const ADD: &str = r#"{"properties":{"vmSize":"","osType":"Linux","enableNodePublicIP":false,"count":3,"enableAutoScaling":false,
  "scaleSetPriority":"Regular","nodeTaints":[],"upgradeSettings":{"undrainableNodeBehavior":"Schedule"},"type":"VirtualMachineScaleSets",
  "enableEncryptionAtHost":false,"enableUltraSSD":false,"enableFIPS":false,"mode":"User","scaleDownMode":"Delete"}}"#;

/// What it sends for a spot pool with the autoscaler.
const ADD_SPOT: &str = r#"{"properties":{"vmSize":"","osType":"Linux","enableNodePublicIP":false,"count":3,"enableAutoScaling":true,
  "minCount":1,"maxCount":5,"scaleSetPriority":"Spot","scaleSetEvictionPolicy":"Delete","spotMaxPrice":0.5,"tags":{"a":"b"},
  "nodeLabels":{"lane":"x"},"nodeTaints":["k=v:NoSchedule"],"osDiskSizeGB":64,"availabilityZones":["1","2"],"maxPods":50,
  "upgradeSettings":{"undrainableNodeBehavior":"Schedule"},"type":"VirtualMachineScaleSets","mode":"User","scaleDownMode":"Delete"}}"#;

/// What an older az sends, on a regular pool too.
const ADD_OLD: &str = r#"{"properties":{"vmSize":"Standard_DS2_v2","osDiskSizeGB":0,"scaleSetEvictionPolicy":"Delete","spotMaxPrice":-1.0,
  "upgradeSettings":{},"count":1,"mode":"User","type":"VirtualMachineScaleSets"}}"#;

fn cluster() -> Cluster {
    let spec = ClusterSpec {
        subscription: "s".into(),
        resource_group: "lanes".into(),
        name: "dev".into(),
        location: "eastus".into(),
        network_plugin: "azure".into(),
        network_plugin_mode: "overlay".into(),
        ..ClusterSpec::default()
    };
    Cluster { spec, state: ClusterState { version: "1.35.6".into(), ..ClusterState::default() } }
}

fn context<'a>(cluster: &'a Cluster, stored: Option<&'a NodePool>) -> Context<'a> {
    let stored = stored.map(|pool| Stored { pool, count: pool.spec.count });
    Context { catalog: Catalog::default(), cluster: &cluster.spec, control_plane: Version::new(1, 35, 6), stored }
}

fn new(body: &str) -> Result<PoolSpec, ArmError> {
    put(body.as_bytes(), &context(&cluster(), None))
}

/// A pool as admission stores it.
fn stored(body: &str) -> NodePool {
    let mut spec = new(body).unwrap();
    if spec.orchestrator_version.is_empty() {
        spec.orchestrator_version = "1.35.6".into();
    }
    let image = "AKSUbuntu-2404gen2containerd-202607.09.0".into();
    NodePool { spec, state: PoolState { version: "1.35.6".into(), image, etag: 1, ..PoolState::default() } }
}

fn shown(pool: &NodePool) -> Value {
    let cluster = cluster();
    body(&View { name: "np1", uid: Uid(7), pool, count: pool.spec.count, cluster: &cluster })
}

/// The pool after a PUT of its GET body with some properties changed, as az does it.
fn changed(pool: &NodePool, changes: Value) -> Result<PoolSpec, ArmError> {
    let mut body = shown(pool);
    for (key, value) in changes.as_object().unwrap() {
        body["properties"][key] = value.clone();
    }
    put(body.to_string().as_bytes(), &context(&cluster(), Some(pool)))
}

#[test]
fn what_az_adds_is_completed_with_the_services_defaults() {
    let spec = new(ADD).unwrap();
    assert_eq!((spec.vm_size.as_str(), spec.count, spec.max_pods), ("Standard_D2s_v5", 3, 250), "V-5, P-2");
    assert_eq!((spec.os_disk_size_gb, spec.os_disk_type.as_str(), spec.os_sku.as_str()), (128, "Managed", "Ubuntu"), "V-8, O-2");
    assert_eq!((spec.mode, spec.os_type, spec.power, spec.priority), (Mode::User, OsType::Linux, Power::Running, Priority::Regular));
    assert_eq!(spec.upgrade_settings.undrainable_node_behavior, Some(Undrainable::Schedule));
    assert!(spec.node_taints.is_empty() && spec.eviction_policy.is_empty() && spec.spot_max_price.is_empty());
    assert_eq!(new(r#"{"properties":{"mode":"User"}}"#).unwrap().count, 1, "section 9 item 0: 1 without the autoscaler");
    let auto = r#"{"properties":{"enableAutoScaling":true,"minCount":2,"maxCount":5}}"#;
    assert_eq!(new(auto).unwrap().count, 2, "and minCount with it");
}

#[test]
fn defaults_follow_the_network_the_size_and_the_operating_system() {
    let mut other = cluster();
    for (plugin, mode, max_pods) in [("azure", "", 30), ("kubenet", "", 110), ("azure", "overlay", 250), ("none", "", 250)] {
        (other.spec.network_plugin, other.spec.network_plugin_mode) = (plugin.into(), mode.into());
        assert_eq!(put(b"{}", &context(&other, None)).unwrap().max_pods, max_pods, "P-2 {plugin} {mode}");
    }
    let spec = new(r#"{"properties":{"osType":"Windows","vmSize":"standard_d16S_v5"}}"#).unwrap();
    assert_eq!((spec.vm_size.as_str(), spec.os_sku.as_str(), spec.os_disk_size_gb), ("Standard_D16s_v5", "Windows2022", 512));
    let spec = new(r#"{"properties":{"vmSize":"Standard_D16ds_v5"}}"#).unwrap();
    assert_eq!(spec.os_disk_type, "Ephemeral", "V-8: it fits the temporary disk and no size is given");
    let spec = new(r#"{"properties":{"vmSize":"Standard_D16ds_v5","osDiskSizeGB":64}}"#).unwrap();
    assert_eq!(spec.os_disk_type, "Managed", "V-8: a size is given");
}

#[test]
fn a_spot_pool_is_read_and_shown_with_what_only_spot_pools_have() {
    let pool = stored(ADD_SPOT);
    assert_eq!(
        (pool.spec.priority, pool.spec.spot_max_price.as_str(), pool.spec.eviction_policy.as_str()),
        (Priority::Spot, "0.5", "Delete")
    );
    let shown = &shown(&pool)["properties"];
    assert_eq!((&shown["scaleSetPriority"], &shown["spotMaxPrice"]), (&json!("Spot"), &json!(0.5)));
    assert_eq!((&shown["minCount"], &shown["maxCount"], &shown["availabilityZones"]), (&json!(1), &json!(5), &json!(["1", "2"])));
}

#[test]
fn a_regular_pool_shows_nothing_of_spot_and_nothing_that_is_empty() {
    for body in [ADD, ADD_OLD] {
        let pool = stored(body);
        let shown = shown(&pool);
        let properties = shown["properties"].as_object().unwrap();
        for absent in
            ["scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice", "nodeTaints", "nodeLabels", "tags", "minCount", "status"]
        {
            assert!(!properties.contains_key(absent), "{absent}");
        }
        assert!(properties.values().all(|value| !value.is_null()), "null is never shown");
    }
}

#[test]
fn the_body_of_a_get_is_what_aks_returns() {
    let shown = shown(&stored(ADD));
    assert_eq!(
        shown["id"],
        "/subscriptions/s/resourceGroups/lanes/providers/Microsoft.ContainerService/managedClusters/dev/agentPools/np1"
    );
    assert_eq!(
        (shown["name"].as_str(), shown["type"].as_str()),
        (Some("np1"), Some("Microsoft.ContainerService/managedClusters/agentPools"))
    );
    let expected = json!({
        "count": 3, "vmSize": "Standard_D2s_v5", "osDiskSizeGB": 128, "osDiskType": "Managed", "maxPods": 250, "osType": "Linux",
        "osSKU": "Ubuntu", "enableAutoScaling": false, "scaleDownMode": "Delete", "type": "VirtualMachineScaleSets", "mode": "User",
        "orchestratorVersion": "1.35.6", "currentOrchestratorVersion": "1.35.6", "provisioningState": "Succeeded",
        "nodeImageVersion": "AKSUbuntu-2404gen2containerd-202607.09.0", "powerState": {"code": "Running"},
        "upgradeSettings": {"undrainableNodeBehavior": "Schedule"}, "enableNodePublicIP": false,
        "enableEncryptionAtHost": false, "enableUltraSSD": false, "enableFIPS": false,
        "securityProfile": {"enableVTPM": false, "enableSecureBoot": false, "sshAccess": "LocalUser"}
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&shown["properties"][key], value, "{key}");
    }
    let tag = shown["properties"]["eTag"].as_str().unwrap();
    assert!(tag.len() == 36 && Uid::parse(tag).is_some(), "the eTag is a guid: {tag}");
}

#[test]
fn a_body_that_was_read_can_be_sent_back() {
    let unknown = r#"{"properties":{"count":2,"futureSetting":{"deep":[1,"x"]},"kubeletDiskType":"OS","enableFIPS":true,
        "upgradeSettings":{"maxSurge":"33%","maxUnavailable":"0","drainTimeoutInMinutes":30,"later":{"a":1}},
        "gpuProfile":{"driver":"None"},"networkProfile":{"allowedHostPorts":[{"portStart":80,"portEnd":80,"protocol":"TCP"}]}}}"#;
    for sent in [ADD, ADD_SPOT, ADD_OLD, unknown, r#"{"properties":{"osType":"Windows"}}"#, "{}"] {
        let pool = stored(sent);
        assert_eq!(changed(&pool, json!({})).unwrap(), pool.spec, "{sent}");
    }
}

#[test]
fn clients_that_send_empty_values_or_leave_things_out_change_nothing() {
    let pool = stored(ADD_SPOT);
    // Terraform sends an empty kubeletDiskType and a drain timeout of 0; upgrade -y sends an empty version.
    let settings = json!({"undrainableNodeBehavior": "Schedule", "drainTimeoutInMinutes": 0});
    let empty = json!({"kubeletDiskType": "", "orchestratorVersion": "", "vmSize": "", "osDiskSizeGB": 0, "maxPods": 0, "tags": null,
                       "nodeLabels": null, "upgradeSettings": settings, "eTag": "x", "provisioningState": "Failed", "status": {}});
    assert_eq!(changed(&pool, empty).unwrap(), pool.spec);
    let nothing = put(br#"{"properties":{}}"#, &context(&cluster(), Some(&pool))).unwrap();
    assert_eq!(nothing, pool.spec, "absent keeps");
}

#[test]
fn maps_and_lists_are_replaced_as_a_whole() {
    let pool = stored(ADD_SPOT);
    let spec = changed(&pool, json!({"nodeLabels": {}, "tags": {"c": "d"}, "nodeTaints": []})).unwrap();
    assert!(spec.node_labels.is_empty() && spec.node_taints.is_empty(), "LB-6, LB-7, T-3");
    assert_eq!(spec.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), [("c", "d")]);
    let spec = changed(&pool, json!({"upgradeSettings": {"maxUnavailable": "1"}})).unwrap();
    assert_eq!(spec.upgrade_settings.undrainable_node_behavior, None, "a present object replaces");
}

#[test]
fn unknown_properties_are_kept_by_other_changes_and_set_back_to_a_default() {
    let pool = stored(r#"{"properties":{"futureSetting":{"deep":[1,"x"]},"enableFIPS":true}}"#);
    let spec = changed(&pool, json!({"tags": {"a": "b"}})).unwrap();
    assert_eq!(spec.rest["futureSetting"], json!({"deep": [1, "x"]}));
    let spec = changed(&pool, json!({"enableFIPS": false})).unwrap();
    assert_eq!(spec.rest["enableFIPS"], json!(false));
}

#[test]
fn switching_the_autoscaler_off_leaves_no_bounds() {
    let pool = stored(ADD_SPOT);
    let mut body = shown(&pool);
    let properties = body["properties"].as_object_mut().unwrap();
    properties.insert("enableAutoScaling".into(), false.into());
    properties.remove("minCount");
    properties.remove("maxCount");
    let spec = put(body.to_string().as_bytes(), &context(&cluster(), Some(&pool))).unwrap();
    assert_eq!((spec.enable_auto_scaling, spec.min_count, spec.max_count, spec.count), (false, None, None, 3));
    let kept = changed(&pool, json!({"enableAutoScaling": false})).unwrap();
    assert_eq!((kept.min_count, kept.max_count), (Some(1), Some(5)), "given bounds are judged by MS-2");
}

#[test]
fn a_stopped_pool_shows_no_machines_and_remembers_its_count() {
    let mut pool = stored(ADD);
    pool.spec.power = Power::Stopped;
    pool.state.operation = Some(Operation::begin(Uid(1), Progress::Stop(StopPhase::Stopping), Time(0)));
    assert_eq!(shown(&pool)["properties"]["count"], 3, "while it stops the old count is shown");
    pool.state.operation = None;
    assert_eq!((&shown(&pool)["properties"]["count"], &shown(&pool)["properties"]["powerState"]), (&json!(0), &json!({"code": "Stopped"})));
    assert_eq!(changed(&pool, json!({})).unwrap().count, 3, "its echo is no change");
    let started = changed(&pool, json!({"powerState": {"code": "Running"}, "count": 7})).unwrap();
    assert_eq!((started.power, started.count), (Power::Running, 3), "a start restores the remembered count");
    assert_eq!(changed(&pool, json!({"count": 7})).unwrap().count, 7, "left for the rules to refuse (ST-1)");
}

#[test]
fn a_stopped_clusters_pools_show_that_they_are_stopped() {
    let pool = stored(ADD);
    let mut cluster = cluster();
    cluster.spec.power = Power::Stopped;
    let shown = body(&View { name: "np1", uid: Uid(7), pool: &pool, count: 3, cluster: &cluster });
    assert_eq!((&shown["properties"]["count"], &shown["properties"]["powerState"]["code"]), (&json!(0), &json!("Stopped")), "SP-7");
}

#[test]
fn an_image_that_is_not_the_pools_is_carried_to_the_rules() {
    let pool = stored(ADD);
    let other = changed(&pool, json!({"nodeImageVersion": "AKSUbuntu-2404gen2containerd-202604.13.0"})).unwrap();
    assert_eq!(other.rest["nodeImageVersion"], "AKSUbuntu-2404gen2containerd-202604.13.0");
}

#[test]
fn a_value_of_another_type_has_the_services_own_error() {
    for (body, message) in [
        (
            json!({"nodeTaints": "x"}),
            "json: cannot unmarshal string into Go struct field AgentPoolProperties.properties.nodeTaints of type []string.",
        ),
        (json!({"count": "3"}), "json: cannot unmarshal string into Go struct field AgentPoolProperties.properties.count of type int32."),
        (
            json!({"nodeLabels": {"a": 1}}),
            "json: cannot unmarshal object into Go struct field AgentPoolProperties.properties.nodeLabels of type map[string]string.",
        ),
        (
            json!({"enableFIPS": 1}),
            "json: cannot unmarshal number into Go struct field AgentPoolProperties.properties.enableFIPS of type bool.",
        ),
    ] {
        let answer = new(&json!({"properties": body}).to_string()).unwrap_err().answer();
        let expected = format!("UnmarshalEntity encountered error: {message}");
        assert_eq!((answer.status, answer.gateway, answer.body["code"].as_str()), (400, false, Some("UnmarshalError")));
        assert_eq!(answer.body["message"], expected);
    }
    for body in ["", "[]", "{", "1"] {
        assert!(matches!(new(body), Err(ArmError::NotJson(_))), "{body}");
    }
}

#[test]
fn forms_that_no_pool_can_have_are_refused_by_their_rule() {
    for (rule, properties) in [
        ("M-4", json!({"mode": "system"})),
        ("UD-2", json!({"upgradeSettings": {"undrainableNodeBehavior": "Delete"}})),
        ("US-1", json!({"upgradeSettings": {"maxSurge": "many"}})),
        ("US-1", json!({"upgradeSettings": {"maxSurge": "-1"}})),
        ("UD-1", json!({"upgradeSettings": {"drainTimeoutInMinutes": -5}})),
        ("L-4", json!({"count": -1})),
        ("V-8", json!({"osDiskSizeGB": -1})),
        ("V-8", json!({"osDiskType": "Floppy"})),
        ("Z-1", json!({"availabilityZones": ["a"]})),
        ("S-1", json!({"scaleSetPriority": "Low"})),
        ("ST-1", json!({"powerState": {"code": "Off"}})),
        ("MS-2", json!({"enableAutoScaling": true, "minCount": -1, "maxCount": 1})),
        ("E10", json!({"tags": {"a<b": "c"}})),
    ] {
        match new(&json!({"properties": properties}).to_string()) {
            Err(ArmError::Refused(Refusal::Pool(refusal))) => assert_eq!(refusal.rule(), rule, "{properties}"),
            other => panic!("{rule}: {other:?}"),
        }
    }
    let negative = new(r#"{"properties":{"mode":"System","count":-1}}"#);
    assert_eq!(negative, Err(PoolRefusal::CountOutOfRange { count: -1, min: 1, max: 1000 }.into()));
}

#[test]
fn machine_names_are_read_from_a_deletion() {
    assert_eq!(machine_names(br#"{"machineNames":["a","b"]}"#).unwrap(), ["a", "b"]);
    assert!(machine_names(br#"{"machineNames":"a"}"#).is_err());
}
