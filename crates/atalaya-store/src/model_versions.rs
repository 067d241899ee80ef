//! Model versions: numbered once, pending until their files are named, found by URI, stage or search.

use atalaya_domain::registry::{ModelUri, ModelVersion, Stage, TAG_VALUE_MAX, Tags, VersionRef, VersionStatus};
use atalaya_domain::{ModelName, Timestamp};
use sqlx::QueryBuilder;

use crate::filter_sql::{Column, Searchable};
use crate::limits::{TEXT_MAX, check_key, check_length, check_tags, clipped};
use crate::pairs::MODEL_VERSION_TAGS;
use crate::registered_models::touch_model;
use crate::search::Slice;
use crate::version_row::{COLUMNS, assemble, load_alias, load_one, newest_ready, row_of, shown, touch_version};
use crate::{Digest, Noun, Page, Search, Store, StoreError};

/// A model version to create.
#[derive(Debug, Clone)]
pub struct NewModelVersion {
    /// The registered model, which must exist.
    pub name: ModelName,
    /// Free text for people.
    pub description: String,
    /// Where the client said that the model came from.
    pub source: String,
    /// The run that made it; empty when unknown.
    pub run_id: String,
    /// The MLflow 3 logged model; empty when none.
    pub model_id: String,
    /// Link shown beside the run.
    pub run_link: String,
    /// Who registers it.
    pub created_by: String,
    /// Free tags.
    pub tags: Tags,
}

