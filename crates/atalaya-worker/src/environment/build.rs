//! Building an environment: with `uv` where it is found, with `venv` and `pip` elsewhere; in a folder of its own that is
//! renamed when it is complete, under a lock that other processes see.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::run::RunError;
use super::{EnvironmentError, Interpreter, Requirements, probe, run};
use crate::script;

/// The file whose presence says that an environment is complete.
pub(super) const COMPLETE: &str = "atalaya-environment.json";
/// Longest build log; the rest is dropped with a note.
const MOST_LOG_BYTES: usize = 4 << 20;
/// Lines of the log that an error repeats.
const TAIL_LINES: usize = 12;
/// How often a process looks whether another has finished the same build.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How environments are built.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The folder of all environments; created when missing.
    pub root: PathBuf,
    /// Interpreters that may be used, in order of preference.
    pub interpreters: Vec<PathBuf>,
    /// `uv`, when it was found.
    pub uv: Option<PathBuf>,
    /// Whether `uv` may download a Python that no interpreter above is.
    pub download_python: bool,
    /// The whole environment of the build: `PATH`, `HOME`, proxies, `PIP_INDEX_URL`…
    pub variables: Vec<(String, String)>,
    /// The index, when it is not the default of the tools.
    pub index_url: Option<String>,
    /// A folder of wheels; then no index is asked.
    pub wheels: Option<PathBuf>,
    /// Whether packages that come as source may be built, which runs their code outside of any sandbox.
    pub source_packages: bool,
    /// Most time of a build.
    pub timeout: Duration,
}

/// A build of a large environment takes some minutes; one that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(1_800);

impl BuildOptions {
    /// Wheels only, from the tools' default index, by `venv` and `pip` of the given interpreters.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, interpreters: Vec<PathBuf>) -> Self {
        Self {
            root: root.into(),
            interpreters,
            uv: None,
            download_python: false,
            variables: Vec::new(),
            index_url: None,
            wheels: None,
            source_packages: false,
            timeout: TIMEOUT,
        }
    }
}

/// An environment that is complete. While this value lives, no process removes it.
#[derive(Debug)]
pub struct Environment {
    /// The hash of what it has.
    pub hash: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its interpreter.
    pub python: PathBuf,
    /// Where the build's log is.
    pub log: PathBuf,
    _in_use: File,
}

/// What [`COMPLETE`] says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) python: String,
    pub(super) requirements: Vec<String>,
}

/// The environment of `requirements`: the one that is there, or one that is built now. Each step and each line of the
/// tools goes to `progress` and into the log file.
///
/// # Errors
/// [`EnvironmentError`]; nothing is left behind of a build that failed but its log.
pub fn ensure(
    options: &BuildOptions,
    requirements: &Requirements,
    progress: &mut dyn FnMut(&str),
) -> Result<Environment, EnvironmentError> {
    fs::create_dir_all(&options.root).map_err(EnvironmentError::io("it cannot be created"))?;
    let chosen = choose(options, requirements.python.as_deref(), progress)?;
    let hash = hash(options, &chosen, requirements);
    let folder = options.root.join(&hash);
    let lock = options.root.join(format!("{hash}.lock"));
    let lock = File::options()
        .create(true)
        .append(true)
        .open(lock)
        .map_err(EnvironmentError::io("its lock file"))?;
    let deadline = Instant::now() + options.timeout;
    let complete = || folder.join(COMPLETE).is_file();
    exclusive(&lock, &complete, deadline, progress)?;
    if !complete() {
        let mut log = Log::create(options.root.join(format!("{hash}.log")), progress)?;
        for name in &requirements.left_out {
            log.line(&format!(
                "conda package `{name}` cannot be installed by pip and is left out"
            ));
        }
        let built = build(options, &chosen, requirements, &folder, &mut log);
        built.inspect_err(|error| log.line(&error.to_string()))?;
    }
    // From an exclusive lock this is a step down; either way nobody may remove the folder from here on.
    lock.lock_shared().map_err(EnvironmentError::io("its lock file"))?;
    if !complete() {
        return Err(EnvironmentError::Io {
            what: "it was removed while it was being opened; try again",
            source: std::io::ErrorKind::NotFound.into(),
        });
    }
    let used = File::options().append(true).open(folder.join(COMPLETE));
    used.and_then(|file| file.set_modified(std::time::SystemTime::now()))
        .map_err(EnvironmentError::io("its time of use"))?;
    Ok(Environment {
        python: folder.join("bin/python"),
        log: options.root.join(format!("{hash}.log")),
        hash,
        folder,
        _in_use: lock,
    })
}

