//! What becomes the worker: a process of one thread that takes every right away from itself that the model does not
//! need, says on the socket how far it came, and turns into Python. Runs as `atalaya worker-launcher POLICY`.

mod filter;
mod landlock;
mod rights;

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::frame::{self, Kind};

/// What the server tells the launcher, as the JSON text that is its only argument.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// The server's process id: a launcher whose parent is another has been orphaned.
    pub(crate) parent: u32,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Files and folders to read and execute.
    pub(crate) read: Vec<PathBuf>,
    /// Folders to write.
    pub(crate) write: Vec<PathBuf>,
    pub(crate) network: bool,
    pub(crate) processes: bool,
    /// Whether a missing layer of the sandbox is an error.
    pub(crate) required: bool,
    pub(crate) data_bytes: u64,
    pub(crate) open_files: u64,
    pub(crate) file_bytes: u64,
}

/// How far the sandbox got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// Landlock's version that is in force; 0 for none.
    pub landlock: u32,
    /// Whether the filter of system calls is in force.
    pub seccomp: bool,
    /// Whether the process can gain no privilege any more.
    pub no_new_privs: bool,
    /// Whether every capability was given up.
    pub no_capabilities: bool,
    /// Whether the process has its own session and dies with the server.
    pub session: bool,
}

impl std::fmt::Display for SandboxReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let on = |layer: bool| if layer { "on" } else { "off" };
        match self.landlock {
            0 => f.write_str("landlock=off")?,
            version => write!(f, "landlock={version}")?,
        }
        write!(
            f,
            " seccomp={} no_new_privs={} capabilities={} session={} cgroup=none namespaces=none",
            on(self.seccomp),
            on(self.no_new_privs),
            if self.no_capabilities { "none" } else { "kept" },
            on(self.session)
        )
    }
}

/// An error of the launcher, as the body of an error frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LaunchFailure {
    pub(crate) kind: String,
    pub(crate) class: String,
    pub(crate) message: String,
}

/// The whole launcher: `arguments` are those behind `worker-launcher`. Returns only when Python could not be started.
pub fn launcher_main(arguments: &[String]) -> ExitCode {
    let [policy] = arguments else {
        eprintln!("worker-launcher: expected one argument; the server starts this command, not a person");
        return ExitCode::from(2);
    };
    let failure = match serde_json::from_str::<Policy>(policy) {
        Ok(policy) => launch(&policy),
        Err(error) => ("launch", format!("the policy cannot be read: {error}")),
    };
    let (kind, message) = failure;
    eprintln!("worker-launcher: {message}");
    let body = LaunchFailure {
        kind: kind.to_owned(),
        class: String::new(),
        message,
    };
    if let Ok(body) = serde_json::to_vec(&body) {
        send(Kind::Error, &body);
    }
    ExitCode::FAILURE
}

/// Takes the rights away and becomes Python; returns the kind of failure and its text.
fn launch(policy: &Policy) -> (&'static str, String) {
    let mut report = SandboxReport::default();
    match rights::take_away(policy) {
        Ok(found) => (report.session, report.no_capabilities, report.no_new_privs) = found,
        Err(what) => return ("launch", what),
    }
    match landlock::restrict(policy) {
        Ok(version) => report.landlock = version,
        Err(reason) if policy.required => return ("sandbox", reason),
        Err(reason) => eprintln!("worker-launcher: {reason}"),
    }
    match filter::apply(policy) {
        Ok(()) => report.seccomp = true,
        Err(reason) if policy.required => return ("sandbox", reason),
        Err(reason) => eprintln!("worker-launcher: {reason}"),
    }
    match serde_json::to_vec(&report) {
        Ok(body) => send(Kind::Sandbox, &body),
        Err(error) => return ("launch", error.to_string()),
    }
    let error = Command::new(&policy.program).args(&policy.arguments).exec();
    (
        "launch",
        format!("{} cannot be started: {error}", policy.program.display()),
    )
}

/// Writes a frame to the socket that is standard input; the server notices itself when that fails.
fn send(kind: Kind, body: &[u8]) {
    let mut bytes = frame::header(kind, 0, body.len()).to_vec();
    bytes.extend_from_slice(body);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        match rustix::io::write(std::io::stdin(), rest) {
            Ok(count) if count > 0 => rest = &rest[count..],
            _ => return,
        }
    }
}
