//! Why an environment cannot be had.

use std::path::PathBuf;

/// What went wrong, in words that say what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// An interpreter cannot be used.
    #[error("{} cannot be used as a Python interpreter: {reason}", .path.display())]
    Interpreter {
        /// The interpreter.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No interpreter of the version that the model asks for.
    #[error("no Python {wanted} was found (looked at {looked_at}); install it, or name one that will do")]
    NoPython {
        /// The version.
        wanted: String,
        /// What was looked at, with versions.
        looked_at: String,
    },
    /// A file that describes the environment cannot be read.
    #[error("`{file}`: {reason}")]
    File {
        /// The file, by its path in the model's folder.
        file: String,
        /// What is wrong, without its text.
        reason: String,
    },
    /// The files ask for something that is not allowed here.
    #[error("`{file}` line {line}: {reason}")]
    Requirement {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A step of the build failed.
    #[error("{step} failed: {outcome}; the log ends with: {tail}")]
    Build {
        /// Which step.
        step: &'static str,
        /// How it ended.
        outcome: String,
        /// The last lines of the log.
        tail: String,
    },
    /// Files of the cache cannot be read or written.
    #[error("the folder of environments: {what}")]
    Io {
        /// What was done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl EnvironmentError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
