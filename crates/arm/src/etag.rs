//! Conditions on eTags as headers carry them (aks-semantics X-1), and what makes a repeated request known.
//!
//! Quotes and `W/` do not count. Whether a condition holds is decided at admission.

use crate::errors::ArmError;
use nodelane_model::change::EtagConditions;
use nodelane_model::hash::Hash;

/// The conditions of `If-Match` and `If-None-Match`; an empty header is none.
pub fn conditions(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<EtagConditions, ArmError> {
    let plain = |header: Option<&str>| {
        let text = header.map(str::trim).filter(|text| !text.is_empty())?;
        let text = text.strip_prefix("W/").unwrap_or(text);
        Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned())
    };
    match (plain(if_match), plain(if_none_match)) {
        (Some(_), Some(_)) => Err(ArmError::BothConditions),
        (None, Some(tag)) if tag != "*" => Err(ArmError::IfNoneMatchTag),
        (if_match, if_none_match) => Ok(EtagConditions { if_match: if_match.map(Into::into), if_none_match: if_none_match.is_some() }),
    }
}

/// A number that is the same for the same body.
pub fn request_hash(body: &[u8]) -> u64 {
    Hash::new(0).bytes(body).get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_weakness_do_not_count() {
        for header in ["x", "\"x\"", "W/\"x\"", " \"x\" "] {
            let read = conditions(Some(header), None).unwrap();
            assert_eq!(read.if_match.as_deref(), Some("x"), "{header}");
        }
        assert_eq!(conditions(Some(""), Some("*")).unwrap(), EtagConditions { if_match: None, if_none_match: true });
        assert_eq!(conditions(None, None).unwrap(), EtagConditions::default());
    }

    #[test]
    fn a_tag_in_if_none_match_and_both_headers_are_refused() {
        assert_eq!(conditions(None, Some("\"x\"")), Err(ArmError::IfNoneMatchTag));
        assert_eq!(conditions(Some("*"), Some("*")), Err(ArmError::BothConditions));
    }
}
