//! The log itself: append, read back in order for the flush, forget what was flushed.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::config::LogConfig;
use crate::error::LogError;
use crate::frame::Record;
use crate::receipt::{AppendError, Receipt};
use crate::segment::Epoch;
use crate::stats::LogStats;

/// One open log. `Send + Sync`; share it in an `Arc`. Dropping it writes and syncs what is pending, as `close` does.
pub struct Log {}

impl Log {
    /// Opens (or creates) the log in `dir`: takes the lock, recovers what is there, starts a segment under `epoch`, which
    /// must be 16 fresh random bytes.
    ///
    /// # Errors
    /// A directory in use, a setting out of range, a segment of a newer release, or an I/O error while reading. A full
    /// disk is not an error: the log opens and refuses records until there is room.
    pub fn open(dir: &Path, config: LogConfig, epoch: [u8; 16]) -> Result<Self, LogError> {
        let _ = (dir, config, epoch);
        todo!("next commit")
    }

    /// Appends one record and returns once the kernel has it (`process`): kill -9 after this loses nothing. Blocks for a
    /// few microseconds; never needs another thread when it is alone.
    pub fn append(&self, kind: u8, payload: &[&[u8]]) -> Result<Receipt, AppendError> {
        let _ = (kind, payload);
        todo!("next commit")
    }

    /// Appends one record; the `Commit` is done once the device has it (`fsync`), by group commit.
    pub fn append_durable(&self, kind: u8, payload: &[&[u8]]) -> Commit {
        let _ = (kind, payload);
        todo!("next commit")
    }

    /// Puts one record into a bounded buffer that is written later; `Full` when the buffer is full (and counted).
    pub fn append_best_effort(&self, kind: u8, payload: &[&[u8]]) -> Result<Receipt, AppendError> {
        let _ = (kind, payload);
        todo!("next commit")
    }

    /// The oldest unflushed records, all of one epoch: at most `max_records`, and about `max_bytes` (at least one record).
    /// Returns the same records again until `flushed` has noted them. `None` when there is nothing to flush.
    pub fn next_flush(&self, max_bytes: usize, max_records: usize) -> Result<Option<FlushBatch>, LogError> {
        let _ = (max_bytes, max_records);
        todo!("next commit")
    }

    /// Notes durably that the table has every record of `epoch` up to `last_seq`, then deletes segments wholly below it.
    pub fn flushed(&self, epoch: Epoch, last_seq: u64) -> Result<(), LogError> {
        let _ = (epoch, last_seq);
        todo!("next commit")
    }

    /// Records the name of a data file in the flush journal, durably, before the file is written.
    pub fn journal_add(&self, name: &str) -> Result<(), LogError> {
        let _ = name;
        todo!("next commit")
    }

    /// The names in the flush journal: at start, those that no snapshot of the table references are orphans.
    pub fn journal_list(&self) -> Result<Vec<String>, LogError> {
        todo!("next commit")
    }

    /// Removes names from the flush journal: their files are committed, or deleted.
    pub fn journal_clear(&self, names: &[String]) -> Result<(), LogError> {
        let _ = names;
        todo!("next commit")
    }

    /// The Delta transaction application id of an epoch: `atalaya/<table>/<node>/<epoch>`.
    pub fn app_id(&self, epoch: Epoch) -> String {
        let _ = epoch;
        todo!("next commit")
    }

    /// A snapshot of the log's numbers; cheap.
    pub fn stats(&self) -> LogStats {
        todo!("next commit")
    }

    /// Writes and syncs everything accepted so far; also tries to bring a refusing log back.
    pub fn sync(&self) -> Result<(), LogError> {
        todo!("next commit")
    }

    /// Refuses further records, writes and syncs the accepted ones, stops the background thread, gives up the lock.
    pub fn close(&self) -> Result<(), LogError> {
        todo!("next commit")
    }
}

/// The pending promise of `append_durable`: await it, or block on `wait`. Dropping it does not take the record back.
#[derive(Debug)]
pub struct Commit {}

impl Commit {
    /// Blocks until the record is on the device.
    pub fn wait(self) -> Result<Receipt, AppendError> {
        todo!("next commit")
    }
}

impl Future for Commit {
    type Output = Result<Receipt, AppendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let _ = cx;
        todo!("next commit")
    }
}

/// Records to be written to the table in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlushBatch {
    /// The epoch of every record in it.
    pub epoch: Epoch,
    /// The transaction application id to commit under.
    pub app_id: String,
    /// The sequence number of the first record.
    pub first_seq: u64,
    /// The sequence number of the last record: the transaction version to commit.
    pub last_seq: u64,
}

impl FlushBatch {
    /// The records in order of their sequence numbers, borrowed from the batch.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        std::iter::empty()
    }

    /// How many records there are; never 0.
    pub fn len(&self) -> usize {
        0
    }
}
