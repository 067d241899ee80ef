//! Every flipped bit, every cut, spliced and doubled segments: each ends in all rows back, in a tail that is cut and
//! counted, or in a damaged range that is quarantined and counted. Never in a wrong row.

use std::fs;
use std::path::Path;

use atalaya_log::recovery::scan;
use atalaya_log::segment::SegmentHeader;
use atalaya_log::{Damage, LogConfig};

use crate::{Table, append, copy_dir, flush_all, open, segments, small, texts};

/// A log of one segment of 64 KiB with rows of growing size, closed; returns the rows.
fn one_segment(dir: &Path) -> Vec<String> {
    let log = open(
        dir,
        LogConfig {
            segment_bytes: 64 * 1024,
            ..small()
        },
        1,
    );
    let rows: Vec<String> = (0..130)
        .map(|row| format!("row {row} {}", "x".repeat(row * 7)))
        .collect();
    for row in &rows {
        append(&log, row);
    }
    log.close().expect("closed");
    rows
}

fn rows_of(bytes: &[u8], header: &SegmentHeader) -> (Vec<u64>, bool, bool) {
    let found = scan(header, bytes);
    let seqs = found.runs.iter().flat_map(|run| run.first..=run.last).collect();
    (seqs, !found.damaged.is_empty(), found.torn.is_some())
}

/// A log of 64 KiB in segments of 4 KiB, each with its header: small, because every bit is tried on a whole segment.
fn many_segments(dir: &Path) -> Vec<(SegmentHeader, Vec<u8>)> {
    let log = open(dir, small(), 1);
    for row in 0..260 {
        append(&log, &format!("row {row} {}", "x".repeat(row * 3 % 400)));
    }
    log.close().expect("closed");
    let read = |path| {
        let bytes = fs::read(path).expect("readable");
        (SegmentHeader::decode(&bytes).expect("whole"), bytes)
    };
    let found: Vec<_> = segments(dir).into_iter().map(read).collect();
    let bytes: usize = found.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes > 64 * 1024, "{bytes} bytes");
    found
}

#[test]
fn every_flipped_bit_of_a_log_costs_one_row_at_most_and_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    for (header, mut bytes) in many_segments(dir.path()) {
        let (whole, _, _) = rows_of(&bytes, &header);
        for bit in 512 * 8..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (seqs, damaged, torn) = rows_of(&bytes, &header);
            assert_eq!(seqs.len(), whole.len() - 1, "bit {bit}");
            assert!(seqs.iter().all(|seq| whole.contains(seq)), "bit {bit}");
            assert!(damaged != torn, "bit {bit} is noticed once");
            assert_eq!(
                torn,
                seqs.last() != whole.last(),
                "bit {bit}: only damage in the last row is a torn tail"
            );
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for bit in 0..512 * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit} of the header");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_segment_cut_at_any_length_keeps_the_rows_before_the_cut() {
    let dir = tempfile::tempdir().expect("a directory");
    for (header, bytes) in many_segments(dir.path()) {
        let mut rows = 0;
        for len in 512..=bytes.len() {
            let (seqs, damaged, torn) = rows_of(&bytes[..len], &header);
            assert!(seqs.len() == rows || seqs.len() == rows + 1, "length {len}");
            rows = seqs.len();
            assert!(!damaged, "length {len}");
            // A cut right behind a row leaves nothing torn, and neither does one that leaves only zeros of a header.
            let end = scan(&header, &bytes[..len]).end as usize;
            assert_eq!(torn, bytes[end..len].iter().any(|byte| *byte != 0), "length {len}");
        }
        assert_eq!(rows, rows_of(&bytes, &header).0.len());
    }
}

/// Opens a damaged copy of the log in `dir` and says what recovery found and which rows came back.
fn reopened(dir: &Path, damage: impl FnOnce(&Path)) -> (Damage, Vec<String>) {
    let copy = tempfile::tempdir().expect("a directory");
    copy_dir(dir, copy.path());
    damage(copy.path());
    let log = open(
        copy.path(),
        LogConfig {
            segment_bytes: 64 * 1024,
            ..small()
        },
        9,
    );
    let mut table = Table::new();
    flush_all(&log, &mut table);
    let found = log.stats().damage;
    let kept = fs::read_dir(copy.path().join("quarantine")).map_or(0, Iterator::count);
    assert_eq!(
        kept as u64, found.quarantined.count,
        "what is counted as quarantined is there"
    );
    (found, texts(&table))
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("writable");
}

