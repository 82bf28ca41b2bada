//! Properties of a pool on their way back to the server: what may be written, and how flags change it.
//!
//! Facts of the peer: read-only properties are left out, unknown ones are sent back, and a flag replaces the whole
//! list or map that it names.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::arguments::UpgradeSettings;
use super::check;
use crate::az::Failure;

/// Properties that only the server sets.
const READ_ONLY: [&str; 3] = ["eTag", "currentOrchestratorVersion", "provisioningState"];

/// The properties of a pool as they may be sent back.
pub(super) fn writable(mut pool: Json) -> Json {
    let mut properties = pool["properties"].take();
    if let Some(fields) = properties.as_object_mut() {
        fields.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        if let Some(Json::Object(status)) = fields.get_mut("status") {
            status.remove("provisioningError");
        }
        if let Some(Json::Object(local_dns)) = fields.get_mut("localDNSProfile") {
            local_dns.remove("state");
        }
    }
    properties
}

/// A property that is an object, made if it is missing or null.
pub(super) fn part<'a>(properties: &'a mut Json, name: &str) -> &'a mut Json {
    let part = &mut properties[name];
    if !part.is_object() {
        *part = Json::Object(Map::new());
    }
    part
}

impl UpgradeSettings {
    /// Client-side checks.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check::number_or_percentage("--max-surge", self.max_surge.as_deref())?;
        check::number_or_percentage("--max-unavailable", self.max_unavailable.as_deref())
    }

    /// Whether any flag says something; 0 minutes do not, except for the soak of an upgrade.
    pub(super) fn is_given(&self) -> bool {
        self.fields().next().is_some() || self.max_unavailable.is_some()
    }

    /// The settings that make az create `upgradeSettings` where there was none: all but `maxUnavailable`.
    fn fields(&self) -> impl Iterator<Item = (&'static str, Json)> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).map(Json::from);
        let minutes = |minutes: Option<i64>| minutes.filter(|minutes| *minutes != 0).map(Json::from);
        let fields = [
            ("maxSurge", text(&self.max_surge)),
            ("drainTimeoutInMinutes", minutes(self.drain_timeout)),
            ("nodeSoakDurationInMinutes", minutes(self.node_soak_duration)),
            ("undrainableNodeBehavior", text(&self.undrainable_node_behavior)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// Writes what the flags say. As az does, `update` drops `--max-unavailable` alone where nothing was set before.
    pub(super) fn apply(&self, properties: &mut Json, always: bool) {
        for (name, value) in self.fields() {
            part(properties, "upgradeSettings")[name] = value;
        }
        if let Some(unavailable) = &self.max_unavailable
            && (always || properties["upgradeSettings"].is_object())
        {
            part(properties, "upgradeSettings")["maxUnavailable"] = json!(unavailable);
        }
    }
}

/// `allowedHostPorts` of `--allowed-host-ports`.
pub(super) fn host_ports(ports: &[String]) -> Result<Json, Failure> {
    let ranges = check::host_ports(ports)?
        .into_iter()
        .map(|(first, last, protocol)| json!({"portStart": first, "portEnd": last, "protocol": protocol}));
    Ok(ranges.collect())
}

/// Whether `--asg-ids` come with host ports and are ids.
pub(super) fn check_security_groups(ids: Option<&[String]>, ports: Option<&[String]>) -> Result<(), Failure> {
    let ids = ids.unwrap_or_default();
    if !ids.is_empty() && ports.unwrap_or_default().is_empty() {
        return Err(Failure::refused("--asg-ids must be used with --allowed-host-ports"));
    }
    match ids.iter().find(|id| !check::is_resource_id(id)) {
        Some(id) => Err(Failure::refused(format!("{id} is not a valid Azure resource ID."))),
        None => Ok(()),
    }
}

/// A file with a JSON object; `invalid` is what to say when it holds something else.
pub(super) fn json_file(path: &Path, absent: &str, invalid: &str) -> Result<Json, Failure> {
    let shown = path.display();
    if !path.is_file() {
        return Err(Failure::refused(format!("{shown} is {absent}")));
    }
    let text = fs::read_to_string(path).map_err(|error| Failure::refused(format!("{shown}: {error}")))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| {
        Failure::refused(format!(
            "Failed to parse file '{shown}' with exception:\nFailed to parse string as JSON:\n{text}\nError detail: {error}"
        ))
    })?;
    if json.is_object() { Ok(json) } else { Err(Failure::refused(invalid.replace("{}", &shown.to_string()))) }
}

/// The profile of `--localdns-config`: known settings only, in either spelling.
pub(super) fn local_dns(path: &Path) -> Result<Json, Failure> {
    const INVALID: &str = "Error reading local DNS config from {}. Please provide a valid JSON file.";
    let file = json_file(path, "not a valid file, or not accessible.", INVALID)?;
    let mut profile = Map::new();
    for (name, value) in file.as_object().into_iter().flatten() {
        let overrides = ["kubeDNSOverrides", "vnetDNSOverrides"];
        if name == "mode" {
            profile.insert(name.clone(), value.clone());
        } else if let Some(known) = overrides.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            let zones = value.as_object().cloned().unwrap_or_default();
            let zones = zones.into_iter().map(|(zone, settings)| Ok((zone, dns_override(&settings)?)));
            profile.insert((*known).to_owned(), Json::Object(zones.collect::<Result<_, Failure>>()?));
        }
    }
    Ok(Json::Object(profile))
}

fn dns_override(settings: &Json) -> Result<Json, Failure> {
    const KNOWN: [(&str, &str); 8] = [
        ("queryLogging", "query_logging"),
        ("protocol", "protocol"),
        ("forwardDestination", "forward_destination"),
        ("forwardPolicy", "forward_policy"),
        ("maxConcurrent", "max_concurrent"),
        ("cacheDurationInSeconds", "cache_duration_in_seconds"),
        ("serveStaleDurationInSeconds", "serve_stale_duration_in_seconds"),
        ("serveStale", "serve_stale"),
    ];
    let Some(settings) = settings.as_object() else {
        return Err(Failure::refused(format!("Expected a dictionary for DNS override settings, but got {settings}")));
    };
    let known = KNOWN.into_iter().filter_map(|(camel, snake)| {
        let value = settings.get(camel).or_else(|| settings.get(snake))?;
        Some((camel.to_owned(), value.clone()))
    });
    Ok(Json::Object(known.collect()))
}
