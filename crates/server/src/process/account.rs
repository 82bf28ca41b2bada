//! The account's documents: subscriptions with their quotas and policy, groups, and an entry for each cluster.
//!
//! An entry names a cluster's files and seeds its ids. It is written before the cluster's cell is opened.
//! Not here: routes.

use super::Settings;
use crate::config::Paths;
use base64::Engine;
use nodelane_arm::{ClusterId, GroupId};
use nodelane_catalog::Catalog;
use nodelane_engine::Env;
use nodelane_model::change::Change;
use nodelane_model::hash::Hash;
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Rest};
use nodelane_world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The id of the first subscription.
pub const FIRST_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
/// The group, cluster and region of the first start.
pub const FIRST: (&str, &str, &str) = ("lanes", "dev", "eastus");

/// Where cells lie.
pub fn cells_dir(paths: &Paths) -> PathBuf {
    paths.root().join("cells")
}

/// A cluster that exists, or is about to.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Names its files and its realm.
    pub key: String,
    /// Its id, as last written.
    pub id: ClusterId,
    /// Seeds its ids and latencies.
    pub seed: u64,
    /// Whether it is the one that the first start makes.
    pub is_default: bool,
}

/// Names a cluster's files. Names with other characters than files bear are hashed.
pub fn key(id: &ClusterId) -> String {
    let text = format!("{}.{}", id.group.group, id.cluster).to_lowercase();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) && text.len() <= 80;
    let subscription = id.group.subscription.to_lowercase();
    let first = subscription == FIRST_SUBSCRIPTION && text == format!("{}.{}", FIRST.0, FIRST.1);
    match (first, plain) {
        (true, _) => FIRST.1.to_owned(),
        (false, true) => format!("{text}.{:08x}", Hash::new(1).text(&subscription).get() as u32),
        (false, false) => format!("cluster.{:016x}", Hash::new(1).text(&subscription).text(&text).get()),
    }
}

/// The key of a cluster's entry.
pub fn entry_key(id: &ClusterId) -> Key {
    Key::new(Kind::ClusterEntry, id.group.subscription.to_lowercase(), key(id))
}

fn spec_of(doc: &Doc) -> Option<&Value> {
    doc.as_opaque()?.get("spec")
}

/// Entries of the account, in order.
pub fn entries(world: &World) -> Vec<Entry> {
    let read = |doc: &Arc<Doc>| {
        let spec = spec_of(doc)?;
        let text = |field: &str| Name::from(spec.get(field).and_then(Value::as_str).unwrap_or_default());
        let group = GroupId { subscription: text("subscription"), group: text("resourceGroup") };
        let id = ClusterId { group, cluster: text("name") };
        let is_default = *doc.key.name == *FIRST.1;
        Some(Entry { key: doc.key.name.to_string(), id, seed: doc.meta.uid.0 as u64, is_default })
    };
    world.list(Kind::ClusterEntry, None).filter_map(read).collect()
}

fn doc(key: Key, spec: Value) -> Change {
    let mut rest = Rest::new();
    rest.insert("spec".into(), spec);
    Change::Create(Arc::new(Doc::new(key, 0, Meta::default(), Body::Opaque(rest))))
}

/// The account of the first start: its subscriptions, and in the first of them a group and an entry for the cluster.
pub fn first_documents(subscriptions: &[String]) -> Vec<Change> {
    let mut changes = Vec::new();
    for (number, name) in subscriptions.iter().enumerate() {
        let id = format!("00000000-0000-0000-0000-{:012}", number + 1);
        changes.push(doc(Key::global(Kind::Subscription, id.as_str()), json!({"displayName": name})));
    }
    let (group, cluster, location) = FIRST;
    let group_key = Key::new(Kind::ResourceGroup, FIRST_SUBSCRIPTION, group);
    changes.push(doc(group_key, json!({"name": group, "location": location, "tags": {}})));
    let id = ClusterId { group: GroupId { subscription: FIRST_SUBSCRIPTION.into(), group: group.into() }, cluster: cluster.into() };
    changes.push(entry(&id));
    changes
}

/// The entry of a cluster.
pub fn entry(id: &ClusterId) -> Change {
    let spec = json!({"subscription": id.group.subscription, "resourceGroup": id.group.group, "name": id.cluster});
    doc(entry_key(id), spec)
}

/// Subscriptions as (id, name), in order.
pub fn subscriptions(world: &World) -> Vec<(String, String)> {
    let name = |doc: &Arc<Doc>| spec_of(doc).and_then(|spec| spec.get("displayName")).and_then(Value::as_str).unwrap_or("local").to_owned();
    world.list(Kind::Subscription, None).map(|doc| (doc.key.name.to_string(), name(doc))).collect()
}

/// What deciding needs to know beside a cluster's world and the settings of this process.
pub fn env(world: &World, entry: &Entry, used_elsewhere: &BTreeMap<Name, u64>, settings: &Settings) -> Env {
    let subscription = Key::global(Kind::Subscription, entry.id.group.subscription.to_lowercase());
    let spec = world.get(&subscription).and_then(|doc| spec_of(doc)).cloned().unwrap_or_default();
    Env {
        catalog: Catalog::default(),
        quotas: part(&spec, "quotas").unwrap_or_default(),
        used_elsewhere: used_elsewhere.clone(),
        policy: part(&spec, "policy"),
        scheduler: settings.scheduler.clone(),
        autoscaler: settings.autoscaler,
        #[cfg(feature = "rules-off")]
        rule_off: settings.rule_off.clone(),
    }
}

/// A part of a subscription; what is stored was read in this way before it was accepted.
fn part<T: serde::de::DeserializeOwned>(spec: &Value, field: &str) -> Option<T> {
    serde_json::from_value(spec.get(field)?.clone()).ok()
}

/// A kubeconfig with one context; no secret is in it but the token, and verification is never off.
pub fn kubeconfig(name: &str, port: u16, ca_pem: &str, token: &str) -> String {
    let ca = base64::engine::general_purpose::STANDARD.encode(ca_pem);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority-data": ca}}],
        "users": [{"name": format!("clusterUser_{name}"), "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": format!("clusterUser_{name}")}}],
        "current-context": name,
    });
    serde_json::to_string_pretty(&config).unwrap_or_default()
}
