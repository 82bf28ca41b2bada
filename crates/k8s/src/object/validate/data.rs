//! Secrets and config maps: keys, sizes, what a type of secret must hold.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use crate::status::{FieldError, FieldPath};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// All values of a secret or config map together: 1 MiB.
const DATA_MAX_BYTES: usize = 1024 * 1024;
/// A key is at most as long as a file's name may be, in bytes.
const KEY_MAX_BYTES: usize = 253;

fn key(at: &At, key: &str, errors: &mut Errors) {
    let invalid = |why: &str| FieldError::invalid(&at.path, key, why);
    if key.len() > KEY_MAX_BYTES {
        errors.push(invalid("must be no more than 253 characters"));
    }
    let is_character = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(is_character) {
        errors.push(invalid(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  \
             or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ));
    }
    match key {
        "." | ".." => errors.push(invalid(&format!("must not be '{key}'"))),
        _ if key.starts_with("..") => errors.push(invalid("must not start with '..'")),
        _ => {}
    }
}

fn decoded_bytes(at: &At) -> usize {
    STANDARD.decode(at.text()).map_or(0, |bytes| bytes.len())
}

/// A secret.
pub fn secret(root: &At, errors: &mut Errors) {
    let data = root.get("data");
    let mut total_bytes = 0;
    for (name, at) in data.entries() {
        key(&at, name, errors);
        total_bytes += decoded_bytes(&at);
    }
    if total_bytes > DATA_MAX_BYTES {
        errors.push(FieldError::too_long(&data.path, DATA_MAX_BYTES));
    }
    let mut must_hold = |keys: &[&str]| {
        for key in keys.iter().filter(|key| !data.get(key).is_set()) {
            errors.push(FieldError::required(&data.path.key(key), ""));
        }
    };
    match root.get("type").text() {
        "kubernetes.io/dockercfg" => must_hold(&[".dockercfg"]),
        "kubernetes.io/dockerconfigjson" => must_hold(&[".dockerconfigjson"]),
        "kubernetes.io/tls" => must_hold(&["tls.crt", "tls.key"]),
        "kubernetes.io/ssh-auth" => must_hold(&["ssh-privatekey"]),
        "kubernetes.io/basic-auth" if !data.get("username").is_set() && !data.get("password").is_set() => {
            must_hold(&["username", "password"]);
        }
        "kubernetes.io/service-account-token" => {
            let annotations = root.get("metadata").get("annotations");
            let account = "kubernetes.io/service-account.name";
            if annotations.get(account).is_empty() {
                errors.push(FieldError::required(&annotations.path.key(account), ""));
            }
        }
        _ => {}
    }
}

/// A config map.
pub fn config_map(root: &At, errors: &mut Errors) {
    let (data, binary) = (root.get("data"), root.get("binaryData"));
    let mut total_bytes = 0;
    for (name, at) in data.entries() {
        key(&at, name, errors);
        if binary.get(name).is_set() {
            errors.push(FieldError::invalid(&at.path, name, "duplicate of key present in binaryData"));
        }
        total_bytes += at.text().len();
    }
    for (name, at) in binary.entries() {
        key(&at, name, errors);
        total_bytes += decoded_bytes(&at);
    }
    if total_bytes > DATA_MAX_BYTES {
        errors.push(FieldError::too_long(&FieldPath::default(), DATA_MAX_BYTES));
    }
}
