//! Monitors: made, run by hand or by the clock, and their runs and reports.

use std::sync::atomic::Ordering;

use atalaya_domain::alert::{AlertKind, Finding, Transition};
use atalaya_domain::monitor::{DriftMode, Monitor, Thresholds};
use atalaya_domain::{EndpointName, Timestamp};
use atalaya_store::{MonitorRun, StoreError};

use super::App;
use crate::api::error::{ApiError, chain};
use crate::report;
use crate::watch::{self, BaselineError, CompareError, MonitorError, MonitorReport, baseline_path};

/// A monitor that a caller asks for.
#[derive(Debug, Clone)]
pub(crate) struct MonitorRequest {
    pub(crate) name: String,
    pub(crate) endpoint: EndpointName,
    pub(crate) baseline: String,
    pub(crate) columns: Vec<String>,
    pub(crate) window_ms: i64,
    pub(crate) every_ms: Option<i64>,
    pub(crate) mode: DriftMode,
    pub(crate) thresholds: Thresholds,
    pub(crate) notifiers: Vec<String>,
}

/// A monitor and how it is doing.
#[derive(Debug, Clone)]
pub(crate) struct MonitorView {
    pub(crate) monitor: Monitor,
    pub(crate) last_run_at: Option<Timestamp>,
    /// Runs by itself and has not for two of its periods: silence that must be seen.
    pub(crate) overdue: bool,
}

/// A report as files.
#[derive(Debug, Clone)]
pub struct ReportFiles {
    /// One self-contained HTML page.
    pub html: String,
    /// The same as a PNG image.
    pub png: Vec<u8>,
}

impl App {
    /// Makes a monitor of an endpoint that is there, with a baseline that is there.
    pub(crate) async fn create_monitor(&self, request: MonitorRequest) -> Result<MonitorView, ApiError> {
        self.store().endpoint(&request.endpoint).await?;
        let (config, baseline) = (self.config().clone(), request.baseline.clone());
        let found = tokio::task::spawn_blocking(move || baseline_path(&config, &baseline)).await;
        found
            .map_err(|error| ApiError::internal(&error))?
            .map_err(MonitorError::from)?;
        let monitor = Monitor {
            name: request.name,
            endpoint: request.endpoint,
            baseline: request.baseline,
            columns: request.columns,
            window_ms: request.window_ms,
            every_ms: request.every_ms,
            mode: request.mode,
            thresholds: request.thresholds,
            notifiers: request.notifiers,
            created_at: self.now(),
        };
        self.store().create_monitor(&monitor).await?;
        Ok(self.monitor_view(monitor).await?)
    }

    /// One monitor.
    pub(crate) async fn monitor(&self, name: &str) -> Result<MonitorView, StoreError> {
        let monitor = self.store().monitor(name).await?;
        self.monitor_view(monitor).await
    }

    /// Every monitor, by name.
    pub(crate) async fn monitors(&self) -> Result<Vec<MonitorView>, StoreError> {
        let mut views = Vec::new();
        for monitor in self.store().monitors().await? {
            views.push(self.monitor_view(monitor).await?);
        }
        Ok(views)
    }

    async fn monitor_view(&self, monitor: Monitor) -> Result<MonitorView, StoreError> {
        let last_run_at = self
            .store()
            .latest_monitor_run(&monitor.name)
            .await?
            .map(|run| run.ran_at);
        let since = self.now().since_ms(last_run_at.unwrap_or(monitor.created_at));
        let overdue = monitor.every_ms.is_some_and(|every| since > every.saturating_mul(2));
        Ok(MonitorView {
            monitor,
            last_run_at,
            overdue,
        })
    }

    /// Deletes a monitor; its open alerts resolve, since nobody looks any more.
    pub(crate) async fn delete_monitor(&self, name: &str) -> Result<(), MonitorError> {
        let _turn = self.watching().running.lock().await;
        let monitor = self.store().monitor(name).await?;
        let gone = |kind: AlertKind, threshold: f64| {
            let message = "the monitor was deleted".to_owned();
            Transition::Resolve(Finding {
                kind,
                breached: false,
                message,
                value: f64::NAN,
                threshold,
            })
        };
        let open = self.store().open_alerts(name).await?;
        let transitions: Vec<Transition> = open.iter().map(|alert| gone(alert.kind, alert.threshold)).collect();
        watch::move_alerts(self, &monitor, &transitions).await?;
        self.store().delete_monitor(name).await?;
        self.watching().forget(name);
        Ok(())
    }

