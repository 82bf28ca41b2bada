//! What an ordinal of a stateful set has of its own: name, labels, host name, claims and the volumes that use them.
//!
//! Labels and specification differ from pod to pod, so such pods share nothing: each is a class of its own to the scheduler.

use crate::claim::with;
use crate::revision::REVISION_LABEL;
use crate::stamp::Stamp;
use crate::storage::create_claim;
use nodelane_model::pod::{PodTemplate, Volume};
use nodelane_model::volume::{ClaimStatus, VolumeClaim};
use nodelane_model::workload::StatefulSet;
use nodelane_model::{Doc, Key, Kind, Labels, Meta, Name, Rest};
use nodelane_world::{Draft, World};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) struct Identity<'a> {
    pub(super) doc: &'a Doc,
    pub(super) set: &'a StatefulSet,
    pub(super) ordinal: i32,
}

impl Identity<'_> {
    pub(super) fn name(&self) -> Name {
        format!("{}-{}", self.doc.key.name, self.ordinal).into()
    }

    fn templates(&self) -> impl Iterator<Item = (&str, &Value)> {
        let templates = self.set.spec.rest.get("volumeClaimTemplates").and_then(Value::as_array);
        templates.into_iter().flatten().filter_map(|template| Some((template.get("metadata")?.get("name")?.as_str()?, template)))
    }

    fn claim(&self, template: &str) -> Name {
        format!("{template}-{}", self.name()).into()
    }

    /// Makes the claims that are missing; gives their names.
    pub(super) fn create_claims(&self, draft: &mut Draft) -> Vec<Name> {
        let mut made = Vec::new();
        for (name, template) in self.templates() {
            let key = Key::new(Kind::PersistentVolumeClaim, self.doc.key.namespace.clone(), self.claim(name));
            if draft.world.get(&key).is_some() {
                continue;
            }
            let annotations = template.get("metadata").and_then(|meta| serde_json::from_value(meta.get("annotations")?.clone()).ok());
            let labels: Labels = Arc::new(self.set.spec.selector.match_labels.clone());
            let meta = Meta { labels, annotations: annotations.unwrap_or_default(), ..Meta::default() };
            let spec = template.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default();
            made.push(key.name.clone());
            let status = ClaimStatus { phase: "Pending".into(), ..ClaimStatus::default() };
            create_claim(draft, key, meta, VolumeClaim { spec, status });
        }
        made
    }

    pub(super) fn stamp(&self, world: &World, template: &PodTemplate, revision: &Name) -> Stamp {
        let mut stamp = Stamp::of(world, template, self.doc);
        let labels = [
            ("apps.kubernetes.io/pod-index", self.ordinal.to_string().into()),
            (REVISION_LABEL, revision.clone()),
            ("statefulset.kubernetes.io/pod-name", self.name()),
        ];
        stamp.labels = with(&stamp.labels, &labels);
        let spec = Arc::make_mut(&mut stamp.spec);
        spec.rest.insert("hostname".into(), self.name().as_str().into());
        if let Some(service) = self.set.spec.rest.get("serviceName").filter(|service| *service != "") {
            spec.rest.insert("subdomain".into(), service.clone());
        }
        for (name, _) in self.templates() {
            spec.volumes.retain(|volume| volume.name != name);
            let source = json!({"claimName": self.claim(name).as_str()});
            spec.volumes.push(Volume { name: name.into(), rest: Rest::from_iter([("persistentVolumeClaim".into(), source)]) });
        }
        stamp
    }
}
