//! Statuses against the answers of a real kube-apiserver 1.36.2.
//!
//! `golden/status.json`: answers by case; each test makes the same refusal from facts and compares the whole body.

use nodelane_k8s::names::{self, NameRule};
use nodelane_k8s::status::{Details, FieldError, FieldPath, GroupResource, Precondition, Status, success};
use serde_json::{Value, json};

const PODS: GroupResource<'_> = GroupResource { group: "", resource: "pods" };
const CONFIG_MAPS: GroupResource<'_> = GroupResource { group: "", resource: "configmaps" };
const DEPLOYMENTS: GroupResource<'_> = GroupResource { group: "apps", resource: "deployments" };

fn golden(case: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("golden/status.json")).expect("golden file");
    all[case].clone()
}

#[track_caller]
fn same(status: Status, case: &str) {
    assert_eq!(status.to_value(), golden(case), "{case}");
    assert_eq!(i64::from(status.code), golden(case)["code"], "{case}");
}

#[test]
fn refusals_about_one_object_read_as_upstreams() {
    same(Status::already_exists(PODS, "p1"), "exists");
    same(Status::not_found(GroupResource { group: "", resource: "namespaces" }, "nope"), "nons");
    same(Status::conflict(CONFIG_MAPS, "c1", Precondition::Modified), "putconflict");
    let binding = GroupResource { group: "", resource: "pods/binding" };
    same(Status::conflict_because(binding, "p1", "pod p1 is already assigned to node \"n1\""), "binding2");
    let namespaces = GroupResource { group: "", resource: "namespaces" };
    same(Status::forbidden(namespaces, "default", "this namespace may not be deleted"), "delns");
}

#[test]
fn preconditions_of_a_delete_name_the_kind() {
    let kind = GroupResource { group: "", resource: "ConfigMap" };
    let uid = golden("deluid")["message"].as_str().expect("text").split(['(', ')']).nth(3).expect("a uid").to_owned();
    same(Status::conflict(kind, "c1", Precondition::Uid { wanted: "x", found: &uid }), "deluid");
    let version = Precondition::ResourceVersion { wanted: "1", found: "262" };
    same(Status::conflict(kind, "c1", version), "delrv");
}

#[test]
fn invalid_lists_every_complaint_as_a_cause() {
    let path = FieldPath::new("spec");
    let container = path.child("containers").index(0);
    let mut errors = names::object_meta(&json!({"name": "P2"}), NameRule::Subdomain);
    let complaint = &names::dns1123_label("C")[0];
    errors.push(FieldError::invalid(&container.child("name"), "C", complaint));
    errors.push(FieldError::required(&container.child("image"), ""));
    errors.push(FieldError::not_supported(&path.child("restartPolicy"), "x", &["Always", "OnFailure", "Never"]));
    same(Status::invalid("", "Pod", "P2", &errors), "invalid2");
    same(Status::invalid("", "Pod", "", &names::object_meta(&json!({}), NameRule::Subdomain)), "noname");
}

#[test]
fn an_eviction_that_a_budget_forbids_is_429_with_its_cause() {
    same(Status::disruption_budget("b", 3, 2), "evict429");
    let processing = Status::disruption_budget_processing("b");
    assert_eq!(processing.retry_after_seconds(), Some(10));
    same(processing, "evict429processing");
}

#[test]
fn the_authorizer_says_who_cannot_do_what_where() {
    same(Status::unauthorized(), "unauth");
    let nodes = GroupResource { group: "", resource: "nodes" };
    same(Status::unauthorized_verb("jane", "get", nodes, "", "", "n"), "forbidcluster");
    same(Status::unauthorized_verb("jane", "get", PODS, "log", "default", "p1"), "forbidsub");
    same(Status::unauthorized_verb("jane", "create", DEPLOYMENTS, "", "x", ""), "forbidapps");
    same(Status::unauthorized_path("jane", "get", "/metrics"), "forbidpath");
}

#[test]
fn refusals_of_the_request_itself_read_as_upstreams() {
    same(Status::no_such_path(), "path404");
    same(Status::method_not_allowed(), "badmethod");
    same(Status::unsupported_media_type(), "stratcr");
    let all = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
    same(Status::not_acceptable_shape(&all), "406t");
    same(Status::not_acceptable(&all), "406p");
    same(Status::request_entity_too_large(3 * 1024 * 1024), "bigbody");
    same(Status::patch_too_long(10_000, 10_001), "longpatch");
    same(Status::rejected(), "rejected");
    let current = golden("toolarge")["message"].as_str().and_then(|text| text.rsplit(' ').next()?.parse().ok());
    same(Status::resource_version_too_large(99_999, current.expect("a revision")), "toolarge");
}

#[test]
fn successes_carry_what_was_deleted_or_the_code() {
    let uid = golden("delok")["details"]["uid"].as_str().expect("uid").to_owned();
    let details = Details { name: "c1".to_owned(), kind: "configmaps".to_owned(), uid, ..Details::default() };
    assert_eq!(success(Some(&details), 200), golden("delok"));
    assert_eq!(success(None, 201), golden("binding"));
}

#[test]
fn an_expired_page_may_offer_to_go_on_inconsistently() {
    // Texts from k8s.io/apiserver 0.36; `metadata.continue` is where client-go's pager looks.
    let status = Status::expired_continue(Some("token".to_owned())).to_value();
    assert_eq!(status["metadata"], json!({"continue": "token"}));
    assert_eq!((&status["code"], &status["reason"]), (&json!(410), &json!("Expired")));
    assert!(status["message"].as_str().is_some_and(|text| text.ends_with("and now may show up in the list.")));
    assert_eq!(Status::expired_watch(3, 9).message, "too old resource version: 3 (9)");
}

#[test]
fn the_body_keeps_upstreams_order_of_keys() {
    let body = String::from_utf8(Status::not_found(DEPLOYMENTS, "web").to_bytes()).expect("UTF-8");
    let wanted = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"deployments.apps \"web\" not found","reason":"NotFound","details":{"name":"web","group":"apps","kind":"deployments"},"code":404}"#;
    assert_eq!(body, wanted);
}
