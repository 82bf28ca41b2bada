//! Which call a method and a path are: one closed enum, one table.
//!
//! Fixed segments are compared without regard to case, names are URL-decoded and keep their case. Any api-version is taken, none is not.

use crate::errors::ArmError;
use crate::id::{ClusterId, GroupId, PoolId};
use nodelane_model::{Name, Uid};

/// HTTP's methods, as far as ARM has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the variants are HTTP's words")]
pub enum Method {
    Get,
    Head,
    Put,
    Patch,
    Post,
    Delete,
}

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Subscriptions of the account.
    ListSubscriptions,
    /// One subscription.
    GetSubscription(Name),
    /// Tenants of the account.
    ListTenants,
    /// Regions of a subscription.
    ListLocations(Name),
    /// Resource providers of a subscription.
    ListProviders(Name),
    /// One provider: subscription and namespace.
    GetProvider(Name, Name),
    /// A provider is to be registered; it always is.
    RegisterProvider(Name, Name),
    /// Groups of a subscription.
    ListGroups(Name),
    /// One group.
    GetGroup(GroupId),
    /// Whether there is a group.
    HeadGroup(GroupId),
    /// A group is to be as given.
    PutGroup(GroupId),
    /// A group's tags are to be as given.
    PatchGroup(GroupId),
    /// A group is to go.
    DeleteGroup(GroupId),
    /// Clusters of a subscription.
    ListClusters(Name),
    /// Clusters of a group.
    ListClustersOf(GroupId),
    /// What is in a group, in short: its clusters.
    ListResourcesOf(GroupId),
    /// One cluster.
    GetCluster(ClusterId),
    /// A cluster is to be as given.
    PutCluster(ClusterId),
    /// A cluster's tags are to be as given.
    PatchCluster(ClusterId),
    /// A cluster is to go.
    DeleteCluster(ClusterId),
    /// A cluster is to stop.
    StopCluster(ClusterId),
    /// A cluster is to start.
    StartCluster(ClusterId),
    /// A cluster's operation is to stop.
    AbortCluster(ClusterId),
    /// Credentials; `admin` says which.
    ListCredentials {
        /// The cluster.
        cluster: ClusterId,
        /// Whether the administrator's are asked for.
        admin: bool,
    },
    /// Versions that a cluster may be upgraded to.
    GetClusterUpgrades(ClusterId),
    /// Versions that a pool of a cluster may have.
    ListPoolVersions(ClusterId),
    /// Maintenance configurations of a cluster.
    ListMaintenance(ClusterId),
    /// One maintenance configuration, by its name.
    GetMaintenance(ClusterId, Name),
    /// The windows of a maintenance configuration, to come and gone: not one of AKS's calls.
    ListMaintenanceRuns(ClusterId, Name),
    /// A maintenance configuration is to be as given.
    PutMaintenance(ClusterId, Name),
    /// A maintenance configuration is to go.
    DeleteMaintenance(ClusterId, Name),
    /// Pools of a cluster.
    ListPools(ClusterId),
    /// One pool.
    GetPool(PoolId),
    /// A pool is to be as given.
    PutPool(PoolId),
    /// A pool is to go.
    DeletePool {
        /// The pool.
        pool: PoolId,
        /// Whether budgets are passed over.
        ignore_budgets: bool,
    },
    /// A pool's operation is to stop.
    AbortPool(PoolId),
    /// Named machines are to go; the names are in the body.
    DeleteMachines(PoolId),
    /// A pool's machines get the newest image.
    UpgradePoolImage(PoolId),
    /// Versions that a pool may be upgraded to.
    GetPoolUpgrades(PoolId),
    /// Machines of a pool.
    ListMachines(PoolId),
    /// One machine.
    GetMachine(PoolId, Name),
    /// Kubernetes versions on offer: subscription and region.
    ListKubernetesVersions(Name, Name),
    /// The same, as older clients and Terraform's data source ask for them.
    ListOrchestrators(Name, Name),
    /// The status of an operation.
    GetOperation(Name, Uid),
    /// The result of an operation.
    GetOperationResult(Name, Uid),
    /// Snapshots of a subscription: there are none.
    ListSnapshots(Name),
    /// Snapshots of a group: there are none.
    ListSnapshotsOf(GroupId),
}

