//! Label selectors: `env in (a,b),tier!=x,!legacy`, with upstream's error texts.
//!
//! Invariant: requirements are kept sorted by key (stable), so that equal selectors print equally.
//! Source: labels package of apimachinery 0.36 (golden cases in tests).

use super::lexer::{Token, tokens};
use crate::names;
use crate::status::{FieldError, FieldPath};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `key in (…)`
    In,
    /// `key notin (…)`; also true without the key
    NotIn,
    /// `key=value`
    Equals,
    /// `key==value`
    DoubleEquals,
    /// `key!=value`; also true without the key
    NotEquals,
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `key>number`
    GreaterThan,
    /// `key<number`
    LessThan,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

impl Requirement {
    /// A checked requirement. The error text is the one that a 400 shows.
    pub fn new(key: &str, operator: Operator, values: BTreeSet<String>) -> Result<Requirement, String> {
        let root = FieldPath::default();
        let mut errors: Vec<FieldError> = Vec::new();
        let problems = names::label_key(key);
        if !problems.is_empty() {
            errors.push(FieldError::invalid(&root.child("key"), key, &problems.join("; ")));
        }
        let path = root.child("values");
        let all = || Value::from(values.iter().cloned().collect::<Vec<_>>());
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                let detail = "for 'in', 'notin' operators, values set can't be empty";
                errors.push(FieldError::invalid(&path, all(), detail));
            }
            Operator::GreaterThan | Operator::LessThan => {
                for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
                    let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                    errors.push(FieldError::invalid(&path.index(index), value.as_str(), detail));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let problems = names::label_value(value);
            if !problems.is_empty() {
                let path = path.index(index).key(key);
                errors.push(FieldError::invalid(&path, value.as_str(), &problems.join("; ")));
            }
        }
        match errors.as_slice() {
            [] => Ok(Requirement { key: key.to_owned(), operator, values }),
            [one] => Err(one.to_string()),
            many => Err(format!("[{}]", many.iter().map(FieldError::to_string).collect::<Vec<_>>().join(", "))),
        }
    }

    /// Label key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Comparison.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Values, sorted.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// Does an object match whose label of this key has this value (`None`: it has no such label)?
    pub fn matches(&self, value: Option<&str>) -> bool {
        let listed = value.is_some_and(|value| self.values.contains(value));
        let ordered = |wanted: std::cmp::Ordering| {
            let have = value.and_then(|value| value.parse::<i64>().ok());
            let limit = self.values.first().and_then(|limit| limit.parse::<i64>().ok());
            matches!((have, limit), (Some(have), Some(limit)) if have.cmp(&limit) == wanted)
        };
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => listed,
            Operator::NotIn | Operator::NotEquals => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => ordered(std::cmp::Ordering::Greater),
            Operator::LessThan => ordered(std::cmp::Ordering::Less),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = || self.values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let key = &self.key;
        match self.operator {
            Operator::In => write!(f, "{key} in ({})", values()),
            Operator::NotIn => write!(f, "{key} notin ({})", values()),
            Operator::Equals => write!(f, "{key}={}", values()),
            Operator::DoubleEquals => write!(f, "{key}=={}", values()),
            Operator::NotEquals => write!(f, "{key}!={}", values()),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{}", values()),
            Operator::LessThan => write!(f, "{key}<{}", values()),
        }
    }
}

