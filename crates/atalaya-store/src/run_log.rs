//! What is logged into a run: metrics with their history, params that are set once, tags.

use atalaya_domain::tracking::Metric;
use sqlx::SqliteConnection;

use crate::limits::{PARAM_VALUE_MAX, check_key, check_length};
use crate::run_row::read_metric;
use crate::runs::{active_run, set_tag};
use crate::search::Slice;
use crate::{Noun, Page, Search, Store, StoreError};

/// Several things to log into one run, all or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogBatch {
    /// At most 1,000.
    pub metrics: Vec<Metric>,
    /// At most 100.
    pub params: Vec<(String, String)>,
    /// At most 100.
    pub tags: Vec<(String, String)>,
}

impl Store {
    /// Logs one observation; the very same one again changes nothing.
    ///
    /// # Errors
    /// As [`Store::log_batch`].
    pub async fn log_metric(&self, run_id: &str, metric: &Metric) -> Result<(), StoreError> {
        self.log_batch(
            run_id,
            &LogBatch {
                metrics: vec![metric.clone()],
                ..LogBatch::default()
            },
        )
        .await
    }

    /// Sets one param, once.
    ///
    /// # Errors
    /// As [`Store::log_batch`].
    pub async fn log_param(&self, run_id: &str, key: &str, value: &str) -> Result<(), StoreError> {
        self.log_batch(
            run_id,
            &LogBatch {
                params: vec![(key.to_owned(), value.to_owned())],
                ..LogBatch::default()
            },
        )
        .await
    }

    /// Logs metrics, params and tags in one transaction: all of them or, on any error, none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the run; [`StoreError::InvalidParameter`] when the run is deleted, a key or value
    /// is too long, there are too many, or a param already has another value.
    pub async fn log_batch(&self, run_id: &str, batch: &LogBatch) -> Result<(), StoreError> {
        check_batch(batch)?;
        let mut tx = self.write().await?;
        let id = active_run(&mut tx, run_id).await?;
        for (key, value) in &batch.params {
            write_param(&mut tx, id, key, value).await?;
        }
        for metric in &batch.metrics {
            write_metric(&mut tx, id, metric).await?;
        }
        for (key, value) in &batch.tags {
            set_tag(&mut tx, id, key, value).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Every observation of one metric, in order of time, step and value; an unknown key has none.
    /// Of `search` only page size (25,000 unless asked) and token are used.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the run; [`StoreError::InvalidParameter`] for page size or token.
    pub async fn metric_history(&self, run_id: &str, key: &str, search: &Search) -> Result<Page<Metric>, StoreError> {
        let slice = Slice::new(search, HISTORY_PAGE, HISTORY_PAGE, &format!("{run_id}\0{key}"))?;
        let mut tx = self.read().await?;
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM runs WHERE run_id = $1")
            .bind(run_id)
            .fetch_optional(&mut *tx)
            .await?;
        let id = id.ok_or_else(|| StoreError::not_found(Noun::Run, run_id))?;
        let rows = sqlx::query(
            "SELECT key, value, not_a_number, logged_at, step FROM metrics WHERE owner_id = $1 AND key = $2 \
             ORDER BY logged_at, step, value, not_a_number LIMIT $3 OFFSET $4",
        )
        .bind(id)
        .bind(key)
        .bind(slice.fetch())
        .bind(slice.offset)
        .fetch_all(&mut *tx)
        .await?;
        Ok(slice.page(rows.iter().map(read_metric).collect::<Result<Vec<_>, _>>()?))
    }
}

/// MLflow's limits of one batch, and its page of a history.
const METRICS_MAX: usize = 1_000;
const PARAMS_MAX: usize = 100;
const TAGS_MAX: usize = 100;
const TOTAL_MAX: usize = 1_000;
const HISTORY_PAGE: i64 = 25_000;

fn check_batch(batch: &LogBatch) -> Result<(), StoreError> {
    let lengths = [
        ("metrics", batch.metrics.len(), METRICS_MAX),
        ("params", batch.params.len(), PARAMS_MAX),
        ("tags", batch.tags.len(), TAGS_MAX),
        (
            "metrics + params + tags",
            batch.metrics.len() + batch.params.len() + batch.tags.len(),
            TOTAL_MAX,
        ),
    ];
    for (parameter, length, max) in lengths {
        if length > max {
            return Err(StoreError::invalid(
                parameter,
                format!("must be at most {max} in one batch"),
            ));
        }
    }
    for metric in &batch.metrics {
        check_key("metrics.key", &metric.key)?;
    }
    for (key, value) in &batch.params {
        check_key("params.key", key)?;
        check_length("params.value", value, PARAM_VALUE_MAX)?;
    }
    Ok(())
}

/// Sets a param that is new; the same value again is fine, another one is refused in MLflow's words.
async fn write_param(db: &mut SqliteConnection, run: i64, key: &str, value: &str) -> Result<(), StoreError> {
    let kept: String = sqlx::query_scalar(
        "INSERT INTO params (owner_id, key, value) VALUES ($1, $2, $3) \
         ON CONFLICT (owner_id, key) DO UPDATE SET value = params.value RETURNING value",
    )
    .bind(run)
    .bind(key)
    .bind(value)
    .fetch_one(db)
    .await?;
    if kept == value {
        return Ok(());
    }
    let message =
        format!("Changing param values is not allowed. Param with key='{key}' was already logged with another value");
    Err(StoreError::invalid("params", message))
}

/// Adds to the history, once, and moves the last value if this one is later: step, then time, then value.
async fn write_metric(db: &mut SqliteConnection, run: i64, metric: &Metric) -> Result<(), StoreError> {
    let not_a_number = metric.value.is_nan();
    let value = if not_a_number { 0.0 } else { metric.value };
    for statement in [
        "INSERT INTO metrics (owner_id, key, value, not_a_number, logged_at, step) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
        "INSERT INTO latest_metrics (owner_id, key, value, not_a_number, logged_at, step) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (owner_id, key) DO UPDATE SET value = excluded.value, not_a_number = excluded.not_a_number, \
         logged_at = excluded.logged_at, step = excluded.step \
         WHERE (excluded.step, excluded.logged_at, excluded.value) \
             > (latest_metrics.step, latest_metrics.logged_at, latest_metrics.value)",
    ] {
        sqlx::query(statement)
            .bind(run)
            .bind(&metric.key)
            .bind(value)
            .bind(i64::from(not_a_number))
            .bind(metric.timestamp.0)
            .bind(metric.step)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
