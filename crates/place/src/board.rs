//! Where every node stands for one profile: the verdicts and scores that placing its pods needs, kept as pods are bound.
//!
//! Nodes that differ neither in the counters' marks nor in what is normalised form a group: filters by counters and normalised scores
//! are worked out once per group, and within it the rest of the score decides. A bound pod changes the standing of its own node and some
//! counters, nothing else; so does a node that comes, changes or goes. What a node says is a small number. Ties go to the first by name.

use crate::config::{Config, Weights};
use crate::filter::inter_pod_affinity::AffinityFilter;
use crate::filter::node_affinity::Named;
use crate::filter::topology_spread::SpreadFilter;
use crate::filter::volumes::VolumeFilter;
use crate::filter::{self, node_ports, resources_fit};
use crate::groups::Groups;
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
use std::collections::BTreeMap;

/// What of a node changes with the node alone.
#[derive(Clone, Copy, Debug, Default)]
struct Fixed {
    /// By number; [`FITS`] for none.
    refusal: u32,
    taints: i32,
    preference: i32,
    images: i64,
}

/// What a node says that fits.
pub(crate) const FITS: u32 = 0;
/// What a number says whose node went.
const GONE: u32 = u32::MAX;

/// Refusals by number, each once.
#[derive(Debug, Default)]
struct Refusals {
    /// From 1 on.
    all: Vec<Refusal>,
    ids: BTreeMap<Refusal, u32>,
    /// Numbers by what is short; few.
    by_shortage: Vec<(u64, u32)>,
}

impl Refusals {
    fn id(&mut self, refusal: Refusal) -> u32 {
        *self.ids.entry(refusal).or_insert_with_key(|refusal| {
            self.all.push(refusal.clone());
            self.all.len() as u32
        })
    }
    fn get(&self, id: u32) -> Option<&Refusal> {
        self.all.get((id as usize).checked_sub(1)?)
    }
    fn of_shortage(&mut self, own: &Profile, row: &NodeRow, bits: u64) -> u32 {
        if let Some((_, id)) = self.by_shortage.iter().find(|(known, _)| *known == bits) {
            return *id;
        }
        let Some(refusal) = resources_fit::check(own, row) else { return FITS };
        let id = self.id(refusal);
        if bits & resources_fit::MANY == 0 {
            self.by_shortage.push((bits, id));
        }
        id
    }
}

