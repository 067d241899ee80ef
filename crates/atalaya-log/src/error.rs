//! What can go wrong with a log as a whole; what can go wrong with one record is `AppendError`.

use std::io;
use std::path::PathBuf;

/// A failure of opening, reading, flushing or closing a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A setting is outside what the format can hold.
    #[error("log setting `{field}` {rule}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Another process (or another `Log` of this process) has the directory.
    #[error("log directory `{}` is in use by another process; stop that one first, or give this one its own directory", .dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Records written by a newer release; nothing was changed.
    #[error(
        "segment `{name}` has format version {found}, this release reads up to {supported}; start the newer release"
    )]
    NewerFormat {
        /// File name of the segment.
        name: String,
        /// The version in its header.
        found: u16,
        /// The newest version this release reads.
        supported: u16,
    },
    /// `flushed` named a record that was never written in that epoch.
    #[error("cannot note a flush up to sequence number {last_seq}: the log has written only up to {written}")]
    FlushedAhead {
        /// What was claimed.
        last_seq: u64,
        /// The last number there is.
        written: u64,
    },
    /// A name for the flush journal is empty, too long or holds a line break.
    #[error("a name for the flush journal must have 1 to 1024 bytes and no control character")]
    JournalName,
    /// The flush journal names too many files; finished flushes must be cleared from it.
    #[error("the flush journal already names {limit} files; clear those that are committed")]
    JournalFull {
        /// How many names it holds.
        limit: usize,
    },
    /// Records that were accepted could not be made durable.
    #[error("the log cannot make its records durable: {reason}")]
    NotDurable {
        /// The reason word, as in the receipt.
        reason: &'static str,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl LogError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
