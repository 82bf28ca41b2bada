//! Typed reading of JSON objects, with the error that AKS gives for a value of another type.
//!
//! `null` is as good as absent everywhere.

use crate::errors::ArmError;
use nodelane_model::Name;
use nodelane_model::refusal::PoolRefusal;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An object and its place in Go's words, such as `AgentPoolProperties.properties`.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    place: String,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(map: &'a Map<String, Value>, place: &str) -> Fields<'a> {
        Fields { map: Some(map), place: place.into() }
    }
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.map.into_iter().flatten().filter(|(_, value)| !value.is_null())
    }
    fn wrong(&self, key: &str, value: &Value, wanted: &'static str) -> ArmError {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        ArmError::Unmarshal { found, field: format!("{}.{key}", self.place), wanted }
    }
    /// A text; absent where it is empty.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, ArmError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(other) => Err(self.wrong(key, other, "string")),
        }
    }
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, ArmError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong(key, other, "bool")),
        }
    }
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, ArmError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(key, value, "int32")),
            },
        }
    }
    pub(crate) fn list(&self, key: &str) -> Result<Option<Vec<Name>>, ArmError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|list| list.iter().map(|item| item.as_str().map(Name::from)).collect());
        texts.map(Some).ok_or_else(|| self.wrong(key, value, "[]string"))
    }
    pub(crate) fn map(&self, key: &str) -> Result<Option<BTreeMap<Name, Name>>, ArmError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let pair = |(key, value): (&String, &Value)| Some((Name::from(key), Name::from(value.as_str()?)));
        let pairs = value.as_object().and_then(|map| map.iter().map(pair).collect());
        pairs.map(Some).ok_or_else(|| self.wrong(key, value, "map[string]string"))
    }
    /// An object; one without fields where it is absent.
    pub(crate) fn object(&self, key: &str, wanted: &'static str) -> Result<Fields<'a>, ArmError> {
        let place = format!("{}.{key}", self.place);
        match self.get(key) {
            None => Ok(Fields { map: None, place }),
            Some(Value::Object(map)) => Ok(Fields { map: Some(map), place }),
            Some(other) => Err(self.wrong(key, other, wanted)),
        }
    }
    /// Objects in a list, absent where the list is.
    pub(crate) fn objects(&self, key: &str, wanted: &'static str) -> Result<Option<Vec<&'a Map<String, Value>>>, ArmError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let objects = value.as_array().and_then(|list| list.iter().map(Value::as_object).collect());
        objects.map(Some).ok_or_else(|| self.wrong(key, value, wanted))
    }
    /// The same object under another name in errors.
    pub(crate) fn renamed(self, place: &str) -> Fields<'a> {
        Fields { place: place.into(), ..self }
    }
    pub(crate) fn is_present(&self) -> bool {
        self.map.is_some()
    }
}

/// A word out of a closed list, compared exactly (as M-4 has it since 2025) or without regard to case.
pub(crate) fn word<T: Copy>(
    text: Option<&str>,
    words: &[(&str, T)],
    exact: bool,
    rule: &'static str,
    parameter: &str,
) -> Result<Option<T>, ArmError> {
    let Some(text) = text else { return Ok(None) };
    let fits = |word: &str| {
        if exact { word == text } else { word.eq_ignore_ascii_case(text) }
    };
    match words.iter().find(|(word, _)| fits(word)) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let why = format!("'{text}' is not a value that it may have");
            Err(PoolRefusal::parameter(rule, parameter, why, names.join(", ")).into())
        }
    }
}

/// Tags that Azure takes: at most 50, names up to 512 characters without `<>%&\?/`, values up to 256.
pub(crate) fn check_tags(tags: &BTreeMap<Name, Name>) -> Result<(), ArmError> {
    let name_fits = |name: &Name| !name.is_empty() && name.chars().count() <= 512 && !name.contains(['<', '>', '%', '&', '\\', '?', '/']);
    let unfit = tags.iter().find(|(name, value)| !name_fits(name) || value.chars().count() > 256);
    let why = match unfit {
        Some((name, _)) => format!("The tag '{name}' is not valid"),
        None if tags.len() > 50 => format!("{} tags are too many", tags.len()),
        None => return Ok(()),
    };
    let accepted = "at most 50 tags, names of up to 512 characters without <>%&\\?/, values of up to 256";
    Err(PoolRefusal::parameter("E10", "tags", why, accepted).into())
}
