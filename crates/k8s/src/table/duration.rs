//! Ages as kubectl shows them: two or three significant figures.
//!
//! The finer the younger: seconds below two minutes, then pairs (`5m30s`, `3h20m`, `4d6h`) that give way to one unit as the
//! span grows. Source: golden values of apimachinery's HumanDuration in tests.

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A span of `millis` milliseconds. Up to two seconds in the future count as now (clocks differ), more is `<invalid>`.
pub fn human_duration(millis: i64) -> String {
    let pair = |large: i64, large_unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match millis {
        ..=-2000 => "<invalid>".to_owned(),
        -1999..0 => "0s".to_owned(),
        m if m < 2 * MINUTE => format!("{}s", m / SECOND),
        m if m < 10 * MINUTE => pair(m / MINUTE, 'm', m % MINUTE / SECOND, 's'),
        m if m < 3 * HOUR => format!("{}m", m / MINUTE),
        m if m < 8 * HOUR => pair(m / HOUR, 'h', m % HOUR / MINUTE, 'm'),
        m if m < 2 * DAY => format!("{}h", m / HOUR),
        m if m < 8 * DAY => pair(m / DAY, 'd', m % DAY / HOUR, 'h'),
        m if m < 2 * YEAR => format!("{}d", m / DAY),
        m if m < 8 * YEAR => pair(m / YEAR, 'y', m % YEAR / DAY, 'd'),
        m => format!("{}y", m / YEAR),
    }
}
