//! Plays a script: what happens when, and who is told.
//!
//! Safety first: for the hours of the storm only what must hold at all times is judged. Then faults end, the disk takes writes, users
//! take back cordons and budgets and put every pool once more: all must come to rest as asked, and stay so (liveness).

use super::client::{Client, Request, is_cordoned};
use super::objects;
use super::script::{Script, What};
use super::tally::Tally;
use crate::invariants::{Invariant, Judge, Violation};
use crate::{Rehearsal, Talk};
use nodelane_catalog::Catalog;
use nodelane_control::Event;
use nodelane_engine::Env;
use nodelane_model::change::{Accepted, EtagConditions, Principal};
use nodelane_model::hash::Hash;
use nodelane_model::{Change, Doc, Fault, FaultKind, Key, Kind, Name, Origin, Refusal, Time};
use nodelane_provider::Failure;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// When storms begin: 2026-01-01T00:00:00Z.
const START: Time = Time(1_767_225_600_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// How long kubectl goes on with a drain, and how often it asks again (aks-semantics H-7).
const DRAIN_MILLIS: i64 = 5 * MINUTE;
const DRAIN_PAUSE_MILLIS: i64 = 5_000;
/// `Retry-After` of a throttled request.
const THROTTLED_MILLIS: i64 = 10_000;
/// The longest that what was begun may take when nothing is in its way: an upgrade of three machines in slow motion.
const CALM_HOURS: i64 = 12;
/// Writes that a failure shows.
const LAST: usize = 40;

/// What came of a storm.
#[derive(Debug)]
pub struct Played {
    /// The first broken invariant, and what else broke in the same instant.
    pub violations: Vec<Violation>,
    /// When the storm began.
    pub begin: Time,
    /// The last writes before it ended.
    pub last: Vec<String>,
    /// What it met.
    pub tally: Tally,
    /// A hash of every write and when it was published.
    pub trace: u64,
}

impl Played {
    /// What broke, if anything did.
    pub fn violation(&self) -> Option<&Violation> {
        self.violations.first()
    }
}

enum Job {
    Do(What),
    Send(Box<Request>),
    Drain(Name, Time),
}

/// An answer, and to which request.
type Answer = (u64, Result<Accepted, Refusal>);

struct Storm<'a> {
    script: &'a Script,
    r: Rehearsal,
    judge: Judge,
    client: Client,
    tally: Tally,
    agenda: BTreeMap<(Time, u64), Job>,
    jobs: u64,
    /// Requests under way, by number.
    open: BTreeMap<u64, Request>,
    last_of_pools: Option<Request>,
    /// The first request of each client id: those that follow repeat it.
    firsts: BTreeMap<Name, u64>,
    last: VecDeque<(Time, Event)>,
    keeps: usize,
    trace: Hash,
    begin: Time,
    /// Whether refusals count: at the end nothing may be refused.
    calm: bool,
}

/// Plays a script.
pub fn play(script: &Script) -> Played {
    play_keeping(script, LAST)
}

/// Plays a script and keeps so many of its last writes.
pub fn play_keeping(script: &Script, last: usize) -> Played {
    let mut storm = Storm::new(script, prepare(script));
    storm.keeps = last;
    let done = catch_unwind(AssertUnwindSafe(|| storm.run()));
    if let Err(panic) = done {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let unseen = storm.r.events.len().saturating_sub(storm.keeps);
        storm.last.extend(storm.r.events.drain(..).skip(unseen));
        storm.judge.broke_down(storm.r.now(), &text.unwrap_or_default());
    }
    storm.finish()
}

