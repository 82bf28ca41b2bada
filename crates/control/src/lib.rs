//! Acts, never decides: the Cell, a state machine without IO that two drivers run.
//!
//! Inputs are requests, the store's and the providers' answers, and ticks; outputs are batches to store, replies, provider calls and
//! the next wake. Nothing leaves a cell (reply, refusal, watch event, provider call) before the revision that it rests on is durable.
//! No policy is decided here.

mod cell;
mod door;
mod feed;
mod turn;

pub use cell::{Append, Cell, Input, Outputs, ReplyId, StoreFailure};
pub use door::{Door, Later};
pub use feed::{Event, Feed, FeedGone, ReadTail};
