//! `[python]`: the models that cannot run natively.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atalaya_server::{PythonEnvironment, PythonSettings};
use atalaya_worker::SandboxNeed;
use atalaya_worker::environment::BuildOptions;
use serde::{Deserialize, Serialize};

/// What the tools of a build are told of our own environment: where things are, and how packages are reached.
const PASSED_ON: [&str; 16] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "PIP_CONFIG_FILE",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "UV_CACHE_DIR",
];

/// Where the Python of a model comes from that cannot run natively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvironmentChoice {
    /// An environment for what each model names, built once with uv or pip
    Build,
    /// The interpreter that is configured, or `python3`, with what is installed beside it
    Local,
    /// No Python: such models are refused
    Off,
}

/// `[python]`: models that cannot run natively.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PythonTable {
    pub(crate) environment: EnvironmentChoice,
    /// Interpreters to run or build with, in order of preference: paths, or names to be found in `PATH`.
    pub(crate) interpreters: Vec<PathBuf>,
    /// Package index; the tools' own default when empty.
    pub(crate) index_url: String,
    /// Folder of wheels to install from instead of an index; none when empty.
    pub(crate) wheels: PathBuf,
    /// Whether uv may download a Python that is not installed.
    pub(crate) download_python: bool,
    /// Whether packages that come as source may be built, which runs their code outside of the sandbox.
    pub(crate) source_packages: bool,
    pub(crate) workers: usize,
    pub(crate) memory_mib: u64,
    pub(crate) network: bool,
    /// Whether a worker starts only where every layer of the sandbox is to be had.
    pub(crate) require_sandbox: bool,
    pub(crate) request_seconds: u64,
    pub(crate) load_seconds: u64,
    /// Workers that nobody asks for so long are closed; 0 keeps them.
    pub(crate) idle_seconds: u64,
}

impl Default for PythonTable {
    fn default() -> Self {
        let python = atalaya_server::PythonSettings::default();
        Self {
            environment: EnvironmentChoice::Build,
            interpreters: vec!["python3".into()],
            index_url: String::new(),
            wheels: PathBuf::new(),
            download_python: false,
            source_packages: false,
            workers: python.workers,
            memory_mib: python.limits.memory_bytes >> 20,
            network: python.network,
            require_sandbox: false,
            request_seconds: python.request_timeout.as_secs(),
            load_seconds: python.load_timeout.as_secs(),
            idle_seconds: 0,
        }
    }
}

impl PythonTable {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.interpreters.is_empty(),
            "`python.interpreters` must name at least one interpreter"
        );
        anyhow::ensure!(
            (1..=64).contains(&self.workers),
            "`python.workers` must be from 1 to 64"
        );
        anyhow::ensure!(
            self.memory_mib >= 128,
            "`python.memory_mib` must be at least 128: Python with pandas alone takes about that"
        );
        anyhow::ensure!(self.request_seconds >= 1, "`python.request_seconds` must be at least 1");
        anyhow::ensure!(self.load_seconds >= 1, "`python.load_seconds` must be at least 1");
        Ok(())
    }

    /// What the server is told.
    pub(super) fn settings(&self, home: &Path) -> PythonSettings {
        let mut settings = PythonSettings {
            environment: self.chosen(home),
            workers: self.workers,
            network: self.network,
            sandbox: if self.require_sandbox {
                SandboxNeed::Required
            } else {
                SandboxNeed::BestEffort
            },
            request_timeout: Duration::from_secs(self.request_seconds),
            load_timeout: Duration::from_secs(self.load_seconds),
            idle_unload: (self.idle_seconds > 0).then(|| Duration::from_secs(self.idle_seconds)),
            ..PythonSettings::default()
        };
        settings.limits.memory_bytes = self.memory_mib << 20;
        settings
    }

    fn chosen(&self, home: &Path) -> PythonEnvironment {
        let mut interpreters = self.interpreters.iter().map(|name| found(name));
        match self.environment {
            EnvironmentChoice::Off => PythonEnvironment::Off,
            // One that is not there is named when a model asks for it: others need no Python.
            EnvironmentChoice::Local => PythonEnvironment::Local(interpreters.next().unwrap_or_default()),
            EnvironmentChoice::Build => {
                let mut options = BuildOptions::new(home.join("environments"), interpreters.collect());
                options.uv = in_path(Path::new("uv"));
                options.download_python = self.download_python;
                options.variables = variables();
                options.index_url = Some(self.index_url.clone()).filter(|url| !url.is_empty());
                options.wheels = Some(self.wheels.clone()).filter(|folder| !folder.as_os_str().is_empty());
                options.source_packages = self.source_packages;
                PythonEnvironment::Build(options)
            }
        }
    }
}

fn variables() -> Vec<(String, String)> {
    let known = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)));
    known.collect()
}

/// A name as the shell would find it; a path, and what is not found, as it is.
fn found(interpreter: &Path) -> PathBuf {
    in_path(interpreter).unwrap_or_else(|| interpreter.to_owned())
}

fn in_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return None;
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}
