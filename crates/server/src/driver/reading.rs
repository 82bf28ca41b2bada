//! The worlds of a data directory, read without touching it: whether its server runs or not.
//!
//! The files are copied and the copy is opened. A server that writes meanwhile may leave a copy that does not fit together; its
//! checksums show that, and the copy is made again. Not here: what the worlds are read for.

use super::OpenCell;
use crate::config::Paths;
use crate::process::{Entry, entries};
use nodelane_world::World;
use std::path::Path;

/// Copies that are tried: each takes about as long as a checkpoint, which a server makes once in 4 MiB of writes.
const TRIES: usize = 5;

/// The worlds of an account and of its clusters, in order of their entries.
///
/// # Errors
/// What cannot be read.
pub fn worlds(data_dir: &Path) -> Result<(World, Vec<(Entry, World)>), String> {
    let cells = Paths::new(data_dir).root().join("cells");
    if !cells.join("account.db").is_file() {
        return Err(format!("{} is no data folder of a nodelane server: it has no cells/account.db", data_dir.display()));
    }
    let account = cell(&cells, "account", 0)?;
    let clusters = entries(&account).into_iter().map(|entry| {
        let world = cell(&cells, &entry.key, entry.seed)?;
        Ok((entry, world))
    });
    let clusters: Vec<(Entry, World)> = clusters.collect::<Result<_, String>>()?;
    // An entry stays when its cluster is gone.
    Ok((account, clusters.into_iter().filter(|(_, world)| world.cluster().is_some_and(|cluster| cluster.state.gone.is_none())).collect()))
}

fn cell(cells: &Path, key: &str, seed: u64) -> Result<World, String> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match copied(cells, key, seed) {
            Ok(world) => return Ok(world),
            Err(error) => last = error,
        }
    }
    Err(format!("{}: {last}", cells.join(format!("{key}.db")).display()))
}

fn copied(cells: &Path, key: &str, seed: u64) -> Result<World, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no scratch folder: {error}"))?;
    // The head is a lower bound of what the data must hold: it is copied first.
    for end in ["db-head", "db-wal", "db"] {
        let name = format!("{key}.{end}");
        match std::fs::copy(cells.join(&name), folder.path().join(&name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && end != "db" => {}
            copied => drop(copied.map_err(|error| format!("{name}: {error}"))?),
        }
    }
    let open = OpenCell::open(&folder.path().join(format!("{key}.db")), seed).map_err(|error| error.to_string())?;
    Ok(open.world.clone())
}
