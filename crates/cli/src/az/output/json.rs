//! JSON as Python's encoder writes it: two spaces, keys sorted, text outside of ASCII as it is.
//!
//! Two spaces, keys in order, characters beyond ASCII escaped: as Python's json module writes it for az.
//! Not here: which keys there are.

use super::super::value::{Value, number_text};

/// The whole document with its last line break.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.push('\n');
    text
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::List(elements) if !elements.is_empty() => {
            let items = elements.iter().map(|element| (None, element));
            block(['[', ']'], items, depth, out);
        }
        Value::Object(object) if !object.fields.is_empty() => {
            let items = object.sorted().into_iter().map(|(key, value)| (Some(key), value));
            block(['{', '}'], items, depth, out);
        }
        Value::List(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        scalar => out.push_str(&scalar_text(scalar)),
    }
}

fn block<'a>(brackets: [char; 2], items: impl Iterator<Item = (Option<&'a str>, &'a Value)>, depth: usize, out: &mut String) {
    out.push(brackets[0]);
    for (index, (key, value)) in items.enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth + 1));
        if let Some(key) = key {
            out.push_str(&quoted(key));
            out.push_str(": ");
        }
        write(value, depth + 1, out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(brackets[1]);
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number_text(number),
        Value::Text(text) => quoted(text),
        _ => "null".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// JSON in one line, fields in their order.
pub fn compact_json(value: &Value) -> String {
    match value {
        Value::List(elements) => {
            let elements: Vec<_> = elements.iter().map(compact_json).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(object) => {
            let field = |(key, value): &(String, Value)| format!("{}:{}", quoted(key), compact_json(value));
            let fields: Vec<_> = object.fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        scalar => scalar_text(scalar),
    }
}

/// The same in ASCII only: what `to_string()` of a query gives.
pub fn compact_ascii_json(value: &Value) -> String {
    ascii(&compact_json(value))
}

fn ascii(text: &str) -> String {
    let mut escaped = String::new();
    for ch in text.chars() {
        if ch.is_ascii() {
            escaped.push(ch);
        } else {
            let mut units = [0; 2];
            ch.encode_utf16(&mut units).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    escaped
}
