//! Label selectors and field selectors: parse, print, match.
//!
//! Invariant: what cannot be answered is refused (400), never silently widened to all objects. Not here: the selector
//! *indexes* of a watch, and `spec.selector` of workload objects beyond [`LabelSelector::from_spec`].

mod field;
mod label;
mod lexer;

pub use field::{FieldSelector, FieldSet, FieldTerm};
pub use label::{LabelSelector, Operator, Requirement};
