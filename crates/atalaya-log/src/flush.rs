//! The flush to a table, exactly once, as a machine without I/O: it says what to do next, and is told how that went.
//! It decides when a flush is due, and what to do when a commit landed, was there already, failed or nobody knows.

use std::time::Duration;

use crate::stats::LogStats;

/// When to flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushPolicy {
    /// This many unflushed bytes are enough for a commit; default 128 MiB.
    pub bytes: u64,
    /// A record waits at most this long; default 60 s.
    pub every: Duration,
}

impl Default for FlushPolicy {
    fn default() -> Self {
        Self {
            bytes: 128 * 1024 * 1024,
            every: Duration::from_secs(60),
        }
    }
}

/// Above this part of the disk budget a log is flushed at once.
const EAGER_DISK_PERCENT: u64 = 50;

impl FlushPolicy {
    /// Whether to flush now. `since_last` is the time since the last flush ended, by a monotonic clock; `stopping` when
    /// the process is about to end.
    pub fn is_due(&self, stats: &LogStats, since_last: Duration, stopping: bool) -> bool {
        let full = stats.disk_bytes.saturating_mul(100) > stats.disk_budget_bytes.saturating_mul(EAGER_DISK_PERCENT);
        stats.unflushed_records > 0
            && (stopping || full || stats.unflushed_bytes >= self.bytes || since_last >= self.every)
    }
}

/// Tries of one commit before the flush gives up until it is due again.
pub const MAX_TRIES: u32 = 8;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read the table's transaction version for the batch's application id; answer `Event::TableVersion`.
    ReadTableVersion,
    /// Record a fresh name in the flush journal, write the records `first_seq..=last_seq` under it, sync the file and its
    /// directory; answer `Event::DataWritten`.
    WriteData {
        /// The first record to write; those before it are in the table.
        first_seq: u64,
        /// The last.
        last_seq: u64,
    },
    /// Commit the file together with the transaction version; answer `Event::Committed` or `Event::CommitUnknown`.
    Commit {
        /// The version to set for the application id.
        version: u64,
    },
    /// Sync the commit file and its directory; answer `Event::CommitSynced`.
    SyncCommit,
    /// `Log::flushed` up to this record, then clear the journal of committed names; answer `Event::Noted`.
    Note {
        /// The last record in the table.
        last_seq: u64,
    },
    /// Reload the table and wait a little, longer with each try and with jitter; answer `Event::Waited`.
    Wait {
        /// 1 for the first time.
        tries: u32,
    },
    /// The batch is in the table and noted. Data files in the journal that no snapshot references may go.
    Done,
    /// Not now: the records stay in the log and are flushed the next time.
    GiveUp,
}

/// How an action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// What the table has of the application id.
    TableVersion(Option<u64>),
    /// The data file is on the device.
    DataWritten,
    /// The commit landed.
    Committed,
    /// The commit failed, met another, or its outcome is not known. All are the same: only the table can tell.
    CommitUnknown,
    /// The commit is on the device.
    CommitSynced,
    /// The note is on the device.
    Noted,
    /// The wait is over.
    Waited,
    /// Any other action failed.
    Failed,
}

/// One batch on its way into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flush {
    first_seq: u64,
    last_seq: u64,
    /// First record of the data file that is written and not committed.
    written_from: Option<u64>,
    tries: u32,
    doing: Action,
}

impl Flush {
    /// A flush of the records `first_seq..=last_seq` of one epoch. Its first action is to ask the table what it has.
    pub fn new(first_seq: u64, last_seq: u64) -> Self {
        Self {
            first_seq,
            last_seq,
            written_from: None,
            tries: 0,
            doing: Action::ReadTableVersion,
        }
    }

    /// What to do now.
    pub fn action(&self) -> Action {
        self.doing
    }

