//! Maintenance configurations: bodies in and out, and what form they must have (aks-semantics MW-1, MW-2).
//!
//! A PUT replaces the whole configuration. What AKS fills in by itself is filled in here: 24 hours, +00:00, today. Bodies show what is
//! absent as absent; clients print it as null. Not here: when windows come (`model::maintenance`), what is done in them (`engine`).

use crate::errors::ArmError;
use crate::fields::Fields;
use crate::id::ClusterId;
use nodelane_model::maintenance::{self, DateSpan, Day, Maintenance, MaintenanceWindow, Schedule, TimeInWeek, TimeSpan, WeekIndex};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Name, Time};
use serde_json::{Map, Value, json};

/// The names that a configuration may have.
pub const NAMES: [&str; 3] = [maintenance::DEFAULT, maintenance::AUTO_UPGRADE, maintenance::NODE_OS];
/// How long a window is where the request does not say, in hours.
const DURATION_HOURS: i64 = 24;
/// Blocked spans of one configuration; each costs a comparison a look.
const SPANS_LIMIT: usize = 100;

/// The configuration's name as it is stored.
///
/// # Errors
/// It is none of the three.
pub fn name(asked: &str) -> Result<Name, ArmError> {
    let known = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(asked));
    known.map(Name::from).ok_or_else(|| {
        let why = format!("The maintenance configuration name '{asked}' is not valid");
        PoolRefusal::parameter("MW-1", "configName", why, NAMES.join(", ")).into()
    })
}

/// The body of a configuration.
pub fn body(cluster: &ClusterId, name: &str, maintenance: &Maintenance) -> Value {
    let mut properties = Map::new();
    if let Some(window) = &maintenance.maintenance_window {
        properties.insert("maintenanceWindow".into(), json!(window));
    }
    if !maintenance.time_in_week.is_empty() {
        properties.insert("timeInWeek".into(), json!(maintenance.time_in_week));
    }
    if !maintenance.not_allowed_time.is_empty() {
        properties.insert("notAllowedTime".into(), json!(maintenance.not_allowed_time));
    }
    json!({"id": format!("{cluster}/maintenanceConfigurations/{name}"), "name": name, "properties": properties})
}

/// Reads the body of a PUT.
///
/// # Errors
/// A value has another type, or one that it may not have; with the rule and what is accepted.
pub fn read(name: &str, body: &Map<String, Value>, now: Time) -> Result<Maintenance, ArmError> {
    let properties =
        Fields::of(body, "MaintenanceConfiguration").object("properties", "containerservice.MaintenanceConfigurationProperties")?;
    let window = properties.object("maintenanceWindow", "containerservice.MaintenanceWindow")?;
    let maintenance_window = match properties.get("maintenanceWindow") {
        Some(_) => Some(read_window(&window, now)?),
        None => None,
    };
    let read = Maintenance {
        written: now,
        time_in_week: slots(properties.get("timeInWeek"))?,
        not_allowed_time: spans(properties.get("notAllowedTime"))?,
        maintenance_window,
    };
    check(name, &read)?;
    Ok(read)
}

/// What may stand together (aks-semantics MW-1).
fn check(name: &str, read: &Maintenance) -> Result<(), ArmError> {
    let weekly = |window: &MaintenanceWindow| matches!(window.schedule, Schedule::Weekly { .. });
    let of_old = !read.time_in_week.is_empty() || !read.not_allowed_time.is_empty();
    match &read.maintenance_window {
        Some(_) if of_old => {
            Err(wrong("maintenanceWindow", "It is given together with timeInWeek or notAllowedTime", "one of the two forms"))
        }
        Some(window) if name == maintenance::DEFAULT && !weekly(window) => {
            Err(wrong("maintenanceWindow.schedule", "The configuration 'default' is weekly only", "schedule.weekly"))
        }
        None if name != maintenance::DEFAULT => {
            Err(wrong("maintenanceWindow", format!("The configuration '{name}' has no window"), "schedule, durationHours and startTime"))
        }
        None if read.time_in_week.is_empty() => Err(wrong("timeInWeek", "No time is allowed", "timeInWeek or maintenanceWindow")),
        _ => Ok(()),
    }
}

fn wrong(field: &str, why: impl Into<String>, accepted: impl Into<Name>) -> ArmError {
    PoolRefusal::parameter("MW-2", &format!("properties.{field}"), why.into(), accepted).into()
}

