//! What this process remembers of its monitors between two looks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use atalaya_domain::Timestamp;

/// Turns and times of the watching part.
#[derive(Default)]
pub(crate) struct Watching {
    /// Held by the one run under way: a window and its baseline may take hundreds of MiB.
    pub(crate) running: tokio::sync::Mutex<()>,
    /// Held by the one round of deliveries under way, so that nothing is sent twice at once.
    pub(crate) delivering: tokio::sync::Mutex<()>,
    attempted: Mutex<HashMap<String, Timestamp>>,
}

impl Watching {
    /// When a run of the monitor was last begun by this process, successful or not.
    pub(crate) fn attempted_at(&self, monitor: &str) -> Option<Timestamp> {
        self.attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(monitor)
            .copied()
    }

    /// Notes that a run begins.
    pub(crate) fn note_attempt(&self, monitor: &str, now: Timestamp) {
        self.attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(monitor.to_owned(), now);
    }

    /// Forgets a deleted monitor.
    pub(crate) fn forget(&self, monitor: &str) {
        self.attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(monitor);
    }
}
