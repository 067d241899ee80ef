//! A log segment after any edits, and any bytes in its place: only rows that were written come back, in order, each once.
//! The input is a list of edits of six bytes (what, where u16, from u8, length u16), then bytes to put behind the frames.
#![no_main]

use std::sync::LazyLock;

use atalaya_log::Epoch;
use atalaya_log::frame::{Decoded, decode, encode, salt};
use atalaya_log::recovery::scan;
use atalaya_log::segment::SegmentHeader;
use libfuzzer_sys::fuzz_target;

const ROWS: u64 = 24;
const EDITS: usize = 8;

static HEADER: LazyLock<SegmentHeader> = LazyLock::new(|| SegmentHeader {
    epoch: Epoch([3; 16]),
    ordinal: 0,
    first_seq: 10,
    previous_seq: 9,
    epoch_first_seq: 1,
    node_id: "n1".to_owned(),
    app_stem: "atalaya/lab/n1".to_owned(),
});

/// What row `seq` was written with.
fn row(seq: u64) -> Vec<u8> {
    vec![seq as u8; (seq * 7 % 90) as usize]
}

fn written() -> Vec<u8> {
    let mut bytes = HEADER.encode().to_vec();
    for seq in HEADER.first_seq..HEADER.first_seq + ROWS {
        encode(salt(&HEADER.epoch.0), seq, 1, &[&row(seq)], &mut bytes);
    }
    bytes
}

/// Changes bytes behind the header as six bytes of input say.
fn edit(bytes: &mut Vec<u8>, order: &[u8]) {
    let room = bytes.len() - 511;
    let at = 512 + usize::from(u16::from_le_bytes([order[1], order[2]])) % room;
    let from = 512 + usize::from(order[3]) * 16 % room;
    let len = usize::from(u16::from_le_bytes([order[4], order[5]])) % 512;
    let end = (at + len).min(bytes.len());
    let copied = bytes[from..(from + len).min(bytes.len())].to_vec();
    match order[0] % 4 {
        0 => drop(bytes.splice(at..at, copied)),
        1 => drop(bytes.drain(at..end)),
        2 => bytes[at..end].fill(0),
        _ => bytes[at..end].iter_mut().for_each(|byte| *byte ^= order[5] | 1),
    }
}

fn check(bytes: &[u8]) {
    let found = scan(&HEADER, bytes);
    let mut last = 0;
    for run in found.runs {
        let mut at = run.start as usize;
        for seq in run.first..=run.last {
            let Decoded::Frame(record, len) = decode(salt(&HEADER.epoch.0), &bytes[at..]) else {
                panic!("a run holds frames")
            };
            assert!(seq > last && record.seq == seq, "rows come in order, each once");
            assert_eq!(record.payload, row(seq), "rows are what was written");
            (last, at) = (seq, at + len);
        }
        assert_eq!(at as u64, run.end);
    }
}

fuzz_target!(|input: &[u8]| {
    let mut bytes = written();
    let orders = input.len().min(6 * EDITS) / 6 * 6;
    for order in input[..orders].chunks_exact(6) {
        edit(&mut bytes, order);
    }
    bytes.extend_from_slice(&input[orders..]);
    check(&bytes);
    // The same input as a whole file.
    if let Ok(header) = SegmentHeader::decode(input) {
        scan(&header, input);
    }
});
