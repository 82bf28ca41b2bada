//! Where every node stands for one profile: the verdicts and scores that placing its pods needs, kept as pods are bound.
//!
//! Nodes that differ neither in the counters' marks nor in what is normalised form a group: filters by counters and normalised scores
//! are worked out once per group, and within it the best node is the top of a heap by the rest of its score. A bound pod changes the
//! standing of its own node and some counters, nothing else. Ties go to the first node by name.

use crate::config::Weights;
use crate::filter::inter_pod_affinity::AffinityFilter;
use crate::filter::node_affinity::Named;
use crate::filter::topology_spread::SpreadFilter;
use crate::filter::volumes::VolumeFilter;
use crate::filter::{self, node_ports, resources_fit};
use crate::profile::Profile;
use crate::reason::Refusal;
use crate::score::inter_pod_affinity::AffinityScore;
use crate::score::topology_spread::SpreadScore;
use crate::score::{self, Candidate, Scores, allocation, balanced_allocation, image_locality, least_allocated};
use crate::session::{Fate, News, Nominee, Session};
use crate::tally::{Moves, Tally};
use crate::victims::{self, Way};
use nodelane_model::Key;
use nodelane_world::{NodeRow, World};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What of a node does not change in a run.
#[derive(Debug)]
struct Fixed {
    refusal: Option<Refusal>,
    taints: i64,
    preference: i64,
    images: i64,
}

const NOWHERE: u32 = u32::MAX;

/// The group of a node, and its score within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Spot {
    group: u32,
    score: i64,
}

/// Nodes that counters and normalised scores cannot tell apart.
#[derive(Debug, Default)]
struct Group {
    size: u32,
    /// The best first; entries that no longer hold are skipped.
    nodes: BinaryHeap<(i64, Reverse<u32>)>,
}

/// Where every node stands for one profile.
#[derive(Debug)]
pub(crate) struct Board {
    profile: u32,
    weights: Weights,
    fixed: Vec<Fixed>,
    pub tally: Tally,
    volumes: VolumeFilter,
    spread: SpreadFilter,
    affinity: AffinityFilter,
    spread_score: SpreadScore,
    affinity_score: AffinityScore,
    /// What pods of each profile do to the counters, where it is known.
    moves: Vec<Option<Moves>>,
    /// How much of the session's log is taken up.
    seen: usize,
    spots: Vec<Spot>,
    groups: Vec<Group>,
    by_signature: BTreeMap<Vec<i64>, u32>,
    /// Reused: the signature of the node at hand.
    signature: Vec<i64>,
    /// What making room comes to by node, where it is known and holds.
    ways: BTreeMap<u32, Result<Way, Refusal>>,
}

