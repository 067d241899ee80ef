//! Registered models: the named lines of model versions, and their tags.

use atalaya_domain::registry::{RegisteredModel, Tags};
use atalaya_domain::{ModelName, Timestamp};

use crate::{Page, Search, Store, StoreError};

/// A registered model to create.
#[derive(Debug, Clone)]
pub struct NewRegisteredModel {
    /// The name.
    pub name: ModelName,
    /// Free text for people.
    pub description: String,
    /// Free tags.
    pub tags: Tags,
}

impl Store {
    /// Creates a registered model without versions.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the name is taken, [`StoreError::InvalidParameter`] for a bad tag.
    pub async fn create_registered_model(
        &self,
        new: &NewRegisteredModel,
        now: Timestamp,
    ) -> Result<RegisteredModel, StoreError> {
        todo!()
    }

    /// One registered model with tags and aliases.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn registered_model(&self, name: &ModelName) -> Result<RegisteredModel, StoreError> {
        todo!()
    }

    /// Registered models by filter (`name`, `tags.k`), ordered by name unless asked otherwise.
    /// A tag that is absent differs from every value: `tags.k != 'v'` is true for it.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_registered_models(&self, search: &Search) -> Result<Page<RegisteredModel>, StoreError> {
        todo!()
    }

    /// Replaces the description.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_registered_model(
        &self,
        name: &ModelName,
        description: &str,
        now: Timestamp,
    ) -> Result<RegisteredModel, StoreError> {
        todo!()
    }

    /// Gives a registered model, with all its versions, another name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AlreadyExists`].
    pub async fn rename_registered_model(
        &self,
        name: &ModelName,
        new_name: &ModelName,
        now: Timestamp,
    ) -> Result<RegisteredModel, StoreError> {
        todo!()
    }

    /// Deletes a registered model with its versions, tags and aliases; its stage history stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_registered_model(&self, name: &ModelName) -> Result<(), StoreError> {
        todo!()
    }

    /// Sets or replaces one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn set_registered_model_tag(
        &self,
        name: &ModelName,
        key: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Deletes one tag; an absent one is no error, as in MLflow's registry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such model.
    pub async fn delete_registered_model_tag(
        &self,
        name: &ModelName,
        key: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }
}
