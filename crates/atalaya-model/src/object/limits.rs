//! Bounds on what a model file may make the reader hold, checked before each allocation.

use super::error::ObjectError;

/// Largest file that is read: a forest of 100 unlimited trees is 1 to 2 GB in practice.
pub const MAX_FILE_BYTES: usize = 2 << 30;
/// Most values of one object tree; a 2 GiB file of real models has far fewer.
pub(super) const MAX_NODES: usize = 50_000_000;
/// Most digits of an integer written as text: Python's own limit.
pub(super) const MAX_INT_DIGITS: usize = 4300;
/// Most dimensions of an array: numpy's own limit until 2.0.
pub(super) const MAX_RANK: usize = 32;
/// Memory that any file may take, however small it is.
const FREE_BYTES: usize = 64 << 20;
/// Memory per byte of file: real pickles take under 3.
const BYTES_PER_FILE_BYTE: usize = 8;

/// Counts what a reader allocates and refuses the file when it is out of proportion.
#[derive(Debug)]
pub(super) struct Budget {
    left_bytes: usize,
}

impl Budget {
    /// A budget for a file of `file_bytes`.
    pub(super) fn for_file(file_bytes: usize) -> Result<Self, ObjectError> {
        if file_bytes > MAX_FILE_BYTES {
            return Err(ObjectError::TooLarge { what: "the model file" });
        }
        Ok(Self {
            left_bytes: file_bytes
                .saturating_mul(BYTES_PER_FILE_BYTE)
                .saturating_add(FREE_BYTES),
        })
    }

    /// Takes `bytes` from the budget, before they are allocated.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), ObjectError> {
        self.left_bytes = self.left_bytes.checked_sub(bytes).ok_or(ObjectError::TooLarge {
            what: "the memory that the object takes",
        })?;
        Ok(())
    }
}
