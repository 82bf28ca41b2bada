//! Tidy as part of a plain `cargo test`: the checks of `xtask/src/tidy` over this checkout.
//!
//! They are included as source, not as a dependency: they need the standard library only, and no room may
//! depend on the project's tools.

#[allow(unused_imports, reason = "the tool names the type of the sizes; here only its values are read")]
#[path = "../../../xtask/src/tidy/mod.rs"]
mod tidy;

#[test]
fn the_checkout_is_tidy() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let findings = tidy::check(root).expect("the checkout can be read");
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_checks_see_the_whole_checkout() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let sizes = tidy::sizes(&tidy::read_tree(root).expect("the checkout can be read"));
    assert!(sizes.files >= 18, "only {} Rust files found", sizes.files);
    println!("{sizes:?}");
}
