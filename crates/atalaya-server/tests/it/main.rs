//! The server as its clients meet it: a real listener on a home of its own, real SQLite, logs and Delta tables.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod databricks;
mod mlflow;
mod routes;
mod watch;
mod world;
