//! Disruption budgets, and the counts or shares that they and upgrades are bounded by.
//!
//! What a budget allows is computed by the room `workload` from live counts; the status kept here is output.

use crate::pod::Condition;
use crate::selector::Selector;
use crate::{Name, Rest, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A PodDisruptionBudget.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// What was asked for.
    pub spec: BudgetSpec,
    /// What was last computed.
    pub status: BudgetStatus,
}

/// What a budget asks for: at most one of the two bounds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetSpec {
    /// How many must stay healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrPercent>,
    /// How many may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// Which pods; absent matches none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// `IfHealthyBudget` (when absent) or `AlwaysAllow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_pod_eviction_policy: Option<Name>,
}

/// What was last computed of a budget.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetStatus {
    /// Generation that this was computed from.
    pub observed_generation: i64,
    /// How many evictions are allowed now.
    pub disruptions_allowed: i32,
    /// How many are healthy.
    pub current_healthy: i32,
    /// How many must be.
    pub desired_healthy: i32,
    /// How many there are.
    pub expected_pods: i32,
    /// Pods evicted but not yet seen to go.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub disrupted_pods: BTreeMap<Name, Time>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A count or a share, as `3` or `"30%"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IntOrPercent {
    /// A count.
    Int(i32),
    /// Hundredths of the whole.
    Percent(i32),
}

impl IntOrPercent {
    /// The count out of `total`, a share rounded up.
    pub fn scaled_up(&self, total: i32) -> i32 {
        match *self {
            IntOrPercent::Int(count) => count,
            IntOrPercent::Percent(percent) => ((i64::from(percent) * i64::from(total) + 99).div_euclid(100)) as i32,
        }
    }
    /// The count out of `total`, a share rounded down.
    pub fn scaled_down(&self, total: i32) -> i32 {
        match *self {
            IntOrPercent::Int(count) => count,
            IntOrPercent::Percent(percent) => (i64::from(percent) * i64::from(total)).div_euclid(100) as i32,
        }
    }
    /// Reads `3` or `30%`.
    pub fn parse(text: &str) -> Option<IntOrPercent> {
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(IntOrPercent::Percent),
            None => text.parse().ok().map(IntOrPercent::Int),
        }
    }
}

impl std::fmt::Display for IntOrPercent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IntOrPercent::Int(count) => write!(f, "{count}"),
            IntOrPercent::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for IntOrPercent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            IntOrPercent::Int(count) => serializer.serialize_i32(*count),
            IntOrPercent::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrPercent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<IntOrPercent, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = match &value {
            serde_json::Value::Number(number) => number.as_i64().and_then(|n| i32::try_from(n).ok()).map(IntOrPercent::Int),
            serde_json::Value::String(text) => IntOrPercent::parse(text),
            _ => None,
        };
        read.ok_or_else(|| serde::de::Error::custom(format_args!("{value} is neither a count nor a percentage")))
    }
}
