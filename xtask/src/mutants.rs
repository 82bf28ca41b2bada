//! `cargo xtask mutants [WORD]`: whether the golden scenarios notice a wrong placement.
//!
//! Each line of `conformance/place-mutants.tsv` is one change to one file of the room `place`. It is made in a copy of the checkout, the
//! golden tests run there, and the first scenario that fails is shown. A mutant that lives fails the run, and so does one whose text is
//! no longer in its file exactly once: that is also a plain test, so that a change of the code brings the list along.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{peers, root};

/// A change that some scenario must notice.
#[derive(Debug)]
struct Mutant {
    plugin: String,
    file: PathBuf,
    text: String,
    replacement: String,
}

impl Mutant {
    /// The file's content with the change; an error where it no longer applies.
    fn apply(&self, folder: &Path) -> Result<String> {
        let file = folder.join(&self.file);
        let content = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        match content.matches(&self.text).count() {
            1 => Ok(content.replacen(&self.text, &self.replacement, 1)),
            count => bail!("{}: {:?} is there {count} times, and must be once", self.file.display(), self.text),
        }
    }
}

fn list() -> Result<Vec<Mutant>> {
    let text = std::fs::read_to_string(root().join("conformance/place-mutants.tsv"))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| {
        let [plugin, file, text, replacement] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("not plugin, file, text and replacement: {line}");
        };
        let file = Path::new("crates/place/src").join(file);
        Ok(Mutant { plugin: plugin.into(), file, text: text.into(), replacement: replacement.into() })
    };
    lines.map(read).collect()
}

/// Makes every mutant whose line holds the word; whether a scenario noticed each.
pub fn run(only: Option<&str>) -> Result<bool> {
    let (tree, start) = (peers::target().join("mutants/tree"), Instant::now());
    copy_checkout(&tree)?;
    if let Some(scenario) = noticed(&tree)? {
        bail!("the golden tests fail without a mutant: {scenario}");
    }
    let (mut killed, mut lived) = (0, 0);
    for mutant in list()? {
        let title = format!("{} {}: {} -> {}", mutant.plugin, mutant.file.display(), mutant.text, mutant.replacement);
        if only.is_some_and(|word| !title.contains(word)) {
            continue;
        }
        let file = tree.join(&mutant.file);
        let original = std::fs::read_to_string(&file)?;
        std::fs::write(&file, mutant.apply(&tree)?)?;
        let scenario = noticed(&tree);
        std::fs::write(&file, original)?;
        match scenario? {
            Some(scenario) => {
                killed += 1;
                println!("killed {title}\n       by {scenario}");
            }
            None => {
                lived += 1;
                println!("LIVED  {title}");
            }
        }
    }
    println!("{killed} killed, {lived} lived, {:.0} s", start.elapsed().as_secs_f64());
    Ok(lived == 0 && killed > 0)
}

/// The packages and what builds them, anew: a run that was broken off may have left a mutant.
fn copy_checkout(tree: &Path) -> Result<()> {
    std::fs::remove_dir_all(tree).or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    std::fs::create_dir_all(tree)?;
    for name in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "crates", "xtask"] {
        peers::succeed(Command::new("cp").arg("-R").arg(root().join(name)).arg(tree))?;
    }
    Ok(())
}

/// The first scenario that fails, if one does; the compiler's word where it refuses the mutant.
fn noticed(tree: &Path) -> Result<Option<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "-p", "nodelane-place", "--test", "upstream"]).current_dir(tree);
    cargo.env("CARGO_TARGET_DIR", peers::target().join("mutants/build")).env("RUSTFLAGS", "-Awarnings");
    let output = cargo.output().context("cargo")?;
    if output.status.success() {
        return Ok(None);
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if text.contains("could not compile") {
        bail!("a mutant does not compile:\n{text}");
    }
    let line = |word: &str| text.lines().find(|line| line.contains(word));
    let first = line("scenario ").or_else(|| line("panicked"));
    Ok(Some(first.unwrap_or("a test that says nothing").trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_mutant_applies_and_every_plugin_has_two() {
        let mutants = list().unwrap();
        let mut by_plugin: BTreeMap<&str, usize> = BTreeMap::new();
        for mutant in &mutants {
            assert_ne!(mutant.apply(&root()).unwrap(), std::fs::read_to_string(root().join(&mutant.file)).unwrap());
            *by_plugin.entry(&mutant.plugin).or_default() += 1;
        }
        assert!(by_plugin.len() >= 16 && by_plugin.values().all(|count| *count >= 2), "{by_plugin:?}");
    }
}
