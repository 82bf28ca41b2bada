//! Tables: the columns that az shows for pools and machines, all fields for others, and what a query chose.
//!
//! Facts of the peer: nested values and nulls have no cell; a column without any cell disappears; `id`, `type` and
//! `etag` are never shown; headers start with a capital letter; columns are at least two wider than their header.

use super::super::value::{Object, Value};

/// Which columns a result has when no query chose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Of a node pool. `osDiskSizeGB` is asked for and never there: az 2.91 has the same gap.
    Pool,
    /// Of a machine.
    Machine,
    /// Of a version that a pool had.
    UsedVersion,
    /// Every field, by name.
    Sorted,
    /// Every field, in order.
    AsQueried,
}

const POOL: [(&str, &str); 9] = [
    ("name", "name"),
    ("osType", "osType"),
    ("kubernetesVersion", "orchestratorVersion"),
    ("vmSize", "vmSize"),
    ("osDiskSizeGB", "osDiskSizeGB"),
    ("count", "count"),
    ("maxPods", "maxPods"),
    ("provisioningState", "provisioningState"),
    ("mode", "mode"),
];

const USED_VERSION: [(&str, &str); 3] =
    [("kubernetesVersion", "orchestratorVersion"), ("nodeImageVersion", "nodeImageVersion"), ("timestamp", "timestamp")];

/// The table of a result; an empty line when it has no cells.
pub(super) fn table(result: &Value, columns: Columns) -> String {
    let rows = match result {
        Value::List(rows) => rows.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut grid = Grid::default();
    for row in rows {
        grid.add(cells(&shown(row, columns), columns == Columns::Sorted));
    }
    grid.text() + "\n"
}

fn shown(row: &Value, columns: Columns) -> Value {
    match (columns, row) {
        (Columns::Pool, Value::Object(_)) => picked(row, &POOL),
        (Columns::UsedVersion, Value::Object(_)) => picked(row, &USED_VERSION),
        (Columns::Machine, Value::Object(_)) => Value::Object(machine(row)),
        _ => row.clone(),
    }
}

/// Fields of a row under the headers that they are shown with.
fn picked(row: &Value, columns: &[(&str, &str)]) -> Value {
    let fields = columns.iter().map(|(header, name)| ((*header).to_owned(), row.field(name).clone()));
    Value::Object(Object { fields: fields.collect(), selected: true })
}

fn machine(row: &Value) -> Object {
    let mut addresses = String::new();
    for address in row.field("properties").field("network").field("ipAddresses").elements() {
        let (ip, family) = (address.field("ip").python_str(), address.field("family").python_str());
        addresses.push_str(&format!("ip:{ip},family:{family};"));
    }
    let zones: Vec<_> = row.field("zones").elements().iter().filter_map(Value::as_text).map(str::trim).collect();
    let mut object = Object::default();
    object.set("name", row.field("name").clone());
    object.set("ip", Value::Text(addresses));
    object.set("zones", Value::Text(zones.join(", ")));
    object
}

/// Header and cell of each column that a row has.
fn cells(row: &Value, is_sorted: bool) -> Vec<(String, Option<String>)> {
    match row {
        Value::Object(object) => {
            let mut fields: Vec<(&str, &Value)> = object.fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
            if is_sorted {
                fields.sort_by_key(|(key, _)| *key);
            }
            fields.retain(|(key, value)| {
                !["id", "type", "etag"].contains(key) && !matches!(value, Value::Null | Value::List(_) | Value::Object(_))
            });
            fields.into_iter().map(|(key, value)| (capitalized(key), Some(value.python_str()))).collect()
        }
        Value::List(values) => values.iter().enumerate().map(|(index, value)| (format!("Column{}", index + 1), present(value))).collect(),
        scalar => vec![("Result".to_owned(), present(scalar))],
    }
}

fn present(value: &Value) -> Option<String> {
    (!matches!(value, Value::Null)).then(|| value.python_str())
}

fn capitalized(key: &str) -> String {
    let mut rest = key.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// Rows under headers, in columns as wide as they need.
#[derive(Debug, Default)]
struct Grid {
    headers: Vec<String>,
    rows: Vec<Vec<(usize, String)>>,
    has_breaks: bool,
}

impl Grid {
    /// Adds a row; headers that are new get a column at the end.
    fn add(&mut self, cells: Vec<(String, Option<String>)>) {
        let mut row = Vec::new();
        for (header, cell) in cells {
            let column = self.headers.iter().position(|known| *known == header).unwrap_or_else(|| {
                self.headers.push(header);
                self.headers.len() - 1
            });
            let cell = cell.unwrap_or_default();
            self.has_breaks |= cell.contains('\n');
            row.push((column, cell.trim().to_owned()));
        }
        self.rows.push(row);
    }

    /// Headers, a line of dashes, the rows; no line break at the end. Where any cell had several lines, rows without
    /// text disappear, as with az.
    fn text(&self) -> String {
        let width = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        let mut widths: Vec<usize> = self.headers.iter().map(|header| width(header) + 2).collect();
        for (column, cell) in self.rows.iter().flatten() {
            widths[*column] = widths[*column].max(width(cell));
        }
        if self.headers.is_empty() {
            return String::new();
        }
        let mut lines = Vec::new();
        row_lines(self.headers.iter().map(String::as_str).collect(), &widths, 1, &mut lines);
        lines.push(widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "));
        for row in &self.rows {
            let mut cells = vec![""; self.headers.len()];
            row.iter().for_each(|(column, cell)| cells[*column] = cell);
            row_lines(cells, &widths, usize::from(!self.has_breaks), &mut lines);
        }
        lines.join("\n")
    }
}

/// The lines of one row, as many as its highest cell has.
fn row_lines(cells: Vec<&str>, widths: &[usize], least: usize, lines: &mut Vec<String>) {
    let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(0).max(least);
    for line in 0..height {
        let part: Vec<&str> = cells.iter().map(|cell| cell.lines().nth(line).unwrap_or("")).collect();
        lines.push(padded(&part, widths));
    }
}

fn padded(cells: &[&str], widths: &[usize]) -> String {
    let cells: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join("  ").trim_end().to_owned()
}
