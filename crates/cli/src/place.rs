//! `nodelane place`: which node, and why not the others, for worlds given as plain Kubernetes objects; no server is asked.
//!
//! One world a line in, one verdict a line out, in the same order, in the memory of one world. The verdict says what every node says to
//! the pod: `["ok"]`, or the first plugin that refuses with its status code and reasons, as kube-scheduler's plugins do. Scheduling
//! gates keep a pod from being tried at all; here they are not looked at, as the question is what the nodes would say.
//!
//! Not here: reading objects (`sources`), deciding (`place`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use nodelane_model::Kind;
use nodelane_place::{Config, Reason, Refusal, Scores, Verdict, explain_with};
use nodelane_sources::{Objects, scheduler_config};
use serde_json::{Value, json};

/// Options of `place`.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Worlds, one JSON object a line: nodes, pods, pod, and optionally pdbs, pvs, pvcs, storageClasses, csiNodes, namespaces,
    /// priorityClasses, services, replicaSets; `-` is standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filename: PathBuf,
    /// A KubeSchedulerConfiguration, YAML or JSON, for lines that bring none as `config`
    #[arg(long, value_name = "FILE")]
    scheduler_config: Option<PathBuf>,
    /// Also print the node that would be chosen, as `chosen`
    #[arg(long)]
    choice: bool,
}

/// The longest line that is read: a world of 5,000 nodes and 100,000 pods of 2 KiB is some 220 MiB.
const LINE_LIMIT_BYTES: u64 = 512 << 20;

/// The members of a line, and what they hold.
const MEMBERS: [(&str, Kind); 11] = [
    ("namespaces", Kind::Namespace),
    ("priorityClasses", Kind::PriorityClass),
    ("nodes", Kind::Node),
    ("csiNodes", Kind::CSINode),
    ("storageClasses", Kind::StorageClass),
    ("pvs", Kind::PersistentVolume),
    ("pvcs", Kind::PersistentVolumeClaim),
    ("services", Kind::Service),
    ("replicaSets", Kind::ReplicaSet),
    ("pdbs", Kind::PodDisruptionBudget),
    ("pods", Kind::Pod),
];

/// Answers every line; exit code 1 when one could not be read.
pub fn run_verb(place: &Place) -> Result<ExitCode> {
    let config = place.scheduler_config.as_deref().map_or(Ok(Arc::default()), read_config)?;
    let input: Box<dyn Read> = match place.filename.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(&place.filename).with_context(|| place.filename.display().to_string())?),
    };
    let all_read = answer_all(place, &config, BufReader::new(input), BufWriter::new(io::stdout().lock()))?;
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The scheduler's configuration in a file.
pub fn read_config(file: &Path) -> Result<Arc<Config>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(Arc::new(scheduler_config(&text).with_context(|| file.display().to_string())?))
}

/// Whether every line could be read. The error is one of the streams.
fn answer_all(place: &Place, config: &Arc<Config>, mut input: impl BufRead, mut output: impl Write) -> io::Result<bool> {
    let (mut line, mut all_read) = (Vec::new(), true);
    loop {
        line.clear();
        if input.by_ref().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == LINE_LIMIT_BYTES && !line.ends_with(b"\n") {
            return Err(io::Error::other(format!("a line is longer than {LINE_LIMIT_BYTES} bytes")));
        }
        let answer = answer(place, config, &line).unwrap_or_else(|error| {
            all_read = false;
            json!({ "error": format!("{error:#}") })
        });
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(all_read)
}

fn answer(place: &Place, config: &Arc<Config>, line: &[u8]) -> Result<Value> {
    let mut world: Value = serde_json::from_slice(line).context("not a JSON object on a line")?;
    let mut take = |member: &str| match world.get_mut(member).map(Value::take) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(objects)) => Ok(objects),
        Some(_) => Err(anyhow::anyhow!("{member} is not a list")),
    };
    let mut lists = Vec::new();
    for (member, kind) in MEMBERS {
        lists.push((kind, take(member)?));
    }
    let mut pod = world.get_mut("pod").map(Value::take).filter(Value::is_object).context("pod is missing")?;
    let classes = lists[1].1.clone();
    resolve_priority(&mut pod, &classes);
    let mut objects = Objects::default();
    for (kind, list) in lists {
        for mut object in list {
            if kind == Kind::Pod {
                resolve_priority(&mut object, &classes);
            }
            objects.add_as(kind, object)?;
        }
    }
    let pod = Objects::default().add_as(Kind::Pod, pod)?;
    let own = world.get_mut("config").map(Value::take).filter(|own| !own.is_null());
    let own = own.map(|own| scheduler_config(&own.to_string())).transpose().context("config")?.map(Arc::new);
    let verdict = explain_with(&objects.into_world(), &pod, own.as_ref().unwrap_or(config));
    let mut answer = shown(&verdict);
    if let Some(chosen) = verdict.chosen.filter(|_| place.choice) {
        answer["chosen"] = chosen.as_str().into();
    }
    Ok(answer)
}

