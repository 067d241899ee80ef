//! Sends the notifications of the outbox.

use std::time::Duration;

use tokio::sync::Notify;

use super::{Running, Task};
use crate::app::App;
use crate::notify::deliver_due;

/// Delivers what is due.
pub(crate) struct DeliverNotifications;

impl Task for DeliverNotifications {
    fn name(&self) -> &'static str {
        "deliver-notifications"
    }

    fn period(&self, _app: &App) -> Duration {
        // The first retry is due after one second; looking costs one indexed query.
        Duration::from_secs(1)
    }

    fn woken_by<'a>(&self, app: &'a App) -> Option<&'a Notify> {
        Some(&app.wake().outbox)
    }

    fn run<'a>(&'a self, app: &'a App) -> Running<'a> {
        Box::pin(async move {
            deliver_due(app).await?;
            Ok(())
        })
    }
}
