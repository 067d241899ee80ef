//! A model in Python: its files in a folder, its environment, its workers.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atalaya_model::{Inspection, LoadedModel, ModelFiles};
use atalaya_worker::environment::{self, Environment, Requirements};
use atalaya_worker::{Event, Events, Launcher, Options, PythonModel};
use tempfile::TempDir;

use super::ModelError;
use super::running::Means;
use crate::config::PythonEnvironment;

/// Start of the names of folders with a model's files.
const FOLDER: &str = "model-";
/// The file that a live process holds locked in each of them.
const LOCK: &str = "lock";
/// How long requests that wait are answered when a model is no longer served.
const DRAIN: Duration = Duration::from_secs(5);

/// What happened to workers, counted for the metrics page.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    pub(crate) started: AtomicU64,
    pub(crate) died: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) crash_loops: AtomicU64,
    pub(crate) poisoned: AtomicU64,
}

impl WorkerCounters {
    /// In Prometheus' text form.
    pub(crate) fn render(&self, out: &mut String) {
        for (name, help, counter) in [
            ("started", "Python workers that loaded their model.", &self.started),
            ("died", "Python workers that ended without being asked to.", &self.died),
            (
                "replaced",
                "Python workers replaced before their memory limit.",
                &self.replaced,
            ),
            (
                "crash_loops",
                "Times that a model's workers began to die again and again.",
                &self.crash_loops,
            ),
            (
                "poisoned",
                "Requests that are refused because they ended workers.",
                &self.poisoned,
            ),
        ] {
            let _ = writeln!(
                out,
                "# HELP atalaya_python_workers_{name}_total {help}\n# TYPE atalaya_python_workers_{name}_total counter\n\
                 atalaya_python_workers_{name}_total {}",
                counter.load(Ordering::Relaxed)
            );
        }
    }
}

/// The workers of a model and what they read. Fields are dropped in order: the workers go first.
pub(super) struct PythonRun {
    model: Arc<PythonModel>,
    _environment: Option<Environment>,
    _lock: File,
    _folder: TempDir,
}

impl PythonRun {
    pub(super) fn model(&self) -> &PythonModel {
        &self.model
    }

    /// Ends the workers; takes as long as what waits needs to be answered, within a limit.
    pub(super) fn close(self) {
        self.model.close(DRAIN);
    }
}

/// Builds or chooses the environment, writes the files, starts the workers and waits for the first.
pub(super) fn start(
    files: &ModelFiles,
    found: &Inspection,
    means: &Means,
) -> Result<(LoadedModel, PythonRun), ModelError> {
    let (python, environment) = environment(files, found, means)?;
    let (folder, lock) = write_files(files, &means.run).map_err(ModelError::RunFolder)?;
    means.tell("starting a Python worker, which loads the model");
    let settings = &means.python;
    let launcher = match &settings.launcher {
        Some(launcher) => launcher.clone(),
        None => Launcher::this_program().map_err(ModelError::RunFolder)?,
    };
    let options = Options {
        workers: settings.workers,
        network: settings.network,
        sandbox: settings.sandbox,
        limits: settings.limits.clone(),
        request_timeout: settings.request_timeout,
        load_timeout: settings.load_timeout,
        idle_unload: settings.idle_unload,
        ..Options::new(launcher, python, means.run.join("workers"))
    };
    let loaded = atalaya_worker::load(&folder.path().join("model"), options, events(means));
    let loaded = loaded.inspect_err(|error| {
        if let Some(message) = error.python_message() {
            message.lines().for_each(|line| means.log.line(line));
        }
    })?;
    let mut model = loaded.loaded_model();
    model.reason = format!("{}; {}", found.reason, loaded.reason);
    let run = PythonRun {
        model: loaded.model,
        _environment: environment,
        _lock: lock,
        _folder: folder,
    };
    Ok((model, run))
}

/// The interpreter, and the environment that must not be removed while it runs.
fn environment(
    files: &ModelFiles,
    found: &Inspection,
    means: &Means,
) -> Result<(PathBuf, Option<Environment>), ModelError> {
    match &means.python.environment {
        PythonEnvironment::Off => Err(ModelError::PythonOff {
            reason: found.reason.clone(),
        }),
        PythonEnvironment::Local(python) => {
            means.tell(&format!("environment `local`: {}, as it is", python.display()));
            Ok((python.clone(), None))
        }
        PythonEnvironment::Build(options) => {
            let wanted = Requirements::read(|path| files.read(path).map(<[u8]>::to_vec), false)?
                .with_worker_needs(found.manifest.mlflow_version.as_deref());
            let made = environment::ensure(options, &wanted, &mut |line| means.tell(line))?;
            means.tell(&format!("environment {}", made.hash));
            Ok((made.python.clone(), Some(made)))
        }
    }
}

