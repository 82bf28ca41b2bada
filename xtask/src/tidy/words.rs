//! What code and documents do not talk about: the workplace that they were written in.
//!
//! Paths of one machine, who wrote a line, and numbers of tickets mean nothing to a reader of the repository.
//! Upstream references keep their project's name in front (`AKS#4298`) and are welcome. In Rust the
//! rules look at whole lines, in other files too; this file is left out, since it lists the words.

use super::{Finding, Source};

/// Lower case; a line that holds one is a finding.
const PHRASES: [&str; 22] = [
    "/work/",
    "../shared",
    "shared/spec",
    "shared/tools",
    "this session",
    "previous session",
    "earlier session",
    "next session",
    "a later session",
    "other session",
    "helper agent",
    "subagent",
    "sub-agent",
    "coding agent",
    "ai agent",
    "this agent",
    "other agents",
    "language model",
    "proxy.golang.org",
    "pypi.org",
    "pythonhosted.org",
    "registry.npmjs",
];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().filter(|s| !s.path.ends_with("tidy/words.rs")).flat_map(file).collect()
}

fn file(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        let mut say = |text: String| findings.push(Finding { path: source.path.clone(), line: number + 1, text });
        let lower = line.to_lowercase();
        if let Some(phrase) = PHRASES.iter().find(|p| lower.contains(**p)) {
            say(format!("`{phrase}` is about the workplace, not the product"));
        }
        if let Some(ticket) = ticket(&lower) {
            say(format!("`{ticket}`: a ticket's number explains nothing to a reader; say the reason"));
        }
    }
    findings
}

/// `issue 3` or a bare `#12`: one or two digits, no project's name in front.
fn ticket(line: &str) -> Option<&str> {
    let digits = |at: usize| line[at..].bytes().take_while(u8::is_ascii_digit).count();
    let ends = |at: usize| !line[at..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ';'));
    for (marker, free) in [("#", true), ("issue ", false), ("issue #", false)] {
        for (at, _) in line.match_indices(marker) {
            let from = at + marker.len();
            let count = digits(from);
            // A bare number must stand alone: `AKS#42`, `(#12a)`, `&#39;` and `"#10"` are something else.
            let alone = !free || at == 0 || line[..at].ends_with([' ', '(']);
            if (1..=2).contains(&count) && ends(from + count) && alone {
                return Some(&line[at..from + count]);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&[Source::new("docs/a.md", text)]).len()
    }

    #[test]
    fn the_workplace_is_not_mentioned() {
        for text in ["see /work/main", "as issue 3 says", "fixes #12", "(#7)", "found in an earlier session"] {
            assert_eq!(count(text), 1, "{text}");
        }
    }

    #[test]
    fn upstream_references_and_ordinary_words_are_welcome() {
        for text in ["AKS#4298", "AKS#42", "a TLS session", "User-Agent", "network/", "#123456", "# 1. Names", "[a](#1-names)", "rework/x"]
        {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
