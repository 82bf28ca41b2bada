//! A run: every cluster of a scenario on one virtual clock, what happens to them, and the record of it.
//!
//! Time jumps to the next thing that happens in any cell or on the timeline. At one instant the cells come to rest first, then the
//! timeline acts, in the order of the file. The words of changes and faults are read by the caller (`Hands`), who speaks ARM; what
//! it is refused is recorded and the run goes on, what it cannot understand ends the run.

use crate::manifest;
use crate::record::{Record, Recorder};
use crate::scenario::{Deed, Load, Manifest, Part, Scenario, Step};
use crate::{Rehearsal, Seat};
use nodelane_engine::Env;
use nodelane_model::{Key, Name, Time};
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A cluster on the stage.
#[derive(Clone)]
pub struct Place {
    /// Its name.
    pub name: Name,
    /// Its cell.
    pub seat: Arc<Seat>,
}

/// How a request ended that was not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It cannot be understood: the scenario is bad.
    Bad(String),
    /// The service refused it.
    Refused(String),
}

/// Who reads the words of changes and faults and asks for them.
pub trait Hands {
    /// The words behind `nodelane nodepool`, asked of a cluster.
    ///
    /// # Errors
    /// What was answered.
    fn change(&mut self, cluster: usize, words: &str) -> Result<(), Said>;
    /// The words behind `nodelane fault set`, for a cluster.
    ///
    /// # Errors
    /// What was answered.
    fn fault(&mut self, cluster: usize, words: &str, now: Time) -> Result<(), Said>;
}

/// The clusters of a run.
pub struct Stage {
    /// They, in the order of the scenario.
    pub places: Vec<Place>,
}

/// What ends a run early: the place in the scenario and what is wrong with it.
pub type Wrong = (Vec<Part>, String);

/// What is still to happen.
enum Due<'a> {
    Step(usize, &'a Step),
    Replicas(usize, usize, Key, i64),
}

impl Stage {
    /// Cells on worlds at the start of a scenario.
    pub fn new(worlds: Vec<(Name, World)>, env: &Env, start: Time) -> Stage {
        let place = |(name, world): (Name, World)| {
            let rehearsal = Rehearsal::new(world, env.clone(), BootProfile::Azure, start);
            Place { name, seat: Seat::new(rehearsal) }
        };
        Stage { places: worlds.into_iter().map(place).collect() }
    }

    /// Runs a scenario whose manifests are resolved; `passed` is told how far it is.
    ///
    /// # Errors
    /// The part of the scenario that cannot be done.
    pub fn run(&self, scenario: &Scenario, hands: &mut dyn Hands, passed: &mut dyn FnMut(Time)) -> Result<Record, Wrong> {
        let (start, end) = (scenario.start, scenario.end());
        let worlds: Vec<World> = self.places.iter().map(|place| place.seat.enter().world().clone()).collect();
        let names = self.places.iter().map(|place| place.name.clone());
        let mut recorder = Recorder::new(start, names.zip(&worlds));
        drop(worlds);
        self.places.iter().for_each(|place| place.seat.enter().run_until(start));
        if let crate::scenario::WorldSource::Clusters(clusters) = &scenario.world {
            for (c, cluster) in clusters.iter().enumerate() {
                for (m, manifest) in cluster.manifests.iter().enumerate() {
                    let place = || vec!["world".into(), "clusters".into(), c.into(), "manifests".into(), m.into()];
                    self.apply(c, manifest).map_err(|why| (place(), why))?;
                }
            }
        }
        let mut due: BTreeMap<(Time, u64), Due> = BTreeMap::new();
        let mut ordinal = 0;
        for (at, step) in scenario.timeline.iter().enumerate() {
            due.insert((step.at.after(start), ordinal), Due::Step(at, step));
            ordinal += 1;
        }
        loop {
            let of_cells = self.places.iter().filter_map(|place| place.seat.enter().next_at());
            let next = of_cells.chain(due.keys().next().map(|(at, _)| *at)).min();
            let Some(now) = next.filter(|next| *next <= end) else { break };
            for place in &self.places {
                place.seat.enter().run_until(now);
            }
            while let Some(entry) = due.first_entry().filter(|entry| entry.key().0 <= now) {
                let more = match entry.remove() {
                    Due::Step(at, step) => self.act(at, step, now, hands, &mut recorder)?,
                    Due::Replicas(at, cluster, key, replicas) => {
                        let asked = manifest::scale(&mut self.places[cluster].seat.enter(), &key, replicas);
                        asked.map_err(|why| (in_timeline(at, "load"), why))?;
                        Vec::new()
                    }
                };
                for (at, later) in more {
                    due.insert((at, ordinal), later);
                    ordinal += 1;
                }
            }
            self.collect(&mut recorder, now);
            passed(now);
        }
        for place in &self.places {
            place.seat.enter().run_until(end);
        }
        self.collect(&mut recorder, end);
        let mut record = recorder.finish(scenario.seed, end);
        record.asserts = crate::measure::judge(&record, &scenario.assert);
        Ok(record)
    }

