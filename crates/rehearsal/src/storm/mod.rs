//! Storms: random worlds, random changes and every fault, from one seed, against all invariants.
//!
//! A seed becomes a [`Script`] (plain data), a script is [`play`]ed on virtual time: a day with faults, in which only what must hold at
//! all times is judged; then faults stop, and all must come to rest as asked. A script that fails is made smaller ([`shrink`]) and kept
//! as a file. The same script gives the same run, write by write. Not here: what must hold (`invariants`), and any IO.

mod client;
mod draw;
mod objects;
mod play;
mod script;
mod shrink;
mod tally;

pub use draw::{Dice, script};
pub use play::{Played, play, play_keeping};
pub use script::{App, How, Lane, Put, Script, Sort, Step, What};
pub use shrink::shrink;
pub use tally::{Tally, operation_name};
