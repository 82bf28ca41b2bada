//! The file beside the data (`<path>-head`): the lock, and the last acknowledged revision with its chain hash.
//!
//! It is written after every sync and before the acknowledgement, but not synced itself: after a kill it is exact,
//! after a power loss it may be older, so it is a lower bound of what the data must hold. With it a flipped byte in
//! the newest transaction of the write-ahead log, which SQLite takes for an unfinished one, is told from a torn tail.
//! A missing head file bounds nothing (a copied or restored data file); a damaged one is refused.

use crate::record::{le_u32, le_u64};
use crate::{Corruption, Hash, OpenError, Revision};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"NLHEAD1\n";
const MARK_BYTES: usize = 8 + 8 + 32 + 4;

/// A point in the history: the last revision of a batch and the batch's hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub revision: Revision,
    pub hash: Hash,
}

impl Mark {
    fn encode(self) -> [u8; MARK_BYTES] {
        let mut out = [0; MARK_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..16].copy_from_slice(&self.revision.to_le_bytes());
        out[16..48].copy_from_slice(&self.hash);
        let crc = crc32fast::hash(&out[..48]);
        out[48..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Mark> {
        let bytes = bytes.get(..MARK_BYTES)?;
        let hash = bytes[16..48].try_into().expect("32 bytes");
        let whole = &bytes[..8] == MAGIC && crc32fast::hash(&bytes[..48]) == le_u32(&bytes[48..]);
        whole.then(|| Mark { revision: le_u64(&bytes[8..16]), hash })
    }
}

/// The locked head file. The lock ends with the value or the process.
#[derive(Debug)]
pub(crate) struct Head {
    file: File,
    path: PathBuf,
}

impl Head {
    /// Locks the cell at `data` against every other opener, and reads the acknowledged mark if there is one.
    pub fn lock(data: &Path) -> Result<(Head, Option<Mark>), OpenError> {
        let path = crate::database::beside(data, "-head");
        let io = |error: std::io::Error| OpenError::Io { path: path.clone(), what: error.to_string() };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(io)?;
        let locked = file.try_lock();
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(io)?;
        match locked {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(io(error)),
            Err(TryLockError::WouldBlock) => {
                let holder = content.get(MARK_BYTES..).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
                let holder = holder.split_whitespace().next().unwrap_or("?").to_string();
                return Err(OpenError::Locked { path: data.into(), holder });
            }
        }
        let mark = Mark::decode(&content);
        // Zeros are a file that was created, locked and never acknowledged anything.
        if mark.is_none() && content.iter().take(MARK_BYTES).any(|byte| *byte != 0) {
            return Err(OpenError::Corrupt(Corruption {
                file: path,
                place: "acknowledged head".into(),
                revision: None,
                key: None,
                what: "checksum differs; with this file removed the data opens, but not knowing what was acknowledged last".into(),
            }));
        }
        let holder = format!("{:<10}\n", std::process::id());
        file.write_all_at(holder.as_bytes(), MARK_BYTES as u64).map_err(io)?;
        Ok((Head { file, path }, mark))
    }

    /// Notes an acknowledged batch.
    pub fn write(&self, mark: Mark) -> std::io::Result<()> {
        self.file.write_all_at(&mark.encode(), 0)
    }

    /// Makes the newest note survive a power loss.
    pub fn sync(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // Closing alone would not do: a child process between fork and exec has the descriptor too.
        let _ = self.file.unlock();
    }
}
