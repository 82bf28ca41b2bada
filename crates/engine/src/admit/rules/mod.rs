//! The rules about what a pool may be, one file per subject, judged in one fixed order: the first that refuses is the answer.
//!
//! A rule looks at a [`Proposal`] and says yes or why not. It writes nothing and knows no wire text. Rules in their order: what cannot
//! change, names, mode, then the values one by one, last what depends on the other pools and on the subscription.

mod autoscale;
mod blue_green;
mod budget;
pub(super) mod count;
mod label;
mod marks;
mod mutability;
mod name;
mod network;
mod os;
mod policy;
mod quota;
mod resize;
pub(super) mod rollback;
mod size;
mod spot;
pub(super) mod system;
mod taint;
mod upgrade_settings;
pub(super) mod version;
mod zone;

pub(super) use marks::{check_manager, check_unprotected};
pub(super) use policy::check_cluster as check_policy_of_cluster;
pub(super) use version::resolve;

use super::{Ask, Env, upgrade};
use nodelane_catalog::{Region, Size, Version};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::{PoolSpec, UsedVersion};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Machine, Name, NodePool, Origin, Time};
use nodelane_world::World;

/// What the operation would do to the machines.
pub(super) struct Step {
    /// Machines that come beside those that are there, extra ones of a roll included.
    pub adds: u32,
    /// Extra machines of a roll.
    pub surge: u32,
    /// Whether machines are reimaged.
    pub rolls: bool,
    /// Whether they get the newest image.
    pub renews_image: bool,
    /// What a rollback brings back, in place of the newest image.
    pub back_to: Option<UsedVersion>,
}

/// What an accepted pool is to have.
pub(super) struct Target {
    /// The version as it is remembered to have been asked for.
    pub asked: Name,
    /// The full Kubernetes version.
    pub version: Name,
    /// The node image.
    pub image: Name,
}

/// A pool as it is proposed to be, with all that the rules look at.
struct Proposal<'a> {
    env: &'a Env,
    world: &'a World,
    cluster: &'a ClusterSpec,
    name: &'a Name,
    spec: &'a PoolSpec,
    /// The pool as it is; `None` for a new one.
    old: Option<&'a NodePool>,
    step: &'a Step,
    /// The full version of the control plane.
    control_plane: Version,
    /// The full version that the pool is to have; `None` where what is asked for is not on offer.
    version: Option<Version>,
    /// The size; `None` where there is none of that name.
    size: Option<&'static Size>,
    /// The region; `None` where there is none of that name.
    region: Option<&'static Region>,
    /// The time.
    now: Time,
    /// Who asks.
    origin: &'a Origin,
}

type Rule = fn(&Proposal) -> Result<(), PoolRefusal>;

/// Every rule, in the order in which they are judged.
const RULES: &[Rule] = &[
    mutability::immutable,
    mutability::windows_sku,
    name::pattern,
    name::windows,
    name::reserved,
    policy::pool,
    spot::not_system,
    system::linux,
    system::running,
    system::autoscale_minimum,
    system::unavailable,
    system::mode_of_the_last,
    mutability::kind,
    mutability::gateway,
    count::range,
    count::new_runs,
    count::not_while_stopped,
    autoscale::bounds,
    network::pods_per_node,
    network::pods_per_pool,
    rollback::allowed,
    version::on_offer,
    version::control_plane,
    version::skew,
    version::no_downgrade,
    size::known,
    size::large_enough_for_system,
    size::large_enough,
    size::windows_on_arm,
    size::offered,
    size::disk,
    resize::compatible,
    resize::alone,
    os::windows_profile,
    os::sku_and_type,
    os::sku_and_version,
    os::image_for_size,
    zone::supported,
    spot::price,
    spot::surge,
    spot::capacity,
    label::syntax,
    label::system,
    label::prefix,
    label::namespace,
    taint::syntax,
    taint::system,
    upgrade_settings::surge_or_unavailable,
    upgrade_settings::drain,
    upgrade_settings::soak,
    upgrade_settings::blocked,
    blue_green::allowed,
    count::room_for_surge,
    count::pools_and_nodes,
    network::addresses,
    quota::family,
    quota::region,
    marks::readable,
    marks::lets_roll,
    budget::satisfiable,
];

/// Judges every rule; gives what the pool is to have.
pub(super) fn check(ask: &Ask, name: &Name, spec: &PoolSpec, old: Option<&NodePool>, step: &Step) -> Result<Target, PoolRefusal> {
    let world = &ask.draft.world;
    let Some(cluster) = world.cluster() else {
        return Err(PoolRefusal::PoolNotFound { pool: name.clone(), cluster: Name::default() });
    };
    let catalog = &ask.env.catalog;
    let control_plane = cluster.state.version.parse().unwrap_or_else(|_| catalog.default_version());
    let unchanged = old.filter(|old| old.spec.orchestrator_version == spec.orchestrator_version);
    let version = match unchanged {
        Some(old) => old.state.version.parse().ok(),
        None if spec.orchestrator_version.is_empty() => Some(control_plane),
        None => resolve(catalog, world, &spec.orchestrator_version),
    };
    let (size, region) = (catalog.size(&spec.vm_size), catalog.region(&cluster.spec.location));
    let cluster = &cluster.spec;
    let proposal = Proposal {
        env: ask.env,
        world,
        cluster,
        name,
        spec,
        old,
        step,
        control_plane,
        version,
        size,
        region,
        now: ask.draft.now,
        origin: ask.origin,
    };
    for rule in RULES {
        if let Err(refusal) = rule(&proposal)
            && !ask.env.excuses(&refusal)
        {
            return Err(refusal);
        }
    }
    Ok(target(ask, &proposal))
}

fn target(ask: &Ask, proposal: &Proposal) -> Target {
    let version: Name = proposal.version.unwrap_or(proposal.control_plane).to_string().into();
    let asked = match proposal.spec.orchestrator_version.is_empty() {
        true => version.clone(),
        false => proposal.spec.orchestrator_version.clone(),
    };
    let kept = proposal.old.filter(|_| !proposal.step.renews_image).map(|old| old.state.image.clone());
    let back = proposal.step.back_to.as_ref().map(|used| used.node_image_version.clone());
    let image = back.or(kept).or_else(|| upgrade::newest_image(&ask.env.catalog, proposal.spec, &version)).unwrap_or_default();
    Target { asked, version, image }
}

/// Machines of a pool.
pub(super) fn machines<'a>(world: &'a World, pool: &Name) -> impl Iterator<Item = &'a Machine> {
    world.machines_of(pool).map(|(_, machine)| machine)
}
