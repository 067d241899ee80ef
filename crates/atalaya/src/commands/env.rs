//! `atalaya env`: what clients need, as shell exports.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::Env;
use crate::config::Settings;
use crate::home::{LISTEN_FILE, admin_token};
use crate::output::say;

/// Prints the exports.
pub(crate) fn run(env: &Env) -> anyhow::Result<ExitCode> {
    let home = &env.home.home;
    let address = match std::fs::read_to_string(home.join(LISTEN_FILE)) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => Settings::read(home)?.listen.to_string(),
    };
    let token = admin_token(home).context("no token to export")?;
    say(&format!("export DATABRICKS_HOST='http://{address}'"))?;
    say(&format!("export DATABRICKS_TOKEN='{token}'"))?;
    // With only host and token, mlflow would track into a local file and look in Unity Catalog.
    say("export MLFLOW_TRACKING_URI='databricks'")?;
    say("export MLFLOW_REGISTRY_URI='databricks'")?;
    Ok(ExitCode::SUCCESS)
}
