//! What stands around clusters: subscriptions, tenants, regions, providers, groups, and how lists are written.
//!
//! Lists are one page up to a hundred entries. Not here: which subscriptions and groups there are (the account's documents).

use crate::errors::ArmError;
use crate::fields::{Fields, check_tags};
use crate::id::GroupId;
use nodelane_catalog::{Catalog, Region};
use nodelane_model::Name;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Entries of a list that is given in one page.
pub const PAGE: usize = 100;

/// One page of a list: entries from `skip` on; `address` makes the link to the next page, which is absolute.
pub fn page(entries: Vec<Value>, skip: usize, address: impl FnOnce(usize) -> String) -> Value {
    let rest = entries.len() > skip + PAGE;
    let value: Vec<Value> = entries.into_iter().skip(skip).take(PAGE).collect();
    let mut body = json!({"value": value});
    if rest {
        body["nextLink"] = address(skip + PAGE).into();
    }
    body
}

/// A body as an object, for calls that take one.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, ArmError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ArmError::NotJson("it is no object".into())),
        Err(error) => Err(ArmError::NotJson(error.to_string().into())),
    }
}

/// A subscription.
pub fn subscription(id: &str, name: &str, tenant: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": tenant, "displayName": name, "state": "Enabled",
        "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
        "authorizationSource": "RoleBased", "managedByTenants": []
    })
}

/// A tenant.
pub fn tenant(id: &str) -> Value {
    json!({"id": format!("/tenants/{id}"), "tenantId": id, "displayName": "local", "tenantCategory": "Home"})
}

/// A region of a subscription.
pub fn location(subscription: &str, region: &Region) -> Value {
    let id = |name: &str| format!("/subscriptions/{subscription}/locations/{name}");
    let paired: Vec<Value> = region.paired.iter().map(|name| json!({"name": name, "id": id(name)})).collect();
    let zones: Vec<Value> =
        region.zones.iter().map(|zone| json!({"logicalZone": zone, "physicalZone": format!("{}-az{zone}", region.name)})).collect();
    let mut body = json!({
        "id": id(region.name), "name": region.name, "type": "Region", "displayName": region.display_name,
        "regionalDisplayName": format!("({}) {}", region.geography, region.display_name),
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended", "geographyGroup": region.geography, "pairedRegion": paired}
    });
    if !zones.is_empty() {
        body["availabilityZoneMappings"] = zones.into();
    }
    body
}

/// Versions of the API that providers claim; any other is taken as well.
const API_VERSIONS: [&str; 8] =
    ["2026-06-01", "2026-05-01", "2026-04-01", "2025-10-01", "2025-07-01", "2025-01-01", "2024-02-01", "2023-11-01"];

/// The one provider that is served, always registered.
pub const PROVIDER: &str = "Microsoft.ContainerService";

/// A provider of a subscription.
pub fn provider(subscription: &str, catalog: &Catalog) -> Value {
    let regions: Vec<&str> = catalog.regions().iter().map(|region| region.display_name).collect();
    let kind = |name: &str| json!({"resourceType": name, "locations": regions, "apiVersions": API_VERSIONS, "capabilities": "None"});
    let kinds = [
        "managedClusters",
        "managedClusters/agentPools",
        "managedClusters/agentPools/machines",
        "managedClusters/maintenanceConfigurations",
        "snapshots",
        "locations",
        "locations/operations",
        "locations/operationresults",
        "locations/kubernetesVersions",
        "locations/orchestrators",
    ];
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{PROVIDER}"), "namespace": PROVIDER,
        "registrationState": "Registered", "registrationPolicy": "RegistrationRequired", "resourceTypes": kinds.map(kind)
    })
}

/// A resource group.
pub fn group(id: &GroupId, location: &str, tags: &BTreeMap<Name, Name>) -> Value {
    let mut body = json!({
        "id": id.to_string(), "name": id.group, "type": "Microsoft.Resources/resourceGroups", "location": location,
        "properties": {"provisioningState": "Succeeded"}
    });
    if !tags.is_empty() {
        body["tags"] = json!(tags);
    }
    body
}

/// Tags of a resource.
pub type Tags = BTreeMap<Name, Name>;

/// Location and tags that a PUT or PATCH of a group or PATCH of a cluster gives; absent ones are not to change.
pub fn location_and_tags(body: &Map<String, Value>) -> Result<(Option<Name>, Option<Tags>), ArmError> {
    let fields = Fields::of(body, "Resource");
    let tags = fields.map("tags")?;
    tags.as_ref().map_or(Ok(()), check_tags)?;
    Ok((fields.text("location")?.map(Name::from), tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_pages_of_a_hundred_with_a_link_to_the_next() {
        let entries = || (0..250).map(Value::from).collect::<Vec<_>>();
        let lengths = |skip| {
            let body = page(entries(), skip, |next| format!("https://x/?skip={next}"));
            (body["value"].as_array().unwrap().len(), body.get("nextLink").and_then(Value::as_str).map(str::to_owned))
        };
        assert_eq!(lengths(0), (100, Some("https://x/?skip=100".into())));
        assert_eq!(lengths(200), (50, None));
        assert_eq!(page(Vec::new(), 0, |_| String::new()), json!({"value": []}), "an empty list has no link");
    }

    #[test]
    fn the_provider_lists_pools_so_that_a_resource_can_be_shown_by_its_id() {
        let body = provider("s", &Catalog::default());
        let kinds = body["resourceTypes"].as_array().unwrap();
        let pools = kinds.iter().find(|kind| kind["resourceType"] == "managedClusters/agentPools").unwrap();
        assert!(!pools["apiVersions"].as_array().unwrap().is_empty());
        assert_eq!(body["registrationState"], "Registered");
    }

    #[test]
    fn a_body_is_a_json_object() {
        assert!(object(b"{\"a\":1}").is_ok());
        for bytes in [&b"[]"[..], b"", b"{", b"\xff"] {
            assert!(matches!(object(bytes), Err(ArmError::NotJson(_))));
        }
    }
}
