//! Runs as one page that needs nothing else: no scripts, no fonts, no addresses; readable in light and dark.
//!
//! For each run: what is asserted, then charts on one axis of time with operations, faults and changes marked on them, then what was
//! decided. Charts are steps, as pools change in steps. Not here: numbers that the tables do not have.

mod chart;
mod page;

pub use page::page;
