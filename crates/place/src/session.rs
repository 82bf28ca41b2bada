//! One run of placing: the nodes as dense rows, the pods on them by profile, and the log of what happened.
//!
//! Rows are read from the world once and then kept by this run alone; boards catch up with the log when they are asked next. Pods are
//! read once per run: the world has no index of those with affinity terms.

use crate::config::Config;
use crate::filter::volumes::CsiNodes;
use crate::plan::is_ours;
use crate::profile::{Profile, owner_of};
use crate::topology::Topologies;
use nodelane_model::node::Image;
use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Key, Kind, Labels, Name, Pod};
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

/// A line of the log: something became of a pod of a profile on a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    pub node: u32,
    pub profile: u32,
    pub fate: Fate,
}

/// Images that nodes alike have in common.
#[derive(Debug)]
pub(crate) struct ImageList {
    pub images: Arc<Vec<Image>>,
    /// How many nodes have this list.
    pub nodes: u32,
}

/// The profiles of pods that share a specification and labels, which this keeps from being freed: their addresses are not used again.
#[derive(Debug)]
struct Known {
    _alive: (Arc<PodSpec>, Labels),
    profiles: Vec<u32>,
}

/// One run of placing.
#[derive(Debug)]
pub(crate) struct Session {
    /// The world as the run found it, for what does not change while placing; moves on when claims do ([`Session::renew_claims`]).
    pub world: World,
    /// Nodes in order of name.
    pub rows: Vec<NodeRow>,
    pub profiles: Vec<Profile>,
    /// Bound pods by profile and node.
    pub placed: Vec<BTreeMap<u32, Placed>>,
    /// Profiles with terms about other pods, of bound and of pending pods.
    pub affine: Vec<u32>,
    /// Pods that wait for room, by node.
    pub nominees: BTreeMap<u32, Vec<Nominee>>,
    /// What happened in this run.
    pub log: Vec<News>,
    /// At most the lowest priority of a pod on each node; `i32::MAX` where there is none.
    pub lowest_priority: Vec<i32>,
    pub topologies: Topologies,
    pub csi_nodes: CsiNodes,
    /// Moves with the claims that this run gives a node.
    pub claims_epoch: u64,
    pub image_lists: Vec<ImageList>,
    /// The image list by node.
    pub image_list_of: Vec<u32>,
    /// How pods are placed.
    pub config: Arc<Config>,
    /// Profiles by the addresses of the shared parts, which are kept alive beside them. Looked up, never iterated.
    by_address: HashMap<(usize, usize), Known>,
    by_hash: BTreeMap<u64, Vec<u32>>,
    has_read_pods: bool,
    /// Disruption budgets by namespace, once someone asked.
    budgets: Option<Arc<BTreeMap<Name, Vec<Arc<Doc>>>>>,
}

