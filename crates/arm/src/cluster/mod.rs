//! Managed clusters: a PUT's body merged with what is stored, and documents as bodies.
//!
//! A value that equals what a GET shows is no difference. Properties that the project does nothing with are kept and shown again,
//! secrets excepted: passwords are never stored.

mod body;
mod merge;
mod profile;

pub use body::{View, body, credentials, resource};
pub use merge::{Context, merge, patch};

#[cfg(test)]
mod tests;
