//! Kubernetes versions and node images, as upgrade profiles and lists show them.
//!
//! What is offered here is what admission accepts: the same catalogue, the same skew.

use crate::id::{ClusterId, PoolId};
use nodelane_catalog::{Catalog, OsSku, Release, Support, Version};
use nodelane_model::{Cluster, NodePool};
use serde_json::{Map, Value, json};

/// Versions that a pool may be upgraded to: above its own, not above the control plane (aks-semantics UV-1, UV-3).
fn pool_upgrades(catalog: &Catalog, cluster: &Cluster, pool: &NodePool) -> Vec<Value> {
    let (Ok(from), Ok(most)) = (pool.state.version.parse::<Version>(), cluster.state.version.parse::<Version>()) else {
        return Vec::new();
    };
    let releases = catalog.releases().iter().map(|release| release.version);
    releases.filter(|version| *version > from && *version <= most).map(upgrade).collect()
}

fn upgrade(version: Version) -> Value {
    json!({"kubernetesVersion": version.to_string(), "isPreview": false})
}

/// The newest image for a pool.
fn newest_image(catalog: &Catalog, pool: &NodePool) -> Option<String> {
    let version = pool.state.version.parse().ok()?;
    let sku = OsSku::from_name(&pool.spec.os_sku)?.effective(version).ok()?;
    catalog.newest_image(sku)?.version(catalog.size(&pool.spec.vm_size)?.image_variant())
}

/// The upgrade profile of a pool.
pub fn pool_profile(catalog: &Catalog, id: &PoolId, cluster: &Cluster, pool: &NodePool) -> Value {
    let mut body = json!({
        "id": format!("{id}/upgradeProfiles/default"), "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles",
        "properties": {
            "kubernetesVersion": pool.state.version, "osType": format!("{:?}", pool.spec.os_type),
            "upgrades": pool_upgrades(catalog, cluster, pool),
        }
    });
    if let Some(image) = newest_image(catalog, pool) {
        body["properties"]["latestNodeImageVersion"] = image.into();
    }
    if let Some(before) = pool.before() {
        body["properties"]["recentlyUsedVersions"] = json!([before]);
    }
    body
}

/// The upgrade profile of a cluster.
pub fn cluster_profile<'a>(
    catalog: &Catalog,
    id: &ClusterId,
    cluster: &Cluster,
    pools: impl Iterator<Item = (&'a str, &'a NodePool)>,
) -> Value {
    let current = &cluster.state.version;
    let upgrades: Vec<Value> =
        current.parse().map(|current| catalog.upgrades_from(current)).unwrap_or_default().into_iter().map(upgrade).collect();
    let profile = |(name, pool): (&str, &NodePool)| {
        json!({
            "name": name, "kubernetesVersion": pool.state.version, "osType": format!("{:?}", pool.spec.os_type),
            "upgrades": pool_upgrades(catalog, cluster, pool)
        })
    };
    json!({
        "id": format!("{id}/upgradeProfiles/default"), "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/upgradeProfiles",
        "properties": {
            "controlPlaneProfile": {"kubernetesVersion": current, "osType": "Linux", "upgrades": upgrades},
            "agentPoolProfiles": pools.map(profile).collect::<Vec<_>>()
        }
    })
}

/// Versions that a pool of a cluster may have (aks-semantics UV-1, UV-2); the default is the control plane's.
pub fn available(catalog: &Catalog, id: &ClusterId, cluster: &Cluster) -> Value {
    let most: Option<Version> = cluster.state.version.parse().ok();
    let skew = |most: Version| if most.release() >= (1, 28) { 3 } else { 2 };
    let fits = |version: &Version| most.is_some_and(|most| *version <= most && version.minor + skew(most) >= most.minor);
    let releases = catalog.releases().iter().map(|release| release.version).filter(fits);
    let versions: Vec<Value> = releases
        .map(|version| {
            let mut entry = json!({"kubernetesVersion": version.to_string(), "isPreview": false});
            if Some(version) == most {
                entry["default"] = true.into();
            }
            entry
        })
        .collect();
    json!({
        "id": format!("{id}/availableAgentPoolVersions"), "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/availableAgentpoolVersions",
        "properties": {"agentPoolVersions": versions}
    })
}

