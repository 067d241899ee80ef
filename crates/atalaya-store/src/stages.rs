//! Stages of model versions and their append-only history.

use atalaya_domain::registry::{ModelVersion, Stage};
use atalaya_domain::{ModelName, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::version_row::{load_one, row_of, touch_version};
use crate::{Noun, Store, StoreError};

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
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, &transit.name, transit.version).await?;
        let exclusive = matches!(transit.stage, Stage::Staging | Stage::Production);
        if transit.archive_existing && exclusive {
            let others: Vec<(i64, u32)> = sqlx::query_as(
                "SELECT id, version FROM model_versions WHERE model_id = $1 AND stage = $2 AND id <> $3 ORDER BY version",
            )
            .bind(row.model_id)
            .bind(transit.stage.as_str())
            .bind(row.id)
            .fetch_all(&mut *tx)
            .await?;
            for (id, version) in others {
                let archived = Transit {
                    version,
                    stage: Stage::Archived,
                    ..transit.clone()
                };
                change(&mut tx, id, &archived, now).await?;
            }
        }
        change(&mut tx, row.id, transit, now).await?;
        touch_version(&mut tx, &row, now).await?;
        let moved = load_one(&mut tx, &transit.name, transit.version).await?;
        tx.commit().await?;
        Ok(moved)
    }

    /// The stage changes of one version, or of a whole model with `None`, newest first, at most 1,000.
    /// They survive renaming and deletion.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn stage_history(&self, name: &ModelName, version: Option<u32>) -> Result<Vec<StageChange>, StoreError> {
        let rows = sqlx::query(
            "SELECT model_name, version, from_stage, to_stage, changed_by, changed_at FROM stage_history \
             WHERE model_id = COALESCE((SELECT id FROM registered_models WHERE name = $1), \
                                       (SELECT MAX(model_id) FROM stage_history WHERE model_name = $1)) AND ($2 IS NULL OR version = $2) ORDER BY id DESC LIMIT $3",
        )
        .bind(name.as_str())
        .bind(version)
        .bind(HISTORY_MAX)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.iter().map(read_change).collect()
    }
}

/// Most changes shown at once; older ones stay in the table.
const HISTORY_MAX: i64 = 1_000;

/// Puts one version in a stage and writes the history; staying where it is is no change.
async fn change(db: &mut SqliteConnection, id: i64, transit: &Transit, now: Timestamp) -> Result<(), StoreError> {
    let from: String = sqlx::query_scalar("SELECT stage FROM model_versions WHERE id = $1")
        .bind(id)
        .fetch_one(&mut *db)
        .await?;
    if from == transit.stage.as_str() {
        return Ok(());
    }
    sqlx::query("UPDATE model_versions SET stage = $1, updated_at = $2 WHERE id = $3")
        .bind(transit.stage.as_str())
        .bind(now.0)
        .bind(id)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO stage_history (model_id, model_name, version, from_stage, to_stage, changed_by, changed_at) \
         SELECT model_id, $1, $2, $3, $4, $5, $6 FROM model_versions WHERE id = $7",
    )
    .bind(transit.name.as_str())
    .bind(transit.version)
    .bind(from)
    .bind(transit.stage.as_str())
    .bind(&transit.changed_by)
    .bind(now.0)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

fn read_change(row: &SqliteRow) -> Result<StageChange, StoreError> {
    let stage = |column: &'static str| -> Result<Stage, StoreError> {
        let word: String = row.try_get(column)?;
        word.parse()
            .map_err(|_| StoreError::corrupt(Noun::ModelVersion, column))
    };
    let name: String = row.try_get("model_name")?;
    Ok(StageChange {
        name: ModelName::new(&name).map_err(|_| StoreError::corrupt(Noun::RegisteredModel, "name"))?,
        version: row.try_get("version")?,
        from: stage("from_stage")?,
        to: stage("to_stage")?,
        changed_by: row.try_get("changed_by")?,
        changed_at: Timestamp(row.try_get("changed_at")?),
    })
}
