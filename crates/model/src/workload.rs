//! Workloads: what keeps pods coming.
//!
//! Each has the part that its reconciler decides on typed, and everything else in `rest`.

use crate::budget::IntOrPercent;
use crate::meta::is_false;
use crate::pod::{Condition, PodTemplate};
use crate::selector::Selector;
use crate::{Name, Rest, Time};
use serde::{Deserialize, Serialize};

/// Declares `struct $kind { spec, status }`.
macro_rules! workload {
    ($(#[$doc:meta])* $kind:ident, $spec:ident, $status:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $kind {
            /// What was asked for.
            pub spec: $spec,
            /// What was last seen.
            pub status: $status,
        }
    };
}

workload!(/** A deployment. */ Deployment, DeploymentSpec, DeploymentStatus);
workload!(/** A replica set. */ ReplicaSet, ReplicaSetSpec, ReplicaSetStatus);
workload!(/** A stateful set. */ StatefulSet, StatefulSetSpec, StatefulSetStatus);
workload!(/** A daemon set. */ DaemonSet, DaemonSetSpec, DaemonSetStatus);
workload!(/** A job. */ Job, JobSpec, JobStatus);
workload!(/** A cron job. */ CronJob, CronJobSpec, CronJobStatus);

/// What a deployment asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentSpec {
    /// How many pods; absent is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which pods are its own.
    pub selector: Selector,
    /// What its pods are stamped from.
    pub template: PodTemplate,
    /// How pods are replaced.
    pub strategy: DeploymentStrategy,
    /// Seconds that a pod must be ready to count as available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ready_seconds: Option<i32>,
    /// How many old replica sets are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// Whether template changes wait.
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Seconds without progress after which it is said to have failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a deployment replaces pods.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStrategy {
    /// `RollingUpdate` or `Recreate`.
    #[serde(rename = "type", skip_serializing_if = "Name::is_empty")]
    pub kind: Name,
    /// Bounds of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdate>,
}

/// Bounds of a rolling update.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    /// How many may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// How many may be extra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrPercent>,
    /// Stateful sets: ordinals from here on are updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
}

/// What was last seen of a deployment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    /// Generation that this was computed from.
    #[serde(skip_serializing_if = "no_count64")]
    pub observed_generation: i64,
    /// All pods.
    #[serde(skip_serializing_if = "no_count")]
    pub replicas: i32,
    /// Pods of the newest template.
    #[serde(skip_serializing_if = "no_count")]
    pub updated_replicas: i32,
    /// Ready pods.
    #[serde(skip_serializing_if = "no_count")]
    pub ready_replicas: i32,
    /// Pods ready for long enough.
    #[serde(skip_serializing_if = "no_count")]
    pub available_replicas: i32,
    /// Pods that are missing.
    #[serde(skip_serializing_if = "no_count")]
    pub unavailable_replicas: i32,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

fn no_count(count: &i32) -> bool {
    *count == 0
}

fn no_count64(count: &i64) -> bool {
    *count == 0
}

/// What a replica set asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    /// How many pods; absent is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which pods are its own.
    pub selector: Selector,
    /// What its pods are stamped from.
    pub template: PodTemplate,
    /// Seconds that a pod must be ready to count as available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ready_seconds: Option<i32>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What was last seen of a replica set. `replicas` is written even when 0, as upstream does.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    /// All pods.
    pub replicas: i32,
    /// Pods with all the template's labels.
    #[serde(skip_serializing_if = "no_count")]
    pub fully_labeled_replicas: i32,
    /// Ready pods.
    #[serde(skip_serializing_if = "no_count")]
    pub ready_replicas: i32,
    /// Pods ready for long enough.
    #[serde(skip_serializing_if = "no_count")]
    pub available_replicas: i32,
    /// Generation that this was computed from.
    #[serde(skip_serializing_if = "no_count64")]
    pub observed_generation: i64,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a stateful set asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetSpec {
    /// How many pods; absent is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which pods are its own.
    pub selector: Selector,
    /// What its pods are stamped from.
    pub template: PodTemplate,
    /// `OrderedReady` (when empty) or `Parallel`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub pod_management_policy: Name,
    /// How pods are replaced.
    pub update_strategy: SetStrategy,
    /// Seconds that a pod must be ready to count as available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ready_seconds: Option<i32>,
    /// Everything else, claim templates included.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a stateful set or daemon set replaces pods.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetStrategy {
    /// `RollingUpdate` or `OnDelete`.
    #[serde(rename = "type", skip_serializing_if = "Name::is_empty")]
    pub kind: Name,
    /// Bounds of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdate>,
}

