//! `/api/2.0/mlflow-artifacts/artifacts`: the proxy through which plain `http` clients read files, and the listing of runs.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;

use super::error::{MlflowError, MlflowResult};
use super::input::run_id;
use super::wire::FileWire;
use crate::api::fields::Fields;
use crate::api::file_reply::file_reply;
use crate::api::origin::Dialect;
use crate::app::App;

/// What is in a folder; bare names. What is not there, and a file, have nothing in them.
pub(super) async fn list(State(app): State<App>, fields: Fields) -> MlflowResult<ProxyReply> {
    let entries = app.proxy_entries(fields.text("path")?.unwrap_or_default()).await?;
    Ok(Json(ProxyReply {
        files: entries.into_iter().map(|entry| FileWire::from(entry).named()).collect(),
    }))
}

/// The bytes of one file.
pub(super) async fn download(
    State(app): State<App>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, MlflowError> {
    let bytes = app.proxy_file(&path).await?;
    Ok(file_reply(&path, bytes, &headers))
}

/// The files of a run. Runs of this server hold none; the files of models are with their versions.
pub(super) async fn of_run(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<RunReply> {
    let run = app.store().run(run_id(&fields)?).await?;
    Ok(Json(RunReply {
        root_uri: dialect.run_root(&run.experiment_id, &run.run_id),
    }))
}

#[derive(Debug, Serialize)]
pub(super) struct ProxyReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct RunReply {
    root_uri: String,
}