    /// What happened in the cells goes into the record.
    fn collect(&self, recorder: &mut Recorder, now: Time) {
        for (at, place) in self.places.iter().enumerate() {
            let mut rehearsal = place.seat.enter();
            let (events, reports) = (std::mem::take(&mut rehearsal.events), std::mem::take(&mut rehearsal.reports));
            if !events.is_empty() || !reports.is_empty() {
                recorder.take(at, events, reports, rehearsal.world());
            }
            for said in std::mem::take(&mut rehearsal.breakdowns) {
                recorder.deed(now, at, "engine", "break down", "", &said);
            }
        }
        recorder.flush(now);
    }

    fn act<'a>(
        &self,
        at: usize,
        step: &'a Step,
        now: Time,
        hands: &mut dyn Hands,
        recorder: &mut Recorder,
    ) -> Result<Vec<(Time, Due<'a>)>, Wrong> {
        let cluster = self.cluster(at, step)?;
        let (action, words, asked) = match &step.deed {
            Deed::Load(load) => {
                recorder.deed(now, cluster, "user", "load", &load.workload, &format!("{} replicas", load.replicas));
                return self.load(at, cluster, load, now).map_err(|why| (in_timeline(at, "load"), why));
            }
            Deed::Apply(manifest) => {
                recorder.deed(now, cluster, "user", "apply", "", "a manifest");
                self.apply(cluster, manifest).map_err(|why| (in_timeline(at, "apply"), why))?;
                return Ok(Vec::new());
            }
            Deed::Change(words) => ("change", words, hands.change(cluster, words)),
            Deed::Fault(words) => ("fault", words, hands.fault(cluster, words, now)),
        };
        recorder.deed(now, cluster, "user", action, "", words);
        match asked {
            Ok(()) => {}
            Err(Said::Refused(why)) => recorder.deed(now, cluster, "admit", "refuse", "", &why),
            Err(Said::Bad(why)) => return Err((in_timeline(at, action), why)),
        }
        Ok(Vec::new())
    }

    fn cluster(&self, at: usize, step: &Step) -> Result<usize, Wrong> {
        let Some(name) = &step.cluster else { return Ok(0) };
        let known = || self.places.iter().map(|place| place.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.places.iter().position(|place| place.name == *name);
        found.ok_or_else(|| (in_timeline(at, "cluster"), format!("there is no cluster {name}; there are {}", known())))
    }

    fn apply(&self, cluster: usize, manifest: &Manifest) -> Result<(), String> {
        let Manifest::Objects(objects) = manifest else { return Err("the manifest was not read".into()) };
        let mut rehearsal = self.places[cluster].seat.enter();
        objects.iter().filter(|object| !object.is_null()).try_for_each(|object: &Value| manifest::apply(&mut rehearsal, object.clone()))
    }

    /// The first of the steps to a number of replicas, and the others for later: one replica at a time, at most one step a second.
    fn load<'a>(&self, at: usize, cluster: usize, load: &Load, now: Time) -> Result<Vec<(Time, Due<'a>)>, String> {
        let rehearsal = self.places[cluster].seat.enter();
        let found = manifest::scalable(&rehearsal, &load.workload);
        let [key] = found.as_slice() else {
            return Err(match found.is_empty() {
                true => format!("there is no Deployment, StatefulSet or ReplicaSet {}; it has to be there by then", load.workload),
                false => format!("{} names several: say which, as namespace/Kind/name", load.workload),
            });
        };
        let (from, to) = (manifest::replicas(&rehearsal, key).unwrap_or(1), i64::from(load.replicas));
        let span = load.over.map_or(0, |span| span.0);
        let steps = (to - from).abs().min(span / 1000).max(1);
        let step = |step: i64| (now.plus(span * step / steps), Due::Replicas(at, cluster, key.clone(), from + (to - from) * step / steps));
        Ok((1..=steps).map(step).collect())
    }
}

fn in_timeline(at: usize, field: &str) -> Vec<Part> {
    vec!["timeline".into(), at.into(), field.into()]
}
