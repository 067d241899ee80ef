//! What the server is told at start; parsed and checked by the binary, typed here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use atalaya_worker::environment::BuildOptions;
use atalaya_worker::{Launcher, Limits, SandboxNeed};

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
    /// How models that only Python can run are run.
    pub python: PythonSettings,
    /// Disk that compiled forms of models may take; those used longest ago go first.
    pub compiled_bytes: u64,
    /// Whether monitors and the outbox run by themselves; off only in tests that drive them.
    pub background: bool,
}

/// Where the Python of a model comes from.
#[derive(Debug, Clone)]
pub enum PythonEnvironment {
    /// Models that are not native are refused.
    Off,
    /// One interpreter, with whatever is installed beside it, for every model.
    Local(PathBuf),
    /// An environment for what each model names, built once.
    Build(BuildOptions),
}

/// Hears what happens while a Python model is made ready, line by line.
#[derive(Clone)]
pub struct BuildWatch(Arc<dyn Fn(&str) + Send + Sync>);

impl BuildWatch {
    /// A watch that calls `hear` with each line, from the thread that builds.
    #[must_use]
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(crate) fn line(&self, words: &str) {
        (self.0)(words);
    }
}

impl std::fmt::Debug for BuildWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BuildWatch")
    }
}

/// How models that only Python can run are run. What is said of one worker holds for each.
#[derive(Debug, Clone)]
pub struct PythonSettings {
    /// Where the interpreter comes from.
    pub environment: PythonEnvironment,
    /// What starts a worker; the running program when there is none.
    pub launcher: Option<Launcher>,
    /// Workers of a model.
    pub workers: usize,
    /// What a worker may use.
    pub limits: Limits,
    /// Whether workers may use the network.
    pub network: bool,
    /// How much of the sandbox must be there.
    pub sandbox: SandboxNeed,
    /// Time of a request from its arrival to its answer.
    pub request_timeout: Duration,
    /// Time in which a worker has to load its model.
    pub load_timeout: Duration,
    /// A worker that nobody asked for so long is closed; the next request starts one.
    pub idle_unload: Option<Duration>,
    /// Who hears, besides the build log, how far a model is.
    pub watch: Option<BuildWatch>,
}

impl Default for PythonSettings {
    /// No Python; the rest as the workers' own defaults are.
    fn default() -> Self {
        let unset = Launcher {
            program: PathBuf::new(),
            arguments: Vec::new(),
        };
        let defaults = atalaya_worker::Options::new(unset, "", "");
        Self {
            environment: PythonEnvironment::Off,
            launcher: None,
            workers: defaults.workers,
            limits: defaults.limits,
            network: defaults.network,
            sandbox: defaults.sandbox,
            request_timeout: defaults.request_timeout,
            load_timeout: defaults.load_timeout,
            idle_unload: defaults.idle_unload,
            watch: None,
        }
    }
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
            python: PythonSettings::default(),
            compiled_bytes: 10 << 30,
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

    /// Compiled forms of models: a cache that may be deleted.
    #[must_use]
    pub fn compiled(&self) -> PathBuf {
        self.home.join("compiled")
    }

    /// What lives as long as a process: folders of running Python models.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.home.join("run")
    }

    /// Key files, readable by their owner only.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.home.join("keys")
    }
}
