//! Why a pool does not grow: asked by the predicates that decide, of a snapshot alone.
//!
//! First what holds whatever the pod; where nothing does, what a new node of the pool says to the pods that wait. Here machines are counted
//! anew, so an answer costs what the pools are large.

use super::groups::{Group, Left, group};
use super::refusal::{CLASSES_LIMIT, put_template, reasons};
use super::select::looks_around;
use super::watch::Watch;
use super::{backoff, options, pending, provision_limit, template};
use crate::{Env, cluster_key};
use nodelane_model::pool::Backoff;
use nodelane_model::{Name, Time};
use nodelane_place::Room;
use nodelane_world::{ClassId, World};
use std::collections::{BTreeMap, BTreeSet};

/// How a pool stands with the autoscaler.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The pool, with its sizes and what keeps it from growing whatever the pod.
    pub group: Group,
    /// The pause that it is in.
    pub backoff: Option<Backoff>,
    /// Pods that wait for a node.
    pub waiting: usize,
    /// How many of those a new node of the pool would take, as far as they were looked at.
    pub fitting: usize,
    /// What it says to the others, by how many of them.
    pub refusals: BTreeMap<String, usize>,
}

/// How a pool stands; `None` where there is no such pool, or no cluster.
pub fn why_not_grow(world: &World, env: &Env, pool: &Name, now: Time) -> Option<Growth> {
    let cluster = world.get(&cluster_key())?.as_cluster()?;
    let profile = options::of_cluster(cluster, env.autoscaler);
    let (_, found) = world.pool(pool)?;
    let mut watch = Watch::default();
    watch.follow(world, &BTreeSet::new(), now, |pool| provision_limit(world, &profile, pool));
    let left = Left::of(world, env, |pool| watch.counts(pool).target());
    let group = group(env, pool, found, watch.counts(pool), &profile, &left, now);
    let mut scratch = world.clone();
    let pods = pending::pending(&mut scratch, &profile, now).pods;
    let mut growth =
        Growth { backoff: backoff::of(found, now).cloned(), waiting: pods.len(), fitting: 0, refusals: BTreeMap::new(), group };
    let template = template::templates(world, env, cluster, &growth.group, &[]);
    let mut fork = if looks_around(world, &pods) { scratch } else { World::new(world.seed) };
    template.iter().take(1).for_each(|template| put_template(&mut fork, world, &growth.group, template));
    let mut room = Room::default();
    room.config = env.scheduler.clone();
    let mut known: BTreeMap<ClassId, Vec<String>> = BTreeMap::new();
    for pod in &pods {
        let Some(class) = fork.class(pod).map(|class| class.id) else { continue };
        if !known.contains_key(&class) {
            if known.len() >= CLASSES_LIMIT {
                continue;
            }
            known.insert(class, reasons(&room.explain(&fork, pod), &growth.group).collect());
        }
        growth.fitting += usize::from(known[&class].is_empty());
        known[&class].iter().for_each(|reason| *growth.refusals.entry(reason.clone()).or_default() += 1);
    }
    Some(growth)
}
