//! Channels: a cluster's versions and images are moved by themselves, in its maintenance windows (aks-semantics AU-1, AU-2, MW-1 to MW-3).
//!
//! A channel asks for what a user would ask for, through the same door, one step at a time: the control plane, then pool after pool. What
//! began in a window runs past its end, nothing begins after it. Each window leaves a record of what began, and why nothing more did.
//! An upgrade of the version brings the image with it, and goes first: no image is rolled twice in one window.
//!
//! Not here: which windows there are (`model::maintenance`), whether a step may be taken (`admit`).

use crate::Env;
use crate::admit::{admit, newest_image};
use nodelane_catalog::{Catalog, Version};
use nodelane_model::change::{Change, EtagConditions, Origin};
use nodelane_model::hash::Hash;
use nodelane_model::maintenance::{self, Day, Maintenance, NOTICE_MILLIS, RUNS_LIMIT, Run, TimeInWeek, Window};
use nodelane_model::operation::Outcome;
use nodelane_model::pool::{Mode, OsType, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Cluster, Key, Name, NodePool, Refusal, Time};
use nodelane_world::{Draft, List};

/// What a channel moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// Kubernetes versions, of the control plane and then of the pools.
    Version,
    /// Node images.
    Image,
}

/// How a step that a channel may take ended.
enum Step {
    /// Something began; it is called this.
    Began(Name),
    /// Something else runs: the channel looks again when it is over.
    Waits(String),
    /// Nothing more is done in this window.
    Over(String),
}

/// Looks whether a window of a cluster's channels is open, and takes the next step in it.
pub(super) fn reconcile(draft: &mut Draft, env: &Env, key: &Key) {
    for channel in [Channel::Version, Channel::Image] {
        let Some(doc) = draft.world.get(key).cloned() else { return };
        let Some(cluster) = doc.as_cluster().filter(|cluster| cluster.state.gone.is_none()) else { return };
        let Some(setting) = channel.setting(cluster) else { continue };
        let schedule = channel.schedule(cluster, doc.meta.uid.0 as u64);
        let Some(window) = schedule.windows(draft.now).next() else { continue };
        if !window.contains(draft.now) {
            draft.world.work.wake(window.start, List::Operations, key.clone());
            continue;
        }
        draft.world.work.wake(window.end, List::Operations, key.clone());
        let runs = cluster.state.maintenance_runs.get(channel.configuration());
        let known = runs.and_then(|runs| runs.last()).filter(|run| run.window == window.start).cloned();
        let mut run = known.clone().unwrap_or(Run { window: window.start, at: draft.now, began: Vec::new(), waits: None, over: None });
        if run.over.is_some() {
            continue;
        }
        match pause(&schedule, window, draft.now) {
            Some((why, Some(until))) => {
                draft.world.work.wake(until, List::Operations, key.clone());
                run.waits = Some(why.into());
            }
            Some((why, None)) => run.over = Some(why.into()),
            None => match step(draft, env, cluster, channel, &setting, &run) {
                Step::Began(what) => {
                    run.began.push(what);
                    run.waits = None;
                }
                Step::Waits(why) => run.waits = Some(why.into()),
                Step::Over(why) => (run.waits, run.over) = (None, Some(why.into())),
            },
        }
        if known.as_ref() != Some(&run) {
            run.at = draft.now;
            record(draft, key, channel, run);
        }
    }
}

/// Why nothing is done although a window is open; until when, where that is inside of the window.
fn pause(schedule: &Maintenance, window: Window, now: Time) -> Option<(String, Option<Time>)> {
    if window.start < schedule.written.plus(NOTICE_MILLIS) && schedule.written > Time(0) {
        return Some(("it began less than 15 minutes after it was configured".into(), None));
    }
    let (start, end) = schedule.forbids(now)?;
    Some((format!("maintenance is not allowed from {start} to {end}"), (end < window.end).then_some(end)))
}

