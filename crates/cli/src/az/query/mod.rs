//! `--query`: JMESPath with az's dialect, which is Python's.
//!
//! The crate `jmespath` parses; evaluation is ours, because its objects forget their order and az's tables and tsv
//! are in the order of the query. Invariant: evaluating never panics, whatever the query and the data are.

mod function;

use jmespath::ast::{Ast, Comparator};
use serde_json::Value as Json;

use super::Failure;
use super::value::{Object, Value};

const REFERENCE: &str = "To learn more about --query, please visit: 'https://learn.microsoft.com/cli/azure/query-azure-cli'";

/// A query that parses. The text is kept and not the tree, which cannot leave its thread as command line values must.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
}

impl Query {
    /// Parses; the error is for the command line's reader.
    pub fn parse(text: &str) -> Result<Self, String> {
        jmespath::parse(text).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned() })
    }

    /// Evaluates.
    pub fn search(&self, data: &Value) -> Result<Value, Failure> {
        let tree = jmespath::parse(&self.text).map_err(|error| error.to_string());
        tree.and_then(|tree| evaluate(&tree, data))
            .map_err(|reason| Failure::refused(format!("Invalid jmespath query supplied for `--query`: {reason}\n{REFERENCE}")))
    }
}

/// The value of a tree at `data`, or why it has none.
fn evaluate(tree: &Ast, data: &Value) -> Result<Value, String> {
    Ok(match tree {
        Ast::Identity { .. } | Ast::Expref { .. } => data.clone(),
        Ast::Field { name, .. } => data.field(name).clone(),
        Ast::Literal { value, .. } => literal(value),
        Ast::Index { idx, .. } => element(data, *idx),
        Ast::Slice { start, stop, step, .. } => slice(data, *start, *stop, *step)?,
        Ast::Subexpr { lhs, rhs, .. } => evaluate(rhs, &evaluate(lhs, data)?)?,
        Ast::Condition { predicate, then, .. } => {
            if evaluate(predicate, data)?.is_truthy() {
                evaluate(then, data)?
            } else {
                Value::Null
            }
        }
        Ast::Not { node, .. } => Value::Bool(!evaluate(node, data)?.is_truthy()),
        Ast::And { lhs, rhs, .. } => {
            let left = evaluate(lhs, data)?;
            if left.is_truthy() { evaluate(rhs, data)? } else { left }
        }
        Ast::Or { lhs, rhs, .. } => {
            let left = evaluate(lhs, data)?;
            if left.is_truthy() { left } else { evaluate(rhs, data)? }
        }
        Ast::Comparison { comparator, lhs, rhs, .. } => compare(comparator, &evaluate(lhs, data)?, &evaluate(rhs, data)?)?,
        Ast::Flatten { node, .. } => flatten(evaluate(node, data)?),
        Ast::ObjectValues { node, .. } => match evaluate(node, data)? {
            Value::Object(object) => Value::List(object.fields.into_iter().map(|(_, value)| value).collect()),
            _ => Value::Null,
        },
        Ast::Projection { lhs, rhs, .. } => project(lhs, rhs, data)?,
        Ast::MultiList { elements, .. } if !matches!(data, Value::Null) => {
            let values: Result<_, _> = elements.iter().map(|element| evaluate(element, data)).collect();
            Value::List(values?)
        }
        Ast::MultiHash { elements, .. } if !matches!(data, Value::Null) => {
            let mut object = Object { selected: true, ..Object::default() };
            for pair in elements {
                object.set(&pair.key, evaluate(&pair.value, data)?);
            }
            Value::Object(object)
        }
        Ast::MultiList { .. } | Ast::MultiHash { .. } => Value::Null,
        Ast::Function { name, args, .. } => function::call(name, args, data)?,
    })
}

fn project(lhs: &Ast, rhs: &Ast, data: &Value) -> Result<Value, String> {
    let Value::List(elements) = evaluate(lhs, data)? else {
        return Ok(Value::Null);
    };
    let mut projected = Vec::new();
    for element in &elements {
        let value = evaluate(rhs, element)?;
        if !matches!(value, Value::Null) {
            projected.push(value);
        }
    }
    Ok(Value::List(projected))
}

fn flatten(value: Value) -> Value {
    let Value::List(elements) = value else {
        return Value::Null;
    };
    let parts = elements.into_iter().flat_map(|element| match element {
        Value::List(inner) => inner,
        other => vec![other],
    });
    Value::List(parts.collect())
}

fn element(data: &Value, index: i32) -> Value {
    let elements = data.elements();
    let at = if index < 0 { elements.len().checked_sub(index.unsigned_abs() as usize) } else { Some(index as usize) };
    at.and_then(|at| elements.get(at)).cloned().unwrap_or(Value::Null)
}

fn slice(data: &Value, start: Option<i32>, stop: Option<i32>, step: i32) -> Result<Value, String> {
    let Value::List(elements) = data else {
        return Ok(Value::Null);
    };
    if step == 0 {
        return Err("slice step cannot be zero".to_owned());
    }
    let length = elements.len() as i64;
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |bound: Option<i32>, default: i64| match bound.map(i64::from) {
        None => default,
        Some(at) => (if at < 0 { at + length } else { at }).clamp(lowest, highest),
    };
    let (first, end) = if step > 0 { (lowest, highest) } else { (highest, lowest) };
    let (mut at, end) = (bound(start, first), bound(stop, end));
    let mut taken = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        taken.push(elements[at as usize].clone());
        at += i64::from(step);
    }
    Ok(Value::List(taken))
}

fn compare(comparator: &Comparator, left: &Value, right: &Value) -> Result<Value, String> {
    let order = match (left, right) {
        _ if matches!(comparator, Comparator::Equal) => return Ok(Value::Bool(left == right)),
        _ if matches!(comparator, Comparator::NotEqual) => return Ok(Value::Bool(left != right)),
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Number(_), Value::Text(_)) | (Value::Text(_), Value::Number(_)) => {
            return Err("a number and a string cannot be ordered; write numbers as `3`, not '3'".to_owned());
        }
        _ => return Ok(Value::Null),
    };
    Ok(order.map_or(Value::Null, |order| {
        Value::Bool(match comparator {
            Comparator::LessThan => order.is_lt(),
            Comparator::LessThanEqual => order.is_le(),
            Comparator::GreaterThan => order.is_gt(),
            _ => order.is_ge(),
        })
    }))
}

fn literal(value: &jmespath::Variable) -> Value {
    let json: Json = serde_json::to_value(value).unwrap_or_default();
    serde_json::from_value(json).unwrap_or(Value::Null)
}
