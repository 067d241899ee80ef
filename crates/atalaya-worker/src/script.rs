//! The one Python file that a worker runs: part of the program, written where the worker can read it, checked by its hash.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

const SOURCE: &[u8] = include_bytes!("worker.py");

/// Puts the script into `folder` under the name of its hash and returns its path. A file that is there already and has
/// other bytes is replaced, so that nobody's changes run.
pub(crate) fn install(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("worker-{}.py", hash(SOURCE)));
    if fs::read(&path).is_ok_and(|found| found == SOURCE) {
        return Ok(path);
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(SOURCE)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}

/// The first 16 hex digits of the SHA-256.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_changed_script_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = install(folder.path()).unwrap();
        fs::write(&path, b"import os; os.system('x')").unwrap();
        assert_eq!(install(folder.path()).unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), SOURCE);
    }
}
