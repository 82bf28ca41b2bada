//! VolumeRestrictions, NodeVolumeLimits, VolumeBinding and VolumeZone: what a pod's volumes ask of a node.
//!
//! What claims and volumes say holds for a run, or until a claim of the run is given a node; it is worked out once per node and profile.
//! Disks and limits go by what the row counts, the exclusive use of a claim by a counter, so pods are thought away from all three as
//! from any other. Not here: `CSIStorageCapacity` (no driver of AKS publishes it), `VolumeAttachment` (none is stored).

mod binding;
mod claims;
mod in_tree;
mod limits;
mod zone;

pub(crate) use binding::{Places, reserve};
pub(crate) use claims::refused_before;

use crate::profile::Profile;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::tally::{CounterId, Moves, Tally};
use crate::topology::{By, Counter};
use limits::Attachment;
use nodelane_model::{Doc, Name};
use nodelane_world::{Disk, NodeRow, VolumeUse, World};
use std::cell::OnceCell;
use std::sync::Arc;

/// The `CSINode` by node, looked up by the first pod that needs them.
#[derive(Debug, Default)]
pub(crate) struct CsiNodes(OnceCell<Vec<Option<Arc<Doc>>>>);

/// The `CSINode` of a node.
pub(crate) fn csi_node<'a>(world: &'a World, node: &Name) -> Option<&'a Arc<Doc>> {
    world.get(&limits::csi_node_key(node))
}

impl CsiNodes {
    fn get<'a>(&'a self, session: &Session, node: u32) -> Option<&'a Arc<Doc>> {
        let find = |row: &NodeRow| csi_node(&session.world, &row.doc.key.name).cloned();
        self.0.get_or_init(|| session.rows.iter().map(find).collect())[node as usize].as_ref()
    }
    /// Takes up that of a node, which may be the next by number.
    pub fn set(&mut self, node: u32, csi_node: Option<Arc<Doc>>) {
        if let Some(known) = self.0.get_mut() {
            known.resize(known.len().max(node as usize + 1), None);
            known[node as usize] = csi_node;
        }
    }
}

/// What the volumes of one profile ask.
#[derive(Debug, Default)]
pub(crate) struct VolumeFilter {
    /// Own disks that only one pod of a node may have.
    disks: Vec<Disk>,
    /// What the pod would have attached.
    attachments: Vec<Attachment>,
    /// Own claims that only one pod may use, and how many do.
    exclusive: Vec<nodelane_model::Key>,
    uses: Option<CounterId>,
    /// What claims and volumes say, by node; empty where there are none.
    by_claims: Vec<Option<Refusal>>,
    /// The session's claims and nodes at that time.
    epoch: u64,
    nodes_epoch: u64,
}

impl VolumeFilter {
    pub fn new(session: &mut Session, profile: u32, tally: &mut Tally) -> VolumeFilter {
        let everywhere = session.topologies.get(&session.rows, &session.roster, By::All);
        let own = &session.profiles[profile as usize];
        let (claims, disks) = (&own.class.claims, &own.class.disks);
        if claims.is_empty() && disks.is_empty() {
            return VolumeFilter::default();
        }
        let uses = claims.iter().map(|claim| VolumeUse::Claim(claim.key.clone())).chain(disks.iter().cloned().map(VolumeUse::Disk));
        let attachments = uses.filter_map(|volume| limits::attachment(&session.world, &volume));
        let exclusive = claims::exclusive(&session.world, own);
        VolumeFilter {
            disks: disks.iter().filter(|disk| disk.is_exclusive()).cloned().collect(),
            attachments: attachments.collect(),
            uses: (!exclusive.is_empty()).then(|| tally.push(Counter::new(everywhere))),
            exclusive,
            by_claims: binding::refusals(session, own),
            epoch: session.claims_epoch,
            nodes_epoch: session.nodes_epoch,
        }
    }
    /// Whether claims, or the nodes, have moved on since this was built.
    pub fn is_stale(&self, session: &Session) -> bool {
        !self.by_claims.is_empty() && (self.epoch != session.claims_epoch || self.nodes_epoch != session.nodes_epoch)
    }
    /// Whether the pods have no volumes to ask for.
    pub fn is_idle(&self) -> bool {
        self.disks.is_empty() && self.attachments.is_empty() && self.by_claims.is_empty() && self.uses.is_none()
    }
    pub fn moves(&self, other: &Profile, moves: &mut Moves) {
        if let Some(id) = self.uses {
            let used = other.class.claims.iter().filter(|claim| !claim.is_ephemeral && self.exclusive.contains(&claim.key)).count();
            (used > 0).then(|| moves.push((id, used as i64)));
        }
    }
    /// Whether another pod has a claim that only one may use: then no node will do.
    pub fn is_in_use(&self, tally: &Tally) -> bool {
        self.uses.is_some_and(|id| tally.get(id).total > 0)
    }
    /// What its row and the claims say of a node, whoever uses a claim.
    pub fn check_row(&self, session: &Session, row: &NodeRow, node: u32) -> Option<Refusal> {
        let clash = || self.has_clash(row).then(|| Refusal::resolvable(Reason::DiskTaken));
        clash().or_else(|| limits::check(&self.attachments, session, row, node)).or_else(|| self.of_claims(node).cloned())
    }
    pub fn check(&self, session: &Session, row: &NodeRow, tally: &Tally, node: u32) -> Option<Refusal> {
        if self.has_clash(row) {
            return Some(Refusal::resolvable(Reason::DiskTaken));
        }
        if self.is_in_use(tally) {
            return Some(Refusal::resolvable(Reason::ClaimInUse));
        }
        limits::check(&self.attachments, session, row, node).or_else(|| self.of_claims(node).cloned())
    }
    fn of_claims(&self, node: u32) -> Option<&Refusal> {
        self.by_claims.get(node as usize)?.as_ref()
    }
    fn has_clash(&self, row: &NodeRow) -> bool {
        let taken = |own: &Disk| row.volumes.keys().any(|volume| matches!(volume, VolumeUse::Disk(disk) if own.clashes(disk)));
        self.disks.iter().any(taken)
    }
}
