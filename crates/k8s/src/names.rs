//! Names, labels and generated suffixes: what Kubernetes calls well-formed, in its own words.
//!
//! Each check returns the complaints, none when the value is fine; a caller wraps them into a
//! [`FieldError`]. Source: validation package of apimachinery 0.36.
//! Not here: per-kind rules beyond [`NameRule`], and the randomness of a generated name (the hash is a parameter).

use crate::status::{FieldError, FieldPath};
use serde_json::Value;

/// Longest DNS label and label name or value, in bytes (RFC 1123).
pub const LABEL_MAX_BYTES: usize = 63;
/// Longest DNS subdomain, in bytes (RFC 1123).
pub const SUBDOMAIN_MAX_BYTES: usize = 253;
/// All annotations of an object together, keys and values: 256 KiB.
pub const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;
/// Letters of a generated suffix: no vowels and no 0, 1, 3, so that no words arise.
pub const SUFFIX_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LETTERS: usize = 5;

/// What shape a kind wants its names in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// RFC 1123 subdomain: nearly all kinds.
    Subdomain,
    /// RFC 1123 label: namespaces.
    Label,
    /// RFC 1035 label: services.
    Label1035,
}

impl NameRule {
    /// Complaints about `name`.
    pub fn check(self, name: &str) -> Vec<String> {
        match self {
            NameRule::Subdomain => dns1123_subdomain(name),
            NameRule::Label => dns1123_label(name),
            NameRule::Label1035 => dns1035_label(name),
        }
    }
}

fn lower_alnum(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_label(text: &[u8]) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(|b| lower_alnum(*b));
    ends(text.first()) && ends(text.last()) && text.iter().all(|b| lower_alnum(*b) || *b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| is_label(label.as_bytes()))
}

fn is_qualified(text: &[u8]) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ends(text.first()) && ends(text.last()) && text.iter().all(inner)
}

/// Upstream says `characters` of names and `bytes` of labels; it counts bytes in both.
fn too_long(limit_bytes: usize, unit: &str) -> String {
    format!("must be no more than {limit_bytes} {unit}")
}

fn mismatch(rule: &str, examples: &[&str], pattern: &str) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}'")).collect();
    format!("{rule} (e.g. {}, regex used for validation is '{pattern}')", examples.join(",  or "))
}

/// Complaints about an RFC 1123 label.
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > LABEL_MAX_BYTES {
        errors.push(too_long(LABEL_MAX_BYTES, "characters"));
    }
    if !is_label(value.as_bytes()) {
        errors.push(if is_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                        start and end with an alphanumeric character";
            mismatch(rule, &["my-name", "123-abc"], "[a-z0-9]([-a-z0-9]*[a-z0-9])?")
        });
    }
    errors
}

/// Complaints about an RFC 1035 label (like 1123, but no leading digit).
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > LABEL_MAX_BYTES {
        errors.push(too_long(LABEL_MAX_BYTES, "characters"));
    }
    if !is_label(value.as_bytes()) || value.as_bytes()[0].is_ascii_digit() {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                    alphabetic character, and end with an alphanumeric character";
        errors.push(mismatch(rule, &["my-name", "abc-123"], "[a-z]([-a-z0-9]*[a-z0-9])?"));
    }
    errors
}

/// Complaints about an RFC 1123 subdomain.
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    subdomain(value, "characters")
}

fn subdomain(value: &str, unit: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > SUBDOMAIN_MAX_BYTES {
        errors.push(too_long(SUBDOMAIN_MAX_BYTES, unit));
    }
    if !is_subdomain(value) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                    must start and end with an alphanumeric character";
        let pattern = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
        errors.push(mismatch(rule, &["example.com"], pattern));
    }
    errors
}

/// Complaints about a label, annotation or taint key: `[subdomain/]name`.
pub fn label_key(value: &str) -> Vec<String> {
    let rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                character";
    let shape = || mismatch(rule, &["MyName", "my.name", "123-abc"], "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]");
    let mut errors = Vec::new();
    let name = match value.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        ["", name] => {
            errors.push("prefix part must be non-empty".to_owned());
            name
        }
        [prefix, name] => {
            errors.extend(subdomain(prefix, "bytes").into_iter().map(|error| format!("prefix part {error}")));
            name
        }
        _ => {
            let example = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {example}", shape())];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX_BYTES {
        errors.push(format!("name part {}", too_long(LABEL_MAX_BYTES, "bytes")));
    }
    if !is_qualified(name.as_bytes()) {
        errors.push(format!("name part {}", shape()));
    }
    errors
}

/// Complaints about a label or taint value.
pub fn label_value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > LABEL_MAX_BYTES {
        errors.push(too_long(LABEL_MAX_BYTES, "bytes"));
    }
    if !value.is_empty() && !is_qualified(value.as_bytes()) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                    must start and end with an alphanumeric character";
        let pattern = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
        errors.push(mismatch(rule, &["MyValue", "my_value", "12345"], pattern));
    }
    errors
}

/// The name that `generateName: prefix` becomes for this hash: the prefix, cut to 58 bytes, and five letters.
/// The caller takes another hash when the name is taken (upstream tries eight times).
pub fn generate_name(prefix: &str, hash: u64) -> String {
    let mut cut = prefix.len().min(LABEL_MAX_BYTES - SUFFIX_LETTERS);
    while !prefix.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut name = prefix[..cut].to_owned();
    let mut rest = hash;
    for _ in 0..SUFFIX_LETTERS {
        name.push(char::from(SUFFIX_ALPHABET[(rest % 27) as usize]));
        rest /= 27;
    }
    name
}

/// Complaints about `metadata` of an object that is to be stored: name, labels, annotations.
pub fn object_meta(meta: &Value, rule: NameRule) -> Vec<FieldError> {
    let path = FieldPath::new("metadata");
    let text = |field: &str| meta.get(field).and_then(Value::as_str).unwrap_or_default();
    let mut errors = Vec::new();
    let prefix = text("generateName");
    if !prefix.is_empty() {
        // A trailing dash is fine in a prefix: letters follow.
        let probe = prefix.strip_suffix('-').map_or(prefix.to_owned(), |head| format!("{head}a"));
        errors.extend(rule.check(&probe).iter().map(|text| FieldError::invalid(&path.child("generateName"), prefix, text)));
    }
    match text("name") {
        "" if prefix.is_empty() => {
            errors.push(FieldError::required(&path.child("name"), "name or generateName is required"));
        }
        "" => {}
        name => errors.extend(rule.check(name).iter().map(|text| FieldError::invalid(&path.child("name"), name, text))),
    }
    errors.extend(annotations(meta, &path.child("annotations")));
    errors.extend(labels(meta.get("labels"), &path.child("labels")));
    errors
}

/// Complaints about a label map.
pub fn labels(map: Option<&Value>, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
        errors.extend(label_key(key).iter().map(|text| FieldError::invalid(path, key.as_str(), text)));
        let value = value.as_str().unwrap_or_default();
        errors.extend(label_value(value).iter().map(|text| FieldError::invalid(path, value, text)));
    }
    errors
}

fn annotations(meta: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut total_bytes = 0;
    for (key, value) in meta.get("annotations").and_then(Value::as_object).into_iter().flatten() {
        let folded = key.to_lowercase(); // upstream lets capitals pass in the prefix of annotation keys
        errors.extend(label_key(&folded).iter().map(|text| FieldError::invalid(path, key.as_str(), text)));
        total_bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if total_bytes > ANNOTATIONS_MAX_BYTES {
        errors.push(FieldError::too_long(path, ANNOTATIONS_MAX_BYTES));
    }
    errors
}
