//! Which rows form a monitor's window: a stretch of `rows` by request time, joined with the latest
//! labels; and what a window is compared with, a baseline file.
//!
//! A window has a bound. Above it a uniform sample is taken by the smallest hashes of the row ids:
//! the same rows each time, in one pass, whatever the order of the files.

mod labels;
mod sample;

use std::path::Path;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, Expr, ident, lit};
use futures::TryStreamExt as _;

use crate::error::LakeError;
use crate::lake::Lake;
use crate::read::{Batches, away, frame, stream};
use crate::score::Source;
use crate::tables::inference::{REQUEST_DATE, day, payload_table, rows_table};
use crate::window::labels::with_labels;
use crate::window::sample::{Sample, hash};

/// Rows of a window or baseline, unless asked otherwise: beyond it, distances between
/// distributions hardly move any more, and twenty columns of it are about 80 MiB.
pub const DEFAULT_ROWS: usize = 500_000;

/// The times `from ≤ t < to`, in microseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First microsecond inside.
    pub from_us: i64,
    /// First microsecond after it.
    pub to_us: i64,
}

/// Which rows, which columns.
#[derive(Debug, Clone)]
pub struct WindowQuery {
    /// By the time of the request.
    pub range: TimeRange,
    /// Columns of `rows`, in the order wanted; empty for all.
    pub columns: Vec<String>,
    /// Only what this served entity answered.
    pub served_entity: Option<String>,
    /// Adds `label` and `label_text`, NULL where there is no label yet.
    pub labels: bool,
    /// Most rows to give.
    pub limit: usize,
}

impl WindowQuery {
    /// Every column and served entity of `range`, with labels, up to [`DEFAULT_ROWS`].
    pub fn new(range: TimeRange) -> Self {
        WindowQuery {
            range,
            columns: Vec::new(),
            served_entity: None,
            labels: true,
            limit: DEFAULT_ROWS,
        }
    }
}

/// Rows to look at.
#[derive(Debug, Clone)]
pub struct Window {
    /// The rows, all of them or a uniform sample.
    pub batch: RecordBatch,
    /// Rows that there are; more than in `batch` when it is a sample.
    pub total_rows: u64,
}

impl Window {
    /// Whether `batch` is only a sample.
    pub fn sampled(&self) -> bool {
        self.total_rows > self.batch.num_rows() as u64
    }
}

/// The requests of a time range, answered or refused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PayloadStats {
    /// All requests.
    pub requests: u64,
    /// Answered with 2xx.
    pub succeeded: u64,
    /// Answered with 4xx.
    pub client_errors: u64,
    /// Answered with 5xx.
    pub server_errors: u64,
    /// Time in the model of each successful request, or of a uniform sample of [`DEFAULT_ROWS`].
    pub durations_ms: Vec<f64>,
}

impl Lake {
    /// Rows of the endpoint in a time range, with their labels.
    ///
    /// A label counts for the record it names, or for the record of a request that had only one;
    /// of several the one with the latest `labeled_at`, so posting it twice changes nothing.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] before the first flush, [`LakeError::NoColumn`] for an unknown column.
    pub async fn window(&self, endpoint: &str, query: &WindowQuery) -> Result<Window, LakeError> {
        let (lake, endpoint, query) = (self.clone(), endpoint.to_owned(), query.clone());
        away(async move { lake.read_window(&endpoint, &query).await }).await
    }

    /// Counts and durations of the endpoint's requests in a time range.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] before the first flush.
    pub async fn payload_stats(
        &self,
        endpoint: &str,
        range: TimeRange,
        served_entity: Option<&str>,
    ) -> Result<PayloadStats, LakeError> {
        let (lake, table) = (self.clone(), payload_table(endpoint));
        let served_entity = served_entity.map(str::to_owned);
        away(async move {
            let requests = within(frame(&lake.open_table(&table).await?).await?, range)?;
            let requests = only(requests, "served_entity_id", served_entity.as_deref())?;
            let columns = ["databricks_request_id", "status_code", "execution_duration_ms"];
            count_payload(stream(requests.select(columns.map(ident))?).await?).await
        })
        .await
    }