/// The Python to build with.
enum Chosen {
    Found(Interpreter),
    /// `uv` finds or downloads it.
    ByUv(String),
}

impl Chosen {
    fn version(&self) -> &str {
        match self {
            Self::Found(interpreter) => &interpreter.version,
            Self::ByUv(version) => version,
        }
    }
}

fn choose(
    options: &BuildOptions,
    wanted: Option<&str>,
    progress: &mut dyn FnMut(&str),
) -> Result<Chosen, EnvironmentError> {
    let mut looked_at = Vec::new();
    let mut near = None;
    for path in &options.interpreters {
        match probe(path) {
            Ok(found) if wanted.is_none_or(|wanted| wanted == found.version) => return Ok(Chosen::Found(found)),
            Ok(found) => {
                looked_at.push(format!("{} {}", path.display(), found.version));
                // A patch release is no reason to refuse: compiled packages go by major and minor.
                if near.is_none() && wanted.is_some_and(|wanted| minor(wanted) == minor(&found.version)) {
                    near = Some(found);
                }
            }
            Err(error) => looked_at.push(error.to_string()),
        }
    }
    let wanted = wanted.unwrap_or("3");
    if let Some(found) = near {
        progress(&format!("the model names Python {wanted}; {} is used", found.version));
        return Ok(Chosen::Found(found));
    }
    if options.uv.is_some() && options.download_python {
        return Ok(Chosen::ByUv(wanted.to_owned()));
    }
    Err(EnvironmentError::NoPython {
        wanted: wanted.to_owned(),
        looked_at: if looked_at.is_empty() {
            "nothing".to_owned()
        } else {
            looked_at.join(", ")
        },
    })
}

/// `3.11` of `3.11.7`.
fn minor(version: &str) -> Vec<&str> {
    version.split('.').take(2).collect()
}

fn hash(options: &BuildOptions, chosen: &Chosen, requirements: &Requirements) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part("environment 1");
    part(chosen.version());
    part(options.index_url.as_deref().unwrap_or_default());
    part(if options.source_packages { "source" } else { "wheels" });
    requirements.lines.iter().for_each(|line| part(line));
    part("constraints");
    requirements.constraints.iter().for_each(|line| part(line));
    script::hex(&hash.finalize()[..16])
}

/// Waits until the environment is complete, or takes the exclusive lock to build it. Who holds the lock builds it, and
/// keeps a shared one afterwards for as long as it is used.
fn exclusive(
    lock: &File,
    complete: &dyn Fn() -> bool,
    deadline: Instant,
    progress: &mut dyn FnMut(&str),
) -> Result<(), EnvironmentError> {
    let mut told = false;
    while !complete() {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(EnvironmentError::io("its lock file")(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(EnvironmentError::Io {
                    what: "another process has been building it for too long",
                    source: std::io::ErrorKind::TimedOut.into(),
                });
            }
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    progress("another process is building the same environment; waiting for it");
                }
                std::thread::sleep(LOOK_AGAIN);
            }
        }
    }
    Ok(())
}

