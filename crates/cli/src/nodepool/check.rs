//! What az refuses by itself, before any request, and with which words (arm-wire section 1).
//!
//! Deliberately looser than the service where az is: upper case and a leading digit in a name pass, and the server
//! says no.

use std::collections::BTreeMap;

use crate::az::Failure;

fn refuse<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::refused(message))
}

/// `--name`: at most 12 letters and digits.
pub fn pool_name(name: &str) -> Result<(), Failure> {
    if name.chars().count() > 12 {
        return refuse("--nodepool-name can contain at most 12 characters");
    }
    if !name.chars().all(char::is_alphanumeric) {
        return refuse("--nodepool-name should contain only alphanumeric characters");
    }
    Ok(())
}

/// `--labels`: `[prefix/]name=value`.
pub fn labels(labels: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut checked = BTreeMap::new();
    for label in labels.iter().filter(|label| !label.is_empty()) {
        let (key, value) = checked_label(label)?;
        checked.insert(key.to_owned(), value.to_owned());
    }
    Ok(checked)
}

fn checked_label(label: &str) -> Result<(&str, &str), Failure> {
    const QUALIFIED: &str = "A qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start \
                             and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc')";
    const SUBDOMAIN: &str = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    let invalid = |reason: &str| refuse(format!("Invalid label: {label}. {reason}"));
    let Some((key, value)) = label.split_once('=').filter(|(_, value)| !value.contains('=')) else {
        return invalid("Label definition must be of format name=value.");
    };
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, _] if prefix.is_empty() || prefix.len() > 253 => {
            return invalid("Label prefix can't be empty or more than 253 chars.");
        }
        [prefix, _] if !prefix.split('.').all(is_dns_label) => {
            return invalid(
                "Prefix part a DNS-1123 label must consist of lower case alphanumeric characters or '-', and must \
                 start and end with an alphanumeric character",
            );
        }
        [_, name] => *name,
        _ => return invalid(&format!("{QUALIFIED} {SUBDOMAIN}")),
    };
    if name.is_empty() || name.chars().count() > 63 {
        return invalid("Label name can't be empty or more than 63 chars.");
    }
    if !is_label_text(name) {
        return invalid(&format!("{QUALIFIED} {SUBDOMAIN}"));
    }
    if value.chars().count() > 63 {
        return invalid("Label must not be more than 63 chars.");
    }
    if !value.is_empty() && !is_label_text(value) {
        return invalid(
            "A valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character",
        );
    }
    Ok((key, value))
}

