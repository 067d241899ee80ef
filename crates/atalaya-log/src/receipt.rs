//! The receipt of one record: what the log has promised for it, in the words of the `Atalaya-Log` response header.

use std::fmt;

/// How much a receipt promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The record is on the device: survives power loss.
    Fsync,
    /// The record is with the kernel: survives the death of the process.
    Process,
    /// Nothing is promised.
    BestEffort,
}

/// What the log has done with one record; `Display` is the value of the `Atalaya-Log` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// What is promised.
    pub mode: Mode,
    /// The record's sequence number, strictly increasing within the log.
    pub seq: u64,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Mode::Fsync => write!(f, "fsync;seq={}", self.seq),
            Mode::Process => write!(f, "process;seq={}", self.seq),
            Mode::BestEffort => f.write_str("best_effort"),
        }
    }
}

/// Why there is no receipt for a record; `Display` is the value of the `Atalaya-Log` header of an answer served unlogged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unlogged {
    /// The disk, or the log's share of it, is full.
    DiskFull,
    /// The record is larger than a record may be.
    TooLarge,
    /// More records wait in memory than may wait.
    Overflow,
    /// The disk answers with errors.
    DiskError,
    /// Logging is off for the endpoint, or the log is closed.
    Off,
}

impl Unlogged {
    /// The word behind `reason=`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::TooLarge => "too_large",
            Self::Overflow => "overflow",
            Self::DiskError => "disk_error",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Unlogged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none;reason={}", self.reason())
    }
}

/// Why a record was not accepted, or not made as durable as asked. It may still turn up in the table: it was never
/// acknowledged, so both are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Records come faster than the disk takes them, or too many best-effort records wait.
    #[error("more log records wait in memory than `pending_bytes` allows")]
    Full,
    /// The payload is larger than a record may be.
    #[error("a log record may have at most {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// No room on the disk, or in the log's budget.
    #[error("no room on disk for log records")]
    DiskFull,
    /// The disk answers with errors; the log tries to come back by itself.
    #[error("the disk under the log answers with errors")]
    Down,
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl AppendError {
    /// What the receipt of an answer that is served all the same must say.
    pub fn unlogged(self) -> Unlogged {
        match self {
            Self::Full => Unlogged::Overflow,
            Self::TooLarge { .. } => Unlogged::TooLarge,
            Self::DiskFull => Unlogged::DiskFull,
            Self::Down => Unlogged::DiskError,
            Self::Closed => Unlogged::Off,
        }
    }

    /// The word behind `reason=` in that receipt.
    pub fn reason(self) -> &'static str {
        self.unlogged().reason()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_read_as_the_header_says() {
        assert_eq!(
            Receipt {
                mode: Mode::Process,
                seq: 8123
            }
            .to_string(),
            "process;seq=8123"
        );
        assert_eq!(
            Receipt {
                mode: Mode::Fsync,
                seq: 8123
            }
            .to_string(),
            "fsync;seq=8123"
        );
        assert_eq!(
            Receipt {
                mode: Mode::BestEffort,
                seq: 1
            }
            .to_string(),
            "best_effort"
        );
        assert_eq!(AppendError::DiskFull.unlogged().to_string(), "none;reason=disk_full");
        assert_eq!(
            AppendError::TooLarge { limit: 1 }.unlogged().to_string(),
            "none;reason=too_large"
        );
        assert_eq!(AppendError::Full.unlogged().to_string(), "none;reason=overflow");
        assert_eq!(AppendError::Closed.unlogged().to_string(), "none;reason=off");
        assert_eq!(AppendError::Down.reason(), "disk_error");
    }
}
