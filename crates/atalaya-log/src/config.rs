//! What the owner of a log decides: names, sizes and bounds. Every bound has a default with its reason.

use std::time::Duration;

use crate::error::LogError;
use crate::frame::{FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES};
use crate::segment::{HEADER_BYTES, MAX_STEM_BYTES};

/// Smallest segment: a header, and a page of frames.
pub(crate) const MIN_SEGMENT_BYTES: u64 = 4096;

/// Largest segment; recovery holds one whole segment in memory, and replay may use 256 MiB in all.
pub(crate) const MAX_SEGMENT_BYTES: u64 = 192 * 1024 * 1024;

/// Settings of one log; one log is one directory, which belongs to one endpoint on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The first part of every Delta transaction id of this log, `atalaya/<table>/<node>`; the epoch is added as the last
    /// part. A segment with another stem is quarantined: its rows belong to another table.
    pub app_stem: String,
    /// The node that owns the directory; written into every segment for the people who read one.
    pub node_id: String,
    /// Size of a segment file, preallocated; default 64 MiB.
    pub segment_bytes: u64,
    /// Bytes that may be in memory, not yet written or not yet synced; above it `AppendError::Full`; default 64 MiB.
    pub pending_bytes: usize,
    /// Bytes of best-effort records that may wait in memory; above it the newest is dropped and counted; default 8 MiB.
    pub best_effort_bytes: usize,
    /// Bytes that all segments together may take on disk; above it `AppendError::DiskFull`; default 4 GiB.
    pub disk_budget_bytes: u64,
    /// Longest time between a `process` append and its `fdatasync`; default 50 ms.
    pub sync_every: Duration,
    /// Unsynced bytes that start an `fdatasync` before `sync_every` has passed; default 1 MiB.
    pub sync_bytes: usize,
    /// How often a log that refuses (disk full, disk error) tries to come back; default 500 ms, for a promise of 5 s.
    pub heal_every: Duration,
}

impl LogConfig {
    /// The defaults, for the transaction ids `atalaya/<table>/<node>/<epoch>`.
    pub fn new(table: &str, node_id: &str) -> Self {
        Self {
            app_stem: format!("atalaya/{table}/{node_id}"),
            node_id: node_id.to_owned(),
            segment_bytes: 64 * 1024 * 1024,
            pending_bytes: 64 * 1024 * 1024,
            best_effort_bytes: 8 * 1024 * 1024,
            disk_budget_bytes: 4 * 1024 * 1024 * 1024,
            sync_every: Duration::from_millis(50),
            sync_bytes: 1024 * 1024,
            heal_every: Duration::from_millis(500),
        }
    }

    /// Largest payload that one record of this log can hold, in bytes: 16 MiB, or what a smaller segment leaves.
    pub fn max_payload_bytes(&self) -> usize {
        let room = self.segment_bytes as usize - HEADER_BYTES - FRAME_HEADER_BYTES;
        room.min(MAX_PAYLOAD_BYTES)
    }

    /// Refuses sizes the format cannot hold; called by `Log::open`.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return Err(LogError::Config {
                field: "segment_bytes",
                rule: "must lie between 4 KiB and 192 MiB",
            });
        }
        if self.app_stem.is_empty() || self.app_stem.len() > MAX_STEM_BYTES {
            return Err(LogError::Config {
                field: "app_stem",
                rule: "must have 1 to 255 bytes",
            });
        }
        if self.node_id.len() > crate::segment::MAX_NODE_BYTES {
            return Err(LogError::Config {
                field: "node_id",
                rule: "must have at most 127 bytes",
            });
        }
        if self.disk_budget_bytes < self.segment_bytes {
            return Err(LogError::Config {
                field: "disk_budget_bytes",
                rule: "must hold at least one segment",
            });
        }
        Ok(())
    }
}
