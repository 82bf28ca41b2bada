//! Watches: a cursor in the cell's feed, and what its client may see of it.
//!
//! Every watcher sees the same order. An object that stops matching a selector is shown as deleted in its last matching state. A cursor
//! that fell off the feed gets a 410 and lists again.

use crate::fields::matches;
use crate::read::{Form, encoded, form, tabled};
use crate::route::Target;
use crate::{Answer, Api, Call, Result, WATCHES_LIMIT};
use bytes::{Bytes, BytesMut};
use nodelane_control::Event;
use nodelane_k8s::accept::Shape;
use nodelane_k8s::request::{ListOptions, Version};
use nodelane_k8s::status::Status;
use nodelane_k8s::table;
use nodelane_k8s::watch::{EventType, bookmark, error_frame, frame};
use nodelane_model::Doc;
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Events taken from the feed at once.
const BATCH: usize = 256;
/// A bookmark is sent when nothing else was for this long, upstream's "about every minute".
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lives where its client does not say; upstream draws between 30 and 60 minutes.
const LIVES_SECONDS: u64 = 3_000;

/// The state of one watch.
pub struct Stream {
    api: Api,
    target: Target,
    options: ListOptions,
    form: Form,
    cursor: u64,
    backlog: Vec<Bytes>,
    life: Pin<Box<Sleep>>,
    over: bool,
    first_row: bool,
    _open: Open,
}

/// Counts a watch as open while it lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens a watch.
pub fn open(api: &Api, call: &Call, target: &Target) -> Result<Answer> {
    let form = form(call, target, true)?;
    let mut target = target.clone();
    if !target.name.is_empty() {
        let name = std::mem::take(&mut target.name);
        target.query.push(("fieldSelector".into(), format!("metadata.name={name}")));
    }
    let options = ListOptions::parse(&target.query, target.resource.fields, true)?;
    if api.watches.fetch_add(1, Ordering::Relaxed) >= WATCHES_LIMIT {
        drop(Open(api.watches.clone()));
        return Err(Status::too_many_requests(format!("{WATCHES_LIMIT} watches are open, close some"), 1));
    }
    let open = Open(api.watches.clone());
    let world = api.door.world();
    let initial = options.initial_events == Some(true) || (options.initial_events.is_none() && !matches!(options.version, Version::At(_)));
    let cursor = match options.version {
        Version::At(revision) if !initial => revision,
        _ => world.revision,
    };
    if cursor > world.revision {
        return Err(Status::resource_version_too_large(cursor, world.revision));
    }
    let life = Box::pin(sleep(Duration::from_secs(options.timeout_seconds.unwrap_or(LIVES_SECONDS))));
    let mut stream =
        Stream { api: api.clone(), target, options, form, cursor, backlog: Vec::new(), life, over: false, first_row: true, _open: open };
    if initial {
        stream.show_present(&world);
    }
    let mut answer = Answer::whole(200, form.negotiated.content_type(), "");
    answer.body = crate::Body::Frames(Box::new(crate::Watch(stream)));
    Ok(answer)
}

impl Stream {
    /// The objects that are there already, then a bookmark that says so where the client asked for one.
    fn show_present(&mut self, world: &nodelane_world::World) {
        let namespace = (!self.target.namespace.is_empty()).then_some(self.target.namespace.as_str());
        let docs: Vec<Arc<Doc>> = world.list(self.target.kind, namespace).filter(|doc| matches(doc, &self.options)).cloned().collect();
        for doc in docs {
            let frame = self.frame(EventType::Added, &doc);
            self.backlog.push(frame);
        }
        if self.options.initial_events == Some(true) {
            let end = self.bookmark(true);
            self.backlog.push(end);
        }
        self.backlog.reverse();
    }

    /// The next frames.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.backlog.pop() {
            return Some(frame);
        }
        if self.over {
            return None;
        }
        loop {
            match self.api.door.events_after(self.cursor, BATCH) {
                Err(gone) => {
                    self.over = true;
                    return Some(error_frame(&Status::expired_watch(self.cursor, gone.floor)).into());
                }
                Ok(events) if events.is_empty() => {}
                Ok(events) => {
                    let frames = self.frames(&events);
                    if !frames.is_empty() {
                        return Some(frames);
                    }
                    continue;
                }
            }
            let moved = self.api.door.moved(self.cursor);
            tokio::select! {
                _ = moved => {}
                () = &mut self.life => {
                    self.over = true;
                    return self.options.bookmarks.then(|| self.bookmark(false));
                }
                () = sleep(BOOKMARK_EVERY), if self.options.bookmarks => return Some(self.bookmark(false)),
            }
        }
    }

    fn frames(&mut self, events: &[Event]) -> Bytes {
        let mut out = BytesMut::new();
        for event in events {
            self.cursor = event.revision;
            let Some(key) = event.key() else { continue };
            let here = key.kind == self.target.kind && (self.target.namespace.is_empty() || key.namespace == self.target.namespace);
            if !here {
                continue;
            }
            let matched = |doc: &Option<Arc<Doc>>| doc.as_ref().is_some_and(|doc| matches(doc, &self.options));
            let Some(seen) = EventType::seen(matched(&event.old), matched(&event.new)) else {
                continue;
            };
            match (seen, &event.old, &event.new) {
                (EventType::Deleted, Some(old), _) => {
                    // The last state that matched, at the revision of the change.
                    let mut last = (**old).clone();
                    last.revision = event.revision;
                    out.extend_from_slice(&self.frame(seen, &last));
                }
                (_, _, Some(new)) => out.extend_from_slice(&self.frame(seen, new)),
                _ => {}
            }
        }
        out.freeze()
    }

    fn frame(&mut self, event: EventType, doc: &Doc) -> Bytes {
        match self.form.negotiated.shape {
            Shape::Table => {
                let first = std::mem::take(&mut self.first_row);
                let meta = json!({"resourceVersion": doc.revision.to_string()});
                let rows = std::iter::once(doc);
                frame(event, &tabled(&self.target, meta, first, rows, self.api.door.now(), self.form.include)).into()
            }
            Shape::PartialObject | Shape::PartialObjectList => frame(event, &table::encode_partial_object(doc)).into(),
            _ => frame(event, &encoded(&self.target, doc, self.api.door.now())).into(),
        }
    }

    fn bookmark(&self, initial_events_end: bool) -> Bytes {
        let resource = self.target.resource;
        let object = bookmark(&resource.api_version(), resource.kind, self.cursor, initial_events_end);
        frame(EventType::Bookmark, object.to_string().as_bytes()).into()
    }
}
