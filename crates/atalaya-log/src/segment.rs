//! A segment file: its name and its 512-byte header. The header says whose rows these are (node, application id, epoch)
//! and which sequence numbers to expect, so that recovery can count what is missing exactly.

use std::fmt;

/// Bytes of the header; frames start behind it.
pub const HEADER_BYTES: usize = 512;
/// Newest format this release writes and reads.
pub const FORMAT_VERSION: u16 = 1;
/// Longest application id stem.
pub const MAX_STEM_BYTES: usize = 255;
/// Longest node id.
pub const MAX_NODE_BYTES: usize = 127;

const MAGIC: &[u8; 8] = b"ATALLOG\n";
const SUFFIX: &str = ".seg";
const CRC_AT: usize = HEADER_BYTES - 4;
const NODE_AT: usize = 56;
const STEM_AT: usize = NODE_AT + 1 + MAX_NODE_BYTES;

/// 128 random bits, new at every start of the process: part of the Delta transaction id, so that sequence numbers of a
/// restored or copied directory never meet those of another life of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub [u8; 16]);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

impl Epoch {
    /// Reads the 32 hexadecimal digits that `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, digits) in bytes.iter_mut().zip(0..16) {
            *byte = u8::from_str_radix(text.get(digits * 2..digits * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// The first 512 bytes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The life of the log that wrote the segment.
    pub epoch: Epoch,
    /// How many segments the epoch had before this one. Where two hold the same row, the later one is right: the row was
    /// written again because the earlier one could not be synced.
    pub ordinal: u32,
    /// The sequence number of the first frame.
    pub first_seq: u64,
    /// The last sequence number written before this segment in the same epoch; numbers between it and `first_seq` were
    /// refused and never acknowledged.
    pub previous_seq: u64,
    /// The first sequence number of the epoch.
    pub epoch_first_seq: u64,
    /// The node that wrote it.
    pub node_id: String,
    /// `atalaya/<table>/<node>`.
    pub app_stem: String,
}

/// Why bytes are not a header this release can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Cut short, wrong magic or wrong checksum.
    #[error("the segment header is damaged")]
    Damaged,
    /// Whole, but written by a newer release.
    #[error("the segment header has format version {0}")]
    Newer(u16),
}

impl SegmentHeader {
    /// The bytes as they stand in the file.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.ordinal.to_le_bytes());
        out[16..32].copy_from_slice(&self.epoch.0);
        out[32..40].copy_from_slice(&self.first_seq.to_le_bytes());
        out[40..48].copy_from_slice(&self.previous_seq.to_le_bytes());
        out[48..56].copy_from_slice(&self.epoch_first_seq.to_le_bytes());
        put_text(&mut out[NODE_AT..STEM_AT], &self.node_id);
        put_text(&mut out[STEM_AT..CRC_AT], &self.app_stem);
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; `bytes` may be longer.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes = bytes.get(..HEADER_BYTES).ok_or(HeaderError::Damaged)?;
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..CRC_AT]).to_le_bytes() != bytes[CRC_AT..] {
            return Err(HeaderError::Damaged);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version > FORMAT_VERSION {
            return Err(HeaderError::Newer(version));
        }
        let mut epoch = [0; 16];
        epoch.copy_from_slice(&bytes[16..32]);
        let header = Self {
            epoch: Epoch(epoch),
            ordinal: u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]),
            first_seq: number(&bytes[32..40]),
            previous_seq: number(&bytes[40..48]),
            epoch_first_seq: number(&bytes[48..56]),
            node_id: take_text(&bytes[NODE_AT..STEM_AT]).ok_or(HeaderError::Damaged)?,
            app_stem: take_text(&bytes[STEM_AT..CRC_AT]).ok_or(HeaderError::Damaged)?,
        };
        let ordered = 0 < header.epoch_first_seq
            && header.epoch_first_seq <= header.first_seq
            && header.previous_seq < header.first_seq
            && header.epoch_first_seq - 1 <= header.previous_seq;
        if ordered { Ok(header) } else { Err(HeaderError::Damaged) }
    }
}

/// The name of a segment: its first sequence number, and a counter for the rare case that a segment is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The sequence number of the first frame.
    pub first_seq: u64,
    /// 0, or higher when frames of a poisoned segment were written again from the same number on.
    pub copy: u32,
}

impl SegmentName {
    /// Reads a file name; `None` for files that are not segments.
    pub fn parse(name: &str) -> Option<Self> {
        let (first, copy) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let parsed = Self {
            first_seq: first.parse().ok()?,
            copy: copy.parse().ok()?,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{}{SUFFIX}", self.first_seq, self.copy)
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn put_text(out: &mut [u8], text: &str) {
    out[0] = text.len() as u8;
    out[1..=text.len()].copy_from_slice(text.as_bytes());
}

fn take_text(bytes: &[u8]) -> Option<String> {
    let len = usize::from(bytes[0]);
    String::from_utf8(bytes.get(1..=len)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            epoch: Epoch([7; 16]),
            ordinal: 77,
            first_seq: 12,
            previous_seq: 9,
            epoch_first_seq: 4,
            node_id: "n".repeat(MAX_NODE_BYTES),
            app_stem: "s".repeat(MAX_STEM_BYTES),
        }
    }

    #[test]
    fn a_header_reads_back() {
        assert_eq!(SegmentHeader::decode(&header().encode()), Ok(header()));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let mut bytes = header().encode();
        for bit in 0..HEADER_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Damaged), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_newer_format_is_named_not_called_damage() {
        let mut bytes = header().encode();
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Newer(9)));
    }

    #[test]
    fn names_sort_as_their_numbers_and_foreign_names_are_refused() {
        let name = SegmentName {
            first_seq: 8123,
            copy: 2,
        };
        assert_eq!(name.to_string(), "00000000000000008123-2.seg");
        assert_eq!(SegmentName::parse("00000000000000008123-2.seg"), Some(name));
        for foreign in [
            "spare.tmp",
            "8123-2.seg",
            "00000000000000008123-02.seg",
            "00000000000000008123.seg",
            "lock",
        ] {
            assert_eq!(SegmentName::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_epoch_reads_back() {
        let epoch = Epoch([0xab; 16]);
        assert_eq!(Epoch::parse(&epoch.to_string()), Some(epoch));
        assert_eq!(Epoch::parse("ab"), None);
    }
}
