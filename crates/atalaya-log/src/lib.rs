//! The write-ahead log of predictions: segments, receipts, recovery and the exactly-once flush, as a core without I/O and
//! a thin real disk.
//!
//! `frame`, `segment`, `recovery` and `flush` compute; `Disk` is the only way to a file; `Log` joins them. One `Log` is one
//! directory and belongs to one endpoint of one node.

mod config;
mod error;
pub mod frame;
mod log;
mod receipt;
pub mod segment;
mod stats;

pub use config::LogConfig;
pub use error::LogError;
pub use frame::Record;
pub use log::{Commit, FlushBatch, Log};
pub use receipt::{AppendError, Mode, Receipt, Unlogged};
pub use segment::Epoch;
pub use stats::{Damage, Extent, Health, LogStats};
