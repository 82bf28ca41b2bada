//! Options of create, update and patch: dry run, field validation, field manager.
//!
//! Invariant: what is no word of the contract is refused (422), whether or not the write would have been taken.
//! Not here: what the options do.

use super::{Query, first, invalid_options};
use crate::status::{FieldError, FieldPath, Status};
use serde_json::Value;

/// What happens to unknown and repeated fields of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Nothing.
    Ignore,
    /// A `Warning` header each; upstream's default.
    #[default]
    Warn,
    /// 400; kubectl's default.
    Strict,
}

/// Options of a write.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Do everything but store.
    pub dry_run: bool,
    /// See [`FieldValidation`].
    pub field_validation: FieldValidation,
    /// Who writes, for `managedFields`; empty when unsaid.
    pub field_manager: String,
}

impl WriteOptions {
    /// Reads and validates the parameters. `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`: errors name it.
    pub fn parse(query: Query<'_>, kind: &str) -> Result<WriteOptions, Status> {
        let mut errors = Vec::new();
        let dry_run = dry_run(query.iter().filter(|(key, _)| key == "dryRun").map(|(_, value)| value.as_str()), &mut errors);
        let wanted = first(query, "fieldValidation").unwrap_or_default();
        let field_validation = match wanted {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                let supported = &["", "Ignore", "Strict", "Warn"];
                errors.push(FieldError::not_supported(&FieldPath::new("fieldValidation"), other, supported));
                FieldValidation::Warn
            }
        };
        invalid_options(kind, &errors)?;
        let field_manager = first(query, "fieldManager").unwrap_or_default().to_owned();
        Ok(WriteOptions { dry_run, field_validation, field_manager })
    }
}

/// `All` is the only word; anything else is reported with the whole list.
pub(super) fn dry_run<'a>(words: impl Iterator<Item = &'a str>, errors: &mut Vec<FieldError>) -> bool {
    let words: Vec<&str> = words.collect();
    if words.iter().any(|word| *word != "All") {
        let path = FieldPath::new("dryRun");
        errors.push(FieldError::not_supported(&path, Value::from(words.clone()), &["All"]));
    }
    !words.is_empty()
}
