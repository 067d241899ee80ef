//! What the bytes of segments mean after a crash: whole frames, a torn tail, damage in the middle, rows that are missing
//! and rows that are there twice. Pure: bytes in, findings out; what to do with them is decided by `open.rs`.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::frame::{self, Decoded, FRAME_HEADER_BYTES};
use crate::segment::{Epoch, HEADER_BYTES, SegmentHeader};

/// Resynchronising tries a checksum at every plausible place; crafted bytes could make that quadratic. After this many
/// times the segment's own size, the rest counts as damaged.
const RESYNC_BUDGET_FACTOR: usize = 64;

/// Frames that follow each other without a gap, in the file and in their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Sequence number of the first frame wanted; after trimming, earlier frames may stand before it.
    pub first: u64,
    /// Sequence number of the last frame.
    pub last: u64,
    /// Where the run begins in the file.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

/// What one segment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Good frames, in order.
    pub runs: Vec<Run>,
    /// Damaged ranges with good frames behind them.
    pub damaged: Vec<Range<u64>>,
    /// Bytes behind the last good frame that are neither frames nor the zeros of preallocated space.
    pub torn: Option<Range<u64>>,
    /// End of the last good frame (of the header, when there is none).
    pub end: u64,
}

/// Reads the frames of a segment whose header is `header`; `bytes` is the whole file.
///
/// A frame counts only with the right checksum under the segment's epoch and the number that is due: the next one, or
/// behind damage one that the damaged bytes leave room for.
pub fn scan(header: &SegmentHeader, bytes: &[u8]) -> Scan {
    let salt = frame::salt(&header.epoch.0);
    // Zeros at the end are preallocated space that was never written.
    let filled = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut found = Scan {
        end: HEADER_BYTES as u64,
        ..Scan::default()
    };
    let mut at = HEADER_BYTES;
    let mut due = header.first_seq;
    let mut budget = bytes.len().saturating_mul(RESYNC_BUDGET_FACTOR);
    while at < filled {
        if let Some(len) = frame_at(salt, &bytes[at..], due) {
            found.push(due, at, len);
            at += len;
            due = due.saturating_add(1);
            continue;
        }
        match resync(salt, bytes, at..filled, due, &mut budget) {
            Some((next, seq)) => {
                found.damaged.push(at as u64..next as u64);
                at = next;
                due = seq;
            }
            None => {
                found.torn = Some(at as u64..filled as u64);
                break;
            }
        }
    }
    found
}

impl Scan {
    fn push(&mut self, seq: u64, at: usize, len: usize) {
        let (start, end) = (at as u64, (at + len) as u64);
        match self.runs.last_mut() {
            Some(run) if run.end == start && run.last.saturating_add(1) == seq => {
                run.last = seq;
                run.end = end;
            }
            _ => self.runs.push(Run {
                first: seq,
                last: seq,
                start,
                end,
            }),
        }
        self.end = end;
    }
}

/// Bytes of the frame at the front, if it is whole and its number is `due`.
fn frame_at(salt: u32, bytes: &[u8], due: u64) -> Option<usize> {
    match frame::decode(salt, bytes) {
        Decoded::Frame(record, len) if record.seq == due => Some(len),
        _ => None,
    }
}

/// The next place behind damage at `range.start` where a good frame begins, and its number. Each damaged frame took at
/// least a frame header, which bounds the numbers that can follow.
fn resync(salt: u32, bytes: &[u8], range: Range<usize>, due: u64, budget: &mut usize) -> Option<(usize, u64)> {
    for at in range.start + 1..range.end {
        let rest = &bytes[at..];
        let Some(len) = frame::payload_len(rest).filter(|len| frame::frame_bytes(*len) <= rest.len()) else {
            continue;
        };
        let seq = frame::read_seq(rest);
        let most = due.saturating_add(((at - range.start) / FRAME_HEADER_BYTES) as u64);
        if !(due..=most).contains(&seq) {
            continue;
        }
        *budget = budget.checked_sub(frame::frame_bytes(len))?;
        if frame_at(salt, rest, seq).is_some() {
            return Some((at, seq));
        }
    }
    None
}

/// One segment's part in the merge.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// Its header.
    pub header: &'a SegmentHeader,
    /// Its good frames.
    pub runs: &'a [Run],
}

