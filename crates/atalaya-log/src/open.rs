//! Opening a log: lock, read what is there, act on what recovery finds, start a segment under the new epoch.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use crate::config::LogConfig;
use crate::disk::{Disk, DiskFile};
use crate::error::LogError;
use crate::frame;
use crate::ledger::{Entry, Ledger};
use crate::note::{self, Note};
use crate::queue::Queue;
use crate::recovery::{self, Part, Scan};
use crate::segment::{Epoch, FORMAT_VERSION, HeaderError, SegmentHeader, SegmentName};
use crate::shared::{FLUSHED, JOURNAL, LOCK, Segments, Shared, lock, quarantine, quarantine_file, refusal_for};
use crate::stats::Damage;
use crate::writer::Writer;

/// A segment larger than this was not written by any log: it is moved away without being read.
const MAX_FILE_BYTES: u64 = 2 * crate::config::MAX_SEGMENT_BYTES;

/// How much is copied at once.
const COPY_BYTES: usize = 1024 * 1024;

/// The lock on the directory, held until dropped.
pub(crate) type DirLock = Box<dyn Send + Sync>;

/// See `Log::open`.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    dir: &Path,
    config: LogConfig,
    epoch: Epoch,
) -> Result<(Shared, DirLock), LogError> {
    config.check()?;
    disk.create_dir_all(dir)
        .map_err(LogError::io("create log directory", dir))?;
    let lock_path = dir.join(LOCK);
    let dir_lock = disk.lock(&lock_path).map_err(LogError::io("lock", &lock_path))?;
    let dir_lock = dir_lock.ok_or_else(|| LogError::Locked { dir: dir.to_owned() })?;
    let mut recovery = Recovery {
        disk: &*disk,
        dir,
        config: &config,
        damage: Damage::default(),
        failed_writes: 0,
    };
    let recovered = recovery.run()?;
    let (damage, failed_writes) = (recovery.damage, recovery.failed_writes);
    let segments = Segments {
        ledger: recovered.ledger,
        damage,
        failed_writes,
        ..Segments::default()
    };
    let shared = Shared {
        salt: frame::salt(&epoch.0),
        epoch,
        epoch_first_seq: recovered.next_seq,
        queue: Mutex::new(Queue::new(recovered.next_seq)),
        lead_free: Condvar::new(),
        wake_syncer: Condvar::new(),
        writer: Mutex::new(Writer::new(recovered.next_seq - 1)),
        segments: Mutex::new(segments),
        sync_turn: Mutex::new(Vec::new()),
        journal: Mutex::new(recovered.journal),
        note_turn: Mutex::new(()),
        dir: dir.to_owned(),
        config,
        disk,
    };
    shared
        .delete_flushed_segments()
        .map_err(LogError::io("delete flushed segments in", dir))?;
    // No room, or a disk that only reads: what is there can be flushed, and the log comes back when it can be written.
    if let Err(error) = lock(&shared.writer).start_segment(&shared, recovered.next_seq) {
        lock(&shared.segments).failed_writes += 1;
        let none_wait = lock(&shared.queue).refuse(refusal_for(&error));
        debug_assert!(none_wait.is_empty(), "nothing was appended yet");
    }
    Ok((shared, dir_lock))
}

struct Recovered {
    ledger: Ledger,
    journal: Vec<String>,
    next_seq: u64,
}

struct Found {
    name: SegmentName,
    header: SegmentHeader,
    scan: Scan,
    bytes: u64,
    held: bool,
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    config: &'a LogConfig,
    damage: Damage,
    failed_writes: u64,
}