fn read_window(fields: &Fields, now: Time) -> Result<MaintenanceWindow, ArmError> {
    let at = |field: &str| format!("maintenanceWindow.{field}");
    let duration = fields.integer("durationHours")?.unwrap_or(DURATION_HOURS);
    if !(4..=24).contains(&duration) {
        return Err(wrong(&at("durationHours"), format!("The duration of {duration} hours is not allowed"), "4 to 24"));
    }
    let utc_offset = fields.text("utcOffset")?.unwrap_or("+00:00");
    let Some(zone) = maintenance::offset(utc_offset) else {
        return Err(wrong(&at("utcOffset"), format!("'{utc_offset}' is no UTC offset"), "+HH:MM or -HH:MM, such as +05:30"));
    };
    let start_time = fields.text("startTime")?.unwrap_or_default();
    if maintenance::clock(start_time).is_none() {
        return Err(wrong(&at("startTime"), format!("'{start_time}' is no time of day"), "HH:MM, such as 09:30"));
    }
    let start_date = match fields.text("startDate")? {
        Some(date) => day(&at("startDate"), date)?,
        None => maintenance::date(now, zone).into(),
    };
    let blocked = fields.get("notAllowedDates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let span = |value: &Value| {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let span =
            DateSpan { start: day(&at("notAllowedDates.start"), text("start"))?, end: day(&at("notAllowedDates.end"), text("end"))? };
        match span.start <= span.end && blocked.len() <= SPANS_LIMIT {
            true => Ok(span),
            false => Err(wrong(
                &at("notAllowedDates"),
                "A span ends before it starts, or there are too many",
                format!("at most {SPANS_LIMIT} spans of dates in order"),
            )),
        }
    };
    Ok(MaintenanceWindow {
        schedule: schedule(&fields.object("schedule", "containerservice.Schedule")?)?,
        duration_hours: duration as u8,
        utc_offset: utc_offset.into(),
        start_date,
        start_time: start_time.into(),
        not_allowed_dates: blocked.iter().map(span).collect::<Result<_, _>>()?,
    })
}

/// A date, which clients may send with a time of day.
fn day(field: &str, text: &str) -> Result<Name, ArmError> {
    let date = text.split_once('T').map_or(text, |(date, _)| date);
    match Time::parse(&format!("{date}T00:00:00Z")) {
        Some(_) => Ok(date.into()),
        None => Err(wrong(field, format!("'{text}' is no date"), "YYYY-MM-DD")),
    }
}

fn schedule(fields: &Fields) -> Result<Schedule, ArmError> {
    let given: Vec<(&String, &Value)> = fields.entries().collect();
    let [(kind, value)] = given.as_slice() else {
        let kinds = "exactly one of daily, weekly, absoluteMonthly and relativeMonthly";
        return Err(wrong("maintenanceWindow.schedule", format!("{} schedules are given", given.len()), kinds));
    };
    let field = |name: &str| format!("maintenanceWindow.schedule.{kind}.{name}");
    let number = |name: &str, most: u64| match value[name].as_u64() {
        Some(number) if (1..=most).contains(&number) => Ok(number as u8),
        _ => Err(wrong(&field(name), format!("{} is not allowed", value[name]), format!("1 to {most}"))),
    };
    let weekday =
        || parse::<Day>(&value["dayOfWeek"]).ok_or_else(|| wrong(&field("dayOfWeek"), "It is no day of the week", "Monday to Sunday"));
    match kind.as_str() {
        "daily" => Ok(Schedule::Daily { interval_days: number("intervalDays", 7)? }),
        "weekly" => Ok(Schedule::Weekly { interval_weeks: number("intervalWeeks", 4)?, day_of_week: weekday()? }),
        "absoluteMonthly" => {
            Ok(Schedule::AbsoluteMonthly { interval_months: number("intervalMonths", 6)?, day_of_month: number("dayOfMonth", 31)? })
        }
        "relativeMonthly" => {
            let index = parse::<WeekIndex>(&value["weekIndex"]);
            let week_index = index.ok_or_else(|| wrong(&field("weekIndex"), "It is no week", "First, Second, Third, Fourth or Last"))?;
            Ok(Schedule::RelativeMonthly { interval_months: number("intervalMonths", 6)?, week_index, day_of_week: weekday()? })
        }
        other => Err(wrong(
            "maintenanceWindow.schedule",
            format!("'{other}' is no schedule"),
            "daily, weekly, absoluteMonthly or relativeMonthly",
        )),
    }
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

fn slots(value: Option<&Value>) -> Result<Vec<TimeInWeek>, ArmError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let hours = |slot: &TimeInWeek| slot.hour_slots.iter().all(|hour| *hour < 24);
    match parse::<Vec<TimeInWeek>>(value) {
        Some(slots) if slots.iter().all(hours) => Ok(slots),
        _ => Err(wrong("timeInWeek", "A slot is no day with hours", "day: Monday to Sunday, hourSlots: 0 to 23")),
    }
}

