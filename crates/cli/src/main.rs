//! The binary nodelane: one file per verb.

fn main() {}
