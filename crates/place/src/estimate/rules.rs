//! The rules of pods, compiled: which sites, which counters must be zero, even or above zero, and which counters a pod moves.
//!
//! Every rule about other pods is a counter by domain: matching pods for spread and affinity, pods that carry a term for its other side,
//! takers of a host port. A domain is one machine (`kubernetes.io/hostname`) or all machines with one value of another label. Wishes
//! (preferred terms, `ScheduleAnyway`) compile to the same checks, each by itself.

use super::site::{HOSTNAME, Sites};
use crate::filter;
use crate::filter::node_affinity::{self, Named};
use crate::filter::taint_toleration;
use crate::filter::topology_spread::constraints_of;
use crate::filter::volumes::Places;
use crate::profile::Profile;
use crate::reason::{Plugin, Refusal};
use crate::selection::{Selection, own_term_matches, their_term_matches};
use crate::session::Session;
use nodelane_model::Name;
use nodelane_model::pod::{PodTerm, SpreadConstraint};
use nodelane_world::{HostPort, NodeRow};
use std::collections::BTreeMap;

/// Where the domains of a counter lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// One machine each; the place in a machine's row of counts.
    Host(usize),
    /// One value of a label each.
    Sites,
}

/// Which pods a counter counts.
#[derive(Clone, PartialEq, Debug)]
enum Watch {
    /// Those that a spread constraint counts, on these sites.
    Spread(Selection, Vec<bool>),
    /// Those that match all affinity terms of a pod in this namespace.
    Near(Name, Vec<PodTerm>),
    /// Those that match one term of a pod in this namespace.
    Term(Name, PodTerm),
    /// Those in this namespace that carry an anti-affinity term.
    Carrier(Name, PodTerm),
    /// Those that take a port of the machine.
    Port(HostPort),
}

/// A counter by domain.
#[derive(Debug)]
pub(super) struct Counter {
    watch: Watch,
    key: Name,
    pub scope: Scope,
    /// Domain by site; absent where its machines have none.
    pub domain_of: Vec<Option<u32>>,
    pub domains: usize,
    /// Sites whose pods count.
    pub eligible: Vec<bool>,
}

/// A spread constraint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub counter: usize,
    /// How much a domain may have more than the emptiest one, before the pod comes.
    pub slack: i64,
    pub min_domains: usize,
}

/// What must hold where a pod is put.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    pub spreads: Vec<Spread>,
    pub zeros: Vec<usize>,
    pub near: Vec<usize>,
    /// Whether the pod may be the first of those that it wants to be near to.
    pub may_be_first: bool,
}

/// A preferred term.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub weight: i64,
    /// Sites where it may hold.
    pub sites: Vec<bool>,
    pub checks: Checks,
}

/// How freely pods of a rule may be put.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    /// Each machine must be looked at, in order.
    Single,
    /// Any machine of a site whose counts are low enough.
    Filler,
    /// Any machine of a site; the sites in order.
    Zonal,
    /// Any machine.
    Free,
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub profile: u32,
    /// Sites whose labels and taints allow it.
    pub sites: Vec<bool>,
    pub checks: Checks,
    pub moves: Vec<usize>,
    /// The heaviest first.
    pub wishes: Vec<Wish>,
    pub kind: Kind,
}

/// All rules.
#[derive(Debug)]
pub(super) struct Rules {
    pub all: Vec<Rule>,
    pub counters: Vec<Counter>,
    /// How many counters are by machine.
    pub host_slots: usize,
    /// Whether wishes are kept while any machine can keep them.
    pub hard: bool,
}

/// Why no machine like this one, however empty, takes a pod: its labels and taints, and where the pod's volumes are.
pub(super) fn refusal(own: &Profile, named: &Named, places: Option<&Places>, row: &NodeRow) -> Option<Refusal> {
    filter::lasting(own, named, row).or_else(|| places?.refusal(&row.doc, None))
}

struct Compiler<'a> {
    session: &'a Session,
    sites: &'a Sites,
    counters: Vec<Counter>,
    host_slots: usize,
    keys: BTreeMap<Name, (Vec<Option<u32>>, usize)>,
}

