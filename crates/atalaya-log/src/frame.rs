//! One record on disk: `len u32 | crc32c u32 | seq u64 | kind u8 | flags u8 | payload`, little-endian. The checksum starts
//! from a salt made of the segment's epoch, so that bytes left over from another epoch are never taken for a record.

/// Bytes before the payload.
pub const FRAME_HEADER_BYTES: usize = 18;

/// Largest payload; a larger length on disk is damage, which keeps a flipped bit from asking for gigabytes.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// A record read back, borrowed from the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its sequence number.
    pub seq: u64,
    /// The writer's word for what the payload is.
    pub kind: u8,
    /// The bytes that were appended.
    pub payload: &'a [u8],
}

/// What the bytes at one place are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole record and the number of bytes it takes.
    Frame(Record<'a>, usize),
    /// Not a record that was written under this salt.
    Bad,
}

/// Where checksums of one epoch start.
pub fn salt(epoch: &[u8; 16]) -> u32 {
    crc32c::crc32c(epoch)
}

/// Bytes that a record with this much payload takes on disk.
pub fn frame_bytes(payload_bytes: usize) -> usize {
    FRAME_HEADER_BYTES + payload_bytes
}

/// Appends one frame to `out`; `payload` is the concatenation of its parts and must not exceed `MAX_PAYLOAD_BYTES`.
pub fn encode(salt: u32, seq: u64, kind: u8, payload: &[&[u8]], out: &mut Vec<u8>) {
    let len = payload.iter().map(|part| part.len()).sum::<usize>();
    let start = out.len();
    out.reserve(frame_bytes(len));
    out.extend_from_slice(&(len as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&[kind, 0]);
    for part in payload {
        out.extend_from_slice(part);
    }
    let crc = checksum(salt, &out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Reads the frame at the start of `bytes`.
pub fn decode(salt: u32, bytes: &[u8]) -> Decoded<'_> {
    let Some(len) = payload_len(bytes) else {
        return Decoded::Bad;
    };
    let Some(frame) = bytes.get(..frame_bytes(len)) else {
        return Decoded::Bad;
    };
    // Flags are reserved; a set bit would change the meaning of the payload.
    if frame[17] != 0 || checksum(salt, frame) != read_u32(&frame[4..]) {
        return Decoded::Bad;
    }
    let record = Record {
        seq: read_seq(frame),
        kind: frame[16],
        payload: &frame[FRAME_HEADER_BYTES..],
    };
    Decoded::Frame(record, frame.len())
}

/// The payload length that a header claims; `None` when the header is cut short or the length is over the cap.
pub fn payload_len(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < FRAME_HEADER_BYTES {
        return None;
    }
    let len = read_u32(bytes) as usize;
    (len <= MAX_PAYLOAD_BYTES).then_some(len)
}

/// The sequence number that a header claims; `header` must have at least `FRAME_HEADER_BYTES`.
pub(crate) fn read_seq(header: &[u8]) -> u64 {
    let mut seq = [0; 8];
    seq.copy_from_slice(&header[8..16]);
    u64::from_le_bytes(seq)
}

/// Whole frames at the front of bytes that this log encoded itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Their bytes.
    pub(crate) bytes: usize,
    /// Number of the first.
    pub(crate) first: u64,
    /// Number of the last.
    pub(crate) last: u64,
}

/// The most frames with consecutive numbers from the front of `frames` that fit into `room`; `None` when not even the
/// first does. Trusts the bytes: they come from `encode`.
pub(crate) fn take(frames: &[u8], room: u64) -> Option<Taken> {
    let mut taken: Option<Taken> = None;
    let mut at = 0;
    while let Some(len) = payload_len(&frames[at..]) {
        let (seq, end) = (read_seq(&frames[at..]), at + frame_bytes(len));
        if end as u64 > room || taken.is_some_and(|before| before.last + 1 != seq) {
            break;
        }
        taken = Some(Taken {
            bytes: end,
            first: taken.map_or(seq, |before| before.first),
            last: seq,
        });
        at = end;
    }
    taken
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn checksum(salt: u32, frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &frame[..4]), &frame[8..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_only_under_its_salt() {
        let mut bytes = Vec::new();
        encode(7, 9, 3, &[b"ab", b"", b"cd"], &mut bytes);
        let record = Record {
            seq: 9,
            kind: 3,
            payload: b"abcd",
        };
        assert_eq!(decode(7, &bytes), Decoded::Frame(record, FRAME_HEADER_BYTES + 4));
        assert_eq!(decode(8, &bytes), Decoded::Bad);
        assert_eq!(decode(7, &bytes[..bytes.len() - 1]), Decoded::Bad);
    }

    #[test]
    fn frames_are_taken_up_to_the_room_and_up_to_a_jump_in_the_numbers() {
        let mut bytes = Vec::new();
        for seq in [4, 5, 9] {
            encode(0, seq, 0, &[b"ab"], &mut bytes);
        }
        assert_eq!(take(&bytes, 19), None);
        assert_eq!(
            take(&bytes, 39),
            Some(Taken {
                bytes: 20,
                first: 4,
                last: 4
            })
        );
        assert_eq!(
            take(&bytes, 1000),
            Some(Taken {
                bytes: 40,
                first: 4,
                last: 5
            })
        );
        assert_eq!(take(&[], 1000), None);
    }

    #[test]
    fn zeros_are_never_a_frame_of_an_unsalted_log() {
        assert_eq!(decode(salt(&[0; 16]), &[0; 64]), Decoded::Bad);
        assert_eq!(decode(0, &[0; 64]), Decoded::Bad);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let mut bytes = Vec::new();
        encode(1, 2, 3, &[b"payload of a record"], &mut bytes);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(1, &bytes), Decoded::Bad, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
