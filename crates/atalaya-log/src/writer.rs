//! The end of the log: the segment that is written to, and how the next one comes about. Only whoever leads uses it.

use std::io;
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::frame::{self, Taken};
use crate::receipt::AppendError;
use crate::recovery::Run;
use crate::segment::{HEADER_BYTES, SegmentHeader, SegmentName};
use crate::shared::{SPARE, Shared, lock, refusal_for};
use crate::waiter::Outcome;

/// A new segment before it has its name.
const NEW: &str = "new.tmp";

/// Where the next frame goes.
pub(crate) struct Writer {
    active: Option<Active>,
    spare: Option<Arc<dyn DiskFile>>,
    last_seq: u64,
    /// Ordinal of the next segment.
    ordinal: u32,
}

struct Active {
    name: SegmentName,
    file: Arc<dyn DiskFile>,
    end: u64,
    /// The number of the frame that must come next: a segment has no jumps.
    due: u64,
}

impl Writer {
    pub(crate) fn new(last_seq: u64) -> Self {
        Self {
            active: None,
            spare: None,
            last_seq,
            ordinal: 0,
        }
    }

    /// Writes frames with consecutive numbers. Returns how many bytes the kernel has, and what became of the records.
    ///
    /// A failed write is repeated once in a new segment: the old one may hold half of it.
    pub(crate) fn write(&mut self, shared: &Shared, frames: &[u8]) -> (usize, Outcome) {
        let mut done = 0;
        let mut repeated = false;
        while done < frames.len() {
            let rest = &frames[done..];
            let written = self
                .place(shared, rest)
                .and_then(|taken| self.put(shared, &rest[..taken.bytes], taken));
            match written {
                Ok(bytes) => {
                    done += bytes;
                    repeated = false;
                }
                Err(error) => {
                    lock(&shared.segments).failed_writes += 1;
                    let had_segment = self.active.is_some();
                    self.seal(shared);
                    if repeated || !had_segment {
                        let refusal = Some(refusal_for(&error));
                        return (
                            done,
                            Outcome {
                                written_to: self.last_seq,
                                refusal,
                            },
                        );
                    }
                    repeated = true;
                }
            }
        }
        (
            done,
            Outcome {
                written_to: self.last_seq,
                refusal: None,
            },
        )
    }

    /// The frames that go into the active segment next; makes it a new one when not even the first fits, or when numbers
    /// before the first were refused.
    fn place(&mut self, shared: &Shared, frames: &[u8]) -> io::Result<Taken> {
        let first_seq = frame::read_seq(frames);
        let room = |writer: &Self| {
            let usable = writer.active.as_ref().filter(|active| active.due == first_seq);
            usable.map_or(0, |active| shared.config.segment_bytes - active.end)
        };
        if let Some(taken) = frame::take(frames, room(self)) {
            return Ok(taken);
        }
        self.seal(shared);
        self.start_segment(shared, first_seq)?;
        let no_room = || io::Error::other("a frame is larger than a segment");
        frame::take(frames, room(self)).ok_or_else(no_room)
    }

    fn put(&mut self, shared: &Shared, frames: &[u8], taken: Taken) -> io::Result<usize> {
        let active = self.active.as_mut().ok_or_else(|| io::Error::other("no segment"))?;
        active.file.write_at(active.end, frames)?;
        let start = active.end;
        active.end += frames.len() as u64;
        active.due = taken.last + 1;
        self.last_seq = taken.last;
        let run = Run {
            first: taken.first,
            last: taken.last,
            start,
            end: active.end,
        };
        let mut segments = lock(&shared.segments);
        segments.ledger.add_rows(active.name, shared.epoch, run);
        segments.dirty.insert(active.name);
        Ok(frames.len())
    }

