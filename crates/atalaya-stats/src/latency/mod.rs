//! Latencies: exact summaries of a window, and a fixed-memory histogram for live metrics.

mod atomic;
mod histogram;
mod summary;

pub use atomic::AtomicLatencyHistogram;
pub use histogram::{LARGEST_MICROS, LatencyHistogram, RELATIVE_ERROR};
pub use summary::{LatencySummary, summary};
