//! Bodies in protobuf, as typed Go clients send them (`kubectl create`, `drain`, `auth`), turned into JSON at the door.
//!
//! The `schema` says which number is which field. One table instead of generated types: nothing behind this file knows that a body was not JSON. Unknown fields are skipped, as upstream skips them.
//! Invariant: what JSON leaves out when it is zero (`omitempty`) is left out here, so both encodings mean the same.
//! Not here: answers. They are JSON always, which these clients accept.

mod wire;

use crate::schema::{self, Count, Field, Type};
use crate::status::Status;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nodelane_model::Time;
use serde_json::{Map, Value, json};
use wire::{Malformed, Reader, Wire};

/// The content type of such bodies.
pub const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// The first bytes of every body.
const MAGIC: &[u8] = b"k8s\0";

/// A body as JSON, with its `apiVersion` and `kind`. The error is the 400.
pub fn to_json(body: &[u8]) -> Result<Value, Status> {
    let refused = |why: &str| Status::bad_request(format!("the protobuf body cannot be read: {why}"));
    let envelope = body.strip_prefix(MAGIC).ok_or_else(|| refused("it does not begin with k8s"))?;
    let (api_version, kind, raw) = unwrap(envelope).map_err(|_| refused("its envelope is malformed"))?;
    // Options of deletions come under the group of what is deleted.
    let found = if kind == "DeleteOptions" { schema::of_kind("meta.k8s.io/v1", &kind) } else { schema::of_kind(&api_version, &kind) };
    let name = found.ok_or_else(|| refused(&format!("no kind {kind:?} of {api_version:?} is known in this encoding; send JSON")))?;
    let mut object = json!({"apiVersion": api_version, "kind": kind});
    let fields = message(name, raw).map_err(|_| refused(&format!("it is no {kind}")))?;
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    Ok(object)
}

/// `runtime.Unknown`: 1 = type (1 = apiVersion, 2 = kind), 2 = the object.
fn unwrap(envelope: &[u8]) -> Result<(String, String, &[u8]), Malformed> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for part in Reader(envelope) {
        match part? {
            (1, Wire::Bytes(meta)) => {
                for part in Reader(meta) {
                    match part? {
                        (1, Wire::Bytes(bytes)) => api_version = text(bytes)?,
                        (2, Wire::Bytes(bytes)) => kind = text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    Ok((api_version, kind, raw))
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed)
}

/// A message; `null` where its JSON form is absent.
fn message(name: &'static str, bytes: &[u8]) -> Result<Value, Malformed> {
    match name {
        "meta.Time" => return time(bytes, |at| at.whole_seconds().to_string()),
        "meta.MicroTime" => return time(bytes, Time::micro),
        "resource.Quantity" => return Ok(text(part(bytes, 1)?)?.into()),
        "intstr.IntOrString" => return int_or_string(bytes),
        "runtime.RawExtension" | "meta.FieldsV1" => return serde_json::from_slice(part(bytes, 1)?).map_err(|_| Malformed),
        _ => {}
    }
    let fields = schema::fields(name).ok_or(Malformed)?;
    let mut object = Map::new();
    for part in Reader(bytes) {
        let (number, wire) = part?;
        if let Some(field) = fields.iter().find(|field| field.number == number) {
            read(field, wire, &mut object)?;
        }
    }
    Ok(object.into())
}

fn read(field: &Field, wire: Wire<'_>, object: &mut Map<String, Value>) -> Result<(), Malformed> {
    let name = field.name;
    match (field.count, wire) {
        (Count::One, wire) => match value(field.kind, wire)? {
            Value::Object(inner) if name == "-" => object.extend(inner),
            value if field.keeps_zero || !is_zero(&value) => drop(object.insert(name.into(), value)),
            _ => {}
        },
        (Count::Many, wire) => {
            let list = object.entry(name).or_insert_with(|| json!([])).as_array_mut().ok_or(Malformed)?;
            match (field.kind, wire) {
                (Type::Int, Wire::Bytes(packed)) => {
                    let mut rest = packed;
                    while !rest.is_empty() {
                        list.push((wire::varint(&mut rest)? as i64).into());
                    }
                }
                (kind, wire) => list.push(value(kind, wire)?),
            }
        }
        (Count::Map, Wire::Bytes(entry)) => {
            let (mut key, mut item) = (String::new(), None);
            for part in Reader(entry) {
                match part? {
                    (1, Wire::Bytes(bytes)) => key = text(bytes)?,
                    (2, wire) => item = Some(value(field.kind, wire)?),
                    _ => {}
                }
            }
            let item = item.map_or_else(|| value(field.kind, Wire::Bytes(&[])), Ok)?;
            let map = object.entry(name).or_insert_with(|| json!({})).as_object_mut().ok_or(Malformed)?;
            map.insert(key, item);
        }
        (Count::Map, Wire::Number(_)) => return Err(Malformed),
    }
    Ok(())
}

fn value(kind: Type, wire: Wire<'_>) -> Result<Value, Malformed> {
    match (kind, wire) {
        (Type::Int, Wire::Number(number)) => Ok((number as i64).into()),
        (Type::Bool, Wire::Number(number)) => Ok((number != 0).into()),
        (Type::Text, Wire::Bytes(bytes)) => Ok(text(bytes)?.into()),
        (Type::Bytes, Wire::Bytes(bytes)) => Ok(STANDARD.encode(bytes).into()),
        (Type::Message(name), Wire::Bytes(bytes)) => message(name, bytes),
        _ => Err(Malformed),
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// The bytes of one field of a message, empty where it has none.
fn part(bytes: &[u8], wanted: u64) -> Result<&[u8], Malformed> {
    let mut found = &[][..];
    for part in Reader(bytes) {
        match part? {
            (number, Wire::Bytes(bytes)) if number == wanted => found = bytes,
            _ => {}
        }
    }
    Ok(found)
}

/// 1 = seconds, 2 = nanoseconds since 1970; an empty message is no time.
fn time(bytes: &[u8], shown: impl Fn(Time) -> String) -> Result<Value, Malformed> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for part in Reader(bytes) {
        match part? {
            (1, Wire::Number(number)) => seconds = number as i64,
            (2, Wire::Number(number)) => nanos = number as i64,
            _ => {}
        }
    }
    let millis = seconds.checked_mul(1000).and_then(|millis| millis.checked_add(nanos / 1_000_000)).ok_or(Malformed)?;
    // Years beyond 9999 have no RFC 3339 form.
    match millis {
        _ if bytes.is_empty() => Ok(Value::Null),
        0..=253_402_300_799_999 => Ok(shown(Time(millis)).into()),
        _ => Err(Malformed),
    }
}

/// 1 = which (0 a number, 1 a text), 2 = the number, 3 = the text.
fn int_or_string(bytes: &[u8]) -> Result<Value, Malformed> {
    let (mut is_text, mut number, mut words) = (false, 0, String::new());
    for part in Reader(bytes) {
        match part? {
            (1, Wire::Number(which)) => is_text = which == 1,
            (2, Wire::Number(value)) => number = value as i64,
            (3, Wire::Bytes(bytes)) => words = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { words.into() } else { number.into() })
}
