//! Reads a whole cell and believes nothing: the start after a stop or a crash, and the offline check.
//!
//! Order: lock and acknowledged head, the write-ahead log's frames, the data file's header, SQLite's own check of its
//! pages, the schema, the checkpoint's documents against their count and sum, the log's rows against the hash chain,
//! and last the chain's end against the acknowledged head. The first difference is refused by name.
//! Nothing is written here, so that a refused file can be examined.

use crate::database::{BadMeta, Database, Meta, PAGE_BYTES, SCHEMA, beside};
use crate::head::{Head, Mark};
use crate::record::{Batch, decode, document_crc};
use crate::{Corruption, Hash, OpenError, Options, Revision, wal};
use bytes::Bytes;
use rusqlite::{ErrorCode, Row};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

/// The newest value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: Bytes,
    /// Revision of the record that wrote it.
    pub revision: Revision,
    /// Its value.
    pub value: Bytes,
}

/// What a cell held when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Last durable revision; the next batch rests on it.
    pub revision: Revision,
    /// Hash of the batch of that revision.
    pub head: Hash,
    /// Live documents, by key.
    pub docs: Vec<Document>,
    /// The newest batches in order, up to `Options::tail_bytes`. Gapless up to `revision`.
    pub tail: Vec<Batch>,
    /// What the tail's keys held before it, by key, as far as the kept log in front of it says.
    pub before_tail: BTreeMap<Bytes, Bytes>,
    /// The last process closed it; otherwise the log was replayed.
    pub clean: bool,
}

/// What `verify` read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Last durable revision.
    pub revision: Revision,
    /// Hash of its batch: equal to the exported one, unless history was cut or rewritten.
    pub head: Hash,
    /// Live documents.
    pub documents: u64,
    /// Batches in the kept log.
    pub batches: u64,
    /// Revision before the oldest batch kept.
    pub log_after: Revision,
}

/// A row of the log that may be truncated: its bytes and the point that then anchors the chain.
pub(crate) type Kept = (u64, Mark);

/// All of a cell.
pub(crate) struct Loaded {
    pub database: Database,
    pub head: Head,
    pub meta: Meta,
    pub end: Mark,
    pub clean: bool,
    pub documents: BTreeMap<Bytes, (Revision, Bytes)>,
    /// What the log has over the checkpoint.
    pub pending: BTreeMap<Bytes, (Revision, Option<Bytes>)>,
    pub pending_bytes: u64,
    pub kept: VecDeque<Kept>,
    pub tail: VecDeque<Batch>,
    pub before_tail: BTreeMap<Bytes, Bytes>,
}

struct Reader<'a> {
    path: &'a Path,
    wal: PathBuf,
}

/// Reads everything; creates an empty cell when `create` and there is none.
pub(crate) fn load(path: &Path, options: &Options, create: bool) -> Result<Loaded, OpenError> {
    let reader = Reader { path, wal: beside(path, "-wal") };
    let exists = path.try_exists().map_err(|e| reader.io(&e))?;
    if !exists && !create {
        return Err(reader.io(&"no such file"));
    }
    let (head, acknowledged) = Head::lock(path)?;
    let scan = wal::scan(&reader.wal).map_err(|e| reader.io(&e))?;
    if let Some(what) = scan.corrupt {
        return Err(corrupt(&reader.wal, "write-ahead log", what));
    }
    if !exists {
        if acknowledged.is_some() || scan.present {
            return Err(corrupt(path, "file", "it is missing, its companions are not".into()));
        }
        Database::create(path).map_err(|e| reader.io(&e))?;
    }
    reader.file_header()?;
    let database = Database::open(path).map_err(|e| reader.sql("header", &e))?;
    let meta = reader.pages_and_meta(&database)?;
    let documents = reader.documents(&database, &meta)?;
    let mut loaded = Loaded {
        database,
        head,
        meta,
        end: meta.anchor,
        clean: !scan.present,
        documents,
        pending: BTreeMap::new(),
        pending_bytes: 0,
        kept: VecDeque::new(),
        tail: VecDeque::new(),
        before_tail: BTreeMap::new(),
    };
    reader.log(&mut loaded, options.tail_bytes)?;
    reader.compare(&loaded, acknowledged, scan.bad_frame)?;
    for (key, (revision, value)) in &loaded.pending {
        match value {
            Some(value) => drop(loaded.documents.insert(key.clone(), (*revision, value.clone()))),
            None => drop(loaded.documents.remove(key)),
        }
    }
    Ok(loaded)
}

