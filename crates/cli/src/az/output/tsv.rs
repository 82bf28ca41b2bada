//! Tab-separated values: a line for each element, a column for each field.
//!
//! Facts of the peer: objects print their fields sorted by key, those of a query's hash in its order; a list inside
//! prints its length, an object inside nothing, null `None`, a boolean `True` inside a row and `true` alone.

use super::super::value::Value;

/// All lines.
pub(super) fn lines(result: &Value) -> String {
    let rows = match result {
        Value::List(rows) => rows.as_slice(),
        single => std::slice::from_ref(single),
    };
    rows.iter().map(|row| line(row) + "\n").collect()
}

fn line(row: &Value) -> String {
    let cells: Vec<String> = match row {
        Value::Object(object) if object.selected => object.fields.iter().map(|(_, value)| cell(value)).collect(),
        Value::Object(object) => object.sorted().into_iter().map(|(_, value)| cell(value)).collect(),
        Value::List(values) => values.iter().map(cell).collect(),
        Value::Bool(flag) => vec![flag.to_string()],
        scalar => vec![cell(scalar)],
    };
    cells.join("\t")
}

fn cell(value: &Value) -> String {
    match value {
        Value::List(elements) => elements.len().to_string(),
        Value::Object(_) => String::new(),
        scalar => scalar.python_str(),
    }
}
