//! Files and functions: their size, their opening lines, their names.
//!
//! Every Rust file opens with 3 to 15 lines of `//!`, has at most 800 lines, no function of more than 70,
//! and no name that could hold anything (`utils` and its kind). The spread of file sizes is reported
//! by `sizes` and judged by people: half below 150 lines, nine in ten below 450.

use super::{Finding, Source};

const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 70;
const NO_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "types"];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().filter(|s| s.is_rust()).flat_map(file).collect()
}

fn file(source: &Source) -> Vec<Finding> {
    let at = |line: usize, text: String| Finding { path: source.path.clone(), line, text };
    let mut findings = Vec::new();
    let opening = source.text.lines().take_while(|l| l.starts_with("//!")).count();
    if !(3..=15).contains(&opening) {
        findings.push(at(1, format!("opens with {opening} lines of `//!`, not 3 to 15")));
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        findings.push(at(lines, format!("{lines} lines; split it at {FILE_LINES}")));
    }
    if let Some(name) = source.path.split('/').map(|part| part.trim_end_matches(".rs")).find(|n| NO_NAMES.contains(n)) {
        findings.push(at(0, format!("`{name}` says nothing: name the thing that is in it")));
    }
    for (number, line) in source.code.lines().enumerate() {
        let declared = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ").strip_prefix("mod ");
        let name = declared.unwrap_or_default().trim_end_matches([' ', ';', '{', '}']);
        if NO_NAMES.contains(&name) {
            findings.push(at(number + 1, format!("module `{name}` says nothing: name the thing that is in it")));
        }
    }
    let long = functions(&source.code).into_iter().filter(|f| f.lines > FUNCTION_LINES);
    findings.extend(long.map(|f| at(f.line, format!("`{}` has {} lines; at most {FUNCTION_LINES}", f.name, f.lines))));
    findings
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Every function with a body, by a rough scan of blanked code.
fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        if start > 0 && is_word(bytes[start - 1]) {
            continue;
        }
        let name: String = code[start + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue;
        }
        let (mut depth, mut end) = (0usize, None);
        for (offset, byte) in bytes[start..].iter().enumerate() {
            match byte {
                b'{' | b'(' | b'[' => depth += 1,
                b'}' | b')' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && *byte == b'}' {
                        end = Some(start + offset);
                        break;
                    }
                }
                b';' if depth == 0 => break,
                _ => {}
            }
        }
        if let Some(end) = end {
            let line = code[..start].matches('\n').count() + 1;
            found.push(Function { name, line, lines: code[start..=end].matches('\n').count() + 1 });
        }
    }
    found
}

/// How long the Rust files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Number of Rust files.
    pub files: usize,
    /// Lines in all of them.
    pub lines: usize,
    /// Lines of the file in the middle; the house wants fewer than 150.
    pub median: usize,
    /// Lines that nine files in ten stay below; the house wants fewer than 450.
    pub ninth_decile: usize,
    /// The longest file and its lines.
    pub longest: (String, usize),
}

/// The spread of file sizes.
pub fn sizes(sources: &[Source]) -> Sizes {
    let mut files: Vec<(usize, &str)> = sources.iter().filter(|s| s.is_rust()).map(|s| (s.text.lines().count(), s.path.as_str())).collect();
    files.sort_unstable();
    let nth = |tenths: usize| files.get((files.len() * tenths / 10).min(files.len().saturating_sub(1))).map_or(0, |f| f.0);
    Sizes {
        files: files.len(),
        lines: files.iter().map(|f| f.0).sum(),
        median: nth(5),
        ninth_decile: nth(9),
        longest: files.last().map_or_else(Default::default, |f| (f.1.to_owned(), f.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENING: &str = "//! One.\n//! Two.\n//! Three.\n";

    fn texts(path: &str, text: &str) -> Vec<String> {
        check(&[Source::new(path, text)]).into_iter().map(|f| f.text).collect()
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        assert!(texts("crates/a/src/b.rs", OPENING).is_empty());
        assert_eq!(texts("crates/a/src/b.rs", "//! One.\nfn a() {}\n").len(), 1);
        assert_eq!(texts("crates/a/src/b.rs", &"//! x\n".repeat(16)).len(), 1);
    }

    #[test]
    fn a_long_function_is_found_and_a_long_file_too() {
        let body = |n: usize| format!("{OPENING}fn a(x: [u8; 2]) {{\n{}}}\nfn b();\n", "    let s = \"}\";\n".repeat(n));
        assert!(texts("crates/a/src/b.rs", &body(68)).is_empty());
        assert!(texts("crates/a/src/b.rs", &body(69))[0].contains("`a` has 71 lines"));
        assert_eq!(texts("crates/a/src/b.rs", &format!("{OPENING}{}", "\n".repeat(798))).len(), 1);
    }

    #[test]
    fn names_that_hold_anything_are_refused() {
        assert_eq!(texts("crates/a/src/utils.rs", OPENING).len(), 1);
        assert_eq!(texts("crates/a/src/b.rs", &format!("{OPENING}pub mod types;\n")).len(), 1);
        assert!(texts("crates/a/src/b.rs", &format!("{OPENING}pub mod offer;\n")).is_empty());
    }
}
