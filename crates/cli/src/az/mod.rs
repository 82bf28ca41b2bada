//! What makes output and messages equal to those of az 2.91: ordered values, the shape of its results, `--query`,
//! and its seven output formats.
//!
//! Invariant: for the same answer of the server, stdout is the same, byte for byte; conformance compares both.
//! No request is made here.

mod failure;
pub mod output;
mod query;
mod shape;
mod value;

pub use failure::Failure;
pub use query::Query;
pub use shape::Shape;
pub use value::{Object, Value};
