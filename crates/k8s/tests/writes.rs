//! Writes that the golden file does not hold: our own kinds, subresources, refusals, deletions, malformed bodies.
//!
//! Texts are kube-apiserver 1.36's source's; those of our own kinds are ours.

use nodelane_k8s::object::{self, Part};
use nodelane_k8s::registry::{self, Resource};
use nodelane_k8s::status::Status;
use nodelane_model::pool::NodePool;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Body, Doc, Key, Kind, Meta, Refusal, Time, codec};
use serde_json::{Value, json};

fn resource(kind: Kind) -> &'static Resource {
    let (group, version) = kind.api_version().split_once('/').unwrap_or(("", kind.api_version()));
    registry::by_kind(group, version, kind.as_str()).unwrap()
}

fn pod() -> Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

fn stored(kind: Kind, body: Value) -> Doc {
    let mut doc = object::create(resource(kind), if resource(kind).namespaced { "x" } else { "" }, body).unwrap();
    doc.revision = 7;
    doc.meta.uid = nodelane_model::Uid::derive(1, 2, 3);
    doc.meta.created = Time(1_767_225_600_000);
    doc
}

fn pool() -> Doc {
    Doc::new(Key::global(Kind::NodePool, "np1"), 7, Meta::default(), Body::NodePool(Box::<NodePool>::default()))
}

#[test]
fn null_means_absent_everywhere() {
    let mut body = pod();
    body["status"] = Value::Null;
    body["spec"]["nodeSelector"] = Value::Null;
    body["spec"]["containers"][0]["ports"] = Value::Null;
    body["metadata"]["creationTimestamp"] = Value::Null;
    assert_eq!(object::create(resource(Kind::Pod), "x", body).unwrap(), object::create(resource(Kind::Pod), "x", pod()).unwrap());
}

#[test]
fn a_wrong_type_is_a_400_that_names_the_field() {
    let cases = [
        ("/spec/containers", json!("x"), "json: cannot unmarshal string into field spec.containers, which is a sequence"),
        ("/metadata/labels", json!({"a": 1}), "json: cannot unmarshal number into field metadata.labels.a, which is a string"),
        ("/spec/hostNetwork", json!("yes"), "json: cannot unmarshal string into field spec.hostNetwork, which is a boolean"),
    ];
    for (pointer, value, why) in cases {
        let mut body = pod();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value;
        let status = object::create(resource(Kind::Pod), "x", body).unwrap_err();
        let found = (status.code, status.reason, status.message.as_str());
        assert_eq!(found, (400, "BadRequest", format!("Pod in version \"v1\" cannot be handled as a Pod: {why}").as_str()));
    }
}

/// The pointers of every part of a value.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{}", key.replace('/', "~1")), out)),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), out)),
        _ => {}
    }
}

#[test]
fn no_malformed_body_is_a_panic_and_what_is_taken_can_be_put_back() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/objects.json")).unwrap();
    let whole = |case: &&Value| {
        let name = case["case"].as_str().unwrap();
        case["part"] == "create"
            && (name.ends_with(": bare") || name.ends_with(": rich") || name == "pod: volumes" || name == "pod: probes")
    };
    for case in cases.iter().filter(whole) {
        let kind = Kind::from_name(case["kind"].as_str().unwrap()).unwrap();
        let namespace = if resource(kind).namespaced { "x" } else { "" };
        let old = stored(kind, case["body"].clone());
        let mut places = Vec::new();
        pointers(&case["body"], "", &mut places);
        for (place, wrong) in places.iter().flat_map(|place| [json!(-1), json!("x"), json!({"a": {}})].map(|wrong| (place, wrong))) {
            let mut body = case["body"].clone();
            *body.pointer_mut(place).unwrap() = wrong;
            let _ = object::update(&old, body.clone(), Part::Main);
            let _ = object::update(&old, body.clone(), Part::Status);
            let Ok(doc) = object::create(resource(kind), namespace, body.clone()) else {
                continue;
            };
            let again = object::update(&doc, codec::to_value(&doc), Part::Main);
            if kind != Kind::PodDisruptionBudget && kind != Kind::Lease {
                assert_eq!(again.unwrap_or_else(|status| panic!("{body}: {status}")).doc, doc, "{body}");
            }
        }
    }
}

#[test]
fn a_body_that_is_no_object_is_a_400() {
    for body in [json!([]), json!(null), json!("x")] {
        assert_eq!(object::create(resource(Kind::Namespace), "", body.clone()).unwrap_err().code, 400);
        assert_eq!(object::update(&stored(Kind::Pod, pod()), body, Part::Status).unwrap_err().code, 400);
    }
}

