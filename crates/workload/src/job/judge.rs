//! When a job has succeeded or failed, starts, is suspended or goes on: its conditions, in the words of the upstream controller.
//!
//! The verdict comes first (SuccessCriteriaMet, FailureTarget), the end (Complete, Failed) once no pod runs any more.

use super::Run;
use crate::notice::Voice;
use nodelane_model::Name;
use nodelane_model::pod::Condition;

/// How many failures are retried where nothing is said.
const BACKOFF_LIMIT: i32 = 6;

impl Run<'_> {
    pub(super) fn go(&mut self) {
        if self.spec.suspend {
            self.suspend();
        } else {
            self.resume();
        }
        if let Some((reason, message)) = self.failure() {
            return self.fail(reason, message);
        }
        let done = match self.spec.completions {
            Some(completions) => self.status.succeeded >= completions,
            None => self.status.succeeded > 0,
        };
        if done && self.active.is_empty() {
            return self.succeed();
        }
        if !self.spec.suspend {
            self.manage();
        }
    }

    fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|c| c.kind == kind && c.status == "True")
    }

    fn set(&mut self, kind: &str, status: bool, reason: &str, message: &str) {
        let mut condition = Condition::new(kind, status, self.draft.now).because(reason, message);
        condition.rest.insert("lastProbeTime".into(), self.now().to_string().into());
        condition.set_in(&mut self.status.conditions);
    }

    fn event(&mut self, warning: bool, reason: &'static str, message: &str) {
        let voice = Voice { about: &self.doc.key, component: "job-controller" };
        match warning {
            true => voice.warn(self.draft, reason, message),
            false => voice.say(self.draft, reason, message),
        }
    }

    fn suspend(&mut self) {
        self.remove_excess(self.active.len());
        if self.condition("Suspended").is_none() {
            self.set("Suspended", true, "JobSuspended", "Job suspended");
            self.event(false, "Suspended", "Job suspended");
        }
        self.status.start_time = None;
    }

    fn resume(&mut self) {
        if self.condition("Suspended").is_some() {
            self.set("Suspended", false, "JobResumed", "Job resumed");
            self.event(false, "Resumed", "Job resumed");
        }
        if self.status.start_time.is_none() {
            self.status.start_time = Some(self.now());
        }
        if let (Some(seconds), Some(start)) = (self.spec.active_deadline_seconds, self.status.start_time) {
            let at = start.plus(seconds * 1000);
            if at > self.draft.now {
                crate::wake(self.draft, at, &self.doc.key);
            }
        }
    }

    /// Why the job has failed, if it has.
    fn failure(&self) -> Option<(&'static str, &'static str)> {
        let backoff = ("BackoffLimitExceeded", "Job has reached the specified backoff limit");
        let deadline = ("DeadlineExceeded", "Job was active longer than specified deadline");
        if let Some(target) = self.condition("FailureTarget") {
            return Some(if target.reason == deadline.0 { deadline } else { backoff });
        }
        if self.status.failed > self.backoff_limit() || self.restarted_too_often() {
            return Some(backoff);
        }
        let overdue = self.spec.active_deadline_seconds.zip(self.status.start_time);
        overdue.filter(|(seconds, start)| start.plus(seconds * 1000) <= self.draft.now).map(|_| deadline)
    }

    fn backoff_limit(&self) -> i32 {
        self.spec.backoff_limit.unwrap_or(BACKOFF_LIMIT)
    }

    /// Pods that restart in place count their restarts.
    fn restarted_too_often(&self) -> bool {
        if self.spec.template.spec.restart_policy != "OnFailure" {
            return false;
        }
        let pods = self.active.iter().filter_map(|doc| doc.as_pod());
        let statuses = pods.flat_map(|pod| pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses));
        let restarts: i32 = statuses.map(|status| status.restart_count).sum();
        restarts > 0 && restarts >= self.backoff_limit()
    }

    fn fail(&mut self, reason: &'static str, message: &str) {
        if self.condition("FailureTarget").is_none() {
            self.set("FailureTarget", true, reason, message);
        }
        for pod in std::mem::take(&mut self.active) {
            crate::delete::delete(self.draft, &pod.key, None, None);
            self.terminating += 1; // Counted as failed once it is seen to go.
            self.spent += 1;
        }
        self.count_active();
        if self.terminating == 0 {
            self.set("Failed", true, reason, message);
            self.event(true, reason, message);
        }
    }

    fn succeed(&mut self) {
        let (reason, message) = ("CompletionsReached", "Reached expected number of succeeded pods");
        if self.condition("SuccessCriteriaMet").is_none() {
            self.set("SuccessCriteriaMet", true, reason, message);
        }
        if self.terminating == 0 {
            self.set("Complete", true, reason, message);
            self.status.completion_time = Some(self.now());
            self.event(false, "Completed", "Job completed");
        }
    }

    pub(super) fn say_each(&mut self, reason: &'static str, prefix: &str, names: &[Name]) {
        Voice { about: &self.doc.key, component: "job-controller" }.say_each(self.draft, reason, prefix, names);
    }
}
