//! Generic ephemeral volumes: a claim for each, owned by its pod and going with it.
//!
//! The claim is named after pod and volume. One of that name which is not the pod's is left alone: the scheduler says so.

use super::create_claim;
use crate::claim::controller_ref;
use crate::notice::namespace_takes;
use nodelane_model::volume::{ClaimStatus, VolumeClaim};
use nodelane_model::{Doc, Key, Kind, Labels, Meta};
use nodelane_world::{Draft, EphemeralOwner};
use std::sync::Arc;

pub(super) fn create_claims(draft: &mut Draft, pod: &Doc) {
    let Some((owner, body)) = EphemeralOwner::of(pod).zip(pod.as_pod()) else { return };
    if pod.is_terminating() || !namespace_takes(draft, &pod.key.namespace) {
        return;
    }
    for volume in &body.spec.volumes {
        let Some(template) = volume.rest.get("ephemeral").and_then(|source| source.get("volumeClaimTemplate")) else { continue };
        let key = Key::new(Kind::PersistentVolumeClaim, pod.key.namespace.clone(), owner.claim(&volume.name));
        if draft.world.get(&key).is_some() {
            continue;
        }
        let map = |field: &str| -> Labels {
            let map = template.get("metadata").and_then(|meta| serde_json::from_value(meta.get(field)?.clone()).ok());
            map.unwrap_or_default()
        };
        let owners = Arc::new(vec![controller_ref(pod)]);
        let meta = Meta { labels: map("labels"), annotations: map("annotations"), owners, ..Meta::default() };
        let spec = template.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default();
        let status = ClaimStatus { phase: "Pending".into(), ..ClaimStatus::default() };
        create_claim(draft, key, meta, VolumeClaim { spec, status });
    }
}
