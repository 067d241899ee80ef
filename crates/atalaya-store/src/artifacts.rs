//! Artifact bytes: files named by their SHA-256, written once, verified at every read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blobs;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
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
        let root = Arc::new(dir.to_owned());
        blocking(move || {
            blobs::prepare(&root)?;
            Ok(Self { root })
        })
        .await
    }

    /// Stores a model's files and returns the digest of their manifest. Everything is on the disk then.
    /// The same files give the same digest and are stored once.
    ///
    /// # Errors
    /// [`ArtifactError`] when there is no file, a limit is passed, paths collide or the disk fails.
    pub async fn put(&self, files: Vec<(SafeRelPath, Arc<[u8]>)>) -> Result<Digest, ArtifactError> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            check_sizes(&files)?;
            let listed = files.iter().map(|(path, bytes)| ArtifactFile {
                path: path.clone(),
                digest: Digest::of(bytes),
                size_bytes: bytes.len() as u64,
            });
            let manifest = Manifest::new(listed.collect())?;
            let bytes_of: HashMap<&SafeRelPath, &Arc<[u8]>> = files.iter().map(|(path, bytes)| (path, bytes)).collect();
            for file in manifest.files() {
                blobs::write(&root, &file.digest, bytes_of[&file.path])?;
            }
            // The manifest goes last: whoever can read it can read every file it names.
            let text = manifest.to_text();
            let digest = Digest::of(text.as_bytes());
            blobs::write(&root, &digest, text.as_bytes())?;
            Ok(digest)
        })
        .await
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
        let manifest = self.manifest(manifest).await?;
        let files = manifest
            .files()
            .iter()
            .filter(|f| prefix.is_none_or(|prefix| f.path.starts_with(prefix)));
        Ok(files.cloned().collect())
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
        let files = self.list(manifest, folder).await?;
        let skip = folder.map_or(0, |folder| folder.as_str().len() + 1);
        let mut entries = Vec::new();
        // Files of one folder are not always next to each other: `a/b`, `a-b`, `a/c`.
        let mut folders = HashSet::new();
        for file in files {
            match file.path.as_str().get(skip..).and_then(|below| below.split_once('/')) {
                None => entries.push(ArtifactEntry::File(file)),
                Some((name, _)) => {
                    let folder = SafeRelPath::new(&file.path.as_str()[..skip + name.len()])?;
                    if folders.insert(folder.clone()) {
                        entries.push(ArtifactEntry::Folder(folder));
                    }
                }
            }
        }
        Ok(entries)
    }

    /// The bytes of one file, verified.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`], [`ArtifactError::Tampered`], [`ArtifactError::Io`].
    pub async fn read(&self, manifest: &Digest, path: &SafeRelPath) -> Result<Vec<u8>, ArtifactError> {
        let manifest = self.manifest(manifest).await?;
        let file = manifest.file(path).cloned().ok_or(ArtifactError::NotFound)?;
        let root = Arc::clone(&self.root);
        blocking(move || read_file(&root, &file)).await
    }

    /// The bytes of every file of a manifest, verified, in order of path: what a loader needs.
    ///
    /// # Errors
    /// As [`Artifacts::read`].
    pub async fn read_all(&self, manifest: &Digest) -> Result<Vec<(SafeRelPath, Arc<[u8]>)>, ArtifactError> {
        let manifest = self.manifest(manifest).await?;
        let root = Arc::clone(&self.root);
        blocking(move || {
            let read = |file: &ArtifactFile| Ok((file.path.clone(), read_file(&root, file)?.into()));
            manifest.files().iter().map(read).collect()
        })
        .await
    }
}

impl Artifacts {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest, ArtifactError> {
        let (root, digest) = (Arc::clone(&self.root), digest.clone());
        blocking(move || {
            let bytes = blobs::read(&root, &digest, MANIFEST_BYTES_MAX)?.ok_or(ArtifactError::NotFound)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| ArtifactError::Tampered)?;
            // Verified bytes that are no manifest: the digest of a file was asked for.
            Manifest::parse(text).ok_or(ArtifactError::NotFound)
        })
        .await
    }
}

/// A file that a manifest names must be there, and be what it was.
fn read_file(root: &Path, file: &ArtifactFile) -> Result<Vec<u8>, ArtifactError> {
    let bytes = blobs::read(root, &file.digest, file.size_bytes)?.ok_or(ArtifactError::Tampered)?;
    if bytes.len() as u64 == file.size_bytes {
        Ok(bytes)
    } else {
        Err(ArtifactError::Tampered)
    }
}

fn check_sizes(files: &[(SafeRelPath, Arc<[u8]>)]) -> Result<(), ArtifactError> {
    let mut total = 0_u64;
    for (_, bytes) in files {
        let size = bytes.len() as u64;
        if size > FILE_BYTES_MAX {
            return Err(ArtifactError::TooLarge {
                what: "bytes of one file",
                max: FILE_BYTES_MAX,
            });
        }
        total = total.saturating_add(size);
    }
    if total > TOTAL_BYTES_MAX {
        return Err(ArtifactError::TooLarge {
            what: "bytes of one model",
            max: TOTAL_BYTES_MAX,
        });
    }
    Ok(())
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, ArtifactError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| ArtifactError::Io(e.into()))?
}
