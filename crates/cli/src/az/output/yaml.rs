//! YAML in block style as PyYAML emits it: keys sorted, lists at the indent of their key, long text folded at 80.
//!
//! The position (`column`, whether only white space or indicators came before on the line) decides where scalars
//! may break; it is kept by `Emitter`. How a scalar is quoted is in `yaml_scalar`.

use super::super::value::{Value, number_text};
use super::yaml_scalar::{Style, is_multiline, style};

/// Columns after which text may break.
const WIDTH: usize = 80;
/// Columns of one level.
const INDENT: usize = 2;
/// A key as long as this takes a `?`: 128 less the five of its unwritten tag, `!!str`.
const SIMPLE_KEY: usize = 128 - 5;

/// The document with its last line break.
pub(super) fn document(value: &Value) -> String {
    let mut emitter = Emitter { out: String::new(), column: 0, is_after_space: true, is_indention: true };
    let ends_open = emitter.node(value, None, false);
    emitter.line_break('\n');
    if ends_open {
        emitter.out.push_str("...\n");
    }
    emitter.out
}

pub(super) struct Emitter {
    out: String,
    pub(super) column: usize,
    is_after_space: bool,
    is_indention: bool,
}

impl Emitter {
    /// Writes a node; `indent` is that of the collection around it. Returns whether a document of it needs an end mark.
    fn node(&mut self, value: &Value, indent: Option<usize>, is_in_mapping: bool) -> bool {
        match value {
            Value::List(elements) if !elements.is_empty() => {
                let is_flat = is_in_mapping && !self.is_indention;
                let inner = indent.map_or(0, |indent| if is_flat { indent } else { indent + INDENT });
                for element in elements {
                    self.indent(inner);
                    self.indicator("-", true);
                    self.node(element, Some(inner), false);
                }
                false
            }
            Value::Object(object) if !object.fields.is_empty() => {
                let inner = indent.map_or(0, |indent| indent + INDENT);
                for (key, value) in object.sorted() {
                    self.indent(inner);
                    self.pair(key, value, inner);
                }
                false
            }
            scalar => self.scalar(scalar, indent.map_or(INDENT, |indent| indent + INDENT)),
        }
    }

    fn pair(&mut self, key: &str, value: &Value, indent: usize) {
        let is_simple = !key.is_empty() && !is_multiline(key) && key.chars().count() < SIMPLE_KEY;
        if is_simple {
            self.text(key, indent + INDENT, true);
            self.out.push(':');
            self.column += 1;
            (self.is_after_space, self.is_indention) = (false, false);
        } else {
            self.indicator("?", true);
            self.text(key, indent + INDENT, false);
            self.indent(indent);
            self.indicator(":", true);
        }
        self.node(value, Some(indent), true);
    }

    fn scalar(&mut self, value: &Value, indent: usize) -> bool {
        let plain = match value {
            Value::Text(text) => return self.text(text, indent, false),
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => {
                let text = number_text(number);
                if text.contains('e') && !text.contains('.') { text.replacen('e', ".0e", 1) } else { text }
            }
            Value::List(_) => "[]".to_owned(),
            Value::Object(_) => "{}".to_owned(),
        };
        self.space();
        self.push(&plain);
        (self.is_after_space, self.is_indention) = (false, false);
        !matches!(value, Value::List(_) | Value::Object(_))
    }

    fn text(&mut self, text: &str, indent: usize, is_key: bool) -> bool {
        let chosen = style(text, is_key);
        self.space();
        (self.is_after_space, self.is_indention) = (false, false);
        let chars: Vec<char> = text.chars().collect();
        match chosen {
            Style::Plain => self.plain(&chars, indent, !is_key),
            Style::Single => self.single(&chars, indent, !is_key),
            Style::Double => self.double(&chars, indent, !is_key),
        }
        (self.is_after_space, self.is_indention) = (false, false);
        chosen == Style::Plain
    }

    pub(super) fn may_break(&self) -> bool {
        self.column > WIDTH
    }

    /// Whether the line is full with what is pending from `start` to `end`; behind an escape, `start` is one ahead.
    pub(super) fn would_pass(&self, start: usize, end: usize) -> bool {
        self.column + end > WIDTH + start
    }

    pub(super) fn push(&mut self, text: &str) {
        self.column += text.chars().count();
        self.out.push_str(text);
    }

    fn space(&mut self) {
        if !self.is_after_space {
            self.push(" ");
        }
    }

    fn indicator(&mut self, indicator: &str, is_indention: bool) {
        self.space();
        self.push(indicator);
        self.is_after_space = false;
        self.is_indention = self.is_indention && is_indention;
    }

    pub(super) fn line_break(&mut self, ch: char) {
        self.out.push(ch);
        (self.column, self.is_after_space, self.is_indention) = (0, true, true);
    }

    pub(super) fn indent(&mut self, indent: usize) {
        if !self.is_indention || self.column > indent || (self.column == indent && !self.is_after_space) {
            self.line_break('\n');
        }
        if self.column < indent {
            let missing = " ".repeat(indent - self.column);
            self.push(&missing);
            self.is_after_space = true;
        }
    }

    pub(super) fn in_text(&mut self) {
        (self.is_after_space, self.is_indention) = (false, false);
    }
}
