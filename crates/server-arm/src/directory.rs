//! Where the ARM rooms find cells: the account's, and one a cluster.
//!
//! A seam: the live process opens files and listeners behind it, a test may hold cells in memory.
//! Not here: anything about HTTP.

use nodelane_arm::ClusterId;
use nodelane_control::{Door, Later};
use std::sync::Arc;

/// The cells of an account.
pub trait Directory: Send + Sync + 'static {
    /// The account's own cell: subscriptions, groups, which clusters exist.
    fn account(&self) -> Arc<dyn Door>;
    /// A cluster's cell; names in any case.
    fn cluster(&self, id: &ClusterId) -> Option<Arc<dyn Door>>;
    /// Every cluster's cell, in order of id.
    fn clusters(&self) -> Vec<(ClusterId, Arc<dyn Door>)>;
    /// Opens a cell for a new cluster, after an entry in the account is durable; gives the one that is open where there is one.
    fn open(&self, id: &ClusterId) -> Later<Result<Arc<dyn Door>, String>>;
    /// Tells a cluster's cell what the account says now: quotas, what other clusters use, policy.
    fn refresh(&self, id: &ClusterId);
    /// Host and port of a cluster's Kubernetes API.
    fn address(&self, id: &ClusterId) -> Option<String>;
    /// What kubectl needs to reach a cluster, as a kubeconfig.
    fn kubeconfig(&self, id: &ClusterId) -> Option<String>;
}
