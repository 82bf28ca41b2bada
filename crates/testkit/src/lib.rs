//! Fixtures and builders for tests.
