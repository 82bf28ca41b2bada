//! A scenario file, read and ready to run: its manifests in memory, its words checked, its worlds made for each seed.
//!
//! Paths in a scenario start from its folder. Everything that can be wrong without running is told before anything runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use nodelane_arm::{ClusterId, GroupId};
use nodelane_engine::Env;
use nodelane_model::hash::Hash;
use nodelane_model::{Name, Origin, Time};
use nodelane_rehearsal::record::Record;
use nodelane_rehearsal::scenario::{Bad, ClusterSource, Deed, Manifest, Part, Scenario, WorldSource, read};
use nodelane_rehearsal::{Genesis, Rehearsal, Seat, Stage, Wrong, adopt};
use nodelane_server::BootProfile;
use nodelane_server::driver::reading;
use nodelane_server::process::{Entry, FIRST, FIRST_SUBSCRIPTION, Settings, env, first_documents};
use nodelane_sources::{Objects, read_dump};
use nodelane_world::World;
use serde::Deserialize;
use serde_json::Value;

use super::hands::{Cluster, InProcess};
use super::words;

/// A scenario is at most this: 1,000 pools and 10,000 steps of 100 bytes, and manifests beside them.
const FILE_BYTES: u64 = 64 << 20;

/// A scenario that cannot be run: exit code 2.
#[derive(Debug)]
pub struct BadScenario {
    path: PathBuf,
    bad: Bad,
}

impl fmt::Display for BadScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.bad)
    }
}

impl std::error::Error for BadScenario {}

/// A scenario, ready to run.
pub struct Scene {
    /// What it is called where several are shown: the file's name without its end.
    pub label: String,
    /// The scenario, with its manifests read.
    pub scenario: Scenario,
    path: PathBuf,
    text: String,
}

/// The worlds of a run.
struct Worlds {
    account: World,
    clusters: Vec<(ClusterId, World, Env)>,
}

impl Scene {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn open(path: &Path) -> Result<Scene, BadScenario> {
        let bad = |bad: Bad| BadScenario { path: path.to_owned(), bad };
        let text = text_of(path).map_err(|what| bad(Bad { line: 1, column: 1, what }))?;
        let mut scenario = read(&text).map_err(bad)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for (place, manifest) in scenario.manifests_mut() {
            let objects = objects(manifest, folder).map_err(|why| bad(Bad::at(&text, &place, why)))?;
            *manifest = Manifest::Objects(objects);
        }
        for (at, step) in scenario.timeline.iter().enumerate() {
            let (field, checked) = match &step.deed {
                Deed::Change(said) => ("change", words::change(said, FIRST.0, FIRST.1).map(drop)),
                Deed::Fault(said) => ("fault", words::fault(said).map(drop)),
                Deed::Apply(_) | Deed::Load(_) => continue,
            };
            let place: [Part; 3] = ["timeline".into(), at.into(), field.into()];
            checked.map_err(|why| bad(Bad::at(&text, &place, why)))?;
        }
        let label = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Scene { label, scenario, path: path.to_owned(), text })
    }

    /// Runs it with a seed; `passed` is told how far it is.
    ///
    /// # Errors
    /// The part of the scenario that cannot be done.
    pub fn run(&self, seed: u64, passed: &mut dyn FnMut(Time)) -> Result<Record, BadScenario> {
        self.try_run(seed, passed).map_err(|(place, what)| BadScenario { path: self.path.clone(), bad: Bad::at(&self.text, &place, what) })
    }

    fn try_run(&self, seed: u64, passed: &mut dyn FnMut(Time)) -> Result<Record, Wrong> {
        let Worlds { account, clusters } = self.worlds(seed)?;
        let start = self.scenario.start;
        let named = clusters.iter().map(|(id, world, _)| (id.cluster.clone(), world.clone())).collect();
        let stage = Stage::new(named, &Env::default(), start);
        let account = Seat::new(Rehearsal::new(account, Env::default(), BootProfile::Instant, start));
        let cluster = |(place, (id, _, env)): (&nodelane_rehearsal::Place, (ClusterId, World, Env))| {
            place.seat.enter().set_env(env.clone());
            Cluster { id, seat: place.seat.clone(), env }
        };
        let clusters = stage.places.iter().zip(clusters).map(cluster).collect();
        let mut hands = InProcess::new(account, clusters);
        let scenario = Scenario { seed, ..self.scenario.clone() };
        stage.run(&scenario, &mut hands, passed)
    }

    fn worlds(&self, seed: u64) -> Result<Worlds, Wrong> {
        match &self.scenario.world {
            WorldSource::Clusters(clusters) => {
                let place = |at: usize| -> Vec<Part> { vec!["world".into(), "clusters".into(), at.into(), "pools".into()] };
                let made = |(at, cluster)| made(cluster, seed, self.scenario.start).map_err(|why| (place(at), why));
                Ok(Worlds {
                    account: account(self.scenario.start),
                    clusters: clusters.iter().enumerate().map(made).collect::<Result<_, _>>()?,
                })
            }
            WorldSource::DataDir(folder) => {
                let (account, clusters) = reading::worlds(&self.folder().join(folder)).map_err(|why| (in_world("dataDir"), why))?;
                let none = BTreeMap::new();
                let cluster = |(entry, mut world): (Entry, World)| {
                    let env = env(&account, &entry, &none, &Settings::default());
                    // The seed of a run is its own; ids that are there already stay.
                    world.seed = Hash::new(seed).text(&entry.key).get();
                    (entry.id, world, env)
                };
                let clusters: Vec<_> = clusters.into_iter().map(cluster).collect();
                match clusters.is_empty() {
                    true => Err((in_world("dataDir"), "there is no cluster in it".into())),
                    false => Ok(Worlds { account, clusters }),
                }
            }
            WorldSource::Snapshot { dump, pools } => {
                let objects = self.dump(dump, pools.as_deref())?;
                let id = id_of(&FIRST.1.into());
                let (world, env) = adopt(objects, &id, Hash::new(seed).text(FIRST.1).get(), self.scenario.start)
                    .map_err(|why| (in_world("snapshot"), why))?;
                Ok(Worlds { account: account(self.scenario.start), clusters: vec![(id, world, env)] })
            }
        }
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The objects of a dump, with their pools.
    fn dump(&self, dump: &str, pools: Option<&str>) -> Result<Objects, Wrong> {
        let bytes = |field: &str, name: &str| {
            let path = self.folder().join(name);
            std::fs::read(&path).map_err(|error| (in_world(field), format!("{} cannot be read: {error}", path.display())))
        };
        let unreadable = |field: &'static str| move |error: nodelane_sources::Unreadable| (in_world(field), error.to_string());
        let mut objects = read_dump(&bytes("snapshot", dump)?).map_err(unreadable("snapshot"))?;
        if let Some(pools) = pools {
            objects.add_pools(&bytes("pools", pools)?).map_err(unreadable("pools"))?;
        }
        objects.complete_pools();
        Ok(objects)
    }
}

