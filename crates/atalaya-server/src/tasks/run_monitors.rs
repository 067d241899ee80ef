//! Runs the monitors whose time has come.

use std::time::Duration;

use super::{Running, Task};
use crate::app::App;

/// Runs due monitors, one after the other.
pub(crate) struct RunMonitors;

impl Task for RunMonitors {
    fn name(&self) -> &'static str {
        "run-monitors"
    }

    fn period(&self, _app: &App) -> Duration {
        // Monitors look back minutes to days; a few seconds late is on time.
        Duration::from_secs(5)
    }

    fn run<'a>(&'a self, app: &'a App) -> Running<'a> {
        Box::pin(async move {
            app.run_due_monitors().await?;
            Ok(())
        })
    }
}
