//! Batches as bytes: the payload of a log row, its checksums and its link in the hash chain.
//!
//! A payload is the records one after another, each `revision u64, key length u32, value length u32 (MAX = delete),
//! key, value, crc32 of all before it`, little endian. The checksum of a record tells *which* one is damaged; the
//! chain hash over the whole row and the hash before tells *that* something is.
//! Not here: SQL, and what the bytes mean.

use crate::{Hash, Revision};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// One conditional write whose condition held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Revision of this write; never falls within a batch. Of two records of one key and revision the second is the write, the first
    /// restates what the key held before it.
    pub revision: Revision,
    /// Document key: opaque, ordered as bytes.
    pub key: Bytes,
    /// The document, or `None` for a delete.
    pub value: Option<Bytes>,
}

/// The unit of durability: the revisions `after + 1 ..= last`, there whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `last` of the batch that this one was computed from; 0 for the first.
    pub after: Revision,
    /// Last revision that this batch uses up, greater than `after`; may leave gaps.
    pub last: Revision,
    /// When the caller decided it, in milliseconds since 1970.
    pub time_millis: i64,
    /// Who asked for it: opaque audit text.
    pub origin: Bytes,
    /// The writes, each with a revision in the batch's range.
    pub records: Vec<Record>,
}

/// SQLite's own bound of a row is 1,000,000,000 bytes; a caller's batches are around 4 MiB.
const MAX_BATCH_BYTES: usize = 256 << 20;
/// The columns beside origin and records, so that a batch without records counts too.
const ROW_BYTES: usize = 64;
const RECORD_HEAD_BYTES: usize = 16;
const DELETED: u32 = u32::MAX;

impl Batch {
    /// Bytes that the batch takes in the log, by the store's own account.
    pub fn log_bytes(&self) -> usize {
        let record = |r: &Record| RECORD_HEAD_BYTES + r.key.len() + r.value.as_ref().map_or(0, Bytes::len) + 4;
        ROW_BYTES + self.origin.len() + self.records.iter().map(record).sum::<usize>()
    }

    /// Checks the shape of a batch that must rest on `after`.
    pub(crate) fn check(&self, after: Revision) -> Result<(), String> {
        if self.after != after {
            return Err(format!("it rests on revision {}, the last accepted one is {after}", self.after));
        }
        if self.last <= after || self.last > i64::MAX as u64 {
            return Err(format!("last revision {} is not after {after}", self.last));
        }
        let mut floor = after + 1;
        for record in &self.records {
            if record.revision < floor || record.revision > self.last {
                return Err(format!("record revision {} is outside of {floor}..={}", record.revision, self.last));
            }
            floor = record.revision;
        }
        if self.log_bytes() > MAX_BATCH_BYTES {
            return Err(format!("{} bytes exceed {MAX_BATCH_BYTES}", self.log_bytes()));
        }
        Ok(())
    }

    /// The payload of the log row.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.log_bytes());
        for record in &self.records {
            let start = out.len();
            let value = record.value.as_deref();
            out.extend_from_slice(&record.revision.to_le_bytes());
            out.extend_from_slice(&(record.key.len() as u32).to_le_bytes());
            out.extend_from_slice(&value.map_or(DELETED, |v| v.len() as u32).to_le_bytes());
            out.extend_from_slice(&record.key);
            out.extend_from_slice(value.unwrap_or_default());
            let crc = crc32fast::hash(&out[start..]);
            out.extend_from_slice(&crc.to_le_bytes());
        }
        out
    }

    /// The batch's link in the chain.
    pub(crate) fn hash(&self, previous: &Hash, payload: &[u8]) -> Hash {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(self.after.to_le_bytes());
        hash.update(self.last.to_le_bytes());
        hash.update(self.time_millis.to_le_bytes());
        hash.update((self.origin.len() as u64).to_le_bytes());
        hash.update(&self.origin);
        hash.update(payload);
        hash.finalize().into()
    }
}

/// A damaged payload: the record concerned, if its head could be read, and what is wrong.
pub(crate) struct BadRecord {
    pub revision: Option<Revision>,
    pub key: Option<Vec<u8>>,
    pub what: String,
}

/// Reads a payload back; keys and values share its memory.
pub(crate) fn decode(payload: &Bytes) -> Result<Vec<Record>, BadRecord> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let bad = |revision, key, what: &str| BadRecord { revision, key, what: format!("{what} at byte {at}") };
        let rest = &payload[at..];
        if rest.len() < RECORD_HEAD_BYTES {
            return Err(bad(None, None, "truncated record"));
        }
        let revision = le_u64(&rest[..8]);
        let (key_len, value_len) = (le_u32(&rest[8..12]), le_u32(&rest[12..16]));
        let key_end = RECORD_HEAD_BYTES + key_len as usize;
        let end = key_end + if value_len == DELETED { 0 } else { value_len as usize };
        if rest.len() < end + 4 {
            return Err(bad(Some(revision), None, "record longer than its row"));
        }
        if crc32fast::hash(&rest[..end]) != le_u32(&rest[end..end + 4]) {
            return Err(bad(Some(revision), Some(rest[RECORD_HEAD_BYTES..key_end].to_vec()), "checksum differs"));
        }
        let key = payload.slice(at + RECORD_HEAD_BYTES..at + key_end);
        let value = (value_len != DELETED).then(|| payload.slice(at + key_end..at + end));
        records.push(Record { revision, key, value });
        at += end + 4;
    }
    Ok(records)
}

/// Checksum of a row of the table of documents.
pub(crate) fn document_crc(key: &[u8], revision: Revision, value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&revision.to_le_bytes());
    crc.update(&(key.len() as u64).to_le_bytes());
    crc.update(key);
    crc.update(value);
    crc.finalize()
}

/// Reads four bytes.
pub(crate) fn le_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

/// Reads eight bytes.
pub(crate) fn le_u64(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}