fn record(draft: &mut Draft, key: &Key, channel: Channel, run: Run) {
    draft.update(key, |doc| {
        let Some(cluster) = doc.as_cluster_mut() else { return };
        let runs = cluster.state.maintenance_runs.entry(channel.configuration().into()).or_default();
        runs.retain(|other| other.window != run.window);
        runs.push(run);
        let surplus = runs.len().saturating_sub(RUNS_LIMIT);
        runs.drain(..surplus);
    });
}

impl Channel {
    /// The name of the configuration that says when.
    pub fn configuration(self) -> &'static str {
        match self {
            Channel::Version => maintenance::AUTO_UPGRADE,
            Channel::Image => maintenance::NODE_OS,
        }
    }
    /// What the cluster's profile says; `None` where nothing is moved by itself.
    pub fn setting(self, cluster: &Cluster) -> Option<String> {
        let profile = cluster.spec.properties.get("autoUpgradeProfile")?;
        let text = |key: &str| profile.get(key).and_then(|value| value.as_str()).map(str::to_lowercase);
        let (version, image) = (text("upgradeChannel").unwrap_or_default(), text("nodeOSUpgradeChannel").unwrap_or_default());
        match self {
            Channel::Version => ["patch", "stable", "rapid"].contains(&version.as_str()).then_some(version),
            Channel::Image if version == "node-image" => Some("nodeimage".into()),
            Channel::Image => ["nodeimage", "securitypatch"].contains(&image.as_str()).then_some(image),
        }
    }
    /// When it may be worked on: the channel's own configuration, else `default`, else a day of the week that hangs on the cluster's id.
    pub fn schedule(self, cluster: &Cluster, seed: u64) -> Maintenance {
        let configured = &cluster.state.maintenance;
        match configured.get(self.configuration()).or_else(|| configured.get(maintenance::DEFAULT)) {
            Some(maintenance) => maintenance.clone(),
            None => {
                let day = Day::ALL[(Hash::new(seed).text(self.configuration()).get() % 7) as usize];
                Maintenance { time_in_week: vec![TimeInWeek { day, hour_slots: (0..24).collect() }], ..Maintenance::default() }
            }
        }
    }
}

/// The next step that a channel takes, if it may.
fn step(draft: &mut Draft, env: &Env, cluster: &Cluster, channel: Channel, setting: &str, run: &Run) -> Step {
    if cluster.spec.power == Power::Stopped {
        return Step::Over("the cluster is stopped".into());
    }
    if let Some(operation) = &cluster.state.operation {
        return Step::Waits(format!("the cluster is {}", operation.provisioning_state()));
    }
    if let Some((doc, pool)) = draft.world.pools().find(|(_, pool)| pool.state.operation.is_some()) {
        return Step::Waits(format!("pool {} is {}", doc.key.name, pool.provisioning_state()));
    }
    let failed = |name: &Name| draft.world.pool(name).is_some_and(|(_, pool)| pool.last_outcome() != Outcome::Succeeded);
    if let Some(name) = run.began.last().filter(|name| failed(name)) {
        return Step::Over(format!("the upgrade of pool {name} did not succeed"));
    }
    let next = match channel {
        Channel::Version => version_step(draft, env, cluster, setting),
        Channel::Image => image_step(draft, env, setting, run),
    };
    let Some((what, change)) = next else {
        return Step::Over(if run.began.is_empty() { "there is nothing newer" } else { "everything is done" }.into());
    };
    match admit(draft, &change, &Origin::default(), env) {
        Ok(accepted) if accepted.operation.is_some() => Step::Began(what),
        Ok(_) => Step::Over(format!("{what} is as it should be")),
        Err(refusal) => Step::Over(format!("{what} was refused: {}", sentence(&refusal))),
    }
}

