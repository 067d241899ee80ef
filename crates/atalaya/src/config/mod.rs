//! Configuration: defaults < `HOME/atalaya.toml` < `ATALAYA_*` environment < flags. Unknown keys are errors.

mod python;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use atalaya_server::{EgressRule, LogSettings, ServerConfig};
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::cli::PythonArg;
pub(crate) use python::{EnvironmentChoice, PythonTable};

/// Name of the file in the home.
pub(crate) const CONFIG_FILE: &str = "atalaya.toml";

/// Everything that can be set, as the file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Address and port to listen on.
    pub(crate) listen: SocketAddr,
    /// Name of this node in log and transaction ids.
    pub(crate) node: String,
    /// Folders besides the lake from which monitors may read baselines.
    pub(crate) baseline_roots: Vec<PathBuf>,
    /// Private destinations that notifications may go to: `host:port` or `address/prefix`.
    pub(crate) egress_allow: Vec<String>,
    /// Disk that compiled forms of models may take.
    pub(crate) compiled_mib: u64,
    pub(crate) log: LogTable,
    pub(crate) listener: ListenerTable,
    pub(crate) python: PythonTable,
}

/// `[log]`: prediction logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogTable {
    pub(crate) segment_mib: u64,
    pub(crate) disk_budget_mib: u64,
    pub(crate) flush_every_seconds: u64,
    pub(crate) flush_mib: usize,
}

/// `[listener]`: connections and times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerTable {
    pub(crate) max_connections: usize,
    pub(crate) first_byte_seconds: u64,
    pub(crate) request_head_seconds: u64,
    pub(crate) drain_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let server = ServerConfig::new("".into());
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            node: server.node,
            baseline_roots: Vec::new(),
            egress_allow: Vec::new(),
            compiled_mib: server.compiled_bytes >> 20,
            log: LogTable {
                segment_mib: server.log.segment_bytes >> 20,
                disk_budget_mib: server.log.disk_budget_bytes >> 20,
                flush_every_seconds: server.log.flush_every.as_secs(),
                flush_mib: server.log.flush_bytes >> 20,
            },
            listener: ListenerTable {
                max_connections: server.limits.max_connections,
                first_byte_seconds: server.limits.first_byte.as_secs(),
                request_head_seconds: server.limits.request_head.as_secs(),
                drain_seconds: server.limits.drain.as_secs(),
            },
            python: PythonTable::default(),
        }
    }
}

impl Settings {
    /// Reads the layers for a home.
    ///
    /// # Errors
    /// Names the key, its place and what was expected.
    pub(crate) fn read(home: &Path) -> anyhow::Result<Self> {
        // `ATALAYA_LOG__SEGMENT_MIB` is `[log] segment_mib`; ATALAYA_HOME and the like are flags' own variables.
        Self::layered(
            home,
            Env::prefixed("ATALAYA_").ignore(&["home", "log_level"]).split("__"),
        )
    }

    fn layered(home: &Path, environment: Env) -> anyhow::Result<Self> {
        let settings: Self = Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file(home.join(CONFIG_FILE)))
            .merge(environment)
            .extract()
            .with_context(|| format!("configuration of {}", home.display()))?;
        settings.check()?;
        Ok(settings)
    }

    /// With what the command line says of Python.
    #[must_use]
    pub(crate) fn with_python(mut self, said: PythonArg) -> Self {
        self.python.environment = said.environment.unwrap_or(self.python.environment);
        self
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.node.is_empty() && self.node.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "`node` may hold only letters, digits and `-`"
        );
        self.egress_rules()?;
        anyhow::ensure!(
            (1..=128).contains(&self.log.segment_mib),
            "`log.segment_mib` must be from 1 to 128"
        );
        anyhow::ensure!(
            self.log.disk_budget_mib >= 2 * self.log.segment_mib,
            "`log.disk_budget_mib` must hold at least two segments"
        );
        anyhow::ensure!(
            self.log.flush_every_seconds >= 1,
            "`log.flush_every_seconds` must be at least 1"
        );
        anyhow::ensure!(
            (1..=1024).contains(&self.log.flush_mib),
            "`log.flush_mib` must be from 1 to 1024"
        );
        anyhow::ensure!(
            self.listener.max_connections >= 1,
            "`listener.max_connections` must be at least 1"
        );
        self.python.check()?;
        Ok(())
    }

    fn egress_rules(&self) -> anyhow::Result<Vec<EgressRule>> {
        let rule = |text: &String| {
            text.parse()
                .context("`egress_allow` takes addresses, `address/prefix` and `host:port`")
        };
        self.egress_allow.iter().map(rule).collect()
    }

    /// What the server is started with.
    pub(crate) fn server(&self, home: &Path) -> anyhow::Result<ServerConfig> {
        let mut config = ServerConfig::new(home.to_owned());
        config.node.clone_from(&self.node);
        config.baseline_roots.clone_from(&self.baseline_roots);
        config.egress_allow = self.egress_rules()?;
        config.log = LogSettings {
            segment_bytes: self.log.segment_mib << 20,
            disk_budget_bytes: self.log.disk_budget_mib << 20,
            flush_every: Duration::from_secs(self.log.flush_every_seconds),
            flush_bytes: self.log.flush_mib << 20,
        };
        config.limits.max_connections = self.listener.max_connections;
        config.limits.first_byte = Duration::from_secs(self.listener.first_byte_seconds);
        config.limits.request_head = Duration::from_secs(self.listener.request_head_seconds);
        config.limits.drain = Duration::from_secs(self.listener.drain_seconds);
        config.compiled_bytes = self.compiled_mib << 20;
        config.python = self.python.settings(home);
        Ok(config)
    }
}

/// What the server logs, from `ATALAYA_LOG_LEVEL`.
pub(crate) fn log_filter() -> String {
    std::env::var("ATALAYA_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned())
}

/// Who runs the program, as created things name them.
pub(crate) fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "local".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file alone, whatever the environment of the tests holds.
    fn of_file(home: &Path) -> anyhow::Result<Settings> {
        Settings::layered(home, Env::raw().only(&[]))
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let dir = tempfile::tempdir().expect("temp dir");
        let shown = toml::to_string(&Settings::default()).expect("settings are plain tables");
        std::fs::write(dir.path().join(CONFIG_FILE), shown).expect("write");
        assert_eq!(of_file(dir.path()).expect("read"), Settings::default());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join(CONFIG_FILE), "[log]\nsegment_mb = 3\n").expect("write");
        let error = format!("{:#}", of_file(dir.path()).expect_err("unknown key"));
        assert!(error.contains("segment_mb"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join(CONFIG_FILE), "[log]\nsegment_mib = 0\n").expect("write");
        let error = format!("{:#}", of_file(dir.path()).expect_err("out of range"));
        assert!(error.contains("log.segment_mib"), "{error}");
    }
}
