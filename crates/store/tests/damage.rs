//! Damaged, torn, foreign and locked files: each is refused by name, or the content is exactly what it was.
//!
//! Flips are seeded. Of the images that still open a quarter is also written to, closed and checked, so that no damage
//! lies in wait. `FULL=1` makes 10,000 flips of 2,000.

#![allow(clippy::disallowed_methods, reason = "the log thread is given time to rest")]

mod support;

use nodelane_store::{OpenError, Options, Recovered, verify};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::*;

/// A crash image with documents in the data file, newer ones in the write-ahead log, a truncated log and free pages.
fn busy_image(path: &Path, random: &mut Random) -> [Option<Vec<u8>>; 3] {
    let eager = Options { keep_log_bytes: 20_000, idle_checkpoint_bytes: 30_000, ..Options::default() };
    let mut cell = Cell::open(path, eager);
    for _ in 0..12 {
        cell.write(&puts(random, 8, 60, 900));
    }
    std::thread::sleep(std::time::Duration::from_millis(150));
    drop(cell);
    let mut cell = Cell::open(path, lazy());
    for _ in 0..5 {
        cell.write(&puts(random, 8, 60, 900));
    }
    image(path)
}

fn opened(path: &Path) -> Result<Recovered, OpenError> {
    Cell::try_open(path, lazy()).map(|cell| cell.recovered)
}

/// Opens the damaged cell: true if it was refused; otherwise it must be `expected` and stay good under a write.
fn refused_or_equal(path: &Path, expected: &Recovered, go_on: bool, what: &str) -> bool {
    let mut cell = match Cell::try_open(path, lazy()) {
        Ok(cell) => cell,
        Err(OpenError::Corrupt(damage)) => {
            assert!(damage.file.to_string_lossy().starts_with(&*path.to_string_lossy()) && !damage.place.is_empty(), "{what}");
            return true;
        }
        Err(OpenError::Newer { .. }) => return true,
        Err(other) => panic!("{what}: {other}"),
    };
    assert_eq!((&cell.recovered.docs, cell.recovered.head), (&expected.docs, expected.head), "{what}");
    assert_eq!(cell.recovered.tail, expected.tail, "{what}");
    if !go_on {
        return false;
    }
    cell.write(&puts(&mut Random(7), 20, 60, 900));
    cell.store.close().unwrap_or_else(|e| panic!("{what}: {e}"));
    verify(path).unwrap_or_else(|e| panic!("{what}: {e}"));
    false
}

fn sweep(image: &[Option<Vec<u8>>; 3], path: &Path, random: &mut Random) {
    let flips = if std::env::var_os("FULL").is_some() { 5000 } else { 1000 };
    restore(path, image);
    let expected = opened(path).expect("the image is good");
    let mut refused = [0; 3];
    for round in 0..flips {
        let mut damaged = image.clone();
        // A tenth in the small files, so that they are met at all.
        let present: Vec<usize> = (0..3).filter(|i| image[*i].is_some()).collect();
        let file = if random.below(10) == 0 { *present.last().unwrap() } else { random.below(present.len() as u64 - 1) as usize };
        let content = damaged[file].as_mut().expect("present");
        // The 52 bytes before the holder's number are the head; the number itself is only for people.
        let span = if file == 2 {
            52
        } else if random.below(10) == 0 {
            200
        } else {
            content.len()
        };
        let at = random.below(span.min(content.len()) as u64) as usize;
        let bit = random.below(8);
        content[at] ^= 1 << bit;
        restore(path, &damaged);
        refused[file] +=
            u32::from(refused_or_equal(path, &expected, round % 4 == 0, &format!("flip {round}: file {file}, byte {at}, bit {bit}")));
    }
    println!("{flips} flips: refused {refused:?}");
    assert!(refused.iter().sum::<u32>() > flips / 3, "most bytes are used: {refused:?}");
}

#[test]
fn a_flipped_byte_in_a_closed_cell_is_named_or_unused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut random = Random(11);
    busy_image(&path, &mut random);
    Cell::open(&path, lazy()).store.close().unwrap();
    assert!(!files(&path)[1].exists(), "a closed cell has no write-ahead log");
    sweep(&image(&path), &dir.path().join("copy.db"), &mut random);
}

#[test]
fn a_flipped_byte_in_a_crashed_cell_is_named_or_unused() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(12);
    let image = busy_image(&dir.path().join("cell.db"), &mut random);
    assert!(image[1].as_ref().unwrap().len() > 10 * 8192);
    sweep(&image, &dir.path().join("copy.db"), &mut random);
}

#[test]
fn a_flip_names_file_table_revision_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut cell = Cell::open(&path, lazy());
    cell.write(&[put("pods/a", "first"), put("pods/b", "hello-in-document")]);
    cell.store.close().unwrap();
    let good = std::fs::read(&path).unwrap();
    let needle = b"hello-in-document";
    let places: Vec<usize> = (0..good.len() - needle.len()).filter(|i| good[*i..].starts_with(needle)).collect();
    let mut named: Vec<String> = Vec::new();
    for place in places {
        let mut bad = good.clone();
        bad[place + 3] ^= 0x10;
        std::fs::write(&path, bad).unwrap();
        named.push(verify(&path).unwrap_err().to_string().replace(&dir.path().display().to_string(), ""));
    }
    named.sort();
    assert_eq!(
        named,
        [
            "damaged: /cell.db: table document, revision 2, key \"pods/b\": checksum differs",
            "damaged: /cell.db: table log, revision 2, key \"pods/b\": checksum differs at byte 31",
        ]
    );
}

