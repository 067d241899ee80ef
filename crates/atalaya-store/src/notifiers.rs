//! Notifiers: where alerts are told. The URL is a secret that is stored but not listed by the API.

use atalaya_domain::monitor::{Notifier, NotifierKind};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::limits::{check_length, check_name};
use crate::{Noun, Store, StoreError};

impl Store {
    /// Creates a notifier.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`], [`StoreError::LimitReached`], [`StoreError::InvalidParameter`].
    pub async fn create_notifier(&self, notifier: &Notifier) -> Result<(), StoreError> {
        check(notifier)?;
        let mut tx = self.write().await?;
        let (total, taken): (i64, i64) =
            sqlx::query_as("SELECT COUNT(*), COUNT(CASE WHEN name = $1 THEN 1 END) FROM notifiers")
                .bind(&notifier.name)
                .fetch_one(&mut *tx)
                .await?;
        if taken > 0 {
            return Err(StoreError::already_exists(Noun::Notifier, &notifier.name));
        }
        if total >= i64::from(NOTIFIERS_MAX) {
            return Err(StoreError::LimitReached {
                kind: Noun::Notifier,
                max: NOTIFIERS_MAX,
            });
        }
        sqlx::query("INSERT INTO notifiers (name, kind, url) VALUES ($1, $2, $3)")
            .bind(&notifier.name)
            .bind(notifier.kind.as_str())
            .bind(&notifier.url)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// One notifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn notifier(&self, name: &str) -> Result<Notifier, StoreError> {
        let mut tx = self.read().await?;
        let row = sqlx::query("SELECT * FROM notifiers WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        read_notifier(&row.ok_or_else(|| StoreError::not_found(Noun::Notifier, name))?)
    }

    /// Every notifier, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn notifiers(&self) -> Result<Vec<Notifier>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM notifiers ORDER BY name")
            .fetch_all(&mut *tx)
            .await?;
        rows.iter().map(read_notifier).collect()
    }

    /// Replaces kind and URL.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::InvalidParameter`].
    pub async fn update_notifier(&self, notifier: &Notifier) -> Result<(), StoreError> {
        check(notifier)?;
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE notifiers SET kind = $1, url = $2 WHERE name = $3")
            .bind(notifier.kind.as_str())
            .bind(&notifier.url)
            .bind(&notifier.name)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Notifier, &notifier.name));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Deletes a notifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] while a monitor names it.
    pub async fn delete_notifier(&self, name: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        require_notifier(&mut tx, name).await?;
        let used: Option<i64> = sqlx::query_scalar("SELECT 1 FROM monitor_notifiers WHERE notifier = $1 LIMIT 1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        if used.is_some() {
            return Err(StoreError::conflict(
                Noun::Notifier,
                name,
                "a monitor names it: take it out there first",
            ));
        }
        sqlx::query("DELETE FROM notifiers WHERE name = $1")
            .bind(name)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Most notifiers of one server.
const NOTIFIERS_MAX: u32 = 100;
/// Longest URL, in characters.
const URL_MAX: usize = 2_048;

fn check(notifier: &Notifier) -> Result<(), StoreError> {
    check_name("name", &notifier.name)?;
    check_length("url", &notifier.url, URL_MAX)
}

/// Fails unless there is such a notifier.
pub(crate) async fn require_notifier(db: &mut SqliteConnection, name: &str) -> Result<(), StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM notifiers WHERE name = $1")
        .bind(name)
        .fetch_optional(db)
        .await?;
    found
        .map(|_| ())
        .ok_or_else(|| StoreError::not_found(Noun::Notifier, name))
}

fn read_notifier(row: &SqliteRow) -> Result<Notifier, StoreError> {
    let kind: String = row.try_get("kind")?;
    Ok(Notifier {
        name: row.try_get("name")?,
        kind: NotifierKind::parse(&kind).ok_or(StoreError::corrupt(Noun::Notifier, "kind"))?,
        url: row.try_get("url")?,
    })
}
