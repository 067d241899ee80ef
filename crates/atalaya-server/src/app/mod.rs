//! Use cases: what happens after a request is understood, one file per noun.
//!
//! [`App`] is cheap to clone and shared by handlers, tasks and the program's own commands.

mod alerts;
mod artifacts;
pub(crate) mod auth;
mod endpoint_config;
mod endpoint_reports;
mod endpoints;
mod keys;
mod logs;
mod models;
mod monitors;
mod notifiers;
mod open;
mod registry;
mod signing;
mod tokens;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use atalaya_domain::Timestamp;
use atalaya_lake::Lake;
use atalaya_store::{Artifacts, CompiledForms, Pepper, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use artifacts::proxy_uri;
pub(crate) use auth::Caller;
pub(crate) use endpoint_config::{ConfigRequest, EndpointRequest, LogChange};
pub(crate) use endpoints::{EndpointChange, EndpointView};
pub use models::{ModelError, RegisterModel, RunningModel};
pub use monitors::ReportFiles;
pub(crate) use monitors::{MonitorRequest, MonitorView};
pub use open::{ADMIN_TOKEN_FILE, OpenError};
pub(crate) use registry::{RegisteredModelView, SourceError};
pub(crate) use tokens::{TokenRequest, TokenRequestError};

use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::http::ListenerLimits;
use crate::metrics::Metrics;
use crate::notify::Egress;
use crate::serving::Endpoints;
use crate::watch::Watching;

/// Everything the server has open.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    store: Store,
    artifacts: Artifacts,
    forms: CompiledForms,
    lake: Lake,
    pepper: Pepper,
    signer: signing::Signer,
    callers: auth::Callers,
    endpoints: Endpoints,
    models: models::ModelCache,
    metrics: Metrics,
    draining: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// One change of endpoints at a time: creating, updating and deleting are rare and must not interleave.
    changes: tokio::sync::Mutex<()>,
    wake: Wake,
    /// Keeps a second server off the home.
    home_lock: OnceLock<std::fs::File>,
    egress: Egress,
    watching: Watching,
}

/// Wakes the background tasks before their time.
#[derive(Default)]
pub(crate) struct Wake {
    pub(crate) outbox: Notify,
    pub(crate) flush: Notify,
}

impl App {
    pub(crate) fn now_us(&self) -> i64 {
        self.0.clock.now_us()
    }

    /// The time of day, as everything stored has it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// What the server was started with.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    pub(crate) fn limits(&self) -> &ListenerLimits {
        &self.0.config.limits
    }

    /// The metadata database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Model files.
    #[must_use]
    pub fn artifacts(&self) -> &Artifacts {
        &self.0.artifacts
    }

    /// Delta tables.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        &self.0.lake
    }

    pub(crate) fn signer(&self) -> &signing::Signer {
        &self.0.signer
    }

    /// The number that stands for this home where Databricks' clients ask for a workspace.
    pub(crate) fn workspace_id(&self) -> &str {
        self.0.signer.workspace_id()
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.0.wake
    }

    /// The one way out for requests of ours.
    pub(crate) fn egress(&self) -> &Egress {
        &self.0.egress
    }

    pub(crate) fn watching(&self) -> &Watching {
        &self.0.watching
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    pub(crate) fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    pub(crate) fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        tracing::info!("draining");
    }

    /// The metrics page: counters and the state of each log.
    pub(crate) fn render_metrics(&self) -> String {
        let mut text = self.0.metrics.render();
        self.0.models.counters.render(&mut text);
        for slot in self.0.endpoints.all() {
            slot.render_log_metrics(&mut text);
        }
        text
    }

    /// Stops the tasks, writes every log to its tables and closes everything. Nothing acknowledged is left behind:
    /// what cannot be written now is replayed at the next start.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        for slot in self.0.endpoints.all() {
            if let Err(error) = crate::serving::flush_all(self, &slot).await {
                tracing::warn!(endpoint = slot.name, %error, "log not flushed at shutdown; it will be at the next start");
            }
            if let Err(error) = slot.log.close() {
                tracing::warn!(endpoint = slot.name, %error, "log not closed cleanly");
            }
        }
        self.0.store.close().await;
    }
}
