//! A model that answers: native, or with the Python workers that run it.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use atalaya_model::{LoadError, LoadedModel, ModelFiles, Verdict};
use atalaya_store::{CompiledForms, Digest};
use atalaya_worker::Health;

use super::ModelError;
use super::build_log::BuildLog;
use super::python::{self, PythonRun, WorkerCounters};
use crate::clock::SystemClock;
use crate::config::PythonSettings;

/// A loaded model and what keeps it alive.
pub struct RunningModel {
    loaded: LoadedModel,
    python: Option<PythonRun>,
    log: Arc<BuildLog>,
}

/// What a model is run with besides its files.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) python: PythonSettings,
    /// Where the server keeps what lives as long as a process.
    pub(super) run: std::path::PathBuf,
    /// What the server's log calls the model.
    pub(super) label: String,
    pub(super) log: Arc<BuildLog>,
    pub(super) counters: Arc<WorkerCounters>,
    /// Where the compiled form of a registered version is kept.
    pub(super) form: Option<FormPlace>,
}

impl Means {
    /// Says how far the model is: in its log, and to who watches.
    pub(super) fn tell(&self, line: &str) {
        self.log.line(line);
        if let Some(watch) = &self.python.watch {
            watch.line(line);
        }
    }
}

/// The place of one model among the compiled forms.
#[derive(Clone)]
pub(super) struct FormPlace {
    pub(super) forms: CompiledForms,
    pub(super) digest: Digest,
}

impl FormPlace {
    /// The model from its compiled form, within milliseconds; `None` when there is none that can be used.
    fn woken(&self) -> Option<LoadedModel> {
        let bytes = self.forms.map(&self.digest)?;
        match atalaya_model::wake(bytes, self.digest.as_str()) {
            Ok(loaded) => Some(loaded),
            Err(error) => {
                tracing::info!(digest = %self.digest, %error, "compiled form not used; the model is read from its files");
                None
            }
        }
    }

    /// Keeps a form for the next time. Without it a model loads as well, only slower.
    fn keep(&self, form: &[u8]) {
        if let Err(error) = self.forms.put(&self.digest, form) {
            tracing::warn!(digest = %self.digest, %error, "compiled form not kept");
        }
    }
}

impl RunningModel {
    /// From its compiled form, without its files; `None` when there is none that can be used. Blocks on the disk.
    pub(super) fn wake(means: &Means) -> Option<Self> {
        let started = Instant::now();
        let loaded = means.form.as_ref()?.woken()?;
        let log = Arc::clone(&means.log);
        log.line(&format!(
            "executor `native`, flavor `{}`: {}",
            loaded.flavor, loaded.reason
        ));
        log.line(&format!(
            "woken from its compiled form after {} ms",
            started.elapsed().as_millis()
        ));
        Some(Self {
            loaded,
            python: None,
            log,
        })
    }

    /// Natively where that is possible, in Python where only Python can. Slow: belongs on a blocking thread.
    pub(super) fn start(files: &ModelFiles, means: &Means) -> Result<Self, ModelError> {
        let started = Instant::now();
        let result = Self::attempt(files, means);
        let log = &means.log;
        match &result {
            Ok(running) => {
                let manifest = &running.manifest;
                let trained = manifest
                    .sklearn_version()
                    .map_or(String::new(), |v| format!(", scikit-learn {v}"));
                let logged = manifest.mlflow_version.as_deref().unwrap_or("unknown");
                log.line(&format!("saved with MLflow {logged}{trained}"));
                let LoadedModel {
                    executor,
                    flavor,
                    reason,
                    ..
                } = &running.loaded;
                log.line(&format!("executor `{executor}`, flavor `{flavor}`: {reason}"));
                log.line(&format!("ready after {} ms", started.elapsed().as_millis()));
            }
            Err(error) => log.line(&format!("cannot be loaded: {}", crate::api::error::chain(error))),
        }
        result
    }

    fn attempt(files: &ModelFiles, means: &Means) -> Result<Self, ModelError> {
        let log = Arc::clone(&means.log);
        let native = match &means.form {
            None => atalaya_model::load(files),
            Some(place) => atalaya_model::load_compiling(files, place.digest.as_str()).map(|(loaded, form)| {
                if let Some(form) = form {
                    place.keep(&form);
                }
                loaded
            }),
        };
        match native {
            Ok(loaded) => {
                return Ok(Self {
                    loaded,
                    python: None,
                    log,
                });
            }
            // What the flavors were passed over for decides whether Python may try.
            Err(LoadError::NoFlavor { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let found = atalaya_model::inspect(files)?;
        if found.verdict == Verdict::Refused {
            return Err(ModelError::Refused { reason: found.reason });
        }
        log.line(&format!("not native: {}", found.reason));
        let (loaded, python) = python::start(files, &found, means)?;
        Ok(Self {
            loaded,
            python: Some(python),
            log,
        })
    }

    /// In Python, also where it could run natively.
    pub(super) fn start_in_python(files: &ModelFiles, means: &Means) -> Result<Self, ModelError> {
        let found = atalaya_model::inspect(files)?;
        if found.verdict == Verdict::Refused {
            return Err(ModelError::Refused { reason: found.reason });
        }
        let (loaded, python) = python::start(files, &found, means)?;
        Ok(Self {
            loaded,
            python: Some(python),
            log: Arc::clone(&means.log),
        })
    }

    /// Whether answers come from another process, so that waiting for them must not hold an async thread.
    pub(crate) fn waits(&self) -> bool {
        self.python.is_some()
    }

    /// How the workers are; `None` for a native model.
    pub(crate) fn health(&self) -> Option<Health> {
        Some(self.python.as_ref()?.model().health())
    }

    /// The last that each worker printed.
    pub(crate) fn worker_output(&self) -> Vec<String> {
        self.python
            .as_ref()
            .map(|python| python.model().log_tails())
            .unwrap_or_default()
    }

    /// How it was made ready.
    pub(crate) fn log(&self) -> &Arc<BuildLog> {
        &self.log
    }
}

impl From<LoadedModel> for RunningModel {
    /// A native model, loaded elsewhere.
    fn from(loaded: LoadedModel) -> Self {
        Self {
            loaded,
            python: None,
            log: BuildLog::new(Arc::new(SystemClock)),
        }
    }
}

impl Deref for RunningModel {
    type Target = LoadedModel;

    fn deref(&self) -> &LoadedModel {
        &self.loaded
    }
}

impl Drop for RunningModel {
    fn drop(&mut self) {
        let Some(python) = self.python.take() else { return };
        // The last user may be an async thread, and workers are given time to answer what waits.
        let closing = std::thread::Builder::new().name("worker-close".to_owned());
        if let Err(error) = closing.spawn(move || python.close()) {
            tracing::warn!(%error, "no thread to close Python workers on; they were closed in place");
        }
    }
}

/// Folders that earlier processes left behind when they were killed.
pub(in crate::app) fn remove_left_over(run: &Path) {
    python::remove_left_over(run);
}