fn in_world(field: &str) -> Vec<Part> {
    vec!["world".into(), field.into()]
}

/// A cluster of the group that a scenario's clusters are in.
fn id_of(name: &Name) -> ClusterId {
    let group = GroupId { subscription: FIRST_SUBSCRIPTION.into(), group: FIRST.0.into() };
    ClusterId { group, cluster: name.clone() }
}

/// The account that a scenario's own clusters are in.
pub fn account(now: Time) -> World {
    let mut rehearsal = Rehearsal::new(World::new(0), Env::default(), BootProfile::Instant, now);
    for change in first_documents(&["rehearsal".to_owned()]) {
        rehearsal.request(change, Origin::default()).expect("an empty account takes its first documents");
    }
    rehearsal.world().clone()
}

/// A cluster as a scenario describes it. Where no pool is of mode System the first one is, as with `az aks create`.
fn made(cluster: &ClusterSource, seed: u64, now: Time) -> Result<(ClusterId, World, Env), String> {
    let id = id_of(&cluster.name);
    let mut pools: Vec<Value> = cluster.pools.iter().map(nodelane_rehearsal::scenario::Pool::profile).collect();
    let is_system = |pool: &Value| pool["mode"].as_str().is_some_and(|mode| mode.eq_ignore_ascii_case("System"));
    if !pools.iter().any(is_system)
        && let Some(first) = pools.first_mut().filter(|first| first.get("mode").is_none())
    {
        first["mode"] = "System".into();
    }
    let images = cluster.pools.iter().filter_map(|pool| Some((pool.name.clone(), pool.image.clone()?))).collect();
    let env = Env::default();
    let version = cluster.kubernetes_version.clone().unwrap_or_else(|| env.catalog.default_version().to_string().into());
    let seed = Hash::new(seed).text(&cluster.name).get();
    let genesis = Genesis { id: &id, seed, env: env.clone(), location: &cluster.location, version: &version, pools, images };
    let world = genesis.world(now)?;
    Ok((id, world, env))
}

fn text_of(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > FILE_BYTES {
        return Err(format!("it is larger than {} MiB", FILE_BYTES >> 20));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// The objects of a manifest; a folder's files in order of name, as kubectl takes them.
fn objects(manifest: &Manifest, folder: &Path) -> Result<Vec<Value>, String> {
    match manifest {
        Manifest::Objects(objects) => Ok(objects.clone()),
        Manifest::Text(text) => documents(text),
        Manifest::Path(path) => {
            let path = folder.join(path);
            if !path.is_dir() {
                return documents(&text_of(&path).map_err(|why| format!("{} {why}", path.display()))?);
            }
            let entries = std::fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            let is_manifest = |path: &PathBuf| path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|one| end == *one));
            files.retain(is_manifest);
            files.sort();
            let read = |path: &PathBuf| documents(&text_of(path)?).map_err(|why| format!("{}: {why}", path.display()));
            Ok(files.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat())
        }
    }
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents = serde_yaml_ng::Deserializer::from_str(text).map(Value::deserialize).collect::<Result<Vec<_>, _>>();
    let documents = documents.map_err(|error| error.to_string())?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}
