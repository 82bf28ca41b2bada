//! A PUT's body merged with the stored cluster and its pools.
//!
//! Pools in the body are merged as PUTs of their own would be; pools that it does not name stay as they are.

use super::{body, profile};
use crate::account::{location_and_tags, object};
use crate::errors::ArmError;
use crate::fields::{Fields, check_tags};
use crate::id::ClusterId;
use crate::pool::{self, Stored};
use nodelane_catalog::{Catalog, Version};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::PoolSpec;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Cluster, Name, NodePool};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a PUT is merged with.
pub struct Context<'a> {
    /// What the cloud offers.
    pub catalog: Catalog,
    /// Whose body it is.
    pub id: &'a ClusterId,
    /// The cluster as it is stored, if it is.
    pub stored: Option<&'a Cluster>,
    /// Its pools by name, each with its machines that are meant to live.
    pub pools: BTreeMap<Name, (&'a NodePool, u32)>,
}

/// Address ranges of a cluster that names none.
const POD_CIDR: &str = "10.244.0.0/16";
const SERVICE_CIDR: &str = "10.0.0.0/16";
/// Addresses of nodes: Azure's own default for the virtual network that it makes.
const NODE_CIDR: &str = "10.224.0.0/12";

/// Properties that have a type in the model, or that only the service writes.
const NOT_KEPT: [&str; 13] = [
    "kubernetesVersion",
    "agentPoolProfiles",
    "autoScalerProfile",
    "networkProfile",
    "windowsProfile",
    "provisioningState",
    "powerState",
    "currentKubernetesVersion",
    "fqdn",
    "nodeResourceGroup",
    "maxAgentPools",
    "resourceUID",
    "azurePortalFQDN",
];
/// The same beside `properties`.
const ENVELOPE: [&str; 9] = ["id", "name", "type", "location", "tags", "properties", "eTag", "systemData", "resourceGroup"];
/// Fields of the network profile that have a type in the model.
const NETWORK: [&str; 6] = ["networkPlugin", "networkPluginMode", "podCidr", "serviceCidr", "podCidrs", "serviceCidrs"];

/// The cluster and the pools as a PUT asks for them.
pub fn merge(bytes: &[u8], context: &Context) -> Result<(ClusterSpec, Vec<(Name, PoolSpec)>), ArmError> {
    let envelope = object(bytes)?;
    let outer = Fields::of(&envelope, "ManagedCluster");
    let properties = outer.object("properties", "ManagedClusterProperties")?.renamed("ManagedClusterProperties.properties");
    let mut spec = context.stored.map_or_else(|| new(context.id), |cluster| cluster.spec.clone());
    around(&mut spec, &outer, context)?;
    if let Some(version) = properties.text("kubernetesVersion")? {
        spec.kubernetes_version = version.strip_prefix(['v', 'V']).unwrap_or(version).into();
    }
    network(&mut spec, &properties)?;
    windows(&mut spec, &properties)?;
    let scaler = properties.object("autoScalerProfile", "ManagedClusterPropertiesAutoScalerProfile")?;
    let echoed = properties.get("autoScalerProfile") == Some(&profile::shown(&spec.auto_scaler_profile));
    if scaler.is_present() && !echoed {
        spec.auto_scaler_profile = profile::read(&scaler)?;
    }
    for (key, value) in properties.entries().filter(|(key, _)| !NOT_KEPT.contains(&key.as_str())) {
        if body::shown(&spec, key).as_ref() != Some(value) {
            spec.properties.insert(key.clone(), without_secrets(value));
        }
    }
    let pools = pools(&spec, &properties, context)?;
    Ok((spec, pools))
}

/// The cluster as a PATCH asks for it: its tags, replaced as a whole.
pub fn patch(bytes: &[u8], stored: &Cluster) -> Result<ClusterSpec, ArmError> {
    let (_, tags) = location_and_tags(&object(bytes)?)?;
    let spec = stored.spec.clone();
    Ok(match tags {
        Some(tags) => ClusterSpec { tags, ..spec },
        None => spec,
    })
}

fn new(id: &ClusterId) -> ClusterSpec {
    ClusterSpec {
        subscription: id.group.subscription.clone(),
        resource_group: id.group.group.clone(),
        name: id.cluster.clone(),
        network_plugin: "azure".into(),
        network_plugin_mode: "overlay".into(),
        pod_cidr: POD_CIDR.into(),
        node_cidr: NODE_CIDR.into(),
        service_cidr: SERVICE_CIDR.into(),
        ..ClusterSpec::default()
    }
}

/// Location, tags, and what else stands beside `properties`.
fn around(spec: &mut ClusterSpec, outer: &Fields, context: &Context) -> Result<(), ArmError> {
    if let Some(location) = outer.text("location")? {
        spec.location = context.catalog.region(location).map_or(location.into(), |region| region.name.into());
    }
    if let Some(tags) = outer.map("tags")? {
        check_tags(&tags)?;
        spec.tags = tags;
    }
    for (key, value) in outer.entries().filter(|(key, _)| !ENVELOPE.contains(&key.as_str())) {
        // What identity and sku are by default, or with the ids that the service adds, is no difference.
        let plain = match key.as_str() {
            "identity" => value.get("type").and_then(Value::as_str) == Some("SystemAssigned"),
            "sku" => value.get("tier").and_then(Value::as_str).is_none_or(|tier| tier == "Free"),
            _ => false,
        };
        match plain {
            true => drop(spec.envelope.remove(key)),
            false => drop(spec.envelope.insert(key.clone(), value.clone())),
        }
    }
    Ok(())
}

