//! Patches against what the real implementations made of the same documents.
//!
//! `golden/patch.json` holds answers of apimachinery 0.36 (`strategicpatch`) and of json-patch v4, the libraries inside
//! kube-apiserver 1.36. Not here: Kubernetes' JSON patch error texts (the server hides them behind one 422).

use nodelane_k8s::patch::{Dialect, PatchError, apply};
use nodelane_k8s::{registry, status::Status};
use serde_json::{Value, json};

fn golden(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("golden/patch.json")).expect("golden file");
    all[part].as_array().expect("a list of cases").clone()
}

/// Upstream decodes a result into structs, which drops nulls; the directives that its library leaves inside of
/// new list items (it even stores an item that it should delete) are dropped here, ours never stores them.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(k, v)| !v.is_null() && !k.starts_with('$')).map(|(k, v)| (k.clone(), without_nulls(v))).collect()
        }
        Value::Array(list) => list.iter().filter(|item| item.get("$patch").is_none()).map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[test]
fn strategic_patches_give_what_apimachinery_gives() {
    let cases = golden("strategic");
    assert!(cases.len() > 100);
    for case in &cases {
        let kind = case["kind"].as_str().expect("kind");
        let body = case["patch"].to_string();
        let got = apply(Dialect::Strategic, kind, &case["original"], body.as_bytes());
        match case.get("error").and_then(Value::as_str) {
            None => {
                let got = got.unwrap_or_else(|error| panic!("{body}: {error}"));
                let wanted = without_nulls(&case["result"]);
                assert!(got == wanted, "{kind}\n{}\n{body}\n{got}\n{wanted}", case["original"]);
            }
            // We have no list of all fields.
            Some(text) if text.starts_with("unable to find api field") => {}
            // An order for a stored empty list: upstream never stores one, we let it pass.
            Some("no elements in any of the given slices") => assert!(got.is_ok()),
            Some(text) => assert_eq!(got.expect_err("an error").to_string(), text, "{body}"),
        }
    }
}

#[test]
fn json_patches_give_what_json_patch_v4_gives() {
    for case in golden("json") {
        let body = case["patch"].to_string();
        let got = apply(Dialect::Json, "ConfigMap", &case["original"], body.as_bytes());
        match case.get("error") {
            None => assert_eq!(got, Ok(without_nulls(&case["result"])), "{body}"),
            Some(_) => assert_eq!(got, Err(PatchError::Rejected), "{body}"),
        }
    }
}

#[test]
fn merge_patches_follow_the_examples_of_rfc_7386() {
    // Appendix A of the RFC, objects only; a result null is dropped, see `without_nulls`.
    for (original, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"a": "foo"}), json!({"b": {"c": null}}), json!({"a": "foo", "b": {}})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let got = apply(Dialect::Merge, "ConfigMap", &original, patch.to_string().as_bytes());
        assert_eq!(got, Ok(result), "{original} {patch}");
    }
}

#[test]
fn malformed_patches_are_refused_in_upstreams_words() {
    // Observed with kube-apiserver 1.36.2.
    for (dialect, body, text) in [
        (Dialect::Json, "{}", "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        (Dialect::Json, "[1]", "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
        (Dialect::Json, "[", "error decoding patch: unexpected end of JSON input"),
        (Dialect::Merge, "{", "error decoding patch: unexpected end of JSON input"),
        (Dialect::Merge, "[]", "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (Dialect::Strategic, "{", "unexpected end of JSON input"),
        (Dialect::Strategic, "\"a\"", "json: cannot unmarshal string into Go value of type map[string]interface {}"),
        (Dialect::Strategic, r#"{"metadata":{"$setElementOrderx":[]}}"#, "invalid patch format of setElementOrder list"),
    ] {
        let status = Status::from(apply(dialect, "ConfigMap", &json!({"metadata": {}}), body.as_bytes()).expect_err(body));
        assert_eq!((status.code, status.reason, status.message.as_str()), (400, "BadRequest", text));
    }
}

#[test]
fn a_contradiction_in_a_strategic_patch_is_a_bare_500() {
    let body = br#"{"metadata":{"$setElementOrder/finalizers":3}}"#;
    let error = apply(Dialect::Strategic, "ConfigMap", &json!({"metadata": {}}), body).expect_err("a number");
    // Observed with kube-apiserver 1.36.2.
    assert_eq!(
        Status::from(error).to_value(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
               "message": "expected a []interface {}, but received a int64", "code": 500})
    );
}

#[test]
fn a_json_patch_of_more_than_ten_thousand_operations_is_too_large() {
    let operation = json!({"op": "add", "path": "/a", "value": 1});
    let body = Value::from(vec![operation.clone(); 10_001]).to_string();
    let error = apply(Dialect::Json, "ConfigMap", &json!({}), body.as_bytes()).expect_err("too many");
    assert_eq!(Status::from(error).code, 413);
    let body = Value::from(vec![operation; 10_000]).to_string();
    assert!(apply(Dialect::Json, "ConfigMap", &json!({}), body.as_bytes()).is_ok());
}

#[test]
fn strategic_patches_are_for_built_in_kinds_only() {
    let pods = registry::find("", "v1", "pods").expect("pods");
    let pools = registry::find("nodelane.dev", "v1", "nodepools").expect("nodepools");
    let strategic = "application/strategic-merge-patch+json; charset=utf-8";
    assert_eq!(Dialect::of(strategic, pods), Ok(Dialect::Strategic));
    assert_eq!(Dialect::of(strategic, pools).expect_err("415").code, 415);
    assert_eq!(Dialect::of("application/merge-patch+json", pools), Ok(Dialect::Merge));
    assert_eq!(Dialect::of("application/json", pods).expect_err("415").message, "415: Unsupported Media Type");
}
