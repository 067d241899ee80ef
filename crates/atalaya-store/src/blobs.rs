//! Bytes in files named by their SHA-256: `sha256/ab/abcd…`, written aside, synced, then renamed into place.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{ArtifactError, Digest};

const BLOBS: &str = "sha256";
const ASIDE: &str = "tmp";
/// A file written aside is in place within seconds; one this old was left by a killed process.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3_600);

/// Makes the folders and clears away what killed processes left.
pub(crate) fn prepare(root: &Path) -> Result<(), ArtifactError> {
    let prepare = || -> io::Result<()> {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(root.join(BLOBS))?;
        private.create(root.join(ASIDE))?;
        for entry in root.join(ASIDE).read_dir()? {
            let entry = entry?;
            let age = entry
                .metadata()
                .and_then(|m| m.modified())
                .ok()
                .and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > LEFT_BEHIND) {
                std::fs::remove_file(entry.path())?;
            }
        }
        sync_folder(root)
    };
    prepare().map_err(ArtifactError::Io)
}

/// Writes bytes under their digest, unless they are there and intact. They are on the disk afterwards.
pub(crate) fn write(root: &Path, digest: &Digest, bytes: &[u8]) -> Result<(), ArtifactError> {
    // A damaged file is not an obstacle: storing the model again mends it.
    let intact = matches!(read(root, digest, bytes.len() as u64), Ok(Some(_)));
    let write = || -> io::Result<()> {
        let target = path_of(root, digest);
        let folder = target.parent().expect("a blob's path has a folder");
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            // Also when it was there: whoever made it may not have come to syncing.
            _ => sync_folder(&root.join(BLOBS))?,
        }
        if intact {
            return sync_folder(folder);
        }
        let aside = Aside(root.join(ASIDE).join(uuid::Uuid::new_v4().simple().to_string()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside.0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&aside.0, &target)?;
        sync_folder(folder)
    };
    write().map_err(ArtifactError::Io)
}

/// Reads and verifies the bytes of a digest; `None` when there are none.
pub(crate) fn read(root: &Path, digest: &Digest, max: u64) -> Result<Option<Vec<u8>>, ArtifactError> {
    let read = || -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path_of(root, digest)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut bytes = Vec::new();
        // One byte more than allowed shows that the file has grown, without reading all of it.
        file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match read().map_err(ArtifactError::Io)? {
        Some(bytes) if bytes.len() as u64 > max || Digest::of(&bytes) != *digest => Err(ArtifactError::Tampered),
        found => Ok(found),
    }
}

fn path_of(root: &Path, digest: &Digest) -> PathBuf {
    root.join(BLOBS).join(&digest.as_str()[..2]).join(digest.as_str())
}

/// Makes a rename or a new entry durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A file written aside; gone when the write fails half-way. After the rename there is nothing to remove.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_file(&self.0) {
            // What cannot be removed now is cleared at a later start.
            debug_assert!(
                matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied),
                "{e}"
            );
        }
    }
}
