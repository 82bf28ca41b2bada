//! Documents as JSON: the stored shape, which is that of a Kubernetes object.
//!
//! Encoding streams straight from the typed body. Decoding keeps every property it has no type for. On a restart [`Interner`] gives
//! pods of one template one specification again: it is parsed once per distinct text, not once per pod.
//!
//! Not here: defaults and validation (`k8s`, `arm`).

use crate::meta::Labels;
use crate::{Body, Doc, Key, Kind, Meta, Name, OwnerRef, Pod, Rest, Time, Uid, pod::PodSpec};
use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The document as JSON; made at most once per document.
pub fn encode(doc: &Doc) -> &Bytes {
    doc.encoded(|doc| {
        let mut out = Vec::with_capacity(2048);
        serde_json::to_writer(&mut out, doc).expect("documents have string keys only");
        out.into()
    })
}

/// The document as a JSON value, for patches.
pub fn to_value(doc: &Doc) -> serde_json::Value {
    serde_json::to_value(doc).expect("documents have string keys only")
}

/// Reads a document of a known kind; apiVersion and kind are not looked at.
pub fn decode(kind: Kind, json: &[u8]) -> Result<Doc, serde_json::Error> {
    let raw: RawDoc = serde_json::from_slice(json)?;
    raw.into_doc(kind, None)
}

/// Reads a document of a known kind from a JSON value.
pub fn from_value(kind: Kind, value: &serde_json::Value) -> Result<Doc, serde_json::Error> {
    decode(kind, value.to_string().as_bytes())
}

/// Reads stored documents, sharing equal parts between them.
#[derive(Default)]
pub struct Interner {
    specs: BTreeMap<Box<str>, Arc<PodSpec>>,
    maps: BTreeSet<Labels>,
}

impl Interner {
    /// Reads a stored document.
    pub fn decode(&mut self, kind: Kind, json: &[u8]) -> Result<Doc, serde_json::Error> {
        let raw: RawDoc = serde_json::from_slice(json)?;
        raw.into_doc(kind, Some(self))
    }
    fn map(&mut self, labels: &mut Labels) {
        match self.maps.get(labels) {
            Some(known) => *labels = known.clone(),
            None => {
                self.maps.insert(labels.clone());
            }
        }
    }
    fn spec(&mut self, text: &str) -> Result<Arc<PodSpec>, serde_json::Error> {
        if let Some(known) = self.specs.get(text) {
            return Ok(known.clone());
        }
        let spec: Arc<PodSpec> = Arc::new(serde_json::from_str(&format!("{{{text}"))?);
        self.specs.insert(text.into(), spec.clone());
        Ok(spec)
    }
}

const NODE_NAME: &str = "{\"nodeName\":\"";

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("apiVersion", self.key.kind.api_version())?;
        map.serialize_entry("kind", self.key.kind.as_str())?;
        map.serialize_entry("metadata", &MetaShape::of(self))?;
        macro_rules! two {
            ($body:expr) => {{
                map.serialize_entry("spec", &$body.spec)?;
                map.serialize_entry("status", &$body.status)?;
            }};
        }
        macro_rules! flat {
            ($body:expr) => {{
                let fields = serde_json::to_value($body).map_err(serde::ser::Error::custom)?;
                for (name, value) in fields.as_object().into_iter().flatten() {
                    map.serialize_entry(name, value)?;
                }
            }};
        }
        match &self.body {
            Body::Pod(pod) => {
                map.serialize_entry("spec", &BoundSpec { node_name: pod.node.as_ref(), spec: &pod.spec })?;
                map.serialize_entry("status", &pod.status)?;
            }
            Body::Node(body) => two!(body),
            Body::Deployment(body) => two!(body),
            Body::ReplicaSet(body) => two!(body),
            Body::StatefulSet(body) => two!(body),
            Body::DaemonSet(body) => two!(body),
            Body::Job(body) => two!(body),
            Body::CronJob(body) => two!(body),
            Body::PodDisruptionBudget(body) => two!(body),
            Body::PersistentVolume(body) => two!(body),
            Body::PersistentVolumeClaim(body) => two!(body),
            Body::CSINode(body) => map.serialize_entry("spec", &body.spec)?,
            Body::NodePool(body) => {
                map.serialize_entry("spec", &body.spec)?;
                map.serialize_entry("state", &body.state)?;
            }
            Body::Cluster(body) => {
                map.serialize_entry("spec", &body.spec)?;
                map.serialize_entry("state", &body.state)?;
            }
            Body::Machine(body) => map.serialize_entry("spec", body)?,
            Body::Event(body) => flat!(body),
            Body::StorageClass(body) => flat!(body),
            Body::Opaque(rest) => {
                for (name, value) in rest {
                    map.serialize_entry(name, value)?;
                }
            }
        }
        map.end()
    }
}