impl Call {
    /// The cluster that it is about; `None` where it is about none, or about many.
    pub fn cluster(&self) -> Option<&ClusterId> {
        match self {
            Call::GetCluster(cluster)
            | Call::PutCluster(cluster)
            | Call::PatchCluster(cluster)
            | Call::DeleteCluster(cluster)
            | Call::StopCluster(cluster)
            | Call::StartCluster(cluster)
            | Call::AbortCluster(cluster)
            | Call::ListCredentials { cluster, .. }
            | Call::GetClusterUpgrades(cluster)
            | Call::ListPoolVersions(cluster)
            | Call::ListMaintenance(cluster)
            | Call::GetMaintenance(cluster, _)
            | Call::ListMaintenanceRuns(cluster, _)
            | Call::PutMaintenance(cluster, _)
            | Call::DeleteMaintenance(cluster, _)
            | Call::ListPools(cluster) => Some(cluster),
            Call::GetPool(pool)
            | Call::PutPool(pool)
            | Call::DeletePool { pool, .. }
            | Call::AbortPool(pool)
            | Call::DeleteMachines(pool)
            | Call::UpgradePoolImage(pool)
            | Call::GetPoolUpgrades(pool)
            | Call::ListMachines(pool)
            | Call::GetMachine(pool, _) => Some(&pool.cluster),
            Call::ListSubscriptions
            | Call::GetSubscription(_)
            | Call::ListTenants
            | Call::ListLocations(_)
            | Call::ListProviders(_)
            | Call::GetProvider(..)
            | Call::RegisterProvider(..)
            | Call::ListGroups(_)
            | Call::GetGroup(_)
            | Call::HeadGroup(_)
            | Call::PutGroup(_)
            | Call::PatchGroup(_)
            | Call::DeleteGroup(_)
            | Call::ListClusters(_)
            | Call::ListClustersOf(_)
            | Call::ListResourcesOf(_)
            | Call::ListKubernetesVersions(..)
            | Call::ListOrchestrators(..)
            | Call::GetOperation(..)
            | Call::GetOperationResult(..)
            | Call::ListSnapshots(_)
            | Call::ListSnapshotsOf(_) => None,
        }
    }
}

