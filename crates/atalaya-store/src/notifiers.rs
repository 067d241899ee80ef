//! Notifiers: where alerts are told. The URL is a secret that is stored but not listed by the API.

use atalaya_domain::monitor::Notifier;

use crate::{Store, StoreError};

impl Store {
    /// Creates a notifier.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`], [`StoreError::LimitReached`], [`StoreError::InvalidParameter`].
    pub async fn create_notifier(&self, notifier: &Notifier) -> Result<(), StoreError> {
        todo!()
    }

    /// One notifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn notifier(&self, name: &str) -> Result<Notifier, StoreError> {
        todo!()
    }

    /// Every notifier, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn notifiers(&self) -> Result<Vec<Notifier>, StoreError> {
        todo!()
    }

    /// Replaces kind and URL.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn update_notifier(&self, notifier: &Notifier) -> Result<(), StoreError> {
        todo!()
    }

    /// Deletes a notifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] while a monitor names it.
    pub async fn delete_notifier(&self, name: &str) -> Result<(), StoreError> {
        todo!()
    }
}
