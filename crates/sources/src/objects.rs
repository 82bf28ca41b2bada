//! Plain Kubernetes objects, as `kubectl get -o json` prints them, one by one or in lists.
//!
//! Ids that are UUIDs stay; other words become ids of their own, the same for the same word, so that owners are still found. Resource
//! versions are another server's and are dropped: documents are numbered as they come. An object that comes twice counts as it came
//! last. Pods with equal specifications or labels share them, as the world expects of pods of one template.
//!
//! Not here: validation (a server accepted these objects, or the caller means them), admission, defaults.

use nodelane_k8s::{object, registry};
use nodelane_model::hash::Hash;
use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Key, Kind, Labels, Name, Uid};
use nodelane_world::World;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An object that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{object}: {why}")]
pub struct Unreadable {
    /// Which one: kind, namespace and name where it has them, else its place.
    pub object: String,
    /// What is wrong with it.
    pub why: String,
}

/// Documents that were read, in the order of kinds, namespaces and names.
#[derive(Debug, Default)]
pub struct Objects {
    docs: BTreeMap<Key, Arc<Doc>>,
    /// How many objects of which kinds were left out: kinds that are not known here, events, and Secrets, which are never looked at.
    pub skipped: BTreeMap<String, usize>,
    specs: BTreeMap<String, Arc<PodSpec>>,
    labels: BTreeSet<Labels>,
}

/// The world that these objects make. Lists (kind `List`, `PodList` and so on) are taken apart.
///
/// # Errors
/// The first object that cannot be read.
pub fn world(objects: impl IntoIterator<Item = Value>) -> Result<World, Unreadable> {
    let mut read = Objects::default();
    for object in objects {
        read.add(object)?;
    }
    Ok(read.into_world())
}

/// The Kubernetes version of a world's control plane: what its cluster says; else that of the newest kubelet, as none is newer than its
/// control plane.
pub fn kubernetes_version(world: &World) -> Option<Name> {
    let mut clusters = world.list(Kind::Cluster, None).filter_map(|doc| doc.as_cluster()).map(|cluster| cluster.state.version.clone());
    let kubelets = world.list(Kind::Node, None).filter_map(|doc| doc.as_node()).map(|node| node.status.node_info.kubelet_version.clone());
    let numbers = |version: &Name| {
        version.trim_start_matches('v').split('.').map(|number| number.parse::<u32>().unwrap_or_default()).collect::<Vec<u32>>()
    };
    clusters.find(|version| !version.is_empty()).or_else(|| kubelets.filter(|version| !version.is_empty()).max_by_key(numbers))
}

impl Objects {
    /// Takes up an object, or every object of a list.
    ///
    /// # Errors
    /// The first object that cannot be read; those before it are taken up.
    pub fn add(&mut self, mut object: Value) -> Result<(), Unreadable> {
        let kind = text(&object, "/kind").to_owned();
        if kind == "Secret" || kind == "SecretList" {
            self.skip("Secret");
            return Ok(());
        }
        if kind.ends_with("List") && object.get("items").is_some() {
            let (of, version) = (kind.trim_end_matches("List").to_owned(), object.get("apiVersion").cloned());
            let Some(Value::Array(items)) = object.get_mut("items").map(Value::take) else {
                return Err(Unreadable { object: kind, why: "items is not a list".into() });
            };
            for mut item in items {
                // Items of a typed list, as the API gives it, do not say their kind.
                if let (Some(fields), false) = (item.as_object_mut(), of.is_empty()) {
                    fields.entry("kind").or_insert_with(|| of.clone().into());
                    fields.entry("apiVersion").or_insert_with(|| version.clone().unwrap_or_default());
                }
                self.add(item)?;
            }
            return Ok(());
        }
        if kind.is_empty() {
            return Err(Unreadable { object: self.place_of(&object), why: "it has no kind".into() });
        }
        match Kind::from_name(&kind).filter(|kind| kind.api_version() == text(&object, "/apiVersion") && is_read(*kind)) {
            Some(kind) => self.add_as(kind, object).map(drop),
            None => {
                self.skip(&kind);
                Ok(())
            }
        }
    }
    /// Takes up an object of a kind that it need not name; gives the document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add_as(&mut self, kind: Kind, object: Value) -> Result<Arc<Doc>, Unreadable> {
        self.add_admitted(kind, object, |_| {})
    }
    /// The same, with what admission does to it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add_admitted(&mut self, kind: Kind, object: Value, admit: impl FnOnce(&mut Doc)) -> Result<Arc<Doc>, Unreadable> {
        let mut doc = read(kind, object)?;
        admit(&mut doc);
        Ok(self.put(doc))
    }
    /// Takes up a document under a number of ours.
    pub(crate) fn put(&mut self, mut doc: Doc) -> Arc<Doc> {
        doc.revision = self.docs.len() as u64 + 1;
        self.share(&mut doc);
        let doc = Arc::new(doc);
        self.docs.insert(doc.key.clone(), doc.clone());
        doc
    }
    /// A document that was read.
    pub fn get(&self, key: &Key) -> Option<&Arc<Doc>> {
        self.docs.get(key)
    }
    /// The documents.
    pub fn docs(&self) -> impl Iterator<Item = &Arc<Doc>> {
        self.docs.values()
    }
    /// The world of all of them; every subject is on its worklist.
    pub fn into_world(self) -> World {
        World::rebuild(0, self.docs.len() as u64, self.docs.into_values())
    }
    fn skip(&mut self, kind: &str) {
        *self.skipped.entry(kind.to_owned()).or_default() += 1;
    }
    fn place_of(&self, object: &Value) -> String {
        match text(object, "/metadata/name") {
            "" => format!("object {}", self.docs.len() + self.skipped.values().sum::<usize>() + 1),
            name => format!("object {name:?}"),
        }
    }
    fn share(&mut self, doc: &mut Doc) {
        match self.labels.get(&doc.meta.labels) {
            Some(known) => doc.meta.labels = known.clone(),
            None => drop(self.labels.insert(doc.meta.labels.clone())),
        }
        let Some(pod) = doc.as_pod_mut() else { return };
        let text = serde_json::to_string(&*pod.spec).unwrap_or_default();
        match self.specs.get(&text) {
            Some(known) => pod.spec = known.clone(),
            None => drop(self.specs.insert(text, pod.spec.clone())),
        }
    }
}

