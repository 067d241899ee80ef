//! Model versions: numbered once, pending until their files are named, found by URI, stage or search.

use atalaya_domain::registry::{ModelUri, ModelVersion, Stage, Tags};
use atalaya_domain::{ModelName, Timestamp};

use crate::{Digest, Page, Search, Store, StoreError};

/// A model version to create.
#[derive(Debug, Clone)]
pub struct NewModelVersion {
    /// The registered model, which must exist.
    pub name: ModelName,
    /// Free text for people.
    pub description: String,
    /// Where the client said that the model came from.
    pub source: String,
    /// The run that made it; empty when unknown.
    pub run_id: String,
    /// The MLflow 3 logged model; empty when none.
    pub model_id: String,
    /// Link shown beside the run.
    pub run_link: String,
    /// Who registers it.
    pub created_by: String,
    /// Free tags.
    pub tags: Tags,
}

impl Store {
    /// Creates the next version, `PENDING_REGISTRATION`. Numbers are given in order, one at a time
    /// however many callers there are, and never again after a deletion.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such registered model, [`StoreError::InvalidParameter`] for a bad tag.
    pub async fn create_model_version(
        &self,
        new: &NewModelVersion,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// Names the stored files of a pending version and makes it `READY`. Again with the same digest is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it is not pending.
    pub async fn finish_model_version(
        &self,
        name: &ModelName,
        version: u32,
        artifacts: &Digest,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// Gives a pending version up: `FAILED_REGISTRATION`, with the reason.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it is `READY`.
    pub async fn fail_model_version(
        &self,
        name: &ModelName,
        version: u32,
        message: &str,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// Why a version is `FAILED_REGISTRATION`; empty otherwise (MLflow's `status_message`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn model_version_message(&self, name: &ModelName, version: u32) -> Result<String, StoreError> {
        todo!()
    }

    /// One version, whatever its status.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn model_version(&self, name: &ModelName, version: u32) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// The version that a model URI means, for scoring and serving: always a `READY` one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown model, version or alias or an empty stage;
    /// [`StoreError::Conflict`] when the number or alias names a version whose files are not complete.
    pub async fn resolve(&self, uri: &ModelUri) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// The greatest `READY` version of each stage, or of each of `stages` when it is not empty.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such registered model.
    pub async fn latest_versions(&self, name: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>, StoreError> {
        todo!()
    }

    /// Versions by filter (`name`, `run_id`, `source_path`, `version_number`, `tags.k`), newest change first.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_model_versions(&self, search: &Search) -> Result<Page<ModelVersion>, StoreError> {
        todo!()
    }

    /// Replaces the description.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_model_version(
        &self,
        name: &ModelName,
        version: u32,
        description: &str,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// Deletes a version with its tags and aliases; its number is not used again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_model_version(&self, name: &ModelName, version: u32, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// Sets or replaces one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn set_model_version_tag(
        &self,
        name: &ModelName,
        version: u32,
        tag: (&str, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Deletes one tag; an absent one is no error, as in MLflow's registry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such version.
    pub async fn delete_model_version_tag(
        &self,
        name: &ModelName,
        version: u32,
        key: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }
}
