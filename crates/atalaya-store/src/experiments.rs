//! Experiments: named groups of runs. `Default`, id `0`, always exists.

use atalaya_domain::Timestamp;
use atalaya_domain::registry::Tags;
use atalaya_domain::tracking::Experiment;

use crate::{Page, Search, Store, StoreError};

/// Which of the soft-deleted are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Those not deleted.
    #[default]
    ActiveOnly,
    /// Those deleted.
    DeletedOnly,
    /// Both.
    All,
}

/// An experiment to create.
#[derive(Debug, Clone)]
pub struct NewExperiment {
    /// The name; under Databricks clients a workspace path.
    pub name: String,
    /// Free tags.
    pub tags: Tags,
}

impl Store {
    /// Creates an experiment.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the name is taken, also by a deleted one; [`StoreError::InvalidParameter`].
    pub async fn create_experiment(&self, new: &NewExperiment, now: Timestamp) -> Result<Experiment, StoreError> {
        todo!()
    }

    /// One experiment by id; `"None"` and `""` mean the default one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn experiment(&self, experiment_id: &str) -> Result<Experiment, StoreError> {
        todo!()
    }

    /// One experiment by name, deleted ones too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn experiment_by_name(&self, name: &str) -> Result<Experiment, StoreError> {
        todo!()
    }

    /// Experiments by filter (`name`, `creation_time`, `last_update_time`, `tags.k`), last changed first.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_experiments(&self, view: View, search: &Search) -> Result<Page<Experiment>, StoreError> {
        todo!()
    }

    /// Gives an experiment another name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AlreadyExists`], [`StoreError::InvalidParameter`].
    pub async fn rename_experiment(
        &self,
        experiment_id: &str,
        new_name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Soft-deletes an experiment and its active runs.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is deleted already; [`StoreError::InvalidParameter`] for the default one.
    pub async fn delete_experiment(&self, experiment_id: &str, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// Takes a deletion back, with the runs that went with it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such deleted experiment.
    pub async fn restore_experiment(&self, experiment_id: &str, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// Sets or replaces one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn set_experiment_tag(
        &self,
        experiment_id: &str,
        key: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Deletes one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the experiment or the tag.
    pub async fn delete_experiment_tag(
        &self,
        experiment_id: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }
}
