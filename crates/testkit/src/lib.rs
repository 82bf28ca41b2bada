//! Fixtures and builders for tests.
//!
//! A development dependency only: no product code may use it (a tidy check sees to that).
//! Its own tests hold the checkout to the house rules.
