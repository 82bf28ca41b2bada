//! Decoding `application/x-www-form-urlencoded`, of a query or a body.
//!
//! Invariants: a bounded number of fields; a field that occurs twice or is not UTF-8 is refused, because two readers
//! could understand it differently.

use std::collections::BTreeMap;

/// A token request has 7 fields, with an assertion 9.
const FIELDS_MAX: usize = 32;

/// The fields by name, `None` when malformed.
pub(super) fn parse(text: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for pair in text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
        let split = pair.iter().position(|&byte| byte == b'=');
        let (name, value) = split.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        if fields.len() == FIELDS_MAX || fields.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => (digit(*rest.next()?)? << 4) | digit(*rest.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_plus_are_decoded() {
        let fields = parse(b"scope=https%3A%2F%2Fx%2F%2F.default&a=b+c%2b&empty=&flag&&u=%C3%A4").unwrap();
        let expected = [("a", "b c+"), ("empty", ""), ("flag", ""), ("scope", "https://x//.default"), ("u", "ä")];
        assert!(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in ["a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%ff", "%61=1&a=2"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        let many: String = (0..33).map(|n| format!("f{n}=&")).collect();
        assert_eq!(parse(many.as_bytes()), None);
    }
}
