//! `nodelane policy show|set|clear`: what the subscription allows (RequestDisallowedByPolicy otherwise).
//!
//! The file is YAML or JSON; the server refuses unknown keys, so that a typo does not allow everything.

use std::io::Read;
use std::path::PathBuf;

use ::http::Method;
use serde_json::{Value as Json, json};

use crate::az::output::{Columns, Format};
use crate::az::{Failure, Value};
use crate::connection::{Arm, Connection};
use crate::environment::Environment;
use crate::nodepool::{Printing, print};

const DOCUMENT: &str = "/providers/Microsoft.Nodelane/policies/default";

/// The verbs.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyVerb {
    /// Show the policy.
    Show(Shown),
    /// Replace the policy by a file: allowedSizes, allowedRegions, requiredTags, namePattern.
    Set(SetArguments),
    /// Allow everything again.
    Clear(Shown),
}

/// Flags of show and clear.
#[derive(Debug, clap::Args)]
pub struct Shown {
    /// Output format.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "yaml")]
    format: Format,
    /// Name or ID of subscription.
    #[arg(long)]
    subscription: Option<String>,
}

/// Flags of set.
#[derive(Debug, clap::Args)]
pub struct SetArguments {
    /// YAML or JSON; `-` reads from standard input.
    #[arg(short = 'f', long)]
    file: PathBuf,
    #[command(flatten)]
    shown: Shown,
}

/// Runs a verb.
pub async fn run(verb: PolicyVerb, environment: &Environment) -> Result<(), Failure> {
    let (shown, new) = match &verb {
        PolicyVerb::Show(shown) => (shown, None),
        PolicyVerb::Clear(shown) => (shown, Some(properties("{}")?)),
        PolicyVerb::Set(SetArguments { file, shown }) => (shown, Some(properties(&read(file)?)?)),
    };
    let connection = Connection::find(environment)?;
    let mut arm = Arm::open(&connection, shown.subscription.as_deref()).await?;
    let path = arm.path(DOCUMENT);
    if let Some(properties) = new {
        let body = json!({ "properties": properties });
        arm.send(&Method::PUT, &path, &[], Some(&body)).await?.accepted()?;
    }
    let document: Value = arm.get(&path).await?.read()?;
    print(document.field("properties"), Columns::AsQueried, &Printing::of(shown.format))
}

fn read(file: &std::path::Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text).map(|_| text),
        _ => std::fs::read_to_string(file),
    };
    read.map_err(|error| Failure::refused(format!("cannot read the policy {}: {error}", file.display())))
}

/// What the file says, as JSON; the server reads it and names what it does not know.
fn properties(text: &str) -> Result<Json, Failure> {
    let given = serde_yaml_ng::from_str(text).map_err(|error| Failure::refused(format!("the policy is not usable: {error}")))?;
    match given {
        Json::Null => Ok(json!({})),
        Json::Object(_) => Ok(given),
        _ => Err(Failure::refused("the policy must have keys: allowedSizes, allowedRegions, requiredTags, namePattern")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_are_read_and_anything_but_keys_is_refused() {
        let expected = json!({"allowedSizes": ["Standard_D2s_v5"]});
        assert_eq!(properties("allowedSizes: [Standard_D2s_v5]").unwrap(), expected);
        assert_eq!(properties(r#"{"allowedSizes":["Standard_D2s_v5"]}"#).unwrap(), expected);
        assert!(properties("- x").unwrap_err().message.contains("must have keys"));
    }
}
