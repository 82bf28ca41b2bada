//! A dump of a cluster: what `kubectl get nodes,pods,pdb,pv,pvc,sc,ns,deploy,rs,sts,ds,jobs -A -o json` prints.
//!
//! One list or several behind each other, as outputs of several commands in one file. Kinds that placing does not need are counted and
//! left out; Secrets are never looked at.

use crate::{Objects, Unreadable};
use serde_json::Value;

/// Reads a dump.
///
/// # Errors
/// Where it is no JSON, or the first object that cannot be read.
pub fn read(bytes: &[u8]) -> Result<Objects, Unreadable> {
    let mut objects = Objects::default();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let value = value.map_err(|error| Unreadable {
            object: "the dump".into(),
            why: format!("{error}; it has to be what `kubectl get … -A -o json` prints"),
        })?;
        objects.add(value)?;
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_several_commands_in_one_file_are_one_dump() {
        let list = |name: &str| {
            format!(r#"{{"apiVersion":"v1","kind":"List","items":[{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{name}"}}}}]}}"#)
        };
        let objects = read(format!("{}\n{}\n", list("a"), list("b")).as_bytes()).unwrap();
        assert_eq!(objects.docs().map(|doc| doc.key.name.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_command_that_makes_it() {
        let error = read(b"NAME   STATUS").unwrap_err().to_string();
        assert!(error.contains("kubectl get"), "{error}");
    }
}
