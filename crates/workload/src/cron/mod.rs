//! Cron jobs: a job per time of a schedule.
//!
//! Only the most recent of several missed times is made up for. Time zones: UTC by its names and the fixed `Etc/GMT` offsets; others
//! are reported as unknown (event UnknownTimeZone), for the time zone database is not in the binary.

mod schedule;

use crate::claim::{controlled, controller_ref};
use crate::delete::delete;
use crate::job::{complete::complete_job, outcome};
use crate::notice::{Voice, namespace_takes};
use jiff::tz::Offset;
use nodelane_model::change::Propagation;
use nodelane_model::event::ObjectRef;
use nodelane_model::workload::{CronJob, CronJobSpec, CronJobStatus, Job};
use nodelane_model::{Body, Doc, Key, Kind, Labels, Meta, Name, Time};
use nodelane_world::Draft;
use schedule::Schedule;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Missed times that are counted before the controller says that there are too many.
const MISSED_LIMIT: usize = 100;

/// A cron job being reconciled. `status` is written back at the end.
struct Cron<'a> {
    draft: &'a mut Draft,
    doc: &'a Doc,
    spec: &'a CronJobSpec,
    status: CronJobStatus,
}

pub(crate) fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else {
        return 0;
    };
    let Some(CronJob { spec, status }) = doc.as_cron_job() else {
        return 0;
    };
    let before = draft.writes.len();
    let mut cron = Cron { draft, doc: &doc, spec, status: status.clone() };
    cron.clean_up();
    cron.follow_jobs();
    if !doc.is_terminating() && namespace_takes(cron.draft, &key.namespace) {
        cron.go();
    }
    let Cron { draft, status: next, .. } = cron;
    if next != *status {
        draft.update(key, |doc| doc.as_cron_job_mut().expect("it was one").status = next);
    }
    draft.writes.len() - before
}

/// The offset of a time zone that is known here: UTC, or `Etc/GMT+5`, which by POSIX's sign is five hours *west*.
fn offset_of(zone: Option<&Name>) -> Option<Offset> {
    let zone = zone.map_or("UTC", |zone| zone.as_str());
    if ["UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT", "Etc/Universal", "Universal"].contains(&zone) {
        return Some(Offset::UTC);
    }
    let west: i8 = zone.strip_prefix("Etc/GMT").filter(|sign| sign.starts_with(['+', '-']))?.parse().ok()?;
    (-14..=12).contains(&west).then(|| Offset::constant(-west))
}

