//! What watchers missed: the log's tail as events, after a restart.
//!
//! The log holds what each write made of a document; what the document was before is the write before it. Invariant: of every write in
//! the tail, the write before it is in the kept log too, or is restated in front of it: as a record of the same key and revision. So
//! an event after a restart equals the one before. Restating costs only what touches documents that were long left alone.
//! Not here: how long events are kept (`control`'s feed), how long the log is (`store`).

use super::live::Opened;
use nodelane_control::Event;
use nodelane_model::codec::Interner;
use nodelane_model::{Doc, Key, Revision};
use nodelane_store::{Batch, Options, Recovered};
use nodelane_world::Write;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The newest part of a cell's log, as it was found at a start.
#[derive(Default)]
pub struct Tail {
    batches: Vec<Batch>,
    before: BTreeMap<bytes::Bytes, bytes::Bytes>,
}

impl Tail {
    /// Takes the tail out of what a store recovered.
    pub fn of(recovered: &mut Recovered) -> Tail {
        Tail { batches: std::mem::take(&mut recovered.tail), before: std::mem::take(&mut recovered.before_tail) }
    }
    /// The revision before its first; `None` where there is nothing in it.
    pub fn whole_from(&self) -> Option<Revision> {
        self.batches.first().map(|batch| batch.after)
    }
    /// Its events, as they were published or would have been.
    pub fn events(self) -> Result<Vec<Event>, Opened> {
        let mut interner = Interner::default();
        let mut states: BTreeMap<bytes::Bytes, Option<Arc<Doc>>> = BTreeMap::new();
        for (key, value) in self.before {
            states.insert(key.clone(), Some(Arc::new(decode(&mut interner, &key, &value)?)));
        }
        let mut events = Vec::new();
        for batch in self.batches {
            let mut records = batch.records.into_iter().peekable();
            while let Some(record) = records.next() {
                let new = record.value.map(|value| decode(&mut interner, &record.key, &value)).transpose()?.map(Arc::new);
                let old = states.insert(record.key, new.clone()).flatten();
                if records.peek().is_none_or(|next| next.revision != record.revision) {
                    events.push(Event { revision: record.revision, old, new });
                }
            }
        }
        Ok(events)
    }
}

/// Reads a stored document; its revision is the one in its own text.
pub fn decode(interner: &mut Interner, key: &[u8], value: &[u8]) -> Result<Doc, Opened> {
    let text = String::from_utf8_lossy(key);
    let failed = |what: String| Opened::Document { key: text.to_string(), what };
    let key = Key::from_stored(&text).ok_or_else(|| failed("the key is of no kind that this build knows".into()))?;
    interner.decode(key.kind, value).map_err(|error| failed(error.to_string()))
}

/// How far back a start finds the write before one in the tail.
pub struct Reach {
    limit_bytes: u64,
    /// Batches within reach, with what they take in the log.
    batches: VecDeque<(Revision, u64)>,
    bytes: u64,
    /// Documents last written up to here are out of reach.
    cold: Revision,
}

impl Reach {
    /// At a start with a tail that is whole from a revision on.
    ///
    /// The log keeps 64 MiB. A write in the next tail (16 MiB) finds the one before it in this tail (16 MiB) or in what was written
    /// since, if that is no more than 24 MiB; the rest is for batches that lie across a border.
    pub fn new(options: &Options, whole_from: Revision) -> Reach {
        let limit_bytes = (options.keep_log_bytes - options.keep_log_bytes / 8).saturating_sub(2 * options.tail_bytes);
        Reach { limit_bytes, batches: VecDeque::new(), bytes: 0, cold: whole_from }
    }
    /// What has to be restated in front of a write.
    pub fn restated<'a>(&self, write: &'a Write) -> Option<&'a Arc<Doc>> {
        write.old.as_ref().filter(|old| old.revision <= self.cold)
    }
    /// Counts a batch.
    pub fn passed(&mut self, batch: &Batch) {
        let bytes = batch.log_bytes() as u64;
        self.batches.push_back((batch.last, bytes));
        self.bytes += bytes;
        while self.bytes > self.limit_bytes
            && let Some((last, bytes)) = self.batches.pop_front()
        {
            self.bytes -= bytes;
            self.cold = last;
        }
    }
}