/// The rows of one epoch: where each stands once, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRows {
    /// The epoch.
    pub epoch: Epoch,
    /// `(index into the parts, run)`, in order of their numbers, without overlap; rows that are flushed are left out.
    pub runs: Vec<(usize, Run)>,
    /// Rows that were written and are nowhere.
    pub missing: u64,
    /// Rows that stand in more than one place.
    pub duplicates: u64,
}

/// Puts the segments of all epochs together, oldest epoch first. `parts` are in the order in which they were created;
/// where two hold the same row, the later one counts. `flushed` says what each epoch's table already has.
pub fn merge(parts: &[Part<'_>], flushed: &BTreeMap<Epoch, u64>) -> Vec<EpochRows> {
    let mut begins: BTreeMap<Epoch, u64> = BTreeMap::new();
    for part in parts {
        let begin = begins.entry(part.header.epoch).or_insert(u64::MAX);
        *begin = part.header.epoch_first_seq.min(*begin);
    }
    let mut epochs: Vec<(u64, Epoch)> = begins.into_iter().map(|(epoch, begin)| (begin, epoch)).collect();
    epochs.sort_unstable();
    let floor = |epoch, begin: u64| begin.max(flushed.get(epoch).map_or(0, |seq| seq.saturating_add(1)));
    epochs
        .iter()
        .map(|(begin, epoch)| merge_epoch(parts, *epoch, floor(epoch, *begin)))
        .collect()
}

fn merge_epoch(parts: &[Part<'_>], epoch: Epoch, floor: u64) -> EpochRows {
    let mine = || parts.iter().enumerate().filter(|(_, part)| part.header.epoch == epoch);
    let mut rows = EpochRows {
        epoch,
        runs: Vec::new(),
        missing: 0,
        duplicates: 0,
    };
    // First and last number of what is placed already; ranges do not touch each other's rows.
    let mut placed: BTreeMap<u64, u64> = BTreeMap::new();
    for (index, part) in mine().rev() {
        for run in part.runs.iter().filter(|run| run.last >= floor) {
            let first = run.first.max(floor);
            let free = free_ranges(&placed, first, run.last);
            rows.duplicates += run.last - first + 1;
            for (first, last) in free {
                rows.duplicates -= last - first + 1;
                placed.insert(first, last);
                rows.runs.push((
                    index,
                    Run {
                        first,
                        last,
                        ..run.clone()
                    },
                ));
            }
        }
    }
    rows.runs.sort_unstable_by_key(|(_, run)| run.first);
    // Numbers between `previous_seq` and `first_seq` of a segment were refused, so nobody misses them.
    let refused_by = |part: &Part<'_>| (part.header.previous_seq.saturating_add(1), part.header.first_seq);
    let mut refused: Vec<(u64, u64)> = mine().map(|(_, part)| refused_by(part)).collect();
    refused.sort_unstable();
    let mut due = floor;
    for (_, run) in &rows.runs {
        rows.missing += not_refused(due, run.first, &refused);
        due = run.last.saturating_add(1);
    }
    let written = mine().map(|(_, part)| part.header.previous_seq).max().unwrap_or(0);
    rows.missing += not_refused(due, written.saturating_add(1), &refused);
    rows
}

/// The parts of `first..=last` that no placed range covers.
fn free_ranges(placed: &BTreeMap<u64, u64>, first: u64, last: u64) -> Vec<(u64, u64)> {
    let begin = placed.range(..=first).next_back().map_or(first, |(start, _)| *start);
    let mut free = Vec::new();
    let mut at = first;
    for (start, end) in placed.range(begin..=last) {
        if at < *start {
            free.push((at, start - 1));
        }
        at = at.max(end.saturating_add(1));
    }
    if at <= last {
        free.push((at, last));
    }
    free
}

/// How many numbers of `from..to` are in none of the `refused` ranges (sorted, half open).
fn not_refused(from: u64, to: u64, refused: &[(u64, u64)]) -> u64 {
    let mut at = from;
    let mut count = 0;
    for (start, end) in refused {
        if at >= to {
            break;
        }
        count += (*start).min(to).saturating_sub(at);
        at = at.max((*end).min(to));
    }
    count + to.saturating_sub(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::encode;

    fn header(first_seq: u64, previous_seq: u64) -> SegmentHeader {
        SegmentHeader {
            epoch: Epoch([5; 16]),
            ordinal: 0,
            first_seq,
            previous_seq,
            epoch_first_seq: 1,
            node_id: "n".into(),
            app_stem: "s".into(),
        }
    }

    fn segment(header: &SegmentHeader, rows: u64) -> Vec<u8> {
        let mut bytes = header.encode().to_vec();
        for seq in header.first_seq..header.first_seq + rows {
            encode(
                frame::salt(&header.epoch.0),
                seq,
                1,
                &[format!("row {seq}").as_bytes()],
                &mut bytes,
            );
        }
        bytes
    }

    fn run(first: u64, last: u64) -> Run {
        Run {
            first,
            last,
            start: 512,
            end: 600,
        }
    }

    #[test]
    fn zeros_behind_the_frames_are_free_space() {
        let head = header(1, 0);
        let mut bytes = segment(&head, 3);
        let end = bytes.len() as u64;
        bytes.resize(4096, 0);
        let found = scan(&head, &bytes);
        assert_eq!(
            found.runs,
            [Run {
                first: 1,
                last: 3,
                start: 512,
                end
            }]
        );
        assert_eq!((found.damaged.len(), found.torn, found.end), (0, None, end));
    }

    #[test]
    fn damage_in_the_middle_costs_the_rows_it_touches_and_no_more() {
        let head = header(1, 0);
        let mut bytes = segment(&head, 5);
        let second = HEADER_BYTES + frame::frame_bytes(5);
        bytes[second + 3] ^= 0x80;
        let found = scan(&head, &bytes);
        let damaged = second as u64..(second + frame::frame_bytes(5)) as u64;
        assert_eq!((found.damaged.len(), &found.damaged[0]), (1, &damaged));
        assert_eq!(
            found.runs.iter().map(|run| (run.first, run.last)).collect::<Vec<_>>(),
            [(1, 1), (3, 5)]
        );
        assert_eq!(found.torn, None);
    }

    #[test]
    fn a_damaged_last_frame_is_a_torn_tail() {
        let head = header(1, 0);
        let mut bytes = segment(&head, 2);
        let last = HEADER_BYTES + frame::frame_bytes(5);
        bytes[last + 20] ^= 1;
        let filled = bytes.len();
        bytes.resize(2048, 0);
        assert_eq!(scan(&head, &bytes).torn, Some(last as u64..filled as u64));
    }

    fn spans(rows: &EpochRows) -> Vec<(usize, u64, u64)> {
        rows.runs
            .iter()
            .map(|(part, run)| (*part, run.first, run.last))
            .collect()
    }

    #[test]
    fn rows_in_two_segments_count_once_in_the_later() {
        let (a, b) = (header(1, 0), header(4, 3));
        let parts = [
            Part {
                header: &a,
                runs: &[run(1, 4), run(8, 9)],
            },
            Part {
                header: &b,
                runs: &[run(4, 7), run(9, 10)],
            },
        ];
        let rows = merge(&parts, &BTreeMap::new());
        assert_eq!(spans(&rows[0]), [(0, 1, 3), (1, 4, 7), (0, 8, 8), (1, 9, 10)]);
        assert_eq!((rows[0].missing, rows[0].duplicates), (0, 2));
    }

    #[test]
    fn damage_in_the_later_copy_is_filled_from_the_earlier() {
        let (a, b) = (header(1, 0), header(3, 2));
        let parts = [
            Part {
                header: &a,
                runs: &[run(1, 9)],
            },
            Part {
                header: &b,
                runs: &[run(3, 4), run(7, 8)],
            },
        ];
        let rows = merge(&parts, &BTreeMap::from([(Epoch([5; 16]), 1)]));
        assert_eq!(spans(&rows[0]), [(0, 2, 2), (1, 3, 4), (0, 5, 6), (1, 7, 8), (0, 9, 9)]);
        assert_eq!((rows[0].missing, rows[0].duplicates), (0, 4));
    }

    #[test]
    fn gaps_are_counted_to_the_row_and_refused_numbers_are_no_gap() {
        let (a, b, c) = (header(1, 0), header(12, 9), header(20, 16));
        let parts = [
            Part {
                header: &a,
                runs: &[run(1, 3), run(6, 8)],
            },
            Part {
                header: &b,
                runs: &[run(12, 14)],
            },
            Part { header: &c, runs: &[] },
        ];
        // lost: 4, 5, 9 and 15, 16; refused: 10, 11 and 17 to 19
        assert_eq!(merge(&parts, &BTreeMap::new())[0].missing, 5);
        let flushed = BTreeMap::from([(Epoch([5; 16]), 7)]);
        let rows = merge(&parts, &flushed);
        assert_eq!(rows[0].missing, 3);
        assert_eq!(rows[0].runs[0].1.first, 8);
    }
}
