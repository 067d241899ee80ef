//! Serving endpoints: what serves, what is wanted, and how far that is.

use atalaya_domain::endpoint::{Endpoint, EndpointConfig};
use atalaya_domain::registry::Tags;
use atalaya_domain::{EndpointName, Timestamp};

use crate::{Store, StoreError};

/// An endpoint to create.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// The name.
    pub name: EndpointName,
    /// Its first configuration; its `config_version` is set to 1.
    pub config: EndpointConfig,
    /// Free tags.
    pub tags: Tags,
    /// Who creates it.
    pub created_by: String,
}

impl Store {
    /// Creates an endpoint whose first configuration is pending and `IN_PROGRESS`.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`], [`StoreError::LimitReached`], [`StoreError::InvalidParameter`] for a bad tag.
    pub async fn create_endpoint(&self, new: &NewEndpoint, now: Timestamp) -> Result<Endpoint, StoreError> {
        todo!()
    }

    /// One endpoint by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn endpoint(&self, name: &EndpointName) -> Result<Endpoint, StoreError> {
        todo!()
    }

    /// One endpoint by its hexadecimal id, as permissions name it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn endpoint_by_id(&self, id: &str) -> Result<Endpoint, StoreError> {
        todo!()
    }

    /// Every endpoint, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, StoreError> {
        todo!()
    }

    /// Accepts a new configuration as pending and gives it the next `config_version`; what the
    /// argument has there is ignored.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] while an update is `IN_PROGRESS`.
    pub async fn set_pending(
        &self,
        name: &EndpointName,
        config: &EndpointConfig,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        todo!()
    }

    /// Makes the pending configuration of that version the active one. Again is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when another version is pending or none is.
    pub async fn activate(
        &self,
        name: &EndpointName,
        config_version: u64,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        todo!()
    }

    /// Gives the pending configuration of that version up with a reason; the old one goes on serving.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when another version is pending or none is.
    pub async fn fail_update(
        &self,
        name: &EndpointName,
        config_version: u64,
        message: &str,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        todo!()
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_endpoint(&self, name: &EndpointName) -> Result<(), StoreError> {
        todo!()
    }

    /// Adds or replaces some tags and deletes others; absent ones to delete are no error. Returns what there is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn patch_endpoint_tags(
        &self,
        name: &EndpointName,
        add: &Tags,
        delete: &[String],
        now: Timestamp,
    ) -> Result<Tags, StoreError> {
        todo!()
    }
}