/// What the API server does on admission: the priority of the named class, or of the default class, where the pod has none.
fn resolve_priority(pod: &mut Value, classes: &[Value]) {
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut).filter(|spec| !spec.contains_key("priority")) else { return };
    let name = spec.get("priorityClassName").and_then(Value::as_str).unwrap_or_default();
    let class = classes.iter().find(|class| match name {
        "" => class["globalDefault"] == true,
        name => class["metadata"]["name"] == name,
    });
    let built_in = match name {
        "system-node-critical" => Some(2_000_001_000),
        "system-cluster-critical" => Some(2_000_000_000),
        _ => None,
    };
    let Some(value) = class.and_then(|class| class["value"].as_i64()).or(built_in) else { return };
    spec.insert("priority".into(), value.into());
    if let Some(policy) = class.and_then(|class| class.get("preemptionPolicy")) {
        spec.entry("preemptionPolicy").or_insert_with(|| policy.clone());
    }
}

/// A verdict as one line shows it.
fn shown(verdict: &Verdict) -> Value {
    let mut nodes: BTreeMap<&str, Vec<String>> = verdict.nodes.iter().map(|(name, node)| (name.as_str(), line_of(node))).collect();
    let mut answer = json!({});
    if let Some(diagnosis) = &verdict.diagnosis {
        if let Some(reason) = &diagnosis.before {
            nodes.insert("*prefilter*", vec![format!("{:?}", reason.plugin()), CODES[1].into(), reason.to_string()]);
        }
        answer["event"] = diagnosis.message().into();
    }
    if let Some(node) = &verdict.nominated {
        let victims: Vec<String> = verdict.victims.iter().map(|key| format!("{}/{}", key.namespace, key.name)).collect();
        answer["nominated"] = json!(node);
        answer["victims"] = json!(victims);
    }
    let scores: BTreeMap<&str, i64> =
        verdict.nodes.iter().filter_map(|(name, node)| Some((name.as_str(), node.as_ref().ok()?.total()))).collect();
    if !scores.is_empty() {
        answer["scores"] = json!(scores);
    }
    answer["nodes"] = json!(nodes);
    answer
}

const CODES: [&str; 2] = ["Unschedulable", "UnschedulableAndUnresolvable"];

fn line_of(node: &Result<Scores, Refusal>) -> Vec<String> {
    match node {
        Ok(_) => vec!["ok".into()],
        Err(refusal) if refusal.reasons == [Reason::NotAmongNamed] => vec!["PreFilterResult".into(), "excluded".into()],
        Err(refusal) => {
            let reasons = refusal.reasons.iter().map(ToString::to_string);
            let code = CODES[usize::from(!refusal.resolvable)];
            [format!("{:?}", refusal.plugin()), code.into()].into_iter().chain(reasons).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(lines: &[String]) -> (bool, Vec<Value>) {
        let mut out = Vec::new();
        let all_read = answer_all(
            &Place { filename: "-".into(), scheduler_config: None, choice: false },
            &Arc::default(),
            lines.concat().as_bytes(),
            &mut out,
        )
        .unwrap();
        (
            all_read,
            out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect(),
        )
    }

    fn world(cpu: &str) -> String {
        let node = json!({"metadata": {"name": "n0"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "9"}}});
        let container = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}});
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [container]}});
        format!("{}\n", json!({"nodes": [node], "pods": [], "pod": pod}))
    }

    #[test]
    fn a_bad_line_is_answered_in_its_place_and_the_others_are_too() {
        let (all_read, answers) = answers(&[world("1"), "{\n".into(), world("3"), world("many")]);
        assert!(!all_read);
        assert_eq!(answers.len(), 4);
        assert_eq!(answers[0]["nodes"]["n0"], json!(["ok"]));
        assert!(answers[0]["scores"]["n0"].is_number() && answers[0].get("event").is_none());
        assert!(answers[1]["error"].as_str().unwrap().starts_with("not a JSON object on a line"));
        assert_eq!(answers[2]["nodes"]["n0"], json!(["NodeResourcesFit", "UnschedulableAndUnresolvable", "Insufficient cpu"]));
        assert!(answers[2]["event"].as_str().unwrap().starts_with("0/1 nodes are available: 1 Insufficient cpu."));
        assert!(answers[3]["error"].as_str().unwrap().starts_with("Pod default/p: "));
    }

    #[test]
    fn a_line_without_a_pod_or_with_a_member_that_is_no_list_says_so() {
        let (_, answers) = answers(&["{\"nodes\":[]}\n".into(), "{\"nodes\":7,\"pod\":{}}".into()]);
        assert_eq!(answers, [json!({"error": "pod is missing"}), json!({"error": "nodes is not a list"})]);
    }

    #[test]
    fn priorities_come_from_the_class_as_on_admission() {
        let classes = [
            json!({"metadata": {"name": "low"}, "value": -5, "preemptionPolicy": "Never"}),
            json!({"metadata": {"name": "usual"}, "value": 7, "globalDefault": true}),
        ];
        let spec = |mut pod: Value| {
            resolve_priority(&mut pod, &classes);
            pod["spec"].take()
        };
        assert_eq!(spec(json!({"spec": {}}))["priority"], 7);
        assert_eq!(spec(json!({"spec": {"priority": 1}}))["priority"], 1);
        let low = spec(json!({"spec": {"priorityClassName": "low"}}));
        assert_eq!((&low["priority"], &low["preemptionPolicy"]), (&json!(-5), &json!("Never")));
        assert_eq!(spec(json!({"spec": {"priorityClassName": "system-node-critical"}}))["priority"], 2_000_001_000);
    }
}
