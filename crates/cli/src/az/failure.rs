//! Why a command ended: what goes to stderr and the exit code.
//!
//! Exit codes are those of az: 1 for errors, 2 for a command line that cannot be read, 3 for what was not found (and,
//! ours, when nothing runs). Servers' refusals are printed as az prints them, detail by detail.

use std::fmt;

use serde_json::Value as Json;

/// A command's end without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 1, 2 or 3.
    pub exit_code: u8,
    /// Without the leading `ERROR: `; may have several lines.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// A client-side check said no: exit code 1.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { exit_code: 1, message: message.into() }
    }

    /// What was named does not exist, or no server runs: exit code 3.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { exit_code: 3, message: message.into() }
    }

    /// An error answer of ARM, in either of its two envelopes.
    pub fn from_response(status: http::StatusCode, body: &[u8]) -> Self {
        let exit_code = if status == http::StatusCode::NOT_FOUND { 3 } else { 1 };
        let parsed = serde_json::from_slice(body).ok().and_then(|json: Json| described(&json));
        let message = parsed.unwrap_or_else(|| {
            let reason = status.canonical_reason().unwrap_or("");
            let text = String::from_utf8_lossy(body);
            let content = if text.is_empty() { String::new() } else { format!("\nContent: {text}") };
            format!("Operation returned an invalid status '{reason}'{content}")
        });
        Self { exit_code, message }
    }

    /// The `error` of an operation that ended as Failed or Canceled.
    pub fn from_operation(status: &str, body: &Json) -> Self {
        let message = match body.get("error").and_then(described) {
            Some(described) => described,
            None => format!("Operation returned an invalid status '{status}'"),
        };
        Self::refused(message)
    }
}

/// `(Code) Message`, then the parts one by one, details indented. `None` when there is neither code nor message.
fn described(json: &Json) -> Option<String> {
    let error = json.get("error").unwrap_or(json);
    let part = |name: &str| error.get(name).filter(|value| !value.is_null() && *value != "");
    part("code").or(part("message"))?;
    let text = |name: &str| match error.get(name) {
        Some(Json::String(text)) => text.clone(),
        None | Some(Json::Null) => "None".to_owned(),
        Some(other) => other.to_string(),
    };
    let (code, message) = (text("code"), text("message"));
    let mut lines = format!("({code}) {message}\nCode: {code}\nMessage: {message}");
    if part("target").is_some() {
        lines.push_str(&format!("\nTarget: {}", text("target")));
    }
    let details = error.get("details").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let details: Vec<String> = details.iter().filter_map(described).collect();
    if !details.is_empty() {
        lines.push_str("\nException Details:");
        for detail in details {
            let indented: Vec<_> = detail.lines().map(|line| format!("\t{line}")).collect();
            lines.push_str(&indented.join("\n")); // az puts no break between two details either
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    /// Captured from az 2.91: it puts no line break between two details.
    #[test]
    fn a_refusal_is_printed_as_az_prints_it() {
        let bare = r#"{"code":"ErrCode_X","details":[{"code":"SP-1","message":"one"},{"code":"SP-2","message":"two"}],
            "message":"refused.\nsecond line","subcode":"","target":"properties.vmSize"}"#;
        let failure = Failure::from_response(StatusCode::BAD_REQUEST, bare.as_bytes());
        let expected = "(ErrCode_X) refused.\nsecond line\nCode: ErrCode_X\nMessage: refused.\nsecond line\n\
            Target: properties.vmSize\nException Details:\t(SP-1) one\n\tCode: SP-1\n\tMessage: one\
            \t(SP-2) two\n\tCode: SP-2\n\tMessage: two";
        assert_eq!((failure.exit_code, failure.message.as_str()), (1, expected));
    }

    #[test]
    fn what_is_not_found_exits_3_in_either_envelope() {
        let wrapped = br#"{"error":{"code":"ResourceGroupNotFound","message":"Resource group 'x' could not be found."}}"#;
        let failure = Failure::from_response(StatusCode::NOT_FOUND, wrapped);
        assert_eq!(failure.exit_code, 3);
        assert!(failure.message.starts_with("(ResourceGroupNotFound) Resource group 'x' could not be found.\nCode: "));
    }

    #[test]
    fn an_answer_that_is_no_json_is_shown() {
        let failure = Failure::from_response(StatusCode::BAD_GATEWAY, b"bad");
        assert_eq!(failure.message, "Operation returned an invalid status 'Bad Gateway'\nContent: bad");
    }
}
