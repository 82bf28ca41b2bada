//! What a deployment says of itself: counts, and the conditions Available, Progressing and ReplicaFailure.
//!
//! Reasons and messages are the upstream controller's. A condition of unchanged status and reason is left as it is, times included;
//! only progress renews `lastUpdateTime`, from which the deadline counts.

use super::Rollout;
use nodelane_model::pod::Condition;
use nodelane_model::workload::DeploymentStatus;
use nodelane_model::{Key, Name};

const PROGRESSING: &str = "Progressing";
const DONE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";

/// Sets a deployment's condition; one of the same status and reason stays as it is.
fn set(conditions: &mut Vec<Condition>, mut condition: Condition) {
    let old = conditions.iter().find(|old| old.kind == condition.kind);
    if old.is_some_and(|old| old.status == condition.status && old.reason == condition.reason) {
        return;
    }
    if let Some(old) = old.filter(|old| old.status == condition.status) {
        condition.last_transition_time = old.last_transition_time;
    }
    conditions.retain(|old| old.kind != condition.kind);
    conditions.push(condition);
}

impl Rollout<'_> {
    pub(super) fn has_deadline(&self) -> bool {
        self.body().spec.progress_deadline_seconds.is_some_and(|seconds| seconds != i32::MAX)
    }

    fn make(&self, kind: &str, status: Option<bool>, reason: &str, message: &str) -> Condition {
        let mut condition = Condition::new(kind, status == Some(true), self.draft.now).because(reason, message);
        if status.is_none() {
            condition.status = Name::new("Unknown");
        }
        condition.last_update_time = Some(self.draft.now.whole_seconds());
        condition
    }

    pub(super) fn set_progress(&mut self, status: Option<bool>, reason: &str, message: String) {
        let condition = self.make(PROGRESSING, status, reason, &message);
        set(&mut self.body_mut().status.conditions, condition);
    }

    /// Says when a rollout was paused or resumed, so that the deadline does not run meanwhile.
    pub(super) fn note_pause(&mut self) {
        let reason = self.condition(PROGRESSING).map(|condition| condition.reason.clone()).unwrap_or_default();
        if !self.has_deadline() || reason == TIMED_OUT {
            return;
        }
        match (self.body().spec.paused, reason == "DeploymentPaused") {
            (true, false) => self.set_progress(None, "DeploymentPaused", "Deployment is paused".into()),
            (false, true) => self.set_progress(None, "DeploymentResumed", "Deployment is resumed".into()),
            _ => {}
        }
    }

    /// Whether every pod is of the present template and available, in these counts.
    fn completes(&self, status: &DeploymentStatus) -> bool {
        let wanted = self.wanted();
        status.updated_replicas == wanted && status.replicas == wanted && status.available_replicas == wanted
    }

    /// The same of the stored counts, which must be of this generation.
    pub(super) fn is_complete(&self) -> bool {
        let status = &self.body().status;
        self.completes(status) && status.observed_generation >= self.doc.meta.generation
    }

    fn counts(&self) -> DeploymentStatus {
        let all = self.all();
        let (new, stored) = (self.new.as_slice(), &self.body().status);
        let of = |keys: &[Key], count: &dyn Fn(&Key) -> i32| keys.iter().map(count).sum::<i32>();
        let available = of(&all, &|key| self.set(key).status.available_replicas);
        let mut next = DeploymentStatus {
            observed_generation: self.doc.meta.generation,
            replicas: of(&all, &|key| self.set(key).status.replicas),
            updated_replicas: of(new, &|key| self.set(key).status.replicas),
            ready_replicas: of(&all, &|key| self.set(key).status.ready_replicas),
            available_replicas: available,
            unavailable_replicas: (of(&all, &|key| self.size(key)) - available).max(0),
            conditions: stored.conditions.clone(),
            rest: stored.rest.clone(),
        };
        let condition = match available >= self.min_available() {
            true => self.make("Available", Some(true), "MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => {
                let message = "Deployment does not have minimum availability.";
                self.make("Available", Some(false), "MinimumReplicasUnavailable", message)
            }
        };
        set(&mut next.conditions, condition);
        next
    }

    /// Writes the counts; progress is not judged.
    pub(super) fn sync_status(&mut self) {
        self.body_mut().status = self.counts();
    }

    /// Writes the counts and judges the progress of the rollout.
    pub(super) fn sync_rollout_status(&mut self) {
        let mut next = self.counts();
        let was = self.condition(PROGRESSING).cloned();
        if !self.has_deadline() {
            next.conditions.retain(|condition| condition.kind != PROGRESSING);
        }
        let finished = next.replicas == next.updated_replicas && was.as_ref().is_some_and(|was| was.reason == DONE);
        if self.has_deadline() && !finished {
            self.judge(&mut next, was.as_ref());
        }
        self.body_mut().status = next;
        self.wake_at_deadline();
    }

    fn judge(&mut self, next: &mut DeploymentStatus, was: Option<&Condition>) {
        let subject = match &self.new {
            Some(key) => format!("ReplicaSet {:?}", key.name.as_str()),
            None => format!("Deployment {:?}", self.doc.key.name.as_str()),
        };
        if self.completes(next) {
            let condition = self.make(PROGRESSING, Some(true), DONE, &format!("{subject} has successfully progressed."));
            set(&mut next.conditions, condition);
        } else if progresses(&self.body().status, next) {
            let message = format!("{subject} is progressing.");
            let mut condition = self.make(PROGRESSING, Some(true), "ReplicaSetUpdated", &message);
            if let Some(was) = was.filter(|was| was.status == "True") {
                condition.last_transition_time = was.last_transition_time;
            }
            next.conditions.retain(|condition| condition.kind != PROGRESSING);
            next.conditions.push(condition);
        } else if was.is_some_and(|was| self.is_overdue(was)) {
            let condition = self.make(PROGRESSING, Some(false), TIMED_OUT, &format!("{subject} has timed out progressing."));
            set(&mut next.conditions, condition);
        }
    }

    fn deadline_of(&self, progress: &Condition) -> Option<nodelane_model::Time> {
        let seconds = self.body().spec.progress_deadline_seconds.filter(|_| self.has_deadline())?;
        Some(progress.last_update_time?.plus(i64::from(seconds) * 1000))
    }

    fn is_overdue(&self, progress: &Condition) -> bool {
        progress.reason != DONE && (progress.reason == TIMED_OUT || self.deadline_of(progress).is_some_and(|at| at < self.draft.now))
    }

    fn wake_at_deadline(&mut self) {
        let waits = self.condition(PROGRESSING).filter(|c| c.reason != DONE && c.reason != TIMED_OUT && !self.is_complete());
        if let Some(at) = waits.and_then(|condition| self.deadline_of(condition)) {
            let key = self.doc.key.clone();
            crate::wake(self.draft, at.plus(1), &key); // Overdue only once the deadline has passed.
        }
    }
}

/// Whether counts moved towards the new template.
fn progresses(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    new.updated_replicas > old.updated_replicas
        || new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}