impl Session {
    pub fn new(world: &World) -> Session {
        let rows: Vec<NodeRow> = world.nodes().map(|(_, row)| (**row).clone()).collect();
        let (image_lists, image_list_of) = image_lists(&rows);
        Session {
            world: world.clone(),
            lowest_priority: vec![i32::MAX; rows.len()],
            rows,
            profiles: Vec::new(),
            placed: Vec::new(),
            affine: Vec::new(),
            nominees: BTreeMap::new(),
            log: Vec::new(),
            topologies: Topologies::default(),
            csi_nodes: CsiNodes::default(),
            claims_epoch: 0,
            image_lists,
            image_list_of,
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
        let nominated = |pod: &Pod| Some(&pod.status.nominated_node_name).filter(|_| pod.node.is_none()).and_then(|name| index.get(name));
        for doc in world.list(Kind::Pod, None) {
            let Some(pod) = doc.as_pod().filter(|pod| !pod.status.is_terminal()) else {
                continue;
            };
            let bound = pod.node.as_ref().and_then(|name| index.get(name));
            let nominated = nominated(pod).filter(|_| is_ours(doc, &self.config) && !doc.is_terminating());
            let Some(profile) = bound.or(nominated).and_then(|_| self.profile(doc, false)) else {
                continue;
            };
            bound.inspect(|node| self.place(profile, **node, doc.is_terminating()));
            nominated.inspect(|node| self.note_nominee(&doc.key, profile, **node));
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
    fn place(&mut self, profile: u32, node: u32, terminating: bool) {
        let here = self.placed[profile as usize].entry(node).or_default();
        *(if terminating { &mut here.leaving } else { &mut here.staying }) += 1;
        let lowest = &mut self.lowest_priority[node as usize];
        *lowest = (*lowest).min(self.profiles[profile as usize].priority());
    }
    /// Takes up that a pod was bound.
    pub fn bind(&mut self, profile: u32, node: u32) {
        self.rows[node as usize].charge(&self.profiles[profile as usize].class, 1);
        self.place(profile, node, false);
        self.log.push(News { node, profile, fate: Fate::Bound });
    }
    /// Takes up that a pod on a node, not terminating so far, was asked to go; `left` where it went at once.
    pub fn end(&mut self, profile: u32, node: u32, left: bool) {
        if left {
            self.rows[node as usize].charge(&self.profiles[profile as usize].class, -1);
        }
        self.take(profile, node, if left { Fate::Left } else { Fate::Terminating });
    }
    /// Takes up what became of a pod on a node; its row is the caller's.
    fn take(&mut self, profile: u32, node: u32, fate: Fate) {
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
        self.log.push(News { node, profile, fate });
    }
    fn note_nominee(&mut self, key: &Key, profile: u32, node: u32) {
        let priority = self.profiles[profile as usize].priority();
        self.nominees.entry(node).or_default().push(Nominee { key: key.clone(), profile, priority });
    }
    /// Takes up that a pod waits for room on a node.
    pub fn nominate(&mut self, key: &Key, profile: u32, node: u32) {
        self.note_nominee(key, profile, node);
        self.log.push(News { node, profile, fate: Fate::Nominated });
    }
    /// Takes up that a pod no longer waits for room on a node.
    pub fn dismiss(&mut self, key: &Key, node: u32) {
        let Some(nominees) = self.nominees.get_mut(&node) else { return };
        let Some(at) = nominees.iter().position(|nominee| nominee.key == *key) else { return };
        let profile = nominees.remove(at).profile;
        if nominees.is_empty() {
            self.nominees.remove(&node);
        }
        self.log.push(News { node, profile, fate: Fate::Nominated });
    }
    /// The node that a pod waits for room on, where it exists.
    pub fn nominated_node(&self, pod: &Doc) -> Option<u32> {
        let name = Some(&pod.as_pod()?.status.nominated_node_name).filter(|name| !name.is_empty())?;
        self.rows.binary_search_by(|row| row.doc.key.name.cmp(name)).ok().map(|at| at as u32)
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
    /// Goes on in another world, from what differs: pods that came, went or began to leave. `false` where more than that differs, or so much
    /// that a new session costs less; this one is of no use then.
    pub fn follow(&mut self, world: &World) -> bool {
        let waits = !self.nominees.is_empty() || !self.world.nominated.is_empty() || !world.nominated.is_empty();
        let is_full = self.log.len() > LOG_LIMIT || self.by_address.len() > LOG_LIMIT;
        if waits || is_full || !self.has_read_pods || self.world.rules_epoch != world.rules_epoch {
            return false;
        }
        let before = std::mem::replace(&mut self.world, world.clone());
        let Some(changed) = changed(&before, world).filter(|changed| changed.len() <= self.rows.len() / 4 + 1) else { return false };
        for (node, row) in changed {
            let name = row.doc.key.name.clone();
            let mut was: BTreeMap<&Key, &Arc<Doc>> = before.pods_on(&name).map(|doc| (&doc.key, doc)).collect();
            for doc in world.pods_on(&name) {
                match was.remove(&doc.key) {
                    Some(old) if Arc::ptr_eq(old, doc) => {}
                    old => self.replace(node, old, Some(doc)),
                }
            }
            was.into_values().for_each(|old| self.replace(node, Some(old), None));
            self.rows[node as usize] = (*row).clone();
        }
        self.budgets = None;
        true
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
            self.log.push(News { node, profile, fate: Fate::Bound });
            if leaving {
                self.log.push(News { node, profile, fate: Fate::Terminating });
            }
        }
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
    pub fn name(&self, node: u32) -> &Name {
        &self.rows[node as usize].doc.key.name
    }
}

/// Lines of the log and specifications kept, at most: 24 bytes and some 2 KiB each, 130 MiB at worst.
const LOG_LIMIT: usize = 65_536;

/// The nodes on which pods differ, with their rows; `None` where nodes themselves differ.
fn changed(before: &World, after: &World) -> Option<Vec<(u32, Arc<NodeRow>)>> {
    let (mut changed, mut old) = (Vec::new(), before.nodes());
    for (at, (name, row)) in (0..).zip(after.nodes()) {
        let (_, was) = old.next().filter(|(was, _)| *was == name)?;
        if !Arc::ptr_eq(was, row) {
            Arc::ptr_eq(&was.doc, &row.doc).then(|| changed.push((at, row.clone())))?;
        }
    }
    old.next().is_none().then_some(changed)
}

fn image_lists(rows: &[NodeRow]) -> (Vec<ImageList>, Vec<u32>) {
    let (mut lists, mut known) = (Vec::<ImageList>::new(), HashMap::new());
    let of = rows.iter().map(|row| {
        let images = row.doc.as_node().map(|node| node.status.images.clone()).unwrap_or_default();
        // Empty lists are one; others are told apart by address, which the rows keep from being reused.
        let address = if images.is_empty() { 0 } else { Arc::as_ptr(&images) as usize };
        let at = *known.entry(address).or_insert_with(|| {
            lists.push(ImageList { images, nodes: 0 });
            lists.len() - 1
        });
        lists[at].nodes += 1;
        at as u32
    });
    let of = of.collect();
    (lists, of)
}
