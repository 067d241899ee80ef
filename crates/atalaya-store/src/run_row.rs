//! Rows of `runs` as domain values, with their last metrics, params and tags.

use std::collections::HashMap;

use atalaya_domain::Timestamp;
use atalaya_domain::tracking::{Metric, Run, RunStatus};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::pairs::{OWNERS_PER_QUERY, PARAMS, RUN_TAGS, push_ids};
use crate::{Noun, StoreError};

/// Columns of every query for whole runs.
pub(crate) const COLUMNS: &str =
    "r.id, r.run_id, r.experiment_id, r.run_name, r.user_id, r.status, r.started_at, r.ended_at, r.deleted_at";

/// One run by id.
pub(crate) async fn load_run(db: &mut SqliteConnection, run_id: &str) -> Result<Run, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM runs r WHERE r.run_id = "));
    let rows = sql.push_bind(run_id).build().fetch_all(&mut *db).await?;
    let found = assemble(db, &rows).await?.pop();
    found.ok_or_else(|| StoreError::not_found(Noun::Run, run_id))
}

/// Rows with what was logged into them.
pub(crate) async fn assemble(db: &mut SqliteConnection, rows: &[SqliteRow]) -> Result<Vec<Run>, StoreError> {
    let ids = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<Vec<i64>, _>>()?;
    let mut tags = RUN_TAGS.of_all(db, &ids).await?;
    let mut params = PARAMS.of_all(db, &ids).await?;
    let mut metrics = latest_metrics(db, &ids).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        let status: String = row.try_get("status")?;
        runs.push(Run {
            run_id: row.try_get("run_id")?,
            run_name: row.try_get("run_name")?,
            experiment_id: row.try_get::<i64, _>("experiment_id")?.to_string(),
            user_id: row.try_get("user_id")?,
            status: RunStatus::parse(&status).ok_or(StoreError::corrupt(Noun::Run, "status"))?,
            started_at: Timestamp(row.try_get("started_at")?),
            ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
            deleted: row.try_get::<Option<i64>, _>("deleted_at")?.is_some(),
            metrics: metrics.remove(&id).unwrap_or_default(),
            params: params.remove(&id).unwrap_or_default().into_iter().collect(),
            tags: tags.remove(&id).unwrap_or_default(),
        });
    }
    Ok(runs)
}

/// A row of `metrics` or `latest_metrics`.
pub(crate) fn read_metric(row: &SqliteRow) -> Result<Metric, StoreError> {
    let not_a_number = row.try_get::<i64, _>("not_a_number")? != 0;
    Ok(Metric {
        key: row.try_get("key")?,
        value: if not_a_number { f64::NAN } else { row.try_get("value")? },
        timestamp: Timestamp(row.try_get("logged_at")?),
        step: row.try_get("step")?,
    })
}

async fn latest_metrics(db: &mut SqliteConnection, ids: &[i64]) -> Result<HashMap<i64, Vec<Metric>>, StoreError> {
    let mut found: HashMap<i64, Vec<Metric>> = HashMap::new();
    for ids in ids.chunks(OWNERS_PER_QUERY) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT owner_id, key, value, not_a_number, logged_at, step FROM latest_metrics WHERE owner_id IN ",
        );
        push_ids(&mut sql, ids);
        sql.push(" ORDER BY key");
        for row in sql.build().fetch_all(&mut *db).await? {
            found
                .entry(row.try_get("owner_id")?)
                .or_default()
                .push(read_metric(&row)?);
        }
    }
    Ok(found)
}
