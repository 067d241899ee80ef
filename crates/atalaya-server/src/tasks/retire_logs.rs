//! Empties and removes the logs of endpoints that were deleted before their records reached the tables.

use std::time::Duration;

use super::{Running, Task};
use crate::app::App;

/// Retires log folders that belong to no endpoint.
pub(crate) struct RetireLogs;

impl Task for RetireLogs {
    fn name(&self) -> &'static str {
        "retire-logs"
    }

    fn period(&self, _app: &App) -> Duration {
        // Left-over folders appear only when a deletion was interrupted.
        Duration::from_secs(600)
    }

    fn run<'a>(&'a self, app: &'a App) -> Running<'a> {
        Box::pin(async move { Ok(app.retire_left_over_logs().await?) })
    }
}