impl Board {
    pub fn new(session: &mut Session, profile: u32) -> Board {
        let mut tally = Tally::default();
        let mut board = Board {
            profile,
            weights: session.config.weights,
            fixed: fixed(session, profile),
            volumes: VolumeFilter::new(session, profile, &mut tally),
            spread: SpreadFilter::new(session, profile, &mut tally),
            affinity: AffinityFilter::new(session, profile, &mut tally),
            spread_score: SpreadScore::new(session, profile, &mut tally),
            affinity_score: AffinityScore::new(session, profile, &mut tally),
            tally,
            moves: Vec::new(),
            seen: session.log.len(),
            spots: vec![Spot { group: NOWHERE, score: 0 }; session.rows.len()],
            groups: Vec::new(),
            by_signature: BTreeMap::new(),
            signature: Vec::new(),
            ways: BTreeMap::new(),
        };
        if !board.tally.is_empty() {
            for other in 0..session.profiles.len() as u32 {
                let placed = &session.placed[other as usize];
                if !placed.is_empty() && board.learn(session, other).is_some() {
                    let moves = board.moves[other as usize].as_ref().expect("it was just learnt");
                    for (node, here) in placed {
                        board.tally.apply(moves, *node, false, here.staying.into());
                        board.tally.apply(moves, *node, true, here.leaving.into());
                    }
                }
            }
        }
        for node in 0..session.rows.len() as u32 {
            board.refresh(session, node);
        }
        board
    }
    /// Learns what pods of a profile do; `None` where that needs counters that are not here.
    fn learn(&mut self, session: &Session, other: u32) -> Option<()> {
        if self.moves.len() <= other as usize {
            self.moves.resize(other as usize + 1, None);
        }
        if self.moves[other as usize].is_none() {
            let (own, pod) = (&session.profiles[self.profile as usize], &session.profiles[other as usize]);
            let mut moves = Moves::new();
            self.volumes.moves(pod, &mut moves);
            self.spread.moves(pod, &mut moves);
            self.spread_score.moves(pod, &mut moves);
            self.affinity.moves(session, own, pod, &mut moves)?;
            self.affinity_score.moves(session, own, pod, &mut moves)?;
            self.moves[other as usize] = Some(moves);
        }
        Some(())
    }
    /// What pods of a profile do to the counters.
    pub fn moves_of(&mut self, session: &Session, other: u32) -> Moves {
        match self.learn(session, other) {
            Some(()) => self.moves[other as usize].clone().unwrap_or_default(),
            None => Moves::new(),
        }
    }
    /// Forgets what making room comes to: pods and budgets may have changed in what the log does not show.
    pub fn forget_ways(&mut self) {
        self.ways.clear();
    }
    /// Takes up what happened since it was last asked.
    pub fn catch_up(&mut self, session: &mut Session) {
        let news: Vec<News> = session.log[self.seen..].to_vec();
        if self.volumes.is_stale(session)
            || news.len() > session.rows.len()
            || news.iter().any(|news| self.learn(session, news.profile).is_none())
        {
            *self = Board::new(session, self.profile);
            return;
        }
        self.seen = session.log.len();
        for News { node, profile, fate } in &news {
            if let Some(moves) = &self.moves[*profile as usize] {
                match fate {
                    Fate::Bound => self.tally.apply(moves, *node, false, 1),
                    Fate::Left => self.tally.apply(moves, *node, false, -1),
                    Fate::Gone => self.tally.apply(moves, *node, true, -1),
                    Fate::Terminating => {
                        self.tally.apply(moves, *node, false, -1);
                        self.tally.apply(moves, *node, true, 1);
                    }
                    Fate::Nominated => {}
                }
            }
        }
        let mut nodes: Vec<u32> = news.into_iter().map(|news| news.node).collect();
        if !self.tally.is_empty() && !nodes.is_empty() {
            // Counters may have changed what these nodes say with the pods there that wait for room.
            nodes.extend(session.nominees.keys());
            self.ways.clear();
        }
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            self.ways.remove(&node);
            self.refresh(session, node);
        }
    }
    /// Works out a node's spot anew.
    fn refresh(&mut self, session: &Session, node: u32) {
        let waited_for = session.nominees.contains_key(&node) && self.refusal_beside(session, node, None).is_some();
        let (own, row) = (&session.profiles[self.profile as usize], &session.rows[node as usize]);
        let fixed = &self.fixed[node as usize];
        let room = || resources_fit::fits(own, row) && node_ports::check(own, row).is_none();
        let fits = !waited_for && fixed.refusal.is_none() && room() && self.volumes.fits(session, row, node);
        let spot = if fits {
            self.signature.clear();
            self.signature.extend([fixed.taints, fixed.preference]);
            self.tally.marks(node, &mut self.signature);
            let group = self.by_signature.get(self.signature.as_slice()).copied().unwrap_or_else(|| {
                let next = self.groups.len() as u32;
                self.by_signature.insert(self.signature.clone(), next);
                self.groups.push(Group::default());
                next
            });
            Spot { group, score: own_score(own, row).total() + fixed.images }
        } else {
            Spot { group: NOWHERE, score: 0 }
        };
        let old = std::mem::replace(&mut self.spots[node as usize], spot);
        if old == spot {
            return;
        }
        if old.group != NOWHERE {
            self.groups[old.group as usize].size -= 1;
        }
        if spot.group != NOWHERE {
            let group = &mut self.groups[spot.group as usize];
            group.size += 1;
            group.nodes.push((spot.score, Reverse(node)));
        }
    }
    /// The node with the highest score of those that fit; the first by name of several.
    pub fn pick(&mut self) -> Option<u32> {
        if self.volumes.is_in_use(&self.tally) {
            return None;
        }
        let mut candidates = Vec::with_capacity(16);
        let mut own_scores = Vec::with_capacity(16);
        for (at, group) in self.groups.iter_mut().enumerate().filter(|(_, group)| group.size > 0) {
            let holds = |score: i64, node: u32| self.spots[node as usize] == Spot { group: at as u32, score };
            while group.nodes.peek().is_some_and(|(score, Reverse(node))| !holds(*score, *node)) {
                group.nodes.pop();
            }
            let (score, Reverse(node)) = *group.nodes.peek().expect("a group's nodes are in its heap");
            if self.spread.check(&self.tally, node).is_none() && self.affinity.check(&self.tally, node).is_none() {
                candidates.push(Candidate { node, size: group.size });
                own_scores.push(score);
            }
        }
        let shared = self.shared_scores(&candidates);
        let totals =
            candidates.iter().zip(own_scores).zip(shared).map(|((candidate, own), shared)| (own + shared.total(), Reverse(candidate.node)));
        totals.max().map(|(_, Reverse(node))| node)
    }
    /// The first refusal of a node, with what is taken of it and the counters as given: as they are, or as they would be.
    pub fn refusal(&self, session: &Session, row: &NodeRow, tally: &Tally, node: u32) -> Option<Refusal> {
        let own = &session.profiles[self.profile as usize];
        let lasting = self.fixed[node as usize].refusal.clone();
        let affinity = || if self.affinity.is_idle(&self.tally) { None } else { self.affinity.check(tally, node) };
        let volumes = || self.volumes.check(session, row, tally, node);
        lasting.or_else(|| filter::taken(own, row)).or_else(volumes).or_else(|| self.spread.check(tally, node)).or_else(affinity)
    }
    /// The same, first with the pods thought there that wait for room on the node and are at least as urgent, then without them. The pod
    /// `own` does not stand in its own way.
    pub fn refusal_with(&mut self, session: &Session, row: &NodeRow, tally: &Tally, node: u32, own: Option<&Key>) -> Option<Refusal> {
        let priority = self.profile(session).priority();
        let counts = |nominee: &&Nominee| nominee.priority >= priority && Some(&nominee.key) != own;
        let beside: Vec<u32> = session.nominees.get(&node).into_iter().flatten().filter(counts).map(|nominee| nominee.profile).collect();
        let mut with = None;
        if !beside.is_empty() {
            let (mut row, mut tally) = (row.clone(), tally.clone());
            for profile in beside {
                row.charge(&session.profiles[profile as usize].class, 1);
                tally.apply(&self.moves_of(session, profile), node, false, 1);
            }
            with = self.refusal(session, &row, &tally, node);
        }
        with.or_else(|| self.refusal(session, row, tally, node))
    }
    /// The same as things are.
    pub fn refusal_beside(&mut self, session: &Session, node: u32, own: Option<&Key>) -> Option<Refusal> {
        let row = &session.rows[node as usize];
        if !session.nominees.contains_key(&node) {
            return self.refusal(session, row, &self.tally, node);
        }
        let tally = self.tally.clone();
        self.refusal_with(session, row, &tally, node, own)
    }
    /// Which pods would have to go from a node for `own`, or why that would not help.
    pub fn way(&mut self, session: &mut Session, world: &World, node: u32, own: &Key) -> Result<Way, Refusal> {
        if let Some(known) = self.ways.get(&node) {
            return known.clone();
        }
        let way = victims::select(session, self, world, node, own);
        let is_own = |nominee: &Nominee| nominee.key == *own;
        if !session.nominees.get(&node).is_some_and(|nominees| nominees.iter().any(is_own)) {
            self.ways.insert(node, way.clone());
        }
        way
    }
    /// The profile that this is about.
    pub fn profile<'a>(&self, session: &'a Session) -> &'a Profile {
        &session.profiles[self.profile as usize]
    }
    /// The scores of nodes that fit.
    pub fn scores(&self, session: &Session, nodes: &[u32]) -> Vec<Scores> {
        let candidates: Vec<Candidate> = nodes.iter().map(|node| Candidate { node: *node, size: 1 }).collect();
        let own = &session.profiles[self.profile as usize];
        let shared = self.shared_scores(&candidates).into_iter();
        let with_own = |(shared, node): (Scores, &u32)| {
            let own = own_score(own, &session.rows[*node as usize]);
            let image_locality = self.fixed[*node as usize].images;
            Scores { least_allocated: own.least_allocated, balanced_allocation: own.balanced_allocation, image_locality, ..shared }
        };
        shared.zip(nodes).map(with_own).collect()
    }
    /// The parts of the score that are normalised over all candidates.
    fn shared_scores(&self, candidates: &[Candidate]) -> Vec<Scores> {
        let fixed = |candidate: &Candidate| &self.fixed[candidate.node as usize];
        let mut taints: Vec<i64> = candidates.iter().map(|candidate| fixed(candidate).taints).collect();
        let mut preference: Vec<i64> = candidates.iter().map(|candidate| fixed(candidate).preference).collect();
        score::normalise(&mut taints, true);
        score::normalise(&mut preference, false);
        let spread = self.spread_score.scores(&self.tally, candidates);
        let affinity = self.affinity_score.scores(&self.tally, candidates);
        let weights = self.weights;
        let weigh = |at: usize| Scores {
            taint_toleration: weights.taint_toleration * taints[at],
            node_affinity: weights.node_affinity * preference[at],
            topology_spread: weights.topology_spread * spread[at],
            inter_pod_affinity: weights.inter_pod_affinity * affinity[at],
            ..Scores::default()
        };
        (0..candidates.len()).map(weigh).collect()
    }
}

