//! Stages of model versions and their append-only history.

use atalaya_domain::registry::{ModelVersion, Stage};
use atalaya_domain::{ModelName, Timestamp};

use crate::{Store, StoreError};

/// A change of stage to make.
#[derive(Debug, Clone)]
pub struct Transit {
    /// The registered model.
    pub name: ModelName,
    /// Its version.
    pub version: u32,
    /// The stage to put it in.
    pub stage: Stage,
    /// Whether other versions in that stage become `Archived`; ignored for `None` and `Archived`.
    pub archive_existing: bool,
    /// Who asks.
    pub changed_by: String,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageChange {
    /// The version's name when it changed.
    pub name: ModelName,
    /// The version.
    pub version: u32,
    /// Where it came from.
    pub from: Stage,
    /// Where it went.
    pub to: Stage,
    /// Who asked.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

impl Store {
    /// Moves a version to a stage, and writes every move, also of those archived on the way, to the history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn transition_stage(&self, transit: &Transit, now: Timestamp) -> Result<ModelVersion, StoreError> {
        todo!()
    }

    /// The stage changes of one version, or of a whole model with `None`, newest first, at most 1,000.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn stage_history(&self, name: &ModelName, version: Option<u32>) -> Result<Vec<StageChange>, StoreError> {
        todo!()
    }
}
