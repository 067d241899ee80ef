//! Little-endian numbers, texts and aligned arrays, one after the other: the pieces that compiled forms are made of.

use bytes::Bytes;

/// Arrays start at multiples of this, so that a mapped one can be used where it lies.
pub(crate) const ALIGNMENT: usize = 64;

/// Puts pieces one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.bytes.extend_from_slice(&(value as u64).to_le_bytes());
    }

    pub(crate) fn number(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes that [`Reader::raw`] is asked for by their number.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A length, and as many bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// A length, and as many bytes from the next multiple of [`ALIGNMENT`] on, which `write` appends.
    pub(crate) fn aligned(&mut self, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.count(length);
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        self.bytes.reserve(length);
        let before = self.bytes.len();
        write(&mut self.bytes);
        debug_assert_eq!(self.bytes.len() - before, length);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes pieces off, in the order in which they were put. `None` when there are not enough bytes.
#[derive(Debug)]
pub(crate) struct Reader {
    all: Bytes,
    at: usize,
}

impl Reader {
    pub(crate) fn new(all: Bytes) -> Self {
        Self { all, at: 0 }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.all.len() - self.at
    }

    /// The next `length` bytes.
    pub(crate) fn raw(&mut self, length: usize) -> Option<Bytes> {
        if length > self.left() {
            return None;
        }
        let bytes = self.all.slice(self.at..self.at + length);
        self.at += length;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let found = *self.all.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(found)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn word(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.word()?).ok()
    }

    /// How many pieces follow that take at least `least` bytes each, so that no more are made room for than there are.
    pub(crate) fn pieces(&mut self, least: usize) -> Option<usize> {
        let count = self.count()?;
        (count.checked_mul(least.max(1))? <= self.left()).then_some(count)
    }

    pub(crate) fn bytes(&mut self) -> Option<Bytes> {
        let length = self.count()?;
        self.raw(length)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub(crate) fn aligned(&mut self) -> Option<Bytes> {
        let length = self.count()?;
        self.at = self.at.checked_next_multiple_of(ALIGNMENT)?.min(self.all.len());
        self.raw(length)
    }
}
