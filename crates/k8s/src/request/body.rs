//! Bodies of create and update: bytes to a document, with upstream's complaints.
//!
//! Found are repeated and unknown fields, at any depth for upstream's kinds (`schema`), at the top and in `metadata` for ours.
//! Unknown fields are left out of what is read, as upstream leaves them out. Not found here: what a field's type refuses.

use super::FieldValidation;
use crate::registry::{Resource, api_version};
use crate::schema;
use crate::status::Status;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;

/// Largest body, in bytes: 3 MiB, upstream's limit.
pub const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// A body that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The document, with `apiVersion` and `kind` filled in.
    pub object: Value,
    /// Texts for `Warning` headers (`299 - "…"`).
    pub warnings: Vec<String>,
}

/// Reads a JSON body for a kind; the error is the 400. (YAML is turned into JSON by the caller.)
pub fn decode(bytes: &[u8], resource: &Resource, validation: FieldValidation) -> Result<Body, Status> {
    let kind = resource.kind;
    let unrecognized = |why: String| {
        let shown = summary(bytes);
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: \
             {why} ({shown})"
        ))
    };
    let problems = RefCell::new(Vec::new());
    let seed = Seed {
        path: String::new(),
        depth: 0,
        kind,
        shape: schema::of_kind(&api_version(resource.group, resource.version), kind).map_or(Shape::Any, Shape::Message),
        problems: &problems,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    let mut object = match read {
        Ok(Value::Object(map)) => map,
        Ok(other) => return Err(unrecognized(format!("json: cannot unmarshal {other} into an object"))),
        Err(error) if error.is_eof() => return Err(unrecognized("unexpected end of JSON input".to_owned())),
        Err(error) => return Err(unrecognized(error.to_string())),
    };
    identify(&mut object, resource)?;
    let problems = problems.into_inner();
    match validation {
        FieldValidation::Strict if !problems.is_empty() => Err(Status::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: strict decoding error: {}",
            resource.version,
            problems.join(", ")
        ))),
        FieldValidation::Ignore => Ok(Body { object: object.into(), warnings: Vec::new() }),
        _ => Ok(Body { object: object.into(), warnings: problems }),
    }
}

/// Fills in or checks `apiVersion` and `kind`.
fn identify(object: &mut Map<String, Value>, resource: &Resource) -> Result<(), Status> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let wanted = api_version(resource.group, resource.version);
    let wrong = |version: &str, why: String| {
        let shown = version.rsplit('/').next().unwrap_or_default();
        let found = if kind.is_empty() { resource.kind } else { &kind };
        let text = format!("{found} in version \"{shown}\" cannot be handled as a {}: {why}", resource.kind);
        Err(Status::bad_request(text))
    };
    if !version.is_empty() && version != wanted {
        let found = if kind.is_empty() { resource.kind } else { &kind };
        return wrong(&version, format!("no kind \"{found}\" is registered for version \"{version}\" here"));
    }
    if !kind.is_empty() && kind != resource.kind {
        return wrong(&wanted, format!("{kind} is not {}", resource.kind));
    }
    object.insert("apiVersion".to_owned(), wanted.into());
    object.insert("kind".to_owned(), resource.kind.into());
    Ok(())
}

/// The name of an updated body must be the path's; upstream's 400 if not.
pub fn check_name(object: &Value, name: &str) -> Result<(), Status> {
    match object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default() {
        same if same == name => Ok(()),
        "" => Err(Status::bad_request(format!("the name of the object ({name} based on URL) was undeterminable: name must be provided"))),
        other => Err(Status::bad_request(format!("the name of the object ({other}) does not match the name on the URL ({name})"))),
    }
}

/// The body's namespace must be the path's; upstream's 400 if not. A body without one gets it.
pub fn check_namespace(object: &mut Value, namespace: &str) -> Result<(), Status> {
    match object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default() {
        same if same == namespace => Ok(()),
        "" => {
            object["metadata"]["namespace"] = namespace.into();
            Ok(())
        }
        _ => Err(Status::bad_request("the namespace of the provided object does not match the namespace sent on the request")),
    }
}

