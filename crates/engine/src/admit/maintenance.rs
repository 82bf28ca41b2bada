//! When the cluster may be worked on: a configuration is written or taken away, also while operations run (aks-semantics MW-3).
//!
//! What was done in its windows stays on record. Not here: its form (`arm`), what is done in its windows (`operation::channel`).
//! The cluster's eTag does not move: the configuration is a resource of its own.

use super::{Ask, cluster_key};
use nodelane_model::change::Accepted;
use nodelane_model::maintenance::Maintenance;
use nodelane_model::{Name, Refusal};

/// Writes or removes a configuration.
pub(super) fn put(ask: &mut Ask, name: &Name, maintenance: Option<&Maintenance>) -> Result<Accepted, Refusal> {
    let missing = || Refusal::NotFound(cluster_key());
    let stored = ask.draft.world.cluster().filter(|cluster| cluster.state.gone.is_none()).ok_or_else(missing)?;
    let existed = stored.state.maintenance.contains_key(name);
    let doc = ask.draft.update(&cluster_key(), |doc| {
        let Some(cluster) = doc.as_cluster_mut() else { return };
        match maintenance {
            Some(new) => drop(cluster.state.maintenance.insert(name.clone(), new.clone())),
            None => drop(cluster.state.maintenance.remove(name)),
        }
    });
    Ok(Accepted { created: !existed && maintenance.is_some(), ..ask.unchanged(doc) })
}