/// See `crate::verify`.
pub(crate) fn verify(path: &Path) -> Result<Report, OpenError> {
    let loaded = load(path, &Options { tail_bytes: 0, ..Options::default() }, false)?;
    Ok(Report {
        revision: loaded.end.revision,
        head: loaded.end.hash,
        documents: loaded.documents.len() as u64,
        batches: loaded.kept.len() as u64,
        log_after: loaded.meta.anchor.revision,
    })
}

impl Reader<'_> {
    fn io(&self, error: &dyn std::fmt::Display) -> OpenError {
        OpenError::Io { path: self.path.into(), what: error.to_string() }
    }

    /// An error of SQLite while reading `place`: of the system, or else of the content.
    fn sql(&self, place: &str, error: &rusqlite::Error) -> OpenError {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DiskFull
                | ErrorCode::PermissionDenied,
            ) => self.io(error),
            _ => corrupt(self.path, place, error.to_string()),
        }
    }

    /// The first 100 bytes. SQLite would answer some of their flips by ignoring the write-ahead log.
    fn file_header(&self) -> Result<(), OpenError> {
        let mut header = [0; 100];
        std::fs::File::open(self.path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header)).map_err(
            |error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => corrupt(self.path, "header", "the file is shorter".into()),
                _ => self.io(&error),
            },
        )?;
        let page_bytes = u16::from_be_bytes([header[16], header[17]]);
        // Page size, write and read version (2 = write-ahead log), reserved bytes, payload fractions.
        if header[..16] != *b"SQLite format 3\0" || usize::from(page_bytes) != PAGE_BYTES || header[18..24] != [2, 2, 0, 64, 32, 32] {
            return Err(corrupt(self.path, "header", "it is not that of a cell".into()));
        }
        Ok(())
    }

    fn pages_and_meta(&self, database: &Database) -> Result<Meta, OpenError> {
        let db = &database.connection;
        let text = |row: &Row<'_>| row.get::<_, String>(0);
        let found = db.query_row("PRAGMA quick_check(1)", [], text).map_err(|e| self.sql("pages", &e))?;
        if found != "ok" {
            return Err(corrupt(self.path, "pages", found.replace('\n', " ")));
        }
        let schema = db
            .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
            .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(String, String)>, _>>())
            .map_err(|e| self.sql("schema", &e))?;
        // The format is read first: a newer one may have other tables.
        let bodies = db
            .prepare("SELECT body FROM meta")
            .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect::<Result<Vec<Vec<u8>>, _>>())
            .map_err(|e| self.sql("table meta", &e))?;
        let meta = match bodies.as_slice() {
            [body] => Meta::decode(body),
            _ => Err(BadMeta::Damaged),
        };
        let meta = meta.map_err(|bad| match bad {
            BadMeta::Newer(found) => OpenError::Newer { path: self.path.into(), found },
            BadMeta::Damaged => corrupt(self.path, "table meta", "checksum differs".into()),
        })?;
        if !schema.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).eq(SCHEMA) {
            return Err(corrupt(self.path, "schema", "the tables are not those of this format".into()));
        }
        Ok(meta)
    }

    fn documents(&self, database: &Database, meta: &Meta) -> Result<BTreeMap<Bytes, (Revision, Bytes)>, OpenError> {
        let place = "table document";
        let sql = |e: rusqlite::Error| self.sql(place, &e);
        let mut statement = database.connection.prepare("SELECT key, revision, crc, value FROM document").map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let (mut found, mut sum, mut count) = (Vec::new(), 0u64, 0u64);
        while let Some(row) = rows.next().map_err(sql)? {
            let (key, revision, crc, value) = document_row(row).map_err(sql)?;
            if document_crc(&key, revision, &value) != crc {
                return Err(damage(self.path, place, Some(revision), Some(key.to_vec()), "checksum differs".into()));
            }
            sum = sum.wrapping_add(crc.into());
            count += 1;
            found.push((key, (revision, value)));
        }
        let documents: BTreeMap<_, _> = found.into_iter().collect();
        if (count, sum, documents.len() as u64) != (meta.documents, meta.sum, count) {
            let what = format!("{count} documents are not the {} that were written", meta.documents);
            return Err(corrupt(self.path, place, what));
        }
        Ok(documents)
    }

    fn log(&self, loaded: &mut Loaded, tail_bytes: u64) -> Result<(), OpenError> {
        let place = "table log";
        let sql = |e: rusqlite::Error| self.sql(place, &e);
        let select = "SELECT last, after, time_millis, origin, hash, records FROM log ORDER BY last";
        let mut statement = loaded.database.connection.prepare(select).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let (mut in_tail, mut before) = (0, BTreeMap::new());
        while let Some(row) = rows.next().map_err(sql)? {
            let (mut batch, hash, payload) = log_row(row).map_err(sql)?;
            let wrong = |revision, key, what| Err(damage(self.path, place, Some(revision), key, what));
            match decode(&payload) {
                Ok(records) => batch.records = records,
                Err(bad) => return wrong(bad.revision.unwrap_or(batch.last), bad.key, bad.what),
            }
            if batch.hash(&loaded.end.hash, &payload) != hash {
                return wrong(batch.last, None, "hash of the row and the one before differs".into());
            }
            if let Err(what) = batch.check(loaded.end.revision) {
                return wrong(batch.last, None, what);
            }
            let bytes = batch.log_bytes() as u64;
            loaded.end = Mark { revision: batch.last, hash };
            loaded.kept.push_back((bytes, loaded.end));
            if batch.last > loaded.meta.applied {
                loaded.pending_bytes += bytes;
                for record in &batch.records {
                    // A copy, for a slice would keep the whole row in memory.
                    let value = record.value.as_deref().map(Bytes::copy_from_slice);
                    loaded.pending.insert(Bytes::copy_from_slice(&record.key), (record.revision, value));
                }
            }
            in_tail += bytes;
            loaded.tail.push_back(batch);
            while in_tail > tail_bytes
                && let Some(batch) = loaded.tail.pop_front()
            {
                in_tail -= batch.log_bytes() as u64;
                before.extend(batch.records.into_iter().map(|record| (record.key, record.value)));
            }
        }
        for key in loaded.tail.iter().flat_map(|batch| &batch.records).map(|record| &record.key) {
            if let Some(Some(value)) = before.remove(key) {
                // Copies, as above.
                loaded.before_tail.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(&value));
            }
        }
        Ok(())
    }

    /// The chain must reach, and agree with, what the checkpoint has and what was acknowledged.
    fn compare(&self, loaded: &Loaded, acknowledged: Option<Mark>, bad_frame: Option<u64>) -> Result<(), OpenError> {
        let end = loaded.end.revision;
        if loaded.meta.applied > end {
            return Err(damage(self.path, "table log", Some(loaded.meta.applied), None, format!("applied, but the log ends at {end}")));
        }
        let Some(acknowledged) = acknowledged else {
            return Ok(());
        };
        let marks = loaded.kept.iter().map(|(_, mark)| *mark).chain([loaded.meta.anchor]);
        if acknowledged.revision < loaded.meta.anchor.revision || marks.into_iter().any(|mark| mark == acknowledged) {
            return Ok(());
        }
        let (file, place) = match bad_frame {
            Some(frame) => (self.wal.as_path(), format!("write-ahead log, frame {frame}")),
            None => (self.path, "table log".into()),
        };
        Err(damage(file, &place, Some(acknowledged.revision), None, format!("it was acknowledged, but the log is whole only up to {end}")))
    }
}

fn document_row(row: &Row<'_>) -> rusqlite::Result<(Bytes, Revision, u32, Bytes)> {
    let blob = |i| Ok::<_, rusqlite::Error>(Bytes::copy_from_slice(row.get_ref(i)?.as_blob()?));
    Ok((blob(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?, blob(3)?))
}

fn log_row(row: &Row<'_>) -> rusqlite::Result<(Batch, Hash, Bytes)> {
    let blob = |i| Ok::<_, rusqlite::Error>(Bytes::copy_from_slice(row.get_ref(i)?.as_blob()?));
    let (last, after) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64);
    let batch = Batch { after, last, time_millis: row.get(2)?, origin: blob(3)?, records: Vec::new() };
    Ok((batch, row.get(4)?, blob(5)?))
}

fn corrupt(file: &Path, place: &str, what: String) -> OpenError {
    damage(file, place, None, None, what)
}

fn damage(file: &Path, place: &str, revision: Option<Revision>, key: Option<Vec<u8>>, what: String) -> OpenError {
    OpenError::Corrupt(Corruption { file: file.into(), place: place.into(), revision, key, what })
}