impl Cron<'_> {
    fn say(&mut self, reason: &'static str, message: String) {
        Voice { about: &self.doc.key, component: "cronjob-controller" }.say(self.draft, reason, message);
    }
    fn warn(&mut self, reason: &'static str, message: String) {
        Voice { about: &self.doc.key, component: "cronjob-controller" }.warn(self.draft, reason, message);
    }
    fn jobs(&self) -> Vec<Arc<Doc>> {
        controlled(&self.draft.world, self.doc, Kind::Job)
    }

    /// Deletes the oldest finished jobs beyond the history limits.
    fn clean_up(&mut self) {
        for (kind, limit) in [
            ("Complete", self.spec.successful_jobs_history_limit.unwrap_or(3)),
            ("Failed", self.spec.failed_jobs_history_limit.unwrap_or(1)),
        ] {
            let mut jobs = self.jobs();
            jobs.retain(|doc| !doc.is_terminating() && doc.as_job().and_then(outcome).is_some_and(|end| end.kind == kind));
            jobs.sort_by_key(|doc| (doc.as_job().and_then(|job| job.status.start_time), doc.key.clone()));
            let surplus = jobs.len().saturating_sub(limit.max(0) as usize);
            for job in jobs.into_iter().take(surplus) {
                delete(self.draft, &job.key, None, Some(Propagation::Background));
                self.say("SuccessfulDelete", format!("Deleted job {}", job.key.name));
            }
        }
    }

    /// Keeps the list of active jobs.
    fn follow_jobs(&mut self) {
        for doc in self.jobs() {
            let uid = doc.meta.uid.to_string();
            let place = self.status.active.iter().position(|active| active.uid == uid);
            let Some(job) = doc.as_job() else { continue };
            match (place, outcome(job)) {
                (Some(place), Some(end)) => {
                    self.status.active.remove(place);
                    let completed = job.status.completion_time.filter(|_| end.kind == "Complete");
                    self.status.last_successful_time = self.status.last_successful_time.max(completed);
                    self.say("SawCompletedJob", format!("Saw completed job: {}, condition: {}", doc.key.name, end.kind));
                }
                (None, None) if !doc.is_terminating() => {
                    let message = "Saw a job that the controller did not create or forgot";
                    self.warn("UnexpectedJob", format!("{message}: {}", doc.key.name));
                }
                _ => {}
            }
        }
        for active in self.status.active.clone() {
            let key = Key::new(Kind::Job, active.namespace.clone(), active.name.clone());
            let is_there = self.draft.world.get(&key).is_some_and(|doc| active.uid == doc.meta.uid.to_string());
            if !is_there {
                self.status.active.retain(|other| other.uid != active.uid);
                self.say("MissingJob", format!("Active job went missing: {}", active.name));
            }
        }
    }

    fn go(&mut self) {
        let Some(offset) = offset_of(self.spec.time_zone.as_ref()) else {
            let zone = self.spec.time_zone.clone().unwrap_or_default();
            return self.warn("UnknownTimeZone", format!("invalid timeZone: {:?}: unknown time zone {zone}", zone.as_str()));
        };
        if self.spec.suspend {
            return;
        }
        let schedule = match Schedule::parse(&self.spec.schedule) {
            Ok(schedule) => schedule,
            Err(error) => {
                let schedule = self.spec.schedule.as_str();
                return self.warn("UnparseableSchedule", format!("unparseable schedule: {schedule:?} : {error}"));
            }
        };
        if let Some(at) = self.due(&schedule, offset) {
            self.run(at);
        }
        if let Some(next) = self.next_time(&schedule, offset) {
            crate::wake(self.draft, next, &self.doc.key);
        }
    }

    fn since(&self) -> Time {
        self.status.last_schedule_time.unwrap_or(self.doc.meta.created)
    }

    /// The first time after now. Times that repeat after a span count from the last one.
    fn next_time(&self, schedule: &Schedule, offset: Offset) -> Option<Time> {
        match schedule {
            Schedule::Every(seconds) => {
                let (since, step) = (self.since().whole_seconds(), seconds * 1000);
                Some(since.plus((self.draft.now.since(since).max(0) / step + 1) * step))
            }
            Schedule::Fields(_) => schedule.next(self.draft.now, offset),
        }
    }

    /// The most recent time since the last run that has come.
    fn due(&mut self, schedule: &Schedule, offset: Offset) -> Option<Time> {
        let now = self.draft.now;
        let deadline = self.spec.starting_deadline_seconds;
        let horizon = deadline.map_or(self.since(), |seconds| self.since().max(now.plus(-seconds * 1000)));
        let first = schedule.next(horizon, offset).filter(|at| *at <= now)?;
        let (mut last, mut missed) = (first, 0_usize);
        if let Schedule::Every(seconds) = schedule {
            let steps = now.since(first) / (seconds * 1000);
            (last, missed) = (first.plus(steps * seconds * 1000), steps as usize);
        } else {
            while let Some(at) = schedule.next(last, offset).filter(|at| *at <= now) {
                last = at;
                missed += 1;
                if missed > MISSED_LIMIT {
                    last = latest(schedule, offset, last, now);
                    break;
                }
            }
        }
        if missed > MISSED_LIMIT {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.warn("TooManyMissedTimes", message.into());
        }
        Some(last)
    }

    fn run(&mut self, at: Time) {
        let name = format!("{}-{}", self.doc.key.name, at.0 / 60_000);
        if self.status.last_schedule_time == Some(at) || self.status.active.iter().any(|active| active.name == name.as_str()) {
            return;
        }
        match self.spec.concurrency_policy.as_str() {
            "Forbid" if !self.status.active.is_empty() => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                return self.say("JobAlreadyActive", message.into());
            }
            "Replace" => {
                for active in std::mem::take(&mut self.status.active) {
                    let key = Key::new(Kind::Job, active.namespace.clone(), active.name.clone());
                    delete(self.draft, &key, None, Some(Propagation::Background));
                    self.say("SuccessfulDelete", format!("Deleted job {}", active.name));
                }
            }
            _ => {}
        }
        let key = Key::new(Kind::Job, self.doc.key.namespace.clone(), name);
        let made = match self.draft.world.get(&key).cloned() {
            Some(known) => known, // Made before the status was written.
            None => self.create(key, at),
        };
        if made.as_job().is_none_or(|job| outcome(job).is_none()) {
            self.status.active.push(ObjectRef {
                kind: Kind::Job.as_str().into(),
                namespace: made.key.namespace.clone(),
                name: made.key.name.clone(),
                uid: made.meta.uid.to_string().into(),
                api_version: Kind::Job.api_version().into(),
                ..ObjectRef::default()
            });
        }
        self.status.last_schedule_time = Some(at);
    }

    fn create(&mut self, key: Key, at: Time) -> Arc<Doc> {
        let template = &self.spec.job_template;
        let read = |field: &str| template.metadata.get(field).and_then(|map| serde_json::from_value(map.clone()).ok());
        let labels: Labels = read("labels").unwrap_or_default();
        let mut annotations: BTreeMap<Name, Name> = read("annotations").map(Arc::unwrap_or_clone).unwrap_or_default();
        annotations.insert("batch.kubernetes.io/cronjob-scheduled-timestamp".into(), at.to_string().into());
        let meta = Meta {
            uid: self.draft.uid(),
            generation: 1,
            labels,
            annotations: Arc::new(annotations),
            owners: Arc::new(vec![controller_ref(self.doc)]),
            ..Meta::default()
        };
        let body = Body::Job(Box::new(Job { spec: template.spec.clone(), ..Job::default() }));
        let mut job = Doc::new(key, 0, meta, body);
        complete_job(&mut job);
        let made = self.draft.create(job.key, job.meta, job.body);
        self.say("SuccessfulCreate", format!("Created job {}", made.key.name));
        made
    }
}

/// The last time not after `now`, from one that is not: found by halving, for there may be years of minutes between.
fn latest(schedule: &Schedule, offset: Offset, from: Time, now: Time) -> Time {
    let (mut low, mut high, mut last) = (from, now, from);
    while low < high {
        let middle = Time(low.0 + (high.0 - low.0) / 2);
        match schedule.next(middle, offset).filter(|at| *at <= now) {
            Some(at) => {
                last = at;
                low = at;
            }
            None => high = middle,
        }
    }
    last
}
