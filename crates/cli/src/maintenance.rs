//! `nodelane maintenance runs`: when a cluster's channels may work next, what they did last, and why not more.
//!
//! Configurations themselves are az's: `az aks maintenanceconfiguration`.

use crate::az::output::{Columns, Format};
use crate::az::{Failure, Object, Value};
use crate::connection::{Arm, Connection, encoded};
use crate::environment::Environment;
use crate::nodepool::{Printing, print};

/// The verbs.
#[derive(Debug, clap::Subcommand)]
pub enum MaintenanceVerb {
    /// The next ten windows of a configuration, and what was done in the last.
    Runs(Runs),
}

/// Flags of runs.
#[derive(Debug, clap::Args)]
pub struct Runs {
    /// Name of resource group.
    #[arg(short = 'g', long)]
    resource_group: String,
    /// The cluster name.
    #[arg(long)]
    cluster_name: String,
    /// default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule; without one of its own, the windows that are in force.
    #[arg(short = 'n', long)]
    name: String,
    /// Output format.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "table")]
    format: Format,
    /// Name or ID of subscription.
    #[arg(long)]
    subscription: Option<String>,
}

/// Runs a verb.
pub async fn run(verb: MaintenanceVerb, environment: &Environment) -> Result<(), Failure> {
    let MaintenanceVerb::Runs(runs) = verb;
    let connection = Connection::find(environment)?;
    let mut arm = Arm::open(&connection, runs.subscription.as_deref()).await?;
    let path = arm.path(&format!(
        "/resourceGroups/{}/providers/Microsoft.ContainerService/managedClusters/{}/maintenanceConfigurations/{}/runs",
        encoded(&runs.resource_group),
        encoded(&runs.cluster_name),
        encoded(&runs.name)
    ));
    let answer: Value = arm.get(&path).await?.read()?;
    match runs.format {
        Format::Table => print(&rows(&answer), Columns::AsQueried, &Printing::of(runs.format)),
        format => print(&answer, Columns::AsQueried, &Printing::of(format)),
    }
}

/// A row a window: those that are over first.
fn rows(answer: &Value) -> Value {
    let text = |value: &Value, field: &str| value.field(field).as_text().unwrap_or_default().to_owned();
    let row = |start: String, end: String, what: String| {
        let mut row = Object { selected: true, ..Object::default() };
        for (name, value) in [("start", start), ("end", end), ("what", what)] {
            row.set(name, Value::Text(value));
        }
        Value::Object(row)
    };
    let began = |run: &Value| run.field("began").elements().iter().filter_map(|what| what.as_text()).map(str::to_owned).collect::<Vec<_>>();
    let done = answer.field("history").elements().iter().map(|run| {
        let mut said = began(run);
        said.extend([text(run, "waits"), text(run, "over")].into_iter().filter(|said| !said.is_empty()));
        row(text(run, "window"), String::new(), said.join(", "))
    });
    let next = answer.field("next").elements().iter().map(|next| row(text(next, "start"), text(next, "end"), text(next, "skipped")));
    Value::List(done.chain(next).collect())
}
