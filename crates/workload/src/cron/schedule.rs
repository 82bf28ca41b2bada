//! Cron schedules as Kubernetes reads them: five fields, names of months and days, steps, `@daily` and the like, `@every 1h30m`.
//!
//! Day of month and day of week are alternatives where both are restricted, as in every cron. Sunday is 0 only. Seconds, years and
//! time zones within the schedule are not understood, as upstream.

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::Offset};
use nodelane_model::Time;

/// Days that are searched for the next run: the calendar repeats within 28 years, and a leap day may be eight years off.
const SEARCH_DAYS: usize = 366 * 8 + 3;

/// When a cron job runs.
#[derive(Debug, PartialEq)]
pub(super) enum Schedule {
    /// On these minutes, hours, days, months; one bit each.
    Fields(Fields),
    /// So many seconds after the last time.
    Every(i64),
}

#[derive(Debug, PartialEq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether days of the month, or of the week, are any: then both must hold.
    any_day: bool,
}

const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec";
const WEEKDAYS: &str = "sun mon tue wed thu fri sat";

impl Schedule {
    /// Reads a schedule.
    pub(super) fn parse(text: &str) -> Result<Schedule, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        if let Some(duration) = text.strip_prefix("@every ") {
            let seconds = parse_duration(duration).ok_or_else(|| format!("failed to parse duration {text}"))?;
            return Ok(Schedule::Every(seconds.max(1)));
        }
        if text.starts_with('@') {
            return Err(format!("unrecognized descriptor: {text}"));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        let (minutes, _) = field(minute, 0, 59, "")?;
        let (hours, _) = field(hour, 0, 23, "")?;
        let (days, any_day) = field(day, 1, 31, "")?;
        let (months, _) = field(month, 1, 12, MONTHS)?;
        let (weekdays, any_weekday) = field(weekday, 0, 6, WEEKDAYS)?;
        Ok(Schedule::Fields(Fields { minutes, hours, days, months, weekdays, any_day: any_day || any_weekday }))
    }

    /// The first time after `after` at an offset from UTC; `None` where there is none (such as on February 30).
    pub(super) fn next(&self, after: Time, offset: Offset) -> Option<Time> {
        match self {
            Schedule::Every(seconds) => Some(after.whole_seconds().plus(seconds * 1000)),
            Schedule::Fields(fields) => fields.next(after, offset),
        }
    }
}

impl Fields {
    fn next(&self, after: Time, offset: Offset) -> Option<Time> {
        let first = Time(after.0.div_euclid(60_000) * 60_000 + 60_000);
        let start = offset.to_datetime(Timestamp::from_millisecond(first.0).ok()?);
        let mut date = start.date();
        for _ in 0..SEARCH_DAYS {
            if self.covers(date) {
                let from = if date == start.date() { i32::from(start.hour()) * 60 + i32::from(start.minute()) } else { 0 };
                let on = |minute: &i32| self.hours >> (minute / 60) & 1 == 1 && self.minutes >> (minute % 60) & 1 == 1;
                if let Some(minute) = (from..24 * 60).find(on) {
                    let at: DateTime = date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
                    return offset.to_timestamp(at).ok().map(|at| Time(at.as_millisecond()));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn covers(&self, date: jiff::civil::Date) -> bool {
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        self.months >> date.month() & 1 == 1 && if self.any_day { day && weekday } else { day || weekday }
    }
}

/// One field as bits, and whether it is any value at all.
fn field(text: &str, min: u32, max: u32, names: &str) -> Result<(u64, bool), String> {
    let (mut bits, mut any) = (0, false);
    for part in text.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: u32 = step.parse().map_err(|_| format!("failed to parse int from {step}: {part}"))?;
        if step == 0 {
            return Err(format!("step of range should be a positive number: {part}"));
        }
        let value = |text: &str| number(text, min, names).ok_or_else(|| format!("failed to parse int from {text}: {part}"));
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (min, max),
            Some((first, last)) => (value(first)?, value(last)?),
            None if part.contains('/') => (value(range)?, max),
            None => (value(range)?, value(range)?),
        };
        if first < min {
            return Err(format!("beginning of range ({first}) below minimum ({min}): {part}"));
        }
        if last > max {
            return Err(format!("end of range ({last}) above maximum ({max}): {part}"));
        }
        if first > last {
            return Err(format!("beginning of range ({first}) beyond end of range ({last}): {part}"));
        }
        any |= (range == "*" || range == "?") && step == 1;
        (first..=last).step_by(step as usize).for_each(|value| bits |= 1_u64 << value);
    }
    Ok((bits, any))
}

fn number(text: &str, min: u32, names: &str) -> Option<u32> {
    let name = text.to_lowercase();
    let named = names.split_whitespace().position(|known| known == name).map(|place| place as u32 + min);
    named.or_else(|| text.parse().ok())
}

/// `1h30m10s` in seconds.
fn parse_duration(text: &str) -> Option<i64> {
    let (mut total, mut digits) = (0_i64, String::new());
    for c in text.trim().chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(std::mem::take(&mut digits).parse::<i64>().ok()?.checked_mul(unit)?)?;
    }
    digits.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, after: &str) -> String {
        let next = Schedule::parse(schedule).unwrap().next(Time::parse(after).unwrap(), Offset::UTC);
        next.map_or("never".into(), |at| at.to_string())
    }

