//! Events: what happened to an object, in the words that Kubernetes users know.
//!
//! core/v1 and events.k8s.io/v1 are one store; the shape kept is core/v1.

use crate::{Key, Name, Rest, Time};
use serde::{Deserialize, Serialize};

/// An event.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// What it is about.
    pub involved_object: ObjectRef,
    /// A word for what happened.
    pub reason: Name,
    /// A sentence for what happened.
    pub message: Name,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: Name,
    /// How often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
    /// First time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<Time>,
    /// Last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<Time>,
    /// Who saw it.
    pub source: Source,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Who saw an event.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The component.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub component: Name,
    /// The node it ran on.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub host: Name,
}

/// A reference to an object.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// Its kind.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub kind: Name,
    /// Its namespace.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub namespace: Name,
    /// Its name.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// Its unique id.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub uid: Name,
    /// Its group and version.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub api_version: Name,
    /// Its revision.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub resource_version: Name,
    /// A part of it.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub field_path: Name,
}

/// An event that one of our own controllers wants written; repeats within the same object, reason and message become a count.
#[derive(Clone, PartialEq, Debug)]
pub struct Notice {
    /// What it is about.
    pub about: Key,
    /// Whether it is a warning.
    pub warning: bool,
    /// A word for what happened.
    pub reason: &'static str,
    /// A sentence for what happened.
    pub message: Name,
    /// Who saw it, such as `default-scheduler`.
    pub component: &'static str,
}
