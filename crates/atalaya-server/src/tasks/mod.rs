//! Background work: one list of tasks, each idempotent, with a name and a period.
//!
//! A task takes no input, can be woken early, and retries by being run again.

mod deliver_notifications;
mod flush_logs;
mod retire_logs;
mod run_monitors;

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::app::App;

/// What a run came to; `Err` is logged and the task runs again at its next time.
pub(crate) type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
/// A run under way.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Something that happens every so often.
pub(crate) trait Task: Send + Sync {
    /// Shown in logs.
    fn name(&self) -> &'static str;
    /// Time between two runs.
    fn period(&self, app: &App) -> Duration;
    /// Runs it early.
    fn woken_by<'a>(&self, app: &'a App) -> Option<&'a Notify> {
        let _ = app;
        None
    }
    /// One run.
    fn run<'a>(&'a self, app: &'a App) -> Running<'a>;
}

/// Every background task.
static TASKS: &[&dyn Task] = &[
    &deliver_notifications::DeliverNotifications,
    &flush_logs::FlushLogs,
    &retire_logs::RetireLogs,
    &run_monitors::RunMonitors,
];

/// Starts every task; they end when the server stops.
pub(crate) fn start(app: &App) {
    for &task in TASKS {
        let app = app.clone();
        let tracker = app.tasks().clone();
        tracker.spawn(async move { keep_running(task, &app).await });
    }
}

async fn keep_running(task: &'static dyn Task, app: &App) {
    let stop = app.stopping();
    let mut ticks = tokio::time::interval(task.period(app));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let woken = async {
            match task.woken_by(app) {
                Some(notify) => notify.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            () = woken => {}
        }
        if let Err(error) = task.run(app).await {
            tracing::warn!(task = task.name(), error = %crate::api::error::chain(error.as_ref()), "task failed; it runs again");
        }
    }
}
