//! What az 2.91 printed for the same answers of a server, byte for byte: 348 captures in `golden/outputs.json`.
//!
//! Expected texts were captured from az 2.91.0; none is our own output.
//! Not here: what needs a server.

use serde::Deserialize;

use super::*;
use crate::az::{Query, Shape};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answers {
    pools: Vec<Value>,
    machines: Vec<Value>,
    upgrade_profile: Value,
}

#[derive(Deserialize)]
struct Capture {
    command: String,
    name: Option<String>,
    query: Option<String>,
    format: String,
    out: String,
}

fn answers() -> Answers {
    serde_json::from_str(include_str!("../../../golden/answers.json")).unwrap()
}

fn result(answers: &Answers, capture: &Capture) -> (Value, Columns) {
    let named = |list: &[Value]| {
        let is_meant = |value: &&Value| value.field("name").as_text() == capture.name.as_deref();
        list.iter().find(is_meant).unwrap().clone()
    };
    match capture.command.as_str() {
        "nodepool list" => (Shape::Pool.results(&answers.pools), Columns::Pool),
        "nodepool show" => (Shape::Pool.result(&named(&answers.pools)), Columns::Pool),
        "nodepool get-upgrades" => (Shape::UpgradeProfile.result(&answers.upgrade_profile), Columns::Sorted),
        "machine list" => (Shape::Machine.results(&answers.machines), Columns::Machine),
        "machine show" => (Shape::Machine.result(&named(&answers.machines)), Columns::Machine),
        other => panic!("{other}"),
    }
}

#[test]
fn every_format_and_query_prints_what_az_prints() {
    let answers = answers();
    let captures: Vec<Capture> = serde_json::from_str(include_str!("../../../golden/outputs.json")).unwrap();
    assert!(captures.len() > 300);
    for capture in captures {
        let (result, columns) = result(&answers, &capture);
        let query = capture.query.as_deref().filter(|query| !query.is_empty());
        let queried = query.map(|query| Query::parse(query).unwrap().search(&result).unwrap());
        let rendering = Rendering {
            format: clap::ValueEnum::from_str(&capture.format, true).unwrap(),
            columns,
            is_query: queried.is_some(),
            is_terminal: false,
            result: queried.as_ref().unwrap_or(&result),
        };
        let Capture { command, name, query, format, out } = &capture;
        assert_eq!(rendering.text(), *out, "{command} {name:?} {query:?} -o {format}");
    }
}

#[test]
fn colours_are_for_terminals_only_and_change_no_character() {
    let pool = Shape::Pool.result(&answers().pools[1]);
    for (coloured, plain) in [(Format::Jsonc, Format::Json), (Format::Yamlc, Format::Yaml)] {
        let text = |format, is_terminal| Rendering { format, columns: Columns::Pool, is_query: false, is_terminal, result: &pool }.text();
        assert_eq!(text(coloured, false), text(plain, true));
        let mut stripped = text(coloured, true);
        assert!(stripped.contains('\x1b'));
        for code in ["\x1b[94m", "\x1b[33m", "\x1b[34m", "\x1b[39;49;00m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, text(plain, false));
    }
}

/// PyYAML 6 says which texts are plain; these are the ones that look like something else.
#[test]
fn text_that_yaml_reads_as_another_type_is_quoted() {
    let quoted = [
        "yes",
        "Off",
        "~",
        "null",
        "",
        "1",
        "+1",
        "-0",
        "0x1F",
        "0b1",
        "017",
        "1_000",
        "1.5",
        "1.",
        ".5",
        "1.5e+3",
        "12:30",
        "190:20:30.5",
        ".inf",
        "-.INF",
        ".NaN",
        "2026-01-31",
        "2026-1-1T1:02:03Z",
        "2026-01-31 10:00:00",
        "=",
        "<<",
        "- a",
        "a: b",
        "a #b",
        "%a",
        "@a",
        "? a",
        "---",
        "a:",
    ];
    let plain = ["y", "nul", "0x", "08", "1e3", "1.5e3", "12:60", "a:b", "a#b", "-a", "1.2.3", "?a", "v1", "2026-1-1", "1_a"];
    for (texts, is_quoted) in [(quoted.as_slice(), true), (plain.as_slice(), false)] {
        for text in texts {
            let written = yaml::document(&Value::text(*text));
            assert_eq!(written.starts_with('\''), is_quoted, "{text}: {written}");
        }
    }
}

/// PyYAML 6.0's own output for texts around its line width, with escapes, and as keys.
#[test]
fn long_and_special_text_breaks_where_pyyaml_breaks_it() {
    let captures: Vec<(Value, String)> = serde_json::from_str(include_str!("../../../golden/yaml.json")).unwrap();
    for (value, expected) in captures {
        assert_eq!(yaml::document(&value), expected);
    }
}