/// What was last seen of a stateful set.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStatus {
    /// Generation that this was computed from.
    #[serde(skip_serializing_if = "no_count64")]
    pub observed_generation: i64,
    /// All pods.
    pub replicas: i32,
    /// Ready pods.
    #[serde(skip_serializing_if = "no_count")]
    pub ready_replicas: i32,
    /// Pods of the current revision.
    #[serde(skip_serializing_if = "no_count")]
    pub current_replicas: i32,
    /// Pods of the update revision.
    #[serde(skip_serializing_if = "no_count")]
    pub updated_replicas: i32,
    /// Pods ready for long enough.
    pub available_replicas: i32,
    /// Revision that the pods come from.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub current_revision: Name,
    /// Revision that the pods go to.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub update_revision: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a daemon set asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetSpec {
    /// Which pods are its own.
    pub selector: Selector,
    /// What its pods are stamped from.
    pub template: PodTemplate,
    /// How pods are replaced.
    pub update_strategy: SetStrategy,
    /// Seconds that a pod must be ready to count as available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ready_seconds: Option<i32>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What was last seen of a daemon set.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    /// Nodes that run a pod and should.
    pub current_number_scheduled: i32,
    /// Nodes that run a pod and should not.
    pub number_misscheduled: i32,
    /// Nodes that should run one.
    pub desired_number_scheduled: i32,
    /// Nodes with a ready pod.
    pub number_ready: i32,
    /// Generation that this was computed from.
    #[serde(skip_serializing_if = "no_count64")]
    pub observed_generation: i64,
    /// Nodes with a pod of the newest template.
    #[serde(skip_serializing_if = "no_count")]
    pub updated_number_scheduled: i32,
    /// Nodes with a pod that is ready for long enough.
    #[serde(skip_serializing_if = "no_count")]
    pub number_available: i32,
    /// Nodes that lack one.
    #[serde(skip_serializing_if = "no_count")]
    pub number_unavailable: i32,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a job asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    /// How many pods at once; absent is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<i32>,
    /// How many must succeed; absent with parallelism: any one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<i32>,
    /// Seconds that it may be active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
    /// How many failures are retried; absent is 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<i32>,
    /// Which pods are its own; generated from the uid where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// Whether the user chose the selector.
    #[serde(skip_serializing_if = "is_false")]
    pub manual_selector: bool,
    /// What its pods are stamped from.
    pub template: PodTemplate,
    /// Seconds after its end when it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i32>,
    /// `NonIndexed` (when absent) or `Indexed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_mode: Option<Name>,
    /// Whether no pods are made.
    #[serde(skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What was last seen of a job.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When it was taken up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// Pods that are pending or running.
    #[serde(skip_serializing_if = "no_count")]
    pub active: i32,
    /// Pods that succeeded.
    #[serde(skip_serializing_if = "no_count")]
    pub succeeded: i32,
    /// Pods that failed.
    #[serde(skip_serializing_if = "no_count")]
    pub failed: i32,
    /// Ready pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<i32>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a cron job asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    /// Five fields, or `@daily` and the like.
    pub schedule: Name,
    /// Name of a time zone; absent is UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Name>,
    /// How late a run may start, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<i64>,
    /// `Allow`, `Forbid` or `Replace`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub concurrency_policy: Name,
    /// Whether no jobs are made.
    #[serde(skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// What its jobs are stamped from.
    pub job_template: JobTemplate,
    /// How many finished jobs are kept; absent is 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_jobs_history_limit: Option<i32>,
    /// How many failed jobs are kept; absent is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_jobs_history_limit: Option<i32>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A template that jobs are stamped from.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobTemplate {
    /// Labels and annotations of the jobs.
    #[serde(skip_serializing_if = "Rest::is_empty")]
    pub metadata: Rest,
    /// Specification of the jobs.
    pub spec: JobSpec,
}

/// What was last seen of a cron job.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobStatus {
    /// Jobs that run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<crate::event::ObjectRef>,
    /// When a job was last made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// When a job last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}
