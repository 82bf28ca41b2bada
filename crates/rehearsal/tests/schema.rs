//! The published schema says what the reader takes: every example is valid under both, and what one refuses the other does.
//!
//! The schema uses few words of its language, and here is a judge for those; a word that it does not know fails the test.

use nodelane_rehearsal::scenario::{Metric, POOL_PROPERTIES, read};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("docs/rehearsal.schema.json")).unwrap()).unwrap()
}

fn is_valid(schema: &Value, whole: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(word, rule)| match word.as_str() {
        "$schema" | "$id" | "$defs" | "title" | "description" => true,
        "$ref" => is_valid(whole.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), whole, value),
        "oneOf" => rule.as_array().unwrap().iter().filter(|one| is_valid(one, whole, value)).count() == 1,
        "enum" => rule.as_array().unwrap().contains(value),
        "type" => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            other => panic!("type {other}"),
        },
        // A word about one type says nothing of values of another.
        "required" => {
            value.as_object().is_none_or(|fields| rule.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap())))
        }
        "properties" => {
            rule.as_object().unwrap().iter().all(|(field, rule)| value.get(field).is_none_or(|value| is_valid(rule, whole, value)))
        }
        "additionalProperties" => {
            value.as_object().is_none_or(|fields| fields.keys().all(|field| schema["properties"].get(field).is_some()))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(rule, whole, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| text.starts_with(|c: char| c.is_ascii_digit())), // That of durations, the only one.
        other => panic!("the judge does not know {other}"),
    })
}

fn both(text: &str) -> (bool, bool) {
    let value: Value = serde_yaml_ng::from_str(text).unwrap();
    let schema = schema();
    (is_valid(&schema, &schema, &value), read(text).is_ok())
}

fn examples(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => examples(&path, found),
            false if path.file_stem().is_some_and(|stem| stem == "before" || stem == "after") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn every_example_is_valid_under_the_schema_and_is_read() {
    let mut found = Vec::new();
    examples(&root().join("examples"), &mut found);
    assert_eq!(found.len(), 8, "each example before and after: {found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(both(&text), (true, true), "{}: {:?}", path.display(), read(&text).err());
    }
}

const LEAST: &str = "start: 2026-03-01T00:00:00Z\nuntil: 2h\nworld:\n  clusters:\n  - pools:\n    - {name: system, count: 1}\n";

#[test]
fn what_the_schema_refuses_the_reader_refuses_too() {
    assert_eq!(both(LEAST), (true, true));
    for wrong in [
        LEAST.replace("until: 2h", "until: 2h\nasserts: []"),
        LEAST.replace("until: 2h\n", ""),
        LEAST.replace("count: 1", "cuont: 1"),
        LEAST.replace("  clusters:\n  - pools:\n    - {name: system, count: 1}\n", "  {}\n"),
        LEAST.replace("world:\n", "world:\n  dataDir: x\n"),
        format!("{LEAST}timeline: [{{at: 1h}}]"),
        format!("{LEAST}timeline: [{{at: 1h, change: stop -n a, fault: zone-out}}]"),
        format!("{LEAST}timeline: [{{at: 1h, load: {{workload: w}}}}]"),
        format!("{LEAST}timeline: [{{change: stop -n a}}]"),
        format!("{LEAST}assert: [{{metric: nods, max: 1}}]"),
        format!("{LEAST}assert: [{{metric: nodes, workload: w, max: 1}}]"),
        format!("{LEAST}assert: [{{metric: pending_max, pool: p, max: 1m}}]"),
        format!("{LEAST}assert: [{{metric: nodes, max: many}}]"),
        format!("{LEAST}assert: [{{operation: upgrade}}]"),
        format!("{LEAST}assert: [{{operation: dance, endsWithin: 1h}}]"),
    ] {
        assert_eq!(both(&wrong), (false, false), "{wrong}");
    }
}

#[test]
fn the_schema_lists_the_metrics_and_the_properties_of_pools() {
    let schema = schema();
    let mut named: Vec<&str> = schema["$defs"]["pool"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    named.retain(|name| *name != "name");
    assert_eq!(named, POOL_PROPERTIES);
    let of = |at: usize| schema["$defs"]["assertion"]["oneOf"][at]["properties"]["metric"]["enum"].as_array().unwrap().clone();
    let mut metrics: Vec<String> = [of(0), of(1)].concat().iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    let mut known: Vec<String> = Metric::ALL.iter().map(|metric| metric.as_str().to_owned()).collect();
    metrics.sort();
    known.sort();
    assert_eq!(metrics, known);
}
