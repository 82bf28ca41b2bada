//! Label selectors as documents hold them (`matchLabels`, `matchExpressions`).
//!
//! An absent selector matches nothing, an empty one everything; which of the two a caller has is an `Option` there. The textual
//! form of list calls is in the room `k8s`.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Requirements on labels; all must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels that must have exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<Name, Name>,
    /// Further requirements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement on a label.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Requirement {
    /// The label's key.
    pub key: Name,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`; node selectors also `Gt`, `Lt`.
    pub operator: Name,
    /// Values, as the operator needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Name>,
}

impl Requirement {
    /// Whether labels satisfy this requirement; an unknown operator never does.
    pub fn matches(&self, labels: &BTreeMap<Name, Name>) -> bool {
        self.holds(labels.get(&self.key))
    }

    /// Whether a label's value, or its absence, satisfies this requirement.
    pub fn holds(&self, value: Option<&Name>) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        match self.operator.as_str() {
            "In" => value.is_some_and(|v| self.values.contains(v)),
            "NotIn" => value.is_none_or(|v| !self.values.contains(v)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" | "Lt" => {
                let limit = self.values.first().and_then(|v| number(v));
                match (value.and_then(|v| number(v)), limit) {
                    (Some(v), Some(limit)) => (self.operator == "Gt" && v > limit) || (self.operator == "Lt" && v < limit),
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

impl Selector {
    /// Whether labels satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<Name, Name>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }
    /// Whether it has no requirement.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}
