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
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use nodelane_model::{Doc, Kind};
use nodelane_place::{Config, Reason, Refusal, Scores, Verdict, explain_with};
use nodelane_sources::{Objects, kubernetes_version, scheduler_config};
use nodelane_workload::resolve_priority;
use serde_json::{Value, json};

use crate::scheduler::Scheduler;

/// Options of `place`.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Worlds, one JSON object a line: nodes, pods, pod, and optionally pdbs, pvs, pvcs, storageClasses, csiNodes, namespaces,
    /// priorityClasses, services, replicaSets; `-` is standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filename: PathBuf,
    /// For lines that bring no `config` of their own
    #[command(flatten)]
    scheduler: Scheduler,
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
    let config = place.scheduler.config()?;
    let input: Box<dyn Read> = match place.filename.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(&place.filename).with_context(|| place.filename.display().to_string())?),
    };
    let all_read = answer_all(place, &config, BufReader::new(input), BufWriter::new(io::stdout().lock()))?;
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn answer(place: &Place, config: &Arc<Config>, bytes: &[u8]) -> Result<Value> {
    let mut line: Value = serde_json::from_slice(bytes).context("not a JSON object on a line")?;
    let mut take = |member: &str| match line.get_mut(member).map(Value::take) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(objects)) => Ok(objects),
        Some(_) => Err(anyhow::anyhow!("{member} is not a list")),
    };
    let mut lists = Vec::new();
    for (member, kind) in MEMBERS {
        lists.push((kind, take(member)?));
    }
    let pod = line.get_mut("pod").map(Value::take).filter(Value::is_object).context("pod is missing")?;
    let mut classes = Objects::default();
    for class in &lists[1].1 {
        classes.add_as(Kind::PriorityClass, class.clone())?;
    }
    let classes = classes.into_world();
    // What the API server does on admission.
    let admit = |doc: &mut Doc| {
        if let Some(pod) = doc.as_pod_mut() {
            resolve_priority(&classes, Arc::make_mut(&mut pod.spec));
        }
    };
    let mut objects = Objects::default();
    for (kind, list) in lists {
        for object in list {
            objects.add_admitted(kind, object, admit)?;
        }
    }
    let pod = Objects::default().add_admitted(Kind::Pod, pod, admit)?;
    let own = line.get_mut("config").map(Value::take).filter(|own| !own.is_null());
    let own = own.map(|own| scheduler_config(&own.to_string())).transpose().context("config")?.map(Arc::new);
    let world = objects.into_world();
    let config = place.scheduler.released(own.as_ref().unwrap_or(config), kubernetes_version(&world).as_deref());
    let verdict = explain_with(&world, &pod, &config);
    let mut answer = shown(&verdict);
    if let Some(chosen) = verdict.chosen.filter(|_| place.choice) {
        answer["chosen"] = chosen.as_str().into();
    }
    Ok(answer)
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
            &Place { filename: "-".into(), scheduler: Scheduler::default(), choice: false },
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

    /// Makes room by pushing a pod of priority 5 out where the asking pod is more urgent.
    #[test]
    fn priorities_come_from_the_class_as_on_admission() {
        let classes =
            json!([{"metadata": {"name": "low"}, "value": -5}, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": true}]);
        for (more, pushes) in [
            (json!({}), true),
            (json!({"priority": 1}), false),
            (json!({"priorityClassName": "low"}), false),
            (json!({"priorityClassName": "system-node-critical"}), true),
        ] {
            let mut line: Value = serde_json::from_str(&world("1500m")).unwrap();
            let mut other = line["pod"].clone();
            other["metadata"]["name"] = json!("other");
            other["spec"].as_object_mut().unwrap().extend([("nodeName".into(), json!("n0")), ("priority".into(), json!(5))]);
            line["pods"] = json!([other]);
            line["priorityClasses"] = classes.clone();
            line["pod"]["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (_, answers) = answers(&[format!("{line}\n")]);
            assert_eq!(answers[0].get("nominated").is_some(), pushes, "{more}: {}", answers[0]);
        }
    }
}
