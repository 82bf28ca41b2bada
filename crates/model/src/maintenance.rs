//! When a cluster may be worked on: maintenance configurations, their windows, and what was done in each (aks-semantics MW-1 to MW-3).
//!
//! A window is a half-open span of time. Schedules count from their start date, in their UTC offset; a monthly one on a day that a
//! month does not have takes the month's last day, so that no month goes without maintenance. Dates are jiff's, zones are offsets only.
//! Not here: whether a configuration is well-formed (`arm`), and what is done in a window (`engine`).

use crate::{Name, Time};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time as Clock, Weekday};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// The weekly configuration of old, in force where the other two are absent.
pub const DEFAULT: &str = "default";
/// When Kubernetes versions are changed by a channel.
pub const AUTO_UPGRADE: &str = "aksManagedAutoUpgradeSchedule";
/// When node images are changed by a channel.
pub const NODE_OS: &str = "aksManagedNodeOSUpgradeSchedule";

/// Runs that are remembered of a configuration: ten a configuration are a screen of history.
pub const RUNS_LIMIT: usize = 10;
/// A window that begins sooner after its configuration was written is passed over (aks-semantics MW-3).
pub const NOTICE_MILLIS: i64 = 15 * 60_000;

/// A maintenance configuration of a cluster.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Maintenance {
    /// When it was last written: what begins sooner than [`NOTICE_MILLIS`] after it is passed over.
    pub written: Time,
    /// Hours of the week, in UTC; only of the configuration `default`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_in_week: Vec<TimeInWeek>,
    /// Times at which nothing is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_allowed_time: Vec<TimeSpan>,
    /// The windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<MaintenanceWindow>,
}

/// Hours of a day of the week.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeInWeek {
    /// The day.
    pub day: Day,
    /// Hours, 0 to 23, each of which is a window of an hour.
    pub hour_slots: Vec<u8>,
}

/// From a moment to another; either may be open.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The first moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// The first moment that is no longer in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

/// Windows that come again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// On which days.
    pub schedule: Schedule,
    /// How long each is, in hours.
    pub duration_hours: u8,
    /// Where the days and times are meant, such as `+05:30`.
    pub utc_offset: Name,
    /// The first day, such as `2026-01-31`.
    pub start_date: Name,
    /// The time of day at which each begins, such as `09:30`.
    pub start_time: Name,
    /// Days on which nothing is done, the last one included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_allowed_dates: Vec<DateSpan>,
}

/// From a day to another, both included.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DateSpan {
    /// The first day.
    pub start: Name,
    /// The last day.
    pub end: Name,
}

/// On which days windows begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are AKS's own words")]
pub enum Schedule {
    Daily { interval_days: u8 },
    Weekly { interval_weeks: u8, day_of_week: Day },
    AbsoluteMonthly { interval_months: u8, day_of_month: u8 },
    RelativeMonthly { interval_months: u8, week_index: WeekIndex, day_of_week: Day },
}

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the variants are the days' names")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Which of a month's weekdays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the variants are ordinals")]
pub enum WeekIndex {
    First,
    Second,
    Third,
    Fourth,
    Last,
}

/// What was done in a window, or why nothing was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// When the window began.
    pub window: Time,
    /// When this was known.
    pub at: Time,
    /// What began, in order: pools, or the cluster's new version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub began: Vec<Name>,
    /// What the next step waits for; what it waited for to the end, where the window is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Name>,
    /// Why nothing more is begun in this window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Name>,
}

/// A span of time in which work may begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its first moment.
    pub start: Time,
    /// The first moment after it.
    pub end: Time,
}

impl Window {
    /// Whether a moment is in it.
    pub fn contains(self, now: Time) -> bool {
        self.start <= now && now < self.end
    }
}

impl Maintenance {
    /// The windows that are not over at a time, in order; a window in which the schedule allows nothing is among them.
    pub fn windows(&self, after: Time) -> Box<dyn Iterator<Item = Window> + '_> {
        match &self.maintenance_window {
            Some(window) => Box::new(window.windows(after)),
            None => Box::new(self.hours(after)),
        }
    }
    /// Whether nothing is done at a time although a window is open: the span that forbids it.
    pub fn forbids(&self, now: Time) -> Option<(Time, Time)> {
        let open = |span: &TimeSpan| (span.start.unwrap_or(Time(i64::MIN)), span.end.unwrap_or(Time(i64::MAX)));
        let dates = self.maintenance_window.iter().flat_map(MaintenanceWindow::blocked);
        self.not_allowed_time.iter().map(open).chain(dates).find(|(start, end)| *start <= now && now < *end)
    }
    /// Windows of the hours of the week, hours in a row as one.
    fn hours(&self, after: Time) -> impl Iterator<Item = Window> + '_ {
        const HOUR_MILLIS: i64 = 3_600_000;
        let first = Time(after.0.div_euclid(HOUR_MILLIS) * HOUR_MILLIS);
        let is_open = move |hour: Time| {
            let local = civil(hour, Offset::UTC);
            let day = Day::of(local.weekday());
            self.time_in_week.iter().any(|slot| slot.day == day && slot.hour_slots.iter().any(|open| *open as i8 == local.hour()))
        };
        // A week holds every slot: 168 hours without one mean that there is none.
        let mut at = first;
        while is_open(at.plus(-HOUR_MILLIS)) && first.since(at) < 168 * HOUR_MILLIS {
            at = at.plus(-HOUR_MILLIS);
        }
        std::iter::from_fn(move || {
            let start = (0..168).map(|hour| at.plus(hour * HOUR_MILLIS)).find(|hour| is_open(*hour))?;
            let end = (1..168).map(|hour| start.plus(hour * HOUR_MILLIS)).find(|hour| !is_open(*hour))?;
            at = end;
            Some(Window { start, end })
        })
        .filter(move |window| window.end > after)
    }
}

