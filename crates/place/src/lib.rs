//! Which node, and why not the others.
