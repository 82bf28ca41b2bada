//! Stopping and starting a pool (aks-semantics ST-1).
//!
//! A stopped pool keeps its count, whatever a later PUT says: clients echo the 0 that they are shown.

use nodelane_model::NodePool;
use nodelane_model::operation::{Progress, StartPhase, StopPhase};
use nodelane_model::pool::{PoolSpec, Power};

/// The operation that a change of `powerState` amounts to.
pub(super) fn change(old: &NodePool, spec: &PoolSpec) -> Option<Progress> {
    match (old.spec.power, spec.power) {
        (Power::Running, Power::Stopped) => Some(stop()),
        (Power::Stopped, Power::Running) => Some(start()),
        (Power::Running, Power::Running) | (Power::Stopped, Power::Stopped) => None,
    }
}

/// Every machine is deallocated.
pub(super) fn stop() -> Progress {
    Progress::Stop(StopPhase::Stopping)
}

/// Every machine comes back.
pub(super) fn start() -> Progress {
    Progress::Start(StartPhase::Starting)
}
