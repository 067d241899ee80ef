//! The numbers a log shows: what it holds, what it lost or found damaged, what it refused.

/// A count of places and the bytes in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Extent {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What happened to damaged files; all zero is the normal case. Everything but `truncated` deserves an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Torn tails that were cut off: the end of a write that a crash interrupted.
    pub truncated: Extent,
    /// Damaged ranges and files copied or moved to `quarantine/`.
    pub quarantined: Extent,
    /// Rows known to be missing, exactly, from their sequence numbers.
    pub missing_rows: u64,
    /// Rows found a second time under the same number of the same epoch; they are written to the table once.
    pub duplicate_rows: u64,
    /// Flush notes or journals that could not be read; their copy is in `quarantine/`. Harmless for the rows: the table
    /// itself knows what it has.
    pub unreadable_notes: u64,
}

/// Whether the log accepts records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Up,
    /// It refuses: no room.
    DiskFull,
    /// It refuses: the disk answers with errors.
    Down,
    /// It was closed.
    Closed,
}

/// A snapshot of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStats {
    /// Whether it accepts records.
    pub health: Health,
    /// Bytes of all segments on disk, preallocated space and the spare included.
    pub disk_bytes: u64,
    /// What `disk_bytes` may reach.
    pub disk_budget_bytes: u64,
    /// Segments on disk.
    pub segments: usize,
    /// Records that no flush has noted yet.
    pub unflushed_records: u64,
    /// Bytes of those records' frames, as an upper bound.
    pub unflushed_bytes: u64,
    /// Bytes in memory, not yet written or not yet synced.
    pub pending_bytes: usize,
    /// The last sequence number that was handed to the kernel.
    pub written_seq: u64,
    /// The last sequence number that is on the device.
    pub durable_seq: u64,
    /// What recovery and reading found since the log was opened.
    pub damage: Damage,
    /// Segments that failed an `fdatasync`; their unsynced rows were written elsewhere.
    pub poisoned_segments: u64,
    /// Best-effort records dropped.
    pub best_effort_dropped: u64,
    /// Records refused, best-effort ones not counted.
    pub refused: u64,
    /// `fdatasync` rounds that succeeded.
    pub syncs: u64,
    /// Writes that failed and were repeated in another segment, or that ended in a refusal.
    pub failed_writes: u64,
}
