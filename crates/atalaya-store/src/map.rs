//! A whole file as bytes without reading it: the crate's only unsafe code.
#![expect(
    unsafe_code,
    reason = "a mapped file is memory that the kernel changes when somebody writes into the file"
)]

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::MmapOptions;

/// The bytes of a file that nobody writes into, as long as any part of them is kept. The file may be unlinked meanwhile.
pub(crate) fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the bytes would change under their borrowers if the file were written into or cut off. Callers map only files
    // that `CompiledForms` wrote aside, gave the mode 0400 and renamed into a folder of mode 0700: this program never opens
    // such a file for writing again, it replaces it by another rename or unlinks it, both of which leave the mapped file as
    // it is. Another process of the same user that writes into it against its mode could also write into this process.
    let mapped = unsafe { MmapOptions::new().populate().map(file)? };
    Ok(Bytes::from_owner(mapped))
}