fn is_dns_label(text: &str) -> bool {
    let inner = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_label_text(text: &str) -> bool {
    let edge = |ch: Option<char>| ch.is_some_and(|ch| ch.is_ascii_alphanumeric());
    edge(text.chars().next()) && edge(text.chars().last()) && text.chars().all(|ch| ch.is_ascii_alphanumeric() || "-_.".contains(ch))
}

/// `--node-taints`: comma-separated `key=value:Effect`; the empty text clears.
pub fn taints(taints: &str) -> Result<Vec<String>, Failure> {
    if taints.is_empty() {
        return Ok(Vec::new());
    }
    for taint in taints.split(',') {
        if !taint.is_empty() && !is_taint(taint) {
            return refuse(format!("Invalid node taint: {taint}"));
        }
    }
    Ok(taints.split(',').map(|taint| taint.trim().to_owned()).collect())
}

fn is_taint(taint: &str) -> bool {
    let word = |text: &str, more: &str, longest: usize| {
        let is_fitting = |ch: char| ch.is_alphanumeric() || ch == '_' || more.contains(ch);
        let first = text.chars().next().is_some_and(|ch| ch.is_ascii_alphabetic() || ch.is_numeric());
        first && text.chars().count() <= longest && text.chars().all(is_fitting)
    };
    let Some((key, rest)) = taint.split_once('=') else {
        return false;
    };
    let Some((value, effect)) = rest.split_once(':') else {
        return false;
    };
    word(key, "-./", 253) && word(value, "-.", 63) && ["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect)
}

/// `--tags`: `key[=value]`.
pub fn tags(tags: &[String]) -> BTreeMap<String, String> {
    let given = tags.iter().filter(|tag| !tag.is_empty());
    let pair = |tag: &String| match tag.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (tag.clone(), String::new()),
    };
    given.map(pair).collect()
}

/// `--min-count`, `--max-count`: 0 to 1000.
pub fn node_counts(min_count: Option<i64>, max_count: Option<i64>) -> Result<(), Failure> {
    for (flag, count) in [("--min-count", min_count), ("--max-count", max_count)] {
        if count.is_some_and(|count| !(0..=1000).contains(&count)) {
            return refuse(format!("{flag} must be in the range [0,1000]"));
        }
    }
    Ok(())
}

/// The bounds of the autoscaler against each other, and on create against the count.
pub fn autoscaler(
    is_enabled: bool,
    bounds: (Option<i64>, Option<i64>),
    created_count: Option<i64>,
    mode: Option<&str>,
) -> Result<(), Failure> {
    match (is_enabled, bounds) {
        (false, (None, None)) => Ok(()),
        (false, _) => {
            let or_update = if created_count.is_none() { " or --update-cluster-autoscaler" } else { "" };
            refuse(format!("min-count and max-count are required for --enable-cluster-autoscaler{or_update}, please use the flag"))
        }
        (true, (Some(min), Some(max))) => {
            if min > max {
                return refuse("Value of min-count should be less than or equal to value of max-count");
            }
            if created_count.is_some_and(|count| !(min..=max).contains(&count)) {
                return refuse("node-count is not in the range of min-count and max-count");
            }
            if mode == Some("System") && min < 1 {
                return refuse("Value of min-count should be greater than or equal to 1 for System node pools");
            }
            Ok(())
        }
        (true, _) => refuse("Please specify both min-count and max-count when --enable-cluster-autoscaler enabled"),
    }
}

/// `--max-surge` and `--max-unavailable`: a number or a percentage, not negative.
pub fn number_or_percentage(flag: &str, text: Option<&str>) -> Result<(), Failure> {
    let Some(text) = text else { return Ok(()) };
    match text.trim_end_matches('%').trim().parse::<i64>() {
        Ok(number) if number < 0 => refuse(format!("{flag} must be positive")),
        Ok(_) => Ok(()),
        Err(_) => refuse(format!("{flag} should be an int or percentage")),
    }
}

/// `--kubernetes-version`: `1.34` or `1.34.2`, a `v` in front is fine; empty means the cluster's.
pub fn kubernetes_version(version: &str) -> Result<(), Failure> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = version.trim_start_matches(['v', 'V']).split('.').collect();
    let has_one_v = version.len() - version.trim_start_matches(['v', 'V']).len() <= 1;
    if version.is_empty() || (has_one_v && (2..=3).contains(&parts.len()) && parts.into_iter().all(digits)) {
        return Ok(());
    }
    refuse("--kubernetes-version should be the full version number or major.minor version number, such as \"1.7.12\" or \"1.7\"")
}

/// A resource id: subscription, provider, type and name.
pub fn resource_id(flag: &str, id: Option<&str>) -> Result<(), Failure> {
    let Some(id) = id.filter(|id| !id.is_empty() || flag == "--crg-id") else {
        return Ok(());
    };
    if is_resource_id(id) { Ok(()) } else { refuse(format!("{flag} is not a valid Azure resource ID.")) }
}

/// Whether a text is an id of a resource below a provider.
pub fn is_resource_id(id: &str) -> bool {
    let parts: Vec<&str> = id.split('/').collect();
    let is_named = |at: usize, name: &str| parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(name));
    let provider = if is_named(3, "resourceGroups") { 5 } else { 3 };
    id.starts_with('/')
        && is_named(1, "subscriptions")
        && is_named(provider, "providers")
        && parts.len() >= provider + 4
        && parts.len() % 2 == provider % 2
        && parts[1..].iter().all(|part| !part.is_empty())
}

/// `--allowed-host-ports`: `80/tcp` or `4000-5000/udp`, as first and last port and protocol.
pub fn host_ports(ports: &[String]) -> Result<Vec<(i64, i64, String)>, Failure> {
    ports.iter().map(|text| host_port(text)).collect()
}

fn host_port(text: &str) -> Result<(i64, i64, String), Failure> {
    let parsed = text.to_lowercase().split_once('/').and_then(|(ports, protocol)| {
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let protocol = ["tcp", "udp"].contains(&protocol).then(|| protocol.to_uppercase())?;
        Some((number(first)?, number(last)?, protocol))
    });
    parsed.map_or_else(
        || {
            refuse(format!(
                "--allowed-host-ports must be a space-separated list of port ranges in the format of \
                 <port-range>/<protocol>: '{text}'"
            ))
        },
        Ok,
    )
}

/// `--spot-max-price`: with Spot only, five decimals, positive or -1.
pub fn spot_price(price: Option<f64>, priority: &str) -> Result<(), Failure> {
    let Some(price) = price else { return Ok(()) };
    if priority != "Spot" {
        return refuse("--spot_max_price can only be set when --priority is Spot");
    }
    let decimals = price.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > 5 {
        return refuse("--spot_max_price can only include up to 5 decimal places");
    }
    if price <= 0.0 && price != -1.0 {
        return refuse(
            "--spot_max_price can only be any decimal value greater than zero, or -1 which indicates default price to \
             be up-to on-demand",
        );
    }
    Ok(())
}
