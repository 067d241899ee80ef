//! Reading records back for the flush, oldest first, and forgetting what was flushed. Memory is bounded by the batch.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::append::wake_syncer;
use crate::disk::DiskFile;
use crate::error::LogError;
use crate::frame::{self, Decoded, Record};
use crate::ledger::Piece;
use crate::recovery;
use crate::segment::{Epoch, SegmentHeader, SegmentName};
use crate::shared::{Shared, lock, quarantine, write_flush_note};
use crate::stats::Health;

/// How much is read from a segment at once.
const READ_BYTES: usize = 1024 * 1024;

/// Damage that appears between recovery and the flush is looked at again this often in one call; each look removes it.
const MAX_LOOKS: usize = 8;

/// Records to be written to the table in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlushBatch {
    /// The epoch of every record in it.
    pub epoch: Epoch,
    /// The transaction application id to commit under, `atalaya/<table>/<node>/<epoch>`.
    pub app_id: String,
    /// The sequence number of the first record.
    pub first_seq: u64,
    /// The sequence number of the last record: the transaction version to commit.
    pub last_seq: u64,
    bytes: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    seq: u64,
    kind: u8,
    payload: Range<usize>,
}

impl FlushBatch {
    /// The records in order of their sequence numbers, borrowed from the batch.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        let record = |place: &Place| Record {
            seq: place.seq,
            kind: place.kind,
            payload: &self.bytes[place.payload.clone()],
        };
        self.places.iter().map(record)
    }

    /// How many records there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.places.len()
    }
}

enum Read {
    /// The piece is read to its end, or the batch is full.
    Ended { full: bool },
    /// What stands there is no longer what was written.
    Damaged,
}

/// See `Log::next_flush`.
pub(crate) fn next_flush(
    shared: &Shared,
    max_bytes: usize,
    max_records: usize,
) -> Result<Option<FlushBatch>, LogError> {
    for _ in 0..MAX_LOOKS {
        let (pieces, cursor): (Vec<Piece>, _) = {
            let segments = lock(&shared.segments);
            (segments.ledger.oldest().cloned().collect(), segments.cursor)
        };
        let Some(epoch) = pieces.first().map(|piece| piece.epoch) else {
            return Ok(None);
        };
        let mut reader = Reader {
            salt: frame::salt(&epoch.0),
            max_bytes,
            max_records: max_records.max(1),
            bytes: Vec::new(),
            places: Vec::new(),
        };
        let mut damaged = None;
        let mut next = None;
        for piece in pieces {
            let path = shared.path(piece.name);
            let file = open(shared, piece.name).map_err(LogError::io("open segment", &path))?;
            let start = match cursor {
                Some((name, seq, offset)) if name == piece.name && seq == piece.run.first => offset,
                _ => piece.run.start,
            };
            let mut at = start;
            match reader
                .read(&*file, &piece, &mut at)
                .map_err(LogError::io("read segment", &path))?
            {
                Read::Damaged => {
                    damaged = Some(piece.name);
                    break;
                }
                Read::Ended { full } => {
                    next = reader.places.last().map(|place| (piece.name, place.seq + 1, at));
                    if full {
                        break;
                    }
                }
            }
        }
        // Records before the damage are flushed first; the next call finds the damage at its front.
        if let Some(batch) = reader.finish(shared, epoch) {
            lock(&shared.segments).cursor = next;
            return Ok(Some(batch));
        }
        if let Some(name) = damaged {
            look_again(shared, name)?;
        }
    }
    let unstable = io::Error::new(io::ErrorKind::InvalidData, "the same bytes read differently each time");
    Err(LogError::io("read segments in", &shared.dir)(unstable))
}

struct Reader {
    salt: u32,
    max_bytes: usize,
    max_records: usize,
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl Reader {
    /// Reads the records of one piece from `at` on; moves `at` behind the last record taken.
    fn read(&mut self, file: &dyn DiskFile, piece: &Piece, at: &mut u64) -> io::Result<Read> {
        let mut block = Vec::new();
        while *at < piece.run.end {
            let left = usize::try_from(piece.run.end - *at).unwrap_or(usize::MAX);
            let mut want = left.min(READ_BYTES);
            fill(file, *at, want, &mut block)?;
            // A record larger than the block is read as a whole.
            if let Some(len) = frame::payload_len(&block).map(frame::frame_bytes)
                && len > want
                && len <= left
            {
                want = len;
                fill(file, *at, want, &mut block)?;
            }
            let mut used = 0;
            while let Decoded::Frame(record, len) = frame::decode(self.salt, &block[used..]) {
                if record.seq > piece.run.last {
                    return Ok(Read::Ended { full: false });
                }
                if record.seq >= piece.run.first {
                    if self.is_full(record.payload.len()) {
                        *at += used as u64;
                        return Ok(Read::Ended { full: true });
                    }
                    self.take(record);
                }
                used += len;
            }
            if used == 0 {
                return Ok(Read::Damaged);
            }
            *at += used as u64;
        }
        Ok(Read::Ended { full: false })
    }

    fn is_full(&self, payload_bytes: usize) -> bool {
        let bytes = self.bytes.len() + payload_bytes > self.max_bytes;
        !self.places.is_empty() && (bytes || self.places.len() >= self.max_records)
    }

    fn take(&mut self, record: Record<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.payload);
        self.places.push(Place {
            seq: record.seq,
            kind: record.kind,
            payload: start..self.bytes.len(),
        });
    }

