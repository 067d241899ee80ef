//! The promises under power loss, kill, errors and full disks, on the simulated disk: many short lives of one log, each
//! ended at a random call, then an account of every record. A seed that fails is named in one line that repeats it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::flush::{Action, Event, Flush};
use crate::sim::{Dice, End, SimDisk};
use crate::{Disk, Epoch, Log, LogConfig, LogStats, Mode, Syncer};

const DIR: &str = "/wal/e";
/// About eight seconds; `ATALAYA_LOG_SEEDS` asks for more.
const SEEDS: u64 = 10_000;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 4096,
        pending_bytes: 64 * 1024,
        disk_budget_bytes: 64 * 1024,
        ..LogConfig::new("lab", "n1")
    }
}

/// What Delta would hold: a version for each application id, and the rows. It never loses what it took.
#[derive(Default)]
struct Table {
    versions: BTreeMap<String, u64>,
    rows: Vec<(Epoch, u64, u64)>,
}

/// One run: the disk, the table, and what was promised.
struct World {
    dice: Dice,
    disk: SimDisk,
    table: Table,
    next_id: u64,
    sent: BTreeSet<u64>,
    /// Acknowledged records that must be in the table in the end.
    promised: BTreeSet<u64>,
    /// Acknowledged records that a killed process has left with the kernel; safe once a start has synced them.
    with_kernel: BTreeSet<u64>,
    power_was_lost: bool,
    /// Damage that only lost power or failing writes may bring.
    damage_seen: bool,
    faults: bool,
}

#[derive(Clone, Copy)]
struct Acked {
    id: u64,
    seq: u64,
    mode: Mode,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            disk: SimDisk::new(seed ^ 0x5eed),
            table: Table::default(),
            next_id: 1,
            sent: BTreeSet::new(),
            promised: BTreeSet::new(),
            with_kernel: BTreeSet::new(),
            power_was_lost: false,
            damage_seen: false,
            faults: false,
        }
    }

    fn open(&mut self) -> Option<Log> {
        let mut epoch = [0; 16];
        epoch[..8].copy_from_slice(&self.dice.roll().to_le_bytes());
        let disk: Arc<dyn Disk> = Arc::new(self.disk.process());
        let log = Log::open_on(disk, Path::new(DIR), config(), epoch, Syncer::Caller).ok()?;
        let LogStats {
            damage, failed_writes, ..
        } = log.stats();
        if failed_writes == 0 {
            self.promised.append(&mut self.with_kernel);
        }
        self.damage_seen |= damage.quarantined.count + damage.missing_rows + damage.truncated.count > 0;
        Some(log)
    }

    /// One life of the process, until its end.
    fn live(&mut self) {
        let calls = 1 + self.dice.below(120);
        self.disk.die_after(calls);
        if self.dice.chance(20) {
            self.faults = true;
            self.disk.fail_percent(1 + self.dice.below(20));
        }
        if self.dice.chance(15) {
            self.faults = true;
            self.disk.set_capacity(Some(4096 * (1 + self.dice.below(8))));
        }
        let mut acked = Vec::new();
        let log = self.open();
        if let Some(log) = &log {
            for _ in 0..150 {
                self.act(log, &mut acked);
                if self.disk.is_dead() {
                    break;
                }
            }
        }
        let end = if self.dice.chance(50) {
            End::Kill
        } else {
            End::PowerLoss
        };
        let durable = log.as_ref().map_or(0, |log| log.stats().durable_seq);
        self.disk.end(end);
        self.power_was_lost |= end == End::PowerLoss;
        if end == End::PowerLoss {
            self.with_kernel.clear();
        }
        for row in acked {
            match row.mode {
                Mode::Process if row.seq > durable && end == End::Kill => self.with_kernel.insert(row.id),
                Mode::Process if row.seq > durable => false,
                Mode::Fsync | Mode::Process => self.promised.insert(row.id),
                Mode::BestEffort => false,
            };
        }
        drop(log);
    }

    fn act(&mut self, log: &Log, acked: &mut Vec<Acked>) {
        match self.dice.below(100) {
            0..60 => self.append(log, acked),
            60..70 => self.append_durable(log, acked),
            70..75 => {
                let payload = self.payload();
                let _nothing_promised = log.append_best_effort(0, &[&payload]);
            }
            75..88 => {
                let _told_by_health = log.sync();
            }
            88..98 => self.flush(log),
            _ => self.disk.set_capacity(None),
        }
    }

    fn payload(&mut self) -> Vec<u8> {
        let id = self.next_id;
        self.next_id += 1;
        self.sent.insert(id);
        let mut payload = id.to_le_bytes().to_vec();
        let most = if self.dice.chance(5) { 3000 } else { 200 };
        payload.resize(8 + self.dice.below(most) as usize, id as u8);
        payload
    }

    fn append(&mut self, log: &Log, acked: &mut Vec<Acked>) {
        let payload = self.payload();
        let id = self.next_id - 1;
        if let Ok(receipt) = log.append(0, &[&payload[..5], &payload[5..]]) {
            acked.push(Acked {
                id,
                seq: receipt.seq,
                mode: receipt.mode,
            });
        }
    }

    fn append_durable(&mut self, log: &Log, acked: &mut Vec<Acked>) {
        let mut commits = Vec::new();
        for _ in 0..1 + self.dice.below(4) {
            let payload = self.payload();
            commits.push((self.next_id - 1, log.append_durable(0, &[&payload])));
        }
        let _told_by_each_commit = log.sync();
        for (id, mut commit) in commits {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let polled = std::future::Future::poll(std::pin::Pin::new(&mut commit), &mut cx);
            if let std::task::Poll::Ready(Ok(receipt)) = polled {
                acked.push(Acked {
                    id,
                    seq: receipt.seq,
                    mode: receipt.mode,
                });
            }
        }
    }

    /// The nine steps, each of which may fail, succeed, or succeed and be reported as failed.
    fn flush(&mut self, log: &Log) {
        let most = 1 + self.dice.below(30) as usize;
        let Ok(Some(batch)) = log.next_flush(4096, most) else {
            return;
        };
        let mut flush = Flush::new(batch.first_seq, batch.last_seq);
        let mut written = None;
        loop {
            let slip = self.dice.chance(10);
            let event = match flush.action() {
                Action::ReadTableVersion if slip => Event::Failed,
                Action::ReadTableVersion => Event::TableVersion(self.table.versions.get(&batch.app_id).copied()),
                Action::WriteData { first_seq, .. } => {
                    written = Some(first_seq);
                    let journaled = log.journal_add(&format!("part-{first_seq}-{}", batch.epoch)).is_ok();
                    if slip || !journaled {
                        Event::Failed
                    } else {
                        Event::DataWritten
                    }
                }
                Action::Commit { .. } if self.dice.chance(15) => Event::CommitUnknown,
                Action::Commit { version } => {
                    let first = written.expect("data was written before the commit");
                    for record in batch.records().filter(|record| record.seq >= first) {
                        self.table.rows.push((batch.epoch, record.seq, id_of(record.payload)));
                    }
                    let before = self.table.versions.insert(batch.app_id.clone(), version);
                    assert!(before < Some(first), "the commit would double rows");
                    if slip { Event::CommitUnknown } else { Event::Committed }
                }
                Action::SyncCommit => {
                    if slip {
                        Event::Failed
                    } else {
                        Event::CommitSynced
                    }
                }
                Action::Note { last_seq } => match log.flushed(batch.epoch, last_seq) {
                    Ok(()) if !slip => Event::Noted,
                    _ => Event::Failed,
                },
                Action::Wait { .. } => Event::Waited,
                Action::Done => {
                    let _kept_for_the_next_start = log.journal_clear(&log.journal_list());
                    return;
                }
                Action::GiveUp => return,
            };
            // The process may stop between any two steps.
            if self.dice.chance(3) {
                return;
            }
            flush.on(event);
        }
    }

    /// Starts once more without faults, flushes everything, and holds the table against what was promised.
    fn account(&mut self) {
        let log = self.open().expect("a disk without faults opens");
        for _ in 0..10_000 {
            if log.stats().unflushed_records == 0 {
                break;
            }
            self.flush(&log);
        }
        assert_eq!(log.stats().unflushed_records, 0, "everything can be flushed");
        let ids: Vec<u64> = self.table.rows.iter().map(|(_, _, id)| *id).collect();
        let distinct: BTreeSet<u64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "no row is there twice");
        assert!(distinct.is_subset(&self.sent), "no row that was never sent");
        let lost: Vec<_> = self.promised.difference(&distinct).collect();
        assert!(lost.is_empty(), "acknowledged rows are missing: {lost:?}");
        let mut last: BTreeMap<Epoch, u64> = BTreeMap::new();
        for (epoch, seq, _) in &self.table.rows {
            assert!(last.insert(*epoch, *seq) < Some(*seq), "rows of an epoch are in order");
        }
        if !self.power_was_lost && !self.faults {
            let damage = log.stats().damage;
            assert_eq!(
                (damage.missing_rows, damage.quarantined.count),
                (0, 0),
                "a kill damages nothing"
            );
        }
        log.close().expect("a disk without faults closes");
    }
}

