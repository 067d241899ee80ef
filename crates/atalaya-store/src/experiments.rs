//! Experiments: named groups of runs. `Default`, id `0`, always exists.

use atalaya_domain::Timestamp;
use atalaya_domain::registry::Tags;
use atalaya_domain::tracking::Experiment;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::filter_sql::{Column, Searchable};
use crate::limits::{RUN_TAG_VALUE_MAX, check_key, check_length, check_name, check_tags};
use crate::pairs::EXPERIMENT_TAGS;
use crate::search::Slice;
use crate::{Noun, Page, Search, Store, StoreError};

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
        check_name("name", &new.name)?;
        check_tags(&new.tags, RUN_TAG_VALUE_MAX)?;
        let mut tx = self.write().await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO experiments (name, created_at, updated_at) VALUES ($1, $2, $2) \
             ON CONFLICT (name) DO NOTHING RETURNING id",
        )
        .bind(&new.name)
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?;
        let id = id.ok_or_else(|| StoreError::already_exists(Noun::Experiment, &new.name))?;
        EXPERIMENT_TAGS.set_all(&mut tx, id, &new.tags).await?;
        let created = load(&mut tx, id).await?;
        tx.commit().await?;
        Ok(created)
    }

    /// One experiment by id; `"None"` and `""` mean the default one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn experiment(&self, experiment_id: &str) -> Result<Experiment, StoreError> {
        let id = read_id(experiment_id)?;
        let mut tx = self.read().await?;
        load(&mut tx, id).await
    }

    /// One experiment by name, deleted ones too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn experiment_by_name(&self, name: &str) -> Result<Experiment, StoreError> {
        let mut tx = self.read().await?;
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM experiments WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        load(
            &mut tx,
            id.ok_or_else(|| StoreError::not_found(Noun::Experiment, name))?,
        )
        .await
    }

    /// Experiments by filter (`name`, `creation_time`, `last_update_time`, `tags.k`), last changed first.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_experiments(&self, view: View, search: &Search) -> Result<Page<Experiment>, StoreError> {
        let slice = Slice::new(search, PAGE_DEFAULT, PAGE_MAX, view.as_str())?;
        let mut sql = QueryBuilder::new(format!("SELECT {COLUMNS} FROM experiments e WHERE "));
        sql.push(match view {
            View::ActiveOnly => "e.deleted_at IS NULL",
            View::DeletedOnly => "e.deleted_at IS NOT NULL",
            View::All => "1 = 1",
        });
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
        check_name("new_name", new_name)?;
        let mut tx = self.write().await?;
        let id = active_id(&mut tx, experiment_id).await?;
        let holder: Option<i64> = sqlx::query_scalar("SELECT id FROM experiments WHERE name = $1")
            .bind(new_name)
            .fetch_optional(&mut *tx)
            .await?;
        if holder.is_some_and(|holder| holder != id) {
            return Err(StoreError::already_exists(Noun::Experiment, new_name));
        }
        sqlx::query("UPDATE experiments SET name = $1 WHERE id = $2")
            .bind(new_name)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        touch(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Soft-deletes an experiment and its active runs.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is deleted already; [`StoreError::InvalidParameter`] for the default one.
    pub async fn delete_experiment(&self, experiment_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let id = read_id(experiment_id)?;
        if id == DEFAULT_ID {
            return Err(StoreError::invalid(
                "experiment_id",
                "the default experiment cannot be deleted",
            ));
        }
        let mut tx = self.write().await?;
        let done =
            sqlx::query("UPDATE experiments SET deleted_at = $1, updated_at = $1 WHERE id = $2 AND deleted_at IS NULL")
                .bind(now.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Experiment, experiment_id));
        }
        sqlx::query("UPDATE runs SET deleted_at = $1, deleted_with_experiment = 1 WHERE experiment_id = $2 AND deleted_at IS NULL")
            .bind(now.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a deletion back, with the runs that went with it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such deleted experiment.
    pub async fn restore_experiment(&self, experiment_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let id = read_id(experiment_id)?;
        let mut tx = self.write().await?;
        let done = sqlx::query(
            "UPDATE experiments SET deleted_at = NULL, updated_at = $1 WHERE id = $2 AND deleted_at IS NOT NULL",
        )
        .bind(now.0)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Experiment, experiment_id));
        }
        sqlx::query(
            "UPDATE runs SET deleted_at = NULL, deleted_with_experiment = 0 \
             WHERE experiment_id = $1 AND deleted_with_experiment = 1",
        )
        .bind(id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
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
        check_key("key", key)?;
        check_length("value", value, RUN_TAG_VALUE_MAX)?;
        let mut tx = self.write().await?;
        let id = active_id(&mut tx, experiment_id).await?;
        EXPERIMENT_TAGS.set(&mut tx, id, key, value).await?;
        touch(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
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
        let mut tx = self.write().await?;
        let id = active_id(&mut tx, experiment_id).await?;
        if !EXPERIMENT_TAGS.delete(&mut tx, id, key).await? {
            return Err(StoreError::not_found(Noun::Tag, key));
        }
        touch(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// MLflow's page sizes.
const PAGE_DEFAULT: i64 = 1_000;
const PAGE_MAX: i64 = 50_000;

const DEFAULT_ID: i64 = 0;
const COLUMNS: &str = "e.id, e.name, e.created_at, e.updated_at, e.deleted_at";

static SEARCHABLE: Searchable = Searchable {
    attributes: &[
        ("name", Column::Text("e.name")),
        ("experiment_id", Column::Number("e.id")),
        ("creation_time", Column::Number("e.created_at")),
        ("last_update_time", Column::Number("e.updated_at")),
    ],
    owner: "e.id",
    tags: EXPERIMENT_TAGS.name,
    params: None,
    metrics: None,
    absent_tag_differs: false,
    default_order: "e.updated_at DESC, e.id DESC",
    tie_break: "e.id DESC",
};

impl View {
    /// MLflow's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActiveOnly => "ACTIVE_ONLY",
            Self::DeletedOnly => "DELETED_ONLY",
            Self::All => "ALL",
        }
    }

    /// Reads MLflow's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ActiveOnly, Self::DeletedOnly, Self::All]
            .into_iter()
            .find(|v| v.as_str() == text)
    }
}

