//! Amounts of resources, as Kubernetes writes them: `100m`, `1.5`, `2Gi`, `1e3`.
//!
//! The text is kept, because it must come back as it was given; the number is read when needed. Values are integers: milli-units
//! for CPU, whole units (bytes, pods, devices) for everything else, rounded up as `Quantity.Value` and `MilliValue` do.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An amount as it was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Quantity(pub Name);

/// Amounts by resource name.
pub type Resources = BTreeMap<Name, Quantity>;

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        // Clients may send a bare number, as the real API accepts.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Quantity(text.into())),
            serde_json::Value::Number(number) => Ok(Quantity(number.to_string().into())),
            other => Err(serde::de::Error::custom(format_args!("quantity must be a string or a number, not {other}"))),
        }
    }
}

impl Quantity {
    /// An amount from thousandths: `1500` is written `1500m`, `2000` is written `2`.
    pub fn from_milli(milli: i64) -> Quantity {
        Quantity(if milli % 1000 == 0 { format!("{}", milli / 1000) } else { format!("{milli}m") }.into())
    }
    /// An amount of bytes in Ki, as kubelets report memory.
    pub fn from_kibibytes(bytes: i64) -> Quantity {
        Quantity(format!("{}Ki", bytes / 1024).into())
    }
    /// A count.
    pub fn from_count(count: i64) -> Quantity {
        Quantity(format!("{count}").into())
    }
    /// Thousandths, rounded up; `None` if the text is no quantity. Saturates.
    pub fn milli(&self) -> Option<i64> {
        parse_nano(&self.0).map(|nano| clamp(div_ceil(nano, 1_000_000)))
    }
    /// Whole units, rounded up; `None` if the text is no quantity. Saturates.
    pub fn units(&self) -> Option<i64> {
        parse_nano(&self.0).map(|nano| clamp(div_ceil(nano, 1_000_000_000)))
    }
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn div_ceil(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0)
}

/// The value in billionths. The largest, 9.2e18 units, is 9.2e27: far from an i128's 1.7e38.
fn parse_nano(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || !(whole.to_owned() + fraction).bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = fraction.len() as u32;
    if negative {
        mantissa = -mantissa;
    }
    let (times, by): (i128, i128) = match suffix {
        "n" => (1, 1),
        "u" => (1_000, 1),
        "m" => (1_000_000, 1),
        "" => (1_000_000_000, 1),
        "k" => (10_i128.pow(12), 1),
        "M" => (10_i128.pow(15), 1),
        "G" => (10_i128.pow(18), 1),
        "T" => (10_i128.pow(21), 1),
        "P" => (10_i128.pow(24), 1),
        "E" => (10_i128.pow(27), 1),
        "Ki" => (1_000_000_000 << 10, 1),
        "Mi" => (1_000_000_000 << 20, 1),
        "Gi" => (1_000_000_000 << 30, 1),
        "Ti" => (1_000_000_000 << 40, 1),
        "Pi" => (1_000_000_000 << 50, 1),
        "Ei" => (1_000_000_000 << 60, 1),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            match power {
                0..=18 => (1_000_000_000 * 10_i128.pow(power as u32), 1),
                -9..0 => (1_000_000_000, 10_i128.pow(-power as u32)),
                _ => return None,
            }
        }
    };
    let by = by.checked_mul(10_i128.checked_pow(scale)?)?;
    Some(div_ceil(mantissa.checked_mul(times)?, by))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Quantity {
        Quantity(text.into())
    }

    #[test]
    fn quantities_read_as_kubernetes_reads_them() {
        for (text, milli) in
            [("100m", 100), ("1", 1000), ("1.5", 1500), ("0.1", 100), ("1e3", 1_000_000), ("2k", 2_000_000), ("1u", 1), ("-1", -1000)]
        {
            assert_eq!(quantity(text).milli(), Some(milli), "{text}");
        }
        for (text, units) in [
            ("1Ki", 1024),
            ("1.5Gi", 1_610_612_736),
            ("200Mi", 209_715_200),
            ("1M", 1_000_000),
            ("100m", 1),
            ("0", 0),
            ("1E", 10_i64.pow(18)),
        ] {
            assert_eq!(quantity(text).units(), Some(units), "{text}");
        }
        for text in ["", "Mi", "1X", "1.2.3", "--1", "1e99"] {
            assert_eq!(quantity(text).units(), None, "{text}");
        }
    }
}
