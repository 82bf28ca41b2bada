//! The entries of the registry, one short constant per kind.
//!
//! Names, short names, categories and verbs are those of kube-apiserver 1.36's discovery (compared in tests with its answer).
//! Left out, because nothing here serves them: RBAC, CRDs, webhooks, Ingress, HPA, CSR, API priority, ephemeral containers,
//! in-place resize, service-account tokens, proxies.

use super::{Home, Resource, Subresource, Verb};
use crate::names::NameRule;
use crate::selector::FieldSet;

use Verb::{Create, Delete, DeleteCollection, Get, List, Patch, Update, Watch};

const ALL: &[Verb] = &[Create, Delete, DeleteCollection, Get, List, Patch, Update, Watch];
const NO_COLLECTION: &[Verb] = &[Create, Delete, Get, List, Patch, Update, Watch];
const ASK: &[Verb] = &[Create];
const READ: &[Verb] = &[Get, List];
const KEEP: &[Verb] = &[Get, List, Patch, Update, Watch];
const CONNECT: &[Verb] = &[Create, Get];
const CHANGE: &[Verb] = &[Get, Patch, Update];

const fn resource(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
) -> Resource {
    Resource {
        group,
        version,
        plural,
        singular,
        kind,
        short_names: &[],
        categories: &[],
        namespaced: true,
        verbs: ALL,
        subresources: &[],
        names: NameRule::Subdomain,
        fields: FieldSet::Metadata,
        home: Home::Stored,
        strategic_patch: true,
    }
}

const fn core(plural: &'static str, singular: &'static str, kind: &'static str) -> Resource {
    resource("", "v1", plural, singular, kind)
}

const fn status(group: &'static str, version: &'static str, kind: &'static str) -> Subresource {
    Subresource { name: "status", kind: (group, version, kind), verbs: CHANGE }
}

const SCALE: Subresource = Subresource { name: "scale", kind: ("autoscaling", "v1", "Scale"), verbs: CHANGE };

const fn connect(name: &'static str, kind: &'static str, verbs: &'static [Verb]) -> Subresource {
    Subresource { name, kind: ("", "v1", kind), verbs }
}

const POD: &[Subresource] = &[
    connect("attach", "PodAttachOptions", CONNECT),
    connect("binding", "Binding", ASK),
    Subresource { name: "eviction", kind: ("policy", "v1", "Eviction"), verbs: ASK },
    connect("exec", "PodExecOptions", CONNECT),
    connect("log", "Pod", &[Get]),
    connect("portforward", "PodPortForwardOptions", CONNECT),
    status("", "v1", "Pod"),
];

const EVENT_FIELDS: FieldSet = FieldSet::Listed(&[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
    "metadata.namespace",
    "metadata.name",
]);

const POD_FIELDS: FieldSet = FieldSet::Listed(&[
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
]);

const CORE: &[Resource] = &[
    Resource { verbs: ASK, home: Home::Question, ..core("bindings", "binding", "Binding") },
    Resource { short_names: &["cm"], ..core("configmaps", "configmap", "ConfigMap") },
    Resource { short_names: &["ep"], ..core("endpoints", "endpoints", "Endpoints") },
    Resource { short_names: &["ev"], fields: EVENT_FIELDS, ..core("events", "event", "Event") },
    Resource { short_names: &["limits"], ..core("limitranges", "limitrange", "LimitRange") },
    Resource {
        short_names: &["ns"],
        namespaced: false,
        verbs: NO_COLLECTION,
        subresources: &[Subresource { name: "finalize", kind: ("", "v1", "Namespace"), verbs: &[Update] }, status("", "v1", "Namespace")],
        names: NameRule::Label,
        fields: FieldSet::Listed(&["status.phase", "metadata.name"]),
        ..core("namespaces", "namespace", "Namespace")
    },
    Resource {
        short_names: &["no"],
        namespaced: false,
        subresources: &[status("", "v1", "Node")],
        fields: FieldSet::Listed(&["metadata.name", "spec.unschedulable"]),
        ..core("nodes", "node", "Node")
    },
    Resource {
        short_names: &["pvc"],
        subresources: &[status("", "v1", "PersistentVolumeClaim")],
        ..core("persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim")
    },
    Resource {
        short_names: &["pv"],
        namespaced: false,
        subresources: &[status("", "v1", "PersistentVolume")],
        ..core("persistentvolumes", "persistentvolume", "PersistentVolume")
    },
    Resource { short_names: &["po"], categories: &["all"], subresources: POD, fields: POD_FIELDS, ..core("pods", "pod", "Pod") },
    Resource {
        short_names: &["quota"],
        subresources: &[status("", "v1", "ResourceQuota")],
        ..core("resourcequotas", "resourcequota", "ResourceQuota")
    },
    Resource { fields: FieldSet::Listed(&["type", "metadata.namespace", "metadata.name"]), ..core("secrets", "secret", "Secret") },
    Resource { short_names: &["sa"], ..core("serviceaccounts", "serviceaccount", "ServiceAccount") },
    Resource {
        short_names: &["svc"],
        categories: &["all"],
        subresources: &[status("", "v1", "Service")],
        names: NameRule::Label1035,
        fields: FieldSet::Listed(&["metadata.namespace", "metadata.name", "spec.clusterIP", "spec.type"]),
        ..core("services", "service", "Service")
    },
];

