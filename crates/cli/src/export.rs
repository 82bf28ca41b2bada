//! `nodelane export nodepool`: the pools as rows with stable columns, for tickets, reviews and spreadsheets.
//!
//! Invariant: columns are only ever added, at the end. In csv and markdown, lists are separated by a space (zones) or
//! `; ` (labels, taints), and what is not set is empty; in JSON it is null.

use clap::ValueEnum;

use crate::az::{Failure, Object, Value};
use crate::connection::{Arm, Connection, encoded};
use crate::environment::Environment;

/// Column, and where it comes from.
const COLUMNS: [(&str, &str); 21] = [
    ("cluster", ""),
    ("resourceGroup", ""),
    ("name", ""),
    ("mode", "mode"),
    ("osType", "osType"),
    ("osSku", "osSKU"),
    ("vmSize", "vmSize"),
    ("count", "count"),
    ("minCount", "minCount"),
    ("maxCount", "maxCount"),
    ("autoscaling", "enableAutoScaling"),
    ("zones", "availabilityZones"),
    ("kubernetesVersion", "currentOrchestratorVersion"),
    ("nodeImageVersion", "nodeImageVersion"),
    ("priority", "scaleSetPriority"),
    ("powerState", ""),
    ("provisioningState", "provisioningState"),
    ("labels", "nodeLabels"),
    ("taints", "nodeTaints"),
    ("maxPods", "maxPods"),
    ("eTag", "eTag"),
];

/// What can be exported.
#[derive(Debug, clap::Subcommand)]
pub enum ExportVerb {
    /// The node pools of all clusters, or of the ones chosen.
    Nodepool(Arguments),
}

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only clusters of this resource group.
    #[arg(short = 'g', long)]
    resource_group: Option<String>,
    /// Only this cluster.
    #[arg(long)]
    cluster_name: Option<String>,
    /// Only these node pools.
    #[arg(short = 'n', long, num_args = 1..)]
    name: Vec<String>,
    /// Name or ID of subscription.
    #[arg(long)]
    subscription: Option<String>,
    /// Format of the rows.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "markdown")]
    format: ExportFormat,
}

/// `-o`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    Json,
    Csv,
    Markdown,
}

/// Runs the verb.
pub async fn run(verb: ExportVerb, environment: &Environment) -> Result<(), Failure> {
    let ExportVerb::Nodepool(arguments) = verb;
    let connection = Connection::find(environment)?;
    let mut arm = Arm::open(&connection, arguments.subscription.as_deref()).await?;
    let group = arguments.resource_group.as_deref().map(|group| format!("/resourceGroups/{}", encoded(group)));
    let clusters = arm.path(&format!("{}/providers/Microsoft.ContainerService/managedClusters", group.as_deref().unwrap_or_default()));
    let mut rows = Vec::new();
    for cluster in arm.list(&clusters).await? {
        let name = cluster.field("name").as_text().unwrap_or_default();
        let id = cluster.field("id").as_text().unwrap_or_default();
        if arguments.cluster_name.as_deref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(name)) {
            continue;
        }
        let group = id.split('/').nth(4).unwrap_or_default();
        let path = arm.path(&format!(
            "/resourceGroups/{}/providers/Microsoft.ContainerService/managedClusters/{}/agentPools",
            encoded(group),
            encoded(name)
        ));
        let pools = arm.list(&path).await?;
        rows.extend(pools.iter().map(|pool| row(name, group, pool)));
    }
    if let Some(wanted) = &arguments.cluster_name
        && rows.is_empty()
    {
        return Err(Failure::not_found(format!("there is no cluster {wanted} with node pools here")));
    }
    let is_wanted =
        |row: &Object| arguments.name.is_empty() || arguments.name.iter().any(|name| row.get("name") == Some(&Value::text(name.as_str())));
    rows.retain(is_wanted);
    print!("{}", text(&rows, arguments.format));
    Ok(())
}

