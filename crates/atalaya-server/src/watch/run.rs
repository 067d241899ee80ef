//! One run of a monitor, from the window to the alerts: read, compute, decide, tell, keep.
//!
//! Alerts move before the run is kept and the tables are written last: what a person must hear does not wait for what
//! an analyst will read. Runs that a table lacks, after a failure, are written with the next one.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use atalaya_domain::Timestamp;
use atalaya_domain::alert::{Alert, Finding, Transition, transition};
use atalaya_domain::monitor::{DriftMode, Monitor, Notifier};
use atalaya_lake::LakeError;
use atalaya_stats::drift::DecisionMode;
use atalaya_stats::latency::summary;
use atalaya_stats::profile::ColumnProfile;
use atalaya_store::{NewMonitorRun, Outgoing, StoreError};

use super::baseline::BaselineError;
use super::columns::{PREDICTION, Shared, shared};
use super::compare::{CompareError, compare_batches, pair};
use super::decide::{DECIDE_MIN, Facts, decide};
use super::figures::{Figures, OVERLAYS_MAX, counts, overlay, predictions};
use super::gather::{Gathered, gather};
use super::quality::judge;
use super::result::{ColumnDrift, ColumnSummary, Counts, Latency, MonitorReport, MovedAlert, Skipped};
use super::tables::write_metrics;
use crate::app::App;
use crate::notify::{Notice, channel};

