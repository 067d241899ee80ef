//! Relative artifact paths that cannot leave their root.
//!
//! The caller decodes percent-encoding exactly once and hands the result in; whatever is not a
//! plain relative path is refused, never repaired. Stored files are named by content, so these
//! paths are labels in a manifest and never reach the file system.

use std::fmt;
use std::sync::Arc;

/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 1024;

/// A relative path of plain segments joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeRelPath(Arc<str>);

/// Why a path was refused. Never echoes the path.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// Nothing there, or nothing between two slashes.
    #[error("artifact path has an empty segment")]
    Empty,
    /// Above [`PATH_BYTES_MAX`].
    #[error("artifact path is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// Starts with `/` or a drive letter.
    #[error("artifact path must be relative")]
    Absolute,
    /// `.` or `..`.
    #[error("artifact path must not have `.` or `..` as a segment")]
    Dots,
    /// NUL, control character, backslash or `%`.
    #[error("artifact path must not hold control characters, `\\` or `%`")]
    Character,
    /// A segment ends with a dot or a space, which some systems drop.
    #[error("artifact path segment must not end with a dot or a space")]
    Trailing,
}

impl SafeRelPath {
    /// Checks a path that has been percent-decoded exactly once.
    ///
    /// # Errors
    /// [`PathError`] when it is anything but a plain relative path.
    pub fn new(path: &str) -> Result<Self, PathError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        if path.chars().any(|c| c.is_control() || c == '\\' || c == '%') {
            return Err(PathError::Character);
        }
        let bytes = path.as_bytes();
        if path.starts_with('/') || (bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':') {
            return Err(PathError::Absolute);
        }
        for segment in path.split('/') {
            match segment {
                "" => return Err(PathError::Empty),
                "." | ".." => return Err(PathError::Dots),
                _ if segment.ends_with('.') || segment.ends_with(' ') => return Err(PathError::Trailing),
                _ => {}
            }
        }
        Ok(Self(path.into()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this path is `folder` itself or lies below it.
    #[must_use]
    pub fn starts_with(&self, folder: &Self) -> bool {
        self.0
            .strip_prefix(folder.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for SafeRelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_real_models_are_accepted() {
        for good in [
            "MLmodel",
            "model.pkl",
            "data/model/sub dir/été.bin",
            "run:1/c",
            "k+step+1.png",
            "..a/b..c",
            " a",
        ] {
            assert_eq!(SafeRelPath::new(good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn everything_that_could_climb_is_refused() {
        let table = [
            ("", PathError::Empty),
            ("a//b", PathError::Empty),
            ("a/", PathError::Empty),
            ("file:///etc/passwd", PathError::Empty),
            ("/etc/passwd", PathError::Absolute),
            ("//host/share", PathError::Absolute),
            ("C:/x", PathError::Absolute),
            ("..", PathError::Dots),
            ("a/../b", PathError::Dots),
            ("./a", PathError::Dots),
            ("a\\..\\b", PathError::Character),
            ("a%2e%2e", PathError::Character),
            ("a\0b", PathError::Character),
            ("a\nb", PathError::Character),
            ("a./b", PathError::Trailing),
            (".. /b", PathError::Trailing),
            ("...", PathError::Trailing),
        ];
        for (path, error) in table {
            assert_eq!(SafeRelPath::new(path), Err(error), "{path:?}");
        }
        assert_eq!(SafeRelPath::new(&"x".repeat(1025)), Err(PathError::TooLong));
    }

    #[test]
    fn a_prefix_is_a_whole_folder() {
        let path = SafeRelPath::new("data/model.bin").expect("valid");
        assert!(path.starts_with(&SafeRelPath::new("data").expect("valid")));
        assert!(path.starts_with(&path.clone()));
        assert!(!path.starts_with(&SafeRelPath::new("dat").expect("valid")));
    }
}
