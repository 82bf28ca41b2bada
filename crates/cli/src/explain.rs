//! `nodelane explain pod NS/NAME`, `nodelane explain pods --pending`: why a pod waits, and the smallest changes that let it run.
//! `nodelane explain node NAME|--pool POOL|--all`: why the autoscaler does not remove nodes; `nodelane explain pool NAME`: why it adds none.
//!
//! Exit code 0 with an answer, whatever it says; 3 where there is no such pod or node, or no server. JSON is one object for one pod, a list for
//! all that wait. In the text pods that get the same answer are told once.

use clap::ValueEnum;
use nodelane_engine::Env;
use nodelane_review::{Explanation, Unknown, explain, explain_pending, node_standings, pool_standing, standings_table};

use crate::az::Failure;
use crate::environment::Environment;
use crate::source::Source;

/// What can be explained.
#[derive(Debug, clap::Subcommand)]
pub enum ExplainVerb {
    /// Why a pod waits and what would let it run, or why it is where it is.
    Pod(PodArguments),
    /// The same for every pod that waits.
    Pods(PodsArguments),
    /// Why the autoscaler does not remove a node, the nodes of a pool, or any.
    Node(NodeArguments),
    /// Why the autoscaler does not give a pool more machines.
    Pool(PoolArguments),
}

/// Flags of one pool.
#[derive(Debug, clap::Args)]
pub struct PoolArguments {
    /// Its name.
    #[arg(value_name = "POOL")]
    pool: String,
    #[command(flatten)]
    source: Source,
    /// Format of the answer.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "text")]
    format: AnswerFormat,
}

/// Flags of nodes.
#[derive(Debug, clap::Args)]
#[group(id = "which", required = true)]
pub struct NodeArguments {
    /// Its name.
    #[arg(value_name = "NODE", group = "which")]
    node: Option<String>,
    /// The nodes of this pool.
    #[arg(long, value_name = "POOL", group = "which")]
    pool: Option<String>,
    /// All nodes.
    #[arg(long, group = "which")]
    all: bool,
    #[command(flatten)]
    source: Source,
    /// Format of the answer; text is a table where more than one node is asked about.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "text")]
    format: AnswerFormat,
}

/// Flags of one pod.
#[derive(Debug, clap::Args)]
pub struct PodArguments {
    /// NAMESPACE/NAME, or a name in the namespace default.
    #[arg(value_name = "NAMESPACE/NAME")]
    pod: String,
    #[command(flatten)]
    source: Source,
    /// Format of the answer.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "text")]
    format: AnswerFormat,
}

/// Flags of many pods.
#[derive(Debug, clap::Args)]
pub struct PodsArguments {
    /// Those that have no node.
    #[arg(long, required = true)]
    pending: bool,
    #[command(flatten)]
    source: Source,
    /// Format of the answers.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "text")]
    format: AnswerFormat,
}

/// `-o`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AnswerFormat {
    Json,
    Text,
}

/// Runs the verb.
pub async fn run(verb: ExplainVerb, environment: &Environment) -> Result<(), Failure> {
    match verb {
        ExplainVerb::Pod(arguments) => {
            let (namespace, name) = arguments.pod.split_once('/').unwrap_or(("default", &arguments.pod));
            let (snapshot, means) = arguments.source.read(environment).await?;
            let answer = explain(&snapshot, &means, namespace, name).map_err(|unknown| not_found(&unknown))?;
            match arguments.format {
                AnswerFormat::Json => println!("{}", json(&answer)),
                AnswerFormat::Text => print!("{answer}"),
            }
        }
        ExplainVerb::Pods(arguments) => {
            let (snapshot, means) = arguments.source.read(environment).await?;
            let answers = explain_pending(&snapshot, &means);
            match arguments.format {
                AnswerFormat::Json => println!("{}", json(&answers)),
                AnswerFormat::Text => print!("{}", text(&answers)),
            }
        }
        ExplainVerb::Pool(arguments) => {
            let (snapshot, means) = arguments.source.read(environment).await?;
            let missing = || Failure::not_found(format!("there is no node pool {}", arguments.pool));
            let answer = pool_standing(&snapshot, &means, &arguments.pool).ok_or_else(missing)?;
            match arguments.format {
                AnswerFormat::Json => println!("{}", json(&answer)),
                AnswerFormat::Text => print!("{answer}"),
            }
        }
        ExplainVerb::Node(arguments) => {
            let (snapshot, _) = arguments.source.read(environment).await?;
            let answers = node_standings(&snapshot, &Env::default(), arguments.pool.as_deref(), arguments.node.as_deref());
            let missing =
                |node| Failure::not_found(format!("there is no node {node}: `nodelane explain node --all` names those that there are"));
            match (&arguments.node, arguments.format) {
                (Some(node), format) => {
                    let answer = answers.first().ok_or_else(|| missing(node))?;
                    match format {
                        AnswerFormat::Json => println!("{}", json(answer)),
                        AnswerFormat::Text => print!("{answer}"),
                    }
                }
                (None, AnswerFormat::Json) => println!("{}", json(&answers)),
                (None, AnswerFormat::Text) => print!("{}", standings_table(&answers)),
            }
        }
    }
    Ok(())
}

fn json(answer: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(answer).unwrap_or_default()
}

fn not_found(unknown: &Unknown) -> Failure {
    let hint = match &unknown.similar[..] {
        [] => "`kubectl get pods -A` shows those that there are".to_owned(),
        similar => format!("there is {}", similar.join(", ")),
    };
    Failure::not_found(format!("there is no pod {}: {hint}", unknown.pod))
}

/// The answers, those that are the same but for the pod told once.
fn text(answers: &[Explanation]) -> String {
    let mut groups: Vec<(Explanation, Vec<&str>)> = Vec::new();
    for answer in answers {
        let alike = |other: &Explanation| Explanation { pod: String::new(), ..other.clone() };
        match groups.iter_mut().find(|(first, _)| alike(first) == alike(answer)) {
            Some((_, others)) => others.push(&answer.pod),
            None => groups.push((answer.clone(), Vec::new())),
        }
    }
    if groups.is_empty() {
        return "No pod waits for a node.\n".to_owned();
    }
    let one = |(answer, others): &(Explanation, Vec<&str>)| match &others[..] {
        [] => answer.to_string(),
        [other] => format!("{answer}The same holds for {other}.\n"),
        [other, rest @ ..] => format!("{answer}The same holds for {other} and {} more.\n", rest.len()),
    };
    groups.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pod: &str, event: &str) -> Explanation {
        let event = Some(event.to_owned());
        Explanation { pod: pod.to_owned(), bound: false, event, pools: Vec::new(), fixes: Vec::new(), landed: None }
    }

    #[test]
    fn pods_with_the_same_answer_are_told_once() {
        let told = text(&[answer("x/a", "no"), answer("x/b", "other"), answer("x/c", "no"), answer("x/d", "no")]);
        assert_eq!(told.matches(" waits: ").count(), 2);
        assert!(told.contains("The same holds for x/c and 1 more.\n"), "{told}");
        assert_eq!(text(&[]), "No pod waits for a node.\n");
    }

    #[test]
    fn a_missing_pod_is_an_error_of_its_own_with_what_is_similar() {
        let failure = not_found(&Unknown { pod: "x/a".into(), similar: vec!["y/a".into()] });
        assert_eq!((failure.exit_code, failure.message.as_str()), (3, "there is no pod x/a: there is y/a"));
    }
}
