//! A world under change.
//!
//! Planners write here. Each write is assumed at once, so that later planners see it and nothing is spent twice; the list of writes is
//! what the store gets, and the world in here becomes the next head. A write carries the revision that it was planned against: where
//! the documents live in another server, that is its condition.

use crate::World;
use nodelane_model::event::{Event, Notice, ObjectRef, Source};
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Report, Revision, Time, Uid};
use std::sync::Arc;

/// One conditional write of a document.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which document.
    pub key: Key,
    /// What it was before; `None` where it is new.
    pub old: Option<Arc<Doc>>,
    /// What it is now; `None` where it is gone.
    pub new: Option<Arc<Doc>>,
    /// The revision of this write.
    pub revision: Revision,
}

/// A world under change.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The world with every write assumed.
    pub world: World,
    /// The time.
    pub now: Time,
    /// What was written, in order.
    pub writes: Vec<Write>,
    /// What was declined, and why.
    pub reports: Vec<Report>,
}

impl Draft {
    /// A draft on a world at a time.
    pub fn new(world: World, now: Time) -> Draft {
        Draft { world, now, writes: Vec::new(), reports: Vec::new() }
    }
    /// A fresh unique id; the same for the same world, every time.
    pub fn uid(&self) -> Uid {
        Uid::derive(self.world.seed, self.world.revision + 1, 0)
    }
    /// A fresh id that is not a document's, such as an operation's. `ordinal` keeps several of one write apart.
    pub fn id(&self, ordinal: u64) -> Uid {
        Uid::derive(self.world.seed, self.world.revision + 1, 1 + ordinal)
    }
    /// Writes a new document.
    ///
    /// # Panics
    /// Where the key is taken: the caller looked, or it is a bug.
    pub fn create(&mut self, key: Key, mut meta: Meta, body: Body) -> Arc<Doc> {
        assert!(self.world.get(&key).is_none(), "{key} is taken");
        meta.uid = self.uid();
        meta.created = self.now.whole_seconds();
        self.put(Doc::new(key, 0, meta, body))
    }
    /// Writes a document as given, at the next revision.
    pub fn put(&mut self, mut doc: Doc) -> Arc<Doc> {
        doc.revision = self.world.revision + 1;
        let doc = Arc::new(doc);
        let old = self.world.put(doc.clone());
        self.writes.push(Write { key: doc.key.clone(), old, new: Some(doc.clone()), revision: doc.revision });
        doc
    }
    /// Changes a document; nothing is written where `change` leaves it as it was. Gives the document as it is then.
    pub fn update(&mut self, key: &Key, change: impl FnOnce(&mut Doc)) -> Option<Arc<Doc>> {
        let old = self.world.get(key)?.clone();
        let mut doc = (*old).clone();
        change(&mut doc);
        if doc == *old {
            return Some(old);
        }
        Some(self.put(doc))
    }
    /// Removes a document.
    pub fn remove(&mut self, key: &Key) {
        let revision = self.world.revision + 1;
        if let Some(old) = self.world.remove(key, revision) {
            self.writes.push(Write { key: key.clone(), old: Some(old), new: None, revision });
        }
    }
    /// Says that something was declined.
    pub fn report(&mut self, report: Report) {
        if self.reports.len() < REPORT_LIMIT {
            self.reports.push(report);
        }
    }
    /// Writes an event unless the same was written less than so long ago.
    pub fn notify_once_in(&mut self, millis: i64, notice: &Notice) {
        let last = self.world.get(&self.event_key(notice).0).and_then(|doc| doc.as_event()?.last_timestamp);
        if last.is_none_or(|last| self.now.since(last) >= millis) {
            self.notify(notice);
        }
    }
    /// The document of an event, and the id of what it is about.
    fn event_key(&self, notice: &Notice) -> (Key, String) {
        let about = self.world.get(&notice.about);
        let uid = about.map(|doc| doc.meta.uid.to_string()).unwrap_or_default();
        let namespace = if notice.about.namespace.is_empty() { Name::new("default") } else { notice.about.namespace.clone() };
        let hash = nodelane_model::hash::Hash::new(0).text(&uid).text(notice.reason).text(&notice.message).get();
        (Key::new(Kind::Event, namespace, format!("{}.{hash:016x}", notice.about.name)), uid)
    }
    /// Writes an event; a repeat of the same object, reason and message becomes a count.
    pub fn notify(&mut self, notice: &Notice) {
        self.forget_old_events();
        let (key, uid) = self.event_key(notice);
        let now = self.now.whole_seconds();
        if self.world.get(&key).is_some() {
            self.update(&key, |doc| {
                if let Some(event) = doc.as_event_mut() {
                    event.count = Some(event.count.unwrap_or(1).saturating_add(1));
                    event.last_timestamp = Some(now);
                }
            });
            return;
        }
        let event = Event {
            involved_object: ObjectRef {
                kind: notice.about.kind.as_str().into(),
                namespace: notice.about.namespace.clone(),
                name: notice.about.name.clone(),
                uid: uid.into(),
                api_version: notice.about.kind.api_version().into(),
                ..ObjectRef::default()
            },
            reason: notice.reason.into(),
            message: notice.message.clone(),
            kind: if notice.warning { "Warning" } else { "Normal" }.into(),
            count: Some(1),
            first_timestamp: Some(now),
            last_timestamp: Some(now),
            source: Source { component: notice.component.into(), host: Name::default() },
            ..Event::default()
        };
        self.create(key, Meta::default(), Body::Event(Box::new(event)));
    }
}

impl Draft {
    /// Forgets at most two events that are past their time or too many: one more than comes, so that what is over the bound goes.
    fn forget_old_events(&mut self) {
        for _ in 0..2 {
            let Some((oldest, count)) = self.world.oldest_event() else { return };
            let last = oldest.as_event().and_then(|event| event.last_timestamp).unwrap_or(oldest.meta.created);
            if count < EVENTS_LIMIT && self.now.since(last) < EVENT_MILLIS {
                return;
            }
            let key = oldest.key.clone();
            self.remove(&key);
        }
    }
}

/// Events kept: 10,000 of 1 KiB are 10 MiB.
const EVENTS_LIMIT: usize = 10_000;
/// How long an event is kept (kube-apiserver's `--event-ttl`).
const EVENT_MILLIS: i64 = 3_600_000;

/// Reports that one plan keeps: first witnesses, not all.
const REPORT_LIMIT: usize = 256;