    fn finish(self, shared: &Shared, epoch: Epoch) -> Option<FlushBatch> {
        let (first_seq, last_seq) = (self.places.first()?.seq, self.places.last()?.seq);
        let app_id = app_id(shared, epoch);
        Some(FlushBatch {
            epoch,
            app_id,
            first_seq,
            last_seq,
            bytes: self.bytes,
            places: self.places,
        })
    }
}

fn fill(file: &dyn DiskFile, at: u64, want: usize, block: &mut Vec<u8>) -> io::Result<()> {
    block.resize(want, 0);
    let read = file.read_at(at, block)?;
    block.truncate(read);
    Ok(())
}

fn open(shared: &Shared, name: SegmentName) -> io::Result<Arc<dyn DiskFile>> {
    let file = lock(&shared.segments).files.get(&name).cloned();
    file.map_or_else(|| shared.disk.open(&shared.path(name)), Ok)
}

/// Scans a segment that reads differently from when its rows were registered: damage goes to quarantine, the rows in it
/// are counted as missing, and the rest is kept.
fn look_again(shared: &Shared, name: SegmentName) -> Result<(), LogError> {
    let path = shared.path(name);
    let file = open(shared, name).map_err(LogError::io("open segment", &path))?;
    let mut bytes = Vec::new();
    let size = usize::try_from(shared.config.segment_bytes).unwrap_or(usize::MAX);
    fill(&*file, 0, size.max(READ_BYTES), &mut bytes).map_err(LogError::io("read segment", &path))?;
    // The active segment grows while it is read; what lies behind its registered rows is not looked at.
    let end = lock(&shared.segments).ledger.end_of(name);
    bytes.truncate(usize::try_from(end).unwrap_or(usize::MAX));
    let found = SegmentHeader::decode(&bytes).map(|header| recovery::scan(&header, &bytes));
    let (runs, ranges) = match found {
        Ok(found) => (
            found.runs,
            found.damaged.into_iter().chain(found.torn).collect::<Vec<_>>(),
        ),
        Err(_) => (Vec::new(), std::iter::once(0..bytes.len() as u64).collect()),
    };
    for range in &ranges {
        let part = &bytes[range.start as usize..range.end as usize];
        quarantine(&*shared.disk, &shared.dir, &name.to_string(), range.start, part)
            .map_err(LogError::io("copy damage to quarantine from", &path))?;
    }
    let mut segments = lock(&shared.segments);
    for range in &ranges {
        segments.damage.quarantined.add(range.end - range.start);
    }
    let missing = segments.ledger.replace_rows(name, &runs);
    segments.damage.missing_rows += missing;
    segments.cursor = None;
    Ok(())
}

/// See `Log::flushed`.
pub(crate) fn flushed(shared: &Shared, epoch: Epoch, last_seq: u64) -> Result<(), LogError> {
    let _turn = lock(&shared.note_turn);
    let note = {
        let segments = lock(&shared.segments);
        let known = segments.ledger.flushed_to(epoch);
        let written = segments.ledger.last_of(epoch).unwrap_or(known).max(known);
        // Of an epoch without rows there is nothing to forget: a flush is noted twice, or its segments are gone.
        let known_epoch = epoch == shared.epoch || segments.ledger.last_of(epoch).is_some();
        if known_epoch && last_seq > written {
            return Err(LogError::FlushedAhead { last_seq, written });
        }
        segments.ledger.note_with(shared.epoch, epoch, last_seq)
    };
    let path = shared.path(crate::shared::FLUSHED);
    write_flush_note(&*shared.disk, &shared.dir, &note).map_err(LogError::io("replace flush note", path))?;
    lock(&shared.segments).ledger.noted(note);
    shared
        .delete_flushed_segments()
        .map_err(LogError::io("delete flushed segments in", &shared.dir))?;
    let mut queue = lock(&shared.queue);
    // There may be room now.
    queue.sync_wanted |= queue.health != Health::Up;
    wake_syncer(shared, &mut queue);
    Ok(())
}

/// See `Log::app_id`.
pub(crate) fn app_id(shared: &Shared, epoch: Epoch) -> String {
    format!("{}/{epoch}", shared.config.app_stem)
}