/// The node's name stands first: [`Interner`] takes the text behind it as the specification's identity.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BoundSpec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Option<&'a Name>,
    #[serde(flatten)]
    spec: &'a PodSpec,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct MetaShape {
    #[serde(skip_serializing_if = "Name::is_empty", deserialize_with = "or_default")]
    name: Name,
    #[serde(skip_serializing_if = "Name::is_empty", deserialize_with = "or_default")]
    generate_name: Name,
    #[serde(skip_serializing_if = "Name::is_empty", deserialize_with = "or_default")]
    namespace: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<Name>,
    #[serde(skip_serializing_if = "Name::is_empty", deserialize_with = "or_default")]
    resource_version: Name,
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "or_default")]
    generation: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_timestamp: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "no_labels", deserialize_with = "or_default")]
    labels: Labels,
    #[serde(skip_serializing_if = "no_labels", deserialize_with = "or_default")]
    annotations: Labels,
    #[serde(skip_serializing_if = "no_owners", deserialize_with = "or_default")]
    owner_references: Arc<Vec<OwnerRef>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    finalizers: Vec<Name>,
}

/// `null` reads as the default, as the real API reads it.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
fn is_zero(value: &i64) -> bool {
    *value == 0
}
fn no_labels(labels: &Labels) -> bool {
    labels.is_empty()
}
fn no_owners(owners: &Arc<Vec<OwnerRef>>) -> bool {
    owners.is_empty()
}

impl MetaShape {
    fn of(doc: &Doc) -> MetaShape {
        let meta = &doc.meta;
        MetaShape {
            name: doc.key.name.clone(),
            generate_name: meta.generate_name.clone().unwrap_or_default(),
            namespace: doc.key.namespace.clone(),
            uid: (meta.uid != Uid::default()).then(|| meta.uid.to_string().into()),
            resource_version: if doc.revision == 0 { Name::default() } else { doc.revision.to_string().into() },
            generation: meta.generation,
            creation_timestamp: (meta.created != Time(0)).then_some(meta.created),
            deletion_timestamp: meta.deleted,
            deletion_grace_period_seconds: meta.grace_seconds,
            labels: meta.labels.clone(),
            annotations: meta.annotations.clone(),
            owner_references: meta.owners.clone(),
            finalizers: meta.finalizers.clone(),
        }
    }
}

