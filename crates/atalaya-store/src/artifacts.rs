//! Artifact bytes: files named by their SHA-256, written once, verified at every read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{ArtifactFile, Digest, PathError, SafeRelPath};

/// Longest single file.
pub const FILE_BYTES_MAX: u64 = 2 << 30;
/// Most bytes of one model: all files are in memory while it is stored.
pub const TOTAL_BYTES_MAX: u64 = 4 << 30;

/// Why artifact files could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// No such manifest or no such path in it.
    #[error("artifact not found")]
    NotFound,
    /// Stored bytes are not what their digest says: damaged or changed on disk.
    #[error("stored artifact does not match its digest; restore it from a backup or register the model again")]
    Tampered,
    /// A path was refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// One path twice, or one path is a folder of another.
    #[error("artifact paths collide: one is repeated or lies below another file")]
    Collision,
    /// Nothing to store.
    #[error("a model needs at least one file")]
    Empty,
    /// A limit was passed.
    #[error("{what} must be at most {max}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The disk said no.
    #[error("artifact files failed")]
    Io(#[source] std::io::Error),
}

/// One line of a folder listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactEntry {
    /// A file.
    File(ArtifactFile),
    /// A folder that holds files.
    Folder(SafeRelPath),
}

/// The folder of artifact files. Cheap to clone; several processes may use one folder.
#[derive(Debug, Clone)]
pub struct Artifacts {
    root: Arc<PathBuf>,
}

impl Artifacts {
    /// Opens the folder, making it (mode 0700) when it is not there.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub async fn open(dir: &Path) -> Result<Self, ArtifactError> {
        todo!()
    }

    /// Stores a model's files and returns the digest of their manifest. Everything is on the disk then.
    /// The same files give the same digest and are stored once.
    ///
    /// # Errors
    /// [`ArtifactError`] when there is no file, a limit is passed, paths collide or the disk fails.
    pub async fn put(&self, files: Vec<(SafeRelPath, Arc<[u8]>)>) -> Result<Digest, ArtifactError> {
        todo!()
    }

    /// The files of a manifest in order of path; with a prefix, that file or the files below that folder.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] for an unknown manifest, [`ArtifactError::Tampered`], [`ArtifactError::Io`].
    pub async fn list(
        &self,
        manifest: &Digest,
        prefix: Option<&SafeRelPath>,
    ) -> Result<Vec<ArtifactFile>, ArtifactError> {
        todo!()
    }

    /// What is directly in a folder of a manifest (`None` is its root), folders included; for a file, itself.
    /// An unknown folder is empty.
    ///
    /// # Errors
    /// As [`Artifacts::list`].
    pub async fn entries(
        &self,
        manifest: &Digest,
        folder: Option<&SafeRelPath>,
    ) -> Result<Vec<ArtifactEntry>, ArtifactError> {
        todo!()
    }

    /// The bytes of one file, verified.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`], [`ArtifactError::Tampered`], [`ArtifactError::Io`].
    pub async fn read(&self, manifest: &Digest, path: &SafeRelPath) -> Result<Vec<u8>, ArtifactError> {
        todo!()
    }

    /// The bytes of every file of a manifest, verified, in order of path: what a loader needs.
    ///
    /// # Errors
    /// As [`Artifacts::read`].
    pub async fn read_all(&self, manifest: &Digest) -> Result<Vec<(SafeRelPath, Arc<[u8]>)>, ArtifactError> {
        todo!()
    }
}
