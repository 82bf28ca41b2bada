//! Pod classes: everything that scheduling looks at in a pod, once per distinct pod.
//!
//! Pods of one template share their specification and labels, and so their class: fifty thousand pods of a hundred templates are a
//! hundred verdicts. A class is found by the identity of the shared parts, which it keeps alive. Class ids are handed out in the
//! order of commits; they name caches and decide nothing.

use crate::room::{Amounts, HostPort};
use crate::volume::{self, ClaimUse, Disk, EphemeralOwner, VolumeUse};
use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Labels, Name};
use std::sync::Arc;

/// Names a class within a world and its forks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClassId(pub u32);

/// Everything that scheduling looks at in a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodClass {
    /// Its id.
    pub id: ClassId,
    /// Namespace of its pods.
    pub namespace: Name,
    /// Labels of its pods.
    pub labels: Labels,
    /// Specification of its pods.
    pub spec: Arc<PodSpec>,
    /// What a pod takes of a node.
    pub needs: Amounts,
    /// CPU in milli-cores that scoring assumes.
    pub scoring_cpu_milli: i64,
    /// Memory in bytes that scoring assumes.
    pub scoring_memory_bytes: i64,
    /// Ports of the node that a pod takes.
    pub ports: Vec<HostPort>,
    /// Claims of its volumes, in order.
    pub claims: Vec<ClaimUse>,
    /// Disks that its volumes name without a claim, in order.
    pub disks: Vec<Disk>,
    /// The one pod of this class, where it has generic ephemeral volumes.
    pub only: Option<EphemeralOwner>,
}

/// What makes a class: the addresses of its shared parts, which the class keeps from being reused, the namespace, and the name of a pod
/// with claims of its own.
pub(crate) type ClassKey = (usize, usize, Name, Name);

impl PodClass {
    pub(crate) fn key(doc: &Doc) -> Option<ClassKey> {
        let pod = doc.as_pod()?;
        let only = EphemeralOwner::of(doc).map(|only| only.name).unwrap_or_default();
        Some((Arc::as_ptr(&pod.spec) as usize, Arc::as_ptr(&doc.meta.labels) as usize, doc.key.namespace.clone(), only))
    }
    pub(crate) fn of(doc: &Doc, id: ClassId) -> Option<PodClass> {
        let spec = doc.as_pod()?.spec.clone();
        let only = EphemeralOwner::of(doc);
        let (scoring_cpu_milli, scoring_memory_bytes) = Amounts::for_scoring(&spec);
        Some(PodClass {
            id,
            namespace: doc.key.namespace.clone(),
            labels: doc.meta.labels.clone(),
            needs: Amounts::of_pod(&spec),
            scoring_cpu_milli,
            scoring_memory_bytes,
            ports: HostPort::of_pod(&spec),
            claims: volume::claims_of(&spec, &doc.key.namespace, only.as_ref()),
            disks: volume::disks_of(&spec),
            only,
            spec,
        })
    }
    /// What its pods use of a node's volumes.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = VolumeUse> {
        let claims = self.claims.iter().map(|claim| VolumeUse::Claim(claim.key.clone()));
        claims.chain(self.disks.iter().cloned().map(VolumeUse::Disk))
    }
}
