//! Model versions: registering a folder's files, and loading what is registered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use atalaya_domain::ModelName;
use atalaya_domain::registry::{ModelUri, ModelVersion, Tags, VersionRef, VersionStatus};
use atalaya_model::{LoadError, LoadedModel, ModelFiles};
use atalaya_store::{ArtifactError, Digest, NewModelVersion, NewRegisteredModel, PathError, SafeRelPath, StoreError};

use super::App;

/// Loaded models by the digest of their files: one copy however many endpoints serve it.
#[derive(Default)]
pub(crate) struct ModelCache(Mutex<HashMap<String, Weak<LoadedModel>>>);

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
    /// Registers a model folder as the next version: checks that it loads, stores the files, then makes it visible.
    ///
    /// # Errors
    /// [`ModelError::Load`] when no native loader takes it; nothing is registered then.
    pub async fn register_model(&self, request: RegisterModel) -> Result<ModelVersion, ModelError> {
        let loaded = load(request.files.clone()).await?;
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
        let declared = loaded.manifest.run_id.clone().unwrap_or_default();
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

    /// The predictor of a model version, shared with everybody who has it loaded.
    ///
    /// # Errors
    /// [`ModelError`] when the version is unknown, unfinished, or no native loader takes it.
    pub async fn load_model(&self, name: &ModelName, version: u32) -> Result<Arc<LoadedModel>, ModelError> {
        let uri = ModelUri {
            name: name.clone(),
            version: VersionRef::Number(version),
        };
        let found = self.store().resolve(&uri).await?;
        self.load_version(&found).await
    }

    /// As [`Self::load_model`], for a version already read.
    ///
    /// # Errors
    /// As there.
    pub async fn load_version(&self, version: &ModelVersion) -> Result<Arc<LoadedModel>, ModelError> {
        if version.status != VersionStatus::Ready {
            return Err(ModelError::NotReady(format!("{}/{}", version.name, version.version)));
        }
        let digest = &version.artifact_digest;
        if let Some(loaded) = self.0.models.lookup(digest) {
            return Ok(loaded);
        }
        let loaded = Arc::new(load(self.version_files(version).await?).await?);
        self.0.models.keep(digest, &loaded);
        Ok(loaded)
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

async fn load(files: ModelFiles) -> Result<LoadedModel, ModelError> {
    // Reading a large forest takes far longer than an async thread may be held.
    let loading = tokio::task::spawn_blocking(move || atalaya_model::load(&files));
    Ok(loading.await.map_err(|_| ModelError::Ended)??)
}

impl ModelCache {
    fn lookup(&self, digest: &str) -> Option<Arc<LoadedModel>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)?
            .upgrade()
    }

    fn keep(&self, digest: &str, loaded: &Arc<LoadedModel>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, model| model.strong_count() > 0);
        known.insert(digest.to_owned(), Arc::downgrade(loaded));
    }
}
