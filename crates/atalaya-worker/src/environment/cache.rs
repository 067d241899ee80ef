//! The environments that are there, and removing those that were not used for longest.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::build::{COMPLETE, Stamp};
use super::{EnvironmentError, folder_bytes};

/// An environment on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// The hash of what it has.
    pub hash: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its Python version.
    pub python: String,
    /// The requirements it was built from.
    pub requirements: Vec<String>,
    /// Bytes of its files.
    pub size_bytes: u64,
    /// When it was asked for last.
    pub last_used: SystemTime,
    /// Whether a process uses it now.
    pub in_use: bool,
}

/// An environment that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its hash.
    pub hash: String,
    /// Bytes that became free.
    pub size_bytes: u64,
}

/// Every complete environment below `root`, the one that was used last first.
///
/// # Errors
/// [`EnvironmentError::Io`].
pub fn list(root: &Path) -> Result<Vec<Cached>, EnvironmentError> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(EnvironmentError::io("it cannot be read"))?,
    };
    let mut found: Vec<Cached> = entries
        .flatten()
        .filter_map(|entry| cached(root, &entry.path()))
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.last_used));
    Ok(found)
}

fn cached(root: &Path, folder: &Path) -> Option<Cached> {
    let stamp = folder.join(COMPLETE);
    let last_used = stamp.metadata().ok()?.modified().ok()?;
    let stamp: Stamp = serde_json::from_slice(&fs::read(stamp).ok()?).ok()?;
    let hash = folder.file_name()?.to_str()?.to_owned();
    let lock = File::open(root.join(format!("{hash}.lock"))).ok();
    Some(Cached {
        in_use: lock.is_some_and(|lock| lock.try_lock().is_err()),
        folder: folder.to_path_buf(),
        python: stamp.python,
        requirements: stamp.requirements,
        size_bytes: folder_bytes(folder),
        last_used,
        hash,
    })
}

/// Removes environments that nobody uses, the longest unused first, until all together have at most `most_bytes`; and what
/// builds that were killed left behind.
///
/// # Errors
/// [`EnvironmentError::Io`].
pub fn clean(root: &Path, most_bytes: u64) -> Result<Vec<Removed>, EnvironmentError> {
    let found = list(root)?;
    let mut total: u64 = found.iter().map(|one| one.size_bytes).sum();
    let mut removed = Vec::new();
    for one in found.iter().rev() {
        if total <= most_bytes {
            break;
        }
        let lock = File::options()
            .create(true)
            .append(true)
            .open(root.join(format!("{}.lock", one.hash)))
            .map_err(EnvironmentError::io("a lock file"))?;
        if lock.try_lock().is_err() {
            continue;
        }
        // The stamp first: a removal that is cut short leaves nothing that looks complete.
        fs::remove_file(one.folder.join(COMPLETE))
            .and_then(|()| fs::remove_dir_all(&one.folder))
            .map_err(EnvironmentError::io("an environment that is to be removed"))?;
        total = total.saturating_sub(one.size_bytes);
        removed.push(Removed {
            hash: one.hash.clone(),
            size_bytes: one.size_bytes,
        });
    }
    Ok(removed)
}