#[test]
fn the_cell_gives_identity_and_a_client_cannot() {
    let mut body = pod();
    body["metadata"]["uid"] = json!("aaaaaaaa-0000-4000-8000-000000000000");
    body["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    body["metadata"]["namespace"] = json!("x");
    let doc = object::create(resource(Kind::Pod), "x", body).unwrap();
    assert_eq!(doc.meta, Meta { generation: 1, ..Meta::default() });
    assert_eq!(doc.revision, 0);
}

#[test]
fn a_pool_takes_labels_and_annotations_and_nothing_else() {
    let old = pool();
    let mut body = codec::to_value(&old);
    body["metadata"]["labels"] = json!({"team": "a"});
    body["metadata"]["annotations"] = json!({"note": "b"});
    let updated = object::update(&old, body.clone(), Part::Main).unwrap();
    assert_eq!(updated.base, 7);
    assert_eq!(updated.doc.meta.labels.get("team").unwrap(), "a");
    assert_eq!(updated.doc.meta.generation, old.meta.generation);
    body["spec"]["count"] = json!(5);
    let status = object::update(&old, body, Part::Main).unwrap_err();
    assert_eq!((status.code, status.reason), (403, "Forbidden"));
    assert!(
        status.message.starts_with("nodepools.nodelane.dev \"np1\" is forbidden: node pools are changed through ARM: use az aks nodepool"),
        "{status}"
    );
}

#[test]
fn a_name_in_brackets_on_a_pool_is_a_422() {
    let old = pool();
    let mut body = codec::to_value(&old);
    body["metadata"]["labels"] = json!({"a b": "c"});
    assert_eq!(object::update(&old, body, Part::Main).unwrap_err().code, 422);
}

#[test]
fn pools_machines_and_lasting_namespaces_are_not_deleted_here() {
    assert_eq!(object::may_delete(resource(Kind::NodePool), &pool()).unwrap_err().code, 403);
    let namespace = |name: &str| stored(Kind::Namespace, json!({"metadata": {"name": name}}));
    let status = object::may_delete(resource(Kind::Namespace), &namespace("default")).unwrap_err();
    assert_eq!(status.message, "namespaces \"default\" is forbidden: this namespace may not be deleted");
    assert_eq!(object::may_delete(resource(Kind::Namespace), &namespace("mine")), Ok(()));
}

#[test]
fn a_terminating_object_loses_finalizers_and_gains_none() {
    let mut old = stored(Kind::Pod, pod());
    old.meta.deleted = Some(Time(1_767_225_600_000));
    old.meta.grace_seconds = Some(30);
    old.meta.finalizers = vec!["a.b/c".into()];
    let mut body = codec::to_value(&old);
    body["metadata"]["finalizers"] = json!(["a.b/c", "d.e/f"]);
    let status = object::update(&old, body.clone(), Part::Main).unwrap_err();
    assert_eq!(
        status.message,
        "Pod \"p\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, \
         found new finalizers []string{\"d.e/f\"}"
    );
    body["metadata"]["finalizers"] = json!([]);
    body["metadata"]["deletionTimestamp"] = Value::Null;
    body["metadata"]["deletionGracePeriodSeconds"] = Value::Null;
    let updated = object::update(&old, body, Part::Main).unwrap();
    assert!(updated.doc.meta.finalizers.is_empty());
    assert_eq!((updated.doc.meta.deleted, updated.doc.meta.grace_seconds), (old.meta.deleted, Some(30)));
}

#[test]
fn an_amount_written_otherwise_is_no_change() {
    let mut body = pod();
    body["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1000m"}});
    let old = stored(Kind::Pod, body);
    let mut body = codec::to_value(&old);
    body["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1"}});
    assert!(object::update(&old, body.clone(), Part::Main).is_ok());
    body["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "2"}});
    assert_eq!(object::update(&old, body, Part::Main).unwrap_err().code, 422);
}

#[test]
fn what_a_pod_may_not_change_is_named() {
    let old = stored(Kind::Pod, pod());
    let mut body = codec::to_value(&old);
    body["spec"]["containers"][0]["command"] = json!(["a"]);
    body["spec"]["containers"][0]["image"] = json!("other");
    let status = object::update(&old, body, Part::Main).unwrap_err();
    assert!(status.message.ends_with("\nchanged: spec.containers[0].command"), "{status}");
}

#[test]
fn a_patch_renames_nothing() {
    let old = stored(Kind::Pod, pod());
    let mut body = codec::to_value(&old);
    body["metadata"]["name"] = json!("q");
    let status = object::update(&old, body, Part::Main).unwrap_err();
    assert_eq!(status.message, "Pod \"p\" is invalid: metadata.name: Invalid value: \"q\": field is immutable");
}

