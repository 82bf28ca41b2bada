//! The real clients and servers that we are tested against, installed under `target/peers`.
//!
//! Everything comes from the package registries through their ordinary clients: the Azure CLI and the Azure
//! SDK for Python from wheels pinned in `conformance/az-constraints.txt`, kubectl and the other Go programs
//! from their modules, pinned by the `go.sum` beside their few lines. A stamp of the inputs makes a second
//! installation free. Terraform and its provider are used when the machine has them and are never installed:
//! the Go module proxy refuses the provider's module, and no package of another registry is known to carry its binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::root;

/// Where each peer is; what cannot be had on this machine is `None` with the reason printed at installation.
pub struct Peers {
    /// Python of the environment that holds the Azure CLI.
    pub python: PathBuf,
    /// kubectl 1.30 or later.
    pub kubectl: PathBuf,
    /// The load tool.
    pub kperf: PathBuf,
    /// The real scheduler's verdicts as a filter program.
    pub scheduler_oracle: PathBuf,
    /// The folder of everything above.
    pub folder: PathBuf,
}

/// The build folder that this process was built into, or cargo's default.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The releases before the one that placement follows, whose schedulers are asked too: each has a `go-RELEASE.mod` beside `go.mod`.
const EARLIER_RELEASES: [&str; 2] = ["1.35", "1.34"];

/// Installs what is missing; `full` adds the reference control plane and the schedulers of earlier releases, which take minutes to build.
pub fn install(full: bool) -> Result<Peers> {
    let folder = target().join("peers");
    std::fs::create_dir_all(folder.join("bin"))?;
    let peers = Peers {
        python: azure_cli(&folder)?,
        kubectl: kubectl(&folder)?,
        kperf: load_tool()?,
        scheduler_oracle: go_program(&folder, "scheduler-oracle")?,
        folder: folder.clone(),
    };
    if full {
        reference_control_plane(&folder)?;
        for release in EARLIER_RELEASES {
            go_program_of(&folder, "scheduler-oracle", Some(release))?;
        }
    }
    Ok(peers)
}

/// Builds the real control plane unless it is there; returns the folder of its binaries.
pub fn reference_control_plane(folder: &Path) -> Result<PathBuf> {
    let bin = folder.join("bin");
    if bin.join("kubernetes-reference").exists() && bin.join("kwok").exists() {
        return Ok(bin);
    }
    timed("reference control plane", || {
        let script = root().join("conformance/reference-control-plane/build.sh");
        succeed(Command::new("bash").arg(script).env("OUT", &bin))
    })?;
    Ok(bin)
}

fn azure_cli(folder: &Path) -> Result<PathBuf> {
    let constraints = root().join("conformance/az-constraints.txt");
    let wanted = root().join("conformance/az-requirements.txt");
    let stamp = std::fs::read_to_string(&constraints)? + &std::fs::read_to_string(&wanted)?;
    let home = folder.join("az");
    let python = home.join("bin/python");
    if std::fs::read_to_string(home.join("stamp")).is_ok_and(|s| s == stamp) {
        return Ok(python);
    }
    timed("az and the Python SDK", || {
        std::fs::remove_dir_all(&home).or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&home)).context("python3 with its venv module is needed")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"];
        succeed(Command::new(&python).args(pip).arg(&constraints).arg("--requirement").arg(&wanted))?;
        Ok(std::fs::write(home.join("stamp"), &stamp)?)
    })?;
    Ok(python)
}

/// The load tool.
pub fn load_tool() -> Result<PathBuf> {
    go_program(&target().join("peers"), "kperf")
}

/// kubectl, the machine's where it is new enough.
pub fn kubectl(folder: &Path) -> Result<PathBuf> {
    match on_path("kubectl").filter(|path| minor_version(path).is_some_and(|minor| minor >= 30)) {
        Some(path) => Ok(path),
        None => go_program(folder, "kubectl"),
    }
}

fn minor_version(kubectl: &Path) -> Option<u32> {
    let output = Command::new(kubectl).args(["version", "--client", "-o", "json"]).output().ok()?;
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    version["clientVersion"]["minor"].as_str()?.trim_end_matches('+').parse().ok()
}

/// The first executable file of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn go_program(folder: &Path, name: &str) -> Result<PathBuf> {
    go_program_of(folder, name, None)
}

/// A program from its source, with the modules of `go.mod`, or with those of a release under `name-RELEASE`. The build tag `k135` tells
/// the source that it is built for 1.35.
fn go_program_of(folder: &Path, name: &str, release: Option<&str>) -> Result<PathBuf> {
    let source = root().join("conformance").join(name);
    let modules = release.map_or("go".to_owned(), |release| format!("go-{release}"));
    let name = release.map_or(name.to_owned(), |release| format!("{name}-{release}"));
    let listed = std::fs::read_dir(&source)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_input = |file: &PathBuf| {
        let is_code = file.extension().is_some_and(|extension| extension == "go");
        is_code || [format!("{modules}.mod"), format!("{modules}.sum")].iter().any(|name| file.ends_with(name))
    };
    let mut files: Vec<PathBuf> = listed.into_iter().filter(is_input).collect();
    files.sort();
    let mut stamp = String::new();
    for file in files {
        stamp += &std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    }
    let program = folder.join("bin").join(&name);
    let stamp_file = folder.join("bin").join(format!("{name}.stamp"));
    if program.exists() && std::fs::read_to_string(&stamp_file).is_ok_and(|s| s == stamp) {
        return Ok(program);
    }
    timed(&name, || {
        std::fs::create_dir_all(folder.join("bin"))?;
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o"]).arg(&program);
        if let Some(release) = release {
            go.arg(format!("-modfile={modules}.mod")).arg(format!("-tags=k{}", release.replace('.', "")));
        }
        go.arg(".");
        succeed(go.current_dir(&source)).context("go is needed")?;
        Ok(std::fs::write(&stamp_file, &stamp)?)
    })?;
    Ok(program)
}

fn timed(what: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("peers: installing {what}");
    let start = Instant::now();
    install().with_context(|| format!("installing {what}"))?;
    eprintln!("peers: {what} after {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a command with this process's streams; an exit code other than 0 is an error.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