impl MaintenanceWindow {
    /// Where its days and times are meant; `None` where the text is no offset.
    pub fn offset(&self) -> Option<Offset> {
        offset(&self.utc_offset)
    }
    fn blocked(&self) -> impl Iterator<Item = (Time, Time)> + '_ {
        let zone = self.offset().unwrap_or(Offset::UTC);
        let midnight = move |day: Date| moment(day.at(0, 0, 0, 0), zone);
        self.not_allowed_dates.iter().filter_map(move |span| {
            let (start, end): (Date, Date) = (span.start.parse().ok()?, span.end.parse().ok()?);
            Some((midnight(start)?, midnight(end.tomorrow().ok()?)?))
        })
    }
    fn windows(&self, after: Time) -> impl Iterator<Item = Window> + '_ {
        let zone = self.offset().unwrap_or(Offset::UTC);
        let (anchor, clock) = (self.start_date.parse::<Date>().ok(), clock(&self.start_time));
        let length_millis = i64::from(self.duration_hours) * 3_600_000;
        let from = civil(after, zone).date();
        // A window is at most a day long: one that is still open began yesterday at the earliest.
        let from = from.yesterday().unwrap_or(from);
        anchor
            .into_iter()
            .flat_map(move |anchor| self.schedule.days(anchor, from))
            .filter_map(move |day| {
                let start = moment(day.to_datetime(clock?), zone)?;
                Some(Window { start, end: start.plus(length_millis) })
            })
            .filter(move |window| window.end > after)
    }
}

impl Schedule {
    /// The days on which windows begin, counted from `anchor`, that are not before `from`.
    fn days(self, anchor: Date, from: Date) -> Box<dyn Iterator<Item = Date>> {
        match self {
            Schedule::Daily { interval_days } => Box::new(steps(anchor, i32::from(interval_days), from)),
            Schedule::Weekly { interval_weeks, day_of_week } => {
                let ahead = anchor.weekday().until(day_of_week.weekday());
                let first = anchor.checked_add(i64::from(ahead).days()).ok();
                Box::new(first.into_iter().flat_map(move |first| steps(first, i32::from(interval_weeks) * 7, from)))
            }
            Schedule::AbsoluteMonthly { interval_months, day_of_month } => {
                let day = move |month: Date| month.with().day((day_of_month as i8).min(month.days_in_month())).build().ok();
                Box::new(months(anchor, i32::from(interval_months), from, day))
            }
            Schedule::RelativeMonthly { interval_months, week_index, day_of_week } => {
                let day = move |month: Date| month.nth_weekday_of_month(week_index.nth(), day_of_week.weekday()).ok();
                Box::new(months(anchor, i32::from(interval_months), from, day))
            }
        }
    }
}

/// Every `interval` days from `first`, not before `from`.
fn steps(first: Date, interval: i32, from: Date) -> impl Iterator<Item = Date> {
    let interval = i64::from(interval.max(1));
    let behind = first.until(from).map_or(0, |span| i64::from(span.get_days())).max(0);
    let skipped = (behind + interval - 1) / interval;
    (skipped..).map_while(move |step| first.checked_add((step * interval).days()).ok())
}

/// A day in every `interval`th month, from the first month that has it at or after `anchor`; not before `from`.
fn months(anchor: Date, interval: i32, from: Date, day: impl Fn(Date) -> Option<Date> + 'static) -> impl Iterator<Item = Date> {
    let interval = i64::from(interval.max(1));
    let first = (0_i64..2).map_while(move |step| anchor.first_of_month().checked_add(step.months()).ok());
    let first = first.into_iter().find(|month| day(*month).is_some_and(|day| day >= anchor)).unwrap_or(anchor.first_of_month());
    let apart = i64::from(from.year() - first.year()) * 12 + i64::from(from.month() - first.month());
    let skipped = (apart / interval - 1).max(0);
    (skipped..).map_while(move |step| first.checked_add((step * interval).months()).ok()).filter_map(day).filter(move |day| *day >= from)
}

impl Day {
    /// All, in the order of a week.
    pub const ALL: [Day; 7] = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];
    fn weekday(self) -> Weekday {
        match self {
            Day::Monday => Weekday::Monday,
            Day::Tuesday => Weekday::Tuesday,
            Day::Wednesday => Weekday::Wednesday,
            Day::Thursday => Weekday::Thursday,
            Day::Friday => Weekday::Friday,
            Day::Saturday => Weekday::Saturday,
            Day::Sunday => Weekday::Sunday,
        }
    }
    fn of(weekday: Weekday) -> Day {
        Day::ALL[weekday.to_monday_zero_offset() as usize]
    }
}

impl WeekIndex {
    fn nth(self) -> i8 {
        match self {
            WeekIndex::First => 1,
            WeekIndex::Second => 2,
            WeekIndex::Third => 3,
            WeekIndex::Fourth => 4,
            WeekIndex::Last => -1,
        }
    }
}

/// Reads `+05:30`; `None` if it is no offset of at most fourteen hours.
pub fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(())?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Reads `09:30`; `None` if it is no time of day.
pub fn clock(text: &str) -> Option<Clock> {
    let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
    Clock::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// The day of a moment in an offset, such as `2026-01-31`.
pub fn date(time: Time, zone: Offset) -> String {
    civil(time, zone).date().to_string()
}

fn civil(time: Time, zone: Offset) -> DateTime {
    jiff::Timestamp::from_millisecond(time.0).map(|moment| zone.to_datetime(moment)).unwrap_or_default()
}

fn moment(local: DateTime, zone: Offset) -> Option<Time> {
    Some(Time(zone.to_timestamp(local).ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests;
