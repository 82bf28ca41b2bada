//! The present state as worlds that can be run: of our server's data, of a kubeconfig's cluster, of a dump.
//!
//! The server's own data folder is read, whether the server runs or not: it has everything (operations, quotas, policy), and what is in
//! it is what was acknowledged. Of another cluster the pools are adopted as a scenario's snapshot is; its names are those of the command.

use std::collections::BTreeMap;

use nodelane_arm::{ClusterId, GroupId};
use nodelane_engine::Env;
use nodelane_model::Time;
use nodelane_rehearsal::adopt;
use nodelane_server::clock;
use nodelane_server::driver::reading;
use nodelane_server::process::{FIRST_SUBSCRIPTION, Settings, env};
use nodelane_world::World;

use crate::az::Failure;
use crate::environment::Environment;
use crate::nodepool::OfPool;
use crate::rehearse::scene::account;
use crate::source::Elsewhere;

/// The state.
pub struct Present {
    /// The account.
    pub account: World,
    /// Its clusters, with what deciding knows beside them.
    pub clusters: Vec<(ClusterId, World, Env)>,
    /// When it was read.
    pub now: Time,
}

/// Reads it.
pub async fn read(elsewhere: &Elsewhere, pool: &OfPool, environment: &Environment) -> Result<Present, Failure> {
    let now = clock::now(Time(0));
    if let Some((mut objects, _)) = elsewhere.objects().await? {
        elsewhere.complete(&mut objects)?;
        let group = GroupId { subscription: FIRST_SUBSCRIPTION.into(), group: pool.cluster.resource_group.as_str().into() };
        let id = ClusterId { group, cluster: pool.cluster.cluster_name.as_str().into() };
        let (world, env) = adopt(objects, &id, 0, now).map_err(Failure::refused)?;
        return Ok(Present { account: account(now), clusters: vec![(id, world, env)], now });
    }
    let (account, clusters) = reading::worlds(environment.paths.root())
        .map_err(|why| Failure::not_found(format!("{why}: start one with `nodelane up`, or name a cluster with --kubeconfig or --dump")))?;
    let none = BTreeMap::new();
    let clusters = clusters.into_iter().map(|(entry, world)| {
        let env = env(&account, &entry, &none, &Settings::default());
        (entry.id, world, env)
    });
    let clusters = clusters.collect();
    Ok(Present { account, clusters, now })
}