/// The world of a script, at rest, with pools of old images.
fn prepare(script: &Script) -> Rehearsal {
    let profile = if script.slow { BootProfile::Azure } else { BootProfile::Fast };
    let mut r = Rehearsal::new(World::new(script.seed), Env::default(), profile, START);
    let user = || Origin { principal: Principal::User("ann".into()), ..Origin::default() };
    let system: Vec<_> = script
        .lanes
        .iter()
        .take(1)
        .map(|lane| (Name::from(lane.name.as_str()), objects::pool(&super::Lane { minor: 34, ..lane.clone() })))
        .collect();
    let cluster = Change::PutCluster { spec: Box::new(objects::cluster()), pools: system, base: None, etag: EtagConditions::default() };
    let mut changes = vec![cluster];
    changes.extend(["default", "kube-system"].map(|name| Change::Create(Arc::new(objects::namespace(name)))));
    for change in changes {
        let _ = r.request(change, user());
    }
    let idle = |world: &World| {
        world.cluster().is_none_or(|cluster| cluster.state.operation.is_none())
            && world.pools().all(|(_, pool)| pool.state.operation.is_none())
    };
    r.run_until_holds(START.plus(2 * HOUR), idle);
    for lane in script.lanes.iter().skip(1).filter(|lane| lane.first) {
        let spec = Box::new(objects::pool(lane));
        let _ = r.request(
            Change::PutPool { name: lane.name.clone().into(), spec, base: None, etag: EtagConditions::default(), request_hash: 0 },
            user(),
        );
    }
    for app in &script.apps {
        for doc in objects::app(app, &script.lanes) {
            let _ = r.request(Change::Create(Arc::new(doc)), user());
        }
        if !app.budget.is_empty() {
            let _ = r.request(Change::Create(Arc::new(objects::budget(app, &app.name, &app.budget))), user());
        }
    }
    let until = r.now().plus(2 * HOUR);
    r.run_until_holds(until, idle);
    let until = r.now().plus(2 * MINUTE);
    r.run_until(until);
    let mut r = Rehearsal::new(with_old_images(script, r.world()), Env::default(), profile, r.now());
    let until = r.now().plus(MINUTE);
    r.run_until(until);
    r.disk.sync_millis = script.sync_millis;
    r
}

/// The world with some pools one image behind the newest.
fn with_old_images(script: &Script, world: &World) -> World {
    let old = |image: &Name| -> Option<Name> {
        let catalog = Catalog::default();
        let newest = catalog.image(image)?;
        let images = catalog.images(newest.os_sku);
        let before = images.iter().position(|other| other.release == newest.release)?.checked_sub(1)?;
        Some(image.replace(newest.release, images[before].release).into())
    };
    let is_old = |pool: &str| script.lanes.iter().any(|lane| lane.name == pool && lane.old_image);
    let docs = world.list_from(std::ops::Bound::Unbounded).map(|doc| {
        let mut changed = (**doc).clone();
        if let Some(pool) = changed.as_pool_mut().filter(|_| is_old(&doc.key.name)) {
            pool.state.image = old(&pool.state.image).unwrap_or_default();
        }
        if let Some(machine) = changed.as_machine_mut().filter(|machine| is_old(&machine.pool)) {
            machine.model.image = old(&machine.model.image).unwrap_or_default();
            machine.running = machine.running.as_ref().map(|_| machine.model.clone());
        }
        Arc::new(changed)
    });
    World::rebuild(script.seed, world.revision, docs)
}

