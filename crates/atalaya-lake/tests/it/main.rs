//! The lake against real folders: exactly-once appends, crashes, growing schemas, windows, batch
//! scoring, and the same tables read by the Python `deltalake` package.

#![expect(clippy::unwrap_used, reason = "tests")]

mod append;
mod crash;
mod python;
mod score;
mod support;
mod window;
