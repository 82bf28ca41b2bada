//! Tables against the rows that kube-apiserver 1.36's own printer makes of the same objects at the same time.
//!
//! `golden/tables.json`: objects of every kind (pods in all their states), columns, cells and ages from the real printer.

use nodelane_k8s::registry;
use nodelane_k8s::table::{
    IncludeObject, encode_partial_object, encode_table, event_table, human_duration, partial_object, printer, row, table,
};
use nodelane_model::{Kind, Time, codec};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/tables.json")).expect("golden file")
}

fn now() -> Time {
    Time::parse(golden()["now"].as_str().expect("text")).expect("a time")
}

#[test]
fn every_row_has_the_cells_of_the_real_printer() {
    let golden = golden();
    let cases = golden["tables"].as_array().expect("cases");
    assert!(cases.len() > 80);
    for case in cases {
        let printer = printer(case["group"].as_str().expect("group"), case["kind"].as_str().expect("kind"));
        let row = row(printer, &case["object"], now(), IncludeObject::None);
        assert_eq!(row["cells"], case["cells"], "{}", case["object"]);
        assert_eq!(row.get("conditions").unwrap_or(&Value::Null), &case["conditions"], "{}", case["object"]);
        assert_eq!(row["object"], Value::Null);
    }
}

#[test]
fn a_table_written_from_documents_is_the_table_of_the_whole_objects() {
    let golden = golden();
    let mut seen = BTreeSet::new();
    for case in golden["tables"].as_array().expect("cases") {
        let kind = case["kind"].as_str().expect("kind");
        let printer = printer(case["group"].as_str().expect("group"), kind);
        let Some(doc) = Kind::from_name(kind).and_then(|kind| codec::from_value(kind, &case["object"]).ok()) else { continue };
        let whole = codec::to_value(&doc);
        for include in [IncludeObject::None, IncludeObject::Metadata, IncludeObject::Object] {
            let meta = json!({"resourceVersion": "7"});
            let ours = encode_table(printer, &meta, true, [&doc, &doc].into_iter(), now(), include);
            let row = row(printer, &whole, now(), include);
            let theirs = table(printer, meta, vec![row.clone(), row]);
            assert_eq!(serde_json::from_slice::<Value>(&ours).expect("JSON"), theirs, "{}", case["object"]);
        }
        let partial: Value = serde_json::from_slice(&encode_partial_object(&doc)).expect("JSON");
        assert_eq!(partial, partial_object(&whole));
        seen.insert(kind.to_owned());
    }
    assert!(seen.contains("Pod") && seen.contains("Node"), "{seen:?}");
}

#[test]
fn every_kind_has_the_columns_of_the_real_printer() {
    let golden = golden();
    for (kind, columns) in golden["columns"].as_object().expect("columns") {
        let resource = registry::all().find(|resource| resource.kind == kind).expect(kind);
        let mut ours = table(printer(resource.group, kind), json!({}), vec![])["columnDefinitions"].take();
        for column in ours.as_array_mut().expect("a list") {
            let description = column.as_object_mut().expect("a column").remove("description");
            assert!(description.is_some_and(|text| text.as_str().is_some_and(|text| text.ends_with('.'))));
        }
        assert_eq!(&ours, columns, "{kind}");
    }
}

#[test]
fn durations_read_as_in_kubectl() {
    for case in golden()["durations"].as_array().expect("cases") {
        assert_eq!(human_duration(case[0].as_i64().expect("milliseconds")), case[1].as_str().expect("text"), "{case}");
    }
}

#[test]
fn a_kind_without_printer_shows_name_and_creation_time() {
    // Observed for limitranges.
    let object = json!({"metadata": {"name": "lr", "creationTimestamp": "2026-11-24T09:09:24Z"}});
    let row = row(printer("", "LimitRange"), &object, now(), IncludeObject::Metadata);
    assert_eq!(row["cells"], json!(["lr", "2026-11-24T09:09:24Z"]));
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(row["object"]["metadata"], object["metadata"]);
}

#[test]
fn only_the_first_event_of_a_watch_carries_columns() {
    let object = json!({"metadata": {"name": "a", "resourceVersion": "7"}});
    let first = event_table(printer("", "ConfigMap"), &object, now(), IncludeObject::None, true);
    let second = event_table(printer("", "ConfigMap"), &object, now(), IncludeObject::None, false);
    assert_eq!(first["columnDefinitions"].as_array().map(Vec::len), Some(3));
    assert_eq!(second["columnDefinitions"], Value::Null);
    assert_eq!(second["metadata"], json!({"resourceVersion": "7"}));
}

#[test]
fn include_object_takes_three_words() {
    assert_eq!(IncludeObject::parse(""), Ok(IncludeObject::Metadata));
    assert_eq!(IncludeObject::parse("Object"), Ok(IncludeObject::Object));
    let text = "Unable to convert to Table as requested: includeObject: Invalid value: \"foo\": must be 'Metadata', \
                'Object', 'None', or empty";
    assert_eq!(IncludeObject::parse("foo").expect_err("400").message, text);
}

#[test]
fn every_kind_of_the_registry_prints_one_cell_per_column() {
    for resource in registry::all() {
        let printer = printer(resource.group, resource.kind);
        let cells = (printer.cells)(&json!({}), now());
        assert_eq!(cells.len(), printer.columns.len(), "{}", resource.kind);
    }
}

#[test]
fn a_pool_shows_the_provisioning_state_that_follows_from_its_operation() {
    let pool = json!({
        "metadata": {"name": "np1", "creationTimestamp": golden()["now"]},
        "spec": {"mode": "User", "vmSize": "Standard_D4s_v5", "count": 3, "enableAutoScaling": true, "minCount": 1,
                 "maxCount": 5, "orchestratorVersion": "1.34"},
        "state": {"version": "1.34.2"},
    });
    let cells = row(printer("nodelane.dev", "NodePool"), &pool, now(), IncludeObject::None)["cells"].take();
    let wanted = json!(["np1", "User", "Standard_D4s_v5", 3, "1-5", "1.34.2", "Succeeded", "0s", "", "Regular", "Running"]);
    assert_eq!(cells, wanted);
}
