//! A cluster's document as the body of a GET, with its pools.
//!
//! What was never set is shown with the service's default; the same defaults are no difference when they are sent back.

use super::profile;
use crate::id::ClusterId;
use crate::pool;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::hash::Hash;
use nodelane_model::pool::{Power, etag};
use nodelane_model::{Cluster, Uid};
use serde_json::{Map, Value, json};

/// A cluster with what its body needs.
pub struct View<'a> {
    /// The unique id of its document.
    pub uid: Uid,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its pools, in order of name.
    pub pools: Vec<pool::View<'a>>,
    /// Host of its Kubernetes API, shown as `fqdn`.
    pub fqdn: &'a str,
    /// The tenant, shown in the cluster's identity.
    pub tenant: &'a str,
}

/// The body of a GET.
pub fn body(view: &View) -> Value {
    let spec = &view.cluster.spec;
    let mut body = json!({
        "id": ClusterId::of(spec).to_string(), "name": spec.name, "location": spec.location,
        "type": "Microsoft.ContainerService/managedClusters",
        "eTag": etag(view.uid, view.cluster.state.etag),
        "identity": {"type": "SystemAssigned", "principalId": view.uid.to_string(), "tenantId": view.tenant},
        "sku": {"name": "Base", "tier": "Free"},
        "properties": properties(view),
    });
    if !spec.tags.is_empty() {
        body["tags"] = json!(spec.tags);
    }
    for (key, value) in &spec.envelope {
        body[key] = value.clone();
    }
    body
}

/// A cluster's body as the entry of its group's list of resources. Terraform reads that list to keep from deleting a group that is not empty.
pub fn resource(body: &Value) -> Value {
    let shown =
        ["id", "name", "type", "location", "tags", "sku", "identity"].iter().filter_map(|key| Some((*key, body.get(*key)?.clone())));
    let state = ("provisioningState", body["properties"]["provisioningState"].clone());
    Value::Object(shown.chain([state]).map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Credentials: `kubeconfig` is base64.
pub fn credentials(admin: bool, kubeconfig: &str) -> Value {
    let name = if admin { "clusterAdmin" } else { "clusterUser" };
    json!({"kubeconfigs": [{"name": name, "value": kubeconfig}]})
}

fn properties(view: &View) -> Map<String, Value> {
    let (spec, state) = (&view.cluster.spec, &view.cluster.state);
    let code = if spec.power == Power::Stopped { "Stopped" } else { "Running" };
    let mut body = json!({
        "provisioningState": view.cluster.provisioning_state(),
        "powerState": {"code": code},
        "kubernetesVersion": spec.kubernetes_version,
        "currentKubernetesVersion": state.version,
        "fqdn": view.fqdn,
        "agentPoolProfiles": view.pools.iter().map(pool::profile).collect::<Vec<_>>(),
        "nodeResourceGroup": view.cluster.node_resource_group(),
        "maxAgentPools": nodelane_catalog::MAX_POOLS_PER_CLUSTER,
        "autoScalerProfile": profile::shown(&spec.auto_scaler_profile),
        "resourceUID": view.uid.to_string(),
    });
    let Some(map) = body.as_object_mut() else {
        return Map::new();
    };
    for key in DEFAULTED {
        map.insert((*key).into(), shown(spec, key).unwrap_or_default());
    }
    for (key, value) in spec.properties.iter().filter(|(key, _)| !DEFAULTED.contains(&key.as_str())) {
        map.insert(key.clone(), value.clone());
    }
    if spec.windows && !map.contains_key("windowsProfile") {
        map.insert("windowsProfile".into(), json!({"adminUsername": "azureuser", "enableCSIProxy": true}));
    }
    std::mem::take(map)
}

/// Properties that are shown even where they were never set.
const DEFAULTED: &[&str] = &[
    "dnsPrefix",
    "enableRBAC",
    "supportPlan",
    "networkProfile",
    "storageProfile",
    "oidcIssuerProfile",
    "servicePrincipalProfile",
    "disableLocalAccounts",
    "identityProfile",
];

/// What a GET shows of a property without a type of its own.
pub(super) fn shown(spec: &ClusterSpec, key: &str) -> Option<Value> {
    let stored = spec.properties.get(key);
    Some(match key {
        "networkProfile" => network(spec, stored),
        "windowsProfile" if spec.windows && stored.is_none() => {
            json!({"adminUsername": "azureuser", "enableCSIProxy": true})
        }
        _ => match stored {
            Some(value) => value.clone(),
            None => default_of(spec, key)?,
        },
    })
}

fn default_of(spec: &ClusterSpec, key: &str) -> Option<Value> {
    Some(match key {
        "dnsPrefix" => format!("{}-{}", spec.name, spec.resource_group).into(),
        "enableRBAC" => true.into(),
        "supportPlan" => "KubernetesOfficial".into(),
        "disableLocalAccounts" => false.into(),
        "storageProfile" => {
            json!({"diskCSIDriver": {"enabled": true}, "fileCSIDriver": {"enabled": true}, "snapshotController": {"enabled": true}})
        }
        "oidcIssuerProfile" => json!({"enabled": false}),
        "servicePrincipalProfile" => json!({"clientId": "msi"}),
        "identityProfile" => kubelet_identity(spec),
        _ => return None,
    })
}

/// The identity of the nodes, which `az aks update` insists on seeing. Its ids come from the cluster's own: there is nothing behind them.
fn kubelet_identity(spec: &ClusterSpec) -> Value {
    let seed = Hash::new(1).text(&ClusterId::of(spec).to_string().to_lowercase()).get();
    let cluster = Cluster { spec: spec.clone(), ..Cluster::default() };
    let resource = format!(
        "/subscriptions/{}/resourcegroups/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}-agentpool",
        spec.subscription,
        cluster.node_resource_group(),
        spec.name
    );
    let [client, object] = [1, 2].map(|ordinal| Uid::derive(seed, 0, ordinal).to_string());
    json!({"kubeletidentity": {"resourceId": resource, "clientId": client, "objectId": object}})
}

fn network(spec: &ClusterSpec, stored: Option<&Value>) -> Value {
    let dns = spec.service_cidr.rsplit_once('.').map_or(String::new(), |(net, _)| format!("{net}.10"));
    let mut network = json!({
        "networkPlugin": spec.network_plugin, "podCidr": spec.pod_cidr, "serviceCidr": spec.service_cidr, "dnsServiceIP": dns,
        "loadBalancerSku": "standard", "outboundType": "loadBalancer", "networkPolicy": "none", "networkDataplane": "azure",
        "podCidrs": [spec.pod_cidr], "serviceCidrs": [spec.service_cidr], "ipFamilies": ["IPv4"]
    });
    if !spec.network_plugin_mode.is_empty() {
        network["networkPluginMode"] = json!(spec.network_plugin_mode);
    }
    for (key, value) in stored.and_then(Value::as_object).into_iter().flatten() {
        network[key] = value.clone();
    }
    network
}
