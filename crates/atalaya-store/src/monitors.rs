//! Monitors: what is watched, against which baseline, with which bounds.

use atalaya_domain::monitor::Monitor;

use crate::{Store, StoreError};

impl Store {
    /// Creates a monitor.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`]; [`StoreError::NotFound`] for a notifier it names;
    /// [`StoreError::LimitReached`]; [`StoreError::InvalidParameter`].
    pub async fn create_monitor(&self, monitor: &Monitor) -> Result<(), StoreError> {
        todo!()
    }

    /// One monitor.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn monitor(&self, name: &str) -> Result<Monitor, StoreError> {
        todo!()
    }

    /// Every monitor, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn monitors(&self) -> Result<Vec<Monitor>, StoreError> {
        todo!()
    }

    /// Replaces everything but name and creation time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the monitor or a notifier; [`StoreError::InvalidParameter`].
    pub async fn update_monitor(&self, monitor: &Monitor) -> Result<(), StoreError> {
        todo!()
    }

    /// Deletes a monitor with its runs; its alerts stay as history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_monitor(&self, name: &str) -> Result<(), StoreError> {
        todo!()
    }
}
