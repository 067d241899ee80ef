//! The log on real files: damage of every kind, restarts, copies, many threads, a full disk.

mod concurrency;
mod damage;
mod disk_full;
mod frames;
mod restart;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use atalaya_log::{Epoch, Log, LogConfig};

/// A small log: segments of 4 KiB, so that a test sees many.
pub(crate) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 4096,
        disk_budget_bytes: 16 * 1024 * 1024,
        ..LogConfig::new("lab", "n1")
    }
}

pub(crate) fn open(dir: &Path, config: LogConfig, epoch: u8) -> Log {
    Log::open(dir, config, [epoch; 16]).expect("the log opens")
}

pub(crate) fn append(log: &Log, text: &str) -> u64 {
    log.append(1, &[text.as_bytes()]).expect("the record is accepted").seq
}

/// Rows that a table would hold, by application id.
pub(crate) type Table = BTreeMap<String, Vec<(u64, Vec<u8>)>>;

/// Flushes everything the way a flusher does: what the table has already is skipped.
pub(crate) fn flush_all(log: &Log, table: &mut Table) {
    flush_in_batches(log, table, 7);
}

/// The same, in batches of at most `records`; each batch costs two syncs.
pub(crate) fn flush_in_batches(log: &Log, table: &mut Table, records: usize) {
    while let Some(batch) = log.next_flush(200 * records, records).expect("the log can be read") {
        let rows = table.entry(batch.app_id.clone()).or_default();
        let have = rows.last().map_or(0, |(seq, _)| *seq);
        rows.extend(
            batch
                .records()
                .filter(|r| r.seq > have)
                .map(|r| (r.seq, r.payload.to_vec())),
        );
        log.flushed(batch.epoch, batch.last_seq).expect("the flush is noted");
    }
}

pub(crate) fn texts(table: &Table) -> Vec<String> {
    let rows = table.values().flatten();
    rows.map(|(_, payload)| String::from_utf8(payload.clone()).expect("text was written"))
        .collect()
}

pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .expect("the directory is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    found.sort();
    found
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the directory is there") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().expect("a file has a name"))).expect("a file can be copied");
        }
    }
}

#[test]
fn a_record_comes_back_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), small(), 1);
    let receipt = log.append(7, &[b"head", b"", b"body"]).expect("accepted");
    assert_eq!(receipt.to_string(), "process;seq=1");
    assert_eq!(
        log.append_durable(8, &[b"second"]).wait().expect("durable").to_string(),
        "fsync;seq=2"
    );
    assert_eq!(
        log.append_best_effort(9, &[b"third"]).expect("accepted").to_string(),
        "best_effort"
    );
    log.sync().expect("synced");
    let batch = log.next_flush(1 << 20, 100).expect("readable").expect("three records");
    let records: Vec<_> = batch.records().map(|r| (r.seq, r.kind, r.payload.to_vec())).collect();
    assert_eq!(
        records,
        [
            (1, 7, b"headbody".to_vec()),
            (2, 8, b"second".to_vec()),
            (3, 9, b"third".to_vec())
        ]
    );
    assert_eq!(batch.app_id, format!("atalaya/lab/n1/{}", Epoch([1; 16])));
    assert_eq!((batch.first_seq, batch.last_seq, batch.len()), (1, 3, 3));
    assert_eq!(
        log.next_flush(1 << 20, 100).expect("readable"),
        Some(batch),
        "until it is noted, it is offered again"
    );
}

#[test]
fn a_log_is_shared_and_its_promises_travel() {
    fn shared<T: Send + Sync>() {}
    fn travels<T: Send + std::future::Future>() {}
    shared::<Log>();
    travels::<atalaya_log::Commit>();
}
