//! How text is written in YAML: plain where it reads back as the same text, else in single quotes, else in double.
//!
//! Facts of the peer (PyYAML, YAML 1.1): `yes`, `on`, `1_000`, `0b1`, `12:30` and dates would read back as other
//! types; text with line breaks is never plain; text breaks at a single space after column 80.

use super::yaml::Emitter;

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
}

const BREAKS: [char; 4] = ['\n', '\u{85}', '\u{2028}', '\u{2029}'];
const SPACES: [char; 8] = ['\0', ' ', '\t', '\r', '\n', '\u{85}', '\u{2028}', '\u{2029}'];

/// Whether there is a line break in it.
pub(super) fn is_multiline(text: &str) -> bool {
    text.contains(BREAKS)
}

/// The style of a text, as a key or elsewhere.
pub(super) fn style(text: &str, is_key: bool) -> Style {
    let chars: Vec<char> = text.chars().collect();
    let pairs = || chars.iter().zip(chars.iter().skip(1));
    let space_break = pairs().any(|(one, two)| *one == ' ' && BREAKS.contains(two));
    let break_space = pairs().any(|(one, two)| BREAKS.contains(one) && *two == ' ');
    let is_special = space_break || chars.iter().any(|ch| !is_printable(*ch));
    let edge = |ch: Option<&char>| ch.is_some_and(|ch| *ch == ' ' || BREAKS.contains(ch));
    let is_plain = !is_special
        && !text.is_empty()
        && !is_multiline(text)
        && !edge(chars.first())
        && !edge(chars.last())
        && !has_indicator(&chars)
        && !reads_as_other_type(text);
    match () {
        () if is_plain => Style::Plain,
        () if is_special || break_space || (is_key && is_multiline(text)) => Style::Double,
        () => Style::Single,
    }
}

fn is_printable(ch: char) -> bool {
    matches!(ch, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10fffe}')
        && ch != '\u{feff}'
}

/// Characters that would mean something else in a block.
fn has_indicator(chars: &[char]) -> bool {
    let spaced = |index: usize| chars.get(index).is_none_or(|ch| SPACES.contains(ch));
    let text: String = chars.iter().take(3).collect();
    let first = chars.first().is_some_and(|ch| match ch {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
        '?' | ':' | '-' => spaced(1),
        _ => false,
    });
    let later = (1..chars.len()).any(|index| match chars[index] {
        ':' => spaced(index + 1),
        '#' => SPACES.contains(&chars[index - 1]),
        _ => false,
    });
    first || later || text == "---" || text == "..."
}

/// Text that YAML 1.1 would read as null, a boolean, a number, a time, `<<` or `=`.
fn reads_as_other_type(text: &str) -> bool {
    const WORDS: [&str; 30] = [
        "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF",
        "~", "null", "Null", "NULL", "", "<<", "=", ".nan", ".NaN", ".NAN", "+.inf", "-.inf",
    ];
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    WORDS.contains(&text)
        || [".inf", ".Inf", ".INF"].contains(&unsigned)
        || is_integer(unsigned)
        || is_float(text, unsigned)
        || is_time(text)
}

fn all(text: &str, allowed: &str) -> bool {
    !text.is_empty() && text.chars().all(|ch| allowed.contains(ch))
}

fn is_integer(text: &str) -> bool {
    let decimal = |text: &str| text.starts_with(|ch: char| ch.is_ascii_digit()) && all(text, "0123456789_");
    let prefixed = |prefix: &str, allowed: &str| text.strip_prefix(prefix).is_some_and(|rest| all(rest, allowed));
    prefixed("0b", "01_")
        || prefixed("0x", "0123456789abcdefABCDEF_")
        || prefixed("0", "01234567_")
        || text == "0"
        || (!text.starts_with('0') && decimal(text))
        || (!text.starts_with('0') && sexagesimal(text).is_some_and(|rest| rest.is_empty()))
}

/// Digits, then `:` and 0 to 59 at least once; what is left behind them.
fn sexagesimal(text: &str) -> Option<&str> {
    let (head, mut rest) = text.split_once(':')?;
    if !(head.starts_with(|ch: char| ch.is_ascii_digit()) && all(head, "0123456789_")) {
        return None;
    }
    loop {
        let end = rest.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(rest.len());
        if end == 0 || end > 2 || (end == 2 && rest.as_bytes()[0] > b'5') {
            return None;
        }
        match rest[end..].strip_prefix(':') {
            Some(next) => rest = next,
            None => return Some(&rest[end..]),
        }
    }
}

fn is_float(text: &str, unsigned: &str) -> bool {
    let tail = |text: &str| {
        let (digits, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(digits, rest)| (digits, Some(rest)));
        let exponent_fits =
            exponent.is_none_or(|exponent| exponent.strip_prefix(['-', '+']).is_some_and(|digits| all(digits, "0123456789")));
        exponent_fits && (digits.is_empty() || all(digits, "0123456789_"))
    };
    if let Some(fraction) = text.strip_prefix('.') {
        return fraction.starts_with(|ch: char| ch.is_ascii_digit()) && tail(fraction);
    }
    let Some((whole, fraction)) = unsigned.split_once('.') else {
        return false;
    };
    let is_decimal = whole.starts_with(|ch: char| ch.is_ascii_digit()) && all(whole, "0123456789_");
    let is_sixty = sexagesimal(whole).is_some_and(str::is_empty);
    (is_decimal && tail(fraction)) || (is_sixty && (fraction.is_empty() || all(fraction, "0123456789_")))
}

