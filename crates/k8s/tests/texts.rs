//! Selectors and names against what apimachinery 0.36 says about the same texts.
//!
//! `golden/texts.json`: parse results, matches and complaints of the real functions.

use nodelane_k8s::names::{self, NameRule};
use nodelane_k8s::selector::{FieldSelector, FieldSet, LabelSelector};
use serde_json::Value;

fn golden(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("golden/texts.json")).expect("golden file");
    all[part].as_array().expect("a list").clone()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn label_selectors_parse_print_match_and_fail_as_upstream() {
    let sets = golden("label_sets");
    for case in golden("labels") {
        let text = case["text"].as_str().expect("text");
        match (LabelSelector::parse(text), case.get("error")) {
            (Ok(selector), None) => {
                assert_eq!(selector.to_string(), case["string"], "{text}");
                let matches: Vec<bool> = sets.iter().map(|set| selector.matches_object(Some(set))).collect();
                assert_eq!(Value::from(matches), case["matches"], "{text}");
            }
            (got, wanted) => assert_eq!(got.err().map(Value::from).as_ref(), wanted, "{text}"),
        }
    }
}

#[test]
fn field_selectors_parse_print_and_fail_as_upstream() {
    const FIELDS: FieldSet = FieldSet::Listed(&["", "a", "c", "metadata.name", "status.phase"]);
    for case in golden("fields") {
        let text = case["text"].as_str().expect("text");
        match (FieldSelector::parse(text, FIELDS), case.get("error")) {
            (Ok(selector), None) => assert_eq!(selector.to_string(), case["string"], "{text}"),
            (got, wanted) => assert_eq!(got.err().map(Value::from).as_ref(), wanted, "{text}"),
        }
    }
}

#[test]
fn an_unknown_field_is_refused_never_ignored() {
    // Observed with kube-apiserver 1.36.2 for pods and for deployments.
    let pods = FieldSet::Listed(&["metadata.name", "status.phase"]);
    assert_eq!(FieldSelector::parse("a=b", pods), Err("field label not supported: a".to_owned()));
    let text = "\"a\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
    assert_eq!(FieldSelector::parse("a=b", FieldSet::Metadata), Err(text.to_owned()));
}

#[test]
fn field_selectors_match_equal_and_unequal() {
    let fields = FieldSet::Listed(&["spec.nodeName", "status.phase"]);
    let selector = FieldSelector::parse("spec.nodeName=n1,status.phase!=Succeeded", fields).expect("valid");
    let object = |node: &'static str, phase: &'static str| move |field: &str| if field == "spec.nodeName" { node } else { phase };
    assert!(selector.matches(object("n1", "Running")));
    assert!(!selector.matches(object("n1", "Succeeded")));
    assert!(!selector.matches(object("", "Running")));
    assert_eq!(selector.exact("spec.nodeName"), Some("n1"));
    assert_eq!(selector.exact("status.phase"), None);
}

#[test]
fn names_are_judged_in_upstreams_words() {
    for case in golden("names") {
        let text = case["text"].as_str().expect("text");
        assert_eq!(names::dns1123_label(text), strings(&case["label"]), "{text}");
        assert_eq!(names::dns1123_subdomain(text), strings(&case["subdomain"]), "{text}");
        assert_eq!(names::dns1035_label(text), strings(&case["label1035"]), "{text}");
        assert_eq!(names::label_key(text), strings(&case["key"]), "{text}");
        assert_eq!(names::label_value(text), strings(&case["value"]), "{text}");
    }
}

#[test]
fn metadata_is_judged_in_upstreams_words() {
    for case in golden("metas") {
        let meta = &case["meta"];
        if meta.get("name").is_none() && meta.get("generateName").is_some() {
            continue; // upstream judges after the name was generated, we may be asked before
        }
        let got: Vec<String> = names::object_meta(meta, NameRule::Subdomain).iter().map(ToString::to_string).collect();
        assert_eq!(got, strings(&case["errors"]), "{meta}");
    }
}

#[test]
fn annotations_have_a_total_size() {
    let meta = |bytes: usize| serde_json::json!({"name": "a", "annotations": {"k": "x".repeat(bytes - 1)}});
    assert!(names::object_meta(&meta(256 * 1024), NameRule::Subdomain).is_empty());
    let errors = names::object_meta(&meta(256 * 1024 + 1), NameRule::Subdomain);
    assert_eq!(errors[0].to_string(), "metadata.annotations: Too long: may not be more than 262144 bytes");
}

#[test]
fn generated_names_keep_the_prefix_and_end_in_five_letters_of_the_alphabet() {
    for hash in [0, 1, 27, u64::MAX] {
        let name = names::generate_name("web-", hash);
        let suffix = name.strip_prefix("web-").expect("the prefix");
        assert!(suffix.len() == 5 && suffix.bytes().all(|letter| names::SUFFIX_ALPHABET.contains(&letter)), "{name}");
    }
    assert_eq!(names::generate_name(&"x".repeat(100), 7).len(), 63);
    assert_ne!(names::generate_name("a", 1), names::generate_name("a", 2));
}
