//! ARM over HTTP: routes to calls, calls to changes, documents to answers, and the headers of long-running operations.
//!
//! Reading is done on published worlds. A PUT is merged with the pool as it is published and carries its revision; where the pool has
//! moved since, it is merged again. Nothing is decided here: shapes are the room `arm`'s, rules the engine's.

mod account;
mod answer;
mod cluster;
mod directory;
mod fault;
mod maintenance;
mod operation;
mod own;
mod pool;
mod throttle;

pub use answer::Answer;
pub use directory::Directory;

use bytes::Bytes;
use http::{HeaderMap, Method};
use nodelane_arm::{ArmError, Call, ClusterId, route};
use nodelane_catalog::Catalog;
use nodelane_control::Door;
use nodelane_model::{Key, Kind, Origin};
use std::sync::Arc;

/// One request that has passed the edge.
#[derive(Debug)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The path, as sent.
    pub path: String,
    /// The query, as sent.
    pub query: String,
    /// Headers, without credentials.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Whether the body is nested deeper than the server takes.
    pub too_deep: bool,
    /// Who asks.
    pub origin: Origin,
    /// Scheme, host and port by which the client reached us.
    pub base: String,
}

impl Request {
    /// A header as text; empty where it is absent.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
    /// The conditions on the eTag.
    fn etag(&self) -> Result<nodelane_model::change::EtagConditions> {
        let header = |name| Some(self.header(name)).filter(|text| !text.is_empty());
        nodelane_arm::conditions(header("if-match"), header("if-none-match"))
    }
    /// A parameter of the query, as sent.
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
    /// How many entries of a list were sent before.
    fn skip(&self) -> usize {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let token = pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case("%24skiptoken") || key.eq_ignore_ascii_case("$skiptoken"));
        token.and_then(|(_, skip)| skip.parse().ok()).unwrap_or(0)
    }
    /// The link to the rest of a list.
    fn next_link(&self, skip: usize) -> String {
        let kept: Vec<&str> = self.query.split('&').filter(|pair| !pair.to_lowercase().contains("skiptoken")).collect();
        format!("{}{}?{}&%24skipToken={skip}", self.base, self.path, kept.join("&"))
    }
}

/// The ARM API of one account.
#[derive(Clone)]
pub struct Arm {
    directory: Arc<dyn Directory>,
    catalog: Catalog,
    tenant: Arc<str>,
    throttle: Arc<throttle::Throttle>,
    /// Whether AKS's own limits on calls are always in force.
    limited: bool,
    faults: Arc<fault::Counters>,
}

type Result<T> = std::result::Result<T, ArmError>;

impl Arm {
    /// The API over a directory of cells; `limited` puts AKS's own limits on calls in force (aks-semantics X-2).
    pub fn new(directory: Arc<dyn Directory>, tenant: &str, limited: bool) -> Arm {
        Arm { directory, catalog: Catalog::default(), tenant: tenant.into(), throttle: Arc::default(), limited, faults: Arc::default() }
    }

    /// Answers one request.
    pub async fn handle(&self, mut request: Request) -> Answer {
        request.origin.api_version = request.parameter("api-version").unwrap_or_default().into();
        let answer = match self.dispatch(&request).await {
            Ok(answer) => answer,
            Err(error) => Answer::error(&error),
        };
        answer.with_ids(&request)
    }

    async fn dispatch(&self, request: &Request) -> Result<Answer> {
        if request.too_deep {
            return Err(ArmError::NotJson("it is nested too deeply".into()));
        }
        if let Some(answer) = own::answer(self, request).await? {
            return Ok(answer);
        }
        let method = match request.method {
            Method::GET => nodelane_arm::Method::Get,
            Method::HEAD => nodelane_arm::Method::Head,
            Method::PUT => nodelane_arm::Method::Put,
            Method::PATCH => nodelane_arm::Method::Patch,
            Method::POST => nodelane_arm::Method::Post,
            Method::DELETE => nodelane_arm::Method::Delete,
            _ => return Err(ArmError::UnknownRoute { method: nodelane_arm::Method::Get, path: request.path.as_str().into() }),
        };
        let call = route(method, &request.path, &request.query)?;
        self.limit(&call).await?;
        match call {
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
            | Call::ListKubernetesVersions(..)
            | Call::ListOrchestrators(..)
            | Call::ListSnapshots(_)
            | Call::ListSnapshotsOf(_) => account::answer(self, request, call).await,
            Call::GetOperation(..) | Call::GetOperationResult(..) => operation::answer(self, request, call),
            Call::ListClusters(_)
            | Call::ListClustersOf(_)
            | Call::ListResourcesOf(_)
            | Call::GetCluster(_)
            | Call::PutCluster(_)
            | Call::PatchCluster(_)
            | Call::DeleteCluster(_)
            | Call::StopCluster(_)
            | Call::StartCluster(_)
            | Call::AbortCluster(_)
            | Call::ListCredentials { .. }
            | Call::GetClusterUpgrades(_)
            | Call::ListPoolVersions(_) => cluster::answer(self, request, call).await,
            Call::ListMaintenance(_)
            | Call::ListMaintenanceRuns(..)
            | Call::GetMaintenance(..)
            | Call::PutMaintenance(..)
            | Call::DeleteMaintenance(..) => maintenance::answer(self, request, call).await,
            Call::ListPools(_)
            | Call::GetPool(_)
            | Call::PutPool(_)
            | Call::DeletePool { .. }
            | Call::AbortPool(_)
            | Call::DeleteMachines(_)
            | Call::UpgradePoolImage(_)
            | Call::GetPoolUpgrades(_)
            | Call::ListMachines(_)
            | Call::GetMachine(..) => pool::answer(self, request, call).await,
        }
    }

    /// Refuses a call that comes too often: one that a fault of its cluster hits, and one over AKS's limits where they are in force.
    async fn limit(&self, call: &Call) -> Result<()> {
        let are_in_force = |door: &Arc<dyn Door>| fault::limits(&door.world(), door.now());
        let limited = match call.cluster() {
            Some(id) => match self.directory.cluster(id) {
                Some(door) => {
                    self.faults.strike(&*door).await?;
                    are_in_force(&door)
                }
                None => false,
            },
            None => self.directory.clusters().iter().any(|(_, door)| are_in_force(door)),
        };
        if self.limited || limited { self.throttle.take(call, self.directory.account().now()) } else { Ok(()) }
    }

    /// A cluster's cell, where the cluster exists.
    fn door(&self, id: &ClusterId) -> Option<Arc<dyn Door>> {
        let door = self.directory.cluster(id)?;
        let exists = door.world().cluster().is_some_and(|cluster| cluster.state.gone.is_none());
        exists.then_some(door)
    }

    /// Whether the account has the subscription; and the group, where one is named.
    fn check_group(&self, subscription: &str, group: Option<&nodelane_arm::GroupId>) -> Result<()> {
        let world = self.directory.account().world();
        if world.get(&Key::global(Kind::Subscription, subscription.to_lowercase())).is_none() {
            return Err(ArmError::SubscriptionNotFound(subscription.into()));
        }
        match group {
            Some(group) if world.get(&account::group_key(group)).is_none() => Err(ArmError::GroupNotFound(group.clone())),
            _ => Ok(()),
        }
    }
}
