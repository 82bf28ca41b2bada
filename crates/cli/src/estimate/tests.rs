//! Reading pools and sizes, and what is printed of an answer.
//!
//! Amounts of the pools' nodes are those of the rules for reservations (A-1, A-2), worked out by hand.

use super::*;

fn run(pods: &[Arc<Doc>], offers: &Offers, search: Search) -> nodelane_place::estimate::Estimate {
    let world = World::new(0);
    let preferences = Preferences::Soft;
    estimate(&Request {
        world: &world,
        pods,
        templates: &offers.templates,
        limits: &offers.limits,
        preferences,
        search,
        config: Arc::default(),
    })
}

fn some_pods(count: usize, cpu: &str, spec: serde_json::Value) -> Vec<Arc<Doc>> {
    let pod = |at: usize| {
        let mut pod = serde_json::json!({"metadata": {"name": format!("p{at}"), "namespace": "default"}, "spec": {
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            pod["spec"][key] = value.clone();
        }
        pod
    };
    let list = serde_json::json!({"items": (0..count).map(pod).collect::<Vec<_>>()});
    waiting(list.to_string().as_bytes()).unwrap().pods
}

const EXPORTED: &str = r#"[{"name":"batch","mode":"User","vmSize":"Standard_D4s_v5","count":1,"minCount":1,"maxCount":4,"autoscaling":true,
    "zones":["1","2"],"kubernetesVersion":"1.34.9","priority":"Regular","powerState":"Running","labels":{"lane":"batch"},
    "taints":["lane=batch:NoSchedule"],"maxPods":30}]"#;
const LISTED: &str = r#"[{"name":"batch","mode":"User","vmSize":"Standard_D4s_v5","count":1,"minCount":1,"maxCount":4,"enableAutoScaling":true,
    "availabilityZones":["1","2"],"currentOrchestratorVersion":"1.34.9","scaleSetPriority":"Regular","powerState":{"code":"Running"},
    "nodeLabels":{"lane":"batch"},"nodeTaints":["lane=batch:NoSchedule"],"maxPods":30,"osDiskSizeGb":128}]"#;

#[test]
fn both_forms_of_a_pool_list_give_the_same_templates() {
    let read = |text: &str| pools::offers(text.as_bytes(), "eastus", &[]).unwrap();
    let (exported, listed) = (read(EXPORTED), read(LISTED));
    assert_eq!(format!("{:?}", exported.templates), format!("{:?}", listed.templates));
    let row = &exported.templates[0].row;
    // 4 vCPUs: 60 + 40 + 20 + 20 are reserved. 16 GiB: 20 x 30 + 50 MiB and 100 MiB are kept.
    assert_eq!((row.allocatable.cpu_milli, row.allocatable.pods), (3860, 30));
    assert_eq!(row.allocatable.memory_bytes, (16 * 1024 - 650 - 100) << 20);
    assert_eq!(row.doc.meta.labels.get("topology.kubernetes.io/zone").unwrap(), "eastus-1");
    assert_eq!(row.doc.meta.labels.get("lane").unwrap(), "batch");
    assert_eq!(exported.limits[0].left, 3);
}

#[test]
fn a_pool_grows_to_its_largest_count_and_quota_and_no_further() {
    let tolerant = serde_json::json!({"tolerations": [{"key": "lane", "operator": "Exists"}]});
    let pods = some_pods(10, "2", tolerant);
    let offers = pools::offers(EXPORTED.as_bytes(), "eastus", &[]).unwrap();
    for search in [Search::Fast, Search::Optimal(3), Search::Expanders(vec![Expander::LeastWaste])] {
        let found = run(&pods, &offers, search);
        assert_eq!((found.machines.len(), found.unplaced.len()), (3, 7));
    }
    // 3,860 milli-cores hold one pod of two cores; a quota of eight vCPUs holds two machines of four.
    let offers = pools::offers(EXPORTED.as_bytes(), "eastus", &["standardDSv5Family=8".into()]).unwrap();
    assert_eq!(run(&pods, &offers, Search::Fast).machines.len(), 2);
    let plain = some_pods(1, "2", serde_json::json!({}));
    let found = run(&plain, &offers, Search::Fast);
    assert_eq!(found.unplaced, [(0, "no kind of machine takes it: 2 node(s) had untolerated taint(s)".to_owned())]);
}

