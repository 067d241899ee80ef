//! The write-ahead log of predictions: segments, receipts, recovery and the exactly-once flush, as a core without I/O and
//! a thin real disk.
//!
//! `frame`, `segment`, `recovery`, `ledger` and `flush` compute; `disk` is the only way to a file; `Log` joins them. One
//! `Log` is one directory and belongs to one endpoint of one node.

mod append;
mod config;
mod disk;
mod error;
pub mod flush;
pub mod frame;
pub mod ledger;
mod log;
mod note;
mod open;
mod queue;
mod read;
mod receipt;
pub mod recovery;
pub mod segment;
mod shared;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
#[cfg(test)]
mod sim_test;
mod stats;
mod sync;
mod waiter;
mod writer;

pub use append::Ticket;
pub use config::LogConfig;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::LogError;
pub use frame::Record;
pub use log::{Log, MAX_JOURNAL_NAME_BYTES, MAX_JOURNAL_NAMES, Syncer};
pub use read::FlushBatch;
pub use receipt::{AppendError, Mode, Receipt, Unlogged};
pub use segment::Epoch;
pub use stats::{Damage, Extent, Health, LogStats};
pub use waiter::Commit;
