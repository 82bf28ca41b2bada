//! The disk of a rehearsal: when batches are durable, when the store fails, and what a crash leaves behind.
//!
//! A batch is independent writes: after a crash any number of them, in order, may have been kept. What was told to be durable is kept
//! always. A new disk syncs at once and never fails. Not here: what a cell makes of it (`control`).

use nodelane_control::{Append, Input, StoreFailure};
use nodelane_model::hash::Hash;
use nodelane_model::{Revision, Time};
use nodelane_world::Write;
use std::collections::VecDeque;

/// A simulated disk.
#[derive(Default)]
pub struct Disk {
    /// A sync takes at most this long; 0 is at once.
    pub sync_millis: i64,
    under_way: VecDeque<(Time, Append)>,
    fails_until: Option<Time>,
    /// Whether the cell was told, or is about to be, that the store failed.
    closed: bool,
    news: Vec<Input>,
    /// Writes until the process dies.
    dies_after: Option<u64>,
    /// Of the writes that are not synced, how many are kept by the death that has come.
    dead: Option<usize>,
}

impl Disk {
    /// Takes a batch.
    pub fn append(&mut self, append: Append, now: Time) {
        if self.fails_until.is_some_and(|until| now < until) {
            self.under_way.clear();
            self.closed = true;
            return self.news.push(Input::StoreFailed(StoreFailure { message: "no space left on device".into() }));
        }
        let drawn = Hash::new(7).number(append.first).number(append.last).between(0, self.sync_millis.max(0));
        let at = self.under_way.back().map_or(now, |(at, _)| *at).max(now.plus(drawn));
        let writes = append.writes.len() as u64;
        self.under_way.push_back((at, append));
        match self.dies_after {
            Some(left) if left <= writes => {
                let before: usize = self.under_way.iter().map(|(_, append)| append.writes.len()).sum();
                self.dead = Some(before - (writes - left) as usize);
                self.dies_after = None;
            }
            Some(left) => self.dies_after = Some(left - writes),
            None => {}
        }
    }
    /// What the cell is to be told by now.
    pub fn tell(&mut self, now: Time) -> Vec<Input> {
        let mut durable: Option<Revision> = None;
        while let Some((_, append)) = self.under_way.pop_front_if(|(at, _)| *at <= now) {
            durable = Some(append.last);
        }
        let mut told: Vec<Input> = durable.map(Input::Durable).into_iter().collect();
        told.append(&mut self.news);
        if let Some(until) = self.fails_until.filter(|until| *until <= now) {
            debug_assert!(until <= now);
            self.fails_until = None;
            if std::mem::take(&mut self.closed) {
                told.push(Input::StoreRecovered);
            }
        }
        told
    }
    /// When there is something to tell.
    pub fn next_at(&self) -> Option<Time> {
        let news = (!self.news.is_empty()).then_some(Time::default());
        let synced = self.under_way.front().map(|(at, _)| *at);
        [news, synced, self.fails_until].into_iter().flatten().min()
    }
    /// Every batch fails until then.
    pub fn fail(&mut self, until: Time) {
        self.fails_until = self.fails_until.max(Some(until));
    }
    /// Whether the store has failed and has not recovered.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
    /// The process dies with the write so many writes from now, before the one after it.
    pub fn die_after(&mut self, writes: u64) {
        self.dies_after = Some(writes.max(1));
    }
    /// No death is to come, and what fails now recovers.
    pub fn calm(&mut self) {
        self.dies_after = None;
    }
    /// How many unsynced writes the death keeps that has come, if one has.
    pub fn death(&mut self) -> Option<usize> {
        self.dead.take()
    }
    /// The process has died: what was written since it was last told what is durable, up to `kept` writes; a failure is over.
    pub fn crash(&mut self, kept: usize) -> Vec<Write> {
        let writes = std::mem::take(&mut self.under_way).into_iter().flat_map(|(_, append)| append.writes);
        let left = writes.take(kept).collect();
        *self = Disk { sync_millis: self.sync_millis, ..Disk::default() };
        left
    }
}