/// Kinds of Kubernetes' own whose objects are of use: all but Secrets, which may hold credentials, and events, which may be many.
fn is_read(kind: Kind) -> bool {
    !matches!(kind, Kind::Secret | Kind::Event) && resource(kind).is_some()
}

fn resource(kind: Kind) -> Option<&'static registry::Resource> {
    let (group, version) = kind.api_version().split_once('/').unwrap_or(("", kind.api_version()));
    registry::by_kind(group, version, kind.as_str()).filter(|_| !group.ends_with("nodelane.dev"))
}

/// An object as a document of this kind. Its revision is 0.
fn read(kind: Kind, mut object: Value) -> Result<Doc, Unreadable> {
    let named = |object: &Value| {
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        let slash = if namespace.is_empty() { "" } else { "/" };
        format!("{} {namespace}{slash}{name}", kind.as_str()).trim_end().to_owned()
    };
    let unreadable = |object: &Value, why: &str| Unreadable { object: named(object), why: why.to_owned() };
    let Some(resource) = resource(kind).filter(|_| kind != Kind::Secret) else {
        return Err(unreadable(&object, "this kind is not read"));
    };
    if text(&object, "/metadata/name").is_empty() {
        return Err(unreadable(&object, "metadata.name is missing"));
    }
    let name = named(&object);
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        adopt(metadata, resource.namespaced, &name);
    }
    object::from_elsewhere(resource, &mut object).map_err(|status| unreadable(&object, &status.message))
}

/// Makes another server's metadata ours: no revision, an id, a namespace where the kind has one.
fn adopt(metadata: &mut Map<String, Value>, namespaced: bool, name: &str) {
    metadata.remove("resourceVersion");
    if !namespaced {
        metadata.remove("namespace");
    } else if metadata.get("namespace").and_then(Value::as_str).is_none_or(str::is_empty) {
        metadata.insert("namespace".into(), "default".into());
    }
    let id = match metadata.get("uid").and_then(Value::as_str).unwrap_or_default() {
        "" => id_of(name),
        id => id_of(id),
    };
    metadata.insert("uid".into(), id.into());
    for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(owner) = owner.as_object_mut() else { continue };
        let id = owner.get("uid").and_then(Value::as_str).map(id_of).unwrap_or_default();
        owner.insert("uid".into(), id.into());
    }
}

