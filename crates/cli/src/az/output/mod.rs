//! The output formats of az: json, jsonc, table, tsv, yaml, yamlc, none.
//!
//! Invariants: a result of null prints nothing at all; colours only on a terminal. Formats are pure: value in, text out.

mod colour;
mod json;
mod table;
mod tsv;
mod yaml;
mod yaml_scalar;

pub use json::{compact_ascii_json, compact_json};
pub use table::Columns;

use super::value::Value;

/// `-o`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// JSON, keys sorted.
    Json,
    /// JSON in colours.
    Jsonc,
    /// A table for people.
    Table,
    /// Tab-separated values for scripts.
    Tsv,
    /// YAML.
    Yaml,
    /// YAML in colours.
    Yamlc,
    /// Nothing but errors.
    None,
}

/// A result on its way to stdout.
pub struct Rendering<'a> {
    /// `-o`
    pub format: Format,
    /// What the table shows when no `--query` chose it.
    pub columns: Columns,
    /// Whether `result` comes from a `--query`.
    pub is_query: bool,
    /// Whether stdout is a terminal that shows colours.
    pub is_terminal: bool,
    /// The result.
    pub result: &'a Value,
}

impl Rendering<'_> {
    /// The text for stdout.
    pub fn text(&self) -> String {
        if matches!(self.result, Value::Null) {
            return String::new();
        }
        match self.format {
            Format::Jsonc if self.is_terminal => colour::json(&json::pretty(self.result)),
            Format::Json | Format::Jsonc => json::pretty(self.result),
            Format::Yamlc if self.is_terminal => colour::yaml(&yaml::document(self.result)),
            Format::Yaml | Format::Yamlc => yaml::document(self.result),
            Format::Tsv => tsv::lines(self.result),
            Format::Table => table::table(self.result, if self.is_query { Columns::AsQueried } else { self.columns }),
            Format::None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