impl Store {
    /// Creates the next version, `PENDING_REGISTRATION`. Numbers are given in order, one at a time
    /// however many callers there are, and never again after a deletion.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such registered model, [`StoreError::InvalidParameter`] for a bad tag.
    pub async fn create_model_version(
        &self,
        new: &NewModelVersion,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        check_tags(&new.tags, TAG_VALUE_MAX)?;
        for (parameter, text) in [
            ("description", &new.description),
            ("source", &new.source),
            ("run_id", &new.run_id),
            ("model_id", &new.model_id),
            ("run_link", &new.run_link),
            ("user_id", &new.created_by),
        ] {
            check_length(parameter, text, TEXT_MAX)?;
        }
        let mut tx = self.write().await?;
        let taken: Option<(i64, u32)> = sqlx::query_as(
            "UPDATE registered_models SET next_version = next_version + 1, updated_at = $1 WHERE name = $2 \
             RETURNING id, next_version - 1",
        )
        .bind(now.0)
        .bind(new.name.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let (model, version) = taken.ok_or_else(|| StoreError::not_found(Noun::RegisteredModel, &new.name))?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO model_versions (model_id, version, stage, description, source, run_id, logged_model_id, run_link, \
             created_by, created_at, updated_at, status, artifact_digest) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, '') RETURNING id",
        )
        .bind(model)
        .bind(version)
        .bind(Stage::None.as_str())
        .bind(&new.description)
        .bind(&new.source)
        .bind(&new.run_id)
        .bind(&new.model_id)
        .bind(&new.run_link)
        .bind(&new.created_by)
        .bind(now.0)
        .bind(VersionStatus::PendingRegistration.as_str())
        .fetch_one(&mut *tx)
        .await?;
        MODEL_VERSION_TAGS.set_all(&mut tx, id, &new.tags).await?;
        let created = load_one(&mut tx, &new.name, version).await?;
        tx.commit().await?;
        Ok(created)
    }

    /// Names the stored files of a pending version and makes it `READY`. Again with the same digest is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it is not pending.
    pub async fn finish_model_version(
        &self,
        name: &ModelName,
        version: u32,
        artifacts: &Digest,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        let same = row.status == VersionStatus::Ready && row.artifact_digest == artifacts.as_str();
        if !same && row.status != VersionStatus::PendingRegistration {
            return Err(StoreError::conflict(
                Noun::ModelVersion,
                shown(name, version),
                "is not pending: register a new version",
            ));
        }
        if !same {
            sqlx::query("UPDATE model_versions SET status = $1, artifact_digest = $2, updated_at = $3 WHERE id = $4")
                .bind(VersionStatus::Ready.as_str())
                .bind(artifacts.as_str())
                .bind(now.0)
                .bind(row.id)
                .execute(&mut *tx)
                .await?;
        }
        let finished = load_one(&mut tx, name, version).await?;
        tx.commit().await?;
        Ok(finished)
    }

    /// Gives a pending version up: `FAILED_REGISTRATION`, with the reason.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it is `READY`.
    pub async fn fail_model_version(
        &self,
        name: &ModelName,
        version: u32,
        message: &str,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        if row.status == VersionStatus::Ready {
            return Err(StoreError::conflict(
                Noun::ModelVersion,
                shown(name, version),
                "is complete and cannot fail any more",
            ));
        }
        sqlx::query("UPDATE model_versions SET status = $1, status_message = $2, updated_at = $3 WHERE id = $4")
            .bind(VersionStatus::FailedRegistration.as_str())
            .bind(clipped(message))
            .bind(now.0)
            .bind(row.id)
            .execute(&mut *tx)
            .await?;
        let failed = load_one(&mut tx, name, version).await?;
        tx.commit().await?;
        Ok(failed)
    }

    /// Why a version is `FAILED_REGISTRATION`; empty otherwise (MLflow's `status_message`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn model_version_message(&self, name: &ModelName, version: u32) -> Result<String, StoreError> {
        let mut tx = self.read().await?;
        let row = row_of(&mut tx, name, version).await?;
        Ok(row.message)
    }

    /// One version, whatever its status.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn model_version(&self, name: &ModelName, version: u32) -> Result<ModelVersion, StoreError> {
        let mut tx = self.read().await?;
        load_one(&mut tx, name, version).await
    }

    /// The version that a model URI means, for scoring and serving: always a `READY` one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown model, version or alias or an empty stage;
    /// [`StoreError::Conflict`] when the number or alias names a version whose files are not complete.
    pub async fn resolve(&self, uri: &ModelUri) -> Result<ModelVersion, StoreError> {
        let mut tx = self.read().await?;
        let name = &uri.name;
        let found = match &uri.version {
            VersionRef::Number(number) => load_one(&mut tx, name, *number).await?,
            VersionRef::Alias(alias) => load_alias(&mut tx, name, alias).await?,
            VersionRef::Stage(stage) => {
                let newest = newest_ready(&mut tx, name).await?;
                let found = newest.into_iter().find(|v| v.stage == *stage);
                found.ok_or_else(|| StoreError::not_found(Noun::ModelVersion, uri))?
            }
            VersionRef::Latest => {
                let newest = newest_ready(&mut tx, name).await?;
                let found = newest.into_iter().max_by_key(|v| v.version);
                found.ok_or_else(|| StoreError::not_found(Noun::ModelVersion, uri))?
            }
        };
        if found.status == VersionStatus::Ready {
            return Ok(found);
        }
        let message = "is not READY: its files are not complete";
        Err(StoreError::conflict(
            Noun::ModelVersion,
            shown(name, found.version),
            message,
        ))
    }

    /// The greatest `READY` version of each stage, or of each of `stages` when it is not empty.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such registered model.
    pub async fn latest_versions(&self, name: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>, StoreError> {
        let mut tx = self.read().await?;
        let mut newest = newest_ready(&mut tx, name).await?;
        newest.retain(|v| stages.is_empty() || stages.contains(&v.stage));
        Ok(newest)
    }

    /// Versions by filter (`name`, `run_id`, `source_path`, `version_number`, `tags.k`), newest change first.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_model_versions(&self, search: &Search) -> Result<Page<ModelVersion>, StoreError> {
        let slice = Slice::new(search, PAGE_DEFAULT, PAGE_MAX, "model_versions")?;
        let mut sql = QueryBuilder::new(format!("SELECT {COLUMNS} WHERE 1 = 1"));
        SEARCHABLE.push_filter(&mut sql, &search.filter)?;
        SEARCHABLE.push_order(&mut sql, search, &slice)?;
        let mut tx = self.read().await?;
        let rows = sql.build().fetch_all(&mut *tx).await?;
        let page = slice.page(rows);
        Ok(Page {
            items: assemble(&mut tx, &page.items).await?,
            next_page_token: page.next_page_token,
        })
    }

    /// Replaces the description.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_model_version(
        &self,
        name: &ModelName,
        version: u32,
        description: &str,
        now: Timestamp,
    ) -> Result<ModelVersion, StoreError> {
        check_length("description", description, TEXT_MAX)?;
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        sqlx::query("UPDATE model_versions SET description = $1 WHERE id = $2")
            .bind(description)
            .bind(row.id)
            .execute(&mut *tx)
            .await?;
        touch_version(&mut tx, &row, now).await?;
        let updated = load_one(&mut tx, name, version).await?;
        tx.commit().await?;
        Ok(updated)
    }

    /// Deletes a version with its tags and aliases; its number is not used again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_model_version(&self, name: &ModelName, version: u32, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        sqlx::query("DELETE FROM model_versions WHERE id = $1")
            .bind(row.id)
            .execute(&mut *tx)
            .await?;
        touch_model(&mut tx, row.model_id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets or replaces one tag.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn set_model_version_tag(
        &self,
        name: &ModelName,
        version: u32,
        tag: (&str, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, value) = tag;
        check_key("key", key)?;
        check_length("value", value, TAG_VALUE_MAX)?;
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        MODEL_VERSION_TAGS.set(&mut tx, row.id, key, value).await?;
        touch_version(&mut tx, &row, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes one tag; an absent one is no error, as in MLflow's registry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such version.
    pub async fn delete_model_version_tag(
        &self,
        name: &ModelName,
        version: u32,
        key: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        if MODEL_VERSION_TAGS.delete(&mut tx, row.id, key).await? {
            touch_version(&mut tx, &row, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// MLflow's page sizes.
const PAGE_DEFAULT: i64 = 10_000;
const PAGE_MAX: i64 = 200_000;

static SEARCHABLE: Searchable = Searchable {
    attributes: &[
        ("name", Column::Text("m.name")),
        ("version_number", Column::Number("v.version")),
        ("run_id", Column::Text("v.run_id")),
        ("source_path", Column::Text("v.source")),
        ("creation_timestamp", Column::Number("v.created_at")),
        ("last_updated_timestamp", Column::Number("v.updated_at")),
    ],
    owner: "v.id",
    tags: MODEL_VERSION_TAGS.name,
    params: None,
    metrics: None,
    absent_tag_differs: true,
    default_order: "v.updated_at DESC, m.name, v.version DESC",
    tie_break: "m.name, v.version DESC",
};
