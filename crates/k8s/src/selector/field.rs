//! Field selectors: `status.phase!=Running,spec.nodeName=a`.
//!
//! Invariant: only fields that the kind supports are accepted; others are the 400 `field label not supported: x`.
//! The values of the fields come from a closure, so that rows and documents alike can answer.
//! Not here: which fields a kind supports (registry).

use std::fmt;

/// The fields that a kind can be selected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldSet {
    /// `metadata.name` and `metadata.namespace`: what every kind has.
    Metadata,
    /// Exactly these.
    Listed(&'static [&'static str]),
}

impl FieldSet {
    /// The text of the 400 if the kind does not have the field.
    fn check(self, field: &str) -> Result<(), String> {
        match self {
            FieldSet::Metadata if matches!(field, "metadata.name" | "metadata.namespace") => Ok(()),
            FieldSet::Metadata => {
                let known = "only \"metadata.name\", \"metadata.namespace\"";
                Err(format!("{} is not a known field selector: {known}", crate::status::quote(field)))
            }
            FieldSet::Listed(fields) if fields.contains(&field) => Ok(()),
            FieldSet::Listed(_) => Err(format!("field label not supported: {field}")),
        }
    }
}

/// One comparison of a field with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    /// Field path, `status.phase`.
    pub field: String,
    /// Wanted (or unwanted) value, unescaped.
    pub value: String,
    /// `!=` instead of `=`.
    pub negated: bool,
}

/// All terms, joined by *and*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<FieldTerm>);

impl FieldSelector {
    /// Parses `fieldSelector=` for a kind with these fields. The error is the text of the 400.
    pub fn parse(text: &str, supported: FieldSet) -> Result<FieldSelector, String> {
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (field, negated, value) =
                split_term(part).ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{part}'"))?;
            terms.push(FieldTerm { field: field.to_owned(), value: unescape(value)?, negated });
        }
        for term in &terms {
            supported.check(&term.field)?;
        }
        Ok(FieldSelector(terms))
    }

    /// True when everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The terms, sorted by their text.
    pub fn terms(&self) -> &[FieldTerm] {
        &self.0
    }

    /// The value that a field must have, if the selector demands one: lets a list use an index.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|term| !term.negated && term.field == field).map(|term| term.value.as_str())
    }

    /// Does an object match, given its field values (missing = `""`)?
    pub fn matches<V: AsRef<str>>(&self, get: impl Fn(&str) -> V) -> bool {
        self.0.iter().all(|term| (get(&term.field).as_ref() == term.value) != term.negated)
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.0.iter().enumerate() {
            let value = term.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            let operator = if term.negated { "!=" } else { "=" };
            write!(f, "{}{}{operator}{value}", if index == 0 { "" } else { "," }, term.field)?;
        }
        Ok(())
    }
}

/// Cuts at commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let cut = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        cut
    })
    .collect()
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.char_indices().find(|(at, c)| *c == '=' || term[*at..].starts_with("!="))?.0;
    let (field, rest) = term.split_at(at);
    match (rest.strip_prefix("!="), rest.strip_prefix("=="), rest.strip_prefix('=')) {
        (Some(value), _, _) => Some((field, true, value)),
        (_, Some(value), _) | (_, None, Some(value)) => Some((field, false, value)),
        _ => None,
    }
}

/// `\\`, `\,` and `\=` are the only escapes; bare `,` and `=` are refused.
fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                other => {
                    let shown = other.map(String::from).unwrap_or_default();
                    return Err(format!("invalid field selector: invalid escape sequence: \\{shown}"));
                }
            },
            ',' | '=' => {
                // Upstream prints the code point.
                return Err(format!("invalid field selector: unescaped character in value: {}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}