struct RawDoc<'a> {
    meta: MetaShape,
    spec: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    state: Option<&'a RawValue>,
    rest: BTreeMap<String, &'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawDoc<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawDoc<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawDoc<'de>, A::Error> {
                let mut doc = RawDoc { meta: MetaShape::default(), spec: None, status: None, state: None, rest: BTreeMap::new() };
                while let Some(field) = map.next_key::<String>()? {
                    match field.as_str() {
                        "apiVersion" | "kind" => drop(map.next_value::<&RawValue>()?),
                        "metadata" => doc.meta = map.next_value::<Option<MetaShape>>()?.unwrap_or_default(),
                        "spec" => doc.spec = Some(map.next_value()?),
                        "status" => doc.status = Some(map.next_value()?),
                        "state" => doc.state = Some(map.next_value()?),
                        _ => drop(doc.rest.insert(field, map.next_value()?)),
                    }
                }
                Ok(doc)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

fn part<T: DeserializeOwned + Default>(raw: Option<&RawValue>) -> Result<T, serde_json::Error> {
    match raw {
        None => Ok(T::default()),
        Some(raw) if raw.get() == "null" => Ok(T::default()),
        Some(raw) => serde_json::from_str(raw.get()),
    }
}

impl RawDoc<'_> {
    fn into_doc(self, kind: Kind, mut interner: Option<&mut Interner>) -> Result<Doc, serde_json::Error> {
        let body = self.body(kind, interner.as_deref_mut())?;
        let mut shape = self.meta;
        if let Some(interner) = interner {
            interner.map(&mut shape.labels);
            interner.map(&mut shape.annotations);
        }
        let uid = match shape.uid.as_deref() {
            None | Some("") => Uid::default(),
            Some(text) => Uid::parse(text).ok_or_else(|| serde_json::Error::custom(format_args!("metadata.uid {text:?} is not a uid")))?,
        };
        let revision = match shape.resource_version.as_str() {
            "" => 0,
            text => {
                text.parse().map_err(|_| serde_json::Error::custom(format_args!("metadata.resourceVersion {text:?} is not a revision")))?
            }
        };
        let meta = Meta {
            uid,
            generation: shape.generation,
            created: shape.creation_timestamp.unwrap_or_default(),
            deleted: shape.deletion_timestamp,
            grace_seconds: shape.deletion_grace_period_seconds,
            labels: shape.labels,
            annotations: shape.annotations,
            owners: shape.owner_references,
            finalizers: shape.finalizers,
            generate_name: (!shape.generate_name.is_empty()).then_some(shape.generate_name),
        };
        Ok(Doc::new(Key { kind, namespace: shape.namespace, name: shape.name }, revision, meta, body))
    }

    fn body(&self, kind: Kind, interner: Option<&mut Interner>) -> Result<Body, serde_json::Error> {
        macro_rules! two {
            ($kind:ident, $type:path) => {{
                use $type as Type;
                Body::$kind(Box::new(Type { spec: part(self.spec)?, status: part(self.status)? }))
            }};
        }
        Ok(match kind {
            Kind::Pod => Body::Pod(self.pod(interner)?),
            Kind::Node => two!(Node, crate::Node),
            Kind::Deployment => two!(Deployment, crate::workload::Deployment),
            Kind::ReplicaSet => two!(ReplicaSet, crate::workload::ReplicaSet),
            Kind::StatefulSet => two!(StatefulSet, crate::workload::StatefulSet),
            Kind::DaemonSet => two!(DaemonSet, crate::workload::DaemonSet),
            Kind::Job => two!(Job, crate::workload::Job),
            Kind::CronJob => two!(CronJob, crate::workload::CronJob),
            Kind::PodDisruptionBudget => two!(PodDisruptionBudget, crate::Budget),
            Kind::PersistentVolume => two!(PersistentVolume, crate::volume::PersistentVolume),
            Kind::PersistentVolumeClaim => two!(PersistentVolumeClaim, crate::volume::VolumeClaim),
            Kind::CSINode => Body::CSINode(Box::new(crate::volume::CsiNode { spec: part(self.spec)? })),
            Kind::NodePool => Body::NodePool(Box::new(crate::NodePool { spec: part(self.spec)?, state: part(self.state)? })),
            Kind::Cluster => Body::Cluster(Box::new(crate::Cluster { spec: part(self.spec)?, state: part(self.state)? })),
            Kind::Machine => {
                let raw = self.spec.ok_or_else(|| serde_json::Error::missing_field("spec"))?;
                Body::Machine(Box::new(serde_json::from_str(raw.get())?))
            }
            Kind::Event => Body::Event(Box::new(serde_json::from_value(self.fields()?.into())?)),
            Kind::StorageClass => Body::StorageClass(Box::new(serde_json::from_value(self.fields()?.into())?)),
            _ => Body::Opaque(self.fields()?),
        })
    }

    /// All fields but the metadata, as they came.
    fn fields(&self) -> Result<Rest, serde_json::Error> {
        let mut fields = Rest::new();
        let named = [("spec", self.spec), ("status", self.status), ("state", self.state)];
        for (name, raw) in named.into_iter().filter_map(|(name, raw)| Some((name, raw?))) {
            fields.insert(name.to_owned(), serde_json::from_str(raw.get())?);
        }
        for (name, raw) in &self.rest {
            fields.insert(name.clone(), serde_json::from_str(raw.get())?);
        }
        Ok(fields)
    }

    fn pod(&self, interner: Option<&mut Interner>) -> Result<Pod, serde_json::Error> {
        let status = part(self.status)?;
        let text = self.spec.map_or("{}", |raw| raw.get());
        // As written here: the node's name first, then the text that all pods of the template share.
        if let Some(interner) = interner
            && let Some((node, rest)) =
                text.strip_prefix(NODE_NAME).and_then(|rest| rest.split_once("\",")).filter(|(node, _)| !node.contains('\\'))
        {
            return Ok(Pod { spec: interner.spec(rest)?, node: Some(node.into()), status });
        }
        let mut spec: PodSpec = serde_json::from_str(text)?;
        let node = match spec.rest.remove("nodeName") {
            Some(serde_json::Value::String(node)) if !node.is_empty() => Some(Name::from(node)),
            _ => None,
        };
        Ok(Pod { spec: Arc::new(spec), node, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, json: serde_json::Value) -> Doc {
        from_value(kind, &json).unwrap()
    }

    #[test]
    fn what_is_not_known_comes_back_unchanged() {
        let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "x", "labels": {"app": "a"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n1", "dnsPolicy": "None", "containers": [{"name": "c", "image": "i", "resources": {},
                "livenessProbe": {"httpGet": {"port": 80}}, "ports": [{"containerPort": 80, "name": "http"}]}]},
            "status": {"phase": "Running", "observedGeneration": 3}});
        assert_eq!(to_value(&read(Kind::Pod, pod.clone())), pod);
        let map = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "x"},
            "data": {"k": "v"}, "immutable": true});
        assert_eq!(to_value(&read(Kind::ConfigMap, map.clone())), map);
    }

    #[test]
    fn volumes_come_back_as_they_came() {
        for value in [
            serde_json::json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
                "spec": {"capacity": {"storage": "8Gi"}, "accessModes": ["ReadWriteOnce"], "mountOptions": ["ro"],
                    "azureDisk": {"diskName": "d", "diskURI": "/u"}, "persistentVolumeReclaimPolicy": "Retain",
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                        {"key": "zone", "operator": "In", "values": ["1"]}]}]}},
                    "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "x", "name": "c", "uid": "u"}},
                "status": {"phase": "Bound", "lastPhaseTransitionTime": "2026-01-01T00:00:00Z"}}),
            serde_json::json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "x"},
                "spec": {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": "8Gi"}}, "storageClassName": "",
                    "volumeName": "pv", "dataSource": {"kind": "PersistentVolumeClaim", "name": "d"}}, "status": {"phase": "Bound"}}),
            serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "s"},
                "provisioner": "disk.csi.azure.com", "parameters": {"skuname": "Premium_LRS"}, "allowVolumeExpansion": true,
                "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
                "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["1"]}]}]}),
            serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n"},
                "spec": {"drivers": [{"name": "disk.csi.azure.com", "nodeID": "n", "topologyKeys": ["zone"], "allocatable": {"count": 8}}]}}),
        ] {
            let kind = Kind::from_name(value["kind"].as_str().unwrap()).unwrap();
            assert_eq!(to_value(&read(kind, value.clone())), value);
        }
    }

    #[test]
    fn stored_pods_of_one_template_share_their_specification_again() {
        let mut interner = Interner::default();
        let stored = |name: &str, node: &str| {
            let doc = read(
                Kind::Pod,
                serde_json::json!({"metadata": {"name": name, "labels": {"app": "a"}},
                "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}], "restartPolicy": "Always"}}),
            );
            encode(&doc).clone()
        };
        let a = interner.decode(Kind::Pod, &stored("a", "n1")).unwrap();
        let b = interner.decode(Kind::Pod, &stored("b", "n2")).unwrap();
        assert!(Arc::ptr_eq(&a.as_pod().unwrap().spec, &b.as_pod().unwrap().spec));
        assert!(Arc::ptr_eq(&a.meta.labels, &b.meta.labels));
        assert_eq!(b.as_pod().unwrap().node.as_deref(), Some("n2"));
        assert_eq!(encode(&b), &stored("b", "n2"));
    }

    #[test]
    fn a_changed_copy_is_encoded_anew() {
        let doc = read(Kind::ConfigMap, serde_json::json!({"metadata": {"name": "a"}}));
        encode(&doc);
        let mut changed = doc.clone();
        changed.key.name = "b".into();
        assert!(String::from_utf8_lossy(encode(&changed)).contains("\"name\":\"b\""));
    }
}
