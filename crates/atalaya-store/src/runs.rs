//! Runs: created, updated, soft-deleted; their tags. What is logged into them is in `run_log.rs`.

use atalaya_domain::Timestamp;
use atalaya_domain::registry::Tags;
use atalaya_domain::tracking::{Run, RunStatus};
use sqlx::SqliteConnection;

use crate::experiments::active_id;
use crate::limits::{RUN_TAG_VALUE_MAX, TEXT_MAX, check_key, check_length, check_name, check_tags};
use crate::pairs::RUN_TAGS;
use crate::run_row::load_run;
use crate::{Noun, Store, StoreError};

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
        check_tags(&new.tags, RUN_TAG_VALUE_MAX)?;
        check_length("user_id", &new.user_id, TEXT_MAX)?;
        let id = uuid::Uuid::new_v4();
        let run_name = chosen_name(new)?.unwrap_or_else(|| crate::run_name::run_name(id.as_bytes()));
        let mut tags = new.tags.clone();
        tags.insert(RUN_NAME_TAG.to_owned(), run_name.clone());
        let run_id = id.simple().to_string();
        let mut tx = self.write().await?;
        let experiment = active_id(&mut tx, new.experiment_id.as_deref().unwrap_or_default()).await?;
        let row: i64 = sqlx::query_scalar(
            "INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, started_at) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(&run_id)
        .bind(experiment)
        .bind(run_name)
        .bind(&new.user_id)
        .bind(RunStatus::Running.as_str())
        .bind(new.started_at.0)
        .fetch_one(&mut *tx)
        .await?;
        RUN_TAGS.set_all(&mut tx, row, &tags).await?;
        let run = load_run(&mut tx, &run_id).await?;
        tx.commit().await?;
        Ok(run)
    }

    /// One run with the last value of each metric, deleted ones too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn run(&self, run_id: &str) -> Result<Run, StoreError> {
        let mut tx = self.read().await?;
        load_run(&mut tx, run_id).await
    }

    /// Changes name, status or end of a run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvalidParameter`] when the run is deleted.
    pub async fn update_run(&self, run_id: &str, update: &RunUpdate) -> Result<Run, StoreError> {
        let mut tx = self.write().await?;
        let id = active_run(&mut tx, run_id).await?;
        if let Some(name) = update.run_name.as_deref().filter(|name| !name.is_empty()) {
            set_tag(&mut tx, id, RUN_NAME_TAG, name).await?;
        }
        if let Some(status) = update.status {
            sqlx::query("UPDATE runs SET status = $1 WHERE id = $2")
                .bind(status.as_str())
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        if let Some(ended_at) = update.ended_at {
            sqlx::query("UPDATE runs SET ended_at = $1 WHERE id = $2")
                .bind(ended_at.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        let run = load_run(&mut tx, run_id).await?;
        tx.commit().await?;
        Ok(run)
    }

    /// Soft-deletes a run; again is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_run(&self, run_id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.mark_run(run_id, Some(now)).await
    }

    /// Takes the deletion of a run back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn restore_run(&self, run_id: &str) -> Result<(), StoreError> {
        self.mark_run(run_id, None).await
    }

    /// Sets or replaces one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn set_run_tag(&self, run_id: &str, key: &str, value: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let id = active_run(&mut tx, run_id).await?;
        set_tag(&mut tx, id, key, value).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the run or the tag.
    pub async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let id = active_run(&mut tx, run_id).await?;
        if !RUN_TAGS.delete(&mut tx, id, key).await? {
            return Err(StoreError::not_found(Noun::Tag, key));
        }
        tx.commit().await?;
        Ok(())
    }
}

impl Store {
    async fn mark_run(&self, run_id: &str, deleted_at: Option<Timestamp>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE runs SET deleted_at = $1, deleted_with_experiment = 0 WHERE run_id = $2")
            .bind(deleted_at.map(|t| t.0))
            .bind(run_id)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Run, run_id));
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The tag that clients keep a run's name in.
const RUN_NAME_TAG: &str = "mlflow.runName";

/// The name a client gave, as argument, as tag, or both alike.
fn chosen_name(new: &NewRun) -> Result<Option<String>, StoreError> {
    let argument = new.run_name.as_deref().filter(|name| !name.is_empty());
    let tag = new
        .tags
        .get(RUN_NAME_TAG)
        .map(String::as_str)
        .filter(|name| !name.is_empty());
    if argument.is_some() && tag.is_some() && argument != tag {
        return Err(StoreError::invalid("run_name", "differs from the tag `mlflow.runName`"));
    }
    let name = argument.or(tag);
    name.map(|name| check_name("run_name", name)).transpose()?;
    Ok(name.map(str::to_owned))
}

/// The row number of a run that is not deleted.
pub(crate) async fn active_run(db: &mut SqliteConnection, run_id: &str) -> Result<i64, StoreError> {
    let found: Option<(i64, bool)> = sqlx::query_as("SELECT id, deleted_at IS NOT NULL FROM runs WHERE run_id = $1")
        .bind(run_id)
        .fetch_optional(db)
        .await?;
    match found {
        None => Err(StoreError::not_found(Noun::Run, run_id)),
        Some((_, true)) => Err(StoreError::invalid(
            "run_id",
            "the run must be in the 'active' state; it is deleted",
        )),
        Some((id, false)) => Ok(id),
    }
}

/// Checks and sets one tag; the name tag also renames the run.
pub(crate) async fn set_tag(db: &mut SqliteConnection, id: i64, key: &str, value: &str) -> Result<(), StoreError> {
    check_key("key", key)?;
    check_length("value", value, RUN_TAG_VALUE_MAX)?;
    if key == RUN_NAME_TAG {
        check_name("run_name", value)?;
        sqlx::query("UPDATE runs SET run_name = $1 WHERE id = $2")
            .bind(value)
            .bind(id)
            .execute(&mut *db)
            .await?;
    }
    RUN_TAGS.set(db, id, key, value).await
}
