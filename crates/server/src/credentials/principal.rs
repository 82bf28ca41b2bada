//! The caller of a request, as far as authentication knows it.
//!
//! Names and groups are those of Kubernetes, where a user is a name with groups and nothing else.

use crate::config::Installation;

/// Every authenticated caller is in this group.
const AUTHENTICATED: &str = "system:authenticated";

/// What kind of caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person with a kubeconfig.
    User,
    /// An application in the tenant: az, Terraform, an SDK.
    ServicePrincipal,
    /// The kubelet of the node with this name.
    Node(String),
    /// Nobody: only on health and version routes.
    Anonymous,
}

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name, as audit records and `kubectl auth whoami` show it.
    pub name: String,
    /// The kind.
    pub kind: PrincipalKind,
    /// Groups, in the sense of Kubernetes.
    pub groups: Vec<String>,
}

impl Principal {
    /// The one service principal; its name is its object id, as in ARM's activity log.
    pub fn service_principal(installation: &Installation) -> Self {
        Self::new(installation.object_id.clone(), PrincipalKind::ServicePrincipal, &[AUTHENTICATED])
    }

    /// The administrator of a cluster, under the name that AKS gives to its local account.
    pub fn cluster_admin() -> Self {
        Self::new("masterclient".to_owned(), PrincipalKind::User, &["system:masters", AUTHENTICATED])
    }

    /// A node's kubelet.
    pub fn node(name: &str) -> Self {
        let kind = PrincipalKind::Node(name.to_owned());
        Self::new(format!("system:node:{name}"), kind, &["system:nodes", AUTHENTICATED])
    }

    /// A caller without credentials, where that is allowed.
    pub fn anonymous() -> Self {
        Self::new("system:anonymous".to_owned(), PrincipalKind::Anonymous, &["system:unauthenticated"])
    }

    fn new(name: String, kind: PrincipalKind, groups: &[&str]) -> Self {
        Self { name, kind, groups: groups.iter().map(|&group| group.to_owned()).collect() }
    }
}