fn fixed(session: &Session, profile: u32) -> Vec<Fixed> {
    let own = &session.profiles[profile as usize];
    let (named, images) = (Named::by(own), image_locality::scores(own, session));
    let nodes = session.rows.iter().zip(&session.image_list_of);
    let fixed = nodes.map(|(row, list)| Fixed {
        refusal: filter::lasting(own, &named, row),
        taints: row.doc.as_node().map_or(0, |node| score::taint_toleration::count(own, node)),
        preference: score::node_affinity::count(own, row),
        images: own.config.weights.image_locality * images[*list as usize],
    });
    fixed.collect()
}

fn own_score(profile: &Profile, row: &NodeRow) -> Scores {
    let config = &profile.config;
    let fit = if config.scores_fit_by_default() { least_allocated::score(profile, row) } else { allocation::fit(profile, row) };
    let balance = if config.balances_by_default() { balanced_allocation::score(profile, row) } else { allocation::balance(profile, row) };
    Scores {
        least_allocated: config.weights.node_resources_fit * fit,
        balanced_allocation: config.weights.balanced_allocation * balance,
        ..Scores::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use nodelane_model::Kind;
    use nodelane_world::World;
    use serde_json::{Value, json};

    /// The scenario's world, and one pending pod for each of its pods, bound or not.
    fn session(scenario: &Value) -> (Session, Vec<u32>) {
        let mut world = World::new(0);
        let of = |kind: &str| scenario["input"][kind].as_array().cloned().unwrap_or_default();
        let kinds = [
            (Kind::Namespace, "namespaces"),
            (Kind::Service, "services"),
            (Kind::ReplicaSet, "replicaSets"),
            (Kind::StorageClass, "storageClasses"),
            (Kind::PersistentVolume, "pvs"),
            (Kind::PersistentVolumeClaim, "pvcs"),
            (Kind::CSINode, "csiNodes"),
            (Kind::Node, "nodes"),
            (Kind::Pod, "pods"),
        ];
        for (kind, name) in kinds {
            of(name).iter().for_each(|value| drop(fixture::put(&mut world, kind, value)));
        }
        let pending: Vec<_> = std::iter::once(scenario["input"]["pod"].clone())
            .chain(of("pods"))
            .enumerate()
            .map(|(at, mut value)| {
                value["metadata"]["name"] = json!(format!("pending-{at}"));
                value["spec"].as_object_mut().expect("a specification").remove("nodeName");
                fixture::put(&mut world, Kind::Pod, &value)
            })
            .collect();
        let mut session = Session::new(&world);
        session.read_pods();
        let profiles = pending.iter().filter_map(|doc| session.profile(doc, true)).collect();
        (session, profiles)
    }

    #[test]
    fn a_board_that_follows_what_is_bound_stands_as_one_that_is_made_anew() {
        let read = |text: &str| serde_json::from_str::<Vec<Value>>(text).expect("readable");
        let mut scenarios = read(include_str!("../tests/golden/scenarios-1.36.3.json"));
        scenarios.extend(read(include_str!("../tests/golden/volumes-1.36.3.json")));
        let mut bound = 0;
        for (at, scenario) in scenarios.iter().enumerate() {
            let (mut session, profiles) = session(scenario);
            let mut boards: BTreeMap<u32, Board> = BTreeMap::new();
            for profile in profiles.iter().cycle().take(2 * profiles.len()) {
                let board = boards.entry(*profile).or_insert_with(|| Board::new(&mut session, *profile));
                board.catch_up(&mut session);
                let mut anew = Board::new(&mut session, *profile);
                let picked = board.pick();
                assert_eq!(picked, anew.pick(), "scenario {at}");
                for (row, node) in session.rows.iter().zip(0..) {
                    let refusals = [&*board, &anew].map(|board| board.refusal(&session, row, &board.tally, node));
                    assert_eq!(refusals[0], refusals[1], "scenario {at}");
                }
                if let Some(node) = picked {
                    let all: Vec<u32> = (0..session.rows.len() as u32)
                        .filter(|node| board.refusal(&session, &session.rows[*node as usize], &board.tally, *node).is_none())
                        .collect();
                    let totals: Vec<i64> = board.scores(&session, &all).iter().map(Scores::total).collect();
                    let best = all.iter().zip(&totals).max_by_key(|(node, total)| (**total, Reverse(**node)));
                    assert_eq!(best.map(|(node, _)| *node), Some(node), "scenario {at}");
                    session.bind(*profile, node);
                    bound += 1;
                }
            }
        }
        assert!(bound > 1000, "only {bound} pods were bound");
    }

    /// Pods come, are asked to go, go, begin to wait for a node and cease to, all by a fixed rule.
    fn stir(session: &mut Session, profile: u32, round: u32) {
        let node = round % session.rows.len() as u32;
        let at = (round % session.placed.len() as u32) as usize;
        match (round % 4, session.placed[at].iter().find(|(_, here)| here.staying > 0).map(|(node, _)| *node)) {
            (0 | 1, Some(there)) => session.end(at as u32, there, round % 4 == 1),
            (2, _) => session.nominate(&Key::new(Kind::Pod, "default", format!("waits-{round}")), profile, node),
            _ => match session
                .nominees
                .iter()
                .next()
                .filter(|_| round.is_multiple_of(3))
                .map(|(node, nominees)| (*node, nominees[0].key.clone()))
            {
                Some((node, key)) => session.dismiss(&key, node),
                None => session.bind(profile, node),
            },
        }
    }

    #[test]
    fn a_board_that_follows_who_goes_and_who_waits_stands_as_one_that_is_made_anew() {
        let scenarios: Vec<Value> = serde_json::from_str(include_str!("../tests/golden/preemption-1.36.3.json")).expect("readable");
        let mut picks = 0;
        for (at, mut scenario) in scenarios.into_iter().enumerate().step_by(3) {
            // Whatever else is at work, what goes on at one node changes what others say.
            let spread = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}]);
            let input = scenario["input"].as_object_mut().expect("an object");
            let own = input.get("pod").cloned().expect("a pod");
            input.get_mut("pods").and_then(Value::as_array_mut).expect("a list").push(own);
            for pod in input.get_mut("pods").and_then(Value::as_array_mut).expect("a list") {
                pod["spec"]["topologySpreadConstraints"] = spread.clone();
            }
            let (mut session, profiles) = session(&scenario);
            let mut boards: BTreeMap<u32, Board> = BTreeMap::new();
            for (profile, round) in profiles.iter().cycle().take(3 * profiles.len()).zip(0..) {
                stir(&mut session, *profile, round);
                let board = boards.entry(*profile).or_insert_with(|| Board::new(&mut session, *profile));
                board.catch_up(&mut session);
                let mut anew = Board::new(&mut session, *profile);
                let picked = board.pick();
                assert_eq!(picked, anew.pick(), "scenario {at}, round {round}");
                picks += usize::from(picked.is_some());
                for node in 0..session.rows.len() as u32 {
                    let refusals = [board.refusal_beside(&session, node, None), anew.refusal_beside(&session, node, None)];
                    assert_eq!(refusals[0], refusals[1], "scenario {at}, round {round}");
                    let (world, own) = (session.world.clone(), Key::new(Kind::Pod, "default", "own"));
                    let ways = [board.way(&mut session, &world, node, &own), anew.way(&mut session, &world, node, &own)];
                    assert_eq!(ways[0], ways[1], "scenario {at}, round {round}");
                }
            }
        }
        assert!(picks > 300, "only {picks} times something fitted");
    }
}
