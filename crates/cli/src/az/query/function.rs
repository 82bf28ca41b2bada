//! The functions of `--query`, with the argument checks and results of Python's implementation.
//!
//! Invariant: an argument of a wrong type is an error of the query, never a panic.

use std::cmp::Ordering;

use jmespath::ast::Ast;
use serde_json::Number;

use super::super::output::compact_ascii_json;
use super::super::value::{Object, Value};
use super::evaluate;

/// Calls the function `name` at `data`.
pub(super) fn call(name: &str, args: &[Ast], data: &Value) -> Result<Value, String> {
    let (least, most) = arity(name).ok_or_else(|| format!("Unknown function: {name}()"))?;
    if args.len() < least || args.len() > most {
        let plural = if least == 1 { "" } else { "s" };
        let at_least = if most == usize::MAX { "at least " } else { "" };
        return Err(format!("Expected {at_least}{least} argument{plural} for function {name}(), received {}", args.len()));
    }
    if let Some(by) = by_expression(name, args, data) {
        return by;
    }
    let mut values = Vec::new();
    for arg in args {
        values.push(evaluate(arg, data)?);
    }
    plain(name, values)
}

/// Fewest and most arguments; `None` for an unknown function.
fn arity(name: &str) -> Option<(usize, usize)> {
    Some(match name {
        "abs" | "avg" | "ceil" | "floor" | "keys" | "length" | "max" | "min" | "reverse" | "sort" | "sum" | "to_array" | "to_number"
        | "to_string" | "type" | "values" => (1, 1),
        "contains" | "ends_with" | "join" | "map" | "max_by" | "min_by" | "sort_by" | "starts_with" => (2, 2),
        "merge" | "not_null" => (1, usize::MAX),
        _ => return None,
    })
}

/// The functions that take `&expression`.
fn by_expression(name: &str, args: &[Ast], data: &Value) -> Option<Result<Value, String>> {
    let (list, expression) = match (name, args) {
        ("map", [expression, list]) | ("sort_by" | "min_by" | "max_by", [list, expression]) => (list, expression),
        _ => return None,
    };
    let Ast::Expref { ast, .. } = expression else {
        return Some(Err(format!("In function {name}(), an expression (&field) is expected")));
    };
    Some(match evaluate(list, data) {
        Ok(Value::List(elements)) if name == "map" => {
            elements.iter().map(|element| evaluate(ast, element)).collect::<Result<_, _>>().map(Value::List)
        }
        Ok(Value::List(elements)) => ranked(name, ast, elements),
        Ok(other) => Err(wrong(name, &other, "['array']")),
        Err(error) => Err(error),
    })
}

fn ranked(name: &str, key: &Ast, elements: Vec<Value>) -> Result<Value, String> {
    let mut keyed = Vec::new();
    for element in elements {
        let key = evaluate(key, &element)?;
        let first = keyed.first().map_or(&key, |(first, _)| first);
        if !matches!(key, Value::Number(_) | Value::Text(_)) || type_name(first) != type_name(&key) {
            return Err(wrong(name, &key, "['number', 'string']"));
        }
        keyed.push((key, element));
    }
    if name == "sort_by" {
        keyed.sort_by(|(one, _), (two, _)| order(one, two));
        return Ok(Value::List(keyed.into_iter().map(|(_, element)| element).collect()));
    }
    let wanted = if name == "max_by" { Ordering::Greater } else { Ordering::Less };
    let best = keyed.into_iter().reduce(|best, next| if order(&next.0, &best.0) == wanted { next } else { best });
    Ok(best.map_or(Value::Null, |(_, element)| element))
}

fn plain(name: &str, values: Vec<Value>) -> Result<Value, String> {
    let two = |values: &[Value]| match values {
        [Value::Text(one), Value::Text(two)] => Ok((one.clone(), two.clone())),
        _ => {
            let other = values.iter().find(|value| !matches!(value, Value::Text(_))).unwrap_or(&Value::Null);
            Err(wrong(name, other, "['string']"))
        }
    };
    let first = values.first().unwrap_or(&Value::Null);
    Ok(match (name, first) {
        ("type", value) => Value::text(type_name(value)),
        ("to_array", Value::List(_)) | ("to_string", Value::Text(_)) => first.clone(),
        ("to_array", value) => Value::List(vec![value.clone()]),
        ("to_string", value) => Value::Text(compact_ascii_json(value)),
        ("to_number", value) => to_number(value),
        ("not_null", _) => values.into_iter().find(|value| !matches!(value, Value::Null)).unwrap_or(Value::Null),
        ("abs" | "ceil" | "floor", Value::Number(number)) => rounded(name, number),
        ("length", Value::Text(text)) => Value::Number(text.chars().count().into()),
        ("length", Value::List(elements)) => Value::Number(elements.len().into()),
        ("length", Value::Object(object)) => Value::Number(object.fields.len().into()),
        ("reverse", Value::Text(text)) => Value::Text(text.chars().rev().collect()),
        ("reverse", Value::List(elements)) => Value::List(elements.iter().rev().cloned().collect()),
        ("keys", Value::Object(object)) => Value::List(object.fields.iter().map(|(key, _)| Value::text(key.as_str())).collect()),
        ("values", Value::Object(object)) => Value::List(object.fields.iter().map(|(_, value)| value.clone()).collect()),
        ("starts_with" | "ends_with", _) => {
            let (text, part) = two(&values)?;
            Value::Bool(if name == "starts_with" { text.starts_with(&part) } else { text.ends_with(&part) })
        }
        ("contains", Value::Text(_)) => {
            let (text, part) = two(&values)?;
            Value::Bool(text.contains(&part))
        }
        ("contains", Value::List(elements)) => Value::Bool(values.get(1).is_some_and(|part| elements.contains(part))),
        ("join", Value::Text(separator)) => join(separator, values.get(1).unwrap_or(&Value::Null))?,
        ("merge", _) => merge(&values)?,
        ("avg" | "max" | "min" | "sort" | "sum", Value::List(elements)) => aggregate(name, elements)?,
        (_, other) => return Err(wrong(name, other, expected(name))),
    })
}

