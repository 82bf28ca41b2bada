//! The ConfigMap that shows what the autoscaler sees and does (aks-semantics SD-6), as YAML with its keys in order.
//!
//! Written only when something in it is another, and at most once in a scan interval: nothing wakes a cell that is at rest. So the times of
//! its last look are those of the last change, where cluster-autoscaler's go on every ten seconds. A cluster without an autoscaled pool has
//! none.

use super::groups::{id, is_unhealthy};
use super::profile::Profile;
use super::watch::{Counts, State};
use super::{backoff, is_autoscaled, say, wake};
use nodelane_model::{Body, Kind, Meta, Name, NodePool, Time};
use nodelane_world::Draft;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// When the file was last written.
pub const LAST_UPDATED: &str = "cluster-autoscaler.kubernetes.io/last-updated";

/// What was last written, and since when each part is as it is.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    written: Option<(Time, Value)>,
    since: BTreeMap<String, (&'static str, Time)>,
}

/// Writes the state where it is another and it is time.
pub fn write(draft: &mut Draft, memory: &mut super::Memory, profile: &Profile) {
    let relevant = memory.has_moved
        || memory.changed.iter().any(|key| matches!(key.kind, Kind::NodePool | Kind::Cluster))
        || memory.looks.has_looked(draft.now);
    if !relevant && memory.status.written.is_some() {
        return;
    }
    let pools: Vec<(Name, NodePool)> =
        draft.world.pools().filter(|(_, pool)| is_autoscaled(pool)).map(|(doc, pool)| (doc.key.name.clone(), pool.clone())).collect();
    if pools.is_empty() {
        return;
    }
    let state = state(memory, profile, &pools, draft.now);
    let written = memory.status.written.as_ref();
    if written.is_some_and(|(_, last)| *last == state) {
        return;
    }
    let next = profile.next_scan(written.map(|(at, _)| *at), draft.now);
    if next > draft.now {
        return wake(draft, next);
    }
    let text = with_times(&mut memory.status, &state, draft.now);
    memory.status.written = Some((draft.now, state));
    put(draft, text);
}

fn put(draft: &mut Draft, text: String) {
    let key = say::status_key();
    let now = draft.now.whole_seconds().to_string();
    let updated = format!("{} +0000 UTC", now.trim_end_matches('Z').replace('T', " "));
    let data = json!({"status": text});
    if draft.world.get(&key).is_none() {
        let annotations = Arc::new(BTreeMap::from([(Name::new_static(LAST_UPDATED), updated.into())]));
        let rest = Map::from_iter([("data".to_owned(), data)]);
        draft.create(key, Meta { annotations, ..Meta::default() }, Body::Opaque(rest));
        return;
    }
    draft.update(&key, |doc| {
        Arc::make_mut(&mut doc.meta.annotations).insert(LAST_UPDATED.into(), updated.into());
        if let Body::Opaque(rest) = &mut doc.body {
            rest.insert("data".into(), data);
        }
    });
}

/// The state without times.
fn state(memory: &super::Memory, profile: &Profile, pools: &[(Name, NodePool)], now: Time) -> Value {
    let total = memory.watch.total();
    let health = |counts: &Counts| if is_unhealthy(counts, profile) { "Unhealthy" } else { "Healthy" };
    let candidates = |count: u32| match count {
        0 => json!({"status": "NoCandidates"}),
        count => json!({"status": "CandidatesPresent", "candidates": count}),
    };
    let group = |(name, pool): &(Name, NodePool)| {
        let counts = memory.watch.counts(name);
        let mut scale_up = json!({"status": activity(&counts, false)});
        if let Some(backoff) = backoff::of(pool, now) {
            scale_up = json!({"status": "Backoff", "backoffInfo": {"errorCode": backoff.code, "errorMessage": backoff.message}});
        }
        json!({
            "name": id(name, pool),
            "health": {
                "status": health(&counts), "nodeCounts": node_counts(&counts), "cloudProviderTarget": counts.target(),
                "minSize": super::minimum::at(pool, now), "maxSize": pool.spec.max_count.unwrap_or(0),
            },
            "scaleUp": scale_up,
            "scaleDown": candidates(memory.down.candidates(name)),
        })
    };
    let of_groups = pools.iter().map(|(name, _)| memory.watch.counts(name)).fold(Counts::default(), |sum, counts| sum.sum(&counts));
    let going: u32 = pools.iter().map(|(name, _)| memory.down.candidates(name)).sum();
    json!({
        "autoscalerStatus": "Running",
        "clusterWide": {
            "health": {"status": health(&total), "nodeCounts": node_counts(&total)},
            "scaleUp": {"status": activity(&of_groups, memory.needs_nodes)},
            "scaleDown": candidates(going),
        },
        "nodeGroups": pools.iter().map(group).collect::<Vec<_>>(),
    })
}

