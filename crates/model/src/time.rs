//! A moment, in whole milliseconds since 1970-01-01T00:00:00Z. Spans are plain `i64` milliseconds named `*_millis`.
//!
//! Written as RFC 3339 in UTC: without a fraction where it has none (as Kubernetes writes `metav1.Time`), with three digits otherwise.
//! Reading the clock is not here: the time is a parameter everywhere.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    /// This moment plus `millis` (may be negative).
    pub const fn plus(self, millis: i64) -> Time {
        Time(self.0 + millis)
    }
    /// Milliseconds from `earlier` to this moment.
    pub const fn since(self, earlier: Time) -> i64 {
        self.0 - earlier.0
    }
    /// This moment without its fraction of a second, as Kubernetes stores timestamps.
    pub const fn whole_seconds(self) -> Time {
        Time(self.0.div_euclid(1000) * 1000)
    }
    /// Reads RFC 3339 with any offset; `None` if it is not.
    pub fn parse(text: &str) -> Option<Time> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Time(t.as_millisecond()))
    }
    /// RFC 3339 with exactly six digits of fraction, as ARM and `metav1.MicroTime` write it.
    pub fn micro(self) -> String {
        let (date, clock) = self.civil();
        format!("{date}T{clock}.{:03}000Z", self.0.rem_euclid(1000))
    }
    fn civil(self) -> (String, String) {
        let (days, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        // Civil date from a day count: Howard Hinnant's algorithm over eras of 400 years (146,097 days), March first.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let seconds = millis / 1000;
        (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, clock) = self.civil();
        match self.0.rem_euclid(1000) {
            0 => write!(f, "{date}T{clock}Z"),
            millis => write!(f, "{date}T{clock}.{millis:03}Z"),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).ok_or_else(|| E::custom(format_args!("parsing time {text:?}: it is not RFC 3339")))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_agrees_with_a_calendar_library_over_four_centuries() {
        for step in 0..20_000_i64 {
            let time = Time(-5_000_000_000_000 + step * 700_000_123);
            let peer = jiff::Timestamp::from_millisecond(time.0).unwrap();
            assert_eq!(Time::parse(&time.to_string()), Some(time));
            assert_eq!(&time.whole_seconds().to_string()[..19], &peer.to_string()[..19]);
        }
    }

    #[test]
    fn a_fraction_is_written_only_where_there_is_one() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Time(1_767_225_600_123).to_string(), "2026-01-01T00:00:00.123Z");
        assert_eq!(Time(1_767_225_600_123).micro(), "2026-01-01T00:00:00.123000Z");
    }
}