/// The files as MLflow's loader wants them, in a folder that other processes see is in use.
fn write_files(files: &ModelFiles, run: &Path) -> io::Result<(TempDir, File)> {
    std::fs::create_dir_all(run)?;
    let folder = tempfile::Builder::new().prefix(FOLDER).tempdir_in(run)?;
    let lock = File::create(folder.path().join(LOCK))?;
    lock.lock()?;
    let root = folder.path().join("model");
    for path in files.paths() {
        // Paths were checked when the files were taken in: relative, without `..`.
        let target = root.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(target, files.read(path).unwrap_or_default())?;
    }
    Ok((folder, lock))
}

/// Removes folders whose process is gone. What cannot be removed is tried at the next start.
pub(super) fn remove_left_over(run: &Path) {
    for entry in std::fs::read_dir(run).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(FOLDER) {
            continue;
        }
        let abandoned = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(path = %entry.path().display(), %error, "folder of a former process not removed");
        }
    }
}

/// Events of workers: into the server's log, the metrics and the model's own log.
fn events(means: &Means) -> Events {
    let (label, log) = (means.label.clone(), Arc::clone(&means.log));
    let counters = Arc::clone(&means.counters);
    let count = |counter: &AtomicU64| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    Arc::new(move |event| match event {
        Event::Started {
            seat,
            pid,
            sandbox,
            startup_ms,
        } => {
            count(&counters.started);
            tracing::info!(model = label, seat, pid, startup_ms, sandbox, "Python worker started");
            log.line(&format!("worker {seat} ready after {startup_ms} ms; sandbox {sandbox}"));
        }
        Event::Died { seat, cause, retry_ms } => {
            count(&counters.died);
            tracing::warn!(model = label, seat, cause, retry_ms, "Python worker died");
            log.line(&format!(
                "worker {seat} died: {cause}; the next start is in {retry_ms} ms"
            ));
        }
        Event::CrashLoop { deaths, retry_ms } => {
            count(&counters.crash_loops);
            tracing::error!(model = label, deaths, retry_ms, "Python workers die again and again");
            log.line(&format!(
                "crash loop: {deaths} deaths in a row; the next try is in {retry_ms} ms"
            ));
        }
        Event::Recovered => {
            tracing::info!(model = label, "Python workers answer again");
            log.line("the workers answer again");
        }
        Event::Unloaded { seat } => {
            tracing::info!(
                model = label,
                seat,
                "Python worker closed, because nobody asked for a while"
            );
            log.line(&format!("worker {seat} closed, because nobody asked for a while"));
        }
        Event::Replaced { seat, resident_bytes } => {
            count(&counters.replaced);
            tracing::info!(
                model = label,
                seat,
                resident_bytes,
                "Python worker replaced before its memory limit"
            );
            log.line(&format!("worker {seat} replaced at {resident_bytes} bytes of memory"));
        }
        Event::Poisoned { deaths } => {
            count(&counters.poisoned);
            tracing::warn!(
                model = label,
                deaths,
                "a request that ends workers is refused for a while"
            );
            log.line(&format!("a request that ended {deaths} workers is refused for a while"));
        }
        other => tracing::info!(model = label, event = ?other, "Python worker"),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_processes_are_removed_and_those_in_use_stay() {
        let run = tempfile::tempdir().unwrap();
        let files = ModelFiles::from_pairs([("MLmodel", &b"flavors: {}"[..]), ("code/a.py", b"pass")]).unwrap();
        let (live, lock) = write_files(&files, run.path()).unwrap();
        let (dead, dead_lock) = write_files(&files, run.path()).unwrap();
        drop(dead_lock);
        let dead = dead.keep();
        assert_eq!(std::fs::read(dead.join("model/code/a.py")).unwrap(), b"pass");
        remove_left_over(run.path());
        assert!(!dead.exists());
        assert!(live.path().join("model/MLmodel").is_file());
        drop(lock);
    }
}
