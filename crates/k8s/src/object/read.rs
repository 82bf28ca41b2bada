//! A JSON value as a document, or the 400 that says what cannot be read.
//!
//! Upstream's decoder names Go types; here the field's path is named instead, found by leaving parts out until the rest can
//! be read.

use super::validate::{At, malformed_amount};
use crate::registry::Resource;
use crate::status::Status;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nodelane_model::{Doc, Kind, codec};
use serde_json::Value;

/// Larger objects are refused without the path: looking for it reads the object once per field, here at most some 2,000
/// fields of 8 bytes times 16 KiB = 32 MiB.
const SEARCH_LIMIT_BYTES: usize = 16 * 1024;

/// Prepares a body, which must be an object: null means absent, as in upstream's decoder.
pub fn prepare(kind: Kind, body: &mut Value) -> Result<(), Status> {
    if !body.is_object() {
        return Err(Status::bad_request(format!("a {} must be a JSON object", kind.as_str())));
    }
    remove_nulls(body);
    Ok(())
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// Why an object could not be read.
pub struct Unreadable {
    /// The 400.
    pub status: Status,
    /// Whether all types are right: then the rules of the kind may know a better word (an empty name, a bad percentage),
    /// because upstream's types are looser than ours.
    pub has_right_types: bool,
}

impl From<Unreadable> for Status {
    fn from(unreadable: Unreadable) -> Status {
        unreadable.status
    }
}

/// Reads a document.
pub fn doc(resource: &Resource, kind: Kind, object: &Value) -> Result<Doc, Unreadable> {
    let refuse = |why: &str| {
        let (name, version) = (resource.kind, resource.version);
        let status = Status::bad_request(format!("{name} in version \"{version}\" cannot be handled as a {name}: {why}"));
        Unreadable { status, has_right_types: false }
    };
    if let Some(offset) = base64_error(kind, object) {
        return Err(refuse(&format!("illegal base64 data at input byte {offset}")));
    }
    let doc = codec::from_value(kind, object).map_err(|error| Unreadable {
        has_right_types: !error.to_string().starts_with("invalid type"),
        ..refuse(&explain(kind, object, &error))
    })?;
    if amounts(kind, object) {
        return Err(refuse("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"));
    }
    Ok(doc)
}

fn explain(kind: Kind, object: &Value, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(head, _)| head);
    let path = if object.to_string().len() <= SEARCH_LIMIT_BYTES { culprit(kind, object) } else { String::new() };
    match object.pointer(&path).filter(|_| !path.is_empty() && text.starts_with("invalid type")) {
        Some(value) => {
            let found = match value {
                Value::Null => "null",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            let wanted = text.split_once("expected ").map_or("", |(_, wanted)| wanted);
            format!("json: cannot unmarshal {found} into field {}, which is {wanted}", path[1..].replace('/', "."))
        }
        None if path.is_empty() => text.to_owned(),
        None => format!("{}: {text}", path[1..].replace('/', ".")),
    }
}

/// The JSON pointer of the innermost part without which the object can be read; empty where there is no single one.
fn culprit(kind: Kind, object: &Value) -> String {
    let mut path = String::new();
    'deeper: loop {
        let children: Vec<String> = match object.pointer(&path) {
            Some(Value::Object(map)) => map.keys().map(|key| key.replace('~', "~0").replace('/', "~1")).collect(),
            Some(Value::Array(list)) => (0..list.len()).map(|index| index.to_string()).collect(),
            _ => return path,
        };
        for child in children {
            let mut rest = object.clone();
            match rest.pointer_mut(&path) {
                Some(Value::Object(map)) => drop(map.remove(&child.replace("~1", "/").replace("~0", "~"))),
                Some(Value::Array(list)) => drop(list.remove(child.parse().expect("an index"))),
                _ => {}
            }
            if codec::from_value(kind, &rest).is_ok() {
                path = format!("{path}/{child}");
                continue 'deeper;
            }
        }
        return path;
    }
}

/// The first byte that is not base64, in a secret or in a config map's binary data.
fn base64_error(kind: Kind, object: &Value) -> Option<usize> {
    let field = match kind {
        Kind::Secret => "data",
        Kind::ConfigMap => "binaryData",
        _ => return None,
    };
    At::root(object).get(field).entries().into_iter().find_map(|(_, at)| match STANDARD.decode(at.text()) {
        Ok(_) => None,
        Err(base64::DecodeError::InvalidByte(offset, _)) => Some(offset),
        Err(_) => Some(at.text().len()),
    })
}

/// Whether some amount is none.
fn amounts(kind: Kind, object: &Value) -> bool {
    let root = At::root(object);
    let spec = match kind {
        Kind::CronJob => root.get("spec").get("jobTemplate").get("spec"),
        _ => root.get("spec"),
    };
    let in_resources = |at: &At| {
        let lists = [at.get("requests"), at.get("limits")];
        lists.iter().flat_map(At::entries).any(|(_, amount)| malformed_amount(amount.value))
    };
    let pod = if kind == Kind::Pod { spec.clone() } else { spec.get("template").get("spec") };
    let containers = [pod.get("containers"), pod.get("initContainers")];
    containers.iter().flat_map(At::items).any(|container| in_resources(&container.get("resources")))
        || in_resources(&pod.get("resources"))
        || pod.get("overhead").entries().iter().any(|(_, amount)| malformed_amount(amount.value))
        || kind == Kind::PersistentVolumeClaim && in_resources(&spec.get("resources"))
}
