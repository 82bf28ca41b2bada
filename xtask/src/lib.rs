//! The project's own tools, run as `cargo xtask VERB`.
//!
//! `tidy` holds the checks of the house style; it needs nothing but the standard library, so that the
//! tests of another package can include it. `peers` installs the real clients and servers that
//! conformance runs use, `mutants` tests the placement's tests, `suite` runs everything that proves the product, `bench` measures it.
//! Nothing of the product depends on this package.

pub mod bench;
pub mod mutants;
pub mod peers;
pub mod suite;
pub mod tidy;

use std::path::PathBuf;

/// The root of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize().expect("the folder above this package exists")
}
