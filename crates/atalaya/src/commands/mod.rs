//! One file per command; each parses nothing, calls the crates below, prints.

mod config;
mod demo;
mod drift;
mod env;
mod model;
mod routes;
mod score;
mod token;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{Cli, Command};

/// How long blocking work may take to end after the command has.
const END_WAIT: Duration = Duration::from_secs(1);

/// Runs a command to its end.
///
/// # Errors
/// Whatever made the command fail; printed once, by `main`.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Up(up) => up::run(up).await,
            Command::Demo(demo) => demo::run(demo).await,
            Command::Env(env) => env::run(&env),
            Command::Model(model) => model::run(model).await,
            Command::Token(token) => token::run(&token),
            Command::Score(score) => score::run(score).await,
            Command::Drift(drift) => drift::run(drift).await,
            Command::Routes(routes) => routes::run(&routes),
            Command::Config(config) => config::run(&config),
        }
    });
    // A Python environment that is still being built must not keep the program from ending.
    runtime.shutdown_timeout(END_WAIT);
    code
}
