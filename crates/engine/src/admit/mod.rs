//! May this change happen, and what does it mean? The one door for everything that clients ask.
//!
//! A change is refused whole or accepted whole: rules are judged before anything is written. What is accepted is in the draft at once,
//! a pool's or cluster's long-running operation in its own document. No machine is made or taken here: the planners do that.
//!
//! Pools and clusters are in files named after what is asked; `object` has the Kubernetes objects.

mod abort;
mod cluster;
mod create;
mod delete;
mod env;
mod fault;
mod machines;
mod maintenance;
mod object;
mod pool;
mod power;
mod rollback;
mod rules;
mod scale;
mod update;
mod upgrade;

#[cfg(test)]
mod tests;

pub(crate) use delete::preempt;
pub use env::{Env, Policy, Quotas, count_vcpus};
pub use pool::{Brought, Met, Verdict, count, verdict};
pub use update::{ASKED_IMAGE, SPOT_TAINT};
pub(crate) use upgrade::newest_image;

use nodelane_model::change::Accepted;
use nodelane_model::cluster::CLUSTER;
use nodelane_model::hash::Hash;
use nodelane_model::{Change, Doc, Key, Kind, Name, Operation, Origin, Refusal, Uid};
use nodelane_world::Draft;
use std::sync::Arc;

/// Admits a change into the draft, or says why not; then the draft is as it was.
pub fn admit(draft: &mut Draft, change: &Change, origin: &Origin, env: &Env) -> Result<Accepted, Refusal> {
    if let Some(answer) = object::admit(draft, change, origin, env) {
        return answer;
    }
    rules::check_manager(&draft.world, change, origin)?;
    let mut ask = Ask { draft, env, origin, hash: meaning(change) };
    match change {
        Change::PutPool { name, spec, base, etag, .. } => pool::put(&mut ask, name, spec, *base, etag),
        Change::UpgradePoolImage { name } => upgrade::image(&mut ask, name),
        Change::DeletePool { name, ignore_budgets, etag } => delete::pool(&mut ask, name, *ignore_budgets, etag),
        Change::AbortPool { name } => abort::pool(&mut ask, name),
        Change::DeleteMachines { name, machines } => machines::delete(&mut ask, name, machines),
        Change::PutCluster { spec, pools, base, etag } => cluster::put(&mut ask, spec, pools, *base, etag),
        Change::DeleteCluster => cluster::delete(&mut ask),
        Change::PutMaintenance { name, maintenance } => maintenance::put(&mut ask, name, maintenance.as_deref()),
        Change::StopCluster => cluster::stop(&mut ask),
        Change::StartCluster => cluster::start(&mut ask),
        Change::Create(_) | Change::Replace { .. } | Change::Delete { .. } | Change::Bind { .. } | Change::Evict { .. } => {
            unreachable!("changes of objects were answered above")
        }
    }
}

/// One request about a pool or the cluster.
struct Ask<'a> {
    draft: &'a mut Draft,
    env: &'a Env,
    /// Who asks. The client's own id of the request does not suffice to know a repeat: az uses one for all requests of a command.
    origin: &'a Origin,
    /// What was asked, so that a repeat of the same request is known.
    hash: u64,
}

impl Ask<'_> {
    /// The answer where nothing is to be done.
    fn unchanged(&self, doc: Option<Arc<Doc>>) -> Accepted {
        Accepted { revision: self.draft.world.revision, doc, created: false, operation: None }
    }
    /// The answer with an operation to poll.
    fn polled(&self, doc: Option<Arc<Doc>>, created: bool, operation: Uid) -> Accepted {
        Accepted { revision: self.draft.world.revision, doc, created, operation: Some(operation) }
    }
    /// An operation that remembers who asked for it; `ordinal` keeps several of one request apart.
    fn operation(&self, ordinal: u64, progress: nodelane_model::operation::Progress) -> Operation {
        let mut operation = Operation::begin(self.draft.id(ordinal), progress, self.draft.now);
        operation.client_request_id.clone_from(&self.origin.client_request_id);
        operation.request_hash = self.hash;
        operation
    }
    /// Whether an operation was begun by the very same request.
    fn is_repeat(&self, operation: &Operation) -> bool {
        !self.origin.client_request_id.is_empty()
            && operation.client_request_id == self.origin.client_request_id
            && operation.request_hash == self.hash
    }
}

fn pool_key(name: &Name) -> Key {
    Key::global(Kind::NodePool, name.clone())
}

fn cluster_key() -> Key {
    Key::global(Kind::Cluster, CLUSTER)
}

/// What a change asks for, as a number: a pool's PUT carries the hash of its body, for the others the change says it all.
fn meaning(change: &Change) -> u64 {
    match change {
        Change::PutPool { name, request_hash, .. } => Hash::new(1).text(name).number(*request_hash).get(),
        other => Hash::new(2).text(&format!("{other:?}")).get(),
    }
}
