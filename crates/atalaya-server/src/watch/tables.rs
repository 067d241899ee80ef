//! The two Delta tables that every run leaves behind, `{endpoint}/profile_metrics` and `{endpoint}/drift_metrics`.
//!
//! Names and types are a promise to everybody who reads these tables: columns may be added, never renamed or retyped.
//! Rows are made from the stored runs alone, so that a run which a failure kept out of a table follows with the next.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use atalaya_domain::monitor::Monitor;
use atalaya_lake::{AppTxn, Append, LakeError};
use atalaya_store::MonitorRun;

use super::result::{ColumnDrift, ColumnSummary, MonitorReport, Quality};
use super::run::MonitorError;
use crate::app::App;

/// Runs written in one commit, when a table was behind; older ones are left to the stored JSON.
const CATCH_UP_MAX: u32 = 100;
/// Name of the row that holds what belongs to the whole window and not to a column, as in Databricks' own tables.
const WHOLE_TABLE: &str = ":table";

/// Which of the two tables.
#[derive(Debug, Clone, Copy)]
enum Table {
    Profile,
    Drift,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile_metrics",
            Self::Drift => "drift_metrics",
        }
    }

    fn batch(self, runs: &[MonitorReport]) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::Profile => profile_batch(runs),
            Self::Drift => drift_batch(runs),
        }
    }
}

/// Writes the stored runs that the tables do not have yet, exactly once: the run's number is the commit's version.
pub(super) async fn write_metrics(app: &App, monitor: &Monitor) -> Result<(), MonitorError> {
    for table in [Table::Profile, Table::Drift] {
        let path = format!("{}/{}", monitor.endpoint, table.name());
        let app_id = format!("atalaya/{path}/{}", monitor.name);
        let written = app.lake().app_version(&path, &app_id).await?.unwrap_or(0);
        // Usually only the newest run is missing; the one before it tells.
        let mut runs = app.store().monitor_runs(&monitor.name, 2).await?;
        if runs.len() == 2 && runs.iter().all(|run| run.id > written) {
            runs = app.store().monitor_runs(&monitor.name, CATCH_UP_MAX).await?;
        }
        let mut missing: Vec<MonitorReport> = runs
            .iter()
            .filter(|run| run.id > written)
            .map(stored_report)
            .collect::<Result<_, _>>()?;
        missing.retain(|report| monitor.endpoint.as_str() == report.endpoint);
        missing.sort_by_key(|report| report.run_id);
        let Some(last) = missing.last() else { continue };
        let txn = AppTxn {
            app_id,
            version: last.run_id,
        };
        let batch = tokio::task::spawn_blocking(move || table.batch(&missing)).await;
        let batch = batch.map_err(|_| MonitorError::Ended)?.map_err(LakeError::from)?;
        let options = Append {
            app: Some(txn),
            description: "written by atalaya's monitors",
            ..Append::default()
        };
        app.lake().append(&path, vec![batch], options).await?;
    }
    Ok(())
}

/// A stored run as it was.
pub(crate) fn stored_report(run: &MonitorRun) -> Result<MonitorReport, MonitorError> {
    let report: MonitorReport = serde_json::from_str(&run.result).map_err(MonitorError::Stored)?;
    Ok(MonitorReport {
        run_id: run.id,
        ..report
    })
}

/// Rows of one table under way: the columns that both begin with.
struct Rows<'a> {
    rows: Vec<&'a MonitorReport>,
}

impl Rows<'_> {
    fn head(&self) -> Vec<(&'static str, ArrayRef)> {
        let time = |at: fn(&MonitorReport) -> i64| -> ArrayRef {
            let mut column = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            self.rows
                .iter()
                .for_each(|report| column.append_value(at(report).saturating_mul(1_000)));
            Arc::new(column.finish())
        };
        let text = |of: fn(&MonitorReport) -> &str| texts(self.rows.iter().map(|report| Some(of(report))));
        vec![
            ("run_id", integers(self.rows.iter().map(|report| Some(report.run_id)))),
            ("monitor", text(|report| &report.monitor)),
            ("endpoint", text(|report| &report.endpoint)),
            ("window_start", time(|report| report.window_start)),
            ("window_end", time(|report| report.window_end)),
            ("ran_at", time(|report| report.ran_at)),
        ]
    }
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut column = StringBuilder::new();
    values.for_each(|value| column.append_option(value));
    Arc::new(column.finish())
}

