//! The ring of what changed: watchers are cursors in it, not queues.
//!
//! Bounded in bytes; whoever falls off its end is told so (410 Gone) and lists again. A slow watcher costs nothing but its cursor.
//! After a restart the events of the log's tail stand before it, and are read only when a watcher comes that missed some of them: a
//! start does not wait for them. Not here: how they are made from a log.

use nodelane_model::{Doc, Key, Revision};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bound of what the ring keeps alive, in encoded bytes; the typed form takes about as much again: 128 MiB at worst.
pub const FEED_BYTES: usize = 64 << 20;
/// An event without its documents.
const EVENT_BYTES: usize = 256;
/// What a document counts that no one has encoded yet: a pod's size.
const DOC_BYTES: usize = 2048;

/// One write that became durable.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its revision.
    pub revision: Revision,
    /// The document before; `None` where it is new.
    pub old: Option<Arc<Doc>>,
    /// The document after; `None` where it is gone.
    pub new: Option<Arc<Doc>>,
}

impl Event {
    /// The key of the document.
    pub fn key(&self) -> Option<&Key> {
        self.new.as_ref().or(self.old.as_ref()).map(|doc| &doc.key)
    }
    /// What the ring keeps alive for it. The state before counts only where nothing came after: else it was counted as it came.
    fn bytes(&self) -> usize {
        let doc = self.new.as_ref().or(self.old.as_ref());
        EVENT_BYTES + doc.map_or(0, |doc| doc.encoded_bytes().unwrap_or(DOC_BYTES))
    }
}

/// The cursor points to events that are not kept any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedGone {
    /// The oldest revision from which a watch may go on.
    pub floor: Revision,
}

/// Reads the events of a log's tail, in order of revision; `None` where they cannot be read.
pub type ReadTail = Box<dyn FnOnce() -> Option<Vec<Event>> + Send>;

/// The ring.
pub struct Feed {
    /// Events with the bytes that they count.
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    /// The oldest revision from which `events` is whole.
    floor: Revision,
    /// What came before, and the revision from which that is whole.
    tail: Option<(Revision, ReadTail)>,
}

impl Feed {
    /// A ring that knows nothing of what came before `floor`.
    pub fn starting_at(floor: Revision) -> Feed {
        Feed { events: VecDeque::new(), bytes: 0, floor, tail: None }
    }
    /// A ring that can read what came after `whole_from` and up to its own start.
    pub fn resuming_at(floor: Revision, whole_from: Revision, tail: ReadTail) -> Feed {
        Feed { tail: Some((whole_from, tail)), ..Feed::starting_at(floor) }
    }
    /// Takes up events, in order of revision.
    pub fn push(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let bytes = event.bytes();
            self.bytes += bytes;
            self.events.push_back((event, bytes));
            while self.bytes > FEED_BYTES
                && let Some((oldest, bytes)) = self.events.pop_front()
            {
                self.bytes -= bytes;
                self.floor = oldest.revision;
                self.tail = None;
            }
        }
    }
    /// At most `limit` events after a revision.
    pub fn after(&mut self, revision: Revision, limit: usize) -> Result<Vec<Event>, FeedGone> {
        if revision < self.floor {
            self.recall(revision);
        }
        if revision < self.floor {
            return Err(FeedGone { floor: self.tail.as_ref().map_or(self.floor, |(whole_from, _)| *whole_from) });
        }
        let start = self.events.partition_point(|(event, _)| event.revision <= revision);
        Ok(self.events.range(start..).take(limit).map(|(event, _)| event.clone()).collect())
    }
    /// Reads the tail, where it helps.
    fn recall(&mut self, revision: Revision) {
        let Some((whole_from, read)) = self.tail.take_if(|(whole_from, _)| revision >= *whole_from) else { return };
        let Some(events) = read() else { return };
        for event in events.into_iter().rev() {
            let bytes = event.bytes();
            self.bytes += bytes;
            self.events.push_front((event, bytes));
        }
        self.floor = whole_from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::{Body, Kind, Meta, Rest};

    fn event(revision: Revision) -> Event {
        let doc = Doc::new(Key::new(Kind::ConfigMap, "default", "m"), revision, Meta::default(), Body::Opaque(Rest::new()));
        Event { revision, old: None, new: Some(Arc::new(doc)) }
    }
    fn revisions(feed: &mut Feed, after: Revision, limit: usize) -> Result<Vec<Revision>, FeedGone> {
        Ok(feed.after(after, limit)?.iter().map(|event| event.revision).collect())
    }

    #[test]
    fn a_cursor_that_fell_off_is_told_so() {
        let mut feed = Feed::starting_at(10);
        assert_eq!(feed.after(9, 5).unwrap_err(), FeedGone { floor: 10 });
        let fit = (FEED_BYTES / (EVENT_BYTES + DOC_BYTES)) as u64;
        feed.push((11..=11 + fit).map(event));
        assert_eq!(feed.after(10, 5).unwrap_err(), FeedGone { floor: 11 });
        assert_eq!(revisions(&mut feed, 11, 3), Ok(vec![12, 13, 14]));
    }

    #[test]
    fn a_cursor_from_before_the_start_reads_the_tail_and_goes_on_in_the_ring() {
        let mut feed = Feed::resuming_at(20, 10, Box::new(|| Some((11..=20).map(event).collect())));
        feed.push((21..=22).map(event));
        assert_eq!(feed.after(9, 5).unwrap_err(), FeedGone { floor: 10 });
        assert_eq!(revisions(&mut feed, 18, 9), Ok(vec![19, 20, 21, 22]));
        assert_eq!(revisions(&mut feed, 10, 2), Ok(vec![11, 12]));
    }

    #[test]
    fn no_one_reads_a_tail_that_does_not_help() {
        let tail: fn() -> ReadTail = || Box::new(|| panic!("it is read"));
        let mut feed = Feed::resuming_at(20, 10, tail());
        feed.push([event(21)]);
        assert_eq!(revisions(&mut feed, 20, 9), Ok(vec![21]));
        assert!(feed.after(9, 9).is_err());
        // The ring has moved on: what came before its floor would leave a gap.
        let mut feed = Feed::resuming_at(20, 10, tail());
        feed.push((21..=21 + (FEED_BYTES / (EVENT_BYTES + DOC_BYTES)) as u64).map(event));
        assert_eq!(feed.after(15, 9).unwrap_err(), FeedGone { floor: 21 });
    }

    #[test]
    fn a_tail_that_cannot_be_read_is_gone() {
        let mut feed = Feed::resuming_at(20, 10, Box::new(|| None));
        assert_eq!(feed.after(15, 9).unwrap_err(), FeedGone { floor: 20 });
    }
}