fn expected(name: &str) -> &'static str {
    match name {
        "abs" | "ceil" | "floor" => "['number']",
        "length" => "['string', 'array', 'object']",
        "reverse" | "contains" => "['array', 'string']",
        "keys" | "values" | "merge" => "['object']",
        "avg" | "sum" => "['array-number']",
        "max" | "min" => "['array-number', 'array-string']",
        "sort" => "['array-string', 'array-number']",
        "join" => "['array-string']",
        _ => "['string']",
    }
}

fn rounded(name: &str, number: &Number) -> Value {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        let absolute = number.as_i64().filter(|_| name == "abs").map(|integer| integer.unsigned_abs().into());
        return Value::Number(absolute.unwrap_or_else(|| number.clone()));
    };
    match name {
        "abs" => float_value(float.abs()),
        "ceil" => Value::Number((float.ceil() as i64).into()),
        _ => Value::Number((float.floor() as i64).into()),
    }
}

fn join(separator: &str, list: &Value) -> Result<Value, String> {
    let mut parts = Vec::new();
    for element in list.elements() {
        parts.push(element.as_text().ok_or_else(|| wrong_element("join", element))?);
    }
    match list {
        Value::List(_) => Ok(Value::Text(parts.join(separator))),
        other => Err(wrong("join", other, "['array-string']")),
    }
}

fn merge(values: &[Value]) -> Result<Value, String> {
    let mut merged = Object::default();
    for value in values {
        let Value::Object(object) = value else {
            return Err(wrong("merge", value, "['object']"));
        };
        object.fields.iter().for_each(|(key, value)| merged.set(key, value.clone()));
    }
    Ok(Value::Object(merged))
}

fn aggregate(name: &str, elements: &[Value]) -> Result<Value, String> {
    let may_be_text = matches!(name, "max" | "min" | "sort");
    let first = elements.first().map_or("number", type_name);
    for element in elements {
        let fits = matches!(element, Value::Number(_)) || may_be_text && matches!(element, Value::Text(_));
        if !fits || type_name(element) != first {
            return Err(wrong_element(name, element));
        }
    }
    let extreme = |wanted: Ordering| {
        let best = elements.iter().reduce(|best, next| if order(next, best) == wanted { next } else { best });
        best.cloned().unwrap_or(Value::Null)
    };
    Ok(match name {
        "max" => extreme(Ordering::Greater),
        "min" => extreme(Ordering::Less),
        "sort" => {
            let mut sorted = elements.to_vec();
            sorted.sort_by(order);
            Value::List(sorted)
        }
        "avg" if elements.is_empty() => Value::Null,
        "avg" => float_value(float_sum(elements) / elements.len() as f64),
        _ => integer_sum(elements).unwrap_or_else(|| float_value(float_sum(elements))),
    })
}

fn integer_sum(elements: &[Value]) -> Option<Value> {
    let add = |sum: i64, element: &Value| match element {
        Value::Number(number) => number.as_i64().and_then(|integer| sum.checked_add(integer)),
        _ => None,
    };
    elements.iter().try_fold(0, add).map(|sum| Value::Number(sum.into()))
}

fn float_sum(elements: &[Value]) -> f64 {
    let float = |element: &Value| {
        if let Value::Number(number) = element { number.as_f64() } else { None }
    };
    elements.iter().filter_map(float).sum()
}

fn float_value(float: f64) -> Value {
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

fn to_number(value: &Value) -> Value {
    match value {
        Value::Number(_) => value.clone(),
        Value::Text(text) => {
            let text = text.trim();
            let integer = text.parse::<i64>().ok().map(|integer| Value::Number(integer.into()));
            integer.unwrap_or_else(|| text.parse::<f64>().map_or(Value::Null, float_value))
        }
        _ => Value::Null,
    }
}

fn order(one: &Value, two: &Value) -> Ordering {
    match (one, two) {
        (Value::Text(one), Value::Text(two)) => one.cmp(two),
        (Value::Number(one), Value::Number(two)) => one.as_f64().partial_cmp(&two.as_f64()).unwrap_or(Ordering::Equal),
        _ => one.is_truthy().cmp(&two.is_truthy()),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Elements of a list are named by Python's types.
fn wrong_element(function: &str, element: &Value) -> String {
    let received = match element {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::Text(_) => "str",
        Value::List(_) => "list",
        Value::Object(object) if object.selected => "OrderedDict",
        Value::Object(_) => "dict",
    };
    wrong_type(function, element, expected(function), received)
}

fn wrong(function: &str, value: &Value, expected: &str) -> String {
    wrong_type(function, value, expected, type_name(value))
}

fn wrong_type(function: &str, value: &Value, expected: &str, received: &str) -> String {
    let shown = value.python_str();
    format!("In function {function}(), invalid type for value: {shown}, expected one of: {expected}, received: \"{received}\"")
}
