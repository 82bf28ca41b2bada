//! Windows against a calendar: the dates are those that a wall calendar shows, and the blocked span is the one that Azure's own model
//! documentation works out.
//! Not here: what is done in a window.

use super::*;

fn window(schedule: Schedule, start_date: &str, start_time: &str, hours: u8, utc_offset: &str) -> Maintenance {
    let window = MaintenanceWindow {
        schedule,
        duration_hours: hours,
        utc_offset: utc_offset.into(),
        start_date: start_date.into(),
        start_time: start_time.into(),
        not_allowed_dates: Vec::new(),
    };
    Maintenance { maintenance_window: Some(window), ..Maintenance::default() }
}

fn starts(maintenance: &Maintenance, after: &str, count: usize) -> Vec<String> {
    maintenance.windows(Time::parse(after).unwrap()).take(count).map(|window| window.start.to_string()).collect()
}

#[test]
fn a_daily_window_comes_every_so_many_days_from_its_start_date() {
    let every_third = window(Schedule::Daily { interval_days: 3 }, "2026-01-01", "22:00", 4, "+00:00");
    assert_eq!(starts(&every_third, "2026-02-01T02:00:00Z", 2), ["2026-02-03T22:00:00Z", "2026-02-06T22:00:00Z"]);
    // Before its start date there is none.
    assert_eq!(starts(&every_third, "2025-06-01T00:00:00Z", 1), ["2026-01-01T22:00:00Z"]);
}

#[test]
fn a_window_that_is_still_open_is_the_first() {
    let daily = window(Schedule::Daily { interval_days: 1 }, "2026-01-01", "22:00", 8, "+00:00");
    assert_eq!(starts(&daily, "2026-01-10T05:59:59Z", 1), ["2026-01-09T22:00:00Z"]);
    assert_eq!(starts(&daily, "2026-01-10T06:00:00Z", 1), ["2026-01-10T22:00:00Z"]);
}

#[test]
fn a_weekly_window_is_meant_in_its_offset() {
    // Friday 00:00 in +05:30 is Thursday 18:30 in UTC; 2023-01-06 was a Friday.
    let schedule = Schedule::Weekly { interval_weeks: 3, day_of_week: Day::Friday };
    let weekly = window(schedule, "2023-01-01", "00:00", 8, "+05:30");
    let expected = ["2023-01-05T18:30:00Z", "2023-01-26T18:30:00Z", "2023-02-16T18:30:00Z"];
    assert_eq!(starts(&weekly, "2023-01-01T00:00:00Z", 3), expected);
}

#[test]
fn a_monthly_window_takes_the_last_day_of_a_short_month() {
    let monthly = window(Schedule::AbsoluteMonthly { interval_months: 1, day_of_month: 31 }, "2026-01-01", "03:00", 4, "+00:00");
    let expected = ["2026-01-31T03:00:00Z", "2026-02-28T03:00:00Z", "2026-03-31T03:00:00Z", "2026-04-30T03:00:00Z"];
    assert_eq!(starts(&monthly, "2026-01-01T00:00:00Z", 4), expected);
    let quarterly = window(Schedule::AbsoluteMonthly { interval_months: 3, day_of_month: 1 }, "2026-01-15", "03:00", 4, "+00:00");
    assert_eq!(starts(&quarterly, "2026-01-15T00:00:00Z", 2), ["2026-02-01T03:00:00Z", "2026-05-01T03:00:00Z"]);
}

#[test]
fn a_relative_monthly_window_counts_weekdays() {
    // The second Tuesday and the last Sunday of months of 2026.
    let relative = |week_index, day_of_week| {
        window(Schedule::RelativeMonthly { interval_months: 1, week_index, day_of_week }, "2026-01-01", "01:00", 4, "-08:00")
    };
    let tuesdays = starts(&relative(WeekIndex::Second, Day::Tuesday), "2026-03-01T00:00:00Z", 2);
    assert_eq!(tuesdays, ["2026-03-10T09:00:00Z", "2026-04-14T09:00:00Z"]);
    assert_eq!(starts(&relative(WeekIndex::Last, Day::Sunday), "2026-03-01T00:00:00Z", 1), ["2026-03-29T09:00:00Z"]);
}

#[test]
fn hours_of_the_week_in_a_row_are_one_window() {
    // 2026-01-05 was a Monday.
    let slots = vec![TimeInWeek { day: Day::Monday, hour_slots: vec![1, 2, 23] }, TimeInWeek { day: Day::Tuesday, hour_slots: vec![0] }];
    let weekly = Maintenance { time_in_week: slots, ..Maintenance::default() };
    let windows: Vec<Window> = weekly.windows(Time::parse("2026-01-05T02:30:00Z").unwrap()).take(3).collect();
    let text = |window: &Window| format!("{} {}", window.start, window.end);
    let expected = [
        "2026-01-05T01:00:00Z 2026-01-05T03:00:00Z",
        "2026-01-05T23:00:00Z 2026-01-06T01:00:00Z",
        "2026-01-12T01:00:00Z 2026-01-12T03:00:00Z",
    ];
    assert_eq!(windows.iter().map(text).collect::<Vec<_>>(), expected);
    assert_eq!(Maintenance::default().windows(Time(0)).next(), None);
}

#[test]
fn blocked_days_are_blocked_to_the_end_of_the_last_in_their_offset() {
    // The vector of Azure's model: with +02:00, 2022-12-23 to 2023-01-03 is 2022-12-22T22:00Z to 2023-01-03T22:00Z.
    let mut daily = window(Schedule::Daily { interval_days: 1 }, "2022-01-01", "00:00", 4, "+02:00");
    if let Some(window) = &mut daily.maintenance_window {
        window.not_allowed_dates.push(DateSpan { start: "2022-12-23".into(), end: "2023-01-03".into() });
    }
    let at = |text: &str| daily.forbids(Time::parse(text).unwrap()).is_some();
    assert_eq!([at("2022-12-22T21:59:59Z"), at("2022-12-22T22:00:00Z")], [false, true]);
    assert_eq!([at("2023-01-03T21:59:59Z"), at("2023-01-03T22:00:00Z")], [true, false]);
}

#[test]
fn offsets_and_times_of_day_are_read_strictly() {
    assert_eq!(["+5:30", "05:30", "+15:00", "+00:60", "x", ""].map(|text| offset(text).is_some()), [false; 6]);
    assert_eq!(offset("-08:00").map(Offset::seconds), Some(-28_800));
    assert_eq!(["9:30", "24:00", "09:60", ""].map(|text| clock(text).is_some()), [false; 4]);
}
