//! The live driver: runs a cell on a thread of its own, with a disk and a clock.
//!
//! Messages come in, the cell is stepped, what it wants done is done: batches go to the encoder and on to the store, replies to those
//! who wait, calls to the simulated cloud, worlds and events to the readers. The simulated world lives on the same thread. The cell
//! thread never touches the disk and never encodes.

pub mod genesis;
mod history;
mod live;
pub mod reading;

pub use live::{LiveCell, OpenCell, Opened};

use nodelane_control::{Append, Input, StoreFailure};
use nodelane_model::codec;
use nodelane_store::{Batch, Event, Failure, Record, Revision};

/// Encodes what a cell appends, on the thread of whoever calls. What a start could not find is restated.
fn to_batch(append: &Append, after: Revision, reach: &history::Reach) -> Batch {
    let mut records = Vec::with_capacity(append.writes.len());
    for write in &append.writes {
        let key: bytes::Bytes = write.key.to_stored().into();
        for state in reach.restated(write).map(Some).into_iter().chain([write.new.as_ref()]) {
            records.push(Record { revision: write.revision, key: key.clone(), value: state.map(|doc| codec::encode(doc).clone()) });
        }
    }
    let origins: Vec<&nodelane_model::Origin> = append
        .origins
        .iter()
        .map(|origin| &**origin)
        .filter(|origin| !matches!(origin.principal, nodelane_model::Principal::Node(_)))
        .collect();
    let origin = if origins.is_empty() { Vec::new() } else { serde_json::to_vec(&origins).unwrap_or_default() };
    Batch { after, last: append.last, time_millis: append.time.0, origin: origin.into(), records }
}

/// What the store says, as the cell hears it.
fn to_input(event: &Event) -> Input {
    match event {
        Event::Durable { last, .. } => Input::Durable(*last),
        Event::Failed { failure, .. } => Input::StoreFailed(StoreFailure {
            message: match failure {
                Failure::DiskFull => "the disk is full: free some space, the server takes writes again by itself".to_owned(),
                other => other.to_string(),
            },
        }),
        Event::ReadOnlyEnded => Input::StoreRecovered,
    }
}
