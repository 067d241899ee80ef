//! Arrays that are owned, or lie in the bytes of a compiled form that somebody else keeps, such as a mapped file.

use std::ops::Deref;

use bytes::Bytes;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// An array that does not change.
#[derive(Debug)]
pub(super) enum Buffer<T> {
    Owned(Vec<T>),
    /// Whole elements, aligned.
    Shared(Bytes),
}

impl<T: FromBytes + Immutable + KnownLayout> Buffer<T> {
    /// The elements that `bytes` are; they are copied only when they are not aligned. `None` when the last is not whole.
    pub(super) fn over(bytes: Bytes) -> Option<Self> {
        if !bytes.len().is_multiple_of(size_of::<T>().max(1)) {
            return None;
        }
        if <[T]>::ref_from_bytes(&bytes).is_ok() {
            return Some(Self::Shared(bytes));
        }
        let elements = bytes.chunks_exact(size_of::<T>().max(1));
        let elements = elements.map(|element| T::read_from_bytes(element).ok());
        elements.collect::<Option<Vec<T>>>().map(Self::Owned)
    }
}

impl<T: FromBytes + Immutable + KnownLayout> Deref for Buffer<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(elements) => elements,
            // `over` has looked: they are whole and aligned.
            Self::Shared(bytes) => <[T]>::ref_from_bytes(bytes).unwrap_or_default(),
        }
    }
}