    /// How it went; returns what to do next. An event that does not answer the action counts as a failure of it.
    pub fn on(&mut self, event: Event) -> Action {
        self.doing = match (self.doing, event) {
            (Action::ReadTableVersion, Event::TableVersion(version)) => self.compare(version),
            (Action::WriteData { first_seq, .. }, Event::DataWritten) => {
                self.written_from = Some(first_seq);
                Action::Commit { version: self.last_seq }
            }
            (Action::Commit { .. }, Event::Committed) => Action::SyncCommit,
            (Action::SyncCommit, Event::CommitSynced) => Action::Note {
                last_seq: self.last_seq,
            },
            (Action::Note { .. }, Event::Noted) => Action::Done,
            (Action::Wait { .. }, Event::Waited) => Action::ReadTableVersion,
            (done @ (Action::Done | Action::GiveUp), _) => done,
            _ => self.try_again(),
        };
        self.doing
    }

    fn compare(&mut self, version: Option<u64>) -> Action {
        let there = version.unwrap_or(0);
        if there >= self.last_seq {
            // It landed, perhaps just now and perhaps not synced by whoever wrote it.
            return Action::SyncCommit;
        }
        self.first_seq = self.first_seq.max(there.saturating_add(1));
        if self.written_from == Some(self.first_seq) {
            return Action::Commit { version: self.last_seq };
        }
        Action::WriteData {
            first_seq: self.first_seq,
            last_seq: self.last_seq,
        }
    }

    fn try_again(&mut self) -> Action {
        self.tries += 1;
        if self.tries >= MAX_TRIES {
            Action::GiveUp
        } else {
            Action::Wait { tries: self.tries }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(flush: &mut Flush, events: &[Event]) -> Action {
        events.iter().fold(flush.action(), |_, event| flush.on(*event))
    }

    #[test]
    fn a_batch_goes_through_all_steps_once() {
        let mut flush = Flush::new(1, 9);
        assert_eq!(
            flush.on(Event::TableVersion(None)),
            Action::WriteData {
                first_seq: 1,
                last_seq: 9
            }
        );
        assert_eq!(flush.on(Event::DataWritten), Action::Commit { version: 9 });
        assert_eq!(flush.on(Event::Committed), Action::SyncCommit);
        assert_eq!(flush.on(Event::CommitSynced), Action::Note { last_seq: 9 });
        assert_eq!(flush.on(Event::Noted), Action::Done);
        assert_eq!(flush.on(Event::Failed), Action::Done);
    }

    #[test]
    fn an_unknown_outcome_is_never_assumed_but_asked_of_the_table() {
        let mut flush = Flush::new(1, 9);
        let unknown = [
            Event::TableVersion(None),
            Event::DataWritten,
            Event::CommitUnknown,
            Event::Waited,
        ];
        assert_eq!(play(&mut flush, &unknown), Action::ReadTableVersion);
        let mut landed = flush.clone();
        assert_eq!(landed.on(Event::TableVersion(Some(9))), Action::SyncCommit);
        assert_eq!(
            flush.on(Event::TableVersion(None)),
            Action::Commit { version: 9 },
            "the written file is used again"
        );
    }

    #[test]
    fn records_the_table_has_are_left_out() {
        let mut flush = Flush::new(1, 9);
        assert_eq!(
            flush.on(Event::TableVersion(Some(4))),
            Action::WriteData {
                first_seq: 5,
                last_seq: 9
            }
        );
        let mut whole = Flush::new(1, 9);
        assert_eq!(
            play(&mut whole, &[Event::TableVersion(Some(12)), Event::CommitSynced]),
            Action::Note { last_seq: 9 }
        );
    }

    #[test]
    fn it_gives_up_after_its_tries() {
        let mut flush = Flush::new(1, 9);
        let mut waits = 0;
        while flush.on(Event::Failed) != Action::GiveUp {
            waits += 1;
            assert_eq!(flush.on(Event::Waited), Action::ReadTableVersion);
        }
        assert_eq!(waits, MAX_TRIES - 1);
    }
}