    #[test]
    fn the_next_time_is_that_of_robfig_cron() {
        // Cases of the test suite of the library that Kubernetes parses schedules with (spec_test.go, TestNext and TestActivation).
        assert_eq!(next("*/15 * * * *", "2012-07-09T14:45:00Z"), "2012-07-09T15:00:00Z");
        assert_eq!(next("*/15 * * * *", "2012-07-09T14:59:59Z"), "2012-07-09T15:00:00Z");
        assert_eq!(next("20-35/15 * * * *", "2012-07-09T15:45:00Z"), "2012-07-09T16:20:00Z");
        assert_eq!(next("*/15 10-12 * * *", "2012-07-09T23:46:00Z"), "2012-07-10T10:00:00Z");
        assert_eq!(next("0 0 29 Feb ?", "2012-07-09T23:35:00Z"), "2016-02-29T00:00:00Z");
        assert_eq!(next("0 0 9 Apr-Oct ?", "2012-07-09T23:35:00Z"), "2012-08-09T00:00:00Z");
        assert_eq!(next("0 0 * Feb Mon", "2012-07-09T23:35:00Z"), "2013-02-04T00:00:00Z");
        assert_eq!(next("0 0 30 Feb ?", "2012-07-09T23:35:00Z"), "never");
        assert_eq!(next("@monthly", "2012-07-09T23:35:00Z"), "2012-08-01T00:00:00Z");
        assert_eq!(next("@every 1h30m", "2012-07-09T23:35:00Z"), "2012-07-10T01:05:00Z");
    }

    #[test]
    fn restricted_days_of_month_and_week_are_alternatives() {
        // Sun 2012-07-15 is both; Sun 2012-07-08 and Wed 2012-08-01 are one of the two (robfig: "* * 1,15 * Sun").
        assert_eq!(next("0 0 1,15 * Sun", "2012-07-02T00:00:00Z"), "2012-07-08T00:00:00Z");
        assert_eq!(next("0 0 1,15 * Sun", "2012-07-30T00:00:00Z"), "2012-08-01T00:00:00Z");
        assert_eq!(next("0 0 * * Sun", "2012-07-30T00:00:00Z"), "2012-08-05T00:00:00Z");
        // A step makes a star a restriction.
        assert_eq!(next("0 0 */10 * Sun", "2012-07-02T00:00:00Z"), "2012-07-08T00:00:00Z");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for bad in ["", "* * * *", "60 * * * *", "* * * * 7", "5-1 * * * *", "*/0 * * * *", "@never", "@every 5x", "x * * * *"] {
            assert!(Schedule::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_offset_moves_the_day() {
        let daily = Schedule::parse("30 1 * * *").unwrap();
        let at = daily.next(Time::parse("2026-01-01T00:00:00Z").unwrap(), Offset::constant(2));
        assert_eq!(at, Time::parse("2026-01-01T23:30:00Z"));
    }
}
