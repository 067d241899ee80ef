//! HTTP only: wire shapes, statuses and headers. Each handler unpacks, makes one call, converts.

pub(crate) mod databricks;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod fields;
pub(crate) mod file_reply;
mod health;
mod invocations;
pub(crate) mod mlflow;
pub(crate) mod origin;
pub(crate) mod own;
pub(crate) mod router;
mod table;

pub(crate) use invocations::{ScoringPath, score};
pub use router::RouteRow;
pub(crate) use table::routes;