impl<'a> Storm<'a> {
    fn new(script: &'a Script, mut r: Rehearsal) -> Storm<'a> {
        let judge = Judge::new(r.world());
        let mut tally = Tally { seeds: 1, hours: script.hours, ..Tally::default() };
        r.events.iter().for_each(|(_, event)| tally.event(event));
        (r.events, r.talk, r.reports) = (Vec::new(), Vec::new(), Vec::new());
        let begin = r.now();
        let mut storm = Storm {
            script,
            r,
            judge,
            client: Client::default(),
            tally,
            agenda: BTreeMap::new(),
            jobs: 0,
            open: BTreeMap::new(),
            last_of_pools: None,
            firsts: BTreeMap::new(),
            last: VecDeque::new(),
            keeps: LAST,
            trace: Hash::new(0),
            begin,
            calm: false,
        };
        for step in &script.steps {
            storm.plan(begin.plus(step.at), Job::Do(step.what.clone()));
        }
        storm
    }
    fn plan(&mut self, at: Time, job: Job) {
        self.jobs += 1;
        self.agenda.insert((at, self.jobs), job);
    }
    fn is_broken(&self) -> bool {
        !self.judge.findings.violations.is_empty()
    }

    fn run(&mut self) {
        let end = self.begin.plus(self.script.hours * HOUR);
        while let Some(((at, _), job)) = self.agenda.pop_first() {
            if at > end || self.is_broken() {
                break;
            }
            self.pass(at);
            self.happen(job);
        }
        self.pass(end);
        if !self.is_broken() {
            self.calm_down();
        }
    }

    /// Time passes; everybody is told what happens.
    fn pass(&mut self, until: Time) {
        while !self.is_broken() {
            let closed = self.r.disk.is_closed();
            let more = self.r.run_instant(until);
            self.look(closed);
            if !more {
                return;
            }
        }
    }
    fn look(&mut self, closed: bool) {
        let now = self.r.now();
        let events = std::mem::take(&mut self.r.events);
        let talk = std::mem::take(&mut self.r.talk);
        let answers = self.r.answers();
        let (mut event, mut said, mut answer) = (0, 0, 0);
        let closed = closed || self.r.disk.is_closed();
        for restart in std::mem::take(&mut self.r.restarts) {
            self.told(event, &events[event..restart.events], &talk[said..restart.talk], &answers[answer..restart.answers], closed);
            (event, said, answer) = (restart.events, restart.talk, restart.answers);
            self.judge.restarted(now, &restart.world);
            self.tally.fault(if restart.kept > 0 { "crash mid-batch" } else { "crash" });
            for request in std::mem::take(&mut self.open).into_values() {
                self.tally.request(request.verb, "lost");
            }
            self.judge.users.uncordons.clear();
        }
        self.told(event, &events[event..], &talk[said..], &answers[answer..], closed);
        for said in std::mem::take(&mut self.r.breakdowns) {
            self.judge.broke_down(now, &said);
        }
        self.r.reports.clear();
        self.judge.turned(now);
        self.judge.passed(now);
    }
    /// Everybody is told what happened between two crashes; `events` begins with the one of number `first`.
    fn told(&mut self, first: usize, events: &[(Time, Event)], talk: &[(Time, usize, Talk)], answers: &[Answer], closed: bool) {
        let mut talk = talk.iter().peekable();
        for (number, (at, event)) in (first..).zip(events) {
            while let Some((at, _, said)) = talk.next_if(|(_, after, _)| *after <= number) {
                self.overheard(*at, said);
            }
            self.published(*at, event);
        }
        talk.for_each(|(at, _, said)| self.overheard(*at, said));
        self.answered(answers, closed);
    }
    fn published(&mut self, at: Time, event: &Event) {
        self.trace = self.trace.number(at.0 as u64).number(event.revision).text(&event.key().map(ToString::to_string).unwrap_or_default());
        self.tally.event(event);
        self.judge.event(at, event);
        self.measure(event);
        if self.last.len() >= self.keeps {
            self.last.pop_front();
        }
        self.last.push_back((at, event.clone()));
    }
    fn overheard(&mut self, at: Time, said: &Talk) {
        if let Talk::Completion(completion) = said
            && let Err(failure) = &completion.result
        {
            self.tally.fault(failure_name(failure));
        }
        self.judge.said(at, said);
    }
    fn answered(&mut self, answers: &[Answer], closed: bool) {
        for (id, answer) in answers {
            let now = self.r.now();
            let durable = self.judge.view.revision();
            self.judge.answered(now, *id, answer, durable, closed);
            let Some(request) = self.open.remove(id) else { continue };
            let word = match answer {
                Ok(_) => "accepted",
                Err(Refusal::Unavailable(_)) => "unavailable",
                Err(_) => "refused",
            };
            self.tally.request(request.verb, word);
            if let Change::Replace { doc, .. } = &request.change {
                self.judge.users.uncordons.remove(&doc.key.name);
            }
            if let (true, Err(refusal)) = (self.calm, answer) {
                let what = format!("{} was refused: {refusal}", request.verb);
                self.judge.findings.check(Invariant::Usable, now, false, || what);
            }
        }
    }

    /// Keeps how large the world was at most.
    fn measure(&mut self, event: &Event) {
        let count = |kind| self.judge.view.list(kind).count() as u64;
        match event.key().map(|key| key.kind).filter(|_| event.old.is_none()) {
            Some(Kind::Node) => self.tally.nodes = self.tally.nodes.max(count(Kind::Node)),
            Some(Kind::Pod) => self.tally.pods = self.tally.pods.max(count(Kind::Pod)),
            Some(Kind::NodePool) => self.tally.pools = self.tally.pools.max(self.judge.view.pools().count() as u64),
            _ => {}
        }
    }

    fn happen(&mut self, job: Job) {
        let now = self.r.now();
        self.judge.users.load_changed = now;
        match job {
            Job::Send(request) => self.send(*request),
            Job::Drain(node, until) => self.drain(&node, until),
            Job::Do(What::Drain(number)) => {
                let nodes: Vec<Arc<Doc>> = self.r.world().list(Kind::Node, None).cloned().collect();
                let Some(node) = nodes.get(number as usize % nodes.len().max(1)) else { return };
                let request = self.client.cordon(node, true);
                self.send(request);
                self.plan(now.plus(500), Job::Drain(node.key.name.clone(), now.plus(DRAIN_MILLIS)));
            }
            Job::Do(What::Repeat) => {
                if let Some(request) = self.last_of_pools.clone() {
                    self.send(request);
                }
            }
            Job::Do(What::Full(seconds)) => {
                let millis = i64::from(seconds) * 1_000;
                self.r.disk.fail(now.plus(millis));
                self.judge.excuse(millis + MINUTE);
                self.tally.fault("disk full");
            }
            Job::Do(What::Flaky(percent, minutes)) => {
                let millis = i64::from(minutes) * MINUTE;
                self.r.flaky = Some((now.plus(millis), percent.into()));
                self.judge.excuse(millis);
            }
            Job::Do(What::Crash(writes)) => self.r.disk.die_after(writes.into()),
            Job::Do(what) => {
                let requests = self.client.requests(self.script, &self.r.world().clone(), &what, now);
                requests.into_iter().for_each(|request| self.send(request));
            }
        }
    }
    /// kubectl drain: asks every pod to go but for daemons, again and again.
    fn drain(&mut self, node: &Name, until: Time) {
        let now = self.r.now();
        let stays = |doc: &&Arc<Doc>| doc.is_terminating() || doc.meta.controller().is_some_and(|owner| owner.kind == "DaemonSet");
        let pods: Vec<Key> = self.r.world().pods_on(node).filter(|doc| !stays(doc)).map(|doc| doc.key.clone()).collect();
        let next = now.plus(DRAIN_PAUSE_MILLIS);
        if !pods.is_empty() && next < until {
            self.plan(next, Job::Drain(node.clone(), until));
        }
        for pod in pods {
            let request = self.client.evict(&pod);
            self.send(request);
        }
    }

    fn send(&mut self, mut request: Request) {
        let now = self.r.now();
        if is_throttled(self.r.world(), &request, now) {
            self.tally.fault("api-throttle");
            return self.plan(now.plus(THROTTLED_MILLIS), Job::Send(Box::new(request)));
        }
        let users = &mut self.judge.users;
        match &request.change {
            Change::Delete { key, .. } => drop(users.deletes.insert(key.clone())),
            Change::DeleteMachines { machines, .. } => users.named.extend(machines.iter().cloned()),
            Change::Replace { doc, .. } if doc.as_node().is_some_and(|node| !node.spec.unschedulable) => {
                users.uncordons.insert(doc.key.name.clone());
            }
            Change::Create(doc) if doc.key.kind == Kind::Fault => {
                let kind = Fault::read(doc).map(|fault| fault.kind);
                let word = FaultKind::ALL.iter().find(|(_, other)| Some(*other) == kind).map_or("", |(word, _)| word);
                // The others are counted when they strike.
                if !matches!(kind, Some(FaultKind::Allocation | FaultKind::Quota | FaultKind::ApiThrottle)) {
                    self.tally.fault(word);
                }
            }
            _ => {}
        }
        let origin = Origin { principal: Principal::User("ann".into()), client_request_id: request.client_id.clone(), ..Origin::default() };
        let id = self.r.submit(request.change.clone(), origin);
        let first = *self.firsts.entry(request.client_id.clone()).or_insert(id);
        request.asked.repeat_of = (first != id).then_some(first);
        self.judge.asked(id, request.asked.clone());
        let about_pool = matches!(
            request.change,
            Change::PutPool { .. } | Change::DeletePool { .. } | Change::UpgradePoolImage { .. } | Change::DeleteMachines { .. }
        );
        if about_pool && first == id {
            self.last_of_pools = Some(request.clone());
        }
        self.open.insert(id, request);
    }

    /// Nothing is in the way any more: all must come to rest as asked.
    fn calm_down(&mut self) {
        self.agenda.clear();
        self.r.flaky = None;
        self.r.disk.calm();
        let faults: Vec<Key> = self.r.world().list(Kind::Fault, None).map(|doc| doc.key.clone()).collect();
        self.pass(self.r.now().plus(3 * MINUTE));
        self.clear(&faults);
        self.pass(self.r.now().plus(MINUTE));
        let budgets: Vec<Key> = self.r.world().list(Kind::PodDisruptionBudget, None).map(|doc| doc.key.clone()).collect();
        self.clear(&budgets);
        self.uncordon();
        self.until_idle();
        self.start_cluster();
        for round in 0..2 {
            let pools: Vec<(Name, bool)> =
                self.r.world().pools().map(|(doc, pool)| (doc.key.name.clone(), pool.state.deletion_started.is_some())).collect();
            for (name, goes) in pools {
                let request = match goes {
                    true => Some(self.client.delete_again(&name)),
                    false => self.client.resume(&self.r.world().clone(), &name),
                };
                self.calm = round == 0;
                request.into_iter().for_each(|request| self.send(request));
            }
            self.until_idle();
            self.uncordon();
        }
        // Pods of lost nodes, rollouts and jobs that were held up.
        self.pass(self.r.now().plus(HOUR));
        if self.is_broken() {
            return;
        }
        self.judge.at_rest(self.r.now());
        // Tombstones go after a day; after that nothing moves.
        self.pass(self.r.now().plus(26 * HOUR));
        let (revision, since) = (self.r.world().revision, self.r.now());
        self.pass(since.plus(24 * HOUR));
        let moved = self.r.world().revision;
        let last = self.last.back().and_then(|(at, event)| Some(format!("{} at {at}", event.key()?))).unwrap_or_default();
        self.judge.findings.check(Invariant::Settles, self.r.now(), moved == revision, || {
            format!("at rest since {since}, and {} writes came, the last of {last}", moved - revision)
        });
    }
    fn clear(&mut self, keys: &[Key]) {
        for key in keys {
            let request = self.client.remove("clear", key);
            self.send(request);
        }
        self.pass(self.r.now().plus(1_000));
    }
    fn uncordon(&mut self) {
        let nodes: Vec<Arc<Doc>> = self.r.world().list(Kind::Node, None).filter(|doc| is_cordoned(doc)).cloned().collect();
        for node in nodes {
            let by_operation = self.r.world().get(&Key::global(Kind::Machine, node.key.name.clone())).and_then(|doc| doc.as_machine());
            if by_operation.is_some_and(|machine| machine.surge) {
                continue;
            }
            let request = self.client.cordon(&node, false);
            self.send(request);
        }
        self.pass(self.r.now().plus(5_000));
    }
    fn start_cluster(&mut self) {
        let stopped = self.r.world().cluster().is_some_and(|cluster| cluster.spec.power == nodelane_model::pool::Power::Stopped);
        if stopped {
            let requests = self.client.requests(self.script, &self.r.world().clone(), &What::StartCluster, self.r.now());
            requests.into_iter().for_each(|request| self.send(request));
            self.until_idle();
        }
    }
    fn until_idle(&mut self) {
        let end = self.r.now().plus(CALM_HOURS * HOUR);
        self.pass(self.r.now().plus(1_000));
        let busy = |world: &World| {
            let cluster = world.cluster().is_some_and(|cluster| cluster.state.operation.is_some());
            let surge = |doc: &Arc<Doc>| doc.as_machine().is_some_and(|machine| machine.surge);
            cluster || world.pools().any(|(_, pool)| pool.state.operation.is_some()) || world.list(Kind::Machine, None).any(surge)
        };
        while busy(self.r.world()) && self.r.now() < end && !self.is_broken() {
            self.pass(self.r.now().plus(MINUTE));
        }
    }

    fn finish(mut self) -> Played {
        for (invariant, times) in &self.judge.findings.evaluations {
            self.tally.evaluations.insert(invariant.id().to_owned(), *times);
        }
        let last = self.last.iter().map(|(at, event)| describe(*at, event)).collect();
        Played { violations: self.judge.findings.violations, begin: self.begin, last, tally: self.tally, trace: self.trace.get() }
    }
}

fn failure_name(failure: &Failure) -> &'static str {
    match failure {
        Failure::CapacityShort { .. } => "allocation",
        Failure::Permanent { .. } => "quota",
        Failure::Transient(_) | Failure::Throttled { .. } | Failure::NotFound => "flaky cloud",
    }
}

