//! How auto-repair goes on a pool: AKS's timers and bounds, unless the pool's mark `nodelane-repair` says otherwise.
//!
//! `off`, or parts such as `detection=2m,persistence=30s,unhealthy=30%`. The cluster's mark may have `unhealthy` for the cluster as a whole.

use crate::marks::{REPAIR, mark};
use nodelane_model::Name;
use nodelane_model::budget::IntOrPercent;
use std::collections::BTreeMap;

/// For how long a node is not Ready, look after look, before it is unhealthy (aks-semantics section 9 item 10).
pub const DETECTION_MILLIS: i64 = 10 * 60_000;
/// For how long an unhealthy node stays so before the next rung is taken.
pub const PERSISTENCE_MILLIS: i64 = 5 * 60_000;

/// The form of the mark, for people.
pub const FORM: &str = "off, or parts such as detection=10m,persistence=5m,unhealthy=45%";

/// What holds for a pool.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Whether its machines are left alone.
    pub is_off: bool,
    /// See [`DETECTION_MILLIS`].
    pub detection_millis: i64,
    /// See [`PERSISTENCE_MILLIS`].
    pub persistence_millis: i64,
    /// Unhealthy nodes at which it still works, where that is said.
    pub unhealthy: Option<IntOrPercent>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { is_off: false, detection_millis: DETECTION_MILLIS, persistence_millis: PERSISTENCE_MILLIS, unhealthy: None }
    }
}

impl Settings {
    /// Reads the mark among tags; the part that is wrong, if one is.
    pub fn of(tags: &BTreeMap<Name, Name>) -> Result<Settings, String> {
        let mut settings = Settings::default();
        for part in mark(tags, REPAIR).unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || part.to_owned();
            match part.split_once('=') {
                None if part == "off" => settings.is_off = true,
                Some(("detection", value)) => settings.detection_millis = millis(value).ok_or_else(wrong)?,
                Some(("persistence", value)) => settings.persistence_millis = millis(value).ok_or_else(wrong)?,
                Some(("unhealthy", value)) => {
                    settings.unhealthy = Some(IntOrPercent::parse(value).filter(|most| most.scaled_up(100) >= 0).ok_or_else(wrong)?);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(settings)
    }
}

/// `90s`, `10m`, `2h`, at most a day.
fn millis(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit).filter(|millis| (0..=86_400_000).contains(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_part_by_part_and_a_wrong_part_is_named() {
        let read = |text: &str| Settings::of(&BTreeMap::from([("nodelane-repair".into(), text.into())]));
        assert_eq!(read(""), Ok(Settings::default()));
        assert_eq!(read("off").map(|settings| settings.is_off), Ok(true));
        let settings = read("detection=2m, persistence=30s,unhealthy=3").unwrap();
        assert_eq!((settings.detection_millis, settings.persistence_millis), (120_000, 30_000));
        assert_eq!(settings.unhealthy, Some(IntOrPercent::Int(3)));
        for text in [
            "on",
            "detection=2",
            "detection=-1s",
            "persistence=25h",
            "unhealthy=-1%",
            "unhealthy=",
            "detection=9999999999999999h",
            "detection=é",
        ] {
            assert_eq!(read(text), Err(text.to_owned()));
        }
    }
}
