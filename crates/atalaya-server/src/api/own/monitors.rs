//! `/api/atalaya/v1/monitors`: what is watched, its runs and its report.

use atalaya_domain::EndpointName;
use atalaya_domain::monitor::{DriftMode, Thresholds};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::api::error::{ApiError, ApiResult};
use crate::api::fields::Fields;
use crate::app::{App, MonitorRequest, MonitorView};
use crate::report::content_security_policy;
use crate::watch::MonitorReport;

/// Seven days, the lab's window.
const WINDOW_DEFAULT_MS: i64 = 7 * 24 * 3_600_000;
/// A year; a longer window is a table to be queried.
const WINDOW_MAX_MS: i64 = 366 * 24 * 3_600_000;
/// One minute; what is needed sooner is in the live metrics.
const EVERY_MIN_MS: i64 = 60_000;
/// Runs in one answer.
const RUNS_DEFAULT: u32 = 20;
const RUNS_MAX: u32 = 100;

#[derive(Serialize)]
struct WireThresholds {
    min_accuracy: f64,
    max_latency_ms: f64,
    max_drift_pvalue: f64,
}

#[derive(Serialize)]
pub(crate) struct WireMonitor {
    name: String,
    endpoint: String,
    baseline: String,
    columns: Vec<String>,
    window_ms: i64,
    every_ms: Option<i64>,
    mode: &'static str,
    thresholds: WireThresholds,
    notifiers: Vec<String>,
    created_at: i64,
    last_run_at: Option<i64>,
    overdue: bool,
}

