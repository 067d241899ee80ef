//! The bytes of a pickle: every length is checked against what is left before anything is taken.

use super::super::error::ObjectError;

/// A cursor over a pickle.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the current instruction starts.
    start: usize,
    /// Where the current frame ends.
    frame_end: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            start: 0,
            frame_end: 0,
        }
    }

    pub(super) fn error(&self, what: &'static str) -> ObjectError {
        ObjectError::Pickle {
            offset: self.start,
            what,
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn opcode(&mut self) -> Result<u8, ObjectError> {
        self.start = self.at;
        self.u8()
    }

    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], ObjectError> {
        let left = &self.bytes[self.at..];
        let taken = left
            .get(..size)
            .ok_or_else(|| self.error("the file ends inside an instruction"))?;
        self.at += size;
        Ok(taken)
    }

    /// Up to the next line feed, which is passed over.
    pub(super) fn line(&mut self) -> Result<&'a [u8], ObjectError> {
        let left = &self.bytes[self.at..];
        let size = left.iter().position(|byte| *byte == b'\n');
        let size = size.ok_or_else(|| self.error("the file ends inside an instruction"))?;
        let line = self.take(size)?;
        self.at += 1;
        Ok(line)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ObjectError> {
        let taken = self.take(N)?;
        taken
            .try_into()
            .map_err(|_| self.error("the file ends inside an instruction"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, ObjectError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ObjectError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ObjectError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, ObjectError> {
        self.array().map(i32::from_le_bytes)
    }

    /// A length of 1, 4 or 8 bytes.
    pub(super) fn length(&mut self, width: usize) -> Result<usize, ObjectError> {
        let length = match width {
            1 => u64::from(self.u8()?),
            4 => u64::from(self.u32()?),
            _ => u64::from_le_bytes(self.array()?),
        };
        usize::try_from(length).map_err(|_| self.error("the file ends inside an instruction"))
    }

    pub(super) fn utf8(&mut self, size: usize) -> Result<&'a str, ObjectError> {
        let bytes = self.take(size)?;
        std::str::from_utf8(bytes).map_err(|_| self.error("text that is not UTF-8"))
    }

    /// Starts a frame: it must fit the file, and the one before must have ended.
    pub(super) fn frame(&mut self) -> Result<(), ObjectError> {
        let nested = self.start < self.frame_end;
        let size = self.length(8)?;
        match self.at.checked_add(size) {
            _ if nested => Err(self.error("a frame inside a frame")),
            Some(end) if end <= self.bytes.len() => {
                self.frame_end = end;
                Ok(())
            }
            _ => Err(self.error("a frame longer than the file")),
        }
    }
}