#[test]
fn a_configuration_without_taints_and_with_ignored_resources_lets_pods_on() {
    let config = |profile: &str| {
        let head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
        Arc::new(nodelane_sources::scheduler_config(&format!("{head}profiles: [{profile}]")).unwrap())
    };
    let offers = pools::offers(EXPORTED.as_bytes(), "eastus", &[]).unwrap();
    let with = |pods: &[Arc<Doc>], config: Arc<nodelane_place::Config>| {
        let (world, preferences, search) = (World::new(0), Preferences::Soft, Search::Fast);
        let (templates, limits) = (&offers.templates[..], &offers.limits[..]);
        estimate(&Request { world: &world, pods, templates, limits, preferences, search, config }).machines.len()
    };
    let plain = some_pods(1, "2", serde_json::json!({}));
    assert_eq!(with(&plain, config("{}")), 0);
    assert_eq!(with(&plain, config("{plugins: {filter: {disabled: [{name: TaintToleration}]}}}")), 1);
    let container = serde_json::json!([{"name": "c", "image": "i", "resources": {"requests": {"example.com/gpu": "1"}}}]);
    let devices = some_pods(1, "2", serde_json::json!({"containers": container, "tolerations": [{"operator": "Exists"}]}));
    assert_eq!(with(&devices, config("{}")), 0);
    let ignored = "{pluginConfig: [{name: NodeResourcesFit, args: {ignoredResourceGroups: [example.com]}}]}";
    assert_eq!(with(&devices, config(ignored)), 1);
}

#[test]
fn a_pod_goes_where_its_volume_is_and_unknown_claims_are_counted() {
    let volume = |zone: &str| {
        serde_json::json!([
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}],
                "tolerations": [{"operator": "Exists"}], "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}},
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "x",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}},
            {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"}, "spec": {"nodeAffinity": {"required": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}]}}}}])
    };
    let offers = pools::offers(EXPORTED.as_bytes(), "eastus", &[]).unwrap();
    let ask = |list: &serde_json::Value| {
        let Waiting { pods, world, elsewhere } = waiting(list.to_string().as_bytes()).unwrap();
        let (templates, limits) = (&offers.templates[..], &offers.limits[..]);
        let (preferences, search, config) = (Preferences::Soft, Search::Fast, Arc::default());
        (estimate(&Request { world: &world, pods: &pods, templates, limits, preferences, search, config }), elsewhere)
    };
    for zone in ["1", "2"] {
        let (found, elsewhere) = ask(&volume(&format!("eastus-{zone}")));
        assert_eq!((offers.templates[found.machines[0].template].zone.as_str(), elsewhere), (zone, 0));
    }
    let (found, _) = ask(&volume("eastus-3"));
    assert_eq!(found.unplaced[0].1, "no kind of machine takes it: 2 node(s) didn't match PersistentVolume's node affinity");
    let mut alone = volume("eastus-3");
    alone.as_array_mut().unwrap().truncate(1);
    let (found, elsewhere) = ask(&alone);
    assert_eq!((found.machines.len(), elsewhere), (1, 1));
}

#[test]
fn the_table_counts_machines_by_pool_and_names_what_finds_none() {
    let tolerant = serde_json::json!({"tolerations": [{"key": "lane", "operator": "Exists"}]});
    let pods = some_pods(4, "2", tolerant);
    let offers = pools::offers(EXPORTED.as_bytes(), "eastus", &[]).unwrap();
    let found = run(&pods, &offers, Search::Fast);
    let text = print::table(&found, &pods, &offers);
    assert!(text.starts_with("Pool   Size             Zone  Capacity   Machines  Pods  USD/h\nbatch  Standard_D4s_v5  1 "), "{text}");
    assert!(text.contains("\n3 pods on 3 machines, ") && text.contains("\np3: no kind of machine takes it: "), "{text}");
    let value = print::json(&found, &pods, &offers, &Cost::default(), 0);
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "bound",
            "gapPercent",
            "machines",
            "memoryBytes",
            "order",
            "placement",
            "pricePerHour",
            "reasons",
            "seconds",
            "unplaced",
            "volumesUnknown"
        ]
    );
    assert_eq!(value["placement"][0]["pool"], "batch");
}

#[test]
fn pods_that_have_a_node_or_have_ended_do_not_wait() {
    let list = r#"[{"metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[]}},
        {"metadata":{"name":"b"},"spec":{"containers":[]},"status":{"phase":"Succeeded"}},{"metadata":{"name":"c"},"spec":{"containers":[]}}]"#;
    let names: Vec<_> = waiting(list.as_bytes()).unwrap().pods.iter().map(|doc| doc.key.name.to_string()).collect();
    assert_eq!(names, ["c"]);
}

#[test]
fn a_chain_of_expanders_is_read_and_an_unknown_one_is_named() {
    use clap::Parser;
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        verb: EstimateVerb,
    }
    let read = |chain: &str| search(&Line::parse_from(["x", "--pods", "p", "--sizes", "s", "--expander", chain]).verb);
    assert_eq!(read("optimal").unwrap(), Search::Optimal(OPTIMAL_PACKINGS));
    assert_eq!(read("most-pods,random").unwrap(), Search::Expanders(vec![Expander::MostPods, Expander::Random(0)]));
    assert!(read("cheapest").unwrap_err().to_string().contains("there is no expander cheapest"));
}
