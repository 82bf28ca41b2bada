//! The smallest changes that let a pod run: breadth first by the number of changes, each set judged by placing the pod in a fork.
//!
//! A set of changes is tried as it is, or with the next nodes of one pool. What refuses the pod then gives the sets that follow; sets of
//! one size are tried by price, pods moved and name, and the search ends with the size of the first that works. It finds the smallest of
//! the closed set of changes: whatever is in a smallest fix is asked for by some refusal on the way to the node where the pod lands.
//!
//! One room answers for all forks: a fork differs from the one before by a few nodes, and only those are looked at anew.
//!
//! Bounds: three changes; 600 sets, in large worlds as many as look at 10 million nodes and pods together: 181 at 5,000 nodes of ten pods.

use super::edit::{self, Edit};
use super::lane::Lane;
use super::{Means, add_pool, candidate, newcomer};
use nodelane_model::pool::{OsType, Priority};
use nodelane_model::{Doc, Name};
use nodelane_place::{Answer, Room};
use nodelane_world::{Snapshot, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes of one fix.
pub(crate) const MOST_EDITS: usize = 3;
/// Sets that are tried for one pod.
const MOST_TRIALS: usize = 600;
/// Documents that all sets together may look at: each set looks at every node, and with terms about other pods at every pod.
const MOST_VISITS: usize = 10_000_000;
/// Sets that are tried in the largest world too: more than there are pools to try.
const LEAST_TRIALS: usize = 100;
/// Values of the same requests that are tried, the largest first: nodes with less room add nothing new but by what else refuses there.
const MOST_VALUES: usize = 8;
/// Fixes that are told.
const MOST_FIXES: usize = 8;
/// How much further than asked a skew is let go before the constraint is given up.
const MOST_SKEW: i32 = 10;

/// Where a pod asks and what may be done about it.
pub(crate) struct Question<'a> {
    pub snapshot: &'a Snapshot,
    pub means: &'a Means,
    pub lanes: &'a [Lane],
    pub pod: &'a Arc<Doc>,
}

/// A set of changes that lets the pod run.
pub(crate) struct Found {
    pub edits: Vec<Edit>,
    pub pool: Name,
    /// Where it lands; `None` for a node that is not there yet.
    pub node: Option<Name>,
    /// Micro US dollars an hour; `None` where it is not known.
    pub price: Option<i64>,
}

/// A set of changes with the nodes that it brings.
#[derive(Clone)]
struct Trial<'a> {
    edits: BTreeSet<Edit>,
    brings: Option<Brings<'a>>,
}

#[derive(Clone)]
struct Brings<'a> {
    lane: &'a Lane,
    by: u32,
    price: Option<i64>,
}

/// What decides among trials: size, price (unknown last), pods moved, names.
type Rank = (usize, i64, usize, Vec<Edit>, Option<(Name, u32)>);

/// The smallest sets of changes that let the pod run, the best first. Empty sets where nothing has to be changed.
pub(crate) fn smallest(question: &Question, room: &mut Room) -> Vec<Found> {
    let added = add_pool::lanes(question);
    let mut open: BTreeMap<Rank, Trial> = BTreeMap::new();
    let mut starts = vec![Trial { edits: BTreeSet::new(), brings: None }];
    for lane in question.lanes {
        for (edits, by) in lane.growths(question.snapshot, question.means, question.is_zonal()) {
            starts.push(Trial { edits: edits.into_iter().collect(), brings: Some(question.brings(lane, by)) });
        }
    }
    for (lane, edits) in &added {
        starts.push(Trial { edits: edits.iter().cloned().collect(), brings: Some(question.brings(lane, 1)) });
    }
    for trial in starts {
        open.insert(question.rank(&trial), trial);
    }
    let most = (MOST_VISITS / question.snapshot.world.len().max(1)).clamp(LEAST_TRIALS, MOST_TRIALS);
    let (mut seen, mut found, mut tried, mut forks) = (BTreeSet::new(), Vec::<(Found, Trial)>::new(), 0, Forks::default());
    while let Some((rank, trial)) = open.pop_first() {
        let is_larger = found.first().is_some_and(|(first, _)| rank.0 > first.edits.len());
        if is_larger || rank.0 > MOST_EDITS || tried == most {
            break;
        }
        if !seen.insert(rank) {
            continue;
        }
        tried += 1;
        match question.judge(&trial, &mut forks, room) {
            Judged::Lands(landing) => found.push((landing, trial)),
            Judged::Needless => {}
            Judged::Refused(more) => {
                for trial in more.into_iter().filter(|trial| trial.edits.len() <= MOST_EDITS) {
                    open.insert(question.rank(&trial), trial);
                }
            }
        }
    }
    told(question, found, &mut forks, room)
}

