//! One run of placing: the nodes as dense rows, the pods on them by profile, and the log of what happened.
//!
//! Rows are read from the world once and then kept by this run alone; boards catch up with the log when they are asked next. Pods are
//! read once: the world has no index of those with affinity terms. What is done here without the world can be taken back. How a session
//! goes on in another world is in [`crate::follow`].

use crate::config::Config;
use crate::filter::volumes::CsiNodes;
use crate::images::ImageLists;
use crate::plan::is_ours;
use crate::profile::{Profile, owner_of};
use crate::roster::Roster;
use crate::topology::{By, Topologies, Topology};
use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Key, Kind, Labels, Name};
use nodelane_world::{EphemeralOwner, NodeRow, World};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many pods of one profile are on a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Placed {
    pub staying: u32,
    /// Those on their way out.
    pub leaving: u32,
}

/// A pending pod that waits for room on a node.
#[derive(Clone, Debug)]
pub(crate) struct Nominee {
    pub key: Key,
    pub profile: u32,
    pub priority: i32,
}

/// What became of a pod on a node in this run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Bound,
    /// It was asked to go, and is still there.
    Terminating,
    /// It went, and was not on its way out before.
    Left,
    /// It went, after it had been on its way out.
    Gone,
    /// It began or ceased to wait for room there.
    Nominated,
}

/// A line of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    /// Something became of a pod of a profile on a node.
    Pod { node: u32, profile: u32, fate: Fate },
    /// A node came, went, or is another than before. No pod on it is counted at this point of the log.
    Node(u32),
}

impl News {
    pub fn node(self) -> u32 {
        match self {
            News::Pod { node, .. } | News::Node(node) => node,
        }
    }
}

/// The profiles of pods that share a specification and labels, which this keeps from being freed: their addresses are not used again.
#[derive(Debug)]
pub(crate) struct Known {
    _alive: (Arc<PodSpec>, Labels),
    profiles: Vec<u32>,
}

/// One run of placing.
#[derive(Debug)]
pub(crate) struct Session {
    /// The world as the run found it, for what does not change while placing; moves on when claims do ([`Session::renew_claims`]).
    pub world: World,
    /// The nodes' rows by number; of nodes that went, what they were.
    pub rows: Vec<NodeRow>,
    pub roster: Roster,
    pub profiles: Vec<Profile>,
    /// Bound pods by profile and node.
    pub placed: Vec<BTreeMap<u32, Placed>>,
    /// Profiles with terms about other pods, of bound and of pending pods.
    pub affine: Vec<u32>,
    /// Pods that wait for room, by node.
    pub nominees: BTreeMap<u32, Vec<Nominee>>,
    /// What happened last, and how much before that is no longer kept.
    log: Vec<News>,
    forgotten: usize,
    /// At most the lowest priority of a pod on each node; `i32::MAX` where there is none.
    pub lowest_priority: Vec<i32>,
    pub topologies: Topologies,
    pub csi_nodes: CsiNodes,
    /// Moves with the claims that this run gives a node.
    pub claims_epoch: u64,
    pub images: ImageLists,
    /// Moves with nodes.
    pub nodes_epoch: u64,
    /// How pods are placed.
    pub config: Arc<Config>,
    /// Profiles by the addresses of the shared parts, which are kept alive beside them. Looked up, never iterated.
    pub by_address: HashMap<(usize, usize), Known>,
    by_hash: BTreeMap<u64, Vec<u32>>,
    pub has_read_pods: bool,
    /// Disruption budgets by namespace, once someone asked.
    pub budgets: Option<Arc<BTreeMap<Name, Vec<Arc<Doc>>>>>,
}

