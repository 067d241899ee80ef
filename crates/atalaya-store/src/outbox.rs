//! The outbox: notifications that are durable until delivered or given up.

use atalaya_domain::Timestamp;
use atalaya_domain::monitor::{NOTIFICATION_ATTEMPTS_MAX, Notification};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::alerts::Outgoing;
use crate::limits::clipped;
use crate::{Noun, Store, StoreError};

/// How many notifications are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Still to be delivered.
    pub pending: u64,
    /// Delivered and still remembered.
    pub delivered: u64,
    /// Given up after the last attempt and still remembered.
    pub given_up: u64,
}

impl Store {
    /// Notifications whose time has come, the longest waiting first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn due_notifications(&self, now: Timestamp, limit: u32) -> Result<Vec<Notification>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query(
            "SELECT * FROM outbox WHERE state = $1 AND next_attempt_at <= $2 ORDER BY next_attempt_at, id LIMIT $3",
        )
        .bind(PENDING)
        .bind(now.0)
        .bind(i64::from(limit.min(DUE_MAX)))
        .fetch_all(&mut *tx)
        .await?;
        rows.iter().map(read_notification).collect()
    }

    /// When the next pending notification is due; `None` when none is pending.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next_notification_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.read().await?;
        let at: Option<i64> = sqlx::query_scalar("SELECT MIN(next_attempt_at) FROM outbox WHERE state = $1")
            .bind(PENDING)
            .fetch_one(&mut *tx)
            .await?;
        Ok(at.map(Timestamp))
    }

    /// Notes that a notification arrived. Again is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn notification_delivered(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM outbox WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let state = state.ok_or_else(|| StoreError::not_found(Noun::Notification, id))?;
        if state != DELIVERED {
            sqlx::query(
                "UPDATE outbox SET state = $1, attempts = attempts + 1, last_error = '', settled_at = $2 WHERE id = $3",
            )
            .bind(DELIVERED)
            .bind(now.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
            forget_old(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Notes a failed attempt: to be tried again at `next_attempt_at`, or given up after the
    /// twentieth. Returns whether it was given up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not pending.
    pub async fn notification_failed(
        &self,
        id: i64,
        next_attempt_at: Timestamp,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let attempts: Option<i64> = sqlx::query_scalar(
            "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $1, last_error = $2 \
             WHERE id = $3 AND state = $4 RETURNING attempts",
        )
        .bind(next_attempt_at.0)
        .bind(clipped(reason))
        .bind(id)
        .bind(PENDING)
        .fetch_optional(&mut *tx)
        .await?;
        let attempts = attempts.ok_or_else(|| StoreError::not_found(Noun::Notification, id))?;
        let given_up = attempts >= i64::from(NOTIFICATION_ATTEMPTS_MAX);
        if given_up {
            sqlx::query("UPDATE outbox SET state = $1, settled_at = next_attempt_at WHERE id = $2")
                .bind(GIVEN_UP)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            forget_old(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(given_up)
    }

    /// How many notifications are in which state.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn outbox_counts(&self) -> Result<OutboxCounts, StoreError> {
        let mut tx = self.read().await?;
        let counts: Vec<(String, i64)> = sqlx::query_as("SELECT state, COUNT(*) FROM outbox GROUP BY state")
            .fetch_all(&mut *tx)
            .await?;
        let of = |state: &str| {
            let count = counts
                .iter()
                .find(|(known, _)| known == state)
                .map_or(0, |(_, count)| *count);
            u64::try_from(count).unwrap_or_default()
        };
        Ok(OutboxCounts {
            pending: of(PENDING),
            delivered: of(DELIVERED),
            given_up: of(GIVEN_UP),
        })
    }
}

const PENDING: &str = "pending";
const DELIVERED: &str = "delivered";
const GIVEN_UP: &str = "given_up";
/// Most notifications handed out at once.
const DUE_MAX: u32 = 1_000;
/// Delivered and given-up notifications that are remembered.
const SETTLED_KEPT: i64 = 10_000;

/// Queues a notification, to be delivered at once. The same one again is dropped.
pub(crate) async fn enqueue(
    db: &mut SqliteConnection,
    dedup_key: &str,
    outgoing: &Outgoing,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outbox (dedup_key, notifier, body, state, attempts, next_attempt_at, last_error) \
         VALUES ($1, $2, $3, $4, 0, $5, '') ON CONFLICT (dedup_key, notifier) DO NOTHING",
    )
    .bind(dedup_key)
    .bind(&outgoing.notifier)
    .bind(&outgoing.body)
    .bind(PENDING)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

async fn forget_old(db: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM outbox WHERE settled_at < \
         (SELECT settled_at FROM outbox WHERE settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT 1 OFFSET $1)",
    )
    .bind(SETTLED_KEPT)
    .execute(db)
    .await?;
    Ok(())
}

fn read_notification(row: &SqliteRow) -> Result<Notification, StoreError> {
    Ok(Notification {
        id: row.try_get("id")?,
        dedup_key: row.try_get("dedup_key")?,
        notifier: row.try_get("notifier")?,
        body: row.try_get("body")?,
        attempts: row.try_get("attempts")?,
        next_attempt_at: Timestamp(row.try_get("next_attempt_at")?),
    })
}