fn activity(counts: &Counts, needed: bool) -> &'static str {
    match () {
        () if counts.of(State::Awaited) + counts.of(State::NotStarted) > 0 => "InProgress",
        () if needed => "Needed",
        () => "NoActivity",
    }
}

fn node_counts(counts: &Counts) -> Value {
    let mut registered = json!({
        "total": counts.registered(), "ready": counts.of(State::Ready), "notStarted": counts.of(State::NotStarted),
        "unready": {"total": counts.of(State::Unready), "resourceUnready": 0},
    });
    for (key, count) in [("beingDeleted", counts.of(State::Leaving)), ("suspended", counts.of(State::Suspended))] {
        if count > 0 {
            registered[key] = count.into();
        }
    }
    json!({"registered": registered, "longUnregistered": counts.of(State::Late), "unregistered": counts.of(State::Awaited)})
}

/// The state with its times, as YAML.
fn with_times(memory: &mut Memory, state: &Value, now: Time) -> String {
    let mut state = state.clone();
    let now = now.whole_seconds();
    let mut stamp = |path: String, part: &mut Value| {
        let status = part["status"].as_str().and_then(known).unwrap_or_default();
        let since = memory.since.entry(path).or_insert((status, now));
        if since.0 != status {
            *since = (status, now);
        }
        part["lastProbeTime"] = now.to_string().into();
        part["lastTransitionTime"] = since.1.to_string().into();
    };
    for part in ["health", "scaleUp", "scaleDown"] {
        stamp(part.to_owned(), &mut state["clusterWide"][part]);
        for group in state["nodeGroups"].as_array_mut().into_iter().flatten() {
            let path = format!("{part} {}", group["name"]);
            stamp(path, &mut group[part]);
        }
    }
    state["time"] = now.to_string().into();
    let mut text = String::new();
    yaml(&state, 0, &mut text);
    text
}

fn known(status: &str) -> Option<&'static str> {
    ["Healthy", "Unhealthy", "InProgress", "Needed", "NoActivity", "Backoff", "NoCandidates", "CandidatesPresent"]
        .into_iter()
        .find(|known| *known == status)
}

/// Writes a mapping as YAML in block style.
fn yaml(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    for (key, value) in value.as_object().into_iter().flat_map(|map| map.iter().collect::<BTreeMap<_, _>>()) {
        match value {
            Value::Object(_) => {
                let _ = writeln!(out, "{pad}{key}:");
                yaml(value, indent + 2, out);
            }
            Value::Array(items) => {
                let _ = writeln!(out, "{pad}{key}:");
                for item in items {
                    let mut text = String::new();
                    yaml(item, indent + 2, &mut text);
                    out.push_str(&pad);
                    out.push_str("- ");
                    out.push_str(&text[(indent + 2).min(text.len())..]);
                }
            }
            Value::String(text) if is_plain(text) => {
                let _ = writeln!(out, "{pad}{key}: {text}");
            }
            other => {
                let _ = writeln!(out, "{pad}{key}: {other}");
            }
        }
    }
}

/// Whether YAML reads a text as itself without quotes.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str())
}
