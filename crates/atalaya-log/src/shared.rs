//! What the callers, the leader and the syncer of one log share.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::config::LogConfig;
use crate::disk::{self, Disk, DiskFile};
use crate::ledger::{Entry, Ledger};
use crate::note;
use crate::queue::{Delivery, Queue, deliver};
use crate::receipt::AppendError;
use crate::segment::{Epoch, SegmentName};
use crate::stats::Damage;
use crate::writer::Writer;

/// File names in a log's directory, beside the segments.
pub(crate) const LOCK: &str = "lock";
pub(crate) const SPARE: &str = "spare.tmp";
pub(crate) const FLUSHED: &str = "flushed";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const QUARANTINE: &str = "quarantine";

/// Lock order: `sync_turn`, `writer`, `queue` and `segments` last; `queue` and `segments` are never held together.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) config: LogConfig,
    pub(crate) epoch: Epoch,
    pub(crate) salt: u32,
    /// First sequence number of this epoch.
    pub(crate) epoch_first_seq: u64,
    pub(crate) queue: Mutex<Queue>,
    /// A claim may take the lead.
    pub(crate) lead_free: Condvar,
    /// The syncer has something to do.
    pub(crate) wake_syncer: Condvar,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) segments: Mutex<Segments>,
    /// One sync at a time; holds the buffer that will replace the one being synced.
    pub(crate) sync_turn: Mutex<Vec<u8>>,
    pub(crate) journal: Mutex<Vec<String>>,
    /// One flush note at a time.
    pub(crate) note_turn: Mutex<()>,
}

/// The segments on disk and what is open of them.
#[derive(Default)]
pub(crate) struct Segments {
    pub(crate) ledger: Ledger,
    /// Open files: the active segment and those with unsynced frames.
    pub(crate) files: BTreeMap<SegmentName, Arc<dyn DiskFile>>,
    /// Segments with frames that no sync covers yet.
    pub(crate) dirty: BTreeSet<SegmentName>,
    /// Bytes of the spare segment; 0 when there is none.
    pub(crate) spare_bytes: u64,
    /// Where the next flush goes on reading: segment, sequence number, offset.
    pub(crate) cursor: Option<(SegmentName, u64, u64)>,
    pub(crate) damage: Damage,
    pub(crate) poisoned: u64,
    pub(crate) failed_writes: u64,
}

impl Segments {
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.ledger.disk_bytes() + self.spare_bytes
    }

    /// Registers a segment that is written to.
    pub(crate) fn add_active(&mut self, name: SegmentName, epoch: Epoch, bytes: u64, file: &Arc<dyn DiskFile>) {
        self.ledger.add_segment(
            name,
            Entry {
                epoch,
                bytes,
                sealed: false,
                held: false,
            },
        );
        self.files.insert(name, Arc::clone(file));
    }

    /// Nothing more is written to the segment. Its file stays open until a sync has covered it.
    pub(crate) fn seal(&mut self, name: SegmentName, bytes: u64) {
        self.ledger.seal(name, bytes);
        if !self.dirty.contains(&name) {
            self.files.remove(&name);
        }
    }
}

impl Shared {
    pub(crate) fn path(&self, name: impl ToString) -> PathBuf {
        self.dir.join(name.to_string())
    }

    /// Waits for the lead and takes it, before any follower.
    pub(crate) fn claim_lead(&self) -> MutexGuard<'_, Queue> {
        let mut queue = lock(&self.queue);
        queue.claims += 1;
        while queue.leading {
            queue = self.lead_free.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.claims -= 1;
        queue.leading = true;
        queue
    }

    /// Gives the lead on and tells those who waited for something what became of it.
    pub(crate) fn release_lead(&self, mut queue: MutexGuard<'_, Queue>, deliveries: Vec<Delivery>) {
        if queue.release_lead() {
            self.lead_free.notify_all();
        }
        drop(queue);
        deliver(deliveries);
    }

    /// Deletes segments that nobody needs any more. A file that cannot be deleted is tried again at the next flush.
    pub(crate) fn delete_flushed_segments(&self) -> io::Result<()> {
        let mut segments = lock(&self.segments);
        let names = segments.ledger.deletable();
        for name in &names {
            match self.disk.remove(&self.path(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {
                    segments.ledger.remove(*name);
                    segments.dirty.remove(name);
                    segments.files.remove(name);
                }
            }
        }
        drop(segments);
        if names.is_empty() {
            Ok(())
        } else {
            self.disk.sync_dir(&self.dir)
        }
    }
}

/// Copies a damaged range of a segment to the quarantine folder, under a name that tells where it stood. Doing it again
/// for the same range replaces the copy by an equal one.
pub(crate) fn quarantine(disk: &dyn Disk, dir: &Path, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let folder = dir.join(QUARANTINE);
    disk.create_dir_all(&folder)?;
    let file = disk.create(&folder.join(format!("{name}.{offset}-{}", offset + bytes.len() as u64)))?;
    file.write_at(0, bytes)?;
    file.sync()?;
    disk.sync_dir(&folder)
}

/// Moves a whole file to the quarantine folder.
pub(crate) fn quarantine_file(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<()> {
    let folder = dir.join(QUARANTINE);
    disk.create_dir_all(&folder)?;
    let taken = disk.list(&folder)?;
    let free = |target: &String| taken.iter().all(|(there, _)| there != target);
    let names = std::iter::once(name.to_owned()).chain((1..u32::MAX).map(|copy| format!("{name}.{copy}")));
    let target = names.into_iter().find(free).unwrap_or_else(|| name.to_owned());
    disk.rename(&dir.join(name), &folder.join(target))?;
    disk.sync_dir(&folder)?;
    disk.sync_dir(dir)
}

/// Replaces the flush note.
pub(crate) fn write_flush_note(disk: &dyn Disk, dir: &Path, note: &BTreeMap<Epoch, u64>) -> io::Result<()> {
    let lines: Vec<String> = note.iter().map(|(epoch, seq)| format!("{epoch} {seq}")).collect();
    note::write(disk, dir, FLUSHED, &lines)
}

/// How a failed write or creation is answered.
pub(crate) fn refusal_for(error: &io::Error) -> AppendError {
    if disk::is_full(error) {
        AppendError::DiskFull
    } else {
        AppendError::Down
    }
}

/// Locks; a panic of another holder does not make the log's state unusable, since no holder leaves it half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
