//! Where something stands in a YAML text: line and column of a path such as `timeline`, 3, `change`.
//!
//! The text is read once more, along the path, and the reading is made to fail at its end: the reader then says where it was. So no
//! value has to carry its place with it.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Into a mapping.
    Key(String),
    /// Into a sequence.
    Index(usize),
}

impl From<&str> for Part {
    fn from(key: &str) -> Part {
        Part::Key(key.to_owned())
    }
}

impl From<usize> for Part {
    fn from(index: usize) -> Part {
        Part::Index(index)
    }
}

/// What is wrong with a scenario, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub struct Bad {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, and how to mend it.
    pub what: String,
}

impl Bad {
    /// At a place of a text.
    pub fn at(text: &str, path: &[Part], what: impl Into<String>) -> Bad {
        let (line, column) = locate(text, path);
        Bad { line, column, what: what.into() }
    }
}

/// Line and column of a path; the beginning of the text where there is no such place.
pub fn locate(text: &str, path: &[Part]) -> (usize, usize) {
    let error = Trip(path).deserialize(serde_yaml_ng::Deserializer::from_str(text)).err();
    error.and_then(|error| error.location()).map_or((1, 1), |location| (location.line(), location.column()))
}

struct Trip<'a>(&'a [Part]);

impl<'de> DeserializeSeed<'de> for Trip<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Trip<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the place")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Part::Key(wanted), rest)) = self.0.split_first() else { return Err(A::Error::custom("here")) };
        while let Some(key) = map.next_key::<String>()? {
            if key == *wanted {
                map.next_value_seed(Trip(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom("not there"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Part::Index(wanted), rest)) = self.0.split_first() else { return Err(A::Error::custom("here")) };
        for _ in 0..*wanted {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Trip(rest))?;
        Err(A::Error::custom("not there"))
    }
}
