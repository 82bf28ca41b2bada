//! How a session goes on in another world, from what differs between the two.
//!
//! Rows that are not the same value are found by what the worlds do not share. A node with other pods has those read again; a node that
//! changed in what placing reads has its pods taken off the counters, is told of, and has them put on again, so that whoever reads the log
//! counts each pod off where it was counted. A node that has other labels has other domains, and gets another number.

use crate::filter::volumes::csi_node;
use crate::session::{Fate, Session};
use nodelane_model::node::{Image, Taint};
use nodelane_model::{Doc, Key, Name};
use nodelane_world::{NodeRow, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Specifications kept, at most: some 2 KiB each, 130 MiB at worst.
const KNOWN_LIMIT: usize = 65_536;

/// What is left of what was worked out in a session that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// All of it, once it has caught up with the log.
    Boards,
    /// Nothing: what pods are judged by has changed.
    Rows,
}

impl Session {
    /// Goes on in another world. `None` where so much differs that a new session costs less; this one is of no use then.
    pub fn follow(&mut self, world: &World) -> Option<Kept> {
        let spare = |all: usize| all > self.roster.len() + self.roster.len() / 4 + 64;
        let is_full = self.by_address.len() > KNOWN_LIMIT || spare(self.roster.numbers()) || spare(self.images.lists.len());
        if is_full || !self.has_read_pods {
            return None;
        }
        let before = std::mem::replace(&mut self.world, world.clone());
        for (changed, (old, new)) in world.nodes_since(&before).enumerate() {
            if changed > self.roster.len() / 4 + 1 {
                return None;
            }
            self.follow_node(&before, world, old, new);
        }
        if !self.nominees.is_empty() || !world.nominated.is_empty() {
            self.forget_nominees();
            self.read_nominees();
        }
        self.forget_old_news();
        self.budgets = None;
        let same = before.rules_epoch == world.rules_epoch;
        Some(if same { Kept::Boards } else { Kept::Rows })
    }
    fn follow_node(&mut self, before: &World, world: &World, old: Option<&Arc<NodeRow>>, new: Option<&Arc<NodeRow>>) {
        let known = old.and_then(|old| self.roster.find(&old.doc.key.name));
        match (known.zip(old), new) {
            (Some((node, old)), Some(new)) if are_alike(before, world, old, new) => {
                self.follow_pods(before, world, node, &new.doc.key.name);
                self.rows[node as usize] = (**new).clone();
            }
            (Some((node, old)), Some(new)) if old.doc.meta.labels == new.doc.meta.labels => {
                self.take_all(before, node);
                self.images.remove(node);
                self.come(world, node, new);
            }
            (known, new) => {
                if let Some((node, _)) = known {
                    self.leave(before, node);
                }
                if let Some(new) = new {
                    let node = self.number(new);
                    self.come(world, node, new);
                }
            }
        }
    }
    /// A number for a node that comes: the one that it had with the same labels, else a new one.
    fn number(&mut self, row: &Arc<NodeRow>) -> u32 {
        let name = &row.doc.key.name;
        let had = self.roster.named(name).find(|node| self.rows[*node as usize].doc.meta.labels == row.doc.meta.labels);
        let node = had.unwrap_or_else(|| {
            self.rows.push((**row).clone());
            self.lowest_priority.push(i32::MAX);
            self.topologies.add(row);
            self.roster.add(name.clone())
        });
        self.roster.set(node, true);
        self.topologies.count(node, true);
        node
    }
    /// Reads a node that is there, and puts its pods on.
    fn come(&mut self, world: &World, node: u32, row: &Arc<NodeRow>) {
        self.rows[node as usize] = (**row).clone();
        self.images.add(node, row);
        self.csi_nodes.set(node, csi_node(world, &row.doc.key.name).cloned());
        self.tell_of_node(node);
        for doc in world.pods_on(&row.doc.key.name) {
            self.replace(node, None, Some(doc));
        }
    }
    fn leave(&mut self, before: &World, node: u32) {
        self.take_all(before, node);
        self.images.remove(node);
        self.roster.set(node, false);
        self.topologies.count(node, false);
        self.tell_of_node(node);
    }
    /// Takes all pods off a node.
    fn take_all(&mut self, before: &World, node: u32) {
        let name = self.name(node).clone();
        for doc in before.pods_on(&name) {
            self.replace(node, Some(doc), None);
        }
        self.lowest_priority[node as usize] = i32::MAX;
    }
    fn follow_pods(&mut self, before: &World, world: &World, node: u32, name: &Name) {
        let mut was: BTreeMap<&Key, &Arc<Doc>> = before.pods_on(name).map(|doc| (&doc.key, doc)).collect();
        for doc in world.pods_on(name) {
            match was.remove(&doc.key) {
                Some(old) if Arc::ptr_eq(old, doc) => {}
                old => self.replace(node, old, Some(doc)),
            }
        }
        was.into_values().for_each(|old| self.replace(node, Some(old), None));
    }
    fn replace(&mut self, node: u32, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let mut stands = |doc: Option<&Arc<Doc>>| {
            let doc = doc.filter(|doc| doc.as_pod().is_some_and(|pod| !pod.status.is_terminal()))?;
            Some((self.profile(doc, false)?, doc.is_terminating()))
        };
        let (old, new) = (stands(old), stands(new));
        if old == new {
            return;
        }
        if let Some((profile, leaving)) = old {
            self.take(profile, node, if leaving { Fate::Gone } else { Fate::Left });
        }
        if let Some((profile, leaving)) = new {
            self.place(profile, node, leaving);
            self.tell(profile, node, Fate::Bound);
            if leaving {
                self.tell(profile, node, Fate::Terminating);
            }
        }
    }
    fn forget_nominees(&mut self) {
        for (node, nominees) in std::mem::take(&mut self.nominees) {
            nominees.into_iter().for_each(|nominee| self.tell(nominee.profile, node, Fate::Nominated));
        }
    }
}

/// Whether two rows of one node differ in their pods alone, as far as placing can tell.
fn are_alike(before: &World, world: &World, old: &NodeRow, new: &NodeRow) -> bool {
    let name = &new.doc.key.name;
    let csi_nodes = [before, world].map(|world| csi_node(world, name));
    let same_drivers = match csi_nodes {
        [Some(old), Some(new)] => Arc::ptr_eq(old, new),
        [old, new] => old.is_none() && new.is_none(),
    };
    same_drivers
        && (Arc::ptr_eq(&old.doc, &new.doc)
            || (old.doc.meta.labels == new.doc.meta.labels && read_of(&old.doc) == read_of(&new.doc) && old.allocatable == new.allocatable))
}

/// What placing reads of a node beside its labels and what it has.
fn read_of(doc: &Doc) -> Option<(bool, &[Taint], *const Vec<Image>)> {
    doc.as_node().map(|node| (node.spec.unschedulable, &node.spec.taints[..], Arc::as_ptr(&node.status.images)))
}