/// A world in which changes of the pod are tried.
struct Fork {
    world: World,
    /// Names of the nodes that came.
    came: Vec<Name>,
}

/// Forks by the nodes that come and the changes that are not the pod's. Each holds what it changes, some KiB; there are no more than sets.
type Forks = BTreeMap<(Option<(Name, u32)>, Vec<Edit>), Fork>;

enum Judged<'a> {
    Lands(Found),
    /// It lands, but not on what the trial brings: a smaller trial says that.
    Needless,
    /// What to try next.
    Refused(Vec<Trial<'a>>),
}

impl<'a> Question<'a> {
    /// Whether the zone of a node may matter to the pod: it asks for places, for other pods, for an even spread or for a volume.
    pub fn is_zonal(&self) -> bool {
        let Some(spec) = self.pod.as_pod().map(|pod| &pod.spec) else { return false };
        let by_selector = spec.node_selector.keys().any(|key| key.contains("/zone"));
        by_selector || spec.affinity.is_some() || !spec.topology_spread_constraints.is_empty() || !spec.volumes.is_empty()
    }
    fn brings(&self, lane: &'a Lane, by: u32) -> Brings<'a> {
        let spec = lane.pool.as_ref().map(|pool| &pool.spec);
        let (os, priority) = spec.map_or((OsType::Linux, Priority::Regular), |spec| (spec.os_type, spec.priority));
        Brings { lane, by, price: self.means.price(self.snapshot, lane.size(self.means), os, priority, by) }
    }
    fn rank(&self, trial: &Trial) -> Rank {
        let price = trial.brings.as_ref().map_or(0, |brings| brings.price.unwrap_or(i64::MAX));
        let brings = trial.brings.as_ref().map(|brings| (brings.lane.name.clone(), brings.by));
        (trial.edits.len(), price, self.moved(&trial.edits), trial.edits.iter().cloned().collect(), brings)
    }
    /// Pods that move: a change of a pod is one of the template that its owner makes all its pods from.
    fn moved(&self, edits: &BTreeSet<Edit>) -> usize {
        let world = &self.snapshot.world;
        let owner = self.pod.meta.controller().filter(|_| edits.iter().any(Edit::is_of_pod));
        let uid = owner.and_then(|owner| nodelane_model::Uid::parse(&owner.uid));
        let others = uid.into_iter().flat_map(|uid| world.owned_by(uid));
        others.filter(|doc| doc.as_pod().is_some_and(|pod| pod.node.is_some() && !pod.status.is_terminal())).count()
    }
    /// The world with the nodes that a trial brings and uncordons; the pod with its changes is apart.
    fn fork(&self, trial: &Trial) -> Fork {
        let mut world = self.snapshot.world.clone();
        for edit in &trial.edits {
            if let Edit::Uncordon { node } = edit {
                edit::uncordon(&mut world, node);
            }
        }
        let came = trial.brings.as_ref().map(|brings| newcomer::add(&mut world, self.means, brings.lane, brings.by)).unwrap_or_default();
        Fork { world, came }
    }
    fn judge(&self, trial: &Trial<'a>, forks: &mut Forks, room: &mut Room) -> Judged<'a> {
        let of_nodes = trial.edits.iter().filter(|edit| !edit.is_of_pod()).cloned().collect();
        let key = (trial.brings.as_ref().map(|brings| (brings.lane.name.clone(), brings.by)), of_nodes);
        let Fork { world, came } = forks.entry(key).or_insert_with(|| self.fork(trial));
        let pod = edit::edited(self.pod, trial.edits.iter());
        let answer = room.ask(world, &pod);
        match answer.chosen() {
            Some(_) if trial.brings.is_some() && answer.nodes().any(|(name, refusal)| refusal.is_none() && !came.contains(name)) => {
                Judged::Needless
            }
            Some(node) => Judged::Lands(self.landing(trial, world, node, came)),
            None => Judged::Refused(self.next(trial, world, &pod, &answer, came)),
        }
    }
    fn landing(&self, trial: &Trial, world: &World, node: &Name, came: &[Name]) -> Found {
        let pool = world.node(node).map(|row| super::lane::lane_of(&row.doc)).unwrap_or_default();
        Found {
            edits: trial.edits.iter().cloned().collect(),
            pool,
            node: (!came.contains(node)).then(|| node.clone()),
            price: trial.brings.as_ref().map_or(Some(0), |brings| brings.price),
        }
    }
    fn next(&self, trial: &Trial<'a>, world: &World, pod: &Arc<Doc>, answer: &Answer, came: &[Name]) -> Vec<Trial<'a>> {
        let Some((original, spec)) = self.pod.as_pod().zip(pod.as_pod()).map(|(a, b)| (&a.spec, &b.spec)) else { return Vec::new() };
        let mut ways: BTreeSet<Vec<Edit>> = BTreeSet::new();
        if answer.nodes().next().is_none() {
            ways.extend(candidate::before(spec));
        }
        for (name, refusal) in answer.nodes() {
            // Nodes that are there are the business of the same changes without new ones.
            let concerns = trial.brings.is_none() || came.contains(name);
            if let Some((refusal, row)) = refusal.filter(|_| concerns).zip(world.node(name)) {
                ways.extend(candidate::alternatives(world, original, pod, row, refusal));
            }
        }
        let with = |way: Vec<Edit>| {
            let edits: BTreeSet<Edit> = trial.edits.iter().cloned().chain(way).collect();
            Trial { edits, brings: trial.brings.clone() }
        };
        let larger = few(ways).into_iter().filter(|way| !way.is_empty()).map(with);
        larger.filter(|next| next.edits.len() > trial.edits.len() && !contradicts(&next.edits)).collect()
    }
}

/// Whether two changes are about one and the same thing.
fn contradicts(edits: &BTreeSet<Edit>) -> bool {
    let subjects: BTreeSet<String> = edits
        .iter()
        .filter(|edit| !matches!(edit, Edit::Tolerate { .. }))
        .map(|edit| {
            let shown = edit.shown();
            format!("{} {}", if matches!(edit, Edit::Uncordon { .. }) { "node" } else { shown.kind }, shown.target)
        })
        .collect();
    subjects.len() < edits.iter().filter(|edit| !matches!(edit, Edit::Tolerate { .. })).count()
}

/// Of sets that differ in the amounts of the same requests alone, those with the largest; of uncordoned nodes the first.
fn few(ways: BTreeSet<Vec<Edit>>) -> Vec<Vec<Edit>> {
    let mut by_subject: BTreeMap<Vec<(&'static str, String)>, Vec<Vec<Edit>>> = BTreeMap::new();
    for way in ways.into_iter().rev() {
        let subject = |edit: &Edit| if matches!(edit, Edit::Uncordon { .. }) { ("uncordon", String::new()) } else { edit.subject() };
        by_subject.entry(way.iter().map(subject).collect()).or_default().push(way);
    }
    let few = by_subject.into_values().map(|mut ways| {
        if matches!(ways[0][..], [Edit::Uncordon { .. }]) {
            ways.reverse();
        }
        ways.truncate(MOST_VALUES);
        ways
    });
    few.flatten().collect()
}

/// The fixes worth telling: of those about the same things the best, with skews no larger than needed.
fn told(question: &Question, mut found: Vec<(Found, Trial)>, forks: &mut Forks, room: &mut Room) -> Vec<Found> {
    let lowered = |found: &Found| {
        let to = found.edits.iter().filter_map(|edit| if let Edit::LowerRequest { to, .. } = edit { Some(*to) } else { None });
        std::cmp::Reverse(to.collect::<Vec<i64>>())
    };
    found.sort_by_cached_key(|(found, trial)| {
        let (size, price, moved, edits, brings) = question.rank(trial);
        (size, price, moved, lowered(found), edits, brings)
    });
    let mut seen = BTreeSet::new();
    found.retain(|(found, _)| seen.insert(found.edits.iter().map(Edit::subject).collect::<Vec<_>>()) || found.edits.is_empty());
    found.truncate(MOST_FIXES);
    found.into_iter().map(|(found, trial)| tightened(question, found, trial, forks, room)).collect()
}

/// The same fix with the smallest skew that works in place of giving a constraint up.
fn tightened(question: &Question, found: Found, trial: Trial, forks: &mut Forks, room: &mut Room) -> Found {
    let given_up = found.edits.iter().find_map(|edit| match edit {
        Edit::RelaxSpread { index, key, from, to: None } => Some((*index, key.clone(), *from)),
        _ => None,
    });
    let Some((index, key, from)) = given_up else { return found };
    for to in from + 1..=from + MOST_SKEW {
        let mut trial = trial.clone();
        trial.edits.remove(&Edit::RelaxSpread { index, key: key.clone(), from, to: None });
        trial.edits.insert(Edit::RelaxSpread { index, key: key.clone(), from, to: Some(to) });
        if let Judged::Lands(found) = question.judge(&trial, forks, room) {
            return found;
        }
    }
    found
}
