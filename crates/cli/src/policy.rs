//! `nodelane policy show|set|clear`: what the subscription allows (RequestDisallowedByPolicy otherwise).
//!
//! The file is YAML or JSON; unknown keys are refused here, so that a typo does not allow everything.

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
const LISTS: [&str; 3] = ["allowedSizes", "allowedRegions", "requiredTags"];

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

/// The whole document's properties; what is not said allows everything.
fn properties(text: &str) -> Result<Json, Failure> {
    let wrong = |reason: String| Failure::refused(format!("the policy is not usable: {reason}"));
    let given: Json = serde_yaml_ng::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let given = if given.is_null() { json!({}) } else { given };
    let Some(fields) = given.as_object() else {
        return Err(wrong(format!("it must have keys: {}, namePattern", LISTS.join(", "))));
    };
    let mut properties = json!({"allowedSizes": [], "allowedRegions": [], "requiredTags": [], "namePattern": ""});
    for (name, value) in fields {
        let is_list = value.as_array().is_some_and(|list| list.iter().all(Json::is_string));
        match name.as_str() {
            name if LISTS.contains(&name) && is_list => properties[name] = value.clone(),
            "namePattern" if value.is_string() => properties[name] = value.clone(),
            name if LISTS.contains(&name) => return Err(wrong(format!("{name} must be a list of text"))),
            "namePattern" => return Err(wrong("namePattern must be text".to_owned())),
            _ => return Err(wrong(format!("{name} is not one of {}, namePattern", LISTS.join(", ")))),
        }
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_give_the_whole_document() {
        let expected = json!({"allowedSizes": ["Standard_D2s_v5"], "allowedRegions": [], "requiredTags": [], "namePattern": ""});
        assert_eq!(properties("allowedSizes: [Standard_D2s_v5]").unwrap(), expected);
        assert_eq!(properties(r#"{"allowedSizes":["Standard_D2s_v5"]}"#).unwrap(), expected);
    }

    #[test]
    fn a_misspelt_key_or_a_wrong_type_is_refused_instead_of_allowing_everything() {
        assert!(properties("allowedSize: [x]").unwrap_err().message.contains("allowedSize is not one of"));
        assert!(properties("allowedSizes: x").unwrap_err().message.contains("must be a list"));
        assert!(properties("- x").unwrap_err().message.contains("must have keys"));
    }
}