/// Kubernetes versions on offer, by minor, with the upgrades of each patch.
pub fn on_offer(catalog: &Catalog) -> Value {
    let mut minors: Vec<(u32, Vec<&Release>)> = Vec::new();
    for release in catalog.releases() {
        match minors.last_mut() {
            Some((minor, patches)) if *minor == release.version.minor => patches.push(release),
            _ => minors.push((release.version.minor, vec![release])),
        }
    }
    let default = catalog.default_version().minor;
    let value = |(minor, patches): (u32, Vec<&Release>)| {
        let upgrades = |version: Version| catalog.upgrades_from(version).iter().map(ToString::to_string).collect::<Vec<_>>();
        let patch = |release: &&Release| (release.version.to_string(), json!({"upgrades": upgrades(release.version)}));
        let official = patches.iter().all(|release| release.support == Support::GenerallyAvailable);
        let plan = if official { vec!["KubernetesOfficial"] } else { Vec::new() };
        json!({
            "version": format!("1.{minor}"), "isDefault": minor == default, "isPreview": false,
            "capabilities": {"supportPlan": plan}, "patchVersions": patches.iter().map(patch).collect::<Map<_, _>>()
        })
    };
    json!({"values": minors.into_iter().map(value).collect::<Vec<_>>()})
}

