//! Frames and scans of arbitrary bytes.

use atalaya_log::Epoch;
use atalaya_log::frame::{Decoded, decode, encode};
use atalaya_log::recovery::scan;
use atalaya_log::segment::SegmentHeader;
use proptest::prelude::*;

fn header() -> SegmentHeader {
    SegmentHeader {
        epoch: Epoch([3; 16]),
        ordinal: 0,
        first_seq: 10,
        previous_seq: 9,
        epoch_first_seq: 1,
        node_id: "n1".into(),
        app_stem: "atalaya/lab/n1".into(),
    }
}

proptest! {
    #[test]
    fn a_frame_reads_back(salt: u32, seq: u64, kind: u8, parts: Vec<Vec<u8>>, behind: Vec<u8>) {
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut bytes = Vec::new();
        encode(salt, seq, kind, &slices, &mut bytes);
        let len = bytes.len();
        bytes.extend(behind);
        let Decoded::Frame(record, taken) = decode(salt, &bytes) else { panic!("a frame is a frame") };
        prop_assert_eq!((record.seq, record.kind, taken), (seq, kind, len));
        prop_assert_eq!(record.payload, parts.concat());
    }

    #[test]
    fn bytes_that_were_not_written_hold_no_rows(junk: Vec<u8>) {
        let mut bytes = header().encode().to_vec();
        bytes.extend(junk);
        prop_assert_eq!(scan(&header(), &bytes).runs, []);
    }

    /// Whatever happens to a segment, only rows that were written come back, in order, each at most once.
    #[test]
    fn only_written_rows_come_back_in_order(
        rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..20),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..80, 0u8..4), 0..6),
    ) {
        let head = header();
        let salt = atalaya_log::frame::salt(&head.epoch.0);
        let mut bytes = head.encode().to_vec();
        for (row, seq) in rows.iter().zip(head.first_seq..) {
            encode(salt, seq, 0, &[row], &mut bytes);
        }
        for (at, from, len, what) in edits {
            let (at, from) = (512 + at.index(bytes.len() - 511), 512 + from.index(bytes.len() - 511));
            let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
            let end = (at + len).min(bytes.len());
            match what {
                0 => drop(bytes.splice(at..at, piece)),
                1 => drop(bytes.splice(at..end, std::iter::empty())),
                2 => bytes[at..end].fill(0),
                _ => bytes[at..end].iter_mut().for_each(|byte| *byte ^= 0x55),
            }
        }
        let found = scan(&head, &bytes);
        let mut last = 0;
        for run in found.runs {
            let mut at = run.start as usize;
            for seq in run.first..=run.last {
                let Decoded::Frame(record, len) = decode(salt, &bytes[at..]) else { panic!("a run holds frames") };
                prop_assert!(seq > last && record.seq == seq);
                prop_assert_eq!(record.payload, &rows[(seq - head.first_seq) as usize][..]);
                (last, at) = (seq, at + len);
            }
            prop_assert_eq!(at as u64, run.end);
        }
    }
}