/// The id in a payload; every byte of it is checked, so that a wrong row cannot pass.
fn id_of(payload: &[u8]) -> u64 {
    let (id, filling) = payload.split_at(8);
    let id = u64::from_le_bytes(id.try_into().expect("eight bytes"));
    assert!(
        filling.iter().all(|byte| *byte == id as u8),
        "the payload is what was sent"
    );
    id
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..1 + world.dice.below(4) {
        world.live();
    }
    world.account();
}

#[test]
fn no_promise_is_broken_on_a_disk_that_fails() {
    if let Ok(seed) = std::env::var("ATALAYA_LOG_SEED") {
        run(seed.parse().expect("a seed is a number"));
        return;
    }
    let seeds = std::env::var("ATALAYA_LOG_SEEDS").map_or(SEEDS, |text| text.parse().expect("a number of seeds"));
    let failed = (0..seeds).find(|seed| std::panic::catch_unwind(|| run(*seed)).is_err());
    assert_eq!(
        failed,
        None,
        "repeat with: ATALAYA_LOG_SEED={} cargo test -p atalaya-log no_promise",
        failed.unwrap_or(0)
    );
}

#[test]
fn the_simulation_reaches_what_it_claims_to_test() {
    let (mut flushed, mut damaged, mut promised) = (0, 0, 0);
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.live();
        }
        flushed += world.table.rows.len();
        promised += world.promised.len();
        world.account();
        damaged += u64::from(world.damage_seen);
    }
    assert!(flushed > 500, "{flushed} rows flushed during the lives");
    assert!(promised > 2_000, "{promised} rows promised");
    assert!(damaged > 20, "{damaged} runs saw damage");
}
