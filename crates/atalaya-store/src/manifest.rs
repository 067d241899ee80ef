//! The canonical list of a model's files; its own digest names the model.

use crate::{Digest, SafeRelPath};

/// Most files under one manifest.
pub const FILES_MAX: usize = 10_000;

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactFile {
    /// Where it is in the model.
    pub path: SafeRelPath,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
}