/// Where every node stands for one profile.
#[derive(Debug)]
pub(crate) struct Board {
    profile: u32,
    weights: Weights,
    way_of_scoring: OwnScore,
    named: Named,
    /// Scores by list of images.
    images: Vec<i64>,
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
    refusals: Refusals,
    /// What each node says by its row alone.
    said: Vec<u32>,
    groups: Groups,
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
            way_of_scoring: OwnScore::of(&session.config),
            named: Named::by(&session.profiles[profile as usize]),
            images: image_locality::scores(&session.profiles[profile as usize], session),
            fixed: Vec::new(),
            volumes: VolumeFilter::new(session, profile, &mut tally),
            spread: SpreadFilter::new(session, profile, &mut tally),
            affinity: AffinityFilter::new(session, profile, &mut tally),
            spread_score: SpreadScore::new(session, profile, &mut tally),
            affinity_score: AffinityScore::new(session, profile, &mut tally),
            tally,
            moves: Vec::new(),
            seen: session.news_end(),
            refusals: Refusals::default(),
            said: Vec::new(),
            groups: Groups::default(),
            signature: Vec::new(),
            ways: BTreeMap::new(),
        };
        board.grow(session);
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
        for node in session.roster.iter() {
            board.fixed[node as usize] = board.fixed(session, node);
        }
        for node in session.roster.iter() {
            board.refresh(session, node);
        }
        board
    }
    /// Makes room for nodes that came.
    fn grow(&mut self, session: &Session) {
        let numbers = session.rows.len();
        self.fixed.resize(numbers, Fixed::default());
        self.said.resize(numbers, GONE);
        self.groups.grow(numbers);
    }
    /// What a node says whatever is on it.
    fn fixed(&mut self, session: &Session, node: u32) -> Fixed {
        let (own, row) = (&session.profiles[self.profile as usize], &session.rows[node as usize]);
        let images = self.images[session.images.of[node as usize] as usize];
        Fixed {
            refusal: filter::lasting(own, &self.named, row).map_or(FITS, |refusal| self.refusals.id(refusal)),
            taints: few(row.doc.as_node().map_or(0, |node| score::taint_toleration::count(own, node))),
            preference: few(score::node_affinity::count(own, row)),
            images: own.config.weights.image_locality * images,
        }
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
        if self.seen == session.news_end() && !self.volumes.is_stale(session) {
            return;
        }
        if self.take_up(session).is_none() {
            *self = Board::new(session, self.profile);
        }
    }
    /// `None` where it costs less to begin anew.
    fn take_up(&mut self, session: &Session) -> Option<()> {
        let news = session.news(self.seen).filter(|news| news.len() <= session.rows.len() + 64)?;
        if self.volumes.is_stale(session) || self.groups.is_crowded() {
            return None;
        }
        let has_nodes = news.iter().any(|news| matches!(news, News::Node(_)));
        if has_nodes {
            self.take_up_nodes(session)?;
        }
        for news in news {
            match *news {
                News::Node(node) => self.renew(session, node),
                News::Pod { node, profile, fate } => {
                    self.learn(session, profile)?;
                    self.count(node, profile, fate);
                }
            }
        }
        self.seen = session.news_end();
        let mut nodes: Vec<u32> = news.iter().map(|news| news.node()).collect();
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
        Some(())
    }
    /// Makes ready for nodes that came or changed. `None` where what is known of the others holds no longer.
    fn take_up_nodes(&mut self, session: &Session) -> Option<()> {
        self.grow(session);
        if !session.images.is_empty() {
            // An image counts by the share of nodes that have it.
            let old = std::mem::replace(&mut self.images, image_locality::scores(&session.profiles[self.profile as usize], session));
            let lists = session.images.lists.iter().zip(old.iter().zip(&self.images));
            if lists.into_iter().any(|(list, (old, new))| list.nodes > 0 && old != new) {
                return None;
            }
        }
        self.tally.renew(&session.topologies).then_some(())
    }
    /// Takes up what a node has become, while none of its pods is counted.
    fn renew(&mut self, session: &Session, node: u32) {
        let own = &session.profiles[self.profile as usize];
        self.spread.renew(session, own, &mut self.tally, node);
        self.spread_score.renew(session, own, &mut self.tally, node);
        if session.roster.has(node) {
            self.fixed[node as usize] = self.fixed(session, node);
        }
    }
    fn count(&mut self, node: u32, profile: u32, fate: Fate) {
        let Some(moves) = &self.moves[profile as usize] else { return };
        match fate {
            Fate::Bound => self.tally.apply(moves, node, false, 1),
            Fate::Left => self.tally.apply(moves, node, false, -1),
            Fate::Gone => self.tally.apply(moves, node, true, -1),
            Fate::Terminating => {
                self.tally.apply(moves, node, false, -1);
                self.tally.apply(moves, node, true, 1);
            }
            Fate::Nominated => {}
        }
    }
    /// What a node says by its row.
    fn row_says(&mut self, session: &Session, node: u32) -> u32 {
        if !session.roster.has(node) {
            return GONE;
        }
        let (own, row) = (&session.profiles[self.profile as usize], &session.rows[node as usize]);
        let lasting = self.fixed[node as usize].refusal;
        if lasting != FITS {
            return lasting;
        }
        if !own.class.ports.is_empty()
            && let Some(refusal) = node_ports::check(own, row)
        {
            return self.refusals.id(refusal);
        }
        let shortage = resources_fit::shortage(own, row);
        if shortage != 0 {
            return self.refusals.of_shortage(own, row, shortage);
        }
        if self.volumes.is_idle() {
            return FITS;
        }
        self.volumes.check_row(session, row, node).map_or(FITS, |refusal| self.refusals.id(refusal))
    }
    /// Works out a node's place anew.
    fn refresh(&mut self, session: &Session, node: u32) {
        let said = self.row_says(session, node);
        self.said[node as usize] = said;
        let waited_for = || session.nominees.contains_key(&node);
        if said != FITS || (waited_for() && self.refusal_beside(session, node, None).is_some()) {
            self.groups.set(session.roster.ranks(), node, None);
            return;
        }
        let (own, row, fixed) = (&session.profiles[self.profile as usize], &session.rows[node as usize], self.fixed[node as usize]);
        self.signature.clear();
        self.signature.extend([i64::from(fixed.taints), i64::from(fixed.preference)]);
        self.tally.marks(node, &mut self.signature);
        let score = self.way_of_scoring.of_row(own, row).total() + fixed.images;
        self.groups.set(session.roster.ranks(), node, Some((&self.signature, score)));
    }
    /// The node with the highest score of those that fit; the first by name of several.
    pub fn pick(&mut self, session: &Session) -> Option<u32> {
        if self.volumes.is_in_use(&self.tally) {
            return None;
        }
        let ranks = session.roster.ranks();
        let mut tops = self.groups.tops(ranks);
        tops.retain(|top| self.spread.check(&self.tally, top.node).is_none() && self.affinity.check(&self.tally, top.node).is_none());
        if tops.len() < 2 {
            return tops.first().map(|top| top.node);
        }
        let candidates: Vec<Candidate> = tops.iter().map(|top| Candidate { node: top.node, size: top.size }).collect();
        let totals = tops.iter().zip(self.shared_scores(&candidates)).map(|(top, shared)| (top.score + shared.total(), top.node));
        totals.max_by_key(|(total, node)| (*total, Reverse(ranks[*node as usize]))).map(|(_, node)| node)
    }
    /// What every node says to the pod `own`, by number of node: [`FITS`], or the number of a refusal. Of nodes that went it says nothing.
    pub fn column(&mut self, session: &Session, own: &Key) -> Vec<u32> {
        if self.volumes.is_in_use(&self.tally) {
            let refusals: Vec<(u32, Option<Refusal>)> =
                session.roster.iter().map(|node| (node, self.refusal_beside(session, node, Some(own)))).collect();
            let mut column = vec![GONE; session.rows.len()];
            for (node, refusal) in refusals {
                column[node as usize] = refusal.map_or(FITS, |refusal| self.refusals.id(refusal));
            }
            return column;
        }
        let mut column = self.said.clone();
        if !self.tally.is_empty() {
            let mut by_group = BTreeMap::new();
            for top in self.groups.tops(session.roster.ranks()) {
                let refusal = self.spread.check(&self.tally, top.node).or_else(|| self.affinity.check(&self.tally, top.node));
                if let Some(refusal) = refusal {
                    by_group.insert(top.group, self.refusals.id(refusal));
                }
            }
            if !by_group.is_empty() {
                for (node, said) in (0..).zip(&mut column).filter(|(_, said)| **said == FITS) {
                    *said = self.groups.of(node).and_then(|group| by_group.get(&group)).copied().unwrap_or(FITS);
                }
            }
        }
        for node in session.nominees.keys().filter(|node| session.roster.has(**node)) {
            column[*node as usize] = self.refusal_beside(session, *node, Some(own)).map_or(FITS, |refusal| self.refusals.id(refusal));
        }
        column
    }
    /// What nodes say is less than this.
    pub fn refusals_end(&self) -> u32 {
        self.refusals.all.len() as u32 + 1
    }
    /// A refusal of [`Board::column`].
    pub fn refusal_of(&self, said: u32) -> Option<&Refusal> {
        self.refusals.get(said)
    }
    /// The first refusal of a node, with what is taken of it and the counters as given: as they are, or as they would be.
    pub fn refusal(&self, session: &Session, row: &NodeRow, tally: &Tally, node: u32) -> Option<Refusal> {
        let own = &session.profiles[self.profile as usize];
        let lasting = self.refusals.get(self.fixed[node as usize].refusal).cloned();
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
            let own = self.way_of_scoring.of_row(own, &session.rows[*node as usize]);
            let image_locality = self.fixed[*node as usize].images;
            Scores { least_allocated: own.least_allocated, balanced_allocation: own.balanced_allocation, image_locality, ..shared }
        };
        shared.zip(nodes).map(with_own).collect()
    }
    /// The parts of the score that are normalised over all candidates.
    fn shared_scores(&self, candidates: &[Candidate]) -> Vec<Scores> {
        let fixed = |candidate: &Candidate| &self.fixed[candidate.node as usize];
        let mut taints: Vec<i64> = candidates.iter().map(|candidate| fixed(candidate).taints.into()).collect();
        let mut preference: Vec<i64> = candidates.iter().map(|candidate| fixed(candidate).preference.into()).collect();
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

/// A count of taints or a sum of weights from 1 to 100, one a term of a document of 1.5 MiB at most.
fn few(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How a row is scored, as the configuration has it.
#[derive(Debug)]
struct OwnScore {
    fit_by_default: bool,
    balance_by_default: bool,
}

impl OwnScore {
    fn of(config: &Config) -> OwnScore {
        OwnScore { fit_by_default: config.scores_fit_by_default(), balance_by_default: config.balances_by_default() }
    }
    /// The parts that depend on the row alone.
    fn of_row(&self, own: &Profile, row: &NodeRow) -> Scores {
        let weights = &own.config.weights;
        let fit = if self.fit_by_default { least_allocated::score(own, row) } else { allocation::fit(own, row) };
        let balance = if self.balance_by_default { balanced_allocation::score(own, row) } else { allocation::balance(own, row) };
        Scores {
            least_allocated: weights.node_resources_fit * fit,
            balanced_allocation: weights.balanced_allocation * balance,
            ..Scores::default()
        }
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
                let picked = board.pick(&session);
                assert_eq!(picked, anew.pick(&session), "scenario {at}");
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
                let picked = board.pick(&session);
                assert_eq!(picked, anew.pick(&session), "scenario {at}, round {round}");
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