impl Recovery<'_> {
    fn run(&mut self) -> Result<Recovered, LogError> {
        let files = self
            .disk
            .list(self.dir)
            .map_err(LogError::io("list log directory", self.dir))?;
        for (name, _) in files.iter().filter(|(name, _)| name.ends_with(".tmp")) {
            self.attempt(|this| this.disk.remove(&this.dir.join(name)));
        }
        let flushed = self.read_flushed(&files)?;
        let journal = self.read_note(JOURNAL, &files)?;
        let mut names: Vec<(SegmentName, u64)> = files
            .iter()
            .filter_map(|(name, bytes)| Some((SegmentName::parse(name)?, *bytes)))
            .collect();
        names.sort_unstable();
        let mut found = Vec::with_capacity(names.len());
        for (name, bytes) in names {
            found.extend(self.read_segment(name, bytes)?);
        }
        found.sort_by_key(|f| (f.header.epoch_first_seq, f.header.ordinal, f.name));
        // Only the segment that was written to last can have a torn tail; damage anywhere else is not a crash's.
        let last = found
            .iter()
            .rposition(|f| !f.scan.runs.is_empty() || f.scan.torn.is_some());
        let mut maybe_unsynced = self.config.pending_bytes as u64;
        for (index, segment) in found.iter_mut().enumerate().rev() {
            self.settle(segment, Some(index) == last, maybe_unsynced > 0);
            maybe_unsynced = maybe_unsynced.saturating_sub(segment.bytes);
        }
        let noted = flushed.values().copied().max().unwrap_or(0);
        let ledger = self.build_ledger(&found, flushed);
        let written = found
            .iter()
            .map(|f| f.scan.runs.last().map_or(0, |run| run.last).max(f.header.first_seq - 1));
        let next_seq = written.max().unwrap_or(0).max(noted).saturating_add(1);
        Ok(Recovered {
            ledger,
            journal,
            next_seq,
        })
    }

    fn read_flushed(&mut self, files: &[(String, u64)]) -> Result<BTreeMap<Epoch, u64>, LogError> {
        let lines = self.read_note(FLUSHED, files)?;
        let parse = |line: &String| {
            let (epoch, seq) = line.split_once(' ')?;
            Some((Epoch::parse(epoch)?, seq.parse().ok()?))
        };
        Ok(lines.iter().filter_map(parse).collect())
    }

    /// A damaged note is moved away: without it rows are offered to the table again, which knows that it has them.
    fn read_note(&mut self, name: &str, files: &[(String, u64)]) -> Result<Vec<String>, LogError> {
        match note::read(self.disk, self.dir, name, files).map_err(LogError::io("read", self.dir.join(name)))? {
            Note::Lines(lines) => Ok(lines),
            Note::Damaged => {
                self.damage.unreadable_notes += 1;
                self.attempt(|this| quarantine_file(this.disk, this.dir, name));
                Ok(Vec::new())
            }
        }
    }

    fn read_segment(&mut self, name: SegmentName, bytes: u64) -> Result<Option<Found>, LogError> {
        let path = self.dir.join(name.to_string());
        if bytes > MAX_FILE_BYTES {
            self.move_away(name, bytes);
            return Ok(None);
        }
        let content = read_all(self.disk, &path, bytes).map_err(LogError::io("read segment", &path))?;
        match SegmentHeader::decode(&content) {
            Ok(header) if header.app_stem == self.config.app_stem => {
                let scan = recovery::scan(&header, &content);
                Ok(Some(Found {
                    name,
                    header,
                    scan,
                    bytes,
                    held: false,
                }))
            }
            Err(HeaderError::Newer(version)) => Err(LogError::NewerFormat {
                name: name.to_string(),
                found: version,
                supported: FORMAT_VERSION,
            }),
            // Not readable, or rows of another table.
            Ok(_) | Err(HeaderError::Damaged) => {
                self.move_away(name, bytes);
                Ok(None)
            }
        }
    }

    fn move_away(&mut self, name: SegmentName, bytes: u64) {
        self.damage.quarantined.add(bytes);
        self.attempt(|this| quarantine_file(this.disk, this.dir, &name.to_string()));
    }

    /// Copies a damaged range to quarantine and counts it. A segment whose damage cannot be copied is kept.
    fn copy_damage(&mut self, found: &mut Found, range: &Range<u64>) {
        self.damage.quarantined.add(range.end - range.start);
        let name = found.name.to_string();
        let copied = self.attempt(|this| {
            let mut part = vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
            let read = this.disk.open(&this.dir.join(&name))?.read_at(range.start, &mut part)?;
            quarantine(this.disk, this.dir, &name, range.start, &part[..read])
        });
        found.held |= !copied;
    }

    /// Brings damage to quarantine, cuts a torn tail, gives preallocated space back, makes the rest durable.
    ///
    /// A killed process leaves rows that the kernel has and the device has not, at most `pending_bytes` at the end of the
    /// log. If its last sync failed, their pages count as clean and another sync would do nothing: writing the same bytes
    /// again (`rewrite`) makes them dirty.
    fn settle(&mut self, found: &mut Found, last: bool, rewrite: bool) {
        for range in found.scan.damaged.clone() {
            self.copy_damage(found, &range);
        }
        match found.scan.torn.clone() {
            Some(range) if last => self.damage.truncated.add(range.end - range.start),
            Some(range) => self.copy_damage(found, &range),
            None => {}
        }
        let path = self.dir.join(found.name.to_string());
        let end = if found.held { found.bytes } else { found.scan.end };
        let settled = self.attempt(|this| {
            let file = this.disk.open(&path)?;
            if end < found.bytes {
                file.set_len(end)?;
            }
            if rewrite {
                write_again(&*file, end)?;
            }
            file.sync()
        });
        if settled {
            found.bytes = end;
        }
    }

    fn build_ledger(&mut self, found: &[Found], flushed: BTreeMap<Epoch, u64>) -> Ledger {
        let parts: Vec<Part<'_>> = found
            .iter()
            .map(|f| Part {
                header: &f.header,
                runs: &f.scan.runs,
            })
            .collect();
        let merged = recovery::merge(&parts, &flushed);
        let mut ledger = Ledger::new(flushed);
        for f in found {
            let entry = Entry {
                epoch: f.header.epoch,
                bytes: f.bytes,
                sealed: true,
                held: f.held,
            };
            ledger.add_segment(f.name, entry);
        }
        for rows in merged {
            self.damage.missing_rows += rows.missing;
            self.damage.duplicate_rows += rows.duplicates;
            for (index, run) in rows.runs {
                ledger.add_rows(found[index].name, rows.epoch, run);
            }
        }
        ledger
    }

    /// Does what helps but must not keep a log from opening: on a full or read-only disk its rows can still be flushed.
    fn attempt(&mut self, action: impl FnOnce(&Self) -> io::Result<()>) -> bool {
        match action(self) {
            Ok(()) => true,
            Err(_) => {
                self.failed_writes += 1;
                false
            }
        }
    }
}

fn write_again(file: &dyn DiskFile, end: u64) -> io::Result<()> {
    let mut block = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < end {
        let want = COPY_BYTES.min(usize::try_from(end - at).unwrap_or(COPY_BYTES));
        let read = file.read_at(at, &mut block[..want])?;
        if read == 0 {
            break;
        }
        file.write_at(at, &block[..read])?;
        at += read as u64;
    }
    Ok(())
}

fn read_all(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let file: Arc<dyn DiskFile> = disk.open(path)?;
    let mut content = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    let read = file.read_at(0, &mut content)?;
    content.truncate(read);
    Ok(content)
}