#[test]
fn a_log_with_damage_opens_tells_and_returns_the_rest() {
    let dir = tempfile::tempdir().expect("a directory");
    let rows = one_segment(dir.path());
    let (found, back) = reopened(dir.path(), |_| {});
    assert_eq!((found, back), (Damage::default(), rows.clone()));

    let (found, back) = reopened(dir.path(), |copy| flip(&segments(copy)[0], 5_000));
    assert_eq!(
        (found.quarantined.count, found.truncated.count, found.missing_rows),
        (1, 0, 1)
    );
    assert_eq!(back.len(), rows.len() - 1);

    let (found, back) = reopened(dir.path(), |copy| {
        let bytes = fs::read(&segments(copy)[0]).expect("readable");
        fs::write(&segments(copy)[0], &bytes[..bytes.len() - 3]).expect("writable");
    });
    assert_eq!(
        (found.quarantined.count, found.truncated.count, found.missing_rows),
        (0, 1, 0)
    );
    assert_eq!(back, rows[..rows.len() - 1]);

    let (found, back) = reopened(dir.path(), |copy| flip(&segments(copy)[0], 40));
    assert_eq!((found.quarantined.count, found.truncated.count), (1, 0));
    assert_eq!(back, Vec::<String>::new(), "without a header no row can be trusted");
}

#[test]
fn doubled_spliced_and_foreign_segments_bring_no_row_twice_and_no_foreign_row() {
    let dir = tempfile::tempdir().expect("a directory");
    let rows = one_segment(dir.path());
    let (found, back) = reopened(dir.path(), |copy| {
        let from = segments(copy)[0].clone();
        fs::copy(&from, copy.join("00000000000000000001-1.seg")).expect("copied");
        fs::copy(&from, copy.join("00000000000000000050-0.seg")).expect("copied");
    });
    assert_eq!((found.duplicate_rows, found.missing_rows), (2 * rows.len() as u64, 0));
    assert_eq!(back, rows);

    let other = tempfile::tempdir().expect("a directory");
    let log = open(
        other.path(),
        LogConfig {
            segment_bytes: 64 * 1024,
            ..small()
        },
        2,
    );
    for row in &rows {
        append(&log, &row.to_uppercase());
    }
    log.close().expect("closed");
    let (found, back) = reopened(dir.path(), |copy| {
        // Blocks of an older life of the file, as a file system that lost its place would show them.
        let mut mine = fs::read(&segments(copy)[0]).expect("readable");
        let old = fs::read(&segments(other.path())[0]).expect("readable");
        mine[8192..16384].copy_from_slice(&old[8192..16384]);
        fs::write(&segments(copy)[0], mine).expect("writable");
    });
    assert_eq!(found.quarantined.count, 1);
    assert_eq!(back.len() as u64 + found.missing_rows, rows.len() as u64);
    assert!(back.iter().all(|row| rows.contains(row)), "no row of the other life");

    let foreign = tempfile::tempdir().expect("a directory");
    let log = open(
        foreign.path(),
        LogConfig {
            segment_bytes: 64 * 1024,
            ..LogConfig::new("other", "n1")
        },
        3,
    );
    append(&log, "row of another table");
    log.close().expect("closed");
    let (found, back) = reopened(dir.path(), |copy| {
        fs::copy(&segments(foreign.path())[0], copy.join("00000000000000009000-0.seg")).expect("copied");
    });
    assert_eq!(found.quarantined.count, 1);
    assert_eq!(back, rows);
}

#[test]
fn damage_that_appears_after_the_start_is_found_by_the_flush() {
    let dir = tempfile::tempdir().expect("a directory");
    let rows = one_segment(dir.path());
    let log = open(
        dir.path(),
        LogConfig {
            segment_bytes: 64 * 1024,
            ..small()
        },
        2,
    );
    flip(&segments(dir.path())[0], 30_000);
    let mut table = Table::new();
    flush_all(&log, &mut table);
    let back = texts(&table);
    assert_eq!(back.len(), rows.len() - 1);
    assert!(back.iter().all(|row| rows.contains(row)));
    assert_eq!(
        (log.stats().damage.quarantined.count, log.stats().damage.missing_rows),
        (1, 1)
    );
}
