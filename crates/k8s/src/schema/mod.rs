//! Which fields the kinds of Kubernetes have: names, types, and their numbers in protobuf.
//!
//! `schema.txt` is made by `conformance/protobuf-schema` from the tags of k8s.io/api 0.36; one line a message. Used to read protobuf,
//! to find unknown fields at any depth, and for OpenAPI. Messages are named `group.Kind` with the first word of the group (`core`,
//! `apps`, `meta`). Not here: our own kinds, defaults, and which values are valid.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What one value of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// Bytes; base64 in JSON.
    Bytes,
    /// Another message, by its name.
    Message(&'static str),
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One at most.
    One,
    /// A list.
    Many,
    /// A map with text keys.
    Map,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its number in protobuf.
    pub number: u64,
    /// Its name in JSON; `-` where the fields of its message stand beside this one's.
    pub name: &'static str,
    /// How many.
    pub count: Count,
    /// Whether a zero is said on purpose; elsewhere it means absent.
    pub keeps_zero: bool,
    /// Of what.
    pub kind: Type,
}

impl Field {
    fn parse(text: &'static str) -> Option<Field> {
        let mut words = text.split(' ');
        let (number, name, word) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        let bare = word.trim_start_matches(['*', '!']);
        let (count, bare) = match (bare.strip_prefix("[]"), bare.strip_prefix("{}")) {
            (Some(item), _) => (Count::Many, item),
            (_, Some(item)) => (Count::Map, item),
            _ => (Count::One, bare),
        };
        let kind = match bare {
            "int" => Type::Int,
            "bool" => Type::Bool,
            "string" => Type::Text,
            "bytes" => Type::Bytes,
            message => Type::Message(message),
        };
        let keeps_zero = word.starts_with(['*', '!']);
        Some(Field { number, name, count, keeps_zero, kind })
    }
}

static MESSAGES: LazyLock<BTreeMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    let message = |line: &'static str| {
        let (name, fields) = line.split_once('|').expect("every line has a bar");
        (name, fields.split('|').filter_map(Field::parse).collect())
    };
    include_str!("schema.txt").lines().map(message).collect()
});

/// The message of a kind; `None` for kinds that are not upstream's.
pub fn of_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    let group = api_version.rsplit_once('/').map_or("core", |(group, _)| group.split('.').next().unwrap_or(group));
    let name = format!("{group}.{kind}");
    MESSAGES.get_key_value(name.as_str()).map(|(name, _)| *name)
}

/// The fields of a message, as protobuf groups them. `None` for times, quantities and the like, which JSON writes as one value.
pub fn fields(message: &str) -> Option<&'static [Field]> {
    MESSAGES.get(message).map(Vec::as_slice)
}

/// A field of a message, by its name in JSON.
pub fn find(message: &str, name: &str) -> Option<&'static Field> {
    fields(message)?.iter().find_map(|field| match field.kind {
        Type::Message(inner) if field.name == "-" => find(inner, name),
        _ => (field.name == name).then_some(field),
    })
}

/// The fields of a message as JSON shows them; empty for times, quantities and the like.
pub fn shown_fields(message: &str) -> Vec<&'static Field> {
    let mut shown = Vec::new();
    for field in fields(message).unwrap_or_default() {
        match field.kind {
            Type::Message(inner) if field.name == "-" => shown.extend(shown_fields(inner)),
            _ => shown.push(field),
        }
    }
    shown
}
