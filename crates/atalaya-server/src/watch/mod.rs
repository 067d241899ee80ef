//! Watching: what a monitor computes from tables, what it decides, and what it leaves behind.
//!
//! A run reads one window of an endpoint and its baseline, compares and summarises them ([`MonitorReport`]), moves the
//! monitor's alerts, and keeps the report as JSON and in two Delta tables.

mod baseline;
mod columns;
mod compare;
mod decide;
mod figures;
mod gather;
mod latest;
mod quality;
mod result;
mod run;
mod tables;

pub use baseline::BaselineError;
pub(crate) use baseline::baseline_path;
pub use compare::{CompareError, Comparison, compare_batches};
pub(crate) use decide::small;
pub use figures::{Axis, Bars, Figures, Overlay};
pub(crate) use latest::Watching;
pub use result::{
    Check, ColumnDrift, ColumnSummary, Counts, Latency, MonitorReport, MovedAlert, Quality, Skipped, Verdict,
    VersionQuality,
};
pub use run::MonitorError;
pub(crate) use run::{move_alerts, run};
pub(crate) use tables::stored_report;
