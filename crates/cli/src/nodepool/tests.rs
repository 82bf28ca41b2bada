//! Bodies and refusals of az 2.91 for the same flags, captured from it (`golden/`): what is sent, and what is said
//! without sending.
//!
//! Expected texts were captured from az 2.91.0; none is our own output.
//! Not here: what needs a server.

use clap::Parser;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{PoolVerb, settings};
use crate::az::Failure;

#[derive(Parser)]
#[command(infer_long_args = true, args_override_self = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: PoolVerb,
}

#[derive(Deserialize)]
struct Capture {
    #[serde(default = "add")]
    verb: String,
    arguments: Vec<String>,
    #[serde(default)]
    pool: Option<Json>,
    #[serde(default)]
    properties: Json,
    #[serde(default)]
    error: String,
}

fn add() -> String {
    "add".to_owned()
}

fn parse(capture: &Capture) -> PoolVerb {
    let cluster = ["nodelane", &capture.verb, "-g", "lanes", "--cluster-name", "dev"];
    let arguments = cluster.into_iter().chain(capture.arguments.iter().map(String::as_str));
    CommandLine::try_parse_from(arguments).unwrap_or_else(|error| panic!("{:?}: {error}", capture.arguments)).verb
}

/// The pool as the server has it: the captured one, or the one of the fixture that is named.
fn current(capture: &Capture) -> Json {
    if let Some(properties) = &capture.pool {
        return serde_json::json!({ "properties": properties });
    }
    let answers: Json = serde_json::from_str(include_str!("../../golden/answers.json")).unwrap();
    let at = capture.arguments.iter().position(|argument| argument == "-n").unwrap();
    let pools = answers["poolsToUpdate"].as_array().unwrap();
    pools.iter().find(|pool| pool["name"] == capture.arguments[at + 1]).cloned().unwrap_or_default()
}

/// The properties that would be sent, or the words instead.
fn sent(capture: &Capture) -> Result<Json, Failure> {
    match parse(capture) {
        PoolVerb::Add(arguments) => {
            super::check::pool_name(capture.arguments[1].as_str())?;
            arguments.check()?;
            arguments.properties(&Json::Null)
        }
        PoolVerb::Update(arguments) => {
            arguments.check()?;
            let mut properties = settings::writable(current(capture));
            match arguments.change(&mut properties)? {
                None => Ok(properties),
                Some(reason) => Err(Failure::refused(reason)),
            }
        }
        PoolVerb::Upgrade(arguments) => {
            arguments.check()?;
            let at = capture.arguments.iter().position(|argument| argument == "-k");
            let version = at.map_or("", |at| capture.arguments[at + 1].as_str());
            Ok(arguments.properties(current(capture), version))
        }
        other => panic!("{other:?}"),
    }
}

/// Python sends -1 where we send -1.0.
fn with_floats(mut properties: Json) -> Json {
    if let Some(price) = properties["spotMaxPrice"].as_f64() {
        properties["spotMaxPrice"] = price.into();
    }
    if let Some(fields) = properties.as_object_mut() {
        fields.retain(|name, value| name != "spotMaxPrice" || !value.is_null());
    }
    properties
}

fn captures(text: &str) -> Vec<Capture> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn add_sends_the_body_that_az_sends() {
    for capture in captures(include_str!("../../golden/add.json")) {
        let sent = sent(&capture).unwrap();
        assert_eq!(with_floats(sent), with_floats(capture.properties), "{:?}", capture.arguments);
    }
}

#[test]
fn update_and_upgrade_send_the_body_that_az_sends() {
    for capture in captures(include_str!("../../golden/change.json")) {
        let sent = sent(&capture).unwrap();
        let what = format!("{} {:?}", capture.verb, capture.arguments);
        assert_eq!(with_floats(sent), with_floats(capture.properties), "{what}");
    }
}

#[test]
fn what_az_refuses_by_itself_is_refused_with_its_words() {
    for capture in captures(include_str!("../../golden/refusals.json")) {
        // az says this one when it reads its headers
        if capture.arguments.iter().any(|argument| argument == "--aks-custom-headers") {
            continue;
        }
        let failure = sent(&capture).unwrap_err();
        assert_eq!(failure.message, capture.error, "{} {:?}", capture.verb, capture.arguments);
    }
}

#[test]
fn a_repeated_flag_means_its_last_value_and_flags_may_be_shortened() {
    let arguments = ["-n", "np1", "--labels", "a=b", "--lab", "c=d", "e=f", "--node-vm", "Standard_D8s_v5", "--mode", "SYSTEM"];
    let capture =
        Capture { verb: add(), arguments: arguments.map(str::to_owned).to_vec(), pool: None, properties: Json::Null, error: String::new() };
    let sent = sent(&capture).unwrap();
    assert_eq!(sent["nodeLabels"], serde_json::json!({"c": "d", "e": "f"}));
    assert_eq!((&sent["vmSize"], &sent["mode"]), (&"Standard_D8s_v5".into(), &"System".into()));
}