fn spans(value: Option<&Value>) -> Result<Vec<TimeSpan>, ArmError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    match parse::<Vec<TimeSpan>>(value) {
        Some(spans) if spans.len() <= SPANS_LIMIT => Ok(spans),
        _ => Err(wrong(
            "notAllowedTime",
            "A span is no pair of times, or there are too many",
            format!("at most {SPANS_LIMIT} of start and end in RFC 3339"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupId;

    fn put(name: &str, properties: Value) -> Result<Maintenance, ArmError> {
        let body = json!({"properties": properties});
        read(name, body.as_object().unwrap(), Time::parse("2026-03-01T23:30:00Z").unwrap())
    }

    #[test]
    fn a_configuration_comes_back_as_it_was_put() {
        let window = json!({"schedule": {"weekly": {"intervalWeeks": 3, "dayOfWeek": "Friday"}}, "durationHours": 8, "utcOffset": "+05:30",
            "startDate": "2023-01-01", "startTime": "00:00", "notAllowedDates": [{"start": "2026-12-23", "end": "2027-01-03"}]});
        let stored = put(maintenance::AUTO_UPGRADE, json!({"maintenanceWindow": window})).unwrap();
        let cluster = ClusterId { group: GroupId { subscription: "s".into(), group: "g".into() }, cluster: "c".into() };
        assert_eq!(body(&cluster, maintenance::AUTO_UPGRADE, &stored)["properties"]["maintenanceWindow"], window);
    }

    #[test]
    fn what_azure_fills_in_is_filled_in() {
        let put = put(
            maintenance::NODE_OS,
            json!({"maintenanceWindow": {"schedule": {"daily": {"intervalDays": 1}}, "startTime": "01:00", "utcOffset": "+02:00"}}),
        );
        let window = put.unwrap().maintenance_window.unwrap();
        // 23:30 in UTC is the next day in +02:00.
        assert_eq!((window.duration_hours, window.start_date.as_str()), (24, "2026-03-02"));
    }

    #[test]
    fn forms_that_azure_refuses_are_refused() {
        let good = json!({"schedule": {"daily": {"intervalDays": 1}}, "startTime": "01:00"});
        let with = |key: &str, value: Value| {
            let mut window = good.clone();
            window[key] = value;
            json!({"maintenanceWindow": window})
        };
        let refused = [
            (maintenance::NODE_OS, with("durationHours", json!(3))),
            (maintenance::NODE_OS, with("durationHours", json!(25))),
            (maintenance::NODE_OS, with("utcOffset", json!("5:30"))),
            (maintenance::NODE_OS, with("startTime", json!("25:00"))),
            (maintenance::NODE_OS, with("startDate", json!("2026-02-30"))),
            (maintenance::NODE_OS, with("schedule", json!({}))),
            (maintenance::NODE_OS, with("schedule", json!({"daily": {"intervalDays": 8}}))),
            (maintenance::NODE_OS, with("schedule", json!({"weekly": {"intervalWeeks": 5, "dayOfWeek": "Monday"}}))),
            (maintenance::NODE_OS, with("schedule", json!({"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 32}}))),
            (
                maintenance::NODE_OS,
                with("schedule", json!({"daily": {"intervalDays": 1}, "weekly": {"intervalWeeks": 1, "dayOfWeek": "Monday"}})),
            ),
            (maintenance::DEFAULT, json!({"maintenanceWindow": good})),
            (maintenance::DEFAULT, json!({"timeInWeek": [{"day": "Monday", "hourSlots": [24]}]})),
            (maintenance::DEFAULT, json!({})),
            (maintenance::AUTO_UPGRADE, json!({"timeInWeek": [{"day": "Monday", "hourSlots": [1]}]})),
        ];
        for (name, properties) in refused {
            assert!(put(name, properties.clone()).is_err(), "{name} {properties}");
        }
        assert!(name("weekly").is_err());
        assert_eq!(name("AKSManagedAutoUpgradeSchedule").unwrap(), maintenance::AUTO_UPGRADE);
    }
}
