//! What happens to the workers of a model, for logs, metrics and alerts. No event carries a value of a request.

use std::sync::Arc;

/// Something that a person or a metric may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker has loaded the model.
    Started {
        /// Which worker of the pool, from 0.
        seat: usize,
        /// Its process id.
        pid: u32,
        /// The sandbox that it reached: `landlock=6 seccomp=on no_new_privs=on …`.
        sandbox: String,
        /// How long it took.
        startup_ms: u64,
    },
    /// A worker ended without being asked to, or had to be ended.
    Died {
        /// Which worker of the pool, from 0.
        seat: usize,
        /// How it ended.
        cause: String,
        /// When the next one is started at the earliest.
        retry_ms: u64,
    },
    /// Workers die again and again: none is started before `retry_ms` are over.
    CrashLoop {
        /// Deaths in a row.
        deaths: u32,
        /// When the next one is tried.
        retry_ms: u64,
    },
    /// A worker answers again after a crash loop.
    Recovered,
    /// A worker was closed because nobody asked for a while.
    Unloaded {
        /// Which worker of the pool, from 0.
        seat: usize,
    },
    /// A worker was replaced between two requests because it had grown towards its memory limit.
    Replaced {
        /// Which worker of the pool, from 0.
        seat: usize,
        /// Its resident bytes.
        resident_bytes: u64,
    },
    /// A batch was entered into the table of those that end workers.
    Poisoned {
        /// Workers that it ended.
        deaths: u32,
    },
}

/// Receives events; called from the pool's threads, so it should be quick.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Receives nothing.
#[must_use]
pub fn ignore() -> Events {
    Arc::new(|_| {})
}
