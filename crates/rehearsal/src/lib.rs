//! Drives the same Cell on virtual time.
