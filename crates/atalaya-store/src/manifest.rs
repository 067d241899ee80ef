//! The canonical list of a model's files; the digest of its text names the model.
//!
//! One line per file, `SHA-256 size path`, in order of path, under a line that names the format.
//! Paths hold no control characters, so a line is a line; equal files give equal text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{ArtifactError, Digest, SafeRelPath};

/// Most files under one manifest.
pub const FILES_MAX: usize = 10_000;
/// Longest manifest: [`FILES_MAX`] lines of the longest path.
pub(crate) const MANIFEST_BYTES_MAX: u64 = (FILES_MAX as u64) * (64 + 1 + 20 + 1 + 1024 + 1) + 64;

const HEADER: &str = "atalaya-manifest 1";

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

/// The files of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    files: Vec<ArtifactFile>,
}

impl Manifest {
    /// Sorts the files and refuses an empty list, too many, a path twice, and a file that is also a folder.
    pub(crate) fn new(files: Vec<ArtifactFile>) -> Result<Self, ArtifactError> {
        if files.is_empty() {
            return Err(ArtifactError::Empty);
        }
        if files.len() > FILES_MAX {
            return Err(ArtifactError::TooLarge {
                what: "number of files",
                max: FILES_MAX as u64,
            });
        }
        let mut by_path = BTreeMap::new();
        for file in files {
            if by_path.insert(file.path.clone(), file).is_some() {
                return Err(ArtifactError::Collision);
            }
        }
        for path in by_path.keys() {
            for (end, _) in path.as_str().match_indices('/') {
                let folder = SafeRelPath::new(&path.as_str()[..end])?;
                if by_path.contains_key(&folder) {
                    return Err(ArtifactError::Collision);
                }
            }
        }
        Ok(Self {
            files: by_path.into_values().collect(),
        })
    }

    /// The files in order of path.
    pub(crate) fn files(&self) -> &[ArtifactFile] {
        &self.files
    }

    /// The file of that path.
    pub(crate) fn file(&self, path: &SafeRelPath) -> Option<&ArtifactFile> {
        self.files
            .binary_search_by(|f| f.path.cmp(path))
            .ok()
            .map(|i| &self.files[i])
    }

    /// The canonical text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for file in &self.files {
            writeln!(text, "{} {} {}", file.digest, file.size_bytes, file.path).expect("writing to a string succeeds");
        }
        text
    }

    /// Reads a canonical text; anything else is `None`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
        let file = |line: &str| {
            let mut parts = line.splitn(3, ' ');
            Some(ArtifactFile {
                digest: parts.next()?.parse().ok()?,
                size_bytes: parts.next()?.parse().ok()?,
                path: SafeRelPath::new(parts.next()?).ok()?,
            })
        };
        let manifest = Self::new(lines.lines().map(file).collect::<Option<_>>()?).ok()?;
        (manifest.to_text() == text).then_some(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> ArtifactFile {
        ArtifactFile {
            path: SafeRelPath::new(path).expect(path),
            digest: Digest::of(path.as_bytes()),
            size_bytes: 3,
        }
    }

    #[test]
    fn the_text_is_canonical() {
        let manifest = Manifest::new(vec![file("model.pkl"), file("MLmodel"), file("data/a b")]).expect("valid");
        let again = Manifest::new(vec![file("data/a b"), file("model.pkl"), file("MLmodel")]).expect("valid");
        assert_eq!(manifest.to_text(), again.to_text());
        assert_eq!(Manifest::parse(&manifest.to_text()), Some(manifest.clone()));
        assert_eq!(
            manifest.file(&SafeRelPath::new("data/a b").expect("path")),
            Some(&file("data/a b"))
        );
        assert!(manifest.to_text().starts_with("atalaya-manifest 1\n"));
    }

    #[test]
    fn other_texts_are_refused() {
        let text = Manifest::new(vec![file("a"), file("b")]).expect("valid").to_text();
        let lines: Vec<&str> = text.lines().collect();
        let swapped = format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]);
        for bad in [
            "",
            HEADER,
            &swapped,
            &text.replace(" 3 ", " 03 "),
            text.trim_end(),
            &text.replace(" a\n", " ../a\n"),
        ] {
            assert_eq!(Manifest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn files_that_cannot_lie_side_by_side_are_refused() {
        assert!(matches!(Manifest::new(vec![]), Err(ArtifactError::Empty)));
        assert!(matches!(
            Manifest::new(vec![file("a"), file("a")]),
            Err(ArtifactError::Collision)
        ));
        assert!(matches!(
            Manifest::new(vec![file("a"), file("a-b"), file("a/b/c")]),
            Err(ArtifactError::Collision)
        ));
        assert!(Manifest::new(vec![file("a/b"), file("ab")]).is_ok());
    }
}
