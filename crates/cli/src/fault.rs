//! `nodelane fault set|list|clear`: faults are documents of a cluster's Kubernetes API (`kubectl get faults` works).
//!
//! A fault without `--for` lasts until it is cleared. Names are `<kind>-<n>`, the lowest that is free.

use std::time::Duration;

use ::http::{Method, StatusCode};
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};
use nodelane_model::FaultKind;
use nodelane_server::clock;
use serde_json::{Map, Value as Json, json};

use crate::az::output::{Columns, Format};
use crate::az::{Failure, Object, Value};
use crate::connection::{Answer, ClusterConnection, Http, encoded};
use crate::environment::Environment;
use crate::nodepool::{Printing, print};

const FAULTS: &str = "/apis/nodelane.dev/v1/faults";

/// The verbs.
#[derive(Debug, clap::Subcommand)]
pub enum FaultVerb {
    /// Let a fault begin.
    Set(Box<SetArguments>),
    /// Show the faults.
    List(Target),
    /// End a fault, or all.
    Clear(ClearArguments),
}

/// Which cluster, and how to print.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// The cluster [default: the first].
    #[arg(long)]
    cluster: Option<String>,
    /// Output format.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "table")]
    format: Format,
}

/// Flags of set.
#[derive(Debug, clap::Args)]
pub struct SetArguments {
    /// What breaks.
    #[arg(value_parser = PossibleValuesParser::new(kinds()))]
    kind: String,
    /// Only in this node pool.
    #[arg(long)]
    pool: Option<String>,
    /// Only in this availability zone.
    #[arg(long)]
    zone: Option<String>,
    /// Only this node.
    #[arg(long)]
    node: Option<String>,
    /// Percentage of the cases that fail.
    #[arg(long, value_name = "PCT", value_parser = percentage)]
    rate: Option<u32>,
    /// How often it happens before it is over; with not-ready and zone-out, to how many nodes.
    #[arg(long)]
    count: Option<u32>,
    /// With not-ready: the step of auto-repair that heals it [default: none].
    #[arg(long, value_enum, value_name = "STEP")]
    heals_by: Option<Step>,
    /// With scheduled-event: what the platform is about to do.
    #[arg(long, value_enum, ignore_case = true, visible_alias = "kind", required_if_eq("kind", "scheduled-event"))]
    event: Option<Event>,
    /// With spot-evict and scheduled-event: how long before that is said [default: as Azure].
    #[arg(long, value_parser = duration)]
    notice: Option<Duration>,
    /// How long it lasts: 90s, 10m, 2h.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    lasting: Option<Duration>,
    /// Its name [default: the kind and a number].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Flags of clear.
#[derive(Debug, clap::Args)]
pub struct ClearArguments {
    /// The fault's name.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// All faults of the cluster.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    target: Target,
}

/// A step of auto-repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    Reboot,
    Reimage,
    Redeploy,
    None,
}

/// A scheduled event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Event {
    #[value(name = "Freeze")]
    Freeze,
    #[value(name = "Reboot")]
    Reboot,
    #[value(name = "Redeploy")]
    Redeploy,
    #[value(name = "Terminate")]
    Terminate,
}

/// What can break, as documents spell it.
fn kinds() -> [PossibleValue; FaultKind::ALL.len()] {
    FaultKind::ALL.map(|(word, kind)| PossibleValue::new(word).help(kind.meaning()))
}

/// Runs a verb.
pub async fn run(verb: FaultVerb, environment: &Environment) -> Result<(), Failure> {
    let target = match &verb {
        FaultVerb::Set(arguments) => &arguments.target,
        FaultVerb::List(target) | FaultVerb::Clear(ClearArguments { target, .. }) => target,
    };
    let cluster = ClusterConnection::find(environment, target.cluster.as_deref())?;
    let mut http = Http::new(&cluster.authority, &cluster.roots)?;
    http.authorize(&cluster.token)?;
    match &verb {
        FaultVerb::List(target) => {
            let rows = list(&mut http).await?.iter().map(row).collect();
            print(&Value::List(rows), Columns::AsQueried, &Printing::of(target.format))
        }
        FaultVerb::Set(arguments) => {
            let taken = if arguments.name.is_some() { Vec::new() } else { list(&mut http).await? };
            let body = arguments.named_document(&taken, clock::unix_seconds()).to_string();
            let answer = http.send(&Method::POST, FAULTS, &[], Some(body.as_bytes())).await?;
            let fault: Json = accepted(answer)?.read()?;
            print(&Value::List(vec![row(&fault)]), Columns::AsQueried, &Printing::of(target.format))
        }
        FaultVerb::Clear(ClearArguments { name, .. }) => {
            let names = match name {
                Some(name) => vec![name.clone()],
                None => list(&mut http).await?.iter().map(name_of).collect(),
            };
            for name in names {
                let path = format!("{FAULTS}/{}", encoded(&name));
                accepted(http.send(&Method::DELETE, &path, &[], None).await?)?;
            }
            Ok(())
        }
    }
}

fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl SetArguments {
    /// The fault as a document, under its name or the first that is free among `taken`.
    pub fn named_document(&self, taken: &[Json], now_seconds: u64) -> Json {
        let name = self.name.clone().unwrap_or_else(|| free_name(&self.kind, taken));
        self.document(&name, now_seconds)
    }

    fn document(&self, name: &str, now_seconds: u64) -> Json {
        let until = self.lasting.and_then(|lasting| {
            let until = i64::try_from(now_seconds.saturating_add(lasting.as_secs())).ok()?;
            Some(jiff::Timestamp::from_second(until).ok()?.to_string())
        });
        let spec = [
            ("kind", Some(json!(self.kind))),
            ("pool", self.pool.as_ref().map(|pool| json!(pool))),
            ("zone", self.zone.as_ref().map(|zone| json!(zone))),
            ("node", self.node.as_ref().map(|node| json!(node))),
            ("rate", self.rate.map(|rate| json!(rate))),
            ("count", self.count.map(|count| json!(count))),
            ("healsBy", self.heals_by.map(|step| json!(word(step)))),
            ("event", self.event.map(|event| json!(word(event)))),
            ("noticeSeconds", self.notice.map(|notice| json!(notice.as_secs()))),
            ("until", until.map(|until| json!(until))),
        ];
        let spec: Map<String, Json> = spec.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect();
        json!({"apiVersion": "nodelane.dev/v1", "kind": "Fault", "metadata": {"name": name}, "spec": spec})
    }
}

async fn list(http: &mut Http) -> Result<Vec<Json>, Failure> {
    let list: Json = accepted(http.send(&Method::GET, FAULTS, &[], None).await?)?.read()?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// The answer, or the message of Kubernetes' Status in it.
fn accepted(answer: Answer) -> Result<Answer, Failure> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let status: Json = answer.read().unwrap_or_default();
    let message = status["message"].as_str().unwrap_or("the cluster refused").to_owned();
    Err(match answer.status {
        StatusCode::NOT_FOUND => Failure::not_found(message),
        _ => Failure::refused(message),
    })
}

fn name_of(fault: &Json) -> String {
    fault["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn free_name(kind: &str, faults: &[Json]) -> String {
    let is_free = |name: &String| !faults.iter().any(|fault| name_of(fault) == *name);
    (1..).map(|number| format!("{kind}-{number}")).find(is_free).unwrap_or_default()
}

fn row(fault: &Json) -> Value {
    let mut row = Object { selected: true, ..Object::default() };
    row.set("name", Value::text(name_of(fault)));
    for field in ["kind", "pool", "zone", "node", "rate", "count", "healsBy", "event", "until"] {
        let value = serde_json::from_value(fault["spec"][field].clone()).unwrap_or(Value::Null);
        row.set(field, value);
    }
    Value::Object(row)
}

fn percentage(text: &str) -> Result<u32, String> {
    let number = text.trim_end_matches('%').parse::<u32>().ok().filter(|number| (1..=100).contains(number));
    number.ok_or_else(|| "a percentage is 1 to 100".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, seconds) = match text.chars().last() {
        Some('s') => (&text[..text.len() - 1], 1),
        Some('m') => (&text[..text.len() - 1], 60),
        Some('h') => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    let number = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)).filter(|number| *number > 0);
    number.map(Duration::from_secs).ok_or_else(|| "a duration is like 90s, 10m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_only_what_was_given_and_ends_at_a_point_in_time() {
        let target = Target { cluster: None, format: Format::Json };
        let arguments = SetArguments {
            kind: "spot-evict".to_owned(),
            pool: Some("spot".to_owned()),
            zone: None,
            node: None,
            rate: percentage("50%").ok(),
            count: None,
            heals_by: None,
            event: None,
            notice: None,
            lasting: duration("10m").ok(),
            name: None,
            target,
        };
        let expected = json!({"apiVersion": "nodelane.dev/v1", "kind": "Fault", "metadata": {"name": "f"},
            "spec": {"kind": "spot-evict", "pool": "spot", "rate": 50, "until": "2026-01-01T00:10:00Z"}});
        assert_eq!(arguments.document("f", 1_767_225_600), expected);
    }

    #[test]
    fn the_lowest_free_number_names_a_fault() {
        let faults = [json!({"metadata": {"name": "zone-out-1"}}), json!({"metadata": {"name": "zone-out-3"}})];
        assert_eq!(free_name("zone-out", &faults), "zone-out-2");
    }

    #[test]
    fn durations_and_percentages_outside_of_their_range_are_refused() {
        for text in ["", "0", "m", "-1m", "1d", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(percentage("0").is_err() && percentage("101").is_err());
    }
}