impl Session {
    pub fn new(world: &World) -> Session {
        let rows: Vec<NodeRow> = world.nodes().map(|(_, row)| (**row).clone()).collect();
        Session {
            world: world.clone(),
            lowest_priority: vec![i32::MAX; rows.len()],
            roster: Roster::new(rows.iter().map(|row| row.doc.key.name.clone())),
            images: ImageLists::new(&rows),
            rows,
            profiles: Vec::new(),
            placed: Vec::new(),
            affine: Vec::new(),
            nominees: BTreeMap::new(),
            log: Vec::new(),
            forgotten: 0,
            topologies: Topologies::default(),
            csi_nodes: CsiNodes::default(),
            claims_epoch: 0,
            nodes_epoch: 0,
            config: Arc::default(),
            by_address: HashMap::new(),
            by_hash: BTreeMap::new(),
            has_read_pods: false,
            budgets: None,
        }
    }
    /// A run that places as configured.
    pub fn configured(world: &World, config: Arc<Config>) -> Session {
        Session { config, ..Session::new(world) }
    }
    /// Reads the bound pods, the first time that it is called. Before, nothing is known of them.
    pub fn read_pods(&mut self) {
        if std::mem::replace(&mut self.has_read_pods, true) {
            return;
        }
        let world = self.world.clone();
        let index: HashMap<Name, u32> = self.rows.iter().zip(0..).map(|(row, at)| (row.doc.key.name.clone(), at)).collect();
        for doc in world.list(Kind::Pod, None) {
            let Some(pod) = doc.as_pod().filter(|pod| !pod.status.is_terminal()) else {
                continue;
            };
            let bound = pod.node.as_ref().and_then(|name| index.get(name));
            if let Some((node, profile)) = bound.and_then(|node| Some((*node, self.profile(doc, false)?))) {
                self.place(profile, node, doc.is_terminating());
            }
        }
        self.read_nominees();
    }
    /// Reads which pods wait for room on a node.
    pub fn read_nominees(&mut self) {
        let (world, config) = (self.world.clone(), self.config.clone());
        for doc in world.nominated.iter().filter_map(|key| world.get(key)).filter(|doc| is_ours(doc, &config)) {
            if let Some(node) = self.nominated_node(doc)
                && let Some(profile) = self.profile(doc, false)
            {
                self.nominate(&doc.key, profile, node);
            }
        }
    }
    /// The log from a place on; `None` where that is no longer kept.
    pub fn news(&self, from: usize) -> Option<&[News]> {
        self.log.get(from.checked_sub(self.forgotten)?..)
    }
    /// The end of the log.
    pub fn news_end(&self) -> usize {
        self.forgotten + self.log.len()
    }
    /// Drops what nobody would read: who is further behind than there are nodes begins anew.
    pub fn forget_old_news(&mut self) {
        let kept = self.rows.len() + 64;
        if self.log.len() > 4 * kept {
            let old = self.log.len() - kept;
            self.log.drain(..old);
            self.forgotten += old;
        }
    }
    /// The profile of a pod. Of a bound pod the owner does not matter, and its node is where it is, not what it asks for.
    pub fn profile(&mut self, doc: &Doc, pending: bool) -> Option<u32> {
        let pod = doc.as_pod()?;
        let address = (Arc::as_ptr(&pod.spec) as usize, Arc::as_ptr(&doc.meta.labels) as usize);
        let owner = if pending { owner_of(doc) } else { None };
        let node = pod.node.clone().filter(|_| pending);
        let only = EphemeralOwner::of(doc);
        if let Some(known) = self.by_address.get(&address) {
            let found = known.profiles.iter().find(|at| {
                let profile = &self.profiles[**at as usize];
                *profile.namespace() == doc.key.namespace
                    && profile.class.only == only
                    && (!pending || (profile.owner == owner && profile.node == node))
            });
            if found.is_some() {
                return found.copied();
            }
        }
        let profile = Profile::new(self.world.class(doc)?, owner, node, self.config.clone());
        let hash = profile.hash();
        let alike = self.by_hash.entry(hash).or_default();
        let at = match alike.iter().find(|at| self.profiles[**at as usize].is_like(&profile)) {
            Some(at) => *at,
            None => {
                let at = self.profiles.len() as u32;
                alike.push(at);
                if profile.is_affine() {
                    self.affine.push(at);
                }
                self.profiles.push(profile);
                self.placed.push(BTreeMap::new());
                at
            }
        };
        let known = || Known { _alive: (pod.spec.clone(), doc.meta.labels.clone()), profiles: Vec::new() };
        self.by_address.entry(address).or_insert_with(known).profiles.push(at);
        Some(at)
    }
    pub fn place(&mut self, profile: u32, node: u32, terminating: bool) {
        let here = self.placed[profile as usize].entry(node).or_default();
        *(if terminating { &mut here.leaving } else { &mut here.staying }) += 1;
        let lowest = &mut self.lowest_priority[node as usize];
        *lowest = (*lowest).min(self.profiles[profile as usize].priority());
    }
    /// Takes up that a pod was bound.
    pub fn bind(&mut self, profile: u32, node: u32) {
        self.rows[node as usize].charge(&self.profiles[profile as usize].class, 1);
        self.place(profile, node, false);
        self.tell(profile, node, Fate::Bound);
    }
    /// Takes up that a pod on a node, not terminating so far, was asked to go; `left` where it went at once.
    pub fn end(&mut self, profile: u32, node: u32, left: bool) {
        if left {
            self.rows[node as usize].charge(&self.profiles[profile as usize].class, -1);
        }
        self.take(profile, node, if left { Fate::Left } else { Fate::Terminating });
    }
    pub fn tell(&mut self, profile: u32, node: u32, fate: Fate) {
        self.log.push(News::Pod { node, profile, fate });
    }
    pub fn tell_of_node(&mut self, node: u32) {
        self.nodes_epoch += 1;
        self.log.push(News::Node(node));
    }
    /// Takes up what became of a pod on a node; its row is the caller's.
    pub fn take(&mut self, profile: u32, node: u32, fate: Fate) {
        let placed = &mut self.placed[profile as usize];
        let here = placed.entry(node).or_default();
        match fate {
            Fate::Bound => here.staying += 1,
            Fate::Left => here.staying = here.staying.saturating_sub(1),
            Fate::Gone => here.leaving = here.leaving.saturating_sub(1),
            Fate::Terminating => {
                here.staying = here.staying.saturating_sub(1);
                here.leaving += 1;
            }
            Fate::Nominated => {}
        }
        if *here == Placed::default() {
            placed.remove(&node);
        }
        self.tell(profile, node, fate);
    }
    /// Takes up that a pod waits for room on a node.
    pub fn nominate(&mut self, key: &Key, profile: u32, node: u32) {
        let priority = self.profiles[profile as usize].priority();
        self.nominees.entry(node).or_default().push(Nominee { key: key.clone(), profile, priority });
        self.tell(profile, node, Fate::Nominated);
    }
    /// Takes up that a pod no longer waits for room on a node.
    pub fn dismiss(&mut self, key: &Key, node: u32) {
        let Some(nominees) = self.nominees.get_mut(&node) else { return };
        let Some(at) = nominees.iter().position(|nominee| nominee.key == *key) else { return };
        let profile = nominees.remove(at).profile;
        if nominees.is_empty() {
            self.nominees.remove(&node);
        }
        self.tell(profile, node, Fate::Nominated);
    }
    /// The node that a pod waits for room on, where it exists.
    pub fn nominated_node(&self, pod: &Doc) -> Option<u32> {
        let name = Some(&pod.as_pod()?.status.nominated_node_name).filter(|name| !name.is_empty())?;
        self.roster.find(name)
    }
    /// Disruption budgets by namespace, as the run found them.
    pub fn budgets(&mut self) -> Arc<BTreeMap<Name, Vec<Arc<Doc>>>> {
        let world = &self.world;
        let read = || {
            let mut budgets: BTreeMap<Name, Vec<Arc<Doc>>> = BTreeMap::new();
            for doc in world.list(Kind::PodDisruptionBudget, None) {
                budgets.entry(doc.key.namespace.clone()).or_default().push(doc.clone());
            }
            Arc::new(budgets)
        };
        self.budgets.get_or_insert_with(read).clone()
    }
    /// Takes up that claims were given to a node.
    pub fn renew_claims(&mut self, world: &World) {
        self.world = world.clone();
        self.claims_epoch += 1;
    }
    /// Labels of a namespace, where it exists.
    pub fn namespace(&self, name: &Name) -> Option<&Labels> {
        self.world.get(&Key::global(Kind::Namespace, name.clone())).map(|doc| &doc.meta.labels)
    }
    /// How nodes are divided.
    pub fn topology(&mut self, by: By) -> Arc<Topology> {
        self.topologies.get(&self.rows, &self.roster, by)
    }
    pub fn name(&self, node: u32) -> &Name {
        &self.rows[node as usize].doc.key.name
    }
}
