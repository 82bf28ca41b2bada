//! Tidy over this checkout, as part of this package's tests.
//!
//! The same checks run from `crates/testkit/tests/tidy.rs`, so that a plain `cargo test`, which leaves this
//! package out, has them too.

#[test]
fn the_checkout_is_tidy() {
    let findings = xtask::tidy::check(&xtask::root()).expect("the checkout can be read");
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings\n{}", lines.len(), lines.join("\n"));
}
