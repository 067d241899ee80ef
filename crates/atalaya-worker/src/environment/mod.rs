//! Python environments: what a model asks for, a folder per distinct wish, built once and removed when long unused.

mod build;
mod cache;
mod error;
mod requirements;
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

pub use build::{BuildOptions, Environment, ensure};
pub use cache::{Cached, Removed, clean, list};
pub use error::EnvironmentError;
pub use requirements::Requirements;

/// An interpreter that was asked about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The path that was asked.
    pub path: PathBuf,
    /// `3.11.7`.
    pub version: String,
    /// Every folder that it reads: its own, its libraries', and its virtual environment's.
    pub folders: Vec<PathBuf>,
}

/// What the interpreter prints: nothing of an environment is imported (`-S`), so nobody's code runs.
const QUESTION: &str = "
import json, os, sys
print(json.dumps({
    'version': '.'.join(str(part) for part in sys.version_info[:3]),
    'folders': [sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.path.realpath(os.__file__)),
                os.path.dirname(os.path.realpath(sys.executable))],
}))
";

#[derive(Deserialize)]
struct Answer {
    version: String,
    folders: Vec<PathBuf>,
}

/// How long an interpreter may take to say what it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks an interpreter for its version and folders.
///
/// # Errors
/// [`EnvironmentError::Interpreter`] when it cannot be started or is no Python.
pub fn probe(python: &Path) -> Result<Interpreter, EnvironmentError> {
    let failed = |reason: String| EnvironmentError::Interpreter {
        path: python.to_path_buf(),
        reason,
    };
    let mut command = Command::new(python);
    command.args(["-I", "-S", "-c", QUESTION]);
    let mut answer = None;
    let outcome = run::lines(command, PROBE_TIMEOUT, &mut |line| {
        answer = serde_json::from_str::<Answer>(line).ok().or(answer.take());
    });
    outcome.map_err(|error| failed(error.to_string()))?;
    let answer = answer.ok_or_else(|| failed("it does not say what it is".to_owned()))?;
    let mut folders = answer.folders;
    // `bin/python` of a virtual environment is a link; the environment is around it.
    let around = python.parent().and_then(Path::parent);
    folders.extend(
        around
            .filter(|folder| folder.join("pyvenv.cfg").is_file())
            .map(Path::to_path_buf),
    );
    folders.sort();
    folders.dedup();
    // A base prefix of `/` would open the whole machine; `/usr` is open anyway.
    folders.retain(|folder| folder.parent().is_some());
    Ok(Interpreter {
        path: python.to_path_buf(),
        version: answer.version,
        folders,
    })
}

/// Bytes of all files below a folder, links not followed; what cannot be read counts nothing.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    // A walk that a hostile tree cannot make endless: far more entries than any environment has.
    const MOST_ENTRIES: usize = 2_000_000;
    let (mut open, mut bytes, mut seen) = (vec![folder.to_path_buf()], 0u64, 0);
    while let Some(current) = open.pop() {
        for entry in std::fs::read_dir(current).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST_ENTRIES {
                return bytes;
            }
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => bytes = bytes.saturating_add(found.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}
