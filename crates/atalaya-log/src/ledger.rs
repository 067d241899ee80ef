//! Which rows stand where: the segments of a log and the pieces of them that no flush has noted yet. Pure bookkeeping;
//! `flush.rs` decides with it, the log acts.

use std::collections::{BTreeMap, VecDeque};

use crate::recovery::Run;
use crate::segment::{Epoch, SegmentName};

/// One segment on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its epoch.
    pub epoch: Epoch,
    /// Bytes it takes on disk.
    pub bytes: u64,
    /// Nothing is written to it any more.
    pub sealed: bool,
    /// It holds damaged bytes that could not be copied to quarantine yet, so it must stay.
    pub held: bool,
}

/// A run of unflushed rows in one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The segment.
    pub name: SegmentName,
    /// The epoch of the rows.
    pub epoch: Epoch,
    /// The rows.
    pub run: Run,
}

/// All segments, and all unflushed rows: epoch by epoch, oldest first, in order of their numbers.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<SegmentName, Entry>,
    pieces: VecDeque<Piece>,
    flushed: BTreeMap<Epoch, u64>,
}

impl Ledger {
    /// An empty ledger that knows what the flush note says.
    pub fn new(flushed: BTreeMap<Epoch, u64>) -> Self {
        Self {
            flushed,
            ..Self::default()
        }
    }

    /// Adds a segment, or replaces what is known of it.
    pub fn add_segment(&mut self, name: SegmentName, entry: Entry) {
        self.entries.insert(name, entry);
    }

    /// Adds rows behind all others; rows that are flushed already are left out.
    pub fn add_rows(&mut self, name: SegmentName, epoch: Epoch, mut run: Run) {
        run.first = run.first.max(self.flushed_to(epoch).saturating_add(1));
        if run.first > run.last {
            return;
        }
        match self.pieces.back_mut() {
            Some(last) if last.name == name && last.run.end == run.start && last.run.last + 1 == run.first => {
                last.run.last = run.last;
                last.run.end = run.end;
            }
            _ => self.pieces.push_back(Piece { name, epoch, run }),
        }
    }

    /// Forgets where the rows of `epoch` above `seq` stand: they were written again elsewhere.
    pub fn forget_rows_above(&mut self, epoch: Epoch, seq: u64) {
        self.pieces.retain_mut(|piece| {
            if piece.epoch == epoch {
                piece.run.last = piece.run.last.min(seq);
            }
            piece.run.first <= piece.run.last
        });
    }

    /// Replaces the pieces of one segment by those runs a new look at it has found. Returns how many rows are gone.
    pub fn replace_rows(&mut self, name: SegmentName, runs: &[Run]) -> u64 {
        let before = self.unflushed_records();
        let old = std::mem::take(&mut self.pieces);
        for piece in old {
            if piece.name != name {
                self.pieces.push_back(piece);
                continue;
            }
            for run in runs {
                let (first, last) = (run.first.max(piece.run.first), run.last.min(piece.run.last));
                if first <= last {
                    let run = Run {
                        first,
                        last,
                        ..run.clone()
                    };
                    self.pieces.push_back(Piece { run, ..piece.clone() });
                }
            }
        }
        before - self.unflushed_records()
    }