fn network(spec: &mut ClusterSpec, properties: &Fields) -> Result<(), ArmError> {
    let network = properties.object("networkProfile", "NetworkProfile")?;
    if !network.is_present() || properties.get("networkProfile") == body::shown(spec, "networkProfile").as_ref() {
        return Ok(());
    }
    let plugin = network.text("networkPlugin")?;
    if let Some(plugin) = plugin {
        if !matches!(plugin, "azure" | "kubenet" | "none") {
            let why = format!("'{plugin}' is no network plugin");
            return Err(PoolRefusal::parameter("P-2", "networkProfile.networkPlugin", why, "azure, kubenet or none").into());
        }
        spec.network_plugin = plugin.into();
    }
    match network.text("networkPluginMode")? {
        Some(mode) => spec.network_plugin_mode = mode.to_ascii_lowercase().into(),
        None if plugin.is_some() => spec.network_plugin_mode = Name::default(),
        None => {}
    }
    for (key, place) in [("podCidr", &mut spec.pod_cidr), ("serviceCidr", &mut spec.service_cidr)] {
        if let Some(cidr) = network.text(key)? {
            check_cidr(key, cidr)?;
            *place = cidr.into();
        }
    }
    let rest: Map<String, Value> =
        network.entries().filter(|(key, _)| !NETWORK.contains(&key.as_str())).map(|(key, value)| (key.clone(), value.clone())).collect();
    spec.properties.insert("networkProfile".into(), rest.into());
    Ok(())
}

fn check_cidr(key: &str, cidr: &str) -> Result<(), ArmError> {
    let octets = |net: &str| net.split('.').count() == 4 && net.split('.').all(|octet| octet.parse::<u8>().is_ok());
    let prefix = |bits: &str| bits.parse::<u32>().is_ok_and(|bits| bits <= 32);
    let fits = cidr.split_once('/').is_some_and(|(net, bits)| octets(net) && prefix(bits));
    match fits {
        true => Ok(()),
        false => {
            let parameter = format!("networkProfile.{key}");
            Err(PoolRefusal::parameter("P-4", &parameter, format!("'{cidr}' is no address range"), "such as 10.244.0.0/16").into())
        }
    }
}

fn windows(spec: &mut ClusterSpec, properties: &Fields) -> Result<(), ArmError> {
    let profile = properties.object("windowsProfile", "ManagedClusterWindowsProfile")?;
    if let Some(value) = properties.get("windowsProfile").filter(|_| profile.is_present()) {
        if body::shown(spec, "windowsProfile").as_ref() != Some(value) {
            spec.properties.insert("windowsProfile".into(), without_secrets(value));
        }
        spec.windows = true;
    }
    Ok(())
}

/// A value without what must not be stored: `adminPassword`, `secret`, `serverAppSecret`, and what else ends so.
fn without_secrets(value: &Value) -> Value {
    let is_secret = |key: &str| ["password", "secret"].iter().any(|end| key.to_lowercase().ends_with(end));
    match value {
        Value::Object(map) => {
            let open = map.iter().filter(|(key, value)| !(is_secret(key) && value.is_string()));
            open.map(|(key, value)| (key.clone(), without_secrets(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        other => other.clone(),
    }
}

/// The pools that the body names, each merged as a PUT of its own would be.
fn pools(spec: &ClusterSpec, properties: &Fields, context: &Context) -> Result<Vec<(Name, PoolSpec)>, ArmError> {
    let profiles = properties.objects("agentPoolProfiles", "[]ManagedClusterAgentPoolProfile")?.unwrap_or_default();
    let stored_version = context.stored.and_then(|cluster| cluster.state.version.parse::<Version>().ok());
    let control_plane = context.catalog.resolve_version(&spec.kubernetes_version).or(stored_version);
    let mut pools = Vec::new();
    for profile in profiles {
        let fields = Fields::of(profile, "ManagedClusterAgentPoolProfile");
        let name = Name::from(fields.text("name")?.unwrap_or_default());
        let stored = context.pools.get(&name).map(|(pool, count)| Stored { pool, count: *count });
        let pool = pool::Context {
            catalog: context.catalog,
            cluster: spec,
            control_plane: control_plane.unwrap_or_else(|| context.catalog.default_version()),
            stored,
        };
        let merged = pool::merge(&fields, &pool)?;
        if pools.iter().any(|(other, _)| *other == name) {
            let why = format!("The agent pool name '{name}' is given twice");
            return Err(PoolRefusal::parameter("N-3", "agentPoolProfile.name", why, "a name of its own for each pool").into());
        }
        pools.push((name, merged));
    }
    Ok(pools)
}