/// A word as an id: itself where it is a UUID.
fn id_of(word: &str) -> String {
    match Uid::parse(word) {
        Some(uid) => uid.to_string(),
        None => Uid::derive(0, Hash::new(0).text(word).get(), 0).to_string(),
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "resourceVersion": "alien-7"},
            "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}}})
    }

    fn pod(name: &str, uid: &str, cpu: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "x", "uid": uid, "labels": {"a": "b"}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": "Running", "startTime": null}})
    }

    #[test]
    fn pods_before_their_node_in_a_list_are_charged_to_it() {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [pod("p", "p", "500m"), pod("q", "q", "500m"), node("n1")]});
        let world = world([list]).unwrap();
        let row = world.node(&"n1".into()).unwrap();
        assert_eq!((row.used.cpu_milli, row.used.pods), (1000, 2));
        let pods: Vec<_> = world.list(Kind::Pod, None).collect();
        assert!(Arc::ptr_eq(&pods[0].as_pod().unwrap().spec, &pods[1].as_pod().unwrap().spec), "equal specifications are shared");
        assert_eq!(pods.iter().map(|pod| pod.revision).collect::<BTreeSet<_>>().len(), 2);
    }

    #[test]
    fn the_version_is_the_clusters_or_that_of_the_newest_kubelet() {
        let of = |name: &str, version: &str| {
            let mut node = node(name);
            node["status"]["nodeInfo"] = json!({"kubeletVersion": version});
            node
        };
        assert_eq!(kubernetes_version(&world([node("n1")]).unwrap()), None);
        let nodes = [of("n1", "v1.9.11"), of("n2", "v1.34.4"), of("n3", "v1.34.10"), node("n4")];
        assert_eq!(kubernetes_version(&world(nodes.clone()).unwrap()).as_deref(), Some("v1.34.10"));
        let mut objects = Objects::default();
        nodes.into_iter().for_each(|node| objects.add(node).unwrap());
        let cluster = json!({"metadata": {"name": "cluster"}, "spec": {}, "state": {"version": "1.36.2"}});
        objects.add_own(Kind::Cluster, &mut json!({"items": [cluster]})).unwrap();
        assert_eq!(kubernetes_version(&objects.into_world()).as_deref(), Some("1.36.2"));
    }

    #[test]
    fn items_of_a_typed_list_take_its_kind() {
        let mut item = node("n1");
        item.as_object_mut().unwrap().retain(|field, _| field != "kind" && field != "apiVersion");
        let world = world([json!({"apiVersion": "v1", "kind": "NodeList", "items": [item]})]).unwrap();
        assert!(world.node(&"n1".into()).is_some());
    }

    #[test]
    fn secrets_and_unknown_kinds_are_left_out_and_counted() {
        let mut objects = Objects::default();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": "not even a map"});
        let strange = json!({"apiVersion": "example.com/v1", "kind": "Pod", "metadata": {"name": "p"}});
        let list = json!({"apiVersion": "v1", "kind": "SecretList", "items": [secret.clone()]});
        [secret, strange, list].into_iter().for_each(|object| objects.add(object).unwrap());
        assert_eq!(objects.skipped, BTreeMap::from([("Pod".to_owned(), 1), ("Secret".to_owned(), 2)]));
        assert!(objects.into_world().is_empty());
    }

    #[test]
    fn an_object_that_cannot_be_read_is_named_with_what_is_wrong() {
        let mut bad = pod("p", "p", "1");
        bad["spec"]["containers"][0]["image"] = json!(7);
        let error = world([node("n1"), bad]).unwrap_err().to_string();
        assert!(error.starts_with("Pod x/p: ") && error.contains("spec.containers.0.image"), "{error}");
        let error = world([pod("p", "p", "many")]).unwrap_err().to_string();
        assert!(error.starts_with("Pod x/p: ") && error.contains("quantities must match"), "{error}");
        let error = world([json!({"apiVersion": "v1", "kind": "Node", "metadata": {}})]).unwrap_err();
        assert_eq!(error.to_string(), "Node: metadata.name is missing");
        assert_eq!(world([json!(3)]).unwrap_err().to_string(), "object 1: it has no kind");
    }

    #[test]
    fn owners_are_found_by_ids_that_are_words_and_ids_that_are_uuids_stay() {
        let uuid = "6f0a1c9e-2f4b-4c57-9a55-0d6b6a3d2c11";
        for id in ["set-1", uuid] {
            let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "s", "namespace": "x", "uid": id},
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {}}});
            let mut owned = pod("p", "p", "1");
            owned["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "s", "uid": id, "controller": true}]);
            let world = world([owned, set]).unwrap();
            let set = world.get(&Key::new(Kind::ReplicaSet, "x", "s")).unwrap();
            assert_eq!(world.owned_by(set.meta.uid).count(), 1);
            assert_eq!(set.meta.uid.to_string() == uuid, id == uuid);
        }
    }
}
