//! Durations such as `90s`, `90m`, `1h30m`, `2d`, and moments: a duration from the start, or a time.
//!
//! A bare number is seconds. Nothing is negative.

use nodelane_model::Time;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A duration in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span(pub i64);

/// A moment of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// So many milliseconds after the start.
    After(i64),
    /// A time.
    At(Time),
}

/// Longest duration: ten years.
const LONGEST_MILLIS: f64 = 10.0 * 365.0 * 86_400_000.0;
const ACCEPTED: &str = "a duration such as 90s, 90m, 1h30m or 2d";

impl Span {
    /// Reads a duration.
    pub fn parse(text: &str) -> Option<Span> {
        let mut rest = text.trim();
        let mut millis = 0.0;
        while !rest.is_empty() {
            let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let tail = &rest[number..];
            let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let factor = match &tail[..unit] {
                "ms" => 1.0,
                "" | "s" => 1_000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                "d" => 86_400_000.0,
                _ => return None,
            };
            millis += rest[..number].parse::<f64>().ok()? * factor;
            rest = &tail[unit..];
        }
        (!text.trim().is_empty() && millis <= LONGEST_MILLIS).then_some(Span(millis as i64))
    }
    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let mut left = self.0;
        for (millis, unit) in parts {
            if left >= millis {
                write!(f, "{}{unit}", left / millis)?;
                left %= millis;
            }
        }
        if self.0 == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

impl Moment {
    /// As a time.
    pub fn after(self, start: Time) -> Time {
        match self {
            Moment::After(millis) => start.plus(millis),
            Moment::At(time) => time,
        }
    }
}

struct Scalar<T> {
    accepted: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Scalar<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.accepted)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::custom(format_args!("{text:?} is not {}", self.accepted)))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_any(Scalar { accepted: ACCEPTED, read: Span::parse })
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let read = |text: &str| Span::parse(text).map(|span| Moment::After(span.0)).or_else(|| Time::parse(text).map(Moment::At));
        let accepted = "a duration from the start such as 90m, or a time such as 2026-03-01T02:00:00Z";
        deserializer.deserialize_any(Scalar { accepted, read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_what_they_write() {
        for (text, millis) in [("90s", 90_000), ("1h30m", 5_400_000), ("0", 0), ("2d", 172_800_000), ("1.5m", 90_000), ("250ms", 250)] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span.0, millis, "{text}");
            assert_eq!(Span::parse(&span.to_string()), Some(span));
        }
        for text in ["", "soon", "5x", "m", "-5m", "1h-2m"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
