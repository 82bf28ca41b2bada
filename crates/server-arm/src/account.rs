//! What stands around clusters: subscriptions, tenants, regions, providers, groups.
//!
//! They are documents of the account's own cell. Deleting a group deletes the clusters in it.
//! Not here: quotas and policies (`own`).

use crate::{Answer, Arm, Request, Result};
use nodelane_arm::{ArmError, Call, GroupId, account, version};

use nodelane_model::change::{Change, Propagation};
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Refusal, Rest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key of a group's document.
pub fn group_key(id: &GroupId) -> Key {
    Key::new(Kind::ResourceGroup, id.subscription.to_lowercase(), id.group.to_lowercase())
}

fn spec(doc: &Doc) -> Value {
    doc.as_opaque().and_then(|rest| rest.get("spec")).cloned().unwrap_or_default()
}

/// Answers a call about the account.
pub async fn answer(arm: &Arm, request: &Request, call: Call) -> Result<Answer> {
    let world = arm.directory.account().world();
    let subscription = |doc: &Doc| {
        let spec = spec(doc);
        account::subscription(&doc.key.name, spec["displayName"].as_str().unwrap_or("local"), &arm.tenant)
    };
    let listed = |entries: Vec<Value>| Ok(Answer::json(200, &account::page(entries, request.skip(), |skip| request.next_link(skip))));
    match call {
        Call::ListSubscriptions => listed(world.list(Kind::Subscription, None).map(|doc| subscription(doc)).collect()),
        Call::GetSubscription(id) => {
            arm.check_group(&id, None)?;
            let doc = world.get(&Key::global(Kind::Subscription, id.to_lowercase()));
            Ok(Answer::json(200, &doc.map(|doc| subscription(doc)).unwrap_or_default()))
        }
        Call::ListTenants => listed(vec![account::tenant(&arm.tenant)]),
        Call::ListLocations(id) => {
            arm.check_group(&id, None)?;
            let regions = arm.catalog.regions().iter().map(|region| account::location(&id, region)).collect::<Vec<_>>();
            Ok(Answer::json(200, &json!({"value": regions})))
        }
        Call::ListProviders(id) => {
            arm.check_group(&id, None)?;
            listed(vec![account::provider(&id, &arm.catalog)])
        }
        Call::GetProvider(id, name) | Call::RegisterProvider(id, name) => {
            arm.check_group(&id, None)?;
            if !name.eq_ignore_ascii_case(account::PROVIDER) {
                return Err(ArmError::ProviderNotFound(name));
            }
            Ok(Answer::json(200, &account::provider(&id, &arm.catalog)))
        }
        Call::ListKubernetesVersions(id, _) => {
            arm.check_group(&id, None)?;
            Ok(Answer::json(200, &version::on_offer(&arm.catalog)))
        }
        Call::ListOrchestrators(id, location) => {
            arm.check_group(&id, None)?;
            Ok(Answer::json(200, &version::orchestrators(&arm.catalog, &id, &location)))
        }
        Call::ListSnapshots(id) => {
            arm.check_group(&id, None)?;
            listed(Vec::new())
        }
        Call::ListSnapshotsOf(id) => {
            arm.check_group(&id.subscription, Some(&id))?;
            listed(Vec::new())
        }
        Call::ListGroups(id) => {
            arm.check_group(&id, None)?;
            listed(world.list(Kind::ResourceGroup, Some(&id.to_lowercase())).map(|doc| group_body(&id, doc)).collect())
        }
        Call::GetGroup(id) => {
            arm.check_group(&id.subscription, Some(&id))?;
            let doc = world.get(&group_key(&id)).map(|doc| group_body(&id.subscription, doc));
            Ok(Answer::json(200, &doc.unwrap_or_default()))
        }
        Call::HeadGroup(id) => {
            let exists = arm.check_group(&id.subscription, Some(&id)).is_ok();
            Ok(Answer::empty(if exists { 204 } else { 404 }))
        }
        Call::PutGroup(id) | Call::PatchGroup(id) => put_group(arm, request, &id).await,
        Call::DeleteGroup(id) => delete_group(arm, request, &id).await,
        _ => unreachable!("only calls about the account come here"),
    }
}

fn group_body(subscription: &str, doc: &Doc) -> Value {
    let spec = spec(doc);
    let text = |field: &str| Name::from(spec[field].as_str().unwrap_or_default());
    let tags = spec["tags"].as_object().into_iter().flatten();
    let tags: BTreeMap<Name, Name> = tags.map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or_default().into())).collect();
    account::group(&GroupId { subscription: subscription.into(), group: text("name") }, &text("location"), &tags)
}

/// A group is made or changed; its location stays what it was made with.
async fn put_group(arm: &Arm, request: &Request, id: &GroupId) -> Result<Answer> {
    arm.check_group(&id.subscription, None)?;
    let (location, tags) = account::location_and_tags(&account::object(&request.body)?)?;
    let door = arm.directory.account();
    let key = group_key(id);
    let stored = door.world().get(&key).cloned();
    if stored.is_none() && request.method == http::Method::PATCH {
        return Err(ArmError::GroupNotFound(id.clone()));
    }
    let known = stored.as_ref().map(|doc| spec(doc)).unwrap_or_default();
    let region = location.as_deref().and_then(|name| arm.catalog.region(name)).map(|region| region.name);
    let location = known["location"].as_str().map(str::to_owned).or(region.map(str::to_owned));
    let location = location.ok_or_else(|| ArmError::NotJson("location is missing or is no region".into()))?;
    let tags = tags.map_or_else(|| known["tags"].clone(), |tags| json!(tags));
    let mut rest = Rest::new();
    rest.insert("spec".into(), json!({"name": id.group, "location": location, "tags": tags}));
    let change = match &stored {
        None => Change::Create(Arc::new(Doc::new(key, 0, Meta::default(), Body::Opaque(rest)))),
        Some(old) => {
            let mut doc = (**old).clone();
            doc.body = Body::Opaque(rest);
            Change::Replace { doc: Arc::new(doc), base: old.revision }
        }
    };
    let accepted = door.submit(change, request.origin.clone()).await?;
    let shown = accepted.doc.map(|doc| group_body(&id.subscription, &doc)).unwrap_or_default();
    Ok(Answer::json(if accepted.created { 201 } else { 200 }, &shown))
}

/// A group goes with all that is in it: 202 and the poll of its last cluster, or 200 where it is empty.
async fn delete_group(arm: &Arm, request: &Request, id: &GroupId) -> Result<Answer> {
    arm.check_group(&id.subscription, Some(id))?;
    let mut answer = Answer::empty(200);
    for (cluster, _) in arm.directory.clusters().into_iter().filter(|(cluster, _)| crate::cluster::inside(cluster, id)) {
        if let Some(door) = arm.door(&cluster) {
            let accepted = crate::pool::submit(arm, request, &door, &cluster, Change::DeleteCluster).await?;
            answer = crate::pool::accepted_later(request, &door.world(), &accepted, None, 200);
        }
    }
    let change = Change::Delete { key: group_key(id), uid: None, base: None, grace_seconds: None, propagation: Propagation::Background };
    match arm.directory.account().submit(change, request.origin.clone()).await {
        Ok(_) | Err(Refusal::NotFound(_)) => Ok(answer),
        Err(refusal) => Err(refusal.into()),
    }
}