/// The row number behind an experiment id; clients without one send `"None"` or `""`.
pub(crate) fn read_id(experiment_id: &str) -> Result<i64, StoreError> {
    if matches!(experiment_id, "" | "None") {
        return Ok(DEFAULT_ID);
    }
    let plain = experiment_id.bytes().all(|b| b.is_ascii_digit());
    let id = experiment_id.parse().ok().filter(|_| plain);
    id.ok_or_else(|| StoreError::not_found(Noun::Experiment, experiment_id))
}

/// The row number of an experiment that is not deleted.
pub(crate) async fn active_id(db: &mut SqliteConnection, experiment_id: &str) -> Result<i64, StoreError> {
    let id = read_id(experiment_id)?;
    let deleted: Option<bool> = sqlx::query_scalar("SELECT deleted_at IS NOT NULL FROM experiments WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await?;
    match deleted {
        None => Err(StoreError::not_found(Noun::Experiment, experiment_id)),
        Some(true) => Err(StoreError::invalid(
            "experiment_id",
            "the experiment must be in the 'active' state; it is deleted",
        )),
        Some(false) => Ok(id),
    }
}

async fn touch(db: &mut SqliteConnection, id: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE experiments SET updated_at = $1 WHERE id = $2")
        .bind(now.0)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

async fn load(db: &mut SqliteConnection, id: i64) -> Result<Experiment, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM experiments e WHERE e.id = "));
    let rows = sql.push_bind(id).build().fetch_all(&mut *db).await?;
    let found = assemble(db, &rows).await?.pop();
    found.ok_or_else(|| StoreError::not_found(Noun::Experiment, id))
}

/// Rows with their tags.
async fn assemble(db: &mut SqliteConnection, rows: &[SqliteRow]) -> Result<Vec<Experiment>, StoreError> {
    let ids = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<Vec<i64>, _>>()?;
    let mut tags = EXPERIMENT_TAGS.of_all(db, &ids).await?;
    let mut experiments = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        experiments.push(Experiment {
            experiment_id: id.to_string(),
            name: row.try_get("name")?,
            tags: tags.remove(&id).unwrap_or_default(),
            deleted: row.try_get::<Option<i64>, _>("deleted_at")?.is_some(),
            created_at: Timestamp(row.try_get("created_at")?),
            updated_at: Timestamp(row.try_get("updated_at")?),
        });
    }
    Ok(experiments)
}
