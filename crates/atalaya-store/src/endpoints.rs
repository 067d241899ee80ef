//! Serving endpoints: what serves, what is wanted, and how far that is.

use atalaya_domain::endpoint::{ConfigUpdate, Endpoint, EndpointConfig};
use atalaya_domain::registry::Tags;
use atalaya_domain::{EndpointName, Timestamp};
use sqlx::Row as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::endpoint_row;
use crate::limits::{RUN_TAG_VALUE_MAX, TAGS_MAX, check_tags, clipped};
use crate::pairs::ENDPOINT_TAGS;
use crate::{Noun, Store, StoreError};

/// An endpoint to create.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// The name.
    pub name: EndpointName,
    /// Its first configuration; its `config_version` is set to 1.
    pub config: EndpointConfig,
    /// Free tags.
    pub tags: Tags,
    /// Who creates it.
    pub created_by: String,
}

impl Store {
    /// Creates an endpoint whose first configuration is pending and `IN_PROGRESS`.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`], [`StoreError::LimitReached`], [`StoreError::InvalidParameter`] for a bad tag.
    pub async fn create_endpoint(&self, new: &NewEndpoint, now: Timestamp) -> Result<Endpoint, StoreError> {
        check_tags(&new.tags, RUN_TAG_VALUE_MAX)?;
        let mut tx = self.write().await?;
        let (total, taken): (i64, i64) =
            sqlx::query_as("SELECT COUNT(*), COUNT(CASE WHEN name = $1 THEN 1 END) FROM endpoints")
                .bind(new.name.as_str())
                .fetch_one(&mut *tx)
                .await?;
        if taken > 0 {
            return Err(StoreError::already_exists(Noun::Endpoint, &new.name));
        }
        if total >= i64::from(ENDPOINTS_MAX) {
            return Err(StoreError::LimitReached {
                kind: Noun::Endpoint,
                max: ENDPOINTS_MAX,
            });
        }
        let first = EndpointConfig {
            config_version: 1,
            ..new.config.clone()
        };
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO endpoints (endpoint_id, name, created_by, created_at, updated_at, pending_config, config_update, \
             update_message, last_config_version) VALUES ($1, $2, $3, $4, $4, $5, $6, '', 1) RETURNING id",
        )
        .bind(uuid::Uuid::new_v4().simple().to_string())
        .bind(new.name.as_str())
        .bind(&new.created_by)
        .bind(now.0)
        .bind(endpoint_row::write(&first))
        .bind(ConfigUpdate::InProgress.as_str())
        .fetch_one(&mut *tx)
        .await?;
        ENDPOINT_TAGS.set_all(&mut tx, id, &new.tags).await?;
        let created = load(&mut tx, &new.name).await?;
        tx.commit().await?;
        Ok(created)
    }

    /// One endpoint by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn endpoint(&self, name: &EndpointName) -> Result<Endpoint, StoreError> {
        let mut tx = self.read().await?;
        load(&mut tx, name).await
    }

    /// One endpoint by its hexadecimal id, as permissions name it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn endpoint_by_id(&self, id: &str) -> Result<Endpoint, StoreError> {
        let mut tx = self.read().await?;
        let row = sqlx::query("SELECT * FROM endpoints WHERE endpoint_id = $1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(Noun::Endpoint, id))?;
        assemble(&mut tx, &row).await
    }

    /// Every endpoint, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM endpoints ORDER BY name")
            .fetch_all(&mut *tx)
            .await?;
        let mut endpoints = Vec::with_capacity(rows.len());
        for row in &rows {
            endpoints.push(assemble(&mut tx, row).await?);
        }
        Ok(endpoints)
    }

    /// Accepts a new configuration as pending and gives it the next `config_version`; what the
    /// argument has there is ignored.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] while an update is `IN_PROGRESS`.
    pub async fn set_pending(
        &self,
        name: &EndpointName,
        config: &EndpointConfig,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        let mut tx = self.write().await?;
        let endpoint = load(&mut tx, name).await?;
        if endpoint.update == ConfigUpdate::InProgress {
            let message = "is being updated: wait until `config_update` is no longer IN_PROGRESS";
            return Err(StoreError::conflict(Noun::Endpoint, name, message));
        }
        let next: i64 = sqlx::query_scalar(
            "UPDATE endpoints SET last_config_version = last_config_version + 1 WHERE name = $1 RETURNING last_config_version",
        )
        .bind(name.as_str())
        .fetch_one(&mut *tx)
        .await?;
        let config_version =
            u64::try_from(next).map_err(|_| StoreError::corrupt(Noun::Endpoint, "last_config_version"))?;
        let pending = EndpointConfig {
            config_version,
            ..config.clone()
        };
        let changed = Endpoint {
            pending: Some(pending),
            update: ConfigUpdate::InProgress,
            update_message: String::new(),
            updated_at: now,
            ..endpoint
        };
        save(&mut tx, &changed).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Makes the pending configuration of that version the active one. Again is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when another version is pending or none is.
    pub async fn activate(
        &self,
        name: &EndpointName,
        config_version: u64,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        let mut tx = self.write().await?;
        let endpoint = load(&mut tx, name).await?;
        if endpoint.pending.is_none()
            && endpoint
                .active
                .as_ref()
                .is_some_and(|c| c.config_version == config_version)
        {
            return Ok(endpoint);
        }
        let pending = expected_pending(&endpoint, config_version)?;
        let changed = Endpoint {
            active: Some(pending),
            pending: None,
            update: ConfigUpdate::NotUpdating,
            update_message: String::new(),
            updated_at: now,
            ..endpoint
        };
        save(&mut tx, &changed).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Gives the pending configuration of that version up with a reason; the old one goes on serving.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when another version is pending or none is.
    pub async fn fail_update(
        &self,
        name: &EndpointName,
        config_version: u64,
        message: &str,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        let mut tx = self.write().await?;
        let endpoint = load(&mut tx, name).await?;
        expected_pending(&endpoint, config_version)?;
        let changed = Endpoint {
            update: ConfigUpdate::UpdateFailed,
            update_message: clipped(message),
            updated_at: now,
            ..endpoint
        };
        save(&mut tx, &changed).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_endpoint(&self, name: &EndpointName) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query("DELETE FROM endpoints WHERE name = $1")
            .bind(name.as_str())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Endpoint, name));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Adds or replaces some tags and deletes others; absent ones to delete are no error. Returns what there is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn patch_endpoint_tags(
        &self,
        name: &EndpointName,
        add: &Tags,
        delete: &[String],
        now: Timestamp,
    ) -> Result<Tags, StoreError> {
        check_tags(add, RUN_TAG_VALUE_MAX)?;
        if delete.len() > TAGS_MAX {
            return Err(StoreError::invalid(
                "delete_tags",
                format!("must be at most {TAGS_MAX}"),
            ));
        }
        let mut tx = self.write().await?;
        let id: Option<i64> = sqlx::query_scalar("UPDATE endpoints SET updated_at = $1 WHERE name = $2 RETURNING id")
            .bind(now.0)
            .bind(name.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let id = id.ok_or_else(|| StoreError::not_found(Noun::Endpoint, name))?;
        for key in delete {
            ENDPOINT_TAGS.delete(&mut tx, id, key).await?;
        }
        ENDPOINT_TAGS.set_all(&mut tx, id, add).await?;
        let tags = ENDPOINT_TAGS.of(&mut tx, id).await?;
        if tags.len() > TAGS_MAX {
            return Err(StoreError::invalid(
                "add_tags",
                format!("an endpoint has at most {TAGS_MAX} tags"),
            ));
        }
        tx.commit().await?;
        Ok(tags)
    }
}

/// Most endpoints of one server: each is loaded at start and listed as a whole.
const ENDPOINTS_MAX: u32 = 1_000;

/// The pending configuration, if it is the one the caller has been working on.
fn expected_pending(endpoint: &Endpoint, config_version: u64) -> Result<EndpointConfig, StoreError> {
    let pending = endpoint
        .pending
        .as_ref()
        .filter(|pending| pending.config_version == config_version);
    match pending {
        Some(pending) if endpoint.update == ConfigUpdate::InProgress => Ok(pending.clone()),
        _ => Err(StoreError::conflict(
            Noun::Endpoint,
            &endpoint.name,
            "that configuration is not pending any more",
        )),
    }
}

async fn load(db: &mut SqliteConnection, name: &EndpointName) -> Result<Endpoint, StoreError> {
    let row = sqlx::query("SELECT * FROM endpoints WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let row = row.ok_or_else(|| StoreError::not_found(Noun::Endpoint, name))?;
    assemble(db, &row).await
}

/// Writes what an update changes.
async fn save(db: &mut SqliteConnection, endpoint: &Endpoint) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE endpoints SET active_config = $1, pending_config = $2, config_update = $3, update_message = $4, \
         updated_at = $5 WHERE name = $6",
    )
    .bind(endpoint.active.as_ref().map(endpoint_row::write))
    .bind(endpoint.pending.as_ref().map(endpoint_row::write))
    .bind(endpoint.update.as_str())
    .bind(&endpoint.update_message)
    .bind(endpoint.updated_at.0)
    .bind(endpoint.name.as_str())
    .execute(db)
    .await?;
    Ok(())
}

async fn assemble(db: &mut SqliteConnection, row: &SqliteRow) -> Result<Endpoint, StoreError> {
    let config = |column: &'static str| -> Result<Option<EndpointConfig>, StoreError> {
        let text: Option<String> = row.try_get(column)?;
        text.as_deref().map(endpoint_row::read).transpose()
    };
    let name: String = row.try_get("name")?;
    let update: String = row.try_get("config_update")?;
    Ok(Endpoint {
        id: row.try_get("endpoint_id")?,
        name: EndpointName::new(&name).map_err(|_| StoreError::corrupt(Noun::Endpoint, "name"))?,
        created_by: row.try_get("created_by")?,
        created_at: Timestamp(row.try_get("created_at")?),
        updated_at: Timestamp(row.try_get("updated_at")?),
        active: config("active_config")?,
        pending: config("pending_config")?,
        update: ConfigUpdate::parse(&update).ok_or(StoreError::corrupt(Noun::Endpoint, "config_update"))?,
        update_message: row.try_get("update_message")?,
        tags: ENDPOINT_TAGS.of(db, row.try_get("id")?).await?,
    })
}
