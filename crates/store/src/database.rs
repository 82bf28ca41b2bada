//! The SQLite file: its settings, tables and transactions. Every SQL statement that writes is here.
//!
//! Tables: `log` (one row per batch, the hash chain), `document` (the checkpoint: newest value of each live key up to
//! `meta.applied`, some possibly newer), `meta` (one blob), `probe` (empty but while a read-only store looks for space).
//! Invariants: one connection, exclusive, so there is no shared-memory file; every commit is one sync of the
//! write-ahead log; SQLite checkpoints only when asked, and never on closing a file that was refused or failed.
//! Not here: when to do any of it (writer.rs), reading it all (load.rs).

use crate::head::Mark;
use crate::record::{Batch, document_crc, le_u32, le_u64};
use crate::{FORMAT, Failure, Hash, Revision};
use bytes::Bytes;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A changed document of up to 2 KB, a quarter of a page, costs one page in a checkpoint; a larger one two.
pub(crate) const PAGE_BYTES: usize = 8192;
const META_BYTES: usize = 72;

/// The tables, as `sqlite_schema` must show them.
pub(crate) const SCHEMA: [(&str, &str); 4] = [
    (
        "document",
        "CREATE TABLE document(key BLOB PRIMARY KEY, revision INTEGER NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
    ),
    (
        "log",
        "CREATE TABLE log(last INTEGER PRIMARY KEY, after INTEGER NOT NULL, time_millis INTEGER NOT NULL, origin BLOB NOT NULL, hash BLOB NOT NULL, records BLOB NOT NULL)",
    ),
    ("meta", "CREATE TABLE meta(body BLOB NOT NULL)"),
    ("probe", "CREATE TABLE probe(body BLOB NOT NULL)"),
];

/// `path` with something appended to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What the checkpoint says of itself. Count and sum find documents that a damaged tree no longer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The data format of the file.
    pub format: u32,
    /// Every batch up to this revision is in the table of documents.
    pub applied: Revision,
    /// The batch before the oldest row of the log.
    pub anchor: Mark,
    pub documents: u64,
    /// Sum of the documents' checksums.
    pub sum: u64,
}

/// Why a meta blob was not understood.
pub(crate) enum BadMeta {
    Newer(u32),
    Damaged,
}

impl Meta {
    const EMPTY: Meta = Meta { format: FORMAT, applied: 0, anchor: Mark { revision: 0, hash: [0; 32] }, documents: 0, sum: 0 };

    fn encode(&self) -> Vec<u8> {
        let mut out = self.format.to_le_bytes().to_vec();
        for number in [self.applied, self.documents, self.sum, self.anchor.revision] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.anchor.hash);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// The format comes first and outside of the size check, for a newer build may have changed all that follows.
    pub fn decode(body: &[u8]) -> Result<Meta, BadMeta> {
        let format = body.get(..4).map(le_u32).ok_or(BadMeta::Damaged)?;
        if format > FORMAT {
            return Err(BadMeta::Newer(format));
        }
        let damaged = body.len() != META_BYTES || crc32fast::hash(&body[..68]) != le_u32(&body[68..]) || format == 0;
        if damaged {
            return Err(BadMeta::Damaged);
        }
        let number = |i: usize| le_u64(&body[4 + 8 * i..12 + 8 * i]);
        let anchor = Mark { revision: number(3), hash: body[36..68].try_into().expect("32 bytes") };
        Ok(Meta { format, applied: number(0), documents: number(1), sum: number(2), anchor })
    }
}

/// A document on its way into the checkpoint: its revision, and its value unless it was deleted.
pub(crate) type Pending = (Revision, Option<Bytes>);

/// The open file.
#[derive(Debug)]
pub(crate) struct Database {
    pub connection: Connection,
}

