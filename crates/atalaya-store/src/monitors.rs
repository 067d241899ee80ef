//! Monitors: what is watched, against which baseline, with which bounds.

use atalaya_domain::monitor::{DriftMode, Monitor, Thresholds};
use atalaya_domain::{EndpointName, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::limits::{TEXT_MAX, check_length, check_name};
use crate::notifiers::require_notifier;
use crate::{Noun, Store, StoreError};

impl Store {
    /// Creates a monitor.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`]; [`StoreError::NotFound`] for a notifier it names;
    /// [`StoreError::LimitReached`]; [`StoreError::InvalidParameter`].
    pub async fn create_monitor(&self, monitor: &Monitor) -> Result<(), StoreError> {
        check(monitor)?;
        let mut tx = self.write().await?;
        let (total, taken): (i64, i64) =
            sqlx::query_as("SELECT COUNT(*), COUNT(CASE WHEN name = $1 THEN 1 END) FROM monitors")
                .bind(&monitor.name)
                .fetch_one(&mut *tx)
                .await?;
        if taken > 0 {
            return Err(StoreError::already_exists(Noun::Monitor, &monitor.name));
        }
        if total >= i64::from(MONITORS_MAX) {
            return Err(StoreError::LimitReached {
                kind: Noun::Monitor,
                max: MONITORS_MAX,
            });
        }
        write(&mut tx, monitor).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One monitor.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn monitor(&self, name: &str) -> Result<Monitor, StoreError> {
        let mut tx = self.read().await?;
        let row = sqlx::query("SELECT * FROM monitors WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(Noun::Monitor, name))?;
        assemble(&mut tx, &row).await
    }

    /// Every monitor, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn monitors(&self) -> Result<Vec<Monitor>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM monitors ORDER BY name")
            .fetch_all(&mut *tx)
            .await?;
        let mut monitors = Vec::with_capacity(rows.len());
        for row in &rows {
            monitors.push(assemble(&mut tx, row).await?);
        }
        Ok(monitors)
    }

    /// Replaces everything but name and creation time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the monitor or a notifier; [`StoreError::InvalidParameter`].
    pub async fn update_monitor(&self, monitor: &Monitor) -> Result<(), StoreError> {
        check(monitor)?;
        let mut tx = self.write().await?;
        require_monitor(&mut tx, &monitor.name).await?;
        write(&mut tx, monitor).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes a monitor with its runs; its alerts stay as history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_monitor(&self, name: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query("DELETE FROM monitors WHERE name = $1")
            .bind(name)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Monitor, name));
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Most monitors of one server: all are looked at whenever one may be due.
const MONITORS_MAX: u32 = 1_000;
/// Most notifiers and most columns named by one monitor.
const NOTIFIERS_MAX: usize = 32;
const COLUMNS_MAX: usize = 10_000;

fn check(monitor: &Monitor) -> Result<(), StoreError> {
    check_name("name", &monitor.name)?;
    check_length("baseline", &monitor.baseline, TEXT_MAX)?;
    if monitor.notifiers.len() > NOTIFIERS_MAX {
        return Err(StoreError::invalid(
            "notifiers",
            format!("must be at most {NOTIFIERS_MAX}"),
        ));
    }
    if monitor.columns.len() > COLUMNS_MAX {
        return Err(StoreError::invalid("columns", format!("must be at most {COLUMNS_MAX}")));
    }
    if monitor.window_ms < 1 || monitor.every_ms.is_some_and(|every| every < 1) {
        return Err(StoreError::invalid("window", "window and period must be positive"));
    }
    let t = monitor.thresholds;
    // SQLite would store NaN as NULL.
    if [t.min_accuracy, t.max_latency_ms, t.max_drift_pvalue]
        .into_iter()
        .any(f64::is_nan)
    {
        return Err(StoreError::invalid("thresholds", "must be numbers"));
    }
    Ok(())
}

/// Fails unless there is such a monitor.
pub(crate) async fn require_monitor(db: &mut SqliteConnection, name: &str) -> Result<(), StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM monitors WHERE name = $1")
        .bind(name)
        .fetch_optional(db)
        .await?;
    found
        .map(|_| ())
        .ok_or_else(|| StoreError::not_found(Noun::Monitor, name))
}

/// Inserts a monitor or replaces all of it but its creation time.
async fn write(db: &mut SqliteConnection, monitor: &Monitor) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO monitors (name, endpoint, baseline, columns, window_ms, every_ms, mode, min_accuracy, \
         max_latency_ms, max_drift_pvalue, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (name) DO UPDATE SET endpoint = excluded.endpoint, baseline = excluded.baseline, \
         columns = excluded.columns, window_ms = excluded.window_ms, every_ms = excluded.every_ms, mode = excluded.mode, \
         min_accuracy = excluded.min_accuracy, max_latency_ms = excluded.max_latency_ms, \
         max_drift_pvalue = excluded.max_drift_pvalue",
    )
    .bind(&monitor.name)
    .bind(monitor.endpoint.as_str())
    .bind(&monitor.baseline)
    .bind(serde_json::to_string(&monitor.columns).expect("a list of texts is JSON"))
    .bind(monitor.window_ms)
    .bind(monitor.every_ms)
    .bind(monitor.mode.as_str())
    .bind(monitor.thresholds.min_accuracy)
    .bind(monitor.thresholds.max_latency_ms)
    .bind(monitor.thresholds.max_drift_pvalue)
    .bind(monitor.created_at.0)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM monitor_notifiers WHERE monitor = $1")
        .bind(&monitor.name)
        .execute(&mut *db)
        .await?;
    for (position, notifier) in (0_i64..).zip(&monitor.notifiers) {
        require_notifier(db, notifier).await?;
        sqlx::query("INSERT INTO monitor_notifiers (monitor, position, notifier) VALUES ($1, $2, $3)")
            .bind(&monitor.name)
            .bind(position)
            .bind(notifier)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

async fn assemble(db: &mut SqliteConnection, row: &SqliteRow) -> Result<Monitor, StoreError> {
    let corrupt = |column| StoreError::corrupt(Noun::Monitor, column);
    let name: String = row.try_get("name")?;
    let endpoint: String = row.try_get("endpoint")?;
    let columns: String = row.try_get("columns")?;
    let mode: String = row.try_get("mode")?;
    let notifiers = sqlx::query_scalar("SELECT notifier FROM monitor_notifiers WHERE monitor = $1 ORDER BY position")
        .bind(&name)
        .fetch_all(db)
        .await?;
    Ok(Monitor {
        name,
        endpoint: EndpointName::new(&endpoint).map_err(|_| corrupt("endpoint"))?,
        baseline: row.try_get("baseline")?,
        columns: serde_json::from_str(&columns).map_err(|_| corrupt("columns"))?,
        window_ms: row.try_get("window_ms")?,
        every_ms: row.try_get("every_ms")?,
        mode: DriftMode::parse(&mode).ok_or_else(|| corrupt("mode"))?,
        thresholds: Thresholds {
            min_accuracy: row.try_get("min_accuracy")?,
            max_latency_ms: row.try_get("max_latency_ms")?,
            max_drift_pvalue: row.try_get("max_drift_pvalue")?,
        },
        notifiers,
        created_at: Timestamp(row.try_get("created_at")?),
    })
}
