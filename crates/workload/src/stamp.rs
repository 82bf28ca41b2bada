//! Pods from templates.
//!
//! A stamp is made once per template and pass; its pods share the specification, labels, annotations and owners. Names end in five
//! characters of the alphabet that Kubernetes generates names from (no vowels, nothing that looks alike), drawn from the cell's seed
//! and the revision.

use crate::claim::controller_ref;
use nodelane_model::hash::Hash;
use nodelane_model::pod::{Phase, PodSpec, PodStatus, PodTemplate};
use nodelane_model::{Body, Doc, Key, Kind, Labels, Meta, Name, OwnerRef, Pod, Quantity};
use nodelane_world::{Draft, World};
use std::sync::Arc;

/// The alphabet of generated names and encoded hashes.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Kubernetes cuts the prefix of a generated name so that the name keeps within 63 characters.
const PREFIX_LIMIT: usize = 58;

/// What the pods of one template have in common.
#[derive(Clone)]
pub(crate) struct Stamp {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) spec: Arc<PodSpec>,
    pub(crate) finalizers: Vec<Name>,
    owners: Arc<Vec<OwnerRef>>,
    namespace: Name,
    node: Option<Name>,
    qos: Name,
}

impl Stamp {
    /// The stamp of a template, for pods that `owner` controls.
    pub(crate) fn of(world: &World, template: &PodTemplate, owner: &Doc) -> Stamp {
        let mut spec = template.spec.clone();
        crate::admission::complete(world, &mut spec);
        let node = spec.rest.get("nodeName").and_then(|node| node.as_str()).map(Name::new);
        if node.is_some() {
            Arc::make_mut(&mut spec).rest.remove("nodeName");
        }
        Stamp {
            labels: template.labels.clone(),
            annotations: template.annotations.clone(),
            qos: qos_class(&spec).into(),
            spec,
            finalizers: Vec::new(),
            owners: Arc::new(vec![controller_ref(owner)]),
            namespace: owner.key.namespace.clone(),
            node,
        }
    }
    /// Shares what is equal with a pod that is there: pods of one template are one class over passes and restarts.
    pub(crate) fn alike(mut self, doc: Option<&Arc<Doc>>) -> Stamp {
        let Some((doc, pod)) = doc.and_then(|doc| Some((doc, doc.as_pod()?))) else {
            return self;
        };
        if self.spec == pod.spec {
            self.spec = pod.spec.clone();
        }
        if self.labels == doc.meta.labels {
            self.labels = doc.meta.labels.clone();
        }
        if self.annotations == doc.meta.annotations {
            self.annotations = doc.meta.annotations.clone();
        }
        if self.owners == doc.meta.owners {
            self.owners = doc.meta.owners.clone();
        }
        self
    }
    /// Makes a pod whose name is generated from a prefix.
    pub(crate) fn generate(&self, draft: &mut Draft, prefix: &str) -> Arc<Doc> {
        let key = free_key(draft, Kind::Pod, &self.namespace, prefix);
        self.create(draft, key, Some(prefix.into()))
    }
    /// Makes a pod of a given name, which must be free.
    pub(crate) fn create(&self, draft: &mut Draft, key: Key, generate_name: Option<Name>) -> Arc<Doc> {
        let meta = Meta {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            owners: self.owners.clone(),
            finalizers: self.finalizers.clone(),
            generate_name,
            ..Meta::default()
        };
        let status = PodStatus { phase: Phase::Pending, qos_class: self.qos.clone(), ..PodStatus::default() };
        draft.create(key, meta, Body::Pod(Pod { spec: self.spec.clone(), node: self.node.clone(), status }))
    }
}

/// A key that is free, its name generated from a prefix.
pub(crate) fn free_key(draft: &Draft, kind: Kind, namespace: &Name, prefix: &str) -> Key {
    let mut cut = prefix.len().min(PREFIX_LIMIT);
    while !prefix.is_char_boundary(cut) {
        cut -= 1;
    }
    let seed = Hash::new(draft.world.seed).text(namespace).text(prefix).number(draft.world.revision);
    let names = (0..).map(|attempt| format!("{}{}", &prefix[..cut], suffix(seed.number(attempt).get())));
    let mut keys = names.map(|name| Key::new(kind, namespace.clone(), name));
    keys.find(|key| draft.world.get(key).is_none()).expect("27^5 names are never all taken")
}

fn suffix(mut bits: u64) -> String {
    let mut out = String::with_capacity(5);
    for _ in 0..5 {
        out.push(char::from(ALPHABET[(bits % 27) as usize]));
        bits /= 27;
    }
    out
}

/// The hash of a template as Kubernetes spells it: ten decimal digits, each byte mapped into the alphabet. Collisions are told apart
/// by their count.
pub(crate) fn template_hash(template: &PodTemplate, collisions: Option<i64>) -> Name {
    let json = serde_json::to_string(template).expect("templates have string keys only");
    let hash = Hash::new(0).text(&json).number(collisions.map_or(0, |count| count as u64 + 1));
    let digits = hash.between(1_000_000_000, i64::from(u32::MAX)).to_string();
    digits.bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % 27])).collect::<String>().into()
}

/// The quality of service class of a pod: `Guaranteed`, `Burstable` or `BestEffort`.
pub fn qos_class(spec: &PodSpec) -> &'static str {
    let pod_level = spec.resources.as_ref().filter(|r| !r.requests.is_empty() || !r.limits.is_empty());
    let all: Vec<_> = match pod_level {
        Some(resources) => vec![resources],
        None => spec.containers.iter().chain(&spec.init_containers).map(|container| &container.resources).collect(),
    };
    let amount = |quantity: Option<&Quantity>| quantity.and_then(Quantity::milli).filter(|milli| *milli != 0);
    let (mut any, mut guaranteed) = (false, true);
    for resources in all {
        for name in ["cpu", "memory"] {
            let limit = amount(resources.limits.get(name));
            let request = amount(resources.requests.get(name)).or(limit);
            any |= limit.is_some() || request.is_some();
            guaranteed &= limit.is_some() && request == limit;
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