fn integers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let mut column = Int64Builder::new();
    values.for_each(|value| column.append_option(value));
    Arc::new(column.finish())
}

fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    let mut column = Float64Builder::new();
    values.for_each(|value| column.append_option(value));
    Arc::new(column.finish())
}

fn count(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// Columns of `drift_metrics`: one row per compared column and run.
fn drift_batch(runs: &[MonitorReport]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<(&MonitorReport, &ColumnDrift)> = runs
        .iter()
        .flat_map(|run| {
            run.columns
                .iter()
                .chain(&run.prediction)
                .map(move |column| (run, column))
        })
        .collect();
    let number = |of: fn(&ColumnDrift) -> Option<f64>| numbers(rows.iter().map(|(_, c)| of(c)));
    let counted = |of: fn(&ColumnDrift) -> u64| integers(rows.iter().map(|(_, c)| count(of(c))));
    let mut drifted = BooleanBuilder::new();
    rows.iter().for_each(|(_, column)| drifted.append_value(column.drifted));
    let mut columns = Rows {
        rows: rows.iter().map(|(run, _)| *run).collect(),
    }
    .head();
    columns.extend([
        // The word of Databricks' tables for a comparison with a baseline; `CONSECUTIVE` will be its neighbour.
        ("drift_type", texts(rows.iter().map(|_| Some("BASELINE")))),
        ("column_name", texts(rows.iter().map(|(_, c)| Some(c.column.as_str())))),
        ("mode", texts(rows.iter().map(|(run, _)| Some(run.mode.as_str())))),
        ("test", texts(rows.iter().map(|(_, c)| Some(c.test.as_str())))),
        ("statistic", number(|c| Some(c.statistic))),
        ("p_value", number(|c| c.p_value)),
        ("corrected_p_value", number(|c| c.corrected_p_value)),
        ("effect_size", number(|c| Some(c.effect_size))),
        ("psi", number(|c| Some(c.psi))),
        ("threshold", number(|c| Some(c.threshold))),
        ("baseline_count", counted(|c| c.baseline_count)),
        ("window_count", counted(|c| c.window_count)),
        ("baseline_nulls", counted(|c| c.baseline_nulls)),
        ("window_nulls", counted(|c| c.window_nulls)),
        ("drifted", Arc::new(drifted.finish()) as ArrayRef),
    ]);
    nullable(columns)
}

/// One row of `profile_metrics`: a column of the window, or the whole of it.
#[derive(Clone, Copy)]
struct Profile<'a> {
    run: &'a MonitorReport,
    column: Option<&'a ColumnSummary>,
}

impl Profile<'_> {
    fn whole(&self) -> Option<&MonitorReport> {
        self.column.is_none().then_some(self.run)
    }

    fn top(&self) -> Option<String> {
        let top = &self.column?.top;
        (!top.is_empty()).then(|| serde_json::json!(top).to_string())
    }
}

