//! Asks for a scenario's changes and faults: by the same ARM routes and the same Kubernetes documents as live, in this process.
//!
//! Each run has an account and clusters of its own. Not here: reading words (`words`).

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nodelane_arm::ClusterId;
use nodelane_control::{Door, Later};
use nodelane_engine::Env;
use nodelane_engine::admit::count_vcpus;
use nodelane_model::codec::to_value;
use nodelane_model::{Kind, Time};
use nodelane_rehearsal::{Hands, Said, Seat, manifest};
use nodelane_server::config::Paths;
use nodelane_server_arm::{Arm, Directory};

use super::words;
use crate::az::Failure;
use crate::connection::Inside;
use crate::environment::Environment;
use crate::nodepool::PoolVerb;

/// A cluster of a run.
#[derive(Clone)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Its cell.
    pub seat: Arc<Seat>,
    /// What deciding knows beside its world, without what the other clusters use.
    pub env: Env,
}

/// The cells of a run, as the ARM rooms see them.
struct Cells {
    account: Arc<Seat>,
    clusters: Vec<Cluster>,
}

impl Cells {
    fn find(&self, id: &ClusterId) -> Option<&Cluster> {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        self.clusters.iter().find(|cluster| {
            let (one, group) = (&cluster.id, &cluster.id.group);
            same(&one.cluster, &id.cluster) && same(&group.group, &id.group.group) && same(&group.subscription, &id.group.subscription)
        })
    }
}

impl Directory for Cells {
    fn account(&self) -> Arc<dyn Door> {
        self.account.clone()
    }
    fn cluster(&self, id: &ClusterId) -> Option<Arc<dyn Door>> {
        self.find(id).map(|cluster| cluster.seat.clone() as Arc<dyn Door>)
    }
    fn clusters(&self) -> Vec<(ClusterId, Arc<dyn Door>)> {
        self.clusters.iter().map(|cluster| (cluster.id.clone(), cluster.seat.clone() as Arc<dyn Door>)).collect()
    }
    fn open(&self, id: &ClusterId) -> Later<Result<Arc<dyn Door>, String>> {
        let found = self.cluster(id).ok_or_else(|| "a scenario's clusters are there from the start".to_owned());
        Box::pin(std::future::ready(found))
    }
    fn refresh(&self, id: &ClusterId) {
        let Some(cluster) = self.find(id) else { return };
        let region = |seat: &Seat| seat.world().cluster().map(|cluster| cluster.spec.location.clone());
        let here = region(&cluster.seat);
        let mut env = cluster.env.clone();
        env.used_elsewhere = BTreeMap::new();
        let catalog = env.catalog;
        let others = self.clusters.iter().filter(|other| other.id != cluster.id && region(&other.seat) == here);
        others.for_each(|other| count_vcpus(&other.seat.world(), &catalog, &mut env.used_elsewhere));
        cluster.seat.enter().set_env(env);
    }
    fn address(&self, _id: &ClusterId) -> Option<String> {
        None
    }
    fn kubeconfig(&self, _id: &ClusterId) -> Option<String> {
        None
    }
}

/// The hands of a run.
pub struct InProcess {
    cells: Arc<Cells>,
    environment: Environment,
}

impl InProcess {
    /// For an account and clusters.
    pub fn new(account: Arc<Seat>, clusters: Vec<Cluster>) -> InProcess {
        let cells = Arc::new(Cells { account, clusters });
        let inside = Inside(Arm::new(cells.clone(), "rehearsal", false));
        let environment = Environment { paths: Paths::new("/nonexistent"), server: None, inside: Some(inside) };
        InProcess { cells, environment }
    }
    /// Asks for a change that does not wait.
    ///
    /// # Errors
    /// What az would say.
    pub fn ask(&self, verb: PoolVerb) -> Result<(), Failure> {
        let asked = at_once(crate::nodepool::run(verb, &self.environment));
        asked.unwrap_or_else(|| Err(Failure::refused("the answer never came")))
    }
}

impl Hands for InProcess {
    fn change(&mut self, cluster: usize, text: &str) -> Result<(), Said> {
        let id = &self.cells.clusters[cluster].id;
        let verb = words::change(text, &id.group.group, &id.cluster).map_err(Said::Bad)?;
        self.ask(verb).map_err(|failure| Said::Refused(failure.message))
    }
    fn fault(&mut self, cluster: usize, text: &str, now: Time) -> Result<(), Said> {
        let arguments = words::fault(text).map_err(Said::Bad)?;
        let mut rehearsal = self.cells.clusters[cluster].seat.enter();
        let taken: Vec<_> = rehearsal.world().list(Kind::Fault, None).map(|doc| to_value(doc)).collect();
        let document = arguments.named_document(&taken, now.0.div_euclid(1000).unsigned_abs());
        manifest::apply(&mut rehearsal, document).map_err(Said::Refused)
    }
}

/// The end of a future that waits for nothing; `None` if it does wait.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