#[test]
fn a_service_keeps_its_node_port() {
    let body = json!({"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}});
    let old = stored(Kind::Service, body.clone());
    let mut body = body;
    body["spec"]["ports"][0].as_object_mut().unwrap().remove("nodePort");
    let updated = object::update(&old, body, Part::Main).unwrap();
    assert_eq!(updated.doc.as_opaque().unwrap()["spec"]["ports"][0]["nodePort"], 30080);
}

#[test]
fn a_jobs_own_selector_needs_to_be_manual() {
    let job = json!({"metadata": {"name": "j"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}});
    let status = object::create(resource(Kind::Job), "x", job).unwrap_err();
    assert_eq!(
        status.message,
        "Job.batch \"j\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` not auto-generated"
    );
}

#[test]
fn a_binding_names_a_node() {
    let body = |target: Value| json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": target});
    assert_eq!(object::binding(&body(json!({"kind": "Node", "name": "n1"}))).unwrap(), "n1");
    let message = |target| object::binding(&body(target)).unwrap_err().message;
    assert_eq!(message(json!({})), "Binding \"p\" is invalid: target.name: Required value");
    assert_eq!(
        message(json!({"kind": "Pod", "name": "n1"})),
        "Binding \"p\" is invalid: target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\""
    );
}

#[test]
fn an_eviction_brings_its_options() {
    let body = json!({"metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": 5}});
    let query = [("dryRun".to_owned(), "All".to_owned())];
    let options = object::eviction(&body, &query).unwrap();
    assert_eq!((options.grace_period_seconds, options.dry_run), (Some(5), true));
    let options = object::eviction(&json!({"deleteOptions": {"dryRun": ["All"]}}), &[]).unwrap();
    assert_eq!((options.grace_period_seconds, options.dry_run), (None, true));
    assert!(!object::eviction(&json!({}), &[]).unwrap().dry_run);
}

#[test]
fn refusals_of_the_cell_read_as_upstreams() {
    let pods = resource(Kind::Pod);
    let key = || Key::new(Kind::Pod, "x", "p");
    let told = |refusal: Refusal| -> (u16, &'static str, String) {
        let Status { code, reason, message, .. } = object::refusal(pods, &refusal);
        (code, reason, message)
    };
    let namespace = Key::global(Kind::Namespace, "x");
    let uid = "the UID in the precondition (a) does not match the UID in record (b)";
    let cases = [
        (Refusal::NotFound(namespace), 404, "NotFound", "namespaces \"x\" not found"),
        (Refusal::AlreadyExists(key()), 409, "AlreadyExists", "pods \"p\" already exists"),
        (
            Refusal::Stale { key: key(), base: 3 },
            409,
            "Conflict",
            "Operation cannot be fulfilled on pods \"p\": the object has been modified; please apply your changes to the latest version and try again",
        ),
        (
            Refusal::Precondition { key: key(), message: uid.into() },
            409,
            "Conflict",
            "Operation cannot be fulfilled on Pod \"p\": the UID in the precondition (a) does not match the UID in record (b). The object might have been deleted and then recreated",
        ),
        (
            Refusal::Precondition {
                key: key(),
                message: "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (2)".into(),
            },
            409,
            "Conflict",
            "Operation cannot be fulfilled on Pod \"p\": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (2). The object might have been modified",
        ),
        (
            Refusal::Precondition { key: key(), message: "pod p is already assigned to node \"n1\"".into() },
            409,
            "Conflict",
            "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\"",
        ),
        (
            Refusal::Forbidden { key: key(), message: "a node may create only itself".into() },
            403,
            "Forbidden",
            "pods \"p\" is forbidden: a node may create only itself",
        ),
        (
            Refusal::BudgetBlocks { pod: key(), budget: "b".into(), needed: 2, healthy: 1 },
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        ),
        (
            Refusal::TwoBudgets(key()),
            500,
            "",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ),
        (
            Refusal::NamespaceTerminating { key: key(), namespace: "x".into() },
            403,
            "Forbidden",
            "pods \"p\" is forbidden: unable to create new content in namespace x because it is being terminated",
        ),
        (Refusal::Unavailable("the disk is full".into()), 503, "ServiceUnavailable", "the change could not be stored: the disk is full"),
    ];
    for (refusal, code, reason, message) in cases {
        assert_eq!(told(refusal), (code, reason, message.to_owned()));
    }
}

#[test]
fn a_blocked_eviction_names_its_budget_and_a_pools_rule_is_forbidden() {
    let pods = resource(Kind::Pod);
    let key = || Key::new(Kind::Pod, "x", "p");
    let blocked = object::refusal(pods, &Refusal::BudgetBlocks { pod: key(), budget: "b".into(), needed: 2, healthy: 1 });
    let cause = &blocked.details.unwrap().causes[0];
    assert_eq!(
        (cause.reason, cause.message.as_str()),
        ("DisruptionBudget", "The disruption budget b needs 2 healthy pods and has 1 currently")
    );
    assert_eq!(object::refusal(pods, &Refusal::Pool(PoolRefusal::LastSystemPool)).code, 403);
}
