//! Key files: made once with fresh random bytes, readable by their owner only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Reads the 32 bytes of a key file, making it when it is not there.
///
/// # Errors
/// An I/O error, or `InvalidData` when the file does not hold exactly 32 bytes.
pub(crate) fn key_file(path: &Path, fresh: [u8; 32]) -> io::Result<[u8; 32]> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(&fresh)?;
            file.sync_all()?;
            sync_parent(path)?;
            Ok(fresh)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut bytes = Vec::new();
            File::open(path)?.take(33).read_to_end(&mut bytes)?;
            bytes.try_into().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a key file holds exactly 32 bytes; restore it from a backup",
                )
            })
        }
        Err(error) => Err(error),
    }
}

/// Writes a secret text to a new file that only its owner reads.
pub(crate) fn secret_file(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    sync_parent(path)
}

/// Makes the directory entry of a new file durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("pepper");
        assert_eq!(key_file(&path, [1; 32]).expect("made"), [1; 32]);
        assert_eq!(key_file(&path, [2; 32]).expect("kept"), [1; 32]);
        assert_eq!(path.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"short").expect("write");
        assert_eq!(
            key_file(&path, [3; 32]).expect_err("damaged").kind(),
            io::ErrorKind::InvalidData
        );
    }
}