/// Whether the ARM API answers 429: then the same request is sent again later, computed from what was seen before.
fn is_throttled(world: &World, request: &Request, now: Time) -> bool {
    let arm = matches!(
        request.change,
        Change::PutPool { .. } | Change::DeletePool { .. } | Change::UpgradePoolImage { .. } | Change::AbortPool { .. }
    );
    let throttles =
        |fault: &Fault| fault.kind == FaultKind::ApiThrottle && fault.is_active(now) && fault.draws(&request.client_id, now.0 as u32);
    arm && world.list(Kind::Fault, None).filter_map(|doc| Fault::read(doc)).any(|fault| throttles(&fault))
}

fn describe(at: Time, event: &Event) -> String {
    let what = match (&event.old, &event.new) {
        (None, Some(_)) => "made",
        (Some(_), Some(new)) if new.is_terminating() => "ends",
        (Some(_), Some(_)) => "changed",
        (_, None) => "gone",
    };
    let doc = event.new.as_ref().or(event.old.as_ref());
    let more = doc.map(|doc| detail(doc)).unwrap_or_default();
    format!("{at} {} {what} {}{more}", event.revision, event.key().map(ToString::to_string).unwrap_or_default())
}

fn detail(doc: &Doc) -> String {
    if let Some(pool) = doc.as_pool() {
        let phase = pool.state.operation.as_ref().map(|operation| operation.progress);
        return format!(" {} {phase:?} count {}", pool.provisioning_state(), pool.spec.count);
    }
    if let Some(machine) = doc.as_machine() {
        let extra = if machine.surge { " extra" } else { "" };
        let drain = machine.drain.as_ref().map(|drain| (&drain.done, &drain.blocked));
        return format!(
            " {:?} {:?} roll {:?} cordons {:?} drain {drain:?}{extra}",
            machine.intent, machine.phase, machine.roll, machine.cordoned_by
        );
    }
    if let Some(node) = doc.as_node() {
        return format!(" ready {} unschedulable {}", node.status.is_ready(), node.spec.unschedulable);
    }
    if let Some(pod) = doc.as_pod() {
        return format!(" {:?} ready {} on {}", pod.status.phase, pod.status.is_ready(), pod.node.as_deref().unwrap_or("no node"));
    }
    doc.as_event().map(|event| format!(" {} {}", event.reason, event.message)).unwrap_or_default()
}