impl From<MonitorView> for WireMonitor {
    fn from(view: MonitorView) -> Self {
        let monitor = view.monitor;
        let t = monitor.thresholds;
        Self {
            name: monitor.name,
            endpoint: monitor.endpoint.as_str().to_owned(),
            baseline: monitor.baseline,
            columns: monitor.columns,
            window_ms: monitor.window_ms,
            every_ms: monitor.every_ms,
            mode: monitor.mode.as_str(),
            thresholds: WireThresholds {
                min_accuracy: t.min_accuracy,
                max_latency_ms: t.max_latency_ms,
                max_drift_pvalue: t.max_drift_pvalue,
            },
            notifiers: monitor.notifiers,
            created_at: monitor.created_at.0,
            last_run_at: view.last_run_at.map(|at| at.0),
            overdue: view.overdue,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct WireMonitors {
    monitors: Vec<WireMonitor>,
}

#[derive(Serialize)]
pub(crate) struct WireRuns {
    runs: Vec<MonitorReport>,
}

#[derive(Serialize)]
pub(crate) struct Nothing {}

pub(crate) async fn create(State(app): State<App>, fields: Fields) -> ApiResult<Json<WireMonitor>> {
    Ok(Json(app.create_monitor(request(&fields)?).await?.into()))
}

pub(crate) async fn list(State(app): State<App>) -> ApiResult<Json<WireMonitors>> {
    let monitors = app.monitors().await?.into_iter().map(WireMonitor::from).collect();
    Ok(Json(WireMonitors { monitors }))
}

pub(crate) async fn read(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<WireMonitor>> {
    Ok(Json(app.monitor(&name).await?.into()))
}

pub(crate) async fn delete(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<Nothing>> {
    app.delete_monitor(&name).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn run(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> ApiResult<Json<MonitorReport>> {
    fields.only(&[])?;
    Ok(Json(app.run_monitor(&name).await?))
}

pub(crate) async fn runs(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> ApiResult<Json<WireRuns>> {
    fields.only(&["limit"])?;
    let limit = fields.integer("limit")?.map_or(Ok(RUNS_DEFAULT), |limit| {
        let fits = u32::try_from(limit).ok().filter(|limit| (1..=RUNS_MAX).contains(limit));
        fits.ok_or_else(|| ApiError::invalid(format!("`limit` must be from 1 to {RUNS_MAX}")))
    })?;
    Ok(Json(WireRuns {
        runs: app.monitor_runs(&name, limit).await?,
    }))
}

pub(crate) async fn report(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Response> {
    let page = app.monitor_report_html(&name).await?;
    let mut response = document(Body::from(page), HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = HeaderValue::from_str(content_security_policy()).map_err(|error| ApiError::internal(&error))?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

pub(crate) async fn report_png(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Response> {
    let image = app.monitor_report_png(&name).await?;
    Ok(document(Body::from(image), HeaderValue::from_static("image/png")))
}

fn document(body: Body, content_type: HeaderValue) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const FIELDS: [&str; 9] = [
    "name",
    "endpoint",
    "baseline",
    "columns",
    "window_ms",
    "every_ms",
    "mode",
    "thresholds",
    "notifiers",
];

fn request(fields: &Fields) -> ApiResult<MonitorRequest> {
    fields.only(&FIELDS)?;
    let window_ms = fields.integer("window_ms")?.unwrap_or(WINDOW_DEFAULT_MS);
    if !(1..=WINDOW_MAX_MS).contains(&window_ms) {
        return Err(ApiError::invalid(format!(
            "`window_ms` must be from 1 to {WINDOW_MAX_MS}"
        )));
    }
    let every_ms = fields.integer("every_ms")?;
    if every_ms.is_some_and(|every| !(EVERY_MIN_MS..=WINDOW_MAX_MS).contains(&every)) {
        return Err(ApiError::invalid(format!(
            "`every_ms` must be from {EVERY_MIN_MS} to {WINDOW_MAX_MS}"
        )));
    }
    let mode = match fields.text("mode")? {
        None => DriftMode::default(),
        Some(word) => DriftMode::parse(word).ok_or_else(|| ApiError::invalid("`mode` must be `budget` or `lab`"))?,
    };
    Ok(MonitorRequest {
        name: fields.required_text("name")?.to_owned(),
        endpoint: EndpointName::new(fields.required_text("endpoint")?)?,
        baseline: fields.required_text("baseline")?.to_owned(),
        columns: fields.texts("columns")?,
        window_ms,
        every_ms,
        mode,
        thresholds: thresholds(fields)?,
        notifiers: fields.texts("notifiers")?,
    })
}

fn thresholds(fields: &Fields) -> ApiResult<Thresholds> {
    let mut found = Thresholds::default();
    let Some(inside) = fields.object("thresholds")? else {
        return Ok(found);
    };
    inside.only(&["min_accuracy", "max_latency_ms", "max_drift_pvalue"])?;
    let bounded = |key: &str, default: f64, fits: fn(f64) -> bool, range: &str| {
        let value = inside.double(key)?.unwrap_or(default);
        if fits(value) {
            Ok(value)
        } else {
            Err(ApiError::invalid(format!("`{}` must be {range}", inside.name(key))))
        }
    };
    found.min_accuracy = bounded(
        "min_accuracy",
        found.min_accuracy,
        |v| (0.0..=1.0).contains(&v),
        "from 0 to 1",
    )?;
    found.max_latency_ms = bounded(
        "max_latency_ms",
        found.max_latency_ms,
        |v| v > 0.0 && v.is_finite(),
        "above 0",
    )?;
    found.max_drift_pvalue = bounded(
        "max_drift_pvalue",
        found.max_drift_pvalue,
        |v| v > 0.0 && v < 1.0,
        "between 0 and 1",
    )?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn least() -> serde_json::Value {
        json!({"name": "m", "endpoint": "e", "baseline": "b.csv"})
    }

    #[test]
    fn the_labs_defaults_stand_where_nothing_is_said() {
        let request = request(&Fields::from(least())).expect("request");
        assert_eq!(
            (request.window_ms, request.every_ms, request.mode),
            (604_800_000, None, DriftMode::Budget)
        );
        assert_eq!(request.thresholds, Thresholds::default());
    }

    #[test]
    fn unknown_and_impossible_fields_are_named() {
        let cases = [
            (json!({"windows_ms": 7}), "`windows_ms`"),
            (json!({"thresholds": {"max_pvalue": 0.1}}), "`thresholds.max_pvalue`"),
            (json!({"thresholds": {"min_accuracy": 2}}), "`thresholds.min_accuracy`"),
            (
                json!({"thresholds": {"max_latency_ms": "NaN"}}),
                "`thresholds.max_latency_ms`",
            ),
            (json!({"window_ms": 0}), "`window_ms`"),
            (json!({"every_ms": 59_999}), "`every_ms`"),
            (json!({"mode": "strict"}), "`mode`"),
            (json!({"columns": [7]}), "columns[0]"),
            (json!({"baseline": null}), "baseline"),
        ];
        for (more, named) in cases {
            let mut body = least();
            for (key, value) in more.as_object().expect("object") {
                body[key] = value.clone();
            }
            let message = request(&Fields::from(body)).expect_err(named).message;
            assert!(message.contains(named), "{named}: {message}");
        }
    }
}