    /// Nothing is written to the segment any more; it takes `bytes` on disk.
    pub fn seal(&mut self, name: SegmentName, bytes: u64) {
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.sealed = true;
            entry.bytes = bytes;
        }
    }

    /// Whether nothing is written to the segment any more.
    pub fn sealed(&self, name: SegmentName) -> bool {
        self.entries.get(&name).is_none_or(|entry| entry.sealed)
    }

    /// Where the last registered row of a segment ends; 0 when it has none.
    pub fn end_of(&self, name: SegmentName) -> u64 {
        self.pieces
            .iter()
            .filter(|piece| piece.name == name)
            .map(|piece| piece.run.end)
            .max()
            .unwrap_or(0)
    }

    /// The segment must stay (or need not any more) for the damage in it.
    pub fn hold(&mut self, name: SegmentName, held: bool) {
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.held = held;
        }
    }

    /// What the table has of an epoch; 0 when nothing is known.
    pub fn flushed_to(&self, epoch: Epoch) -> u64 {
        self.flushed.get(&epoch).copied().unwrap_or(0)
    }

    /// What the note must say once the table has `epoch` up to `last_seq`: epochs without a segment are dropped.
    pub fn note_with(&self, current: Epoch, epoch: Epoch, last_seq: u64) -> BTreeMap<Epoch, u64> {
        let mut note = self.flushed.clone();
        let noted = note.entry(epoch).or_insert(0);
        *noted = last_seq.max(*noted);
        note.retain(|epoch, _| *epoch == current || self.entries.values().any(|entry| entry.epoch == *epoch));
        note
    }

    /// The note is on disk: forget the rows it covers.
    pub fn noted(&mut self, note: BTreeMap<Epoch, u64>) {
        self.flushed = note;
        let flushed = &self.flushed;
        self.pieces.retain_mut(|piece| {
            let done = flushed.get(&piece.epoch).map_or(0, |seq| seq.saturating_add(1));
            piece.run.first = piece.run.first.max(done);
            piece.run.first <= piece.run.last
        });
    }

    /// Segments that may be deleted: sealed, not held, and every row in them is flushed or stands elsewhere.
    pub fn deletable(&self) -> Vec<SegmentName> {
        let needed: std::collections::BTreeSet<_> = self.pieces.iter().map(|piece| piece.name).collect();
        let free = |(name, entry): &(&SegmentName, &Entry)| entry.sealed && !entry.held && !needed.contains(*name);
        self.entries.iter().filter(free).map(|(name, _)| *name).collect()
    }

    /// The file is gone.
    pub fn remove(&mut self, name: SegmentName) {
        self.entries.remove(&name);
    }

    /// A name for a new segment that begins with `first_seq`.
    pub fn free_name(&self, first_seq: u64) -> SegmentName {
        let taken = |copy: &u32| self.entries.contains_key(&SegmentName { first_seq, copy: *copy });
        SegmentName {
            first_seq,
            copy: (0..=u32::MAX).find(|copy| !taken(copy)).unwrap_or(u32::MAX),
        }
    }

    /// Unflushed pieces of the oldest epoch that has any.
    pub fn oldest(&self) -> impl Iterator<Item = &Piece> {
        let epoch = self.pieces.front().map(|piece| piece.epoch);
        self.pieces.iter().take_while(move |piece| Some(piece.epoch) == epoch)
    }

    /// The last unflushed row of an epoch.
    pub fn last_of(&self, epoch: Epoch) -> Option<u64> {
        self.pieces
            .iter()
            .rev()
            .find(|piece| piece.epoch == epoch)
            .map(|piece| piece.run.last)
    }

    /// Unflushed rows.
    pub fn unflushed_records(&self) -> u64 {
        self.pieces
            .iter()
            .map(|piece| piece.run.last - piece.run.first + 1)
            .sum()
    }

    /// Bytes of the runs that hold unflushed rows.
    pub fn unflushed_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.run.end - piece.run.start).sum()
    }

    /// Bytes of all segments on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }

    /// Number of segments.
    pub fn segments(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Epoch = Epoch([1; 16]);
    const B: Epoch = Epoch([2; 16]);

    fn name(first_seq: u64) -> SegmentName {
        SegmentName { first_seq, copy: 0 }
    }

    fn run(first: u64, last: u64) -> Run {
        Run {
            first,
            last,
            start: 512 + first * 10,
            end: 522 + last * 10,
        }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(BTreeMap::new());
        for (at, epoch, first, last) in [(1, A, 1, 5), (6, A, 6, 9), (10, B, 10, 12)] {
            ledger.add_segment(
                name(at),
                Entry {
                    epoch,
                    bytes: 100,
                    sealed: at != 10,
                    held: false,
                },
            );
            ledger.add_rows(name(at), epoch, run(first, last));
        }
        ledger
    }

    #[test]
    fn rows_behind_each_other_are_one_piece() {
        let mut ledger = ledger();
        ledger.add_rows(name(10), B, run(13, 13));
        assert_eq!(ledger.pieces.len(), 3);
        assert_eq!(ledger.last_of(B), Some(13));
        assert_eq!(ledger.unflushed_records(), 13);
    }

    #[test]
    fn only_sealed_segments_without_unflushed_rows_may_go() {
        let mut ledger = ledger();
        assert_eq!(ledger.deletable(), []);
        ledger.noted(ledger.note_with(B, A, 8));
        assert_eq!(ledger.deletable(), [name(1)]);
        ledger.hold(name(1), true);
        assert_eq!(ledger.deletable(), []);
        assert_eq!(ledger.oldest().map(|piece| piece.run.first).collect::<Vec<_>>(), [9]);
        ledger.noted(ledger.note_with(B, A, 9));
        ledger.noted(ledger.note_with(B, B, 12));
        assert_eq!(ledger.deletable(), [name(6)]);
    }

    #[test]
    fn the_note_keeps_epochs_only_while_they_have_segments() {
        let mut ledger = ledger();
        ledger.noted(ledger.note_with(B, A, 9));
        for segment in ledger.deletable() {
            ledger.remove(segment);
        }
        assert_eq!(ledger.note_with(B, B, 10), BTreeMap::from([(B, 10)]));
    }

    #[test]
    fn rows_written_again_elsewhere_are_forgotten_here() {
        let mut ledger = ledger();
        ledger.forget_rows_above(A, 7);
        assert_eq!(ledger.last_of(A), Some(7));
        assert_eq!(ledger.unflushed_records(), 10);
        assert_eq!(ledger.free_name(6), SegmentName { first_seq: 6, copy: 1 });
    }

    #[test]
    fn a_second_look_drops_only_rows_of_that_segment() {
        let mut ledger = ledger();
        assert_eq!(ledger.replace_rows(name(1), &[run(1, 2), run(4, 5)]), 1);
        assert_eq!(
            ledger
                .oldest()
                .map(|piece| (piece.run.first, piece.run.last))
                .collect::<Vec<_>>(),
            [(1, 2), (4, 5), (6, 9)]
        );
    }
}
