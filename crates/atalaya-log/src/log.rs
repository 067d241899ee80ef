//! The log itself: append, read back in order for the flush, forget what was flushed.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::append::Ticket;
use crate::config::LogConfig;
use crate::disk::{Disk, RealDisk};
use crate::error::LogError;
use crate::note;
use crate::open::{self, DirLock};
use crate::read::{self, FlushBatch};
use crate::receipt::{AppendError, Receipt};
use crate::segment::Epoch;
use crate::shared::{JOURNAL, Shared, lock};
use crate::stats::{Health, LogStats};
use crate::waiter::Commit;
use crate::{append, sync};

/// Names the flush journal holds; a node has one flush in flight per table, so more means that nobody clears it.
pub const MAX_JOURNAL_NAMES: usize = 10_000;

/// Longest name in the flush journal, in bytes.
pub const MAX_JOURNAL_NAME_BYTES: usize = 1024;

/// One open log. `Send + Sync`; share it in an `Arc`. Dropping it writes and syncs what is pending, as `close` does.
pub struct Log {
    shared: Arc<Shared>,
    /// What `close` gives up; `None` after it.
    open: Mutex<Option<Open>>,
}

struct Open {
    syncer: Option<JoinHandle<()>>,
    _dir_lock: DirLock,
}

/// Who makes `process` records durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncer {
    /// A thread of the log.
    Thread,
    /// The caller, with `Log::sync`: for simulations, which must not depend on a scheduler.
    Caller,
}

impl Log {
    /// Opens (or creates) the log in `dir`: takes the lock, recovers what is there, starts a segment under `epoch`, which
    /// must be 16 fresh random bytes.
    ///
    /// # Errors
    /// A directory in use, a setting out of range, a segment of a newer release, or an I/O error while reading. A full
    /// disk is not an error: the log opens and refuses records until there is room.
    pub fn open(dir: &Path, config: LogConfig, epoch: [u8; 16]) -> Result<Self, LogError> {
        Self::open_on(Arc::new(RealDisk), dir, config, epoch, Syncer::Thread)
    }

