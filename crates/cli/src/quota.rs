//! `nodelane quota list|set`: vCPU limits of the subscription, a family or the region.
//!
//! One document: GET, change, PUT. Usage is the server's and never sent back.

use ::http::Method;
use serde_json::{Value as Json, json};

use crate::az::output::{Columns, Format};
use crate::az::{Failure, Object, Value};
use crate::connection::{Arm, Connection};
use crate::environment::Environment;
use crate::nodepool::{Printing, print};

/// The document of all limits.
pub const DOCUMENT: &str = "/providers/Microsoft.Nodelane/quotas/default";

/// The verbs.
#[derive(Debug, clap::Subcommand)]
pub enum QuotaVerb {
    /// Limits and what is used of them.
    List(Listing),
    /// Set a limit; what exceeds it already stays.
    Set(Limit),
}

/// Flags of list.
#[derive(Debug, clap::Args)]
pub struct Listing {
    /// Output format.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "table")]
    format: Format,
    /// Name or ID of subscription.
    #[arg(long)]
    subscription: Option<String>,
}

/// Flags of set.
#[derive(Debug, clap::Args)]
pub struct Limit {
    #[command(flatten)]
    of: Of,
    /// vCPUs.
    #[arg(long, value_name = "VCPUS")]
    limit: u64,
    #[command(flatten)]
    listing: Listing,
}

/// What is limited.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// A family of sizes, such as standardDSv5Family.
    #[arg(long)]
    family: Option<String>,
    /// Every family that has no limit of its own.
    #[arg(long)]
    any_family: bool,
    /// All families of the region together.
    #[arg(long)]
    region: bool,
}

/// Runs a verb.
pub async fn run(verb: QuotaVerb, environment: &Environment) -> Result<(), Failure> {
    let listing = match &verb {
        QuotaVerb::List(listing) | QuotaVerb::Set(Limit { listing, .. }) => listing,
    };
    let connection = Connection::find(environment)?;
    let mut arm = Arm::open(&connection, listing.subscription.as_deref()).await?;
    let path = arm.path(DOCUMENT);
    let mut document: Json = arm.get(&path).await?.read()?;
    if let QuotaVerb::Set(limit) = &verb {
        let body = changed(&document["properties"], &limit.of, limit.limit);
        arm.send(&Method::PUT, &path, &[], Some(&body)).await?.accepted()?;
        document = arm.get(&path).await?.read()?;
    }
    print(&rows(&document["properties"]), Columns::AsQueried, &Printing::of(listing.format))
}

fn changed(properties: &Json, of: &Of, limit: u64) -> Json {
    let mut properties = properties.clone();
    if let Some(fields) = properties.as_object_mut() {
        fields.remove("usage");
    }
    match &of.family {
        Some(family) => {
            let families = properties["families"].as_object().cloned().unwrap_or_default();
            let known = families.keys().find(|known| known.eq_ignore_ascii_case(family)).cloned();
            properties["families"] = Json::Object(families);
            properties["families"][known.as_ref().unwrap_or(family)] = json!(limit);
        }
        None => properties[if of.region { "region" } else { "anyFamily" }] = json!(limit),
    }
    json!({ "properties": properties })
}

/// The region, every family with a limit or usage, and the limit of all others.
fn rows(properties: &Json) -> Value {
    let families = properties["families"].as_object().cloned().unwrap_or_default();
    let usage = properties["usage"].as_object().cloned().unwrap_or_default();
    let row = |name: &str, used: Option<u64>, limit: &Json| {
        let mut row = Object { selected: true, ..Object::default() };
        row.set("name", Value::text(name));
        row.set("used", used.map_or(Value::Null, |used| Value::Number(used.into())));
        row.set("limit", limit.as_u64().map_or(Value::Null, |limit| Value::Number(limit.into())));
        Value::Object(row)
    };
    let total = usage.values().filter_map(Json::as_u64).sum();
    let mut rows = vec![row("region", Some(total), &properties["region"])];
    let names: std::collections::BTreeSet<&String> = families.keys().chain(usage.keys()).collect();
    for name in names {
        let used = usage.get(name).and_then(Json::as_u64).unwrap_or(0);
        rows.push(row(name, Some(used), families.get(name).unwrap_or(&properties["anyFamily"])));
    }
    rows.push(row("any other family", None, &properties["anyFamily"]));
    Value::List(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_a_limit_changes_that_limit_and_sends_no_usage() {
        let now = json!({"anyFamily": 20, "region": 100, "families": {"standardDSv5Family": 8}, "usage": {"x": 1}});
        let of = |family: Option<&str>, region| Of { family: family.map(str::to_owned), any_family: false, region };
        let expected = json!({"properties": {"anyFamily": 20, "region": 100, "families": {"standardDSv5Family": 4}}});
        assert_eq!(changed(&now, &of(Some("STANDARDdsv5family"), false), 4), expected);
        assert_eq!(changed(&now, &of(None, true), 4)["properties"]["region"], 4);
        assert_eq!(changed(&now, &of(None, false), 4)["properties"]["anyFamily"], 4);
    }
}
