//! The `atalaya` program: reads argv, the environment and the configuration, wires the crates together.
//!
//! Exit codes: 0 done, 1 failed, 2 used wrongly.

mod cli;
mod commands;
mod config;
mod home;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command that the server starts itself with to become a Python worker; not for people, so not in the help.
const WORKER_LAUNCHER: &str = "worker-launcher";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(WORKER_LAUNCHER) {
        // Before anything starts a thread: what it takes away from itself holds for the thread that asks.
        return atalaya_worker::launcher_main(&arguments.collect::<Vec<_>>());
    }
    let cli = cli::Cli::parse();
    // Two TLS providers are linked in by different libraries; without a choice, rustls stops at first use.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("atalaya: a TLS provider was already installed");
        return ExitCode::FAILURE;
    }
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("atalaya: {error:#}");
            ExitCode::FAILURE
        }
    }
}
