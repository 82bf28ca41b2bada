//! A pool of a scenario: a name, and the properties that an agent pool has in ARM.
//!
//! Properties go through the same merge as a request's body; here is only which there are, so that a misspelt one is refused.

use nodelane_model::Name;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// A pool as a scenario gives it.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: Name,
    /// Its properties, without the image.
    pub properties: Map<String, Value>,
    /// Its image, where one is given.
    pub image: Option<Name>,
}

/// What an agent pool of `agentPoolProfiles` has (ARM, 2026-06-01) that a client may write.
pub const POOL_PROPERTIES: [&str; 53] = [
    "artifactStreamingProfile",
    "availabilityZones",
    "capacityReservationGroupID",
    "count",
    "creationData",
    "enableAutoScaling",
    "enableEncryptionAtHost",
    "enableFIPS",
    "enableNodePublicIP",
    "enableUltraSSD",
    "gatewayProfile",
    "gpuInstanceProfile",
    "gpuProfile",
    "hostGroupID",
    "kubeletConfig",
    "kubeletDiskType",
    "linuxOSConfig",
    "localDNSProfile",
    "maxCount",
    "maxPods",
    "messageOfTheDay",
    "minCount",
    "mode",
    "networkProfile",
    "nodeImageVersion",
    "nodeLabels",
    "nodePublicIPPrefixID",
    "nodeTaints",
    "orchestratorVersion",
    "osDiskSizeGB",
    "osDiskType",
    "osSKU",
    "osType",
    "podIPAllocationMode",
    "podSubnetID",
    "powerState",
    "proximityPlacementGroupID",
    "scaleDownMode",
    "scaleSetEvictionPolicy",
    "scaleSetPriority",
    "securityProfile",
    "spotMaxPrice",
    "tags",
    "type",
    "upgradeSettings",
    "upgradeSettingsBlueGreen",
    "upgradeStrategy",
    "virtualMachineNodesStatus",
    "virtualMachinesProfile",
    "vmSize",
    "vnetSubnetID",
    "windowsProfile",
    "workloadRuntime",
];

impl Pool {
    /// The entry of `agentPoolProfiles` that makes it.
    pub fn profile(&self) -> Value {
        let mut profile = self.properties.clone();
        profile.insert("name".into(), self.name.as_str().into());
        profile.into()
    }
}

impl<'de> Deserialize<'de> for Pool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pool, D::Error> {
        struct OfMap;
        impl<'de> Visitor<'de> for OfMap {
            type Value = Pool;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pool: a name, and properties of an agent pool such as count and vmSize")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pool, A::Error> {
                let (mut name, mut image, mut properties) = (None, None, Map::new());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => name = Some(map.next_value()?),
                        "nodeImageVersion" => image = Some(map.next_value()?),
                        key if POOL_PROPERTIES.contains(&key) => drop(properties.insert(key.to_owned(), map.next_value()?)),
                        _ => {
                            let all: Vec<&str> = ["name"].into_iter().chain(POOL_PROPERTIES).collect();
                            return Err(A::Error::custom(format_args!("unknown field `{key}`, expected one of {}", all.join(", "))));
                        }
                    }
                }
                Ok(Pool { name: name.ok_or_else(|| A::Error::missing_field("name"))?, properties, image })
            }
        }
        deserializer.deserialize_map(OfMap)
    }
}
