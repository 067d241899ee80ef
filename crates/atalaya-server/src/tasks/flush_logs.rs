//! Writes each endpoint's log to its tables.

use std::time::Duration;

use tokio::sync::Notify;

use super::{Running, Task};
use crate::app::App;
use crate::serving::flush_all;

/// Flushes every endpoint's log.
pub(crate) struct FlushLogs;

impl Task for FlushLogs {
    fn name(&self) -> &'static str {
        "flush-logs"
    }

    fn period(&self, app: &App) -> Duration {
        app.config().log.flush_every
    }

    fn woken_by<'a>(&self, app: &'a App) -> Option<&'a Notify> {
        Some(&app.wake().flush)
    }

    fn run<'a>(&'a self, app: &'a App) -> Running<'a> {
        Box::pin(async move {
            let mut failed = None;
            for slot in app.endpoints().all() {
                // One table that cannot be written must not keep the others from being.
                if let Err(error) = flush_all(app, &slot).await {
                    failed = Some(error);
                }
            }
            failed.map_or(Ok(()), |error| Err(error.into()))
        })
    }
}