impl Rules {
    /// `rules` are the profiles of the pending pods' rules.
    pub fn compile(session: &Session, rules: &[u32], sites: &Sites, hard: bool) -> Rules {
        let mut compiler = Compiler { session, sites, counters: Vec::new(), host_slots: 0, keys: BTreeMap::new() };
        let mut all: Vec<Rule> = rules.iter().map(|rule| compiler.rule(*rule)).collect();
        let others = rules.iter().chain(&session.affine).filter(|_| session.config.runs(Plugin::InterPodAffinity));
        let carried: Vec<(u32, PodTerm)> =
            others.flat_map(|at| session.profiles[*at as usize].required_away().iter().map(|term| (*at, term.clone()))).collect();
        let mut carriers: Vec<(u32, usize, PodTerm)> = Vec::new();
        for (at, term) in carried {
            let counter = compiler.carrier(at, &term);
            if !carriers.iter().any(|(_, known, _)| *known == counter) {
                carriers.push((at, counter, term));
            }
        }
        for rule in &mut all {
            let own = &session.profiles[rule.profile as usize];
            let about = carriers.iter().filter(|(of, _, term)| their_term_matches(session, &session.profiles[*of as usize], term, own));
            rule.checks.zeros.extend(about.map(|(_, counter, _)| *counter));
            rule.checks.zeros.sort_unstable();
            rule.checks.zeros.dedup();
        }
        let Compiler { counters, host_slots, .. } = compiler;
        let mut rules = Rules { all, counters, host_slots, hard };
        for at in 0..rules.all.len() {
            rules.all[at].moves = rules.moves_of(session, rules.all[at].profile);
        }
        rules.classify();
        rules
    }
    /// The counters that a pod of a profile moves.
    pub fn moves_of(&self, session: &Session, profile: u32) -> Vec<usize> {
        let other = &session.profiles[profile as usize];
        (0..self.counters.len()).filter(|at| self.counters[*at].watch.counts(session, other)).collect()
    }
    fn is_host(&self, counter: usize) -> bool {
        self.counters[counter].scope != Scope::Sites
    }
    fn classify(&mut self) {
        let mut kinds = Vec::new();
        let wanted: Vec<usize> = self.all.iter().flat_map(|rule| &rule.checks.near).copied().filter(|at| self.is_host(*at)).collect();
        for rule in &self.all {
            let checks = &rule.checks;
            let spreads = checks.spreads.iter().map(|spread| spread.counter);
            let all: Vec<usize> = spreads.chain(checks.zeros.iter().chain(&checks.near).copied()).collect();
            let host = all.iter().filter(|at| self.is_host(**at)).count();
            let near_host = checks.near.iter().any(|at| self.is_host(*at)) || rule.moves.iter().any(|at| wanted.contains(at));
            let apart = checks.zeros.iter().any(|at| self.is_host(*at) && rule.moves.contains(at));
            kinds.push(match (host, all.len()) {
                _ if near_host || apart || (self.hard && !rule.wishes.is_empty()) => Kind::Single,
                (0, 0) => Kind::Free,
                (0, _) => Kind::Zonal,
                (host, all) if host == all => Kind::Filler,
                _ => Kind::Single,
            });
        }
        self.all.iter_mut().zip(kinds).for_each(|(rule, kind)| rule.kind = kind);
    }
}

impl Watch {
    fn counts(&self, session: &Session, other: &Profile) -> bool {
        let matches = |namespace: &Name, term: &PodTerm| {
            let of = session.profiles.iter().find(|profile| profile.namespace() == namespace);
            of.is_some_and(|of| own_term_matches(session, of, term, other))
        };
        match self {
            Watch::Spread(selection, _) => selection.counts(other),
            Watch::Near(namespace, terms) => terms.iter().all(|term| matches(namespace, term)),
            Watch::Term(namespace, term) => matches(namespace, term),
            Watch::Carrier(namespace, term) => other.namespace() == namespace && other.required_away().contains(term),
            Watch::Port(port) => other.class.ports.contains(port),
        }
    }
}

