//! Aliases: names that point at one version of a registered model, and move atomically.

use atalaya_domain::registry::ModelVersion;
use atalaya_domain::{ModelName, Timestamp};

use crate::limits::check_alias;
use crate::registered_models::{model_id, touch_model};
use crate::version_row::{load_alias, row_of};
use crate::{Store, StoreError};

impl Store {
    /// Points an alias at a version, from wherever it pointed before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such version; [`StoreError::InvalidParameter`] for a bad alias
    /// (letters, digits, `_` and `-`; not `latest`, not `v1`-like).
    pub async fn set_alias(
        &self,
        name: &ModelName,
        alias: &str,
        version: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        check_alias(alias)?;
        let mut tx = self.write().await?;
        let row = row_of(&mut tx, name, version).await?;
        sqlx::query(
            "INSERT INTO model_aliases (model_id, alias, version_id) VALUES ($1, $2, $3) \
             ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id",
        )
        .bind(row.model_id)
        .bind(alias)
        .bind(row.id)
        .execute(&mut *tx)
        .await?;
        touch_model(&mut tx, row.model_id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes an alias; an absent one is no error, as in MLflow.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such registered model.
    pub async fn delete_alias(&self, name: &ModelName, alias: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let model = model_id(&mut tx, name).await?;
        let gone = sqlx::query("DELETE FROM model_aliases WHERE model_id = $1 AND alias = $2")
            .bind(model)
            .bind(alias)
            .execute(&mut *tx)
            .await?;
        if gone.rows_affected() > 0 {
            touch_model(&mut tx, model, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The version that an alias points at, whatever its status.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown model or alias.
    pub async fn version_by_alias(&self, name: &ModelName, alias: &str) -> Result<ModelVersion, StoreError> {
        let mut tx = self.read().await?;
        load_alias(&mut tx, name, alias).await
    }
}