/// `2026-01-31`, or that with a time of day behind `T` or white space.
fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(3, '-').collect();
    let [year, month, rest] = parts.as_slice() else {
        return false;
    };
    let digits = |text: &str, lengths: &[usize]| lengths.contains(&text.len()) && all(text, "0123456789");
    if !digits(year, &[4]) || !digits(month, &[1, 2]) {
        return false;
    }
    let end = rest.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(rest.len());
    let (day, rest) = rest.split_at(end);
    if rest.is_empty() {
        return month.len() == 2 && day.len() == 2;
    }
    let separated = rest.strip_prefix(['T', 't']).unwrap_or_else(|| rest.trim_start_matches([' ', '\t']));
    digits(day, &[1, 2]) && separated.len() < rest.len() && is_clock(separated)
}

/// `h:mm:ss`, a fraction or none, then `Z`, an offset or nothing.
fn is_clock(text: &str) -> bool {
    let digits = |text: &str, lengths: &[usize]| lengths.contains(&text.len()) && all(text, "0123456789");
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    let [hour, minute, rest] = parts.as_slice() else {
        return false;
    };
    let Some((second, rest)) = rest.split_at_checked(2) else {
        return false;
    };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|ch: char| ch.is_ascii_digit()),
        None => rest,
    };
    let zone = zone.trim_start_matches([' ', '\t']);
    let is_zone = zone == "Z"
        || zone.strip_prefix(['-', '+']).is_some_and(|offset| match offset.split_once(':') {
            Some((hours, minutes)) => digits(hours, &[1, 2]) && digits(minutes, &[2]),
            None => digits(offset, &[1, 2]),
        });
    let ends = is_zone || rest.is_empty() || (zone.is_empty() && rest.starts_with('.') && !rest.ends_with([' ', '\t']));
    digits(hour, &[1, 2]) && digits(minute, &[2]) && digits(second, &[2]) && ends
}

impl Emitter {
    /// Plain text has no line breaks: it can only break at a single space.
    pub(super) fn plain(&mut self, chars: &[char], indent: usize, may_split: bool) {
        self.words(chars, indent, may_split, false);
    }

    /// Text in single quotes.
    pub(super) fn single(&mut self, chars: &[char], indent: usize, may_split: bool) {
        self.push("'");
        self.words(chars, indent, may_split, true);
        self.push("'");
    }

    fn words(&mut self, chars: &[char], indent: usize, may_split: bool, is_quoted: bool) {
        let mut start = 0;
        while start < chars.len() {
            let kind = |ch: char| {
                if ch == ' ' {
                    0
                } else if BREAKS.contains(&ch) {
                    1
                } else {
                    2
                }
            };
            let run = chars[start..].iter().take_while(|ch| kind(**ch) == kind(chars[start])).count();
            let end = start + run;
            let text: String = chars[start..end].iter().collect();
            let is_inner = !is_quoted || (start != 0 && end != chars.len());
            match kind(chars[start]) {
                0 if run == 1 && self.may_break() && may_split && is_inner => {
                    self.indent(indent);
                    self.in_text();
                }
                1 => {
                    if text.starts_with('\n') {
                        self.line_break('\n');
                    }
                    text.chars().for_each(|ch| self.line_break(ch));
                    self.indent(indent);
                    self.in_text();
                }
                2 if is_quoted => self.push(&text.replace('\'', "''")),
                _ => self.push(&text),
            }
            start = end;
        }
    }

    /// Text in double quotes, with escapes.
    pub(super) fn double(&mut self, chars: &[char], indent: usize, may_split: bool) {
        self.push("\"");
        let mut start = 0;
        for end in 0..=chars.len() {
            let ch = chars.get(end).copied();
            let is_literal = ch.is_some_and(|ch| {
                matches!(ch, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
                    && !matches!(ch, '"' | '\\' | '\u{2028}' | '\u{2029}' | '\u{feff}')
            });
            if !is_literal {
                self.push(&chars[start..end].iter().collect::<String>());
                start = end;
                if let Some(ch) = ch {
                    self.push(&escape(ch));
                    start = end + 1;
                }
            }
            let is_inner = end > 0 && end + 1 < chars.len();
            let at_break = ch == Some(' ') || start >= end;
            if is_inner && at_break && may_split && self.would_pass(start, end) {
                self.push(&(chars[start..end.max(start)].iter().collect::<String>() + "\\"));
                start = start.max(end);
                self.indent(indent);
                self.in_text();
                if chars.get(start) == Some(&' ') {
                    self.push("\\");
                }
            }
        }
        self.push("\"");
    }
}

fn escape(ch: char) -> String {
    let short = match ch {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match ch as u32 {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