    /// `open` on a disk of the caller's choice.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: LogConfig,
        epoch: [u8; 16],
        syncer: Syncer,
    ) -> Result<Self, LogError> {
        let (shared, dir_lock) = open::open(disk, dir, config, Epoch(epoch))?;
        let shared = Arc::new(shared);
        let syncer = match syncer {
            Syncer::Caller => None,
            Syncer::Thread => {
                let shared = Arc::clone(&shared);
                let thread = thread::Builder::new()
                    .name("atalaya-log".to_owned())
                    .spawn(move || sync::run(&shared));
                Some(thread.map_err(LogError::io("start the syncer of", dir))?)
            }
        };
        Ok(Self {
            shared,
            open: Mutex::new(Some(Open {
                syncer,
                _dir_lock: dir_lock,
            })),
        })
    }

    /// Appends one record and returns once the kernel has it (`process`): kill -9 after this loses nothing. Blocks for a
    /// few microseconds; needs no other thread when it is alone. `payload` is the concatenation of its parts.
    ///
    /// # Errors
    /// The record was not accepted; the reason is also the word for the receipt of an answer served all the same.
    pub fn append(&self, kind: u8, payload: &[&[u8]]) -> Result<Receipt, AppendError> {
        append::append(&self.shared, kind, payload)
    }

    /// Accepts one record without writing it yet: records that are accepted close together are written together, by
    /// whoever settles its ticket first. For callers with other work between the two, such as the other ready tasks of
    /// their thread; the record is acknowledged only by `Ticket::settle`.
    ///
    /// # Errors
    /// As `append`.
    pub fn accept(&self, kind: u8, payload: &[&[u8]]) -> Result<Ticket, AppendError> {
        append::accept(&self.shared, kind, payload)
    }

    /// Appends one record; the `Commit` is done once the device has it (`fsync`), by group commit: the round that is
    /// running is the window in which the next one gathers.
    pub fn append_durable(&self, kind: u8, payload: &[&[u8]]) -> Commit {
        append::append_durable(&self.shared, kind, payload)
    }

    /// Puts one record into a bounded buffer that is written within `sync_every`, or sooner with others.
    ///
    /// # Errors
    /// `Full` when the buffer is full; the record is dropped and counted.
    pub fn append_best_effort(&self, kind: u8, payload: &[&[u8]]) -> Result<Receipt, AppendError> {
        append::append_best_effort(&self.shared, kind, payload)
    }

    /// The oldest unflushed records, all of one epoch: at most `max_records`, and at most `max_bytes` of payload (but at
    /// least one record). Returns the same records again until `flushed` has noted them; `None` when there are none.
    ///
    /// # Errors
    /// The log is closed, or a segment cannot be read. Damage is no error: it is quarantined, counted and passed over.
    pub fn next_flush(&self, max_bytes: usize, max_records: usize) -> Result<Option<FlushBatch>, LogError> {
        self.check_open()?;
        read::next_flush(&self.shared, max_bytes, max_records)
    }

    /// Notes durably that the table has every record of `epoch` up to `last_seq`, then deletes segments wholly below it.
    ///
    /// # Errors
    /// A number that was never written, or a note that cannot be written: the records are then offered again.
    pub fn flushed(&self, epoch: Epoch, last_seq: u64) -> Result<(), LogError> {
        self.check_open()?;
        read::flushed(&self.shared, epoch, last_seq)
    }

    /// The Delta transaction application id of an epoch: `atalaya/<table>/<node>/<epoch>`.
    pub fn app_id(&self, epoch: Epoch) -> String {
        read::app_id(&self.shared, epoch)
    }

    /// Records the name of a data file in the flush journal, durably, before the file is written.
    ///
    /// # Errors
    /// A name that is no file name, too many names, or a journal that cannot be written.
    pub fn journal_add(&self, name: &str) -> Result<(), LogError> {
        if name.is_empty() || name.len() > MAX_JOURNAL_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(LogError::JournalName);
        }
        self.change_journal(|names| {
            if names.len() >= MAX_JOURNAL_NAMES {
                return Err(LogError::JournalFull {
                    limit: MAX_JOURNAL_NAMES,
                });
            }
            names.push(name.to_owned());
            Ok(())
        })
    }

    /// The names in the flush journal: at start, those that no snapshot of the table references are orphans.
    pub fn journal_list(&self) -> Vec<String> {
        lock(&self.shared.journal).clone()
    }

    /// Removes names from the flush journal: their files are committed, or deleted.
    ///
    /// # Errors
    /// A journal that cannot be written.
    pub fn journal_clear(&self, names: &[String]) -> Result<(), LogError> {
        self.change_journal(|all| {
            all.retain(|name| !names.contains(name));
            Ok(())
        })
    }

    /// A snapshot of the log's numbers; cheap.
    pub fn stats(&self) -> LogStats {
        let queue = lock(&self.shared.queue);
        let health = if queue.closed { Health::Closed } else { queue.health };
        let (pending_bytes, written_seq, durable_seq) = (queue.memory_bytes(), queue.written_seq, queue.durable_seq);
        let (best_effort_dropped, refused, syncs) = (queue.best_effort_dropped, queue.refused, queue.syncs);
        drop(queue);
        let segments = lock(&self.shared.segments);
        LogStats {
            health,
            disk_bytes: segments.disk_bytes(),
            disk_budget_bytes: self.shared.config.disk_budget_bytes,
            segments: segments.ledger.segments(),
            unflushed_records: segments.ledger.unflushed_records(),
            unflushed_bytes: segments.ledger.unflushed_bytes(),
            pending_bytes,
            written_seq,
            durable_seq,
            damage: segments.damage,
            poisoned_segments: segments.poisoned,
            best_effort_dropped,
            refused,
            syncs,
            failed_writes: segments.failed_writes,
        }
    }

    /// Writes and syncs everything accepted so far; also tries to bring a refusing log back.
    ///
    /// # Errors
    /// Why accepted records are not on the device, or why none are accepted.
    pub fn sync(&self) -> Result<(), LogError> {
        self.check_open()?;
        let outcome = sync::round(&self.shared);
        sync::prepare_spare(&self.shared);
        outcome.map_err(not_durable)
    }

    /// Refuses further records, writes and syncs the accepted ones, stops the background thread, gives up the lock.
    /// Closing a closed log does nothing.
    ///
    /// # Errors
    /// Accepted records could not be made durable. The log is closed all the same.
    pub fn close(&self) -> Result<(), LogError> {
        let Some(open) = lock(&self.open).take() else {
            return Ok(());
        };
        lock(&self.shared.queue).closed = true;
        let outcome = sync::round(&self.shared);
        let unsynced = {
            let mut queue = lock(&self.shared.queue);
            queue.stop = true;
            self.shared.wake_syncer.notify_all();
            queue.durable_seq < queue.written_seq
        };
        if let Some(syncer) = open.syncer {
            // A panic of the thread has been reported by its hook; closing goes on.
            let _joined = syncer.join();
        }
        lock(&self.shared.writer).close(&self.shared);
        if unsynced { outcome.map_err(not_durable) } else { Ok(()) }
    }

    fn check_open(&self) -> Result<(), LogError> {
        if lock(&self.open).is_some() {
            Ok(())
        } else {
            Err(LogError::Closed)
        }
    }

    fn change_journal(&self, change: impl FnOnce(&mut Vec<String>) -> Result<(), LogError>) -> Result<(), LogError> {
        self.check_open()?;
        let mut names = lock(&self.shared.journal);
        let mut changed = names.clone();
        change(&mut changed)?;
        note::write(&*self.shared.disk, &self.shared.dir, JOURNAL, &changed)
            .map_err(LogError::io("replace flush journal", self.shared.path(JOURNAL)))?;
        *names = changed;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Whoever needs to know calls `close`.
        let _told_by_close = self.close();
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("dir", &self.shared.dir)
            .field("epoch", &self.shared.epoch)
            .finish_non_exhaustive()
    }
}

fn not_durable(refusal: AppendError) -> LogError {
    LogError::NotDurable {
        reason: refusal.reason(),
    }
}
