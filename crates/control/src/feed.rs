//! The ring of what changed: watchers are cursors in it, not queues.
//!
//! Bounded in events; whoever falls off its end is told so (410 Gone) and lists again. A slow watcher costs nothing but its cursor.

use nodelane_model::{Doc, Key, Revision};
use std::collections::VecDeque;
use std::sync::Arc;

/// Events kept. At 200 bytes each beside the documents that are alive anyway, and some 2 KiB for those that are not: 128 MiB at worst.
pub const FEED_LIMIT: usize = 65_536;

/// One write that became durable.
#[derive(Clone, Debug)]
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
}

/// The cursor points to events that are not kept any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedGone {
    /// The oldest revision from which a watch may go on.
    pub floor: Revision,
}

/// The ring.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    events: VecDeque<Event>,
    floor: Revision,
}

impl Feed {
    /// A ring that knows nothing of what came before `floor`.
    pub fn starting_at(floor: Revision) -> Feed {
        Feed { events: VecDeque::new(), floor }
    }
    /// Takes up events, in order of revision.
    pub fn push(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            if self.events.len() >= FEED_LIMIT
                && let Some(oldest) = self.events.pop_front()
            {
                self.floor = oldest.revision;
            }
            self.events.push_back(event);
        }
    }
    /// At most `limit` events after a revision.
    pub fn after(&self, revision: Revision, limit: usize) -> Result<Vec<Event>, FeedGone> {
        if revision < self.floor {
            return Err(FeedGone { floor: self.floor });
        }
        let start = self.events.partition_point(|event| event.revision <= revision);
        Ok(self.events.range(start..).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(revision: Revision) -> Event {
        Event { revision, old: None, new: None }
    }

    #[test]
    fn a_cursor_that_fell_off_is_told_so() {
        let mut feed = Feed::starting_at(10);
        assert_eq!(feed.after(9, 5).unwrap_err(), FeedGone { floor: 10 });
        feed.push((11..=11 + FEED_LIMIT as u64).map(event));
        assert_eq!(feed.after(10, 5).unwrap_err(), FeedGone { floor: 11 });
        let next: Vec<Revision> = feed.after(11, 3).unwrap().iter().map(|event| event.revision).collect();
        assert_eq!(next, [12, 13, 14]);
    }
}