#[test]
fn a_damaged_frame_before_a_later_commit_is_named_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut cell = Cell::open(&path, lazy());
    for i in 0..4 {
        cell.write(&[put("a", &format!("value {i}"))]);
    }
    let mut crashed = image(&path);
    crashed[1].as_mut().unwrap()[32 + 24 + 100] ^= 1;
    crashed[2] = None;
    let copy = dir.path().join("copy.db");
    restore(&copy, &crashed);
    let error = opened(&copy).unwrap_err().to_string();
    assert!(error.contains("copy.db-wal: write-ahead log: frame 1 is damaged"), "{error}");
    assert_eq!(image(&copy)[..2], crashed[..2]);
}

#[test]
fn the_newest_acknowledged_batch_is_missed_although_sqlite_takes_it_for_torn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut cell = Cell::open(&path, lazy());
    cell.write(&[put("a", "1")]);
    cell.write(&[put("a", "2")]);
    let mut crashed = image(&path);
    let wal = crashed[1].as_mut().unwrap();
    *wal.last_mut().unwrap() ^= 1;
    let copy = dir.path().join("copy.db");
    restore(&copy, &crashed);
    let error = opened(&copy).unwrap_err().to_string();
    assert!(error.contains("frame ") && error.contains("revision 2: it was acknowledged"), "{error}");
    // Without the note of the acknowledgement it is a torn tail.
    crashed[2] = None;
    restore(&copy, &crashed);
    assert_eq!(opened(&copy).unwrap().revision, 1);
    // A data file put back from a copy, with the newer head left in place, is told apart too.
    std::fs::remove_file(&files(&copy)[1]).unwrap();
    std::fs::write(&files(&copy)[2], image(&path)[2].as_ref().unwrap()).unwrap();
    assert!(matches!(opened(&copy), Err(OpenError::Corrupt(_))));
}

#[test]
fn a_power_loss_in_the_middle_of_a_commit_leaves_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("cell.db"), dir.path().join("copy.db"));
    let mut random = Random(13);
    let mut cell = Cell::open(&path, lazy());
    cell.write(&puts(&mut random, 8, 60, 9000));
    let mut outcomes = [0; 2];
    for _ in 0..6 {
        let before = image(&path);
        restore(&copy, &before);
        let expected_before = opened(&copy).unwrap();
        cell.write(&puts(&mut random, 8, 60, 9000));
        let after = image(&path);
        restore(&copy, &after);
        let expected_after = opened(&copy).unwrap();
        for _ in 0..8 {
            // Each block of the newest transaction is on the disk or not, in any order; the note of it never is.
            let (old, new) = (before[1].as_ref().unwrap(), after[1].as_ref().unwrap());
            let mut mixed = old.clone();
            mixed.resize(new.len(), 0);
            let all = random.below(4) == 0;
            for (to, from) in mixed.chunks_mut(4096).zip(new.chunks(4096)) {
                if all || random.below(4) > 0 {
                    to.copy_from_slice(from);
                }
            }
            restore(&copy, &[after[0].clone(), Some(mixed), before[2].clone()]);
            let found = opened(&copy).unwrap();
            assert!(found == expected_before || found == expected_after);
            outcomes[usize::from(found == expected_after)] += 1;
        }
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
}

#[test]
fn a_second_opener_is_refused_and_told_who_holds_the_cell() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let cell = Cell::open(&path, lazy());
    let error = opened(&path).unwrap_err().to_string();
    assert_eq!(error, format!("{} is in use by process {}", path.display(), std::process::id()));
    assert!(matches!(verify(&path), Err(OpenError::Locked { .. })));
    drop(cell);
    opened(&path).unwrap();
}

#[test]
fn every_file_is_readable_by_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut cell = Cell::open(&path, lazy());
    cell.write(&[put("a", "1")]);
    for file in files(&path) {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

/// Writes the table `meta` anew, with another format and a checksum that holds.
fn set_format(path: &Path, format: u32) {
    let sqlite = rusqlite::Connection::open(path).unwrap();
    let mut body: Vec<u8> = sqlite.query_row("SELECT body FROM meta", [], |row| row.get(0)).unwrap();
    let end = body.len() - 4;
    body[..4].copy_from_slice(&format.to_le_bytes());
    let crc = crc32fast::hash(&body[..end]).to_le_bytes();
    body[end..].copy_from_slice(&crc);
    sqlite.execute("UPDATE meta SET body = ?1", [body]).unwrap();
}

#[test]
fn data_of_a_newer_format_is_refused_with_both_formats_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    Cell::open(&path, lazy()).store.close().unwrap();
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    // Nothing is known of what a newer build keeps behind the format.
    sqlite.execute("UPDATE meta SET body = x'03000000ffff'", []).unwrap();
    sqlite.execute("CREATE TABLE more(x)", []).unwrap();
    drop(sqlite);
    let before = image(&path);
    let error = opened(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 3, .. }));
    let text = error.to_string();
    assert!(text.contains("has data format 3, this build reads 1 to 2: run the newer build that wrote it"), "{text}");
    assert_eq!(image(&path)[0], before[0], "it is not touched");
}