impl Database {
    /// Makes a new file that appears whole or not at all.
    pub fn create(path: &Path) -> Result<(), Failure> {
        let draft = beside(path, "-new");
        for left_over in [draft.clone(), beside(&draft, "-wal")] {
            match std::fs::remove_file(left_over) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&error)),
                _ => {}
            }
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(|error| io(&error))?;
        let mut database = Database::open(&draft).map_err(|error| failure(&error))?;
        database
            .transact(|tx| {
                for (_, sql) in SCHEMA {
                    tx.execute(sql, [])?;
                }
                tx.execute("INSERT INTO meta VALUES(?1)", [Meta::EMPTY.encode()]).map(drop)
            })
            .and_then(|()| database.close())
            .map_err(|error| failure(&error))?;
        let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::rename(&draft, path).and_then(|()| File::open(directory)?.sync_all()).map_err(|error| io(&error))
    }

    /// Opens an existing file, for this process alone.
    pub fn open(path: &Path) -> rusqlite::Result<Database> {
        // A file that refuses its mode is on a file system without modes.
        let _ = std::fs::set_permissions(path, Permissions::from_mode(0o600));
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_prepared_statement_cache_capacity(16);
        // Before the first read, so that the index of the write-ahead log is kept in memory and not in a file.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
            if row.get::<_, String>(0)? == "wal" { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
        })?;
        // A transaction is at most a few MiB; spilling it would write its frames twice.
        for (name, value) in
            [("synchronous", 2), ("wal_autocheckpoint", 0), ("cache_spill", 0), ("cache_size", -8192), ("cell_size_check", 1)]
        {
            connection.pragma_update(None, name, value)?;
        }
        Ok(Database { connection })
    }

    /// One transaction, one sync.
    fn transact<T>(&mut self, body: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let tx = self.connection.transaction()?;
        let value = body(&tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// Appends batches, each with its payload and hash.
    pub fn append(&mut self, rows: &[(&Batch, Vec<u8>, Hash)]) -> rusqlite::Result<()> {
        self.transact(|tx| {
            let mut insert =
                tx.prepare_cached("INSERT INTO log(last, after, time_millis, origin, hash, records) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?;
            for (batch, payload, hash) in rows {
                insert.execute(params![batch.last as i64, batch.after as i64, batch.time_millis, &batch.origin[..], hash, payload])?;
            }
            Ok(())
        })
    }

    /// Brings documents up to date and notes it in `meta`, whose count and sum are adjusted.
    pub fn apply<'a>(&mut self, meta: &mut Meta, documents: impl Iterator<Item = (&'a Bytes, &'a Pending)>) -> rusqlite::Result<()> {
        let mut next = *meta;
        self.transact(|tx| {
            let mut find = tx.prepare_cached("SELECT crc FROM document WHERE key = ?1")?;
            let mut put = tx.prepare_cached("REPLACE INTO document(key, revision, crc, value) VALUES(?1, ?2, ?3, ?4)")?;
            let mut delete = tx.prepare_cached("DELETE FROM document WHERE key = ?1")?;
            for (key, (revision, value)) in documents {
                let key: &[u8] = key;
                if let Some(crc) = find.query_row([key], |row| row.get::<_, u32>(0)).optional()? {
                    next.documents = next.documents.wrapping_sub(1);
                    next.sum = next.sum.wrapping_sub(crc.into());
                }
                if let Some(value) = value {
                    let crc = document_crc(key, *revision, value);
                    put.execute(params![key, *revision as i64, crc, &value[..]])?;
                    next.documents += 1;
                    next.sum = next.sum.wrapping_add(crc.into());
                } else {
                    delete.execute([key])?;
                }
            }
            set_meta(tx, &next)
        })?;
        *meta = next;
        Ok(())
    }

    /// Drops the log up to and including the batch `anchor`.
    pub fn truncate(&mut self, meta: &mut Meta, anchor: Mark) -> rusqlite::Result<()> {
        let next = Meta { anchor, ..*meta };
        self.transact(|tx| {
            tx.execute("DELETE FROM log WHERE last <= ?1", [anchor.revision as i64])?;
            set_meta(tx, &next)
        })?;
        *meta = next;
        Ok(())
    }

    /// Notes the format that the file has now.
    pub fn set_format(&mut self, meta: &mut Meta, format: u32) -> rusqlite::Result<()> {
        meta.format = format;
        self.transact(|tx| set_meta(tx, meta))
    }

    /// After a failure: undoes what was not acknowledged, makes sure that what was is there, proves with a probe of
    /// `bytes` that writes reach the disk, and empties the write-ahead log, whose pages a failed sync may have lost.
    pub fn restore(&mut self, acknowledged: Mark, bytes: usize) -> rusqlite::Result<Meta> {
        let meta = self.transact(|tx| {
            tx.execute("DELETE FROM log WHERE last > ?1", [acknowledged.revision as i64])?;
            tx.execute("INSERT INTO probe VALUES(zeroblob(?1))", [bytes as i64])?;
            let body: Vec<u8> = tx.query_row("SELECT body FROM meta", [], |row| row.get(0))?;
            let meta = Meta::decode(&body).map_err(|_| rusqlite::Error::InvalidQuery)?;
            let newest = "SELECT hash FROM log WHERE last = ?1";
            let row = tx.query_row(newest, [acknowledged.revision as i64], |row| row.get::<_, Hash>(0)).optional()?;
            let hash = row.or((meta.anchor.revision == acknowledged.revision).then_some(meta.anchor.hash));
            if hash == Some(acknowledged.hash) { Ok(meta) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
        })?;
        self.transact(|tx| tx.execute("DELETE FROM probe", []).map(drop))?;
        self.checkpoint("TRUNCATE")?;
        Ok(meta)
    }

    /// Moves the write-ahead log into the data file, with the syncs that this takes. Returns the bytes that the log
    /// holds afterwards and that are not moved yet; mode NOOP only asks for them.
    pub fn checkpoint(&self, mode: &str) -> rusqlite::Result<u64> {
        let frames = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
        let frames = self.connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?.query_row([], frames)?;
        Ok(frames.max(0) as u64 * PAGE_BYTES as u64)
    }

    /// Moves the write-ahead log into the data file and removes it.
    pub fn close(self) -> rusqlite::Result<()> {
        self.checkpoint("TRUNCATE")?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        self.connection.close().map_err(|(_, error)| error)
    }
}

fn set_meta(tx: &Transaction<'_>, meta: &Meta) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE meta SET body = ?1")?.execute([meta.encode()]).map(drop)
}

fn io(error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Failure::DiskFull,
        _ => Failure::Io(error.to_string()),
    }
}

/// What an error of a write means.
pub(crate) fn failure(error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Failure::DiskFull,
        _ => Failure::Io(error.to_string()),
    }
}