/// Why a monitor could not be run.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The monitor is unknown, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The endpoint's log could not be written to its tables first.
    #[error("the endpoint's prediction log could not be written to its tables")]
    Flush(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The endpoint's tables could not be read, or the monitor's not written.
    #[error("the endpoint's tables could not be read or written")]
    Lake(#[from] LakeError),
    /// The baseline may not or cannot be read.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// A column that the monitor names is not there.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The monitor has no run to report.
    #[error("the monitor has not run yet")]
    NoRun,
    /// A stored run cannot be read back; it was edited or damaged.
    #[error("a stored run of the monitor cannot be read")]
    Stored(#[source] serde_json::Error),
    /// The report could not be drawn.
    #[error("the report could not be drawn: {0}")]
    Picture(&'static str),
    /// The computing thread died.
    #[error("the run ended unexpectedly")]
    Ended,
}

/// Runs a monitor now.
pub(crate) async fn run(app: &App, monitor: &Monitor) -> Result<MonitorReport, MonitorError> {
    let _turn = app.watching().running.lock().await;
    app.watching().note_attempt(&monitor.name, app.now());
    let gathered = gather(app, monitor).await?;
    let (asked, ran_at) = (monitor.clone(), app.now());
    let computed = tokio::task::spawn_blocking(move || compute(&asked, &gathered, ran_at)).await;
    let (mut report, findings) = computed.map_err(|_| MonitorError::Ended)??;
    let moved = tell(app, monitor, findings).await?;
    report.alerts = moved
        .iter()
        .map(|alert| MovedAlert {
            id: alert.id.clone(),
            kind: alert.kind.as_str().to_owned(),
            state: alert.state.as_str().to_owned(),
        })
        .collect();
    report.run_id = keep(app, &report).await?;
    write_metrics(app, monitor).await?;
    tracing::info!(
        monitor = monitor.name,
        endpoint = %monitor.endpoint,
        rows = report.counts.rows,
        drifted = report.drifted_columns.len(),
        alerts = report.alerts.len(),
        "monitor ran"
    );
    Ok(report)
}

/// Everything between reading and telling; slow, and without any I/O.
fn compute(
    monitor: &Monitor,
    gathered: &Gathered,
    ran_at: Timestamp,
) -> Result<(MonitorReport, Vec<Finding>), MonitorError> {
    let window = &gathered.window.batch;
    let mut compared = Compared::of(monitor, gathered)?;
    let quality = match judge(window, gathered.declared) {
        Ok(judged) => Some(judged),
        Err(error) => {
            compared.skipped.push(Skipped {
                column: PREDICTION.to_owned(),
                reason: error.to_string(),
            });
            None
        }
    };
    let latency = latency(window);
    let overall = quality.as_ref().and_then(|judged| judged.overall);
    let labelled_rows = quality.as_ref().map_or(0, |judged| judged.labelled_rows);
    let decided = decide(&Facts {
        monitor,
        rows: window.num_rows() as u64,
        labelled_rows,
        columns: &compared.columns,
        prediction: compared.prediction.as_ref(),
        not_compared: compared.not_compared.as_deref(),
        latency,
        quality: overall,
    });
    let (checks, findings): (Vec<_>, Vec<_>) = decided.into_iter().unzip();
    let payload = &gathered.payload;
    let failed = payload.client_errors + payload.server_errors;
    let drifted = compared
        .columns
        .iter()
        .chain(&compared.prediction)
        .filter(|column| column.drifted);
    let report = MonitorReport {
        run_id: 0,
        monitor: monitor.name.clone(),
        endpoint: monitor.endpoint.as_str().to_owned(),
        baseline: monitor.baseline.clone(),
        mode: monitor.mode.as_str().to_owned(),
        window_start: gathered.range.from_us.div_euclid(1_000),
        window_end: gathered.range.to_us.div_euclid(1_000),
        ran_at: ran_at.0,
        counts: Counts {
            requests: payload.requests,
            client_errors: payload.client_errors,
            server_errors: payload.server_errors,
            rows: gathered.window.total_rows,
            rows_read: window.num_rows() as u64,
            labelled_rows,
            baseline_rows: gathered.baseline.total_rows,
            baseline_rows_read: gathered.baseline.batch.num_rows() as u64,
        },
        drifted_columns: drifted.map(|column| column.column.clone()).collect(),
        columns: compared.columns,
        prediction: compared.prediction,
        skipped: compared.skipped,
        profiles: compared.profiles,
        latency_ms: latency,
        error_rate: (payload.requests > 0).then(|| failed as f64 / payload.requests as f64),
        quality: overall,
        quality_by_version: quality.map_or(Vec::new(), |judged| judged.by_version),
        checks,
        alerts: Vec::new(),
        figures: Figures {
            counts: counts(window),
            predictions: predictions(window),
            overlays: compared.overlays,
        },
    };
    Ok((report, findings.into_iter().flatten().collect()))
}

/// The comparison of the columns.
#[derive(Default)]
struct Compared {
    columns: Vec<ColumnDrift>,
    prediction: Option<ColumnDrift>,
    skipped: Vec<Skipped>,
    profiles: Vec<ColumnSummary>,
    overlays: Vec<super::figures::Overlay>,
    /// Why there is nothing of all this.
    not_compared: Option<String>,
}

impl Compared {
    fn of(monitor: &Monitor, gathered: &Gathered) -> Result<Self, MonitorError> {
        let window = &gathered.window.batch;
        if (window.num_rows() as u64) < DECIDE_MIN {
            return Ok(Self::default());
        }
        let shared = match shared(&gathered.baseline.batch, window, &monitor.columns) {
            Ok(shared) => shared,
            Err(error @ CompareError::NothingShared) => {
                return Ok(Self {
                    not_compared: Some(error.to_string()),
                    ..Self::default()
                });
            }
            Err(error) => return Err(error.into()),
        };
        let mode = match monitor.mode {
            DriftMode::Budget => DecisionMode::Budget,
            DriftMode::Lab => DecisionMode::Lab,
        };
        let threshold = monitor.thresholds.max_drift_pvalue;
        let found = compare_batches(&shared.baseline, &shared.window, &[], mode, threshold)?;
        let mut columns: Vec<ColumnDrift> = found.results.into_iter().map(ColumnDrift::from).collect();
        let (profiles, overlays) = drawn(&shared, &columns);
        let prediction = columns
            .iter()
            .position(|c| c.column == PREDICTION)
            .map(|at| columns.remove(at));
        let mut skipped = shared.skipped;
        skipped.extend(
            found
                .skipped
                .into_iter()
                .map(|(column, reason)| Skipped { column, reason }),
        );
        Ok(Self {
            columns,
            prediction,
            skipped,
            profiles,
            overlays,
            not_compared: None,
        })
    }
}

/// What each column looked like, and the pictures of those that moved most.
fn drawn(shared: &Shared, columns: &[ColumnDrift]) -> (Vec<ColumnSummary>, Vec<super::figures::Overlay>) {
    let mut ranked: Vec<&ColumnDrift> = columns.iter().collect();
    ranked.sort_by(|a, b| b.drifted.cmp(&a.drifted).then(b.effect_size.total_cmp(&a.effect_size)));
    let shown: Vec<&str> = ranked.iter().take(OVERLAYS_MAX).map(|c| c.column.as_str()).collect();
    let mut profiles = Vec::new();
    let mut overlays: Vec<Option<super::figures::Overlay>> = vec![None; shown.len()];
    for column in columns {
        let sides = [&shared.baseline, &shared.window].map(|batch| batch.column_by_name(&column.column));
        let [Some(left), Some(right)] = sides else { continue };
        let Some((baseline, window)) = pair(left, right) else {
            continue;
        };
        profiles.push(ColumnSummary::of(&column.column, &ColumnProfile::of(&window)));
        if let Some(place) = shown.iter().position(|name| *name == column.column) {
            overlays[place] = overlay(&column.column, column.drifted, &baseline, &window);
        }
    }
    (profiles, overlays.into_iter().flatten().collect())
}

/// Latency of each request, which all its rows carry: the first row stands for it.
fn latency(window: &RecordBatch) -> Option<Latency> {
    let index = window.column_by_name("row_index")?.as_primitive_opt::<Int32Type>()?;
    let us = window.column_by_name("latency_us")?.as_primitive_opt::<Int64Type>()?;
    let first = (0..window.num_rows()).filter(|&row| index.value(row) == 0 && us.is_valid(row));
    let ms: Vec<f64> = first.map(|row| us.value(row) as f64 / 1_000.0).collect();
    summary(&ms).ok().map(Latency::from)
}

/// Moves the alerts and queues their notifications, in one transaction.
async fn tell(app: &App, monitor: &Monitor, findings: Vec<Finding>) -> Result<Vec<Alert>, MonitorError> {
    let open = app.store().open_alerts(&monitor.name).await?;
    let transitions: Vec<Transition> = findings
        .into_iter()
        .map(|finding| transition(open.iter().find(|alert| alert.kind == finding.kind), finding))
        .collect();
    move_alerts(app, monitor, &transitions).await
}

/// Applies transitions of a monitor's alerts and wakes the outbox when there is something in it.
pub(crate) async fn move_alerts(
    app: &App,
    monitor: &Monitor,
    transitions: &[Transition],
) -> Result<Vec<Alert>, MonitorError> {
    if transitions.iter().all(|transition| *transition == Transition::Nothing) {
        return Ok(Vec::new());
    }
    let mut notifiers: Vec<Notifier> = Vec::with_capacity(monitor.notifiers.len());
    for name in &monitor.notifiers {
        notifiers.push(app.store().notifier(name).await?);
    }
    let endpoint = monitor.endpoint.as_str();
    let word = |alert: &Alert| -> Vec<Outgoing> {
        let notice = Notice::of(alert, endpoint);
        let body = |notifier: &Notifier| channel(notifier.kind).body(&notice);
        notifiers
            .iter()
            .map(|n| Outgoing {
                notifier: n.name.clone(),
                body: body(n),
            })
            .collect()
    };
    let moved = app
        .store()
        .apply_transitions(&monitor.name, transitions, &word, app.now())
        .await?;
    for alert in &moved {
        tracing::warn!(
            monitor = monitor.name,
            kind = alert.kind.as_str(),
            state = alert.state.as_str(),
            "alert moved"
        );
    }
    if !moved.is_empty() {
        app.wake().outbox.notify_one();
    }
    Ok(moved)
}

async fn keep(app: &App, report: &MonitorReport) -> Result<i64, MonitorError> {
    let run = NewMonitorRun {
        monitor: report.monitor.clone(),
        window_start: Timestamp(report.window_start),
        window_end: Timestamp(report.window_end),
        ran_at: Timestamp(report.ran_at),
        result: serde_json::to_string(report).map_err(MonitorError::Stored)?,
    };
    Ok(app.store().record_monitor_run(&run).await?.id)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, Int64Array};

    use super::*;

    #[test]
    fn a_request_of_several_rows_counts_once() {
        let batch = RecordBatch::try_from_iter([
            ("row_index", Arc::new(Int32Array::from(vec![0, 1, 2, 0])) as ArrayRef),
            (
                "latency_us",
                Arc::new(Int64Array::from(vec![3_000, 3_000, 3_000, 1_000])) as ArrayRef,
            ),
        ])
        .expect("batch");
        let latency = latency(&batch).expect("two requests");
        assert_eq!((latency.count, latency.mean, latency.p50), (2, 2.0, 2.0));
    }
}