    /// Starts a segment for frames from `first_seq` on, within the disk budget.
    pub(crate) fn start_segment(&mut self, shared: &Shared, first_seq: u64) -> io::Result<()> {
        let full = {
            let segments = lock(&shared.segments);
            segments.ledger.disk_bytes() + shared.config.segment_bytes > shared.config.disk_budget_bytes
        };
        if full {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "the log's disk budget is used up",
            ));
        }
        let active = self.create(shared, first_seq, self.last_seq, &[])?;
        lock(&shared.segments).add_active(active.name, shared.epoch, shared.config.segment_bytes, &active.file);
        self.active = Some(active);
        Ok(())
    }

    /// Ends the active segment, if there is one.
    pub(crate) fn seal(&mut self, shared: &Shared) {
        if let Some(active) = self.active.take() {
            // Bytes of a failed write behind the end would look like damage later.
            let cut = active.file.set_len(active.end);
            let mut segments = lock(&shared.segments);
            let bytes = if cut.is_ok() {
                active.end
            } else {
                shared.config.segment_bytes
            };
            segments.failed_writes += u64::from(cut.is_err());
            segments.seal(active.name, bytes);
        }
    }

    /// Writes `frames`, the numbers of which may jump, into new segments and makes them durable, then forgets the places
    /// where they stood before: those could not be synced. The disk budget does not hold this up, for it saves records
    /// that are acknowledged; what it takes is bounded by `pending_bytes`.
    pub(crate) fn rewrite(&mut self, shared: &Shared, frames: &[u8], durable_seq: u64) -> Result<(), AppendError> {
        if let Some(active) = self.active.take() {
            lock(&shared.segments).seal(active.name, shared.config.segment_bytes);
        }
        let room = shared.config.segment_bytes - HEADER_BYTES as u64;
        let (mut at, mut previous_seq) = (0, durable_seq);
        let mut made: Vec<(Active, Taken)> = Vec::new();
        while let Some(taken) = frame::take(&frames[at..], room) {
            match self.create(shared, taken.first, previous_seq, &frames[at..at + taken.bytes]) {
                Ok(active) => made.push((active, taken)),
                Err(error) => {
                    for (active, _) in made {
                        self.discard(shared, active.name);
                    }
                    return Err(refusal_for(&error));
                }
            }
            at += taken.bytes;
            previous_seq = taken.last;
        }
        let mut segments = lock(&shared.segments);
        segments.ledger.forget_rows_above(shared.epoch, durable_seq);
        for (active, taken) in made {
            segments.add_active(active.name, shared.epoch, shared.config.segment_bytes, &active.file);
            let run = Run {
                first: taken.first,
                last: taken.last,
                start: HEADER_BYTES as u64,
                end: active.end,
            };
            segments.ledger.add_rows(active.name, shared.epoch, run);
            if let Some(before) = self.active.replace(active) {
                segments.seal(before.name, shared.config.segment_bytes);
            }
        }
        Ok(())
    }

    /// Creates a segment that holds `frames`, durably, under its final name. Until the name is there, recovery does not
    /// see the segment; once it is, the header and the frames are on the device.
    fn create(&mut self, shared: &Shared, first_seq: u64, previous_seq: u64, frames: &[u8]) -> io::Result<Active> {
        let (file, temporary) = match self.spare.take() {
            Some(spare) => (spare, SPARE),
            None => (shared.disk.create(&shared.path(NEW))?, NEW),
        };
        lock(&shared.segments).spare_bytes = 0;
        let name = self.free_name(shared, first_seq)?;
        let header = SegmentHeader {
            epoch: shared.epoch,
            ordinal: self.ordinal,
            first_seq,
            previous_seq,
            epoch_first_seq: shared.epoch_first_seq,
            node_id: shared.config.node_id.clone(),
            app_stem: shared.config.app_stem.clone(),
        };
        self.ordinal = self.ordinal.saturating_add(1);
        let made = fill(&*file, shared.config.segment_bytes, &header, frames).and_then(|()| {
            shared.disk.rename(&shared.path(temporary), &shared.path(name))?;
            shared.disk.sync_dir(&shared.dir)
        });
        if let Err(error) = made {
            self.discard(shared, name);
            self.remove(shared, temporary);
            return Err(error);
        }
        let due = frame::take(frames, u64::MAX).map_or(first_seq, |taken| taken.last + 1);
        Ok(Active {
            name,
            file,
            end: (HEADER_BYTES + frames.len()) as u64,
            due,
        })
    }

    /// A name that neither the ledger nor the directory has: a segment that failed half way may still be there.
    fn free_name(&self, shared: &Shared, first_seq: u64) -> io::Result<SegmentName> {
        let mut name = lock(&shared.segments).ledger.free_name(first_seq);
        let there = shared.disk.list(&shared.dir)?;
        while there.iter().any(|(file, _)| *file == name.to_string()) {
            name.copy += 1;
        }
        Ok(name)
    }

    /// Keeps one preallocated segment ready, so that a full disk shows here, early, and not at a record.
    pub(crate) fn prepare_spare(&mut self, shared: &Shared) -> io::Result<()> {
        let bytes = shared.config.segment_bytes;
        let fits = lock(&shared.segments).disk_bytes() + bytes <= shared.config.disk_budget_bytes;
        if self.spare.is_some() || !fits {
            return Ok(());
        }
        let file = shared.disk.create(&shared.path(SPARE))?;
        if let Err(error) = file.allocate(bytes) {
            self.remove(shared, SPARE);
            return Err(error);
        }
        self.spare = Some(file);
        lock(&shared.segments).spare_bytes = bytes;
        Ok(())
    }

    /// Ends the active segment and gives the spare back.
    pub(crate) fn close(&mut self, shared: &Shared) {
        self.seal(shared);
        if self.spare.take().is_some() {
            self.remove(shared, SPARE);
        }
    }

    fn discard(&self, shared: &Shared, name: SegmentName) {
        self.remove(shared, &name.to_string());
    }

    /// Removes a file that may not be there. One that stays is removed, or merged, by the next recovery.
    fn remove(&self, shared: &Shared, name: &str) {
        if let Err(error) = shared.disk.remove(&shared.path(name))
            && error.kind() != io::ErrorKind::NotFound
        {
            lock(&shared.segments).failed_writes += 1;
        }
    }
}

fn fill(file: &dyn DiskFile, bytes: u64, header: &SegmentHeader, frames: &[u8]) -> io::Result<()> {
    file.allocate(bytes)?;
    file.write_at(0, &header.encode())?;
    if !frames.is_empty() {
        file.write_at(HEADER_BYTES as u64, frames)?;
    }
    file.sync()
}
