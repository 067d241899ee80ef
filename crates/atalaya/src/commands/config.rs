//! `atalaya config`: what is in force.

use std::process::ExitCode;

use crate::cli::Config;
use crate::config::Settings;
use crate::output::{json, say};

/// Prints the configuration.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    match config {
        Config::Show(show) => {
            let settings = Settings::read(&show.home.home)?;
            if show.json {
                json(&settings)?
            } else {
                say(toml::to_string(&settings)?.trim_end())?
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
