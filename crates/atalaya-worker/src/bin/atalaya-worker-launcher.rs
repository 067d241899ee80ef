//! The launcher as a program of its own, for tests; users have it as `atalaya worker-launcher`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    atalaya_worker::launcher_main(&arguments)
}
