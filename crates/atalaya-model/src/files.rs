//! The files of one model directory, in memory: relative path → bytes, within named limits.
//!
//! Whoever reads a disk, an archive or an object store fills it; a model never reaches outside it,
//! because there is no path in it that could.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Most files a model directory may have. MLflow writes under ten; `code/` folders add some hundreds.
pub const MAX_FILES: usize = 10_000;
/// Most bytes all files of a model may have together: the 4 GiB that a serving endpoint has for a CPU model.
pub const MAX_TOTAL_BYTES: u64 = 4 << 30;
/// Longest path, as on Linux (`PATH_MAX` without its final zero byte).
pub const MAX_PATH_BYTES: usize = 4095;

/// Relative path → bytes of every file of a model.
#[derive(Debug, Clone, Default)]
pub struct ModelFiles {
    files: BTreeMap<String, Arc<[u8]>>,
}

/// Why a set of files cannot be a model directory.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FilesError {
    /// The path is not a plain relative one.
    #[error("file {position} of the model has an unusable path: {reason}")]
    Path {
        /// Which of the given files, from 0. The path itself is foreign text and is not repeated.
        position: usize,
        /// What is wrong with the path.
        reason: &'static str,
    },
    /// Two files have the same path.
    #[error("file {position} of the model has the path of an earlier one")]
    Twice {
        /// Which of the given files, from 0.
        position: usize,
    },
    /// More than [`MAX_FILES`] files.
    #[error("the model has more than {MAX_FILES} files")]
    TooMany,
    /// More than [`MAX_TOTAL_BYTES`] bytes.
    #[error("the model's files have more than {MAX_TOTAL_BYTES} bytes together")]
    TooLarge,
}

impl ModelFiles {
    /// Collects files, checking each path and the totals.
    ///
    /// # Errors
    /// [`FilesError`] for an unusable path (see [`check_path`]), a path given twice, too many or too large files.
    pub fn from_pairs<P, B>(pairs: impl IntoIterator<Item = (P, B)>) -> Result<Self, FilesError>
    where
        P: Into<String>,
        B: Into<Arc<[u8]>>,
    {
        let mut files = BTreeMap::new();
        let mut total_bytes = 0u64;
        for (position, (path, bytes)) in pairs.into_iter().enumerate() {
            if position >= MAX_FILES {
                return Err(FilesError::TooMany);
            }
            let (path, bytes) = (path.into(), bytes.into());
            check_path(&path).map_err(|reason| FilesError::Path { position, reason })?;
            total_bytes = total_bytes.saturating_add(bytes.len() as u64);
            if total_bytes > MAX_TOTAL_BYTES {
                return Err(FilesError::TooLarge);
            }
            if files.insert(path, bytes).is_some() {
                return Err(FilesError::Twice { position });
            }
        }
        Ok(Self { files })
    }

    /// The bytes of the file at `path`, when there is one.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(AsRef::as_ref)
    }

    /// Every path, in byte order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All bytes together.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.files.values().map(|bytes| bytes.len() as u64).sum()
    }
}

/// Whether `path` is a plain relative path: `a/b.txt`, no empty, `.` or `..` part, no `\`, `:` drive, or control character.
///
/// # Errors
/// The reason, as a fragment without any part of the path.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("it is empty");
    }
    if path.len() > MAX_PATH_BYTES {
        return Err("it is too long");
    }
    if path.contains('\0') {
        return Err("it has a NUL");
    }
    if path.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    if path.contains('\\') {
        return Err("it has a backslash");
    }
    if path.starts_with('/') {
        return Err("it is absolute");
    }
    if path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic() {
        return Err("it names a drive");
    }
    for part in path.split('/') {
        match part {
            "" => return Err("it has an empty part"),
            "." | ".." => return Err("it has a `.` or `..` part"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_read_back() {
        let files = ModelFiles::from_pairs([("MLmodel", &b"a"[..]), ("code/x..y.py", b"bc")]).unwrap();
        assert_eq!(files.read("code/x..y.py"), Some(&b"bc"[..]));
        assert_eq!(files.read("code"), None);
        assert_eq!(files.paths().collect::<Vec<_>>(), ["MLmodel", "code/x..y.py"]);
        assert_eq!((files.len(), files.size_bytes(), files.is_empty()), (2, 3, false));
    }

    #[test]
    fn unusable_paths_are_refused_without_repeating_them() {
        for path in [
            "",
            "/etc/passwd",
            "../secret",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "..\\b",
            "a\0b",
            "c:x",
            "a\nb",
        ] {
            let error = ModelFiles::from_pairs([("ok", &b""[..]), (path, b"")]).unwrap_err();
            assert!(matches!(error, FilesError::Path { position: 1, .. }), "{path:?}");
            assert!(path.len() < 3 || !error.to_string().contains(path), "{error}");
        }
        assert!(check_path(&"a/".repeat(3000)).is_err());
    }

    #[test]
    fn one_path_twice_and_too_many_files_are_refused() {
        let twice = ModelFiles::from_pairs([("a", &b""[..]), ("a", b"")]);
        assert_eq!(twice.unwrap_err(), FilesError::Twice { position: 1 });
        let many = ModelFiles::from_pairs((0..=MAX_FILES).map(|i| (i.to_string(), &b""[..])));
        assert_eq!(many.unwrap_err(), FilesError::TooMany);
    }
}
