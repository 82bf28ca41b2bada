//! Reads SQLite's write-ahead log before SQLite does, and tells damage from a torn tail.
//!
//! SQLite takes the first bad frame for the end of the log and drops all after it. But a transaction is synced before
//! the next one is written, so a frame of the same generation *behind* a commit that is itself at or behind the bad
//! frame proves that the bad frame was once durable: that is damage. A bad frame in the newest transaction proves
//! nothing (a power loss writes sectors in any order); the acknowledged head decides there.
//! Format: sqlite.org/fileformat2.html, section 4. Nothing is written here.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// What the file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The file has a header, so the last process did not close it.
    pub present: bool,
    /// Number, from 1, of the first frame that is not whole, if frames of this generation follow or it is one.
    pub bad_frame: Option<u64>,
    /// The damage is certain; says why.
    pub corrupt: Option<String>,
}

/// Reads the whole file; an absent one is empty.
pub(crate) fn scan(path: &Path) -> std::io::Result<Scan> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Scan::default()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut reader, &mut header)? {
        return Ok(Scan::default());
    }
    let big_endian = header[3] & 1 == 1;
    let mut sum = checksum((0, 0), &header[..24], big_endian);
    let page_bytes = be_u32(&header[8..12]) as usize;
    if be_u32(&header[..4]) & !1 != 0x377f_0682 || stored_sum(&header[24..]) != sum || page_bytes != crate::database::PAGE_BYTES {
        // The header is synced before the first frame is written, and is rewritten within one sector.
        let corrupt = (length > HEADER_BYTES as u64).then(|| "the header before its frames is damaged".to_string());
        return Ok(Scan { present: true, bad_frame: None, corrupt });
    }
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut number, mut bad_frame, mut commit_after_bad) = (0, None, None);
    while fill(&mut reader, &mut frame)? {
        number += 1;
        let ours = &frame[8..16] == salts;
        if bad_frame.is_none() {
            sum = checksum(checksum(sum, &frame[..8], big_endian), &frame[24..], big_endian);
            if ours && be_u32(&frame[..4]) != 0 && stored_sum(&frame[16..24]) == sum {
                continue;
            }
            bad_frame = Some(number);
        } else if let (true, Some(commit)) = (ours, commit_after_bad) {
            let bad = bad_frame.unwrap_or_default();
            let corrupt = format!("frame {bad} is damaged: frame {commit} ends a transaction and frame {number} follows");
            return Ok(Scan { present: true, bad_frame, corrupt: Some(corrupt) });
        }
        if ours && be_u32(&frame[4..8]) != 0 && commit_after_bad.is_none() {
            commit_after_bad = Some(number);
        }
    }
    Ok(Scan { present: true, bad_frame, corrupt: None })
}

/// Fills the buffer; false when the file ends before that.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// SQLite's running sum over pairs of words.
fn checksum((mut a, mut b): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let word = be_u32(bytes);
        if big_endian { word } else { word.swap_bytes() }
    };
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(word(&pair[..4])).wrapping_add(b);
        b = b.wrapping_add(word(&pair[4..])).wrapping_add(a);
    }
    (a, b)
}

fn stored_sum(bytes: &[u8]) -> (u32, u32) {
    (be_u32(&bytes[..4]), be_u32(&bytes[4..8]))
}

fn be_u32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes"))
}