fn row(cluster: &str, group: &str, pool: &Value) -> Object {
    let properties = pool.field("properties");
    let mut row = Object { selected: true, ..Object::default() };
    for (column, field) in COLUMNS {
        let value = match column {
            "cluster" => Value::text(cluster),
            "resourceGroup" => Value::text(group),
            "name" => pool.field("name").clone(),
            "powerState" => properties.field("powerState").field("code").clone(),
            "priority" if *properties.field(field) == Value::Null => Value::text("Regular"),
            _ => properties.field(field).clone(),
        };
        row.set(column, value);
    }
    row
}

fn text(rows: &[Object], format: ExportFormat) -> String {
    let headers = COLUMNS.map(|(column, _)| column.to_owned()).to_vec();
    let cells = |row: &Object| row.fields.iter().map(|(column, value)| cell(column, value)).collect::<Vec<_>>();
    match format {
        ExportFormat::Json => json(rows),
        ExportFormat::Csv => std::iter::once(headers).chain(rows.iter().map(cells)).map(|cells| csv(&cells)).collect(),
        ExportFormat::Markdown => {
            let dashes = vec!["---".to_owned(); headers.len()];
            [headers, dashes].into_iter().chain(rows.iter().map(cells)).map(|cells| markdown(&cells)).collect()
        }
    }
}

fn json(rows: &[Object]) -> String {
    let field = |(name, value): &(String, Value)| format!("    \"{name}\": {}", crate::az::output::compact_json(value));
    let row = |row: &Object| format!("  {{\n{}\n  }}", row.fields.iter().map(field).collect::<Vec<_>>().join(",\n"));
    match rows {
        [] => "[]\n".to_owned(),
        rows => format!("[\n{}\n]\n", rows.iter().map(row).collect::<Vec<_>>().join(",\n")),
    }
}

fn cell(column: &str, value: &Value) -> String {
    let separator = if column == "zones" { " " } else { "; " };
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::List(elements) => elements.iter().map(Value::python_str).collect::<Vec<_>>().join(separator),
        Value::Object(object) => {
            let pairs = object.sorted().into_iter().map(|(key, value)| format!("{key}={}", value.python_str()));
            pairs.collect::<Vec<_>>().join(separator)
        }
        scalar => scalar.python_str(),
    }
}

/// A line of RFC 4180, with `\n` as az ends its lines.
fn csv(cells: &[String]) -> String {
    let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

fn markdown(cells: &[String]) -> String {
    let escaped = |cell: &String| cell.replace('\\', "\\\\").replace('|', "\\|").replace('\n', " ");
    format!("| {} |\n", cells.iter().map(escaped).collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Object> {
        let pool = r#"{"name":"batch","properties":{"mode":"User","count":2,"enableAutoScaling":false,
            "availabilityZones":["1","2"],"nodeLabels":{"tier":"1","lane":"batch"},"powerState":{"code":"Running"},
            "nodeTaints":["a=b:NoSchedule","say=\"x|y\",z:NoExecute"]}}"#;
        vec![row("dev", "lanes", &serde_json::from_str(pool).unwrap())]
    }

    #[test]
    fn every_format_has_the_same_columns_in_the_same_order() {
        let csv = text(&rows(), ExportFormat::Csv);
        let columns: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert_eq!(columns.len(), 21);
        let markdown = text(&rows(), ExportFormat::Markdown);
        assert_eq!(markdown.lines().next().unwrap(), format!("| {} |", columns.join(" | ")));
        let json = text(&rows(), ExportFormat::Json);
        let keys: Vec<&str> = json.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect();
        assert_eq!(keys, columns);
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }

    #[test]
    fn cells_with_separators_are_quoted_or_escaped() {
        let csv = text(&rows(), ExportFormat::Csv);
        let expected = "dev,lanes,batch,User,,,,2,,,false,1 2,,,Regular,Running,,lane=batch; tier=1,\
                        \"a=b:NoSchedule; say=\"\"x|y\"\",z:NoExecute\",,";
        assert_eq!(csv.lines().nth(1).unwrap(), expected);
        assert!(text(&rows(), ExportFormat::Markdown).contains("say=\"x\\|y\",z:NoExecute |"));
    }
}
