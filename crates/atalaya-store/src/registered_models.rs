//! Registered models: the named lines of model versions, and their tags.

use std::collections::{BTreeMap, HashMap};

use atalaya_domain::registry::{RegisteredModel, TAG_VALUE_MAX, Tags};
use atalaya_domain::{ModelName, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::filter_sql::{Column, Searchable};
use crate::limits::{TEXT_MAX, check_key, check_length, check_tags};
use crate::pairs::{OWNERS_PER_QUERY, REGISTERED_MODEL_TAGS, push_ids};
use crate::search::Slice;
use crate::{Noun, Page, Search, Store, StoreError};

/// A registered model to create.
#[derive(Debug, Clone)]
pub struct NewRegisteredModel {
    /// The name.
    pub name: ModelName,
    /// Free text for people.
    pub description: String,
    /// Free tags.
    pub tags: Tags,
}

impl Store {
    /// Creates a registered model without versions.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the name is taken, [`StoreError::InvalidParameter`] for a bad tag.
    pub async fn create_registered_model(
        &self,
        new: &NewRegisteredModel,
        now: Timestamp,
    ) -> Result<RegisteredModel, StoreError> {
        check_tags(&new.tags, TAG_VALUE_MAX)?;
        check_length("description", &new.description, TEXT_MAX)?;
        let mut tx = self.write().await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO registered_models (name, description, created_at, updated_at) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (name) DO NOTHING RETURNING id",
        )
        .bind(new.name.as_str())
        .bind(&new.description)
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?;
        let id = id.ok_or_else(|| StoreError::already_exists(Noun::RegisteredModel, &new.name))?;
        REGISTERED_MODEL_TAGS.set_all(&mut tx, id, &new.tags).await?;
        let model = load(&mut tx, &new.name).await?;
        tx.commit().await?;
        Ok(model)
    }

    /// One registered model with tags and aliases.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn registered_model(&self, name: &ModelName) -> Result<RegisteredModel, StoreError> {
        let mut tx = self.read().await?;
        load(&mut tx, name).await
    }

    /// Registered models by filter (`name`, `tags.k`), ordered by name unless asked otherwise.
    /// A tag that is absent differs from every value: `tags.k != 'v'` is true for it.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_registered_models(&self, search: &Search) -> Result<Page<RegisteredModel>, StoreError> {
        let slice = Slice::new(search, PAGE_DEFAULT, PAGE_MAX, "registered_models")?;
        let mut sql = QueryBuilder::new(format!("SELECT {COLUMNS} FROM registered_models m WHERE 1 = 1"));
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
    pub async fn update_registered_model(
        &self,
        name: &ModelName,
        description: &str,
        now: Timestamp,
    ) -> Result<RegisteredModel, StoreError> {
        check_length("description", description, TEXT_MAX)?;
        let mut tx = self.write().await?;
        let id = model_id(&mut tx, name).await?;
        sqlx::query("UPDATE registered_models SET description = $1 WHERE id = $2")
            .bind(description)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        touch_model(&mut tx, id, now).await?;
        let model = load(&mut tx, name).await?;
        tx.commit().await?;
        Ok(model)
    }

    /// Gives a registered model, with all its versions, another name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AlreadyExists`].
    pub async fn rename_registered_model(
        &self,
        name: &ModelName,
        new_name: &ModelName,
        now: Timestamp,
    ) -> Result<RegisteredModel, StoreError> {
        let mut tx = self.write().await?;
        let id = model_id(&mut tx, name).await?;
        let holder: Option<i64> = sqlx::query_scalar("SELECT id FROM registered_models WHERE name = $1")
            .bind(new_name.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        if holder.is_some_and(|holder| holder != id) {
            return Err(StoreError::already_exists(Noun::RegisteredModel, new_name));
        }
        sqlx::query("UPDATE registered_models SET name = $1 WHERE id = $2")
            .bind(new_name.as_str())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        touch_model(&mut tx, id, now).await?;
        let model = load(&mut tx, new_name).await?;
        tx.commit().await?;
        Ok(model)
    }

    /// Deletes a registered model with its versions, tags and aliases; its stage history stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_registered_model(&self, name: &ModelName) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let id = model_id(&mut tx, name).await?;
        sqlx::query("DELETE FROM registered_models WHERE id = $1")
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
    pub async fn set_registered_model_tag(
        &self,
        name: &ModelName,
        key: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        check_key("key", key)?;
        check_length("value", value, TAG_VALUE_MAX)?;
        let mut tx = self.write().await?;
        let id = model_id(&mut tx, name).await?;
        REGISTERED_MODEL_TAGS.set(&mut tx, id, key, value).await?;
        touch_model(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes one tag; an absent one is no error, as in MLflow's registry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such model.
    pub async fn delete_registered_model_tag(
        &self,
        name: &ModelName,
        key: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let id = model_id(&mut tx, name).await?;
        if REGISTERED_MODEL_TAGS.delete(&mut tx, id, key).await? {
            touch_model(&mut tx, id, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// MLflow's page sizes.
const PAGE_DEFAULT: i64 = 100;
const PAGE_MAX: i64 = 1_000;

const COLUMNS: &str = "m.id, m.name, m.description, m.created_at, m.updated_at";

static SEARCHABLE: Searchable = Searchable {
    attributes: &[
        ("name", Column::Text("m.name")),
        ("creation_timestamp", Column::Number("m.created_at")),
        ("last_updated_timestamp", Column::Number("m.updated_at")),
        ("timestamp", Column::Number("m.updated_at")),
    ],
    owner: "m.id",
    tags: REGISTERED_MODEL_TAGS.name,
    params: None,
    metrics: None,
    absent_tag_differs: true,
    default_order: "m.name",
    tie_break: "m.name",
};

/// The row number behind a name.
pub(crate) async fn model_id(db: &mut SqliteConnection, name: &ModelName) -> Result<i64, StoreError> {
    let id = sqlx::query_scalar("SELECT id FROM registered_models WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    id.ok_or_else(|| StoreError::not_found(Noun::RegisteredModel, name))
}

/// Notes that a registered model, or something of it, changed.
pub(crate) async fn touch_model(db: &mut SqliteConnection, id: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE registered_models SET updated_at = $1 WHERE id = $2")
        .bind(now.0)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

async fn load(db: &mut SqliteConnection, name: &ModelName) -> Result<RegisteredModel, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM registered_models m WHERE m.name = "));
    sql.push_bind(name.as_str());
    let row = sql.build().fetch_optional(&mut *db).await?;
    let row = row.ok_or_else(|| StoreError::not_found(Noun::RegisteredModel, name))?;
    let mut models = assemble(db, std::slice::from_ref(&row)).await?;
    models
        .pop()
        .ok_or_else(|| StoreError::not_found(Noun::RegisteredModel, name))
}

/// Rows with their tags and aliases.
async fn assemble(db: &mut SqliteConnection, rows: &[SqliteRow]) -> Result<Vec<RegisteredModel>, StoreError> {
    let ids = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<Vec<i64>, _>>()?;
    let mut tags = REGISTERED_MODEL_TAGS.of_all(db, &ids).await?;
    let mut aliases = aliases_of(db, &ids).await?;
    let mut models = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        let name: String = row.try_get("name")?;
        models.push(RegisteredModel {
            name: ModelName::new(&name).map_err(|_| StoreError::corrupt(Noun::RegisteredModel, "name"))?,
            description: row.try_get("description")?,
            created_at: Timestamp(row.try_get("created_at")?),
            updated_at: Timestamp(row.try_get("updated_at")?),
            tags: tags.remove(&id).unwrap_or_default(),
            aliases: aliases.remove(&id).unwrap_or_default(),
        });
    }
    Ok(models)
}

async fn aliases_of(db: &mut SqliteConnection, ids: &[i64]) -> Result<HashMap<i64, BTreeMap<String, u32>>, StoreError> {
    let mut found: HashMap<i64, BTreeMap<String, u32>> = HashMap::new();
    for ids in ids.chunks(OWNERS_PER_QUERY) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT a.model_id, a.alias, v.version FROM model_aliases a JOIN model_versions v ON v.id = a.version_id \
             WHERE a.model_id IN ",
        );
        push_ids(&mut sql, ids);
        for row in sql.build().fetch_all(&mut *db).await? {
            found
                .entry(row.try_get("model_id")?)
                .or_default()
                .insert(row.try_get("alias")?, row.try_get("version")?);
        }
    }
    Ok(found)
}
