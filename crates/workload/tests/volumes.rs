//! Claims and volumes: who gets which, when, and what becomes of it.
//!
//! Rules and texts are those of Kubernetes (persistent volumes: binding, provisioning, protection, reclaiming; ephemeral volumes) and of
//! AKS's storage drivers.

mod support;

use nodelane_model::{Key, Kind};
use nodelane_workload::delete;
use serde_json::{Value, json};
use support::Bench;

fn bench(classes: &[(&str, &str, &str)]) -> Bench {
    let mut bench = Bench::new();
    for (name, zone) in [("n0", "westeurope-1"), ("n1", "westeurope-2")] {
        bench.apply(
            Kind::Node,
            json!({"metadata": {"name": name, "labels": {"topology.disk.csi.azure.com/zone": zone}},
            "status": {"allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"}}}),
        );
    }
    for (name, provisioner, mode) in classes {
        bench.apply(
            Kind::StorageClass,
            json!({"metadata": {"name": name}, "provisioner": provisioner, "reclaimPolicy": "Delete",
            "volumeBindingMode": mode, "parameters": {"skuname": "Premium_LRS"}}),
        );
    }
    bench
}

const DISK: (&str, &str, &str) = ("disk", "disk.csi.azure.com", "WaitForFirstConsumer");
const FILE: (&str, &str, &str) = ("file", "file.csi.azure.com", "Immediate");
const LOCAL: (&str, &str, &str) = ("local", "kubernetes.io/no-provisioner", "WaitForFirstConsumer");

fn claim(name: &str, class: Option<&str>, size: &str) -> Value {
    let mut claim = json!({"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        "status": {"phase": "Pending"}});
    if let Some(class) = class {
        claim["spec"]["storageClassName"] = class.into();
    }
    claim
}

fn volume(name: &str, class: &str, size: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": class,
        "persistentVolumeReclaimPolicy": "Retain", "local": {"path": "/d"}}})
}

fn pod(name: &str, node: Option<&str>, volume: Value) -> Value {
    let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": [volume]}});
    if let Some(node) = node {
        pod["spec"]["nodeName"] = node.into();
    }
    pod
}

fn using(claim: &str) -> Value {
    json!({"name": "v", "persistentVolumeClaim": {"claimName": claim}})
}

fn phase(bench: &Bench, key: &Key) -> String {
    bench.json(key)["status"]["phase"].as_str().unwrap_or_default().into()
}

fn select_node(bench: &mut Bench, claim: &Key, node: &str) {
    let note = ("volume.kubernetes.io/selected-node".into(), node.into());
    bench.draft.update(claim, |doc| doc.meta.annotations = std::sync::Arc::new([note].into()));
    bench.settle();
}

