//! Registered models and their versions, as clients of the registry see and make them.

use atalaya_domain::ModelName;
use atalaya_domain::registry::{ModelUri, ModelVersion, RegisteredModel, VersionStatus};
use atalaya_store::{Digest, NewModelVersion, Page, Search, StoreError};

use super::App;
use super::artifacts::ModelRoot;

/// A registered model with its newest version of each stage.
#[derive(Debug, Clone)]
pub(crate) struct RegisteredModelView {
    pub(crate) model: RegisteredModel,
    pub(crate) latest: Vec<ModelVersion>,
}

/// Why a version could not be made from what a client named as its source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The source is nothing that this server has.
    #[error(
        "`source` must name a model version of this server, as `models:/NAME/VERSION`; \
         to register a folder of files use `atalaya model register DIR --name NAME`"
    )]
    Foreign,
    /// The registry or the artifact store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// One registered model.
    pub(crate) async fn registered_model(&self, name: &ModelName) -> Result<RegisteredModelView, StoreError> {
        let model = self.store().registered_model(name).await?;
        self.with_latest(model).await
    }

    /// Adds the newest versions to a model that was just read or changed.
    pub(crate) async fn with_latest(&self, model: RegisteredModel) -> Result<RegisteredModelView, StoreError> {
        let latest = self.store().latest_versions(&model.name, &[]).await?;
        Ok(RegisteredModelView { model, latest })
    }

    /// One page of registered models.
    pub(crate) async fn search_registered_models(
        &self,
        search: &Search,
    ) -> Result<Page<RegisteredModelView>, StoreError> {
        let page = self.store().search_registered_models(search).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for model in page.items {
            match self.with_latest(model).await {
                Ok(view) => items.push(view),
                // Deleted between the two reads: the caller asked a moment too early.
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Page {
            items,
            next_page_token: page.next_page_token,
        })
    }

    /// Makes the next version from a source that this server has: another version's files under a new number.
    pub(crate) async fn create_model_version(&self, new: NewModelVersion) -> Result<ModelVersion, SourceError> {
        self.store().registered_model(&new.name).await?;
        let from = self.source_version(&new.source).await?;
        let digest: Digest = from.artifact_digest.parse().map_err(|_| SourceError::Foreign)?;
        let new = NewModelVersion {
            run_id: if new.run_id.is_empty() { from.run_id } else { new.run_id },
            model_id: if new.model_id.is_empty() {
                from.model_id
            } else {
                new.model_id
            },
            ..new
        };
        let pending = self.store().create_model_version(&new, self.now()).await?;
        let (name, version) = (&pending.name, pending.version);
        Ok(self
            .store()
            .finish_model_version(name, version, &digest, self.now())
            .await?)
    }

    async fn source_version(&self, source: &str) -> Result<ModelVersion, SourceError> {
        if let Ok(uri) = source.parse::<ModelUri>() {
            return Ok(self.store().resolve(&uri).await?);
        }
        match ModelRoot::from_uri(source) {
            Some(ModelRoot::Version { name, version }) => Ok(self.store().model_version(&name, version).await?),
            _ => Err(SourceError::Foreign),
        }
    }

    /// Why a version failed to register; empty for every other one.
    pub(crate) async fn status_message(&self, version: &ModelVersion) -> Result<String, StoreError> {
        if version.status != VersionStatus::FailedRegistration {
            return Ok(String::new());
        }
        self.store().model_version_message(&version.name, version.version).await
    }
}
