//! What a PUT of an existing pool amounts to: nothing, a setting, a scale, a roll, a stop or a start.
//!
//! The kind of operation is known only from the difference. What was left undone by a failed or aborted operation counts as a
//! difference: any later PUT resumes it (aks-semantics UD-1, PS-2).

use super::pool::{Met, count, living};
use super::{Ask, pool_key, power, rollback, rules, scale, upgrade};
use nodelane_model::change::Accepted;
use nodelane_model::operation::{Before, Progress, UpdatePhase};
use nodelane_model::pool::{PoolSpec, Power, Priority, UsedVersion};
use nodelane_model::{Name, NodePool, Refusal};

/// The taint that every spot pool has (aks-semantics S-3).
pub const SPOT_TAINT: &str = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule";

/// Property under which a PUT carries an image that differs from the pool's; never stored.
pub const ASKED_IMAGE: &str = "nodeImageVersion";

/// What a PUT amounts to.
pub(super) struct Wish {
    /// The pool as it is to be.
    pub spec: PoolSpec,
    /// The operation that brings it there.
    pub progress: Progress,
    /// Whether machines get the newest image.
    pub renews_image: bool,
    /// Whether an upgrade keeps the Kubernetes version.
    pub image_only: bool,
    /// What a rollback brings back.
    pub back_to: Option<UsedVersion>,
}

impl Wish {
    /// The provisioning state that it would show.
    pub fn state(&self) -> &'static str {
        self.progress.provisioning_state()
    }
}

/// What a PUT amounts to; `None` where it brings no difference and nothing is left undone.
pub(super) fn wish(ask: &Ask, name: &Name, old: &NodePool, spec: &PoolSpec) -> Option<Wish> {
    let world = &ask.draft.world;
    let back_to = rollback::wanted(old, spec);
    let mut spec = settled(spec.clone(), Some(old), count(world, name, old));
    let asked_image = spec.rest.remove(ASKED_IMAGE);
    let met = Met::of(world, name);
    let undone = upgrade::is_unfinished(world, name, old);
    let mut was = old.spec.clone();
    was.count = count(world, name, old);
    if spec == was && !undone && asked_image.is_none() {
        return None;
    }
    let renews_image = upgrade::renews_image(ask, old, &spec, asked_image.as_ref());
    let resumes = matches!(met, Met::Failed | Met::Canceled).then(|| resume(ask, name, old));
    let progress = if let Some(progress) = power::change(old, &spec) {
        progress
    } else if renews_image {
        upgrade::begin()
    } else if spec.count != was.count {
        scale::towards(if resumes.is_some() { living(world, name) } else { was.count }, spec.count)
    } else if undone {
        upgrade::begin()
    } else {
        resumes.map_or(Progress::Update(UpdatePhase::Applying), |resumes| resumes.progress)
    };
    let image_only = renews_image && spec.orchestrator_version == old.spec.orchestrator_version && asked_image.is_some();
    Some(Wish { spec, progress, renews_image, image_only, back_to })
}

/// What goes on where a failed or aborted operation stopped.
pub(super) fn resume(ask: &Ask, name: &Name, old: &NodePool) -> Wish {
    let last = old.last_ended();
    let progress = match last.map(|last| last.progress) {
        Some(Progress::Upgrade(_)) => upgrade::begin(),
        Some(Progress::Stop(_)) if old.spec.power == Power::Stopped => power::stop(),
        Some(Progress::Start(_)) if old.spec.power == Power::Running => power::start(),
        Some(Progress::Create(_) | Progress::Scale(_) | Progress::DeleteMachines(_)) => {
            scale::towards(living(&ask.draft.world, name), old.spec.count)
        }
        Some(Progress::Update(_) | Progress::Stop(_) | Progress::Start(_) | Progress::Delete(_) | Progress::Cluster(_)) | None => {
            Progress::Update(UpdatePhase::Applying)
        }
    };
    let image_only = matches!(progress, Progress::Upgrade(_)) && last.is_some_and(|last| last.image_only);
    Wish { spec: old.spec.clone(), progress, renews_image: false, image_only, back_to: None }
}

/// A specification in the form in which it is compared and stored: order does not count, and what the system sets is set.
pub(super) fn settled(mut spec: PoolSpec, old: Option<&NodePool>, count: u32) -> PoolSpec {
    if spec.priority == Priority::Spot && !spec.node_taints.iter().any(|taint| taint == SPOT_TAINT) {
        spec.node_taints.push(SPOT_TAINT.into());
    }
    if let Some(old) = old {
        keep_order(&mut spec.availability_zones, &old.spec.availability_zones);
        keep_order(&mut spec.node_taints, &old.spec.node_taints);
        if spec.vm_size.eq_ignore_ascii_case(&old.spec.vm_size) {
            spec.vm_size = old.spec.vm_size.clone();
        }
        if spec.enable_auto_scaling {
            spec.count = count; // MS-1: the user's count is an echo.
        }
    }
    if spec.enable_auto_scaling && spec.power == Power::Running {
        spec.count = spec.count.max(spec.min_count.unwrap_or(0)); // MS-3: a pool below its minimum is raised to it.
    }
    spec
}

fn keep_order(new: &mut Vec<Name>, old: &[Name]) {
    let sorted = |list: &[Name]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    if sorted(new) == sorted(old) {
        *new = old.to_vec();
    }
}

/// Judges the rules and begins the operation.
pub(super) fn begin(ask: &mut Ask, ordinal: u64, name: &Name, old: &NodePool, wish: Wish) -> Result<Accepted, Refusal> {
    let Wish { spec, progress, renews_image, image_only, back_to } = wish;
    let rolls_back = back_to.is_some();
    let world = &ask.draft.world;
    let had = count(world, name, old);
    let rolls = matches!(progress, Progress::Upgrade(_));
    if renews_image && (!rolls || spec.count != had) {
        return Err(upgrade::not_with_a_scale());
    }
    let surge = if rolls { upgrade::surge(&spec, old, had) } else { 0 };
    let adds = match progress {
        Progress::Start(_) => spec.count,
        Progress::Scale(_) => spec.count.saturating_sub(living(world, name).max(had)),
        Progress::Upgrade(_) => surge,
        _ => 0,
    };
    let target = rules::check(ask, name, &spec, Some(old), &rules::Step { adds, surge, rolls, renews_image, back_to })?;
    let mut operation = ask.operation(ordinal, progress);
    operation.image_only = image_only;
    operation.before = matches!(progress, Progress::Stop(_)).then_some(Before { count: had });
    let id = operation.id;
    let now = ask.draft.now;
    let doc = ask.draft.update(&pool_key(name), |doc| {
        doc.meta.generation += 1;
        let Some(pool) = doc.as_pool_mut() else { return };
        let state = &mut pool.state;
        if (target.version != state.version || renews_image) && rolls {
            if target.version != state.version || target.image != state.image {
                rollback::remember(state, now, rolls_back);
            }
            state.version = target.version;
            state.image = target.image;
        }
        state.etag += 1;
        state.operation = Some(operation);
        pool.spec = PoolSpec { orchestrator_version: target.asked, ..spec };
    });
    Ok(ask.polled(doc, false, id))
}