#[test]
fn a_claim_that_waits_gets_a_disk_in_the_zone_of_the_node_that_was_chosen() {
    let mut bench = bench(&[DISK]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("data", Some("disk"), "1500Mi"));
    bench.settle();
    assert_eq!(phase(&bench, &key), "Pending");
    assert_eq!(bench.events(Kind::PersistentVolumeClaim).last().unwrap().0, "WaitForFirstConsumer");
    select_node(&mut bench, &key, "n1");
    let bound = bench.json(&key);
    assert_eq!((&bound["status"]["phase"], &bound["status"]["capacity"]["storage"]), (&json!("Bound"), &json!("2Gi")));
    let name = format!("pvc-{}", bound["metadata"]["uid"].as_str().unwrap());
    assert_eq!(bound["spec"]["volumeName"], name.as_str());
    let volume = bench.json(&Key::global(Kind::PersistentVolume, name.clone()));
    let term = json!({"matchExpressions": [{"key": "topology.disk.csi.azure.com/zone", "operator": "In", "values": ["westeurope-2"]}]});
    assert_eq!(volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"], json!([term]));
    assert_eq!((&volume["status"]["phase"], &volume["spec"]["csi"]["driver"]), (&json!("Bound"), &json!("disk.csi.azure.com")));
    assert_eq!(volume["spec"]["claimRef"]["name"], "data");
    assert_eq!(bench.events(Kind::PersistentVolumeClaim).last().unwrap().1, format!("Successfully provisioned volume {name}"));
}

#[test]
fn an_immediate_claim_gets_its_share_at_once_and_a_premium_one_is_at_least_100_gib() {
    let mut bench = bench(&[FILE]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("files", Some("file"), "5Gi"));
    bench.settle();
    assert_eq!(phase(&bench, &key), "Bound");
    assert_eq!(bench.json(&key)["status"]["capacity"]["storage"], "100Gi");
}

#[test]
fn a_claim_of_a_provisioner_that_nobody_runs_waits_for_it() {
    let mut bench = bench(&[("foreign", "example.com/nfs", "Immediate"), ("none", "kubernetes.io/no-provisioner", "Immediate")]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("data", Some("foreign"), "5Gi"));
    bench.settle();
    assert_eq!(phase(&bench, &key), "Pending");
    assert_eq!(bench.json(&key)["metadata"]["annotations"]["volume.kubernetes.io/storage-provisioner"], "example.com/nfs");
    assert_eq!(bench.events(Kind::PersistentVolumeClaim).last().unwrap().0, "ExternalProvisioning");
    for (name, class, reason) in [("a", "none", "ProvisioningFailed"), ("b", "nosuch", "ProvisioningFailed"), ("c", "", "FailedBinding")] {
        bench.apply(Kind::PersistentVolumeClaim, claim(name, Some(class), "5Gi"));
        bench.settle();
        assert_eq!(bench.events(Kind::PersistentVolumeClaim).last().unwrap().0, reason, "{class}");
    }
}

#[test]
fn a_claim_without_a_class_gets_the_default_one_also_if_it_comes_later() {
    let mut bench = bench(&[]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("data", None, "5Gi"));
    bench.settle();
    assert_eq!(bench.json(&key)["spec"].get("storageClassName"), None);
    bench.apply(
        Kind::StorageClass,
        json!({"metadata": {"name": "std", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "file.csi.azure.com", "volumeBindingMode": "Immediate"}),
    );
    bench.settle();
    assert_eq!((phase(&bench, &key).as_str(), &bench.json(&key)["spec"]["storageClassName"]), ("Bound", &json!("std")));
}

#[test]
fn an_immediate_claim_takes_the_smallest_free_volume_and_one_that_is_kept_for_it_first() {
    let mut bench = bench(&[("", "kubernetes.io/no-provisioner", "Immediate")]);
    for (name, size) in [("big", "9Gi"), ("fits", "4Gi"), ("small", "1Gi")] {
        bench.apply(Kind::PersistentVolume, volume(name, "", size));
    }
    let mut kept = volume("kept", "", "50Gi");
    kept["spec"]["claimRef"] = json!({"namespace": "x", "name": "b"});
    let kept = bench.apply(Kind::PersistentVolume, kept);
    bench.settle();
    assert_eq!(phase(&bench, &kept), "Available");
    let keys = ["a", "b"].map(|name| bench.apply(Kind::PersistentVolumeClaim, claim(name, Some(""), "2Gi")));
    bench.settle();
    assert_eq!(keys.map(|key| bench.json(&key)["spec"]["volumeName"].as_str().unwrap_or_default().to_owned()), ["fits", "kept"]);
    assert_eq!(phase(&bench, &kept), "Bound");
}

#[test]
fn a_waiting_claim_takes_a_free_volume_only_when_the_scheduler_keeps_it_for_it() {
    let mut bench = bench(&[LOCAL]);
    let volume = bench.apply(Kind::PersistentVolume, volume("pv", "local", "4Gi"));
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("data", Some("local"), "2Gi"));
    bench.apply(Kind::Pod, pod("p", None, using("data")));
    bench.apply(Kind::PersistentVolumeClaim, claim("other", Some("local"), "2Gi"));
    bench.settle();
    assert_eq!(phase(&bench, &key), "Pending");
    let doc = bench.get(&key);
    bench.draft.update(&volume, |volume| {
        volume.as_persistent_volume_mut().unwrap().spec.claim_ref = Some(nodelane_model::volume::ClaimRef::to(&doc));
    });
    bench.settle();
    assert_eq!((phase(&bench, &key), phase(&bench, &volume)), ("Bound".into(), "Bound".into()));
}

#[test]
fn a_disk_goes_with_its_claim_and_one_that_is_retained_is_released() {
    let mut bench = bench(&[FILE]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("files", Some("file"), "5Gi"));
    let kept = bench.apply(Kind::PersistentVolume, volume("kept", "", "9Gi"));
    let other = bench.apply(Kind::PersistentVolumeClaim, claim("other", Some(""), "5Gi"));
    bench.settle();
    assert_eq!((bench.list(Kind::PersistentVolume).len(), phase(&bench, &kept)), (2, "Bound".into()));
    delete(&mut bench.draft, &key, None, None);
    delete(&mut bench.draft, &other, None, None);
    bench.settle();
    assert!(bench.list(Kind::PersistentVolumeClaim).is_empty());
    assert_eq!(bench.names(Kind::PersistentVolume), ["kept"]);
    assert_eq!(phase(&bench, &kept), "Released");
}

#[test]
fn a_claim_in_use_goes_when_its_last_pod_on_a_node_has_gone_and_a_volume_when_its_claim_has() {
    let mut bench = bench(&[FILE]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("files", Some("file"), "5Gi"));
    let user = bench.apply(Kind::Pod, pod("p", Some("n0"), using("files")));
    bench.settle();
    let volume = bench.list(Kind::PersistentVolume)[0].key.clone();
    delete(&mut bench.draft, &volume, None, None);
    delete(&mut bench.draft, &key, None, None);
    bench.settle();
    assert!(bench.get(&key).is_terminating() && bench.get(&volume).is_terminating());
    delete(&mut bench.draft, &user, Some(0), None);
    bench.settle();
    assert!(bench.list(Kind::PersistentVolumeClaim).is_empty() && bench.list(Kind::PersistentVolume).is_empty());
}

#[test]
fn a_claim_whose_volume_is_gone_is_lost() {
    let mut bench = bench(&[FILE]);
    let key = bench.apply(Kind::PersistentVolumeClaim, claim("files", Some("file"), "5Gi"));
    bench.settle();
    let volume = bench.list(Kind::PersistentVolume)[0].key.clone();
    bench.draft.remove(&volume);
    bench.settle();
    assert_eq!(phase(&bench, &key), "Lost");
    assert_eq!(bench.events(Kind::PersistentVolumeClaim).last().unwrap().0, "ClaimLost");
}

#[test]
fn an_ephemeral_volume_has_a_claim_of_its_pod_that_goes_with_it() {
    let mut bench = bench(&[FILE]);
    let template = json!({"metadata": {"labels": {"of": "p"}}, "spec": claim("", Some("file"), "5Gi")["spec"]});
    let ephemeral = json!({"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}});
    let user = bench.apply(Kind::Pod, pod("p", None, ephemeral));
    bench.settle();
    let key = Key::new(Kind::PersistentVolumeClaim, "x", "p-scratch");
    let made = bench.json(&key);
    assert_eq!((&made["metadata"]["labels"]["of"], &made["metadata"]["ownerReferences"][0]["name"]), (&json!("p"), &json!("p")));
    assert_eq!(phase(&bench, &key), "Bound");
    delete(&mut bench.draft, &user, Some(0), None);
    bench.settle();
    assert!(bench.list(Kind::PersistentVolumeClaim).is_empty() && bench.list(Kind::PersistentVolume).is_empty());
}