    async fn read_window(&self, endpoint: &str, query: &WindowQuery) -> Result<Window, LakeError> {
        let table = rows_table(endpoint);
        let open = self.open_table(&table).await?;
        let wanted: Vec<&str> = match query.columns.is_empty() {
            true => open.schema.fields().iter().map(|field| field.name().as_str()).collect(),
            false => query.columns.iter().map(String::as_str).collect(),
        };
        if let Some(missing) = wanted
            .iter()
            .find(|column| open.schema.field_with_name(column).is_err())
        {
            return Err(LakeError::NoColumn {
                column: (*missing).to_owned(),
                table,
            });
        }
        let rows = only(
            within(frame(&open).await?, query.range)?,
            "served_entity",
            query.served_entity.as_deref(),
        )?;
        let mut columns = wanted.clone();
        for key in ["row_id", "databricks_request_id", "row_index"] {
            if !columns.contains(&key) {
                columns.push(key);
            }
        }
        let columns: Vec<Expr> = columns.into_iter().map(ident).collect();
        let mut sample = Sample::new(query.limit);
        let mut batches = stream(rows.clone().select(columns)?).await?;
        while let Some(batch) = batches.try_next().await? {
            let hashes = text(&batch, "row_id")?
                .iter()
                .map(|id| hash(id.unwrap_or_default().as_bytes()))
                .collect();
            sample.push(batch, hashes)?;
        }
        let (total_rows, sampled) = (sample.seen, sample.finish()?);
        let Some(sampled) = sampled else {
            let schema = open.schema.project(
                &wanted
                    .iter()
                    .filter_map(|c| open.schema.index_of(c).ok())
                    .collect::<Vec<_>>(),
            )?;
            let empty = RecordBatch::new_empty(crate::schema::plain_schema(&schema)?);
            let batch = if query.labels { with_labels(&empty, &[])? } else { empty };
            return Ok(Window { batch, total_rows });
        };
        let chosen = sampled.project(&(0..wanted.len()).collect::<Vec<_>>())?;
        if !query.labels {
            return Ok(Window {
                batch: chosen,
                total_rows,
            });
        }
        let labels = self.labels(endpoint, rows, &sampled).await?;
        Ok(Window {
            batch: with_labels(&chosen, &labels)?,
            total_rows,
        })
    }
}

/// Reads a baseline: a Delta table, Parquet file or folder, or CSV file, sampled above `limit` rows.
///
/// # Errors
/// [`LakeError::Format`] when it is none of these, [`LakeError::NoColumn`] for a column it has not.
pub async fn read_baseline(path: &Path, columns: &[String], limit: usize) -> Result<Window, LakeError> {
    let (path, columns) = (path.to_path_buf(), columns.to_vec());
    away(async move {
        let source = Source::open(&path, None).await?.select(&columns)?;
        let empty = RecordBatch::new_empty(source.schema());
        let mut batches = source.stream().await?;
        let mut sample = Sample::new(limit);
        while let Some(batch) = batches.try_next().await? {
            let first = sample.seen;
            let hashes = (first..first + batch.num_rows() as u64)
                .map(|row| hash(&row.to_le_bytes()))
                .collect();
            sample.push(batch, hashes)?;
        }
        let total_rows = sample.seen;
        Ok(Window {
            batch: sample.finish()?.unwrap_or(empty),
            total_rows,
        })
    })
    .await
}

/// Narrows to `range`; the condition on the date lets whole partitions be skipped.
fn within(frame: DataFrame, range: TimeRange) -> Result<DataFrame, LakeError> {
    let date = |time_us| lit(ScalarValue::Date32(Some(day(time_us))));
    let time = |time_us| lit(ScalarValue::TimestampMicrosecond(Some(time_us), Some("UTC".into())));
    let days = ident(REQUEST_DATE)
        .gt_eq(date(range.from_us))
        .and(ident(REQUEST_DATE).lt_eq(date(range.to_us)));
    let times = ident("request_time")
        .gt_eq(time(range.from_us))
        .and(ident("request_time").lt(time(range.to_us)));
    Ok(frame.filter(days.and(times))?)
}

fn only(frame: DataFrame, name: &str, value: Option<&str>) -> Result<DataFrame, LakeError> {
    Ok(match value {
        Some(value) => frame.filter(ident(name).eq(lit(value)))?,
        None => frame,
    })
}

async fn count_payload(mut batches: Batches) -> Result<PayloadStats, LakeError> {
    let mut stats = PayloadStats::default();
    let mut sample = Sample::new(DEFAULT_ROWS);
    while let Some(batch) = batches.try_next().await? {
        let status = column(&batch, "status_code")?.as_primitive::<Int32Type>().clone();
        let class = |low: i32| {
            status
                .iter()
                .flatten()
                .filter(|code| (low..low + 100).contains(code))
                .count() as u64
        };
        stats.requests += batch.num_rows() as u64;
        stats.succeeded += class(200);
        stats.client_errors += class(400);
        stats.server_errors += class(500);
        let good: BooleanArray = status
            .iter()
            .map(|code| Some(code.is_some_and(|code| (200..300).contains(&code))))
            .collect();
        let good = filter_record_batch(&batch, &good)?;
        let hashes = text(&good, "databricks_request_id")?
            .iter()
            .map(|id| hash(id.unwrap_or_default().as_bytes()))
            .collect();
        sample.push(good, hashes)?;
    }
    if let Some(sampled) = sample.finish()? {
        let durations = column(&sampled, "execution_duration_ms")?.as_primitive::<Int64Type>();
        #[expect(clippy::cast_precision_loss, reason = "a duration in milliseconds is far below 2^53")]
        stats
            .durations_ms
            .extend(durations.iter().flatten().map(|ms| ms as f64));
    }
    Ok(stats)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, LakeError> {
    batch.column_by_name(name).ok_or_else(|| LakeError::NoColumn {
        column: name.to_owned(),
        table: "the inference table".to_owned(),
    })
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, LakeError> {
    column(batch, name)?
        .as_string_opt::<i32>()
        .ok_or_else(|| LakeError::column(name, "the inference table has another type than text here"))
}
