//! Liveness, version and metrics.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::error::ApiError;
use crate::app::App;

/// The MLflow version whose protocol this server speaks.
const MLFLOW_VERSION: &str = "3.17.2";

/// `OK` once ready; 503 while draining.
pub(crate) async fn health(State(app): State<App>) -> Response {
    if app.draining() {
        return ApiError::unavailable("the server is shutting down", 5).into_response();
    }
    "OK".into_response()
}

/// As MLflow's server answers it: the version its client checks.
pub(crate) async fn version() -> &'static str {
    MLFLOW_VERSION
}

/// Prometheus text.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        app.render_metrics(),
    )
        .into_response()
}
