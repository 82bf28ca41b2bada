//! Creates and updates against the answers of a real kube-apiserver 1.36.3.
//!
//! `golden/objects.json`: bodies that were sent and what came back, in a cluster without controllers and without the
//! admission that adds priorities, tolerations, volumes and finalizers. Compared is the whole object or the whole Status.

use nodelane_k8s::object::{self, Part};
use nodelane_k8s::registry;
use nodelane_k8s::status::Status;
use nodelane_model::{Doc, Kind, codec};
use serde_json::{Value, json};

/// What upstream words with its internal types, or with what only the cell knows: the fields and reasons must agree, the
/// texts need not.
const OWN_WORDS: &[&str] = &[
    "pod: containers is a string",
    "pod: replicas of a string",
    "pod: labels of a number",
    "pod: volume of two kinds",
    "Pod update: command",
    "Pod update: node name",
    "Job update: image",
    "Job update: selector",
    "PersistentVolumeClaim update: size",
    "PersistentVolumeClaim update: modes",
    "Node: taints",
];

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/objects.json")).expect("golden file")
}

fn answer(case: &Value) -> Result<Doc, Status> {
    let kind = Kind::from_name(case["kind"].as_str().unwrap()).unwrap();
    let (group, version) = kind.api_version().split_once('/').unwrap_or(("", kind.api_version()));
    let resource = registry::by_kind(group, version, kind.as_str()).unwrap();
    let namespace = if resource.namespaced { "x" } else { "" };
    let body = case["body"].clone();
    let old = || codec::from_value(kind, &case["old"]).unwrap();
    match case["part"].as_str().unwrap() {
        "create" => object::create(resource, namespace, body),
        "main" => object::update(&old(), body, Part::Main).map(|updated| updated.doc),
        "status" => object::update(&old(), body, Part::Status).map(|updated| updated.doc),
        "finalize" => object::update(&old(), body, Part::Finalize).map(|updated| updated.doc),
        "scale" => object::with_scale(&old(), body).map(|updated| updated.doc),
        other => panic!("part {other}"),
    }
}

/// Drops what says nothing, and what only a server with a clock and a store knows.
fn comparable(mut value: Value, kind: &str) -> Value {
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        value["metadata"].as_object_mut().unwrap().remove(field);
    }
    if value["metadata"].get("generateName").is_some() {
        value["metadata"].as_object_mut().unwrap().remove("name");
    }
    if kind == "Service" && value["spec"]["clusterIP"] != "None" {
        let spec = value["spec"].as_object_mut().unwrap();
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    if kind == "Job" {
        // Generated from the uid, by the cell.
        let spec = value["spec"].as_object_mut().unwrap();
        if !spec.get("manualSelector").is_some_and(|manual| manual == true) {
            spec.remove("selector");
            spec["template"]["metadata"] = json!({});
            value["metadata"].as_object_mut().unwrap().remove("labels");
        }
    }
    trim(&mut value);
    value
}

fn trim(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(trim);
            map.retain(|key, value| {
                let says_nothing = match value {
                    Value::Null => true,
                    Value::Bool(flag) => !*flag,
                    Value::String(text) => text.is_empty(),
                    Value::Array(list) => list.is_empty(),
                    Value::Object(map) => map.is_empty(),
                    Value::Number(number) => matches!(key.as_str(), "observedGeneration" | "Port") && number.as_i64() == Some(0),
                };
                !says_nothing && !matches!(key.as_str(), "lastTransitionTime" | "lastPhaseTransitionTime")
            });
        }
        Value::Array(list) => list.iter_mut().for_each(trim),
        _ => {}
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// JSON inside a text with its keys in order: upstream prints them in the order of its types.
fn ordered(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                out.push_str(&value.to_string());
                rest = &rest[start + values.byte_offset()..];
            }
            _ => {
                out.push('{');
                rest = &rest[start + 1..];
            }
        }
    }
    out + rest
}

fn ordered_texts(status: &mut Value) {
    match status {
        Value::String(text) => *text = ordered(text),
        Value::Array(list) => list.iter_mut().for_each(ordered_texts),
        Value::Object(map) => map.values_mut().for_each(ordered_texts),
        _ => {}
    }
}

/// Upstream looks at some fields twice, in two functions, and folds only the texts.
fn without_repeats(status: &mut Value) {
    if let Some(causes) = status.pointer_mut("/details/causes").and_then(Value::as_array_mut) {
        causes.dedup();
    }
}

fn without_texts(status: &mut Value) {
    status.as_object_mut().unwrap().remove("message");
    for cause in status.pointer_mut("/details/causes").and_then(Value::as_array_mut).into_iter().flatten() {
        cause.as_object_mut().unwrap().remove("message");
    }
    trim(status);
}

fn difference(case: &Value) -> Option<String> {
    let name = case["case"].as_str().unwrap();
    let expected = case["answer"].clone();
    let mut wanted = expected;
    let is_refused = wanted["kind"] == "Status";
    let mut found = match answer(case) {
        Ok(doc) if !is_refused => comparable(codec::to_value(&doc), case["kind"].as_str().unwrap()),
        Ok(_) => return Some(format!("{name}: taken, but upstream says {}", wanted["message"])),
        Err(status) if is_refused => status.to_value(),
        Err(status) => return Some(format!("{name}: refused with {status}")),
    };
    if is_refused {
        without_repeats(&mut wanted);
        without_repeats(&mut found);
        ordered_texts(&mut wanted);
        ordered_texts(&mut found);
        if OWN_WORDS.contains(&name) {
            without_texts(&mut wanted);
            without_texts(&mut found);
        }
    } else if case["part"] == "scale" {
        found = json!(found["spec"].get("replicas").unwrap_or(&json!(0)));
        wanted = json!(wanted["spec"].get("replicas").unwrap_or(&json!(0)));
    } else {
        wanted = comparable(wanted, case["kind"].as_str().unwrap());
    }
    (found != wanted).then(|| format!("{name}:\n  found  {found}\n  wanted {wanted}"))
}

#[test]
fn objects_become_what_kube_apiserver_makes_of_them() {
    let differences: Vec<String> = cases().iter().filter_map(difference).collect();
    assert!(differences.is_empty(), "{} of {} cases differ:\n{}", differences.len(), cases().len(), differences.join("\n"));
}

/// Objects as kube-apiserver shows them.
fn shown() -> Vec<(Kind, Value)> {
    let accepted = cases().into_iter().filter(|case| case["answer"]["kind"] != "Status" && case["part"] != "scale");
    accepted.map(|case| (Kind::from_name(case["kind"].as_str().unwrap()).unwrap(), case["answer"].clone())).collect()
}

#[test]
fn defaults_change_nothing_on_what_kube_apiserver_shows() {
    for (kind, object) in shown() {
        let mut again = object.clone();
        nodelane_k8s::defaults::apply(kind, &mut again);
        trim(&mut again);
        let mut object = object;
        trim(&mut object);
        assert_eq!(again, object);
    }
}

#[test]
fn an_object_put_back_as_it_is_does_not_change() {
    for (kind, mut object) in shown() {
        without_nulls(&mut object); // Upstream shows some; nothing that was taken here has one.
        let old = codec::from_value(kind, &object).unwrap();
        let body = codec::to_value(&old);
        let updated = object::update(&old, body, Part::Main).unwrap_or_else(|status| panic!("{object}: {status}"));
        assert_eq!(updated.doc, old, "{object}");
        assert_eq!(updated.base, old.revision);
    }
}