#[test]
fn data_of_the_first_format_is_migrated_it_loses_its_history_and_no_document() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut cell = Cell::open(&path, lazy());
    for n in 0..50 {
        cell.write(&[put(&format!("k{}", n % 7), &format!("v{n}"))]);
    }
    cell.store.close().unwrap();
    let expected = opened(&path).unwrap();
    assert_eq!(expected.tail.len(), 50);
    set_format(&path, 1);
    let mut cell = Cell::open(&path, lazy());
    let now = &cell.recovered;
    assert_eq!((now.revision, now.head, &now.docs), (expected.revision, expected.head, &expected.docs));
    assert_eq!((now.tail.len(), now.before_tail.len()), (0, 0), "what a document was before is not known of that log");
    cell.write(&[put("k0", "new")]);
    cell.store.close().unwrap();
    let again = opened(&path).unwrap();
    assert_eq!((again.revision, again.docs.len(), again.tail.len()), (expected.revision + 1, 7, 1), "once");
    assert_eq!(verify(&path).unwrap().log_after, expected.revision);
}

#[test]
fn a_missing_or_foreign_file_is_told_from_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    assert!(matches!(verify(&path), Err(OpenError::Io { .. })));
    let mut cell = Cell::open(&path, lazy());
    cell.write(&[put("a", "1")]);
    cell.store.close().unwrap();
    for content in [&b""[..], b"not a database", &[0; 65536]] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(opened(&path), Err(OpenError::Corrupt(_))));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(opened(&path), Err(OpenError::Corrupt(_))), "the head remembers acknowledged writes");
}

#[test]
fn an_edited_history_or_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut cell = Cell::open(&path, lazy());
    for i in 1..5 {
        cell.write(&[put(&format!("pods/{i}"), "value")]);
    }
    cell.store.close().unwrap();
    let good = image(&path);
    let edits = [
        ("UPDATE log SET origin = x'00' WHERE last = 2", "table log, revision 2: hash"),
        ("UPDATE log SET time_millis = 0 WHERE last = 3", "table log, revision 3: hash"),
        ("UPDATE log SET hash = zeroblob(32) WHERE last = 3", "table log, revision 3: hash"),
        ("DELETE FROM log WHERE last = 1", "table log, revision 2: hash"),
        ("DELETE FROM log WHERE last = 2", "table log, revision 3: hash"),
        ("DELETE FROM log WHERE last = 4", "table log, revision 4: applied, but the log ends at 3"),
        ("UPDATE log SET last = 9 WHERE last = 4", "table log, revision 9: hash"),
        ("DELETE FROM document WHERE key = x'706f64732f31'", "table document: 3 documents are not the 4"),
        ("UPDATE document SET revision = 7 WHERE revision = 2", "revision 7, key \"pods/2\": checksum differs"),
        ("UPDATE meta SET body = zeroblob(72)", "table meta: checksum differs"),
        ("DELETE FROM meta", "table meta"),
        ("CREATE INDEX more ON log(origin)", "schema"),
    ];
    for (edit, named) in edits {
        restore(&path, &good);
        let sqlite = rusqlite::Connection::open(&path).unwrap();
        sqlite.execute(edit, []).unwrap();
        drop(sqlite);
        let error = verify(&path).unwrap_err().to_string();
        assert!(error.contains(named), "{edit}: {error}");
    }
}

#[test]
fn damage_that_would_strike_later_or_hide_the_write_ahead_log_is_found_at_open() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("cell.db"), dir.path().join("copy.db"));
    let crashed = busy_image(&path, &mut Random(14));
    // The header says that there is no write-ahead log, and nothing says what was acknowledged.
    let mut hidden = crashed.clone();
    hidden[0].as_mut().unwrap()[18..20].copy_from_slice(&[1, 1]);
    hidden[2] = None;
    restore(&copy, &hidden);
    assert!(opened(&copy).unwrap_err().to_string().contains("header: it is not that of a cell"));
    // A free page listed twice would be given out twice.
    Cell::open(&path, Options { keep_log_bytes: 0, ..lazy() }).store.close().unwrap();
    let mut closed = image(&path);
    let data = closed[0].as_mut().unwrap();
    let trunk = (u32::from_be_bytes(data[32..36].try_into().unwrap()) as usize - 1) * 8192;
    assert!(data[trunk + 7] >= 2, "the log was truncated, so pages are free");
    data.copy_within(trunk + 8..trunk + 12, trunk + 12);
    restore(&copy, &closed);
    let error = opened(&copy).unwrap_err().to_string();
    assert!(error.contains("pages: "), "{error}");
}
