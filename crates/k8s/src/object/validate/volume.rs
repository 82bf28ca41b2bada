//! Volumes: each has a name of its own and exactly one source.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use crate::names::dns1123_label;
use std::collections::BTreeSet;

/// The volumes of a pod. Gives the names that mounts may use, those of unsound volumes left out, as upstream does.
pub fn volumes<'a>(list: &At<'a>, errors: &mut Errors) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for at in list.items() {
        let before = errors.len();
        let mut sources: Vec<_> = at.value.as_object().into_iter().flatten().collect();
        sources.retain(|(name, source)| name.as_str() != "name" && !source.is_null());
        // Upstream looks at sources in its own order; ours is by name: which of two is refused may differ.
        for (name, _) in sources.iter().skip(1) {
            errors.push(at.get(name).forbidden("may not specify more than 1 volume type"));
        }
        let name = at.get("name");
        if name.is_empty() {
            errors.push(name.required(""));
        } else {
            name.all_invalid(dns1123_label(name.text()), errors);
        }
        if names.contains(name.text()) {
            errors.push(name.duplicate());
        }
        if errors.len() == before {
            names.insert(name.text());
        }
    }
    names
}

/// The mounts of a container.
pub fn mounts(list: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    let mut paths = BTreeSet::new();
    for at in list.items() {
        let (name, path) = (at.get("name"), at.get("mountPath"));
        if name.is_empty() {
            errors.push(name.required(""));
        }
        if !volumes.contains(name.text()) {
            errors.push(crate::status::FieldError::not_found(&name.path, name.text()));
        }
        if path.is_empty() {
            errors.push(path.required(""));
        }
        if !paths.insert(path.text()) {
            errors.push(path.invalid("must be unique"));
        }
    }
}
