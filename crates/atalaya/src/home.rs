//! The home folder as the commands use it without a server: the database, the model files and the lake.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use atalaya_server::{App, BuildWatch, SystemClock};

use crate::cli::PythonArg;
use crate::config::Settings;

/// Opens a home for a command that works beside or without a server: no endpoint, no log, no task of its own.
pub(crate) async fn open_beside(home: &Path) -> anyhow::Result<App> {
    open_beside_with(home, PythonArg { environment: None }).await
}

/// As [`open_beside`], for a command that runs models.
pub(crate) async fn open_beside_with(home: &Path, python: PythonArg) -> anyhow::Result<App> {
    let settings = Settings::read(home)?.with_python(python);
    let mut config = settings.server(home)?;
    if std::io::stderr().is_terminal() {
        // Building an environment takes a minute or more; a person would like to see what is going on.
        config.python.watch = Some(BuildWatch::new(|line| eprintln!("  {line}")));
    }
    App::open_beside(config, Arc::new(SystemClock))
        .await
        .with_context(|| format!("cannot open the home {}", home.display()))
}

/// Reads the administrator's token of a home.
pub(crate) fn admin_token(home: &Path) -> anyhow::Result<String> {
    let path = home.join(atalaya_server::ADMIN_TOKEN_FILE);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}; start the server once with `atalaya up --home {}`",
            path.display(),
            home.display()
        )
    })?;
    Ok(text.trim().to_owned())
}

/// Name of the file in the home that holds `host:port` while the server listens.
pub(crate) const LISTEN_FILE: &str = "listen.addr";
