//! Monitors, notifiers, alerts and reports.

mod monitors;
mod notifiers;
mod receiver;
mod report;
mod story;
