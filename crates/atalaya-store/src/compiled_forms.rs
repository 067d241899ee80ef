//! The folder of compiled forms: a cache of files that are mapped, never changed, and thrown away when there are too many.
//!
//! What a form holds is not this crate's business: whoever reads one checks it. So a form that a crash cut off is no harm,
//! and nothing here waits for the disk.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::{Digest, map};

/// What names of forms that are being written start with.
const ASIDE: &str = "aside-";
/// A form is written within seconds; one this old was left by a killed process.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);

/// Compiled forms by the digest of their model's files. Cheap to clone; several processes may use one folder. Calls block
/// for as long as the disk takes.
#[derive(Debug, Clone)]
pub struct CompiledForms {
    root: Arc<PathBuf>,
    limit_bytes: u64,
}

/// A file of the folder.
struct Entry {
    path: PathBuf,
    size_bytes: u64,
    used_at: SystemTime,
}

impl CompiledForms {
    /// Opens the folder, making it (mode 0700) when it is not there. Forms take no more than `limit_bytes` together: those
    /// that were used longest ago go first.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn open(dir: &Path, limit_bytes: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let forms = Self {
            root: Arc::new(dir.to_owned()),
            limit_bytes,
        };
        forms.evict(None)?;
        Ok(forms)
    }

    /// The form of a model, mapped; `None` when there is none, or it cannot be read: then the model is loaded without.
    #[must_use]
    pub fn map(&self, model: &Digest) -> Option<Bytes> {
        let file = File::open(self.path_of(model)).ok()?;
        let bytes = map::map(&file).ok()?;
        // Its place among those to be thrown away. When that fails, it goes earlier than it should.
        let _ = file.set_modified(SystemTime::now());
        Some(bytes)
    }

    /// Keeps the form of a model in place of any other, and throws away what is over the limit then. One that is over the
    /// limit alone is not kept.
    ///
    /// # Errors
    /// When the disk says no; the folder is as before.
    pub fn put(&self, model: &Digest, form: &[u8]) -> io::Result<()> {
        if form.len() as u64 > self.limit_bytes {
            return Ok(());
        }
        let aside = self.root.join(format!("{ASIDE}{}", uuid::Uuid::new_v4().simple()));
        let path = self.path_of(model);
        let written = write(&aside, form).and_then(|()| std::fs::rename(&aside, &path));
        if let Err(error) = written {
            // What cannot be removed now goes when the folder is next looked through.
            let _ = std::fs::remove_file(&aside);
            return Err(error);
        }
        self.evict(Some(&path))
    }

    /// Throws a model's form away: it was refused, or its model was deleted. Mapped bytes of it stay good.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove(&self, model: &Digest) -> io::Result<()> {
        gone(std::fs::remove_file(self.path_of(model)))
    }

    fn path_of(&self, model: &Digest) -> PathBuf {
        self.root.join(model.as_str())
    }

    /// Removes what is over the limit, but for `kept`, and what killed processes left.
    fn evict(&self, kept: Option<&Path>) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in self.root.read_dir()? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else {
                continue; // Another process was quicker.
            };
            let used_at = metadata.modified()?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(ASIDE)) {
                if used_at.elapsed().is_ok_and(|age| age > LEFT_BEHIND) {
                    gone(std::fs::remove_file(entry.path()))?;
                }
                continue;
            }
            entries.push(Entry {
                path: entry.path(),
                size_bytes: metadata.len(),
                used_at,
            });
        }
        let mut total: u64 = entries.iter().map(|entry| entry.size_bytes).sum();
        entries.sort_by_key(|entry| entry.used_at);
        for entry in entries.iter().filter(|entry| Some(entry.path.as_path()) != kept) {
            if total <= self.limit_bytes {
                break;
            }
            gone(std::fs::remove_file(&entry.path))?;
            total -= entry.size_bytes;
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(bytes)
}

/// A file that is not there is removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn used(forms: &CompiledForms, model: &Digest, seconds: u64) {
        let file = File::open(forms.path_of(model)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .unwrap();
    }

    #[test]
    fn a_form_is_mapped_as_it_was_put_until_it_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let forms = CompiledForms::open(&home.path().join("compiled"), 1_000).unwrap();
        let model = Digest::of(b"model");
        assert_eq!(forms.map(&model), None);
        forms.put(&model, b"first").unwrap();
        let first = forms.map(&model).unwrap();
        forms.put(&model, b"second").unwrap();
        assert_eq!(forms.map(&model).unwrap(), "second");
        forms.remove(&model).unwrap();
        forms.remove(&model).unwrap();
        assert_eq!(forms.map(&model), None);
        assert_eq!(first, "first", "mapped bytes outlive their file's name");
    }

    #[test]
    fn those_used_longest_ago_go_first() {
        let home = tempfile::tempdir().unwrap();
        let forms = CompiledForms::open(home.path(), 10).unwrap();
        let [a, b, c] = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        forms.put(&a, b"1234").unwrap();
        forms.put(&b, b"5678").unwrap();
        used(&forms, &a, 1);
        used(&forms, &b, 2);
        // Mapping is using.
        assert!(forms.map(&a).is_some());
        forms.put(&c, b"9012").unwrap();
        let kept = [&a, &b, &c].map(|model| forms.map(model).is_some());
        assert_eq!(kept, [true, false, true]);
        // Alone over the limit.
        forms.put(&b, b"12345678901").unwrap();
        assert_eq!(forms.map(&b), None);
        assert!(forms.map(&c).is_some());
        // A lower limit holds from the next start on.
        used(&forms, &c, 1);
        let forms = CompiledForms::open(home.path(), 4).unwrap();
        assert_eq!([&a, &c].map(|model| forms.map(model).is_some()), [true, false]);
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_away() {
        let home = tempfile::tempdir().unwrap();
        let left = home.path().join("aside-1");
        write(&left, b"half").unwrap();
        CompiledForms::open(home.path(), 10).unwrap();
        assert!(left.exists(), "it may still be written");
        File::open(&left).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        CompiledForms::open(home.path(), 10).unwrap();
        assert!(!left.exists());
    }
}
