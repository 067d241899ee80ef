//! Model versions: registering a folder's files, and running what is registered.

mod build_log;
mod python;
mod running;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use atalaya_domain::ModelName;
use atalaya_domain::registry::{ModelUri, ModelVersion, Tags, VersionRef, VersionStatus};
use atalaya_model::{Inspection, LoadError, ModelFiles, Signature, Verdict};
use atalaya_store::{ArtifactError, Digest, NewModelVersion, NewRegisteredModel, PathError, SafeRelPath, StoreError};

use super::App;
pub(crate) use build_log::BuildLog;
pub(crate) use python::WorkerCounters;
pub use running::RunningModel;
pub(super) use running::remove_left_over;
use running::{FormPlace, Means};

/// Running models by the digest of their files: one copy however many endpoints serve it.
#[derive(Default)]
pub(crate) struct ModelCache {
    places: Mutex<HashMap<String, Place>>,
    logs: build_log::BuildLogs,
    pub(crate) counters: Arc<WorkerCounters>,
}

/// Held by who loads the model, so that a second one waits for it instead of loading it again.
type Place = Arc<tokio::sync::Mutex<Weak<RunningModel>>>;

/// What `atalaya model register` and the API hand over.
#[derive(Debug, Clone)]
pub struct RegisterModel {
    /// The registered model; made when it is not there.
    pub name: ModelName,
    /// The files of the model folder.
    pub files: ModelFiles,
    /// Where it came from, for people.
    pub source: String,
    /// The run that made it; empty when unknown.
    pub run_id: String,
    /// Who registers it.
    pub user: String,
}

