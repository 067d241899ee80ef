//! Delta tables: inference tables, windows for monitors, batch scoring.
//!
//! The only place that knows Delta, Parquet and CSV files. Everything enters and leaves as Arrow
//! record batches; clocks, endpoints and models belong to the callers. An append lands exactly
//! once (see [`Lake::append`]) and is on the disk, not only in its cache, when it returns.

mod append;
mod commit;
mod data_file;
mod error;
mod lake;
mod read;
mod schema;
pub mod score;
mod stats;
mod storage;
pub mod tables;
pub mod window;

pub use append::{AppTxn, Append, Appended, Journal, Step};
pub use error::LakeError;
pub use lake::Lake;
pub use window::{PayloadStats, TimeRange, Window, WindowQuery};
