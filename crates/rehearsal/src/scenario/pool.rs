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

/// A key of a pool; one that is not known is refused where it stands.
struct Key(&'static str);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a property")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
                let known = ["name"].into_iter().chain(POOL_PROPERTIES);
                let all = || known.clone().collect::<Vec<_>>().join(", ");
                let found = known.clone().find(|known| *known == text);
                found.map(Key).ok_or_else(|| E::custom(format_args!("unknown field `{text}`, expected one of {}", all())))
            }
        }
        deserializer.deserialize_identifier(Text)
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
                while let Some(Key(key)) = map.next_key()? {
                    match key {
                        "name" => name = Some(map.next_value()?),
                        "nodeImageVersion" => image = Some(map.next_value()?),
                        key => drop(properties.insert(key.to_owned(), map.next_value()?)),
                    }
                }
                Ok(Pool { name: name.ok_or_else(|| A::Error::missing_field("name"))?, properties, image })
            }
        }
        deserializer.deserialize_map(OfMap)
    }
}
