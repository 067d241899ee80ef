//! The endpoints of this process: one slot per name, each with its snapshot and its log.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use atalaya_log::Log;

use super::snapshot::Snapshot;

/// One endpoint in this process.
pub(crate) struct EndpointSlot {
    pub(crate) name: String,
    pub(crate) log: Arc<Log>,
    /// Held by the one flush that may be under way.
    pub(crate) flushing: tokio::sync::Mutex<()>,
    /// Held by the one deployment that may be under way.
    pub(crate) deploying: tokio::sync::Mutex<()>,
    snapshot: ArcSwapOption<Snapshot>,
}

impl EndpointSlot {
    pub(crate) fn new(name: String, log: Log) -> Self {
        Self {
            name,
            log: Arc::new(log),
            flushing: tokio::sync::Mutex::default(),
            deploying: tokio::sync::Mutex::default(),
            snapshot: ArcSwapOption::empty(),
        }
    }

    /// What is served now; `None` before the first configuration is ready.
    pub(crate) fn snapshot(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.snapshot.load()
    }

    /// Publishes a whole new configuration; requests under way finish on the one they read.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Some(Arc::new(snapshot)));
    }

    /// Serves nothing from now on.
    pub(crate) fn withdraw(&self) {
        self.snapshot.store(None);
    }

    /// Appends the state of the log in Prometheus' text form.
    pub(crate) fn render_log_metrics(&self, out: &mut String) {
        let stats = self.log.stats();
        let label = format!("{{endpoint=\"{}\"}}", self.name);
        for (name, kind, value) in [
            ("atalaya_log_unflushed_records", "gauge", stats.unflushed_records),
            ("atalaya_log_disk_bytes", "gauge", stats.disk_bytes),
        ] {
            let _ = writeln!(out, "# TYPE {name} {kind}\n{name}{label} {value}");
        }
    }

    /// `config_version` of what is served.
    pub(crate) fn published(&self) -> Option<u64> {
        self.snapshot.load().as_ref().map(|s| s.config.config_version)
    }
}

/// Every endpoint of this process, by name. Readers never wait for writers.
#[derive(Default)]
pub(crate) struct Endpoints(ArcSwap<HashMap<String, Arc<EndpointSlot>>>);

impl Endpoints {
    /// The slot of that name.
    pub(crate) fn slot(&self, name: &str) -> Option<Arc<EndpointSlot>> {
        self.0.load().get(name).cloned()
    }

    /// Every slot.
    pub(crate) fn all(&self) -> Vec<Arc<EndpointSlot>> {
        self.0.load().values().cloned().collect()
    }

    /// Adds a slot.
    pub(crate) fn insert(&self, slot: Arc<EndpointSlot>) {
        self.0.rcu(|old| {
            let mut map = HashMap::clone(old);
            map.insert(slot.name.clone(), Arc::clone(&slot));
            map
        });
    }

    /// Takes a slot out; requests under way finish.
    pub(crate) fn remove(&self, name: &str) {
        self.0.rcu(|old| {
            let mut map = HashMap::clone(old);
            map.remove(name);
            map
        });
    }
}
