//! Aliases: names that point at one version of a registered model, and move atomically.

use atalaya_domain::registry::ModelVersion;
use atalaya_domain::{ModelName, Timestamp};

use crate::{Store, StoreError};

impl Store {
    /// Points an alias at a version, from wherever it pointed before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such version; [`StoreError::InvalidParameter`] for a bad alias
    /// (letters, digits, `_` and `-`; not `latest`, not `v1`-like).
    pub async fn set_alias(
        &self,
        name: &ModelName,
        alias: &str,
        version: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Removes an alias; an absent one is no error, as in MLflow.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such registered model.
    pub async fn delete_alias(&self, name: &ModelName, alias: &str, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// The version that an alias points at, whatever its status.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown model or alias.
    pub async fn version_by_alias(&self, name: &ModelName, alias: &str) -> Result<ModelVersion, StoreError> {
        todo!()
    }
}