/// The beginning of a body, for people.
fn summary(bytes: &[u8]) -> String {
    const SHOWN: usize = 30;
    if bytes.is_empty() {
        return "<empty>".to_owned();
    }
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let tail = if bytes.len() > SHOWN { " ..." } else { "" };
    match std::str::from_utf8(cut) {
        Ok(text) if text.starts_with('{') => format!("{text}{tail}"),
        _ => format!("{}{tail}", cut.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

const META_FIELDS: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

/// Is this a field of the kind's top level?
fn is_top_field(kind: &str, field: &str) -> bool {
    if matches!(field, "apiVersion" | "kind" | "metadata") {
        return true;
    }
    match kind {
        "ConfigMap" => matches!(field, "data" | "binaryData" | "immutable"),
        "Secret" => matches!(field, "data" | "stringData" | "type" | "immutable"),
        "ServiceAccount" => matches!(field, "secrets" | "imagePullSecrets" | "automountServiceAccountToken"),
        "Endpoints" => field == "subsets",
        "EndpointSlice" => matches!(field, "addressType" | "endpoints" | "ports"),
        "PriorityClass" => matches!(field, "value" | "globalDefault" | "description" | "preemptionPolicy"),
        "StorageClass" => matches!(
            field,
            "provisioner"
                | "parameters"
                | "reclaimPolicy"
                | "mountOptions"
                | "allowVolumeExpansion"
                | "volumeBindingMode"
                | "allowedTopologies"
        ),
        "Binding" => field == "target",
        // Events have two dozen fields in two dialects; they come from programs, not from hands.
        "Event" => true,
        "NodePool" | "Cluster" => matches!(field, "spec" | "state"),
        "Lease" | "CSINode" | "LimitRange" | "Machine" => field == "spec",
        _ => matches!(field, "spec" | "status"),
    }
}

/// Builds a value and notes repeated and unknown fields by path, in the order of the document.
struct Seed<'a> {
    path: String,
    depth: usize,
    kind: &'a str,
    shape: Shape,
    problems: &'a RefCell<Vec<String>>,
}

/// What is known about the value that is read next.
#[derive(Clone, Copy)]
enum Shape {
    /// Nothing: it may hold any field.
    Any,
    /// It has the fields of a message.
    Message(&'static str),
    /// Its items, or the values of its keys, have the fields of a message.
    Each(&'static str),
}

impl Shape {
    fn of(field: &schema::Field) -> Shape {
        match (field.kind, field.count) {
            (schema::Type::Message(name), schema::Count::One) if schema::fields(name).is_some() => Shape::Message(name),
            (schema::Type::Message(name), _) if schema::fields(name).is_some() => Shape::Each(name),
            _ => Shape::Any,
        }
    }

    fn item(self) -> Shape {
        match self {
            Shape::Each(name) => Shape::Message(name),
            _ => Shape::Any,
        }
    }
}

impl Seed<'_> {
    fn child(&self, path: String, shape: Shape) -> Self {
        Seed { path, depth: self.depth + 1, kind: self.kind, shape, problems: self.problems }
    }

    /// What a field holds; `None` for one that does not exist.
    fn field(&self, name: &str) -> Option<Shape> {
        let known = |known: bool| known.then_some(Shape::Any);
        match (self.depth, self.path.as_str(), self.shape) {
            (0, _, Shape::Message(_)) if matches!(name, "apiVersion" | "kind") => Some(Shape::Any),
            (_, _, Shape::Message(message)) => schema::find(message, name).map(Shape::of),
            (0, _, _) => known(is_top_field(self.kind, name)),
            (1, "metadata", _) => known(META_FIELDS.contains(&name)),
            (_, _, shape) => Some(shape.item()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child(format!("{}[{}]", self.path, list.len()), self.shape.item()))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            let field = self.field(&key);
            let problem = match (field.is_some(), map.contains_key(&key)) {
                (true, true) => Some(format!("duplicate field \"{path}\"")),
                (false, false) => Some(format!("unknown field \"{path}\"")),
                _ => None,
            };
            self.problems.borrow_mut().extend(problem);
            // Unknown fields are kept until the whole was read, so that a repeat of one is no second complaint.
            let value = access.next_value_seed(self.child(path, field.unwrap_or(Shape::Any)))?;
            map.insert(key, value);
        }
        map.retain(|key, _| self.field(key).is_some());
        Ok(map.into())
    }
}