/// Columns of `profile_metrics`: one row per compared column of the window and run, and one named `:table` per run for
/// requests, latency in milliseconds and quality.
fn profile_batch(runs: &[MonitorReport]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<Profile<'_>> = runs
        .iter()
        .flat_map(|run| {
            let columns = run.profiles.iter().map(move |column| Profile {
                run,
                column: Some(column),
            });
            columns.chain([Profile { run, column: None }])
        })
        .collect();
    let number = |of: fn(&ColumnSummary) -> Option<f64>| numbers(rows.iter().map(|row| of(row.column?)));
    let counted = |of: fn(&ColumnSummary) -> u64| integers(rows.iter().map(|row| count(of(row.column?))));
    let whole = |of: fn(&MonitorReport) -> Option<f64>| numbers(rows.iter().map(|row| of(row.whole()?)));
    let total = |of: fn(&MonitorReport) -> u64| integers(rows.iter().map(|row| count(of(row.whole()?))));
    let tops: Vec<Option<String>> = rows.iter().map(Profile::top).collect();
    let mut columns = Rows {
        rows: rows.iter().map(|row| row.run).collect(),
    }
    .head();
    columns.extend([
        (
            "column_name",
            texts(
                rows.iter()
                    .map(|row| Some(row.column.map_or(WHOLE_TABLE, |c| &c.column))),
            ),
        ),
        ("kind", texts(rows.iter().map(|row| Some(row.column?.kind.as_str())))),
        ("count", counted(|c| c.count)),
        ("nulls", counted(|c| c.nulls)),
        ("distinct", counted(|c| c.distinct)),
        ("mean", number(|c| c.mean)),
        ("std", number(|c| c.std)),
        ("min", number(|c| c.min)),
        ("max", number(|c| c.max)),
    ]);
    for (place, name) in ["q01", "q05", "q25", "q50", "q75", "q95", "q99"]
        .into_iter()
        .enumerate()
    {
        columns.push((
            name,
            numbers(rows.iter().map(|row| row.column?.quantiles.get(place).copied())),
        ));
    }
    columns.extend([
        ("top_categories", texts(tops.iter().map(Option::as_deref))),
        ("requests", total(|run| run.counts.requests)),
        ("rows", total(|run| run.counts.rows)),
        ("labelled_rows", total(|run| run.counts.labelled_rows)),
        ("error_rate", whole(|run| run.error_rate)),
        ("latency_mean_ms", whole(|run| Some(run.latency_ms?.mean))),
        ("latency_p50_ms", whole(|run| Some(run.latency_ms?.p50))),
        ("latency_p90_ms", whole(|run| Some(run.latency_ms?.p90))),
        ("latency_p95_ms", whole(|run| Some(run.latency_ms?.p95))),
        ("latency_p99_ms", whole(|run| Some(run.latency_ms?.p99))),
    ]);
    columns.extend(quality_columns(&rows));
    nullable(columns)
}

fn quality_columns(rows: &[Profile<'_>]) -> Vec<(&'static str, ArrayRef)> {
    let quality = |of: fn(&Quality) -> Option<f64>| numbers(rows.iter().map(|row| of(row.whole()?.quality.as_ref()?)));
    vec![
        (
            "accuracy",
            quality(|q| {
                if let Quality::Classification { accuracy, .. } = q {
                    Some(*accuracy)
                } else {
                    None
                }
            }),
        ),
        (
            "precision",
            quality(|q| {
                if let Quality::Classification { precision, .. } = q {
                    Some(*precision)
                } else {
                    None
                }
            }),
        ),
        (
            "recall",
            quality(|q| {
                if let Quality::Classification { recall, .. } = q {
                    Some(*recall)
                } else {
                    None
                }
            }),
        ),
        (
            "f1",
            quality(|q| {
                if let Quality::Classification { f1, .. } = q {
                    Some(*f1)
                } else {
                    None
                }
            }),
        ),
        (
            "mae",
            quality(|q| {
                if let Quality::Regression { mae, .. } = q {
                    Some(*mae)
                } else {
                    None
                }
            }),
        ),
        (
            "rmse",
            quality(|q| {
                if let Quality::Regression { rmse, .. } = q {
                    Some(*rmse)
                } else {
                    None
                }
            }),
        ),
        (
            "r2",
            quality(|q| {
                if let Quality::Regression { r2, .. } = q {
                    *r2
                } else {
                    None
                }
            }),
        ),
    ]
}

fn nullable(columns: Vec<(&'static str, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
}