fn build(
    options: &BuildOptions,
    chosen: &Chosen,
    requirements: &Requirements,
    folder: &Path,
    log: &mut Log<'_>,
) -> Result<(), EnvironmentError> {
    let deadline = Instant::now() + options.timeout;
    // Beside its final place, so that the rename stays within one file system.
    let building = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(&options.root)
        .map_err(EnvironmentError::io("a folder to build in"))?;
    let environment = building.path().join("environment");
    let wanted = building.path().join("requirements.txt");
    let constraints = building.path().join("constraints.txt");
    let write = |path: &Path, lines: &[String]| {
        fs::write(path, lines.join("\n") + "\n").map_err(EnvironmentError::io("the list of packages"))
    };
    write(&wanted, &requirements.lines)?;
    write(&constraints, &requirements.constraints)?;
    let count = requirements.lines.len();
    log.line(&format!(
        "building an environment of {count} packages with Python {}",
        chosen.version()
    ));
    let python = environment.join("bin/python");
    let (make, mut install) = match (&options.uv, chosen) {
        (Some(uv), chosen) => with_uv(uv, chosen, options, &environment, &python),
        (None, Chosen::Found(interpreter)) => with_pip(interpreter, &environment, &python),
        (None, Chosen::ByUv(wanted)) => {
            return Err(EnvironmentError::NoPython {
                wanted: wanted.clone(),
                looked_at: "nothing, for there is no uv".to_owned(),
            });
        }
    };
    install.arg("--requirement").arg(&wanted);
    if !requirements.constraints.is_empty() {
        install.arg("--constraint").arg(&constraints);
    }
    if !options.source_packages {
        install.args(["--only-binary", ":all:"]);
    }
    if let Some(index) = &options.index_url {
        install.args(["--index-url", index]);
    }
    if let Some(wheels) = &options.wheels {
        install.arg("--no-index").arg("--find-links").arg(wheels);
    }
    step(options, "making the virtual environment", make, deadline, log)?;
    step(options, "installing the packages", install, deadline, log)?;
    let stamp = Stamp {
        python: chosen.version().to_owned(),
        requirements: requirements.lines.clone(),
    };
    let stamp = serde_json::to_vec(&stamp).map_err(|error| EnvironmentError::io("its stamp")(error.into()))?;
    let placed = fs::write(environment.join(COMPLETE), stamp).and_then(|()| {
        // What a killed process left half removed must not stop the next.
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&environment, folder)
    });
    placed.map_err(EnvironmentError::io("the finished environment"))?;
    log.line("the environment is complete");
    Ok(())
}

fn with_uv(
    uv: &Path,
    chosen: &Chosen,
    options: &BuildOptions,
    environment: &Path,
    python: &Path,
) -> (Command, Command) {
    let mut make = Command::new(uv);
    make.args(["venv", "--no-project", "--python"]);
    match chosen {
        Chosen::Found(interpreter) => make.arg(&interpreter.path),
        Chosen::ByUv(version) => make.arg(version),
    };
    if !options.download_python {
        make.arg("--no-python-downloads");
    }
    make.arg(environment);
    let mut install = Command::new(uv);
    // Packages are linked from uv's cache otherwise, outside of what a worker may read.
    install
        .args(["pip", "install", "--link-mode", "copy", "--python"])
        .arg(python);
    (make, install)
}

fn with_pip(interpreter: &Interpreter, environment: &Path, python: &Path) -> (Command, Command) {
    let mut make = Command::new(&interpreter.path);
    make.args(["-I", "-m", "venv"]).arg(environment);
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
    install.args(["--progress-bar", "off"]);
    (make, install)
}

fn step(
    options: &BuildOptions,
    step: &'static str,
    mut command: Command,
    deadline: Instant,
    log: &mut Log<'_>,
) -> Result<(), EnvironmentError> {
    log.line(step);
    command.env_clear().envs(options.variables.iter().cloned());
    let left = deadline.saturating_duration_since(Instant::now());
    let outcome = run::lines(command, left, &mut |line| log.line(line));
    outcome.map_err(|error| EnvironmentError::Build {
        step,
        outcome: match error {
            RunError::Timeout(_) => format!("it was ended after {} s", options.timeout.as_secs()),
            other => other.to_string(),
        },
        tail: log.tail(),
    })
}

/// The build log: a file of bounded length, and whoever watches.
struct Log<'a> {
    file: File,
    written_bytes: usize,
    last: std::collections::VecDeque<String>,
    progress: &'a mut dyn FnMut(&str),
}

impl<'a> Log<'a> {
    fn create(path: PathBuf, progress: &'a mut dyn FnMut(&str)) -> Result<Self, EnvironmentError> {
        Ok(Self {
            file: File::create(path).map_err(EnvironmentError::io("the build log"))?,
            written_bytes: 0,
            last: std::collections::VecDeque::new(),
            progress,
        })
    }

    fn line(&mut self, text: &str) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        (self.progress)(&text);
        let before = self.written_bytes;
        self.written_bytes = before.saturating_add(text.len() + 1);
        if self.written_bytes <= MOST_LOG_BYTES {
            // A full disk fails the build itself, with a better text.
            let _full = writeln!(self.file, "{text}");
        } else if before <= MOST_LOG_BYTES {
            let _full = writeln!(
                self.file,
                "[the log is longer than {MOST_LOG_BYTES} bytes; the rest is dropped]"
            );
        }
        self.last.push_back(text);
        if self.last.len() > TAIL_LINES {
            self.last.pop_front();
        }
    }

    fn tail(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}
