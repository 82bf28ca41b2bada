//! Counts and percentages: `3` or `"30%"`.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use serde_json::Value;

/// The number of a count or percentage; 0 where it is neither.
pub fn number(at: &At) -> i64 {
    match at.value {
        Value::String(text) => text.strip_suffix('%').unwrap_or(text).parse().unwrap_or_default(),
        value => value.as_i64().unwrap_or_default(),
    }
}

/// A count from 0 or a percentage.
pub fn count_or_percent(at: &At, errors: &mut Errors) {
    match at.value {
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                errors.push(at.invalid(
                    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex \
                     used for validation is '[0-9]+%')",
                ));
            }
        }
        _ => at.not_negative(errors),
    }
}

/// Not above 100%.
pub fn at_most_all(at: &At, errors: &mut Errors) {
    let is_percent = at.value.as_str().is_some_and(|text| text.ends_with('%'));
    if is_percent && number(at) > 100 {
        errors.push(at.invalid("must not be greater than 100%"));
    }
}