/// Why a model could not be registered or loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The files are not a model that can be served.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Nothing should run the model.
    #[error("the model is refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// Only Python can run the model, and this server runs none.
    #[error("{reason}; Python is switched off here: set `python.environment` to `build` or `local`")]
    PythonOff {
        /// Why it is not native.
        reason: String,
    },
    /// The Python environment of the model cannot be made.
    #[error("the model's Python environment cannot be had")]
    Environment(#[from] atalaya_worker::environment::EnvironmentError),
    /// The model's workers cannot be started.
    #[error("the model cannot be run in Python")]
    Worker(#[from] atalaya_worker::WorkerError),
    /// The folder for running models cannot be written.
    #[error("the folder for running models")]
    RunFolder(#[source] std::io::Error),
    /// The registry or the artifact store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The version's files are not complete.
    #[error("model version `{0}` is not ready; its files were never completed")]
    NotReady(String),
    /// The stored files no longer form a model folder.
    #[error("stored files of model version `{0}` cannot be read as a model folder")]
    Files(String),
    /// The loading thread died.
    #[error("loading the model ended unexpectedly")]
    Ended,
}

impl App {
    /// Registers a model folder as the next version: checks that something can run it, stores the files, then makes it
    /// visible. Nothing of the model runs.
    ///
    /// # Errors
    /// [`ModelError::Load`] or [`ModelError::Refused`] when nothing should run it; nothing is registered then.
    pub async fn register_model(&self, request: RegisterModel) -> Result<ModelVersion, ModelError> {
        let found = looked_into(request.files.clone()).await?;
        let files = request
            .files
            .paths()
            .filter_map(|path| request.files.read(path).map(|bytes| (path, bytes)))
            .map(|(path, bytes)| Ok((SafeRelPath::new(path)?, Arc::from(bytes))))
            .collect::<Result<Vec<_>, PathError>>()
            .map_err(|error| StoreError::from(ArtifactError::from(error)))?;
        let digest = self.artifacts().put(files).await.map_err(StoreError::from)?;
        let now = self.now();
        let model = NewRegisteredModel {
            name: request.name.clone(),
            description: String::new(),
            tags: Tags::new(),
        };
        match self.store().create_registered_model(&model, now).await {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let declared = found.manifest.run_id.clone().unwrap_or_default();
        let version = NewModelVersion {
            name: request.name,
            description: String::new(),
            source: request.source,
            run_id: if request.run_id.is_empty() {
                declared
            } else {
                request.run_id
            },
            model_id: String::new(),
            run_link: String::new(),
            created_by: request.user,
            tags: Tags::new(),
        };
        let pending = self.store().create_model_version(&version, now).await?;
        Ok(self
            .store()
            .finish_model_version(&pending.name, pending.version, &digest, now)
            .await?)
    }

    /// The version that a model URI means.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn resolve_model(&self, uri: &ModelUri) -> Result<ModelVersion, StoreError> {
        self.store().resolve(uri).await
    }

    /// A model version ready to answer, shared with everybody who has it loaded.
    ///
    /// # Errors
    /// [`ModelError`] when the version is unknown, unfinished, or nothing can run it here.
    pub async fn load_model(&self, name: &ModelName, version: u32) -> Result<Arc<RunningModel>, ModelError> {
        self.load_version(&self.version_named(name, version).await?).await
    }

    async fn version_named(&self, name: &ModelName, version: u32) -> Result<ModelVersion, StoreError> {
        let uri = ModelUri {
            name: name.clone(),
            version: VersionRef::Number(version),
        };
        self.store().resolve(&uri).await
    }

    /// As [`Self::load_model`], for a version already read. For a model that only Python can run this takes as long as
    /// its environment takes to build.
    ///
    /// # Errors
    /// As there.
    pub async fn load_version(&self, version: &ModelVersion) -> Result<Arc<RunningModel>, ModelError> {
        let label = format!("{}/{}", version.name, version.version);
        if version.status != VersionStatus::Ready {
            return Err(ModelError::NotReady(label));
        }
        let digest = &version.artifact_digest;
        let place = self.0.models.place(digest);
        let mut place = place.lock().await;
        if let Some(running) = place.upgrade() {
            self.0.models.logs.keep(&label, running.log());
            return Ok(running);
        }
        let log = BuildLog::new(Arc::clone(&self.0.clock));
        self.0.models.logs.keep(&label, &log);
        log.line(&format!("loading `{label}`"));
        let form = digest.parse().ok().map(|digest| FormPlace {
            forms: self.0.forms.clone(),
            digest,
        });
        let means = Means {
            form,
            ..self.means(label, Arc::clone(&log))
        };
        if let Some(running) = self.woken(&means).await? {
            *place = Arc::downgrade(&running);
            return Ok(running);
        }
        let files = self
            .version_files(version)
            .await
            .inspect_err(|error| log.line(&format!("cannot be loaded: {}", crate::api::error::chain(error))))?;
        let running = Self::start(files, means).await?;
        *place = Arc::downgrade(&running);
        Ok(running)
    }

    /// A model that is not registered, ready to answer.
    ///
    /// # Errors
    /// [`ModelError`] when nothing can run it here.
    pub async fn load_files(&self, files: ModelFiles, label: String) -> Result<Arc<RunningModel>, ModelError> {
        Self::start(files, self.means(label, BuildLog::new(Arc::clone(&self.0.clock)))).await
    }

    /// The Python original of a model, also of one that could run natively: to compare with.
    ///
    /// # Errors
    /// [`ModelError`] when Python cannot run it here.
    pub async fn load_original(&self, files: ModelFiles, label: String) -> Result<Arc<RunningModel>, ModelError> {
        let means = self.means(label, BuildLog::new(Arc::clone(&self.0.clock)));
        let starting = tokio::task::spawn_blocking(move || RunningModel::start_in_python(&files, &means));
        Ok(Arc::new(starting.await.map_err(|_| ModelError::Ended)??))
    }

    fn means(&self, label: String, log: Arc<BuildLog>) -> Means {
        Means {
            python: self.config().python.clone(),
            run: self.config().run(),
            label,
            log,
            counters: Arc::clone(&self.0.models.counters),
            form: None,
        }
    }

    async fn woken(&self, means: &Means) -> Result<Option<Arc<RunningModel>>, ModelError> {
        let means = means.clone();
        let waking = tokio::task::spawn_blocking(move || RunningModel::wake(&means));
        Ok(waking.await.map_err(|_| ModelError::Ended)?.map(Arc::new))
    }

    async fn start(files: ModelFiles, means: Means) -> Result<Arc<RunningModel>, ModelError> {
        // Reading a large forest takes far longer than an async thread may be held, and building an environment minutes.
        let starting = tokio::task::spawn_blocking(move || RunningModel::start(&files, &means));
        Ok(Arc::new(starting.await.map_err(|_| ModelError::Ended)??))
    }

    /// What happened while a version was made ready, as far as this process knows.
    pub(crate) fn build_log(&self, name: &ModelName, version: u32) -> Option<Arc<BuildLog>> {
        self.0.models.logs.of(&format!("{name}/{version}"))
    }

    /// The columns that requests to a version have, without starting anything: those of the running model, of the native
    /// one, or those that its `MLmodel` declares.
    ///
    /// # Errors
    /// [`ModelError`] when the version is unknown or its columns cannot be told.
    pub(crate) async fn version_signature(&self, name: &ModelName, version: u32) -> Result<Signature, ModelError> {
        let version = self.version_named(name, version).await?;
        let place = self.0.models.place(&version.artifact_digest);
        if let Ok(place) = place.try_lock()
            && let Some(running) = place.upgrade()
        {
            return Ok(running.signature().clone());
        }
        let found = looked_into(self.version_files(&version).await?).await?;
        if let Some(loaded) = &found.loaded {
            return Ok(loaded.signature().clone());
        }
        match found.manifest.signature() {
            Ok(Some(signature)) => Ok(signature.clone()),
            Ok(None) => Err(atalaya_worker::WorkerError::NoSignature.into()),
            Err(error) => Err(atalaya_worker::WorkerError::from(error.clone()).into()),
        }
    }

    /// The files of a registered version.
    ///
    /// # Errors
    /// [`ModelError`] when they cannot be read from the artifact store, or are none of a model.
    pub async fn version_files(&self, version: &ModelVersion) -> Result<ModelFiles, ModelError> {
        let label = format!("{}/{}", version.name, version.version);
        let stored: Digest = match version.artifact_digest.parse() {
            Ok(digest) => digest,
            Err(_) => return Err(ModelError::NotReady(label)),
        };
        let files = self.artifacts().read_all(&stored).await.map_err(StoreError::from)?;
        let pairs = files.into_iter().map(|(path, bytes)| (path.as_str().to_owned(), bytes));
        ModelFiles::from_pairs(pairs).map_err(|_| ModelError::Files(label))
    }
}

/// What would become of the model, and that something may run it.
async fn looked_into(files: ModelFiles) -> Result<Inspection, ModelError> {
    let looking = tokio::task::spawn_blocking(move || {
        let found = atalaya_model::inspect(&files)?;
        if found.verdict == Verdict::Refused {
            return Err(ModelError::Refused { reason: found.reason });
        }
        Ok(found)
    });
    looking.await.map_err(|_| ModelError::Ended)?
}

impl ModelCache {
    fn place(&self, digest: &str) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for a place holds it; the others' models are gone.
        places.retain(|_, place| {
            Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|running| running.strong_count() > 0)
        });
        Arc::clone(places.entry(digest.to_owned()).or_default())
    }
}
