//! Colours of jsonc and yamlc on a terminal: keys, text, and numbers or words, in the hues of az.
//!
//! Only for eyes: az uses a general highlighter, ours knows the two notations that we print ourselves, line by line.

const KEY: &str = "\x1b[94m";
const TEXT: &str = "\x1b[33m";
const WORD: &str = "\x1b[34m";
const END: &str = "\x1b[39;49;00m";

/// Colours pretty-printed JSON.
pub(super) fn json(text: &str) -> String {
    lines(text, |line| {
        let body = line.trim_start();
        match body.split_once("\": ") {
            Some((key, value)) if body.starts_with('"') => format!("{KEY}{key}\"{END}: {}", scalar(value)),
            _ => scalar(body),
        }
    })
}

/// Colours block-style YAML.
pub(super) fn yaml(text: &str) -> String {
    lines(text, |line| {
        let body = line.trim_start();
        match body.split_once(':') {
            Some((key, value)) if value.is_empty() || value.starts_with(' ') => {
                let (dash, key) = key.strip_prefix("- ").map_or(("", key), |key| ("- ", key));
                format!("{dash}{KEY}{key}{END}:{value}")
            }
            _ => body.to_owned(),
        }
    })
}

fn lines(text: &str, colour: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| format!("{}{}\n", &line[..line.len() - line.trim_start().len()], colour(line))).collect()
}

fn scalar(value: &str) -> String {
    let (value, comma) = value.strip_suffix(',').map_or((value, ""), |value| (value, ","));
    match value.chars().next() {
        Some('[' | ']' | '{' | '}') | None => format!("{value}{comma}"),
        Some('"') => format!("{TEXT}{value}{END}{comma}"),
        Some(_) => format!("{WORD}{value}{END}{comma}"),
    }
}