/// A refusal for the record; the sentences of ARM are in the room `arm`.
fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Pool(PoolRefusal::UnsatisfiableBudgets(budgets)) => format!("no pod may ever leave under {} (UF-2)", budgets.join(", ")),
        Refusal::Pool(PoolRefusal::NotAllowed { rule, why, .. } | PoolRefusal::Parameter { rule, why, .. }) => format!("{why} ({rule})"),
        Refusal::Pool(refusal) => format!("rule {}: {refusal:?}", refusal.rule()),
        other => other.to_string(),
    }
}

/// The control plane's next version, then the pools that are behind it, those of system mode first.
fn version_step(draft: &Draft, env: &Env, cluster: &Cluster, setting: &str) -> Option<(Name, Change)> {
    let current: Version = cluster.state.version.parse().ok()?;
    let etag = EtagConditions::default();
    let base = draft.world.get(&crate::cluster_key()).map(|doc| doc.revision);
    if let Some(target) = target(&env.catalog, current, setting) {
        let mut spec = cluster.spec.clone();
        spec.kubernetes_version = target.to_string().into();
        let change = Change::PutCluster { spec: Box::new(spec), pools: Vec::new(), base, etag };
        return Some((format!("Kubernetes {target}").into(), change));
    }
    let behind = |pool: &NodePool| pool.exists() && pool.state.version.parse::<Version>().is_ok_and(|version| version < current);
    let mut pools: Vec<_> = draft.world.pools().filter(|(_, pool)| behind(pool)).collect();
    pools.sort_by_key(|(_, pool)| pool.spec.mode != Mode::System);
    let (doc, pool) = pools.first()?;
    let name = doc.key.name.clone();
    let mut spec = pool.spec.clone();
    spec.count = crate::admit::count(&draft.world, &name, pool);
    spec.orchestrator_version = cluster.state.version.clone();
    let request_hash = Hash::new(doc.revision).text(&name).get();
    Some((name.clone(), Change::PutPool { name, spec: Box::new(spec), base: Some(doc.revision), etag, request_hash }))
}

/// The version that a channel brings next: one minor a step (aks-semantics AU-1); `None` where it is reached.
pub fn target(catalog: &Catalog, current: Version, setting: &str) -> Option<Version> {
    let newest = catalog.releases().iter().map(|release| release.version.minor).max()?;
    let wanted = match setting {
        "patch" => current.minor,
        "stable" => newest.saturating_sub(1),
        _ => newest,
    };
    // What is no longer supported is brought back first, whatever the channel.
    let oldest = newest.saturating_sub(2);
    let minor = wanted.max(oldest).max(current.minor).min(current.minor + 1);
    catalog.newest_patch(minor).filter(|target| *target > current)
}

/// The next pool whose image is not the newest, in order of name; each once a window.
fn image_step(draft: &Draft, env: &Env, setting: &str, run: &Run) -> Option<(Name, Change)> {
    let behind = |name: &Name, pool: &NodePool| {
        let newest = newest_image(&env.catalog, &pool.spec, &pool.state.version);
        let takes_part = setting != "securitypatch" || pool.spec.os_type == OsType::Linux;
        takes_part && !run.began.contains(name) && newest.is_some_and(|newest| newest != pool.state.image)
    };
    let (doc, _) = draft.world.pools().find(|(doc, pool)| behind(&doc.key.name, pool))?;
    let name = doc.key.name.clone();
    Some((name.clone(), Change::UpgradePoolImage { name }))
}

/// A window to come, as a preview shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// The window.
    pub window: Window,
    /// Why nothing will be done in all of it; `None` where something may.
    pub skipped: Option<String>,
}

/// The next windows of a channel's schedule, with those in which nothing may be done and why.
pub fn preview(schedule: &Maintenance, now: Time, count: usize) -> Vec<Preview> {
    let skipped = |window: Window| match pause(schedule, window, window.start.max(now)) {
        Some((why, None)) => Some(why),
        Some((why, Some(_))) if schedule.forbids(window.end.plus(-1)).is_some() => Some(why),
        _ => None,
    };
    schedule.windows(now).take(count).map(|window| Preview { window, skipped: skipped(window) }).collect()
}
