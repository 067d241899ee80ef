//! HTTP, use cases, the serving data plane, background tasks, notifiers and reports of Atalaya.
//!
//! [`Server::open`] joins the crates below on one home folder; [`Server::run`]
//! serves it until told to stop, then drains.

mod api;
mod app;
mod clock;
mod config;
mod http;
mod metrics;
mod notify;
mod report;
mod server;
mod serving;
mod tasks;
mod telemetry;
mod watch;

pub use api::RouteRow;
pub use app::{ADMIN_TOKEN_FILE, App, ModelError, OpenError, RegisterModel, ReportFiles, RunningModel};
pub use clock::{Clock, HeldClock, SystemClock};
pub use config::{BuildWatch, LogSettings, PythonEnvironment, PythonSettings, ServerConfig};
pub use http::{Drained, ListenerLimits};
pub use notify::{Deliveries, EgressRule, EgressRuleError};
pub use server::{Server, ServerError, route_table};
pub use telemetry::log_as_json;
pub use watch::{
    Axis, Bars, BaselineError, Check, ColumnDrift, ColumnSummary, CompareError, Comparison, Counts, Figures, Latency,
    MonitorError, MonitorReport, MovedAlert, Overlay, Quality, Skipped, Verdict, VersionQuality, compare_batches,
};
