//! How long an answer takes on a large cluster: 5,000 nodes in ten pools, ten pods on each. Run with `--ignored --nocapture --release`.
//!
//! Not a bound that CI enforces: machines differ. The bounds of the search are in its own file.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the time")]

mod support;

use nodelane_review::explain_pending;
use serde_json::json;
use support::{Cluster, fixes};

#[test]
#[ignore = "a measurement"]
fn an_answer_on_five_thousand_nodes() {
    let mut cluster = Cluster::new();
    for pool in 0..10 {
        let taint = format!("lane=p{pool}:NoSchedule");
        cluster.pool(
            &format!("p{pool}"),
            500,
            json!({"nodeTaints": [taint], "nodeLabels": {"lane": format!("p{pool}")}, "availabilityZones": ["1", "2", "3"]}),
        );
    }
    let nodes: Vec<String> = cluster.world.nodes().map(|(name, _)| name.to_string()).collect();
    for (at, node) in nodes.iter().enumerate() {
        for pod in 0..10 {
            cluster.pod(&format!("app-{at}-{pod}"), ["300m", "350m", "380m"][at % 3], Some(node), json!({}));
        }
    }
    cluster.pod("easy", "500m", None, json!({}));
    cluster.pod("hard", "2", None, json!({"nodeSelector": {"lane": "q", "rack": "r"}, "affinity": {"podAntiAffinity":
        {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchLabels": {"app": "app"}}, "topologyKey": "kubernetes.io/hostname"}]}}}));
    for name in ["easy", "hard"] {
        let begin = std::time::Instant::now();
        let answer = cluster.explain(name);
        println!("{name}: {:?}, {} fixes: {:?}", begin.elapsed(), answer.fixes.len(), fixes(&answer).first());
    }
    let begin = std::time::Instant::now();
    let answers = explain_pending(&cluster.snapshot(), &cluster.means);
    println!("all {} that wait: {:?}", answers.len(), begin.elapsed());
}