/// The call that a request is. `query` is what stands behind the question mark.
pub fn route(method: Method, path: &str, query: &str) -> Result<Call, ArmError> {
    if parameter(query, "api-version").is_none_or(|version| version.is_empty()) {
        return Err(ArmError::MissingApiVersion);
    }
    let segments: Vec<Name> = path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect();
    let unknown = || ArmError::UnknownRoute { method, path: path.into() };
    let [first, rest @ ..] = segments.as_slice() else {
        return Err(unknown());
    };
    let call = match (method, rest) {
        (Method::Get, []) if is(first, "tenants") => Some(Call::ListTenants),
        (Method::Get, []) if is(first, "subscriptions") => Some(Call::ListSubscriptions),
        (_, [subscription, rest @ ..]) if is(first, "subscriptions") => of_subscription(method, subscription, rest, query),
        _ => None,
    };
    call.ok_or_else(unknown)
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

const PROVIDER: &str = "Microsoft.ContainerService";

fn of_subscription(method: Method, subscription: &Name, rest: &[Name], query: &str) -> Option<Call> {
    let subscription = || subscription.clone();
    Some(match (method, rest) {
        (Method::Get, []) => Call::GetSubscription(subscription()),
        (Method::Get, [a]) if is(a, "locations") => Call::ListLocations(subscription()),
        (Method::Get, [a]) if is(a, "providers") => Call::ListProviders(subscription()),
        (Method::Get, [a]) if is(a, "resourceGroups") => Call::ListGroups(subscription()),
        (Method::Get, [a, namespace]) if is(a, "providers") => Call::GetProvider(subscription(), namespace.clone()),
        (Method::Post, [a, namespace, b]) if is(a, "providers") && is(b, "register") => {
            Call::RegisterProvider(subscription(), namespace.clone())
        }
        (Method::Get, [a, p, b]) if is(a, "providers") && is(p, PROVIDER) && is(b, "managedClusters") => Call::ListClusters(subscription()),
        (Method::Get, [a, p, b]) if is(a, "providers") && is(p, PROVIDER) && is(b, "snapshots") => Call::ListSnapshots(subscription()),
        (Method::Get, [a, p, b, location, c])
            if is(a, "providers") && is(p, PROVIDER) && is(b, "locations") && is(c, "kubernetesVersions") =>
        {
            Call::ListKubernetesVersions(subscription(), location.clone())
        }
        (Method::Get, [a, p, b, location, c]) if is(a, "providers") && is(p, PROVIDER) && is(b, "locations") && is(c, "orchestrators") => {
            Call::ListOrchestrators(subscription(), location.clone())
        }
        (Method::Get, [a, p, b, _, c, id]) if is(a, "providers") && is(p, PROVIDER) && is(b, "locations") => match Uid::parse(id) {
            Some(id) if is(c, "operations") => Call::GetOperation(subscription(), id),
            Some(id) if is(c, "operationresults") => Call::GetOperationResult(subscription(), id),
            _ => return None,
        },
        (_, [a, group, rest @ ..]) if is(a, "resourceGroups") => {
            return of_group(method, GroupId { subscription: subscription(), group: group.clone() }, rest, query);
        }
        _ => return None,
    })
}

fn of_group(method: Method, group: GroupId, rest: &[Name], query: &str) -> Option<Call> {
    Some(match (method, rest) {
        (Method::Get, []) => Call::GetGroup(group),
        (Method::Head, []) => Call::HeadGroup(group),
        (Method::Put, []) => Call::PutGroup(group),
        (Method::Patch, []) => Call::PatchGroup(group),
        (Method::Delete, []) => Call::DeleteGroup(group),
        (Method::Get, [a]) if is(a, "resources") => Call::ListResourcesOf(group),
        (Method::Get, [a, p, b]) if is(a, "providers") && is(p, PROVIDER) && is(b, "managedClusters") => Call::ListClustersOf(group),
        (Method::Get, [a, p, b]) if is(a, "providers") && is(p, PROVIDER) && is(b, "snapshots") => Call::ListSnapshotsOf(group),
        (_, [a, p, b, cluster, rest @ ..]) if is(a, "providers") && is(p, PROVIDER) && is(b, "managedClusters") => {
            return of_cluster(method, ClusterId { group, cluster: cluster.clone() }, rest, query);
        }
        _ => return None,
    })
}

fn of_cluster(method: Method, cluster: ClusterId, rest: &[Name], query: &str) -> Option<Call> {
    Some(match (method, rest) {
        (Method::Get, []) => Call::GetCluster(cluster),
        (Method::Put, []) => Call::PutCluster(cluster),
        (Method::Patch, []) => Call::PatchCluster(cluster),
        (Method::Delete, []) => Call::DeleteCluster(cluster),
        (Method::Post, [a]) if is(a, "stop") => Call::StopCluster(cluster),
        (Method::Post, [a]) if is(a, "start") => Call::StartCluster(cluster),
        (Method::Post, [a]) if is(a, "abort") => Call::AbortCluster(cluster),
        (Method::Post, [a]) if is(a, "listClusterUserCredential") => Call::ListCredentials { cluster, admin: false },
        (Method::Post, [a]) if is(a, "listClusterAdminCredential") => Call::ListCredentials { cluster, admin: true },
        (Method::Get, [a, b]) if is(a, "upgradeProfiles") && is(b, "default") => Call::GetClusterUpgrades(cluster),
        (Method::Get, [a]) if is(a, "availableAgentPoolVersions") => Call::ListPoolVersions(cluster),
        (Method::Get, [a]) if is(a, "maintenanceConfigurations") => Call::ListMaintenance(cluster),
        (Method::Get, [a, name]) if is(a, "maintenanceConfigurations") => Call::GetMaintenance(cluster, name.clone()),
        (Method::Get, [a, name, b]) if is(a, "maintenanceConfigurations") && is(b, "runs") => {
            Call::ListMaintenanceRuns(cluster, name.clone())
        }
        (Method::Put, [a, name]) if is(a, "maintenanceConfigurations") => Call::PutMaintenance(cluster, name.clone()),
        (Method::Delete, [a, name]) if is(a, "maintenanceConfigurations") => Call::DeleteMaintenance(cluster, name.clone()),
        (Method::Get, [a]) if is(a, "agentPools") => Call::ListPools(cluster),
        (_, [a, pool, rest @ ..]) if is(a, "agentPools") => {
            return of_pool(method, cluster.pool(pool.clone()), rest, query);
        }
        _ => return None,
    })
}

fn of_pool(method: Method, pool: PoolId, rest: &[Name], query: &str) -> Option<Call> {
    Some(match (method, rest) {
        (Method::Get, []) => Call::GetPool(pool),
        (Method::Put, []) => Call::PutPool(pool),
        (Method::Delete, []) => {
            let ignore_budgets = parameter(query, "ignore-pod-disruption-budget").is_some_and(|value| is(&value, "true"));
            Call::DeletePool { pool, ignore_budgets }
        }
        (Method::Post, [a]) if is(a, "abort") => Call::AbortPool(pool),
        (Method::Post, [a]) if is(a, "deleteMachines") => Call::DeleteMachines(pool),
        (Method::Post, [a]) if is(a, "upgradeNodeImageVersion") => Call::UpgradePoolImage(pool),
        (Method::Get, [a, b]) if is(a, "upgradeProfiles") && is(b, "default") => Call::GetPoolUpgrades(pool),
        (Method::Get, [a]) if is(a, "machines") => Call::ListMachines(pool),
        (Method::Get, [a, machine]) if is(a, "machines") => Call::GetMachine(pool, machine.clone()),
        _ => return None,
    })
}

/// The value of a query parameter, its name without regard to case.
fn parameter(query: &str, name: &str) -> Option<Name> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| is(&decoded(key), name)).map(|(_, value)| decoded(value))
}

/// A text with its `%XX` read; one that is not UTF-8 then stays as it is.
fn decoded(text: &str) -> Name {
    percent_encoding::percent_decode_str(text).decode_utf8().map_or_else(|_| text.into(), Name::from)
}

#[cfg(test)]
mod tests;
