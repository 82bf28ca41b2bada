//! Which lists merge, and by which key: the strategy of every field of the built-in kinds that has one.
//!
//! Facts from the struct tags (`patchStrategy`, `patchMergeKey`) of k8s.io/api 0.36. A field that is not listed has the
//! default: objects merge, lists are replaced as a whole (tolerations, taints, args, …).
//! Not here: a list of all fields, so an unknown field is merged like a known one (upstream answers 500).

/// How a list field is patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Objects merge, lists are replaced.
    Default,
    /// List of objects, merged by this member.
    MergeBy(&'static str),
    /// List of scalars, merged as a set.
    MergeSet,
    /// The patch's object replaces the stored one.
    Replace,
}

/// One field with something to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    name: &'static str,
    pub(super) strategy: Strategy,
    /// Shape of its value or of its items.
    pub(super) shape: Shape,
}

/// The fields of an object that have something to say.
pub(super) type Shape = &'static [Field];

/// Nothing to say.
const PLAIN: Shape = &[];

const fn by(name: &'static str, key: &'static str) -> Field {
    Field { name, strategy: Strategy::MergeBy(key), shape: PLAIN }
}

const fn each(name: &'static str, key: &'static str, shape: Shape) -> Field {
    Field { name, strategy: Strategy::MergeBy(key), shape }
}

const fn set(name: &'static str) -> Field {
    Field { name, strategy: Strategy::MergeSet, shape: PLAIN }
}

const fn inside(name: &'static str, shape: Shape) -> Field {
    Field { name, strategy: Strategy::Default, shape }
}

/// The field of that name; unlisted ones are plain.
pub(super) fn field(shape: Shape, name: &str) -> Field {
    shape.iter().find(|field| field.name == name).copied().unwrap_or(Field { name: "", strategy: Strategy::Default, shape: PLAIN })
}

const META: Field = inside("metadata", &[set("finalizers"), by("ownerReferences", "uid")]);
/// Kinds of which only the metadata merges.
const META_ONLY: Shape = &[META];
const CONDITIONS: Field = by("conditions", "type");
const CONDITIONS_ONLY: Shape = &[CONDITIONS];

const CONTAINER: Shape =
    &[by("env", "name"), by("ports", "containerPort"), by("volumeDevices", "devicePath"), by("volumeMounts", "mountPath")];
const CONTAINER_STATUS: Shape = &[by("allocatedResourcesStatus", "name"), by("volumeMounts", "mountPath")];
const VOLUME: Shape = &[inside("ephemeral", &[inside("volumeClaimTemplate", META_ONLY)])];
const POD_SPEC: Shape = &[
    each("containers", "name", CONTAINER),
    each("ephemeralContainers", "name", CONTAINER),
    by("hostAliases", "ip"),
    by("imagePullSecrets", "name"),
    each("initContainers", "name", CONTAINER),
    by("resourceClaims", "name"),
    by("schedulingGates", "name"),
    by("topologySpreadConstraints", "topologyKey"),
    each("volumes", "name", VOLUME),
];
const POD: Shape = &[
    META,
    inside("spec", POD_SPEC),
    inside(
        "status",
        &[
            CONDITIONS,
            inside("containerStatuses", CONTAINER_STATUS),
            inside("ephemeralContainerStatuses", CONTAINER_STATUS),
            by("hostIPs", "ip"),
            inside("initContainerStatuses", CONTAINER_STATUS),
            by("podIPs", "ip"),
            by("resourceClaimStatuses", "name"),
        ],
    ),
];
const TEMPLATE: Field = inside("template", &[META, inside("spec", POD_SPEC)]);
const STATUS: Field = inside("status", CONDITIONS_ONLY);
const WORKLOAD: Shape = &[META, inside("spec", &[TEMPLATE]), STATUS];
const CLAIM: Shape = &[META, STATUS];
const STATEFUL_SET: Shape = &[META, inside("spec", &[TEMPLATE, inside("volumeClaimTemplates", CLAIM)]), STATUS];
const JOB_TEMPLATE: Shape = &[META, inside("spec", &[TEMPLATE])];
const CRON_JOB: Shape = &[META, inside("spec", &[inside("jobTemplate", JOB_TEMPLATE)])];
const NODE: Shape = &[META, inside("spec", &[set("podCIDRs")]), inside("status", &[by("addresses", "type"), CONDITIONS])];
const BUDGET: Shape = &[META, inside("spec", &[Field { name: "selector", strategy: Strategy::Replace, shape: PLAIN }]), STATUS];

const SERVICE: Shape = &[META, inside("spec", &[by("ports", "port")]), STATUS];
const SERVICE_ACCOUNT: Shape = &[META, by("secrets", "name")];
const CSI_NODE: Shape = &[META, inside("spec", &[by("drivers", "name")])];

/// The shape of a kind.
pub(super) fn root(kind: &str) -> Shape {
    match kind {
        "Pod" => POD,
        "Deployment" | "ReplicaSet" | "DaemonSet" | "Job" => WORKLOAD,
        "StatefulSet" => STATEFUL_SET,
        "CronJob" => CRON_JOB,
        "Node" => NODE,
        "Service" => SERVICE,
        "PersistentVolumeClaim" | "Namespace" => CLAIM,
        "PodDisruptionBudget" => BUDGET,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "CSINode" => CSI_NODE,
        _ => META_ONLY,
    }
}
