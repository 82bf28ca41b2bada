//! The texts that tidy judges, and a scanner good enough to tell Rust code from comments and strings.
//!
//! `code` has the same lines as the text, with comments and the insides of literals blanked, so that a
//! rule about code does not trip over prose. The scanner knows nested comments, raw strings and the
//! difference between a lifetime and a character; macros are code to it. It is no parser.

use std::path::Path;

/// One text file of the checkout.
pub struct Source {
    /// Path below the root, with `/`.
    pub path: String,
    /// The bytes as they are.
    pub text: String,
    /// Rust only: the text with comments and literals blanked, line by line the same; empty for other files.
    pub code: String,
}

impl Source {
    /// A source as if it had been read from `path`.
    pub fn new(path: &str, text: &str) -> Source {
        let code = if path.ends_with(".rs") { blank(text) } else { String::new() };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// True for Rust files.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The room of a file below `crates/`.
    pub fn room(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// True for a room's product code: not its tests, benches or examples.
    pub fn is_product(&self) -> bool {
        self.is_rust()
            && self.path.split('/').nth(2) == Some("src")
            && !self.path.contains("/tests/")
            && !self.path.ends_with("/tests.rs")
            && !self.path.ends_with("_tests.rs")
            && self.room() != Some("testkit")
    }

    /// Numbered lines of product code: literals and comments blanked, everything from a trailing
    /// `#[cfg(test)] mod` on left out.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.code.lines().collect();
        let end = (0..lines.len())
            .find(|&i| {
                lines[i].starts_with("#[cfg(test)]")
                    && lines[i + 1..].iter().find(|l| !l.starts_with("#[")).is_some_and(|l| l.starts_with("mod ") && l.ends_with('{'))
            })
            .unwrap_or(lines.len());
        lines.into_iter().take(end).enumerate().map(|(i, line)| (i + 1, line))
    }
}

const TEXT: [&str; 12] = ["rs", "md", "toml", "py", "sh", "go", "yaml", "yml", "json", "tf", "run", "txt"];

/// Every text file that is ours: not the build output, not the history, not module checksums.
pub fn read_tree(root: &Path) -> std::io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), ".git" | "target" | "__pycache__" | "node_modules") {
                    folders.push(path);
                }
                continue;
            }
            let kind = name.rsplit('.').next().unwrap_or_default();
            if TEXT.contains(&kind)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let below = path.strip_prefix(root).unwrap_or(&path);
                sources.push(Source::new(&below.to_string_lossy(), &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// Blanks comments and the insides of string and character literals.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let previous_is_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if rest[0] == b'"' {
            string(rest, 0)
        } else if !previous_is_word && raw_hashes(rest).is_some() {
            raw_string(rest)
        } else if rest[0] == b'\'' {
            character(rest)
        } else {
            0
        };
        if length == 0 {
            // Bytes above ASCII occur in comments and literals only; a blank keeps the columns.
            out.push(if rest[0].is_ascii() { rest[0] as char } else { ' ' });
            at += 1;
        } else {
            out.extend(rest[..length].iter().map(|&b| if b == b'\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    out
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Number of `#` when a raw string begins here.
fn raw_hashes(rest: &[u8]) -> Option<usize> {
    let after = rest.strip_prefix(b"r").or_else(|| rest.strip_prefix(b"br"))?;
    let hashes = after.iter().take_while(|&&b| b == b'#').count();
    (after.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = raw_hashes(rest).unwrap_or(0);
    let open = rest.iter().position(|&b| b == b'"').unwrap_or(0) + 1;
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    rest[open..].windows(close.len()).position(|w| w == close).map_or(rest.len(), |i| open + i + close.len())
}

/// Length of a character literal, 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'\\') => rest.iter().skip(3).position(|&b| b == b'\'').map_or(0, |i| i + 4),
        Some(first) => {
            let width = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let text = "a /* b\n/* c */ */ d // e\nlet s = \"f\\\"g\"; r#\"h\"i\"#; 'x' '\\'' 'static";
        let code = blank(text);
        assert_eq!(code.lines().count(), text.lines().count());
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "d", "let", "s", "=", ";", ";", "'static"]);
    }

    #[test]
    fn a_test_module_at_the_end_is_not_product_code() {
        let source = Source::new("crates/model/src/lib.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n");
        assert_eq!(source.product_lines().count(), 1);
    }
}