impl Compiler<'_> {
    fn rule(&mut self, profile: u32) -> Rule {
        let own = &self.session.profiles[profile as usize];
        let named = Named::by(own);
        let places = Places::of(&self.session.world, own);
        let allows = |row: &NodeRow| refusal(own, &named, places.as_ref(), row).is_none();
        let sites: Vec<bool> = self.sites.all.iter().map(|site| site.example.as_ref().is_some_and(allows)).collect();
        let mut checks = Checks::default();
        if own.config.runs(Plugin::PodTopologySpread) {
            let hard = constraints_of(self.session, own, "DoNotSchedule");
            let keys: Vec<Name> = hard.iter().map(|(constraint, _)| constraint.topology_key.clone()).collect();
            checks.spreads = hard.into_iter().map(|(constraint, selection)| self.spread(own, &constraint, selection, &keys)).collect();
        }
        if own.config.runs(Plugin::InterPodAffinity) {
            self.near(own, own.required_near(), &mut checks);
            checks.zeros.extend(own.required_away().iter().map(|term| self.term(own, term)));
        }
        for port in own.class.ports.iter().filter(|_| own.config.runs(Plugin::NodePorts)) {
            for other in self.session.profiles.iter().flat_map(|profile| &profile.class.ports).filter(|other| other.clashes(port)) {
                checks.zeros.push(self.counter(Watch::Port(other.clone()), &Name::new_static(HOSTNAME)));
            }
        }
        let wishes = self.wishes(own);
        Rule { profile, sites, checks, moves: Vec::new(), wishes, kind: Kind::Free }
    }
    /// What the pod would like and its plugins score, each by its own weight times that of the plugin; an even spread comes last.
    fn wishes(&mut self, own: &Profile) -> Vec<Wish> {
        let everywhere = vec![true; self.sites.all.len()];
        let weights = own.config.weights;
        let mut wishes = Vec::new();
        let mut wish = |weight: i64, sites: Vec<bool>, checks: Checks| wishes.push(Wish { weight, sites, checks });
        let added = own.config.added_affinity.as_ref();
        let by_node = added.into_iter().chain(own.node_affinity()).flat_map(|affinity| &affinity.preferred);
        for preferred in by_node.filter(|_| weights.node_affinity > 0) {
            let holds = |row: &NodeRow| node_affinity::term_matches(&preferred.preference, row);
            let sites = self.sites.all.iter().map(|site| site.example.as_ref().is_some_and(holds)).collect();
            wish(weights.node_affinity * i64::from(preferred.weight), sites, Checks::default());
        }
        for preferred in own.preferred_near().iter().filter(|_| weights.inter_pod_affinity > 0) {
            let mut checks = Checks::default();
            self.near(own, std::slice::from_ref(&preferred.pod_affinity_term), &mut checks);
            wish(weights.inter_pod_affinity * i64::from(preferred.weight), everywhere.clone(), checks);
        }
        for preferred in own.preferred_away().iter().filter(|_| weights.inter_pod_affinity > 0) {
            let zeros = vec![self.term(own, &preferred.pod_affinity_term)];
            let checks = Checks { zeros, ..Checks::default() };
            wish(weights.inter_pod_affinity * i64::from(preferred.weight), everywhere.clone(), checks);
        }
        let soft = if weights.topology_spread > 0 { constraints_of(self.session, own, "ScheduleAnyway") } else { Vec::new() };
        for (constraint, selection) in soft {
            let spreads = vec![self.spread(own, &constraint, selection, std::slice::from_ref(&constraint.topology_key))];
            wish(0, everywhere.clone(), Checks { spreads, ..Checks::default() });
        }
        wishes.sort_by_key(|wish| -wish.weight);
        wishes
    }
    /// Affinity terms: one counter by key, of the pods that match all of them.
    fn near(&mut self, own: &Profile, terms: &[PodTerm], checks: &mut Checks) {
        for term in terms {
            let watch = Watch::Near(own.namespace().clone(), terms.to_vec());
            let counter = self.counter(watch, &term.topology_key);
            if !checks.near.contains(&counter) {
                checks.near.push(counter);
            }
        }
        checks.may_be_first = !terms.is_empty() && terms.iter().all(|term| own_term_matches(self.session, own, term, own));
    }
    fn term(&mut self, own: &Profile, term: &PodTerm) -> usize {
        self.counter(Watch::Term(own.namespace().clone(), term.clone()), &term.topology_key)
    }
    fn carrier(&mut self, of: u32, term: &PodTerm) -> usize {
        let namespace = self.session.profiles[of as usize].namespace().clone();
        self.counter(Watch::Carrier(namespace, term.clone()), &term.topology_key)
    }
    fn spread(&mut self, own: &Profile, constraint: &SpreadConstraint, selection: Selection, keys: &[Name]) -> Spread {
        let by_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
        let by_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
        let eligible = self.sites.all.iter().map(|site| {
            site.example.as_ref().is_some_and(|row| {
                let node = row.doc.as_node();
                // A template's machine gets its host name when it stands.
                let labelled = |key: &Name| (key == HOSTNAME && !site.sizes.is_empty()) || row.doc.meta.labels.contains_key(key);
                keys.iter().all(labelled)
                    && (!by_affinity || node_affinity::matches(own, row))
                    && (!by_taints || node.is_some_and(|node| taint_toleration::check(own, node).is_none()))
            })
        });
        let eligible: Vec<bool> = eligible.collect();
        let itself = i64::from(selection.matches(own.labels()));
        let counter = self.counter(Watch::Spread(selection, eligible), &constraint.topology_key);
        let min_domains = constraint.min_domains.unwrap_or(1).max(1) as usize;
        Spread { counter, slack: i64::from(constraint.max_skew) - itself, min_domains }
    }
    fn counter(&mut self, watch: Watch, key: &Name) -> usize {
        if let Some(known) = self.counters.iter().position(|counter| counter.key == *key && counter.watch == watch) {
            return known;
        }
        let scope = if key == HOSTNAME { Scope::Host(self.host_slots) } else { Scope::Sites };
        self.host_slots += usize::from(scope != Scope::Sites);
        let sites = &self.sites.all;
        let (domain_of, domains) = self.keys.entry(key.clone()).or_insert_with(|| {
            let mut ids: BTreeMap<&Name, u32> = BTreeMap::new();
            let of = sites.iter().map(|site| {
                let value = site.example.as_ref()?.doc.meta.labels.get(key);
                // By machine there is nothing to tell but whether a machine counts at all.
                let Some(value) = value else { return (key == HOSTNAME && !site.sizes.is_empty()).then_some(0) };
                let next = ids.len() as u32;
                Some(*ids.entry(value).or_insert(next))
            });
            let of: Vec<Option<u32>> = of.collect();
            (of, ids.len())
        });
        let eligible = match &watch {
            Watch::Spread(_, eligible) => eligible.clone(),
            _ => vec![true; sites.len()],
        };
        self.counters.push(Counter { watch, key: key.clone(), scope, domain_of: domain_of.clone(), domains: *domains, eligible });
        self.counters.len() - 1
    }
}
