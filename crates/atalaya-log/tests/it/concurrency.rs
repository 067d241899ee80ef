//! Many threads on one log: every number once, every record back.

use std::collections::BTreeSet;
use std::thread;

use atalaya_log::{Log, LogConfig};

use crate::{Table, flush_in_batches, open, small, texts};

const THREADS: u64 = 16;
const APPENDS: u64 = 2_000;
const BATCH: usize = 500;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 256 * 1024,
        ..small()
    }
}

/// Runs `append` on all threads; returns the numbers it gave.
fn run(log: &Log, append: impl Fn(&Log, &str) -> u64 + Sync) -> BTreeSet<u64> {
    let append = &append;
    thread::scope(|scope| {
        let work = |worker: u64| {
            move || {
                let mut seqs: Vec<u64> = Vec::new();
                for row in 0..APPENDS {
                    let seq = append(log, &format!("worker {worker} row {row}"));
                    assert!(seqs.last() < Some(&seq), "numbers rise for each caller");
                    seqs.push(seq);
                }
                seqs
            }
        };
        let workers: Vec<_> = (0..THREADS).map(|worker| scope.spawn(work(worker))).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no panic"))
            .collect()
    })
}

fn check(log: &Log, seqs: &BTreeSet<u64>) {
    assert_eq!(seqs.len() as u64, THREADS * APPENDS, "every number once");
    let mut table = Table::new();
    flush_in_batches(log, &mut table, BATCH);
    let rows: BTreeSet<String> = texts(&table).into_iter().collect();
    assert_eq!(rows.len() as u64, THREADS * APPENDS, "every record back");
}

#[test]
fn process_appends_of_many_threads_all_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), config(), 1);
    let seqs = run(&log, |log, text| {
        log.append(1, &[text.as_bytes()]).expect("accepted").seq
    });
    check(&log, &seqs);
}

#[test]
fn durable_and_other_appends_of_many_threads_all_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), config(), 1);
    let seqs = run(&log, |log, text| {
        // A few wait for the device, most do not; all share the queue.
        if text.ends_with("77") {
            let receipt = log.append_durable(1, &[text.as_bytes()]).wait().expect("durable");
            assert!(log.stats().durable_seq >= receipt.seq);
            return receipt.seq;
        }
        log.append(1, &[text.as_bytes()]).expect("accepted").seq
    });
    check(&log, &seqs);
}

#[test]
fn a_flush_beside_appends_takes_every_record_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), config(), 1);
    let mut table = Table::new();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for row in 0..5_000 {
                log.append(1, &[format!("row {row}").as_bytes()]).expect("accepted");
            }
        });
        while !writer.is_finished() {
            flush_in_batches(&log, &mut table, BATCH);
        }
    });
    flush_in_batches(&log, &mut table, BATCH);
    let rows = texts(&table);
    assert_eq!(rows.len(), 5_000);
    assert!(
        rows.iter().enumerate().all(|(at, row)| *row == format!("row {at}")),
        "in order"
    );
}

#[test]
fn accepted_records_are_written_by_whoever_settles_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), config(), 1);
    let tickets: Vec<_> = (0..10)
        .map(|row| log.accept(1, &[format!("row {row}").as_bytes()]).expect("accepted"))
        .collect();
    assert_eq!(log.stats().written_seq, 0, "nothing is written before somebody settles");
    let mut numbers: Vec<u64> = Vec::new();
    for ticket in tickets.into_iter().rev() {
        numbers.push(ticket.settle().expect("written").seq);
        assert_eq!(log.stats().written_seq, 10, "the first one writes them all");
    }
    assert_eq!(numbers, (1..=10).rev().collect::<Vec<_>>());
}

#[test]
fn a_dropped_ticket_is_written_all_the_same_and_does_not_hold_others_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), config(), 1);
    drop(log.accept(1, &[b"dropped"]).expect("accepted"));
    let kept = log.accept(1, &[b"kept"]).expect("accepted");
    // Another caller's record, and a sync, go past a ticket that nobody settles yet.
    log.append(1, &[b"beside"]).expect("accepted");
    log.sync().expect("synced");
    assert_eq!(log.stats().durable_seq, 3);
    assert_eq!(kept.settle().expect("written").seq, 2);
    let mut table = Table::new();
    flush_in_batches(&log, &mut table, BATCH);
    assert_eq!(texts(&table), ["dropped", "kept", "beside"]);
}

#[test]
fn tickets_and_appends_of_many_threads_all_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = open(dir.path(), config(), 1);
    let seqs = run(&log, |log, text| {
        if text.ends_with('3') {
            return log.append(1, &[text.as_bytes()]).expect("accepted").seq;
        }
        let ticket = log.accept(1, &[text.as_bytes()]).expect("accepted");
        if text.ends_with('5') {
            thread::yield_now();
        }
        ticket.settle().expect("written").seq
    });
    check(&log, &seqs);
}
