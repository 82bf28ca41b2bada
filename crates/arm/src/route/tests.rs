//! Paths and what they ask for, in the cases and spellings that clients use.
//!
//! The calls are those of arm-wire sections 2 and 3.

use super::*;

const CLUSTER: &str = "/subscriptions/s/resourcegroups/lanes/PROVIDERS/microsoft.containerservice/managedclusters/dev";
const VERSION: &str = "api-version=2026-06-01";

fn cluster() -> ClusterId {
    ClusterId { group: GroupId { subscription: "s".into(), group: "lanes".into() }, cluster: "dev".into() }
}

#[test]
fn every_call_of_the_contract_is_found_in_any_case() {
    for (method, path, call) in calls().into_iter().chain(calls_of_pools()) {
        assert_eq!(route(method, &path, VERSION), Ok(call), "{path}");
    }
}

#[test]
fn names_are_decoded_and_keep_their_case() {
    let path = CLUSTER.replace("lanes", "My%20Group%2fx%zz");
    let Ok(Call::GetCluster(id)) = route(Method::Get, &path, VERSION) else { panic!("{path}") };
    assert_eq!(id.group.group, "My Group/x%zz");
}

#[test]
fn a_request_without_an_api_version_is_refused_and_any_version_is_taken() {
    for query in ["", "api-version=", "x=1"] {
        assert_eq!(route(Method::Get, CLUSTER, query), Err(ArmError::MissingApiVersion), "{query}");
    }
    for query in ["api-version=1", "a=b&API-Version=2017-08-31"] {
        assert!(route(Method::Get, CLUSTER, query).is_ok(), "{query}");
    }
}

#[test]
fn deletion_reads_whether_budgets_are_passed_over() {
    let query = format!("{VERSION}&ignore-pod-disruption-budget=true");
    let call = route(Method::Delete, &format!("{CLUSTER}/agentPools/a"), &query);
    assert_eq!(call, Ok(Call::DeletePool { pool: cluster().pool("a"), ignore_budgets: true }));
}

#[test]
fn what_is_no_route_is_said_to_be_none() {
    for (method, path) in [(Method::Get, "/"), (Method::Get, "/nosuch"), (Method::Post, CLUSTER), (Method::Get, "/subscriptions/s/nosuch")]
    {
        assert!(matches!(route(method, path, VERSION), Err(ArmError::UnknownRoute { .. })), "{path}");
    }
}

fn calls() -> Vec<(Method, String, Call)> {
    use Method::{Get, Patch, Post, Put};
    vec![
        (Get, "/subscriptions".to_owned(), Call::ListSubscriptions),
        (Get, "/subscriptions/s/".to_owned(), Call::GetSubscription("s".into())),
        (Get, "/tenants".to_owned(), Call::ListTenants),
        (Get, "/Subscriptions/s/Locations".to_owned(), Call::ListLocations("s".into())),
        (Get, "/subscriptions/s/resourcegroups".to_owned(), Call::ListGroups("s".into())),
        (Put, "/subscriptions/s/resourceGroups/lanes".to_owned(), Call::PutGroup(cluster().group)),
        (Get, "/subscriptions/s/resourceGroups/lanes/resources".to_owned(), Call::ListResourcesOf(cluster().group)),
        (Get, "/subscriptions/s/providers/Microsoft.ContainerService".to_owned(), Call::GetProvider("s".into(), PROVIDER.into())),
        (
            Post,
            "/subscriptions/s/providers/Microsoft.Compute/register".to_owned(),
            Call::RegisterProvider("s".into(), "Microsoft.Compute".into()),
        ),
        (Get, "/subscriptions/s/providers/Microsoft.ContainerService/managedClusters".to_owned(), Call::ListClusters("s".into())),
        (Get, CLUSTER.to_owned(), Call::GetCluster(cluster())),
        (Patch, CLUSTER.to_owned(), Call::PatchCluster(cluster())),
        (Post, format!("{CLUSTER}/listClusterAdminCredential"), Call::ListCredentials { cluster: cluster(), admin: true }),
    ]
}

fn calls_of_pools() -> Vec<(Method, String, Call)> {
    use Method::{Delete, Get, Post, Put};
    let pool = || cluster().pool("np1");
    let id = Uid::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let locations = "/subscriptions/s/providers/Microsoft.ContainerService/locations/eastus";
    vec![
        (Get, format!("{CLUSTER}/agentPools"), Call::ListPools(cluster())),
        (Put, format!("{CLUSTER}/AGENTPOOLS/np1"), Call::PutPool(pool())),
        (Delete, format!("{CLUSTER}/agentPools/np1"), Call::DeletePool { pool: pool(), ignore_budgets: false }),
        (Post, format!("{CLUSTER}/agentPools/np1/upgradeNodeImageVersion"), Call::UpgradePoolImage(pool())),
        (Post, format!("{CLUSTER}/agentPools/np1/abort"), Call::AbortPool(pool())),
        (Post, format!("{CLUSTER}/agentPools/np1/deleteMachines"), Call::DeleteMachines(pool())),
        (Get, format!("{CLUSTER}/agentPools/np1/upgradeProfiles/default"), Call::GetPoolUpgrades(pool())),
        (Get, format!("{CLUSTER}/agentPools/np1/machines/m1"), Call::GetMachine(pool(), "m1".into())),
        (Get, format!("{CLUSTER}/availableAgentPoolVersions"), Call::ListPoolVersions(cluster())),
        (Get, format!("{locations}/operations/{id}"), Call::GetOperation("s".into(), id)),
        (Get, format!("{locations}/operationresults/{id}"), Call::GetOperationResult("s".into(), id)),
        (Get, format!("{locations}/kubernetesVersions"), Call::ListKubernetesVersions("s".into(), "eastus".into())),
        (Get, format!("{locations}/orchestrators"), Call::ListOrchestrators("s".into(), "eastus".into())),
    ]
}