/// Kubernetes versions on offer, one entry a patch, each with its upgrades (api-version 2019-08-01). The default is the one that a new
/// cluster gets.
pub fn orchestrators(catalog: &Catalog, subscription: &str, location: &str) -> Value {
    let entry = |version: Version| json!({"orchestratorType": "Kubernetes", "orchestratorVersion": version.to_string()});
    let offer = |release: &Release| {
        let mut offer = entry(release.version);
        offer["upgrades"] = catalog.upgrades_from(release.version).into_iter().map(entry).collect();
        if release.version == catalog.default_version() {
            offer["default"] = true.into();
        }
        offer
    };
    json!({
        "id": format!("/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{location}/orchestrators"),
        "name": "default", "type": "Microsoft.ContainerService/locations/orchestrators",
        "properties": {"orchestrators": catalog.releases().iter().map(offer).collect::<Vec<_>>()}
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupId;
    use nodelane_model::cluster::ClusterState;
    use nodelane_model::pool::{PoolSpec, PoolState, UsedVersion};

    fn id() -> ClusterId {
        ClusterId { group: GroupId { subscription: "s".into(), group: "lanes".into() }, cluster: "dev".into() }
    }
    fn cluster() -> Cluster {
        Cluster { state: ClusterState { version: "1.35.5".into(), ..ClusterState::default() }, ..Cluster::default() }
    }
    fn pool() -> NodePool {
        let spec = PoolSpec { vm_size: "Standard_D4s_v5".into(), os_sku: "Ubuntu".into(), ..PoolSpec::default() };
        NodePool { spec, state: PoolState { version: "1.34.9".into(), ..PoolState::default() } }
    }
    fn versions(list: &Value) -> Vec<&str> {
        list.as_array().unwrap().iter().map(|entry| entry["kubernetesVersion"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_pool_is_offered_what_is_above_it_and_not_above_the_control_plane() {
        let body = pool_profile(&Catalog::default(), &id().pool("np1"), &cluster(), &pool());
        let properties = &body["properties"];
        assert_eq!(versions(&properties["upgrades"]), ["1.35.4", "1.35.5"]);
        assert_eq!((&properties["kubernetesVersion"], &properties["osType"]), (&json!("1.34.9"), &json!("Linux")));
        assert_eq!(properties["latestNodeImageVersion"], "AKSUbuntu-2204gen2containerd-202607.09.0");
    }

    #[test]
    fn a_profile_names_the_one_version_that_a_pool_can_go_back_to() {
        let used = |version: &str, rolled_back| UsedVersion {
            orchestrator_version: version.into(),
            node_image_version: "AKSUbuntu-2204gen2containerd-202607.02.0".into(),
            timestamp: nodelane_model::Time(1_767_225_600_000),
            rolled_back,
        };
        let listed = |recently_used| {
            let mut pool = pool();
            pool.state.recently_used = recently_used;
            pool_profile(&Catalog::default(), &id().pool("np1"), &cluster(), &pool)["properties"]["recentlyUsedVersions"].clone()
        };
        let before = json!([{"orchestratorVersion": "1.34.8", "nodeImageVersion": "AKSUbuntu-2204gen2containerd-202607.02.0", "timestamp": "2026-01-01T00:00:00Z"}]);
        assert_eq!(listed(vec![used("1.34.8", false), used("1.33.11", false)]), before);
        assert_eq!(listed(vec![used("1.35.4", true), used("1.34.8", false)]), Value::Null, "RB-1: no consecutive rollback");
        assert_eq!(listed(Vec::new()), Value::Null);
    }

    #[test]
    fn a_cluster_is_offered_later_patches_and_the_next_minor() {
        let pool = pool();
        let body = cluster_profile(&Catalog::default(), &id(), &cluster(), [("np1", &pool)].into_iter());
        assert_eq!(versions(&body["properties"]["controlPlaneProfile"]["upgrades"]), ["1.35.6", "1.36.0", "1.36.1", "1.36.2"]);
        assert_eq!(body["properties"]["agentPoolProfiles"][0]["name"], "np1");
    }

    #[test]
    fn pools_may_have_versions_within_the_skew_and_the_default_is_the_control_planes() {
        let body = available(&Catalog::default(), &id(), &cluster());
        let list = &body["properties"]["agentPoolVersions"];
        assert_eq!(versions(list).first().copied(), Some("1.33.11"));
        assert_eq!(versions(list).last().copied(), Some("1.35.5"));
        let defaults = list.as_array().unwrap().iter().filter(|entry| entry["default"] == true);
        assert_eq!(defaults.map(|entry| entry["kubernetesVersion"].as_str().unwrap()).collect::<Vec<_>>(), ["1.35.5"]);
    }

    #[test]
    fn versions_on_offer_are_listed_by_minor_with_their_upgrades() {
        let body = on_offer(&Catalog::default());
        let minors: Vec<_> = body["values"].as_array().unwrap().iter().map(|value| value["version"].as_str().unwrap()).collect();
        assert_eq!(minors, ["1.33", "1.34", "1.35", "1.36"]);
        let default = body["values"].as_array().unwrap().iter().find(|value| value["isDefault"] == true).unwrap();
        assert_eq!(default["version"], "1.35");
        assert_eq!(default["patchVersions"]["1.35.6"]["upgrades"], json!(["1.36.0", "1.36.1", "1.36.2"]));
    }

    #[test]
    fn older_clients_see_the_same_versions_with_their_upgrades_and_one_default() {
        let catalog = Catalog::default();
        let body = orchestrators(&catalog, "s", "eastus");
        let list = body["properties"]["orchestrators"].as_array().unwrap();
        let versions: Vec<_> = list.iter().map(|entry| entry["orchestratorVersion"].as_str().unwrap().to_owned()).collect();
        assert_eq!(versions, catalog.releases().iter().map(|release| release.version.to_string()).collect::<Vec<_>>());
        let default: Vec<_> = list.iter().filter(|entry| entry["default"] == true).collect();
        assert_eq!(default.len(), 1);
        assert_eq!((&default[0]["orchestratorVersion"], &default[0]["orchestratorType"]), (&json!("1.35.6"), &json!("Kubernetes")));
        assert_eq!(default[0]["upgrades"][0], json!({"orchestratorType": "Kubernetes", "orchestratorVersion": "1.36.0"}));
    }
}
