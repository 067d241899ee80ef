//! Results of monitor runs, as JSON text with their window; the newest of each monitor are kept.

use std::collections::BTreeMap;

use atalaya_domain::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::monitors::require_monitor;
use crate::{Noun, Store, StoreError};

/// A result to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMonitorRun {
    /// Name of the monitor.
    pub monitor: String,
    /// Start of the window, included.
    pub window_start: Timestamp,
    /// End of the window, excluded.
    pub window_end: Timestamp,
    /// When it ran.
    pub ran_at: Timestamp,
    /// The result, JSON text; at most 4 MiB.
    pub result: String,
}

/// A kept result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRun {
    /// Number of the row; rises with time.
    pub id: i64,
    /// Name of the monitor.
    pub monitor: String,
    /// Start of the window, included.
    pub window_start: Timestamp,
    /// End of the window, excluded.
    pub window_end: Timestamp,
    /// When it ran.
    pub ran_at: Timestamp,
    /// The result, JSON text.
    pub result: String,
}

impl Store {
    /// Keeps a result and drops the monitor's oldest beyond 1,000.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the monitor; [`StoreError::InvalidParameter`] when the result is too long.
    pub async fn record_monitor_run(&self, run: &NewMonitorRun) -> Result<MonitorRun, StoreError> {
        if run.result.len() > RESULT_BYTES_MAX {
            return Err(StoreError::invalid(
                "result",
                format!("must have at most {RESULT_BYTES_MAX} bytes"),
            ));
        }
        let mut tx = self.write().await?;
        require_monitor(&mut tx, &run.monitor).await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO monitor_runs (monitor, window_start, window_end, ran_at, result) \
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(&run.monitor)
        .bind(run.window_start.0)
        .bind(run.window_end.0)
        .bind(run.ran_at.0)
        .bind(&run.result)
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM monitor_runs WHERE monitor = $1 AND id <= \
             (SELECT id FROM monitor_runs WHERE monitor = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        )
        .bind(&run.monitor)
        .bind(i64::from(RUNS_KEPT))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let NewMonitorRun {
            monitor,
            window_start,
            window_end,
            ran_at,
            result,
        } = run.clone();
        Ok(MonitorRun {
            id,
            monitor,
            window_start,
            window_end,
            ran_at,
            result,
        })
    }

    /// The newest result of a monitor, if it ever ran.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn latest_monitor_run(&self, monitor: &str) -> Result<Option<MonitorRun>, StoreError> {
        Ok(self.monitor_runs(monitor, 1).await?.pop())
    }

    /// When each monitor last ran, without its result: what a scheduler asks. Monitors that never ran are absent.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn monitors_last_ran(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT monitor, MAX(ran_at) FROM monitor_runs GROUP BY monitor")
            .fetch_all(&mut *tx)
            .await?;
        Ok(rows.into_iter().map(|(monitor, at)| (monitor, Timestamp(at))).collect())
    }

    /// The newest results of a monitor, newest first, at most `limit` (itself at most 1,000).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn monitor_runs(&self, monitor: &str, limit: u32) -> Result<Vec<MonitorRun>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM monitor_runs WHERE monitor = $1 ORDER BY id DESC LIMIT $2")
            .bind(monitor)
            .bind(i64::from(limit.min(RUNS_KEPT)))
            .fetch_all(&mut *tx)
            .await?;
        rows.iter().map(read_run).collect()
    }

    /// One result.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when that monitor has no such run.
    pub async fn monitor_run(&self, monitor: &str, id: i64) -> Result<MonitorRun, StoreError> {
        let mut tx = self.read().await?;
        let row = sqlx::query("SELECT * FROM monitor_runs WHERE monitor = $1 AND id = $2")
            .bind(monitor)
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(Noun::MonitorRun, format!("{monitor}/{id}")))?;
        read_run(&row)
    }
}

/// Longest result: drift of thousands of columns fits, samples of rows do not.
const RESULT_BYTES_MAX: usize = 4 << 20;
/// Results kept of each monitor: six weeks of one an hour.
const RUNS_KEPT: u32 = 1_000;

fn read_run(row: &SqliteRow) -> Result<MonitorRun, StoreError> {
    Ok(MonitorRun {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor")?,
        window_start: Timestamp(row.try_get("window_start")?),
        window_end: Timestamp(row.try_get("window_end")?),
        ran_at: Timestamp(row.try_get("ran_at")?),
        result: row.try_get("result")?,
    })
}
