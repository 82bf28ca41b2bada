//! The house style as a test: what the compiler and clippy cannot see.
//!
//! `check` reads every text of the checkout once and asks each rule for its findings. A rule is a function
//! from sources to findings and knows no file system, so its tests hand it invented sources.
//! Only the standard library is used: `crates/testkit/tests/tidy.rs` includes this folder as it is,
//! which makes the checks part of a plain `cargo test`.
//! Style that needs a parser, types or taste is deliberately not here: clippy and reviewers have it.

mod arrows;
mod layout;
mod purity;
mod source;
mod words;

pub use layout::{Sizes, sizes};
pub use source::{Source, read_tree};

use std::path::Path;

/// One broken rule: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path below the root.
    pub path: String,
    /// Counted from 1; 0 when the finding is about the whole file.
    pub line: usize,
    /// What is wrong, as a sentence that names the rule.
    pub text: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Every finding in the checkout at `root`, in order of path and line; empty when all is tidy.
pub fn check(root: &Path) -> std::io::Result<Vec<Finding>> {
    let sources = read_tree(root)?;
    let mut findings: Vec<Finding> =
        [arrows::check, layout::check, purity::check, words::check].iter().flat_map(|rule| rule(&sources)).collect();
    findings.sort();
    Ok(findings)
}
