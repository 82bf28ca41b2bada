//! Values of pools between their wire spelling and the model.
//!
//! Enums are read without regard to case, but for `mode` (aks-semantics M-4). Amounts of an upgrade are texts: `"1"`, `"33%"`.

use crate::errors::ArmError;
use crate::fields::{Fields, word};
use nodelane_model::Name;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::pool::{Mode, OsType, Power, Priority, Undrainable, UpgradeSettings};
use nodelane_model::refusal::PoolRefusal;
use serde_json::{Number, Value};

pub(super) fn mode(fields: &Fields) -> Result<Option<Mode>, ArmError> {
    let words = [("System", Mode::System), ("User", Mode::User), ("Gateway", Mode::Gateway)];
    word(fields.text("mode")?, &words, true, "M-4", "agentPoolProfile.mode")
}

pub(super) fn os_type(fields: &Fields) -> Result<Option<OsType>, ArmError> {
    let words = [("Linux", OsType::Linux), ("Windows", OsType::Windows)];
    word(fields.text("osType")?, &words, false, "O-1", "agentPoolProfile.osType")
}

pub(super) fn priority(fields: &Fields) -> Result<Option<Priority>, ArmError> {
    let words = [("Regular", Priority::Regular), ("Spot", Priority::Spot)];
    word(fields.text("scaleSetPriority")?, &words, false, "S-1", "agentPoolProfile.scaleSetPriority")
}

pub(super) fn power(fields: &Fields) -> Result<Option<Power>, ArmError> {
    let words = [("Running", Power::Running), ("Stopped", Power::Stopped)];
    let code = fields.object("powerState", "PowerState")?.text("code")?;
    word(code, &words, false, "ST-1", "agentPoolProfile.powerState")
}

/// A word that the model keeps as a text, in its canonical spelling.
pub(super) fn text_word(fields: &Fields, key: &str, rule: &'static str, words: &[&'static str]) -> Result<Option<Name>, ArmError> {
    let pairs: Vec<(&str, &'static str)> = words.iter().map(|word| (*word, *word)).collect();
    let found = word(fields.text(key)?, &pairs, false, rule, &format!("agentPoolProfile.{key}"))?;
    Ok(found.map(Name::new_static))
}

/// A number that the model keeps in 32 bits without a sign; `refuse` is the answer to any other.
pub(super) fn amount(fields: &Fields, key: &str, refuse: impl FnOnce(i64) -> PoolRefusal) -> Result<Option<u32>, ArmError> {
    match fields.integer(key)? {
        None => Ok(None),
        Some(number) => u32::try_from(number).map(Some).map_err(|_| refuse(number).into()),
    }
}

/// The price of a spot machine as the model keeps it: the number's shortest text, -1 without a fraction.
pub(super) fn price(fields: &Fields) -> Result<Option<Name>, ArmError> {
    let Some(value) = fields.get("spotMaxPrice") else {
        return Ok(None);
    };
    match value.as_f64() {
        Some(price) => Ok(Some(price.to_string().into())),
        None => {
            Err(ArmError::Unmarshal { found: "string", field: "AgentPoolProperties.properties.spotMaxPrice".into(), wanted: "float32" })
        }
    }
}

/// A kept price as a number.
pub(super) fn price_number(price: &str) -> Value {
    price.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// Settings of upgrades; a present object replaces.
pub(super) fn upgrade_settings(fields: &Fields) -> Result<Option<UpgradeSettings>, ArmError> {
    let settings = fields.object("upgradeSettings", "AgentPoolUpgradeSettings")?;
    if !settings.is_present() {
        return Ok(None);
    }
    let at = |key: &str| format!("agentPoolProfile.upgradeSettings.{key}");
    let minutes = |key: &str| {
        amount(&settings, key, |_| PoolRefusal::parameter("UD-1", &at(key), format!("{key} is out of range"), "whole minutes from 0 on"))
    };
    let words = [("Schedule", Undrainable::Schedule), ("Cordon", Undrainable::Cordon)];
    let key = "undrainableNodeBehavior";
    let known = ["maxSurge", "maxUnavailable", "maxBlockedNodes", "drainTimeoutInMinutes", "nodeSoakDurationInMinutes", key];
    let rest = settings.entries().filter(|(key, _)| !known.contains(&key.as_str()));
    Ok(Some(UpgradeSettings {
        max_surge: share(&settings, "maxSurge")?,
        max_unavailable: share(&settings, "maxUnavailable")?,
        max_blocked_nodes: share(&settings, "maxBlockedNodes")?,
        drain_timeout_in_minutes: minutes("drainTimeoutInMinutes")?.filter(|minutes| *minutes > 0),
        node_soak_duration_in_minutes: minutes("nodeSoakDurationInMinutes")?,
        undrainable_node_behavior: word(settings.text(key)?, &words, false, "UD-2", &at(key))?,
        rest: rest.map(|(key, value)| (key.clone(), value.clone())).collect(),
    }))
}

/// A count or share of 0 or more (aks-semantics US-1).
fn share(settings: &Fields, key: &str) -> Result<Option<IntOrPercent>, ArmError> {
    let Some(text) = settings.text(key)? else {
        return Ok(None);
    };
    let digits = text.strip_suffix('%').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match IntOrPercent::parse(text).filter(|_| plain) {
        Some(share) => Ok(Some(share)),
        None => {
            let parameter = format!("agentPoolProfile.upgradeSettings.{key}");
            let why = format!("'{text}' is neither a count nor a percentage");
            Err(PoolRefusal::parameter("US-1", &parameter, why, "a number such as 1, or a percentage such as 33%").into())
        }
    }
}
