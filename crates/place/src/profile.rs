//! Everything that placing looks at in a pod, once for all pods that are alike.
//!
//! A profile is a world's pod class with what the class lacks: the owner, whose selector spreads the pods by default, and the resolved
//! priority. Pods whose specifications are equal in what scheduling reads share a profile even where they were written one by one.

use crate::config::Config;
use nodelane_model::hash::Hash;
use nodelane_model::pod::{Affinity, NodeAffinity, PodAffinity, PodSpec, PodTerm, PreferredPod};
use nodelane_model::{Doc, Key, Kind, Labels, Name};
use nodelane_world::{Amounts, PodClass};
use std::sync::Arc;

/// Everything that placing looks at in a pod.
#[derive(Debug)]
pub(crate) struct Profile {
    pub class: Arc<PodClass>,
    /// The replica set or stateful set that controls it.
    pub owner: Option<Key>,
    /// The node that the pod itself names.
    pub node: Option<Name>,
    /// CPU in milli-cores and memory in bytes that scoring assumes for it. Unlike what scoring charges a node for a bound pod, this
    /// leaves pod-level amounts out: the scorer of kube-scheduler's NodeResourcesFit does not read them.
    pub scoring_cpu_milli: i64,
    pub scoring_memory_bytes: i64,
    /// What the filter of NodeResourcesFit asks for: the class's needs without the resources that it ignores.
    pub fit_needs: Amounts,
    /// What scoring assumes of resources other than CPU and memory.
    pub scoring_needs: Amounts,
    /// How its pods are placed.
    pub config: Arc<Config>,
}

impl Profile {
    pub fn new(class: Arc<PodClass>, owner: Option<Key>, node: Option<Name>, config: Arc<Config>) -> Profile {
        let ((scoring_cpu_milli, scoring_memory_bytes), scoring_needs) = match class.spec.resources {
            None => ((class.scoring_cpu_milli, class.scoring_memory_bytes), class.needs.clone()),
            Some(_) => {
                let spec = PodSpec { resources: None, ..(*class.spec).clone() };
                (Amounts::for_scoring(&spec), Amounts::of_pod(&spec))
            }
        };
        let mut fit_needs = class.needs.clone();
        fit_needs.extended.retain(|name, _| !config.ignores(name));
        Profile { class, owner, node, scoring_cpu_milli, scoring_memory_bytes, fit_needs, scoring_needs, config }
    }
    pub fn spec(&self) -> &PodSpec {
        &self.class.spec
    }
    pub fn labels(&self) -> &Labels {
        &self.class.labels
    }
    pub fn namespace(&self) -> &Name {
        &self.class.namespace
    }
    pub fn priority(&self) -> i32 {
        self.spec().priority.unwrap_or(0)
    }
    pub fn node_affinity(&self) -> Option<&NodeAffinity> {
        self.affinity()?.node_affinity.as_ref()
    }
    fn affinity(&self) -> Option<&Affinity> {
        self.spec().affinity.as_ref()
    }
    fn near(&self) -> Option<&PodAffinity> {
        self.affinity()?.pod_affinity.as_ref()
    }
    fn away(&self) -> Option<&PodAffinity> {
        self.affinity()?.pod_anti_affinity.as_ref()
    }
    pub fn required_near(&self) -> &[PodTerm] {
        self.near().map_or(&[], |near| &near.required)
    }
    pub fn required_away(&self) -> &[PodTerm] {
        self.away().map_or(&[], |away| &away.required)
    }
    pub fn preferred_near(&self) -> &[PreferredPod] {
        self.near().map_or(&[], |near| &near.preferred)
    }
    pub fn preferred_away(&self) -> &[PreferredPod] {
        self.away().map_or(&[], |away| &away.preferred)
    }
    /// Whether it has terms about other pods.
    pub fn is_affine(&self) -> bool {
        self.near().is_some() || self.away().is_some()
    }
    /// Whether it claims devices (dynamic resource allocation).
    pub fn claims_devices(&self) -> bool {
        self.spec().rest.get("resourceClaims").and_then(|claims| claims.as_array()).is_some_and(|claims| !claims.is_empty())
    }
    /// A hash under which profiles that are alike meet.
    pub fn hash(&self) -> u64 {
        let needs = &self.class.needs;
        let mut hash = Hash::new(0).text(self.namespace()).number(needs.cpu_milli as u64).number(needs.memory_bytes as u64);
        for (key, value) in self.labels().iter() {
            hash = hash.text(key).text(value);
        }
        for claim in &self.class.claims {
            hash = hash.text(&claim.key.name);
        }
        hash.get()
    }
    /// Whether placing cannot tell the two apart.
    pub fn is_like(&self, other: &Profile) -> bool {
        let (a, b) = (self.spec(), other.spec());
        self.namespace() == other.namespace()
            && self.labels() == other.labels()
            && self.owner == other.owner
            && self.node == other.node
            && self.class.needs == other.class.needs
            && self.class.ports == other.class.ports
            && (self.class.scoring_cpu_milli, self.class.scoring_memory_bytes)
                == (other.class.scoring_cpu_milli, other.class.scoring_memory_bytes)
            && (self.scoring_cpu_milli, self.scoring_memory_bytes) == (other.scoring_cpu_milli, other.scoring_memory_bytes)
            && a.node_selector == b.node_selector
            && a.affinity == b.affinity
            && a.tolerations == b.tolerations
            && a.topology_spread_constraints == b.topology_spread_constraints
            && self.priority() == other.priority()
            && a.preemption_policy == b.preemption_policy
            && (&self.class.claims, &self.class.disks, &self.class.only) == (&other.class.claims, &other.class.disks, &other.class.only)
            && self.claims_devices() == other.claims_devices()
            && a.containers.iter().map(|c| &c.image).eq(b.containers.iter().map(|c| &c.image))
            && a.init_containers.iter().map(|c| &c.image).eq(b.init_containers.iter().map(|c| &c.image))
    }
}

/// The controller of a pod whose selector spreads it by default.
pub(crate) fn owner_of(doc: &Doc) -> Option<Key> {
    let owner = doc.meta.controller()?;
    let kind = owner.known_kind().filter(|kind| matches!(kind, Kind::ReplicaSet | Kind::StatefulSet))?;
    (owner.api_version == kind.api_version()).then(|| Key::new(kind, doc.key.namespace.clone(), owner.name.clone()))
}
