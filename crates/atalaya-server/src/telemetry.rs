//! The server's own log: one JSON object a line on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging at `filter` (`info`, `debug`, `atalaya_server=debug,info`, …); text that is no filter means `info`.
///
/// Called again in the same process, it leaves the first choice alone.
pub fn log_as_json(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .ok();
}
