//! Identities of resources, and how their ids are written.
//!
//! Names keep the case in which they came; whoever looks something up compares without regard to it where ARM does (everything but
//! pools and machines).

use nodelane_model::Name;
use std::fmt;

/// A resource group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupId {
    /// Its subscription.
    pub subscription: Name,
    /// Its name.
    pub group: Name,
}

/// A managed cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterId {
    /// Its group.
    pub group: GroupId,
    /// Its name.
    pub cluster: Name,
}

/// An agent pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolId {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub pool: Name,
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/subscriptions/{}/resourceGroups/{}", self.subscription, self.group)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/providers/Microsoft.ContainerService/managedClusters/{}", self.group, self.cluster)
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/agentPools/{}", self.cluster, self.pool)
    }
}

impl ClusterId {
    /// A pool of this cluster.
    pub fn pool(&self, pool: impl Into<Name>) -> PoolId {
        PoolId { cluster: self.clone(), pool: pool.into() }
    }
    /// The id of a stored cluster, as it was last written.
    pub fn of(spec: &nodelane_model::cluster::ClusterSpec) -> ClusterId {
        let group = GroupId { subscription: spec.subscription.clone(), group: spec.resource_group.clone() };
        ClusterId { group, cluster: spec.name.clone() }
    }
}
