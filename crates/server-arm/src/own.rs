//! What Azure keeps elsewhere and a local account needs: quotas and the policy of a subscription, under a provider of our own.
//!
//! `GET|PUT …/providers/Microsoft.Nodelane/quotas/default` and `GET|PUT|DELETE …/policies/default`.

use crate::{Answer, Arm, Request, Result};
use http::Method;
use nodelane_arm::{ArmError, account};
use nodelane_engine::admit::{Policy, Quotas, count_vcpus};
use nodelane_model::change::Change;
use nodelane_model::{Body, Key, Kind, Name};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answers a request about quotas or policies; `None` where it is about something else.
pub async fn answer(arm: &Arm, request: &Request) -> Result<Option<Answer>> {
    let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (subscription, what) = match segments.as_slice() {
        [a, subscription, b, provider, what, "default"]
            if a.eq_ignore_ascii_case("subscriptions")
                && b.eq_ignore_ascii_case("providers")
                && provider.eq_ignore_ascii_case("Microsoft.Nodelane") =>
        {
            (*subscription, *what)
        }
        _ => return Ok(None),
    };
    let field = match what {
        "quotas" => "quotas",
        "policies" => "policy",
        _ => return Ok(None),
    };
    arm.check_group(subscription, None)?;
    let key = Key::global(Kind::Subscription, subscription.to_lowercase());
    match request.method {
        Method::GET => {}
        Method::PUT => {
            let body = account::object(&request.body)?;
            let properties = body.get("properties").cloned().ok_or_else(|| ArmError::NotJson("properties are missing".into()))?;
            store(arm, request, &key, field, Some(read(field, &properties)?)).await?;
        }
        Method::DELETE => store(arm, request, &key, field, None).await?,
        _ => return Ok(None),
    }
    let world = arm.directory.account().world();
    let doc = world.get(&key);
    let kept = doc.and_then(|doc| doc.as_opaque()?.get("spec")?.get(field)).cloned();
    let properties = match field {
        "quotas" => quotas(arm, subscription, kept.as_ref()),
        _ => kept.unwrap_or_else(|| json!(Policy::default())),
    };
    Ok(Some(Answer::json(200, &json!({"id": request.path, "name": "default", "properties": properties}))))
}

/// The limits in force, and what is used of them over all clusters.
fn quotas(arm: &Arm, subscription: &str, kept: Option<&Value>) -> Value {
    let mut usage: BTreeMap<Name, u64> = BTreeMap::new();
    for (id, door) in arm.directory.clusters() {
        if !id.group.subscription.eq_ignore_ascii_case(subscription) {
            continue;
        }
        count_vcpus(&door.world(), &arm.catalog, &mut usage);
    }
    let limits: Quotas = kept.and_then(|kept| serde_json::from_value(kept.clone()).ok()).unwrap_or_default();
    let mut properties = json!(limits);
    properties["usage"] = json!(usage);
    properties
}

/// The whole of what is given. What is not understood is refused, so that a misspelt key does not allow everything.
fn read(field: &str, properties: &Value) -> Result<Value> {
    let whole = match field {
        "quotas" => Quotas::deserialize(properties).map(|quotas| json!(quotas)),
        _ => Policy::deserialize(properties).map(|policy| json!(policy)),
    };
    whole.map_err(|error| ArmError::NotJson(format!("properties: {error}").into()))
}

async fn store(arm: &Arm, request: &Request, key: &Key, field: &str, value: Option<Value>) -> Result<()> {
    let door = arm.directory.account();
    let world = door.world();
    let Some(old) = world.get(key) else { return Ok(()) };
    let mut doc = (**old).clone();
    if let Body::Opaque(rest) = &mut doc.body
        && let Some(spec) = rest.get_mut("spec").and_then(Value::as_object_mut)
    {
        match value {
            Some(value) => drop(spec.insert(field.to_owned(), value)),
            None => drop(spec.remove(field)),
        }
    }
    door.submit(Change::Replace { base: old.revision, doc: Arc::new(doc) }, request.origin.clone()).await?;
    Ok(())
}
