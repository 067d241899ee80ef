//! How a model's workers are started, limited and fed. Every bound has a default with its reason.

use std::path::PathBuf;
use std::time::Duration;

/// What starts the launcher: the running program itself, or a test's helper.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// What stands before the launcher's own arguments.
    pub arguments: Vec<String>,
}

impl Launcher {
    /// The running program, as `atalaya worker-launcher …`.
    ///
    /// # Errors
    /// When the path of the running program cannot be told.
    pub fn this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            arguments: vec!["worker-launcher".to_owned()],
        })
    }
}

/// How much of the sandbox must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxNeed {
    /// The best that the kernel offers; what was reached is reported.
    BestEffort,
    /// Landlock with files, TCP and scopes, and the filter of system calls, or no start.
    Required,
}

/// What one worker may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Resident bytes at which a worker is ended, and private memory that it may ask for.
    pub memory_bytes: u64,
    /// Open files.
    pub open_files: u64,
    /// Longest file that it may write.
    pub file_bytes: u64,
    /// All files of the scratch folder together.
    pub scratch_bytes: u64,
    /// Threads that numeric libraries start; also the processes and threads of an unprivileged user beyond what it runs.
    pub math_threads: u32,
    /// Whether it may start processes of its own.
    pub processes: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The memory of a small served model with pandas and scikit-learn is about 250 MiB.
            memory_bytes: 2 << 30,
            open_files: 1024,
            file_bytes: 256 << 20,
            scratch_bytes: 512 << 20,
            // Several workers share the cores; the pool is the parallelism.
            math_threads: 1,
            processes: false,
        }
    }
}

/// Joining requests that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Most rows of a joined batch.
    pub max_rows: usize,
    /// How long the first request waits for others. Zero joins only what waits anyway.
    pub max_wait: Duration,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            max_rows: 1024,
            max_wait: Duration::ZERO,
        }
    }
}

/// Everything about the workers of one model.
#[derive(Debug, Clone)]
pub struct Options {
    /// What starts a worker.
    pub launcher: Launcher,
    /// The interpreter of the model's environment.
    pub python: PathBuf,
    /// Folder for the scripts and the scratch folders of workers; created when missing.
    pub run_folder: PathBuf,
    /// Further files and folders that a worker may read.
    pub readable: Vec<PathBuf>,
    /// Further variables of a worker's environment, which is otherwise empty but for its scratch folder and threads.
    pub variables: Vec<(String, String)>,
    /// Whether a worker may use the network.
    pub network: bool,
    /// How much of the sandbox must be there.
    pub sandbox: SandboxNeed,
    /// What one worker may use.
    pub limits: Limits,
    /// Workers of the model.
    pub workers: usize,
    /// Requests that may wait; more are refused at once.
    pub max_queue: usize,
    /// Joining of requests; `None` leaves each alone, `Some` is right for models that look at each row by itself.
    pub batching: Option<Batching>,
    /// Time of a request from its arrival to its answer, when the caller gives none.
    pub request_timeout: Duration,
    /// Time in which a worker has to load the model.
    pub load_timeout: Duration,
    /// A worker that nobody asked for so long is closed; the next request starts one. `None` keeps it.
    pub idle_unload: Option<Duration>,
}

/// Reasons of the defaults: two workers hide one restart; 128 waiting requests are some seconds of work; a server's
/// handler deadline is 60 s; large environments need a minute to import.
const WORKERS: usize = 2;
const MAX_QUEUE: usize = 128;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const LOAD_TIMEOUT: Duration = Duration::from_secs(180);

impl Options {
    /// The defaults, for one interpreter.
    #[must_use]
    pub fn new(launcher: Launcher, python: impl Into<PathBuf>, run_folder: impl Into<PathBuf>) -> Self {
        Self {
            launcher,
            python: python.into(),
            run_folder: run_folder.into(),
            readable: Vec::new(),
            variables: Vec::new(),
            network: false,
            sandbox: SandboxNeed::BestEffort,
            limits: Limits::default(),
            workers: WORKERS,
            max_queue: MAX_QUEUE,
            batching: None,
            request_timeout: REQUEST_TIMEOUT,
            load_timeout: LOAD_TIMEOUT,
            idle_unload: None,
        }
    }
}
