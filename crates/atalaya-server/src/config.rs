//! What the server is told at start; parsed and checked by the binary, typed here.

use std::path::PathBuf;
use std::time::Duration;

use crate::http::ListenerLimits;
use crate::notify::EgressRule;

/// Where everything of this server lives, and its bounds.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The home folder: `atalaya.db`, `artifacts/`, `lake/`, `wal/`, `keys/`.
    pub home: PathBuf,
    /// Name of this node in log and transaction ids; stable across restarts of one home.
    pub node: String,
    /// Limits of the listener.
    pub limits: ListenerLimits,
    /// Log and flush settings.
    pub log: LogSettings,
    /// Folders besides the lake from which monitors may read baselines by absolute path.
    pub baseline_roots: Vec<PathBuf>,
    /// Destinations of notifications that are not public HTTPS; only the operator lists them, never a request.
    pub egress_allow: Vec<EgressRule>,
    /// Whether monitors and the outbox run by themselves; off only in tests that drive them.
    pub background: bool,
}

/// How prediction logs are kept and emptied.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Size of one segment file.
    pub segment_bytes: u64,
    /// Disk that one endpoint's log may take before the endpoint's policy applies.
    pub disk_budget_bytes: u64,
    /// Records are written to the tables at least this often.
    pub flush_every: Duration,
    /// Most log bytes that one Delta commit covers.
    pub flush_bytes: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            disk_budget_bytes: 4 << 30,
            flush_every: Duration::from_secs(60),
            flush_bytes: 128 << 20,
        }
    }
}

impl ServerConfig {
    /// Defaults for a home.
    #[must_use]
    pub fn new(home: PathBuf) -> Self {
        Self {
            home,
            node: "node-1".to_owned(),
            limits: ListenerLimits::default(),
            log: LogSettings::default(),
            baseline_roots: Vec::new(),
            egress_allow: Vec::new(),
            background: true,
        }
    }

    /// The metadata database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.home.join("atalaya.db")
    }

    /// Model files, content-addressed.
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.home.join("artifacts")
    }

    /// Delta tables.
    #[must_use]
    pub fn lake(&self) -> PathBuf {
        self.home.join("lake")
    }

    /// One folder per endpoint.
    #[must_use]
    pub fn wal(&self) -> PathBuf {
        self.home.join("wal")
    }

    /// Key files, readable by their owner only.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.home.join("keys")
    }
}
