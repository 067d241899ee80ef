//! Results of monitor runs, as JSON text with their window; the newest of each monitor are kept.

use atalaya_domain::Timestamp;

use crate::{Store, StoreError};

/// A result to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMonitorRun {
    /// Name of the monitor.
    pub monitor: String,
    /// Start of the window, included.
    pub window_start: Timestamp,
    /// End of the window, excluded.
    pub window_end: Timestamp,
    /// When it ran.
    pub ran_at: Timestamp,
    /// The result, JSON text; at most 4 MiB.
    pub result: String,
}

/// A kept result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRun {
    /// Number of the row; rises with time.
    pub id: i64,
    /// Name of the monitor.
    pub monitor: String,
    /// Start of the window, included.
    pub window_start: Timestamp,
    /// End of the window, excluded.
    pub window_end: Timestamp,
    /// When it ran.
    pub ran_at: Timestamp,
    /// The result, JSON text.
    pub result: String,
}

impl Store {
    /// Keeps a result and drops the monitor's oldest beyond 1,000.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the monitor; [`StoreError::InvalidParameter`] when the result is too long.
    pub async fn record_monitor_run(&self, run: &NewMonitorRun) -> Result<MonitorRun, StoreError> {
        todo!()
    }

    /// The newest result of a monitor, if it ever ran.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn latest_monitor_run(&self, monitor: &str) -> Result<Option<MonitorRun>, StoreError> {
        todo!()
    }

    /// The newest results of a monitor, newest first, at most `limit` (itself at most 1,000).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn monitor_runs(&self, monitor: &str, limit: u32) -> Result<Vec<MonitorRun>, StoreError> {
        todo!()
    }

    /// One result.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when that monitor has no such run, with the monitor as kind.
    pub async fn monitor_run(&self, monitor: &str, id: i64) -> Result<MonitorRun, StoreError> {
        todo!()
    }
}
