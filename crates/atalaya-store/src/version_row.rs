//! Rows of `model_versions` as domain values, with their tags and aliases.

use std::collections::HashMap;

use atalaya_domain::registry::{ModelVersion, VersionStatus};
use atalaya_domain::{ModelName, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::pairs::{MODEL_VERSION_TAGS, OWNERS_PER_QUERY, push_ids};
use crate::registered_models::{model_id, touch_model};
use crate::{Noun, StoreError};

/// Columns and tables of every query for whole versions.
pub(crate) const COLUMNS: &str = "v.id, v.version, v.stage, v.description, v.source, v.run_id, v.logged_model_id, \
    v.run_link, v.created_by, v.created_at, v.updated_at, v.status, v.artifact_digest, m.name \
    FROM model_versions v JOIN registered_models m ON m.id = v.model_id";

/// What a change of a version needs to know of it.
pub(crate) struct VersionRow {
    pub(crate) id: i64,
    pub(crate) model_id: i64,
    pub(crate) status: VersionStatus,
    pub(crate) message: String,
    pub(crate) artifact_digest: String,
}

/// How a version is named in errors.
pub(crate) fn shown(name: &ModelName, version: u32) -> String {
    format!("{name}/{version}")
}

/// Finds a version to change.
pub(crate) async fn row_of(
    db: &mut SqliteConnection,
    name: &ModelName,
    version: u32,
) -> Result<VersionRow, StoreError> {
    let row = sqlx::query(
        "SELECT v.id, v.model_id, v.status, v.status_message, v.artifact_digest \
         FROM model_versions v JOIN registered_models m ON m.id = v.model_id WHERE m.name = $1 AND v.version = $2",
    )
    .bind(name.as_str())
    .bind(version)
    .fetch_optional(db)
    .await?;
    let row = row.ok_or_else(|| StoreError::not_found(Noun::ModelVersion, shown(name, version)))?;
    Ok(VersionRow {
        id: row.try_get("id")?,
        model_id: row.try_get("model_id")?,
        status: read_status(&row)?,
        message: row.try_get("status_message")?,
        artifact_digest: row.try_get("artifact_digest")?,
    })
}

/// Notes that a version, and so its registered model, changed.
pub(crate) async fn touch_version(
    db: &mut SqliteConnection,
    row: &VersionRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE model_versions SET updated_at = $1 WHERE id = $2")
        .bind(now.0)
        .bind(row.id)
        .execute(&mut *db)
        .await?;
    touch_model(db, row.model_id, now).await
}

/// One version by number.
pub(crate) async fn load_one(
    db: &mut SqliteConnection,
    name: &ModelName,
    version: u32,
) -> Result<ModelVersion, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} WHERE m.name = "));
    sql.push_bind(name.as_str())
        .push(" AND v.version = ")
        .push_bind(version);
    let rows = sql.build().fetch_all(&mut *db).await?;
    let found = assemble(db, &rows).await?.pop();
    found.ok_or_else(|| StoreError::not_found(Noun::ModelVersion, shown(name, version)))
}

/// One version by alias.
pub(crate) async fn load_alias(
    db: &mut SqliteConnection,
    name: &ModelName,
    alias: &str,
) -> Result<ModelVersion, StoreError> {
    let model = model_id(db, name).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} JOIN model_aliases a ON a.version_id = v.id"));
    sql.push(" WHERE a.model_id = ")
        .push_bind(model)
        .push(" AND a.alias = ")
        .push_bind(alias);
    let rows = sql.build().fetch_all(&mut *db).await?;
    let found = assemble(db, &rows).await?.pop();
    found.ok_or_else(|| StoreError::not_found(Noun::Alias, format!("{name}@{alias}")))
}

/// The greatest `READY` version of each stage.
pub(crate) async fn newest_ready(db: &mut SqliteConnection, name: &ModelName) -> Result<Vec<ModelVersion>, StoreError> {
    let model = model_id(db, name).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} WHERE v.model_id = "));
    sql.push_bind(model)
        .push(" AND v.version IN (SELECT MAX(w.version) FROM model_versions w WHERE w.model_id = ");
    sql.push_bind(model)
        .push(" AND w.status = ")
        .push_bind(VersionStatus::Ready.as_str());
    sql.push(" GROUP BY w.stage) ORDER BY v.version");
    let rows = sql.build().fetch_all(&mut *db).await?;
    assemble(db, &rows).await
}

/// Rows with their tags and aliases.
pub(crate) async fn assemble(db: &mut SqliteConnection, rows: &[SqliteRow]) -> Result<Vec<ModelVersion>, StoreError> {
    let ids = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<Vec<i64>, _>>()?;
    let mut tags = MODEL_VERSION_TAGS.of_all(db, &ids).await?;
    let mut aliases = aliases_of(db, &ids).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        let name: String = row.try_get("name")?;
        let stage: String = row.try_get("stage")?;
        versions.push(ModelVersion {
            name: ModelName::new(&name).map_err(|_| StoreError::corrupt(Noun::RegisteredModel, "name"))?,
            version: row.try_get("version")?,
            stage: stage
                .parse()
                .map_err(|_| StoreError::corrupt(Noun::ModelVersion, "stage"))?,
            description: row.try_get("description")?,
            source: row.try_get("source")?,
            run_id: row.try_get("run_id")?,
            model_id: row.try_get("logged_model_id")?,
            run_link: row.try_get("run_link")?,
            created_by: row.try_get("created_by")?,
            created_at: Timestamp(row.try_get("created_at")?),
            updated_at: Timestamp(row.try_get("updated_at")?),
            status: read_status(row)?,
            tags: tags.remove(&id).unwrap_or_default(),
            aliases: aliases.remove(&id).unwrap_or_default(),
            artifact_digest: row.try_get("artifact_digest")?,
        });
    }
    Ok(versions)
}

async fn aliases_of(db: &mut SqliteConnection, ids: &[i64]) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let mut found: HashMap<i64, Vec<String>> = HashMap::new();
    for ids in ids.chunks(OWNERS_PER_QUERY) {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT version_id, alias FROM model_aliases WHERE version_id IN ");
        push_ids(&mut sql, ids);
        sql.push(" ORDER BY alias");
        for row in sql.build().fetch_all(&mut *db).await? {
            found
                .entry(row.try_get("version_id")?)
                .or_default()
                .push(row.try_get("alias")?);
        }
    }
    Ok(found)
}

fn read_status(row: &SqliteRow) -> Result<VersionStatus, StoreError> {
    const ALL: [VersionStatus; 3] = [
        VersionStatus::PendingRegistration,
        VersionStatus::FailedRegistration,
        VersionStatus::Ready,
    ];
    let word: String = row.try_get("status")?;
    ALL.into_iter()
        .find(|s| s.as_str() == word)
        .ok_or(StoreError::corrupt(Noun::ModelVersion, "status"))
}
