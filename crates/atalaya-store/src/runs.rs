//! Runs: created, updated, soft-deleted; their tags. What is logged into them is in `run_log.rs`.

use atalaya_domain::Timestamp;
use atalaya_domain::registry::Tags;
use atalaya_domain::tracking::{Run, RunStatus};

use crate::{Store, StoreError};

/// A run to create.
#[derive(Debug, Clone, Default)]
pub struct NewRun {
    /// The experiment; absent, `""` and `"None"` mean the default one.
    pub experiment_id: Option<String>,
    /// Shown to people; absent or empty means tag `mlflow.runName`, else one is made up (`adjective-noun-123`).
    pub run_name: Option<String>,
    /// Who starts it.
    pub user_id: String,
    /// When it starts.
    pub started_at: Timestamp,
    /// Free tags.
    pub tags: Tags,
}

/// What to change in a run; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct RunUpdate {
    /// Another name; also set as tag `mlflow.runName`.
    pub run_name: Option<String>,
    /// Another status.
    pub status: Option<RunStatus>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Store {
    /// Creates a run with status `RUNNING`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the experiment; [`StoreError::InvalidParameter`] for a deleted experiment or a bad tag.
    pub async fn create_run(&self, new: &NewRun) -> Result<Run, StoreError> {
        todo!()
    }

    /// One run with the last value of each metric, deleted ones too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn run(&self, run_id: &str) -> Result<Run, StoreError> {
        todo!()
    }

    /// Changes name, status or end of a run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvalidParameter`] when the run is deleted.
    pub async fn update_run(&self, run_id: &str, update: &RunUpdate) -> Result<Run, StoreError> {
        todo!()
    }

    /// Soft-deletes a run; again is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_run(&self, run_id: &str, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// Takes the deletion of a run back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn restore_run(&self, run_id: &str) -> Result<(), StoreError> {
        todo!()
    }

    /// Sets or replaces one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn set_run_tag(&self, run_id: &str, key: &str, value: &str) -> Result<(), StoreError> {
        todo!()
    }

    /// Deletes one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the run or the tag.
    pub async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<(), StoreError> {
        todo!()
    }
}
