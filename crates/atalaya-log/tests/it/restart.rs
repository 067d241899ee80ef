//! Closing, reopening, copying, and what the flush leaves behind.

use std::fs;

use atalaya_log::{AppendError, Epoch, Log, LogConfig, LogError};

use crate::{Table, append, copy_dir, flush_all, open, segments, small, texts};

#[test]
fn rows_survive_restarts_under_their_own_epoch_and_numbers_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut sent = Vec::new();
    let mut last = 0;
    for life in 1..=4 {
        let log = open(dir.path(), small(), life);
        for row in 0..100 {
            let text = format!("life {life} row {row}");
            let seq = append(&log, &text);
            assert!(seq > last, "numbers rise over restarts");
            last = seq;
            sent.push(text);
        }
    }
    let log = open(dir.path(), small(), 5);
    let mut table = Table::new();
    flush_all(&log, &mut table);
    assert_eq!(table.len(), 4, "one application id for each epoch");
    assert_eq!(texts(&table), sent);
    assert_eq!(
        segments(dir.path()).len(),
        1,
        "flushed segments are gone, the active one is there"
    );
    assert_eq!(log.stats().unflushed_records, 0);
}

#[test]
fn flushed_rows_stay_flushed_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), small(), 1);
    for row in 0..50 {
        append(&log, &format!("row {row}"));
    }
    log.flushed(Epoch([1; 16]), 20).expect("noted");
    drop(log);
    let log = open(dir.path(), small(), 2);
    let batch = log
        .next_flush(1 << 20, 1000)
        .expect("readable")
        .expect("thirty records");
    assert_eq!((batch.epoch, batch.first_seq, batch.last_seq), (Epoch([1; 16]), 21, 50));
    log.flushed(batch.epoch, 50).expect("noted");
    log.flushed(batch.epoch, 50).expect("noting twice does no harm");
    assert!(matches!(
        log.flushed(Epoch([2; 16]), 900),
        Err(LogError::FlushedAhead { last_seq: 900, .. })
    ));
    drop(log);
    let log = open(dir.path(), small(), 3);
    assert_eq!(
        append(&log, "after everything was deleted"),
        51,
        "numbers are not used again"
    );
}

#[test]
fn a_lost_or_damaged_note_offers_rows_again_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), small(), 1);
    let mut table = Table::new();
    for row in 0..5 {
        append(&log, &format!("row {row}"));
    }
    flush_all(&log, &mut table);
    drop(log);
    fs::write(dir.path().join("flushed"), "nonsense").expect("writable");
    let log = open(dir.path(), small(), 2);
    assert_eq!(log.stats().damage.unreadable_notes, 1);
    flush_all(&log, &mut table);
    assert_eq!(texts(&table).len(), 5, "the table knows what it has");
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = open(dir.path(), small(), 1);
    let refused = Log::open(dir.path(), small(), [2; 16]).expect_err("in use");
    assert!(matches!(refused, LogError::Locked { .. }));
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    first.close().expect("closed");
    assert_eq!(first.append(1, &[b"late"]), Err(AppendError::Closed));
    assert!(matches!(first.next_flush(1, 1), Err(LogError::Closed)));
    open(dir.path(), small(), 2);
}

#[test]
fn a_copied_directory_neither_loses_nor_doubles_rows() {
    let dirs = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let log = open(dirs.0.path(), small(), 1);
    for row in 0..40 {
        append(&log, &format!("old {row}"));
    }
    drop(log);
    copy_dir(dirs.0.path(), dirs.1.path());
    let mut table = Table::new();
    for (dir, epoch) in [(dirs.0.path(), 2), (dirs.1.path(), 3)] {
        let log = open(dir, small(), epoch);
        for row in 0..40 {
            append(&log, &format!("new {epoch} {row}"));
        }
        flush_all(&log, &mut table);
    }
    let mut rows = texts(&table);
    assert_eq!(rows.len(), 120, "40 old ones once, 40 new ones of each");
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 120);
}

#[test]
fn the_flush_journal_survives_and_is_bounded_in_what_it_takes() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), small(), 1);
    log.journal_add("part-1.parquet").expect("recorded");
    log.journal_add("part-2.parquet").expect("recorded");
    assert!(matches!(log.journal_add("two\nlines"), Err(LogError::JournalName)));
    drop(log);
    let log = open(dir.path(), small(), 2);
    assert_eq!(log.journal_list(), ["part-1.parquet", "part-2.parquet"]);
    log.journal_clear(&["part-1.parquet".to_owned()]).expect("cleared");
    drop(log);
    assert_eq!(open(dir.path(), small(), 3).journal_list(), ["part-2.parquet"]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(
        dir.path(),
        LogConfig {
            best_effort_bytes: 100,
            sync_every: std::time::Duration::from_secs(3600),
            ..small()
        },
        1,
    );
    let limit = 4096 - 512 - 18;
    assert_eq!(
        log.append(1, &[&vec![1; limit + 1]]),
        Err(AppendError::TooLarge { limit })
    );
    log.append(1, &[&vec![1; limit]]).expect("the largest record fits");
    assert_eq!(
        log.append_durable(1, &[&vec![1; limit + 1]]).wait(),
        Err(AppendError::TooLarge { limit })
    );
    let dropped = (0..10)
        .filter(|_| log.append_best_effort(1, &[b"thirty bytes of payload......"]).is_err())
        .count();
    assert!(dropped > 0, "the buffer holds 100 bytes");
    assert_eq!(log.stats().best_effort_dropped, dropped as u64);
    assert_eq!(log.stats().refused, 2);
    assert!(matches!(
        Log::open(
            dir.path(),
            LogConfig {
                segment_bytes: 10,
                ..small()
            },
            [1; 16]
        ),
        Err(LogError::Config {
            field: "segment_bytes",
            ..
        })
    ));
}
