//! Addresses that are handed out: one of the node network a node, one of its own /24 of the pod network a pod.
//!
//! What the documents hold is kept over restarts; the lowest that is free comes next.

use nodelane_model::{Doc, Key, Name};
use std::collections::{BTreeMap, BTreeSet};

/// Addresses handed out: one of the node network a node, one of its own /24 of the pod network a pod.
#[derive(Default)]
pub struct Addresses {
    pub nodes: BTreeMap<Name, u32>,
    pub taken: BTreeSet<u32>,
    pub pods: BTreeMap<(Name, u8), Key>,
}

impl Addresses {
    /// The index of a node, handed out once and kept while its machine lives.
    pub fn node(&mut self, name: &Name) -> u32 {
        if let Some(index) = self.nodes.get(name) {
            return *index;
        }
        let index = (0..).find(|index| !self.taken.contains(index)).unwrap_or(0);
        self.taken.insert(index);
        self.nodes.insert(name.clone(), index);
        index
    }
    /// The address that a pod has already.
    pub fn keep(&mut self, doc: &Doc) {
        let Some(pod) = doc.as_pod().filter(|pod| !pod.spec.host_network) else { return };
        if let Some((node, host)) = pod.node.clone().zip(host_of(&pod.status.pod_ip)) {
            self.pods.insert((node, host), doc.key.clone());
        }
    }
    pub fn forget(&mut self, name: &Name) {
        if let Some(index) = self.nodes.remove(name) {
            self.taken.remove(&index);
        }
    }
    /// The last part of a pod's address on its node.
    pub fn pod(&mut self, node: &Name, key: &Key) -> u8 {
        let free = (4..=254).find(|host| !self.pods.contains_key(&(node.clone(), *host))).unwrap_or(254);
        self.pods.insert((node.clone(), free), key.clone());
        free
    }
    pub fn release(&mut self, doc: &Doc) {
        let Some(pod) = doc.as_pod() else { return };
        if let Some((node, host)) = pod.node.clone().zip(host_of(&pod.status.pod_ip))
            && self.pods.get(&(node.clone(), host)) == Some(&doc.key)
        {
            self.pods.remove(&(node, host));
        }
    }
}

/// The last part of an address.
fn host_of(address: &str) -> Option<u8> {
    address.rsplit('.').next().and_then(|host| host.parse().ok())
}
