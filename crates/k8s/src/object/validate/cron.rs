//! The form of a cron schedule: five fields of numbers, names, ranges and steps, or a word such as `@daily`.
//!
//! Only the form is judged, in the words of the parser that upstream uses; when a schedule is due is decided where cron jobs
//! are reconciled.

const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

struct Field {
    least: u64,
    most: u64,
    /// Names of the numbers from `least` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { least: 0, most: 59, names: &[] },
    Field { least: 0, most: 23, names: &[] },
    Field { least: 1, most: 31, names: &[] },
    Field { least: 1, most: 12, names: &MONTHS },
    Field { least: 0, most: 6, names: &DAYS },
];

/// Checks a schedule; the error is the complaint.
pub fn check(schedule: &str) -> Result<(), String> {
    let rest = match schedule.strip_prefix("TZ=").or_else(|| schedule.strip_prefix("CRON_TZ=")) {
        Some(zoned) => zoned.split_once(' ').map_or("", |(_, rest)| rest.trim()),
        None => schedule,
    };
    if rest.starts_with('@') {
        let is_known = WORDS.contains(&rest) || rest.starts_with("@every ");
        return if is_known { Ok(()) } else { Err(format!("unrecognized descriptor: {rest}")) };
    }
    let parts: Vec<&str> = rest.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err(format!("expected exactly 5 fields, found {}: [{}]", parts.len(), parts.join(" ")));
    }
    for (part, field) in parts.iter().zip(&FIELDS) {
        part.split(',').filter(|range| !range.is_empty()).try_for_each(|range| check_range(range, field))?;
    }
    Ok(())
}

fn check_range(range: &str, field: &Field) -> Result<(), String> {
    let (ends, step) = match range.split('/').collect::<Vec<_>>()[..] {
        [ends] => (ends, None),
        [ends, step] => (ends, Some(step)),
        _ => return Err(format!("too many slashes: {range}")),
    };
    let (start, mut end, is_single) = match ends.split('-').collect::<Vec<_>>()[..] {
        ["*" | "?", ..] => (field.least, field.most, !ends.contains('-')),
        [one] => {
            let number = number_or_name(one, field)?;
            (number, number, true)
        }
        [low, high] => (number_or_name(low, field)?, number_or_name(high, field)?, false),
        _ => return Err(format!("too many hyphens: {range}")),
    };
    let mut stride = 1;
    if let Some(step) = step {
        stride = number(step)?;
        if is_single {
            end = field.most;
        }
    }
    if start < field.least {
        return Err(format!("beginning of range ({start}) below minimum ({}): {range}", field.least));
    }
    if end > field.most {
        return Err(format!("end of range ({end}) above maximum ({}): {range}", field.most));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    if stride == 0 {
        return Err(format!("step of range should be a positive number: {range}"));
    }
    Ok(())
}

fn number_or_name(text: &str, field: &Field) -> Result<u64, String> {
    let folded = text.to_lowercase();
    match field.names.iter().position(|name| *name == folded) {
        Some(index) => Ok(field.least + index as u64),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u64, String> {
    match text.parse::<i64>() {
        Ok(number) => u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}")),
        Err(_) => {
            let shown = crate::status::quote(text);
            Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {shown}: invalid syntax"))
        }
    }
}