const fn workload(
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    short_names: &'static [&'static str],
    subresources: &'static [Subresource],
) -> Resource {
    Resource { short_names, categories: &["all"], subresources, ..resource(group, "v1", plural, singular, kind) }
}

const APPS: &[Resource] = &[
    workload("apps", "daemonsets", "daemonset", "DaemonSet", &["ds"], &[status("apps", "v1", "DaemonSet")]),
    workload("apps", "deployments", "deployment", "Deployment", &["deploy"], &[SCALE, status("apps", "v1", "Deployment")]),
    workload("apps", "replicasets", "replicaset", "ReplicaSet", &["rs"], &[SCALE, status("apps", "v1", "ReplicaSet")]),
    workload("apps", "statefulsets", "statefulset", "StatefulSet", &["sts"], &[SCALE, status("apps", "v1", "StatefulSet")]),
];

const BATCH: &[Resource] = &[
    workload("batch", "cronjobs", "cronjob", "CronJob", &["cj"], &[status("batch", "v1", "CronJob")]),
    Resource {
        fields: FieldSet::Listed(&["metadata.name", "metadata.namespace", "status.successful"]),
        ..workload("batch", "jobs", "job", "Job", &[], &[status("batch", "v1", "Job")])
    },
];

const fn question(group: &'static str, plural: &'static str, singular: &'static str, kind: &'static str) -> Resource {
    Resource { namespaced: false, verbs: ASK, home: Home::Question, ..resource(group, "v1", plural, singular, kind) }
}

const fn metric(plural: &'static str, kind: &'static str, namespaced: bool) -> Resource {
    Resource {
        namespaced,
        verbs: READ,
        home: Home::Computed,
        strategic_patch: false,
        ..resource("metrics.k8s.io", "v1beta1", plural, "", kind)
    }
}

/// Our own kinds: written by the ARM side and the planners. `kubectl` may label and annotate them; whether a change of
/// `spec` is taken is decided where changes are admitted. No status subresource, so that spec and operation change in one
/// write.
const fn own(plural: &'static str, singular: &'static str, kind: &'static str) -> Resource {
    Resource {
        categories: &["nodelane"],
        namespaced: false,
        verbs: KEEP,
        strategic_patch: false,
        ..resource("nodelane.dev", "v1", plural, singular, kind)
    }
}

/// All group versions, in the order of discovery, each with its kinds.
pub const GROUP_VERSIONS: &[(&str, &str, &[Resource])] = &[
    ("", "v1", CORE),
    ("apps", "v1", APPS),
    (
        "events.k8s.io",
        "v1",
        &[Resource {
            short_names: &["ev"],
            fields: EVENT_FIELDS,
            home: Home::SharedWith { group: "" },
            ..resource("events.k8s.io", "v1", "events", "event", "Event")
        }],
    ),
    ("authentication.k8s.io", "v1", &[question("authentication.k8s.io", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview")]),
    (
        "authorization.k8s.io",
        "v1",
        &[
            question("authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview"),
            question("authorization.k8s.io", "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview"),
        ],
    ),
    ("batch", "v1", BATCH),
    (
        "policy",
        "v1",
        &[Resource {
            short_names: &["pdb"],
            subresources: &[status("policy", "v1", "PodDisruptionBudget")],
            ..resource("policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget")
        }],
    ),
    (
        "storage.k8s.io",
        "v1",
        &[
            Resource { namespaced: false, ..resource("storage.k8s.io", "v1", "csinodes", "csinode", "CSINode") },
            Resource {
                short_names: &["sc"],
                namespaced: false,
                ..resource("storage.k8s.io", "v1", "storageclasses", "storageclass", "StorageClass")
            },
        ],
    ),
    (
        "scheduling.k8s.io",
        "v1",
        &[Resource {
            short_names: &["pc"],
            namespaced: false,
            ..resource("scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", "PriorityClass")
        }],
    ),
    ("coordination.k8s.io", "v1", &[resource("coordination.k8s.io", "v1", "leases", "lease", "Lease")]),
    ("discovery.k8s.io", "v1", &[resource("discovery.k8s.io", "v1", "endpointslices", "endpointslice", "EndpointSlice")]),
    ("metrics.k8s.io", "v1beta1", &[metric("nodes", "NodeMetrics", false), metric("pods", "PodMetrics", true)]),
    (
        "nodelane.dev",
        "v1",
        &[
            own("clusters", "cluster", "Cluster"),
            Resource { verbs: ALL, ..own("faults", "fault", "Fault") },
            own("machines", "machine", "Machine"),
            Resource { short_names: &["np"], ..own("nodepools", "nodepool", "NodePool") },
        ],
    ),
];