    /// Runs a monitor now: brings the endpoint's tables up to date, compares the window with the baseline, moves the
    /// alerts and keeps the result.
    ///
    /// # Errors
    /// [`MonitorError`]; a run that fails after its alerts moved has told people all the same.
    pub async fn run_monitor(&self, name: &str) -> Result<MonitorReport, MonitorError> {
        let monitor = self.store().monitor(name).await?;
        let ran = watch::run(self, &monitor).await;
        let counters = &self.metrics().counters;
        let counter = if ran.is_ok() {
            &counters.monitor_runs
        } else {
            &counters.monitor_failures
        };
        counter.fetch_add(1, Ordering::Relaxed);
        ran
    }

    /// Runs every monitor whose period has passed, one after the other; one that fails is logged and counted, waits
    /// for its next time, and stops no other. Says how many ran.
    ///
    /// # Errors
    /// [`StoreError`] when the monitors cannot be read.
    pub async fn run_due_monitors(&self) -> Result<u64, StoreError> {
        let mut ran = 0;
        for monitor in self.store().monitors().await? {
            let Some(every_ms) = monitor.every_ms else { continue };
            let last = match self.watching().attempted_at(&monitor.name) {
                Some(at) => Some(at),
                // The first look of this process: the run of an earlier one counts.
                None => self
                    .store()
                    .latest_monitor_run(&monitor.name)
                    .await?
                    .map(|run| run.ran_at),
            };
            let now = self.now();
            if last.is_some_and(|at| now.since_ms(at) < every_ms) {
                // Remembered, so that the next look needs no query.
                self.watching().note_attempt(&monitor.name, last.unwrap_or(now));
                continue;
            }
            self.watching().note_attempt(&monitor.name, now);
            match self.run_monitor(&monitor.name).await {
                Ok(_) => ran += 1,
                Err(error) => {
                    tracing::error!(monitor = monitor.name, endpoint = %monitor.endpoint, error = %chain(&error), "monitor failed; it runs again at its next time");
                }
            }
        }
        Ok(ran)
    }

    /// The newest runs of a monitor, newest first.
    pub(crate) async fn monitor_runs(&self, name: &str, limit: u32) -> Result<Vec<MonitorReport>, MonitorError> {
        self.store().monitor(name).await?;
        let runs: Vec<MonitorRun> = self.store().monitor_runs(name, limit).await?;
        runs.iter().map(watch::stored_report).collect()
    }

    /// The report of a monitor's newest run with the alerts that are open now, as one HTML page.
    ///
    /// # Errors
    /// [`MonitorError::NoRun`] before the first run.
    pub async fn monitor_report_html(&self, name: &str) -> Result<String, MonitorError> {
        Ok(report::html(&self.report_facts(name).await?))
    }

    /// The same as a PNG image.
    ///
    /// # Errors
    /// As [`Self::monitor_report_html`].
    pub async fn monitor_report_png(&self, name: &str) -> Result<Vec<u8>, MonitorError> {
        let facts = self.report_facts(name).await?;
        let drawn = tokio::task::spawn_blocking(move || report::png(&facts)).await;
        drawn.map_err(|_| MonitorError::Ended)?.map_err(MonitorError::Picture)
    }

    /// Both forms of the report.
    ///
    /// # Errors
    /// As [`Self::monitor_report_html`].
    pub async fn monitor_report_files(&self, name: &str) -> Result<ReportFiles, MonitorError> {
        Ok(ReportFiles {
            html: self.monitor_report_html(name).await?,
            png: self.monitor_report_png(name).await?,
        })
    }

    async fn report_facts(&self, name: &str) -> Result<report::Facts, MonitorError> {
        self.store().monitor(name).await?;
        let newest = self
            .store()
            .latest_monitor_run(name)
            .await?
            .ok_or(MonitorError::NoRun)?;
        let open_alerts = self.store().open_alerts(name).await?;
        Ok(report::Facts {
            run: watch::stored_report(&newest)?,
            open_alerts,
        })
    }
}

impl From<MonitorError> for ApiError {
    fn from(error: MonitorError) -> Self {
        let message = error.to_string();
        match error {
            MonitorError::Store(error) => error.into(),
            MonitorError::NoRun => Self::not_found(format!("{message}; run it first")),
            MonitorError::Baseline(BaselineError::Unreadable(cause)) => {
                tracing::warn!(error = %chain(&cause), "baseline not read");
                Self::invalid(message)
            }
            MonitorError::Baseline(BaselineError::Outside | BaselineError::Absent)
            | MonitorError::Compare(CompareError::NoColumn { .. } | CompareError::NothingShared) => {
                Self::invalid(message)
            }
            MonitorError::Flush(_)
            | MonitorError::Lake(_)
            | MonitorError::Stored(_)
            | MonitorError::Picture(_)
            | MonitorError::Ended => Self::internal(&error),
        }
    }
}