/// All requirements, joined by *and*; the empty selector matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// Parses `labelSelector=`. The error is the text of the 400, to be prefixed by nothing.
    pub fn parse(text: &str) -> Result<LabelSelector, String> {
        let requirements = Parser { tokens: tokens(text), next: 0 }.selector()?;
        Ok(LabelSelector::sorted(requirements))
    }

    /// The selector of an object (`matchLabels`, `matchExpressions`). Missing selects nothing upstream: that is the
    /// caller's case; `{}` selects everything.
    pub fn from_spec(spec: &Value) -> Result<LabelSelector, String> {
        let mut requirements = Vec::new();
        for (key, value) in spec.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::new(key, Operator::Equals, BTreeSet::from([value]))?);
        }
        for expression in spec.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
            let operator = match text("operator") {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(format!("\"{other}\" is not a valid label selector operator")),
            };
            let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            requirements.push(Requirement::new(text("key"), operator, values)?);
        }
        Ok(LabelSelector::sorted(requirements))
    }

    fn sorted(mut requirements: Vec<Requirement>) -> LabelSelector {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        LabelSelector(requirements)
    }

    /// True when everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The requirements, by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.0
    }

    /// Does an object match, given a look-up of its labels?
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(label(&requirement.key)))
    }

    /// Does an object match, given its `metadata.labels`?
    pub fn matches_object(&self, labels: Option<&Value>) -> bool {
        self.matches(|key| labels?.get(key)?.as_str())
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.0.iter().enumerate() {
            write!(f, "{}{requirement}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
}

const BINARY: &str = "in, notin, =, ==, !=, gt, lt";

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.next).copied().unwrap_or(Token::End)
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut out = Vec::new();
        loop {
            match self.peek() {
                Token::Word(_) | Token::Symbol("!") => {}
                Token::End => return Ok(out),
                other => {
                    return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.shown()));
                }
            }
            out.push(self.requirement().map_err(|error| format!("unable to parse requirement: {error}"))?);
            match self.take() {
                Token::End => return Ok(out),
                Token::Symbol(",") if matches!(self.peek(), Token::Word(_) | Token::Symbol("!")) => {}
                Token::Symbol(",") => {
                    return Err(format!("found '{}', expected: identifier after ','", self.peek().shown()));
                }
                other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.shown())),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = self.peek() == Token::Symbol("!");
        if negated {
            self.next += 1;
        }
        let key = match self.take() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.shown())),
        };
        let problems = names::label_key(key);
        if !problems.is_empty() {
            return Err(FieldError::invalid(&FieldPath::default(), key, &problems.join("; ")).to_string());
        }
        let bare = matches!(self.peek(), Token::End | Token::Symbol(","));
        // `!key=x` ends here; the caller stumbles over the `=`, as upstream does.
        match (negated, bare) {
            (true, _) => return Requirement::new(key, Operator::DoesNotExist, BTreeSet::new()),
            (false, true) => return Requirement::new(key, Operator::Exists, BTreeSet::new()),
            (false, false) => {}
        }
        let operator = match self.take() {
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            other => return Err(format!("found '{}', expected: {BINARY}", other.shown())),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => BTreeSet::from([self.exact()?]),
        };
        Requirement::new(key, operator, values)
    }

    fn exact(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(value) => {
                self.next += 1;
                Ok(value.to_owned())
            }
            other => Err(format!("found '{}', expected: identifier", other.shown())),
        }
    }

    /// `(a,,b)`: empty places are the empty value.
    fn set(&mut self) -> Result<BTreeSet<String>, String> {
        match self.take() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{}' expected: '('", other.shown())),
        }
        match self.peek() {
            Token::Word(_) | Token::Symbol("," | ")") => {}
            other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.shown())),
        }
        let mut values = BTreeSet::new();
        let mut empty_place = true;
        loop {
            match self.take() {
                Token::Word(value) => {
                    values.insert(value.to_owned());
                    empty_place = false;
                    match self.peek() {
                        Token::Symbol("," | ")") => {}
                        other => return Err(format!("found '{}', expected: ',' or ')'", other.shown())),
                    }
                }
                Token::Symbol(",") => {
                    if empty_place {
                        values.insert(String::new());
                    }
                    empty_place = true;
                }
                Token::Symbol(")") => {
                    if empty_place {
                        values.insert(String::new());
                    }
                    return Ok(values);
                }
                other => return Err(format!("found '{}', expected: ',', or identifier", other.shown())),
            }
        }
    }
}
