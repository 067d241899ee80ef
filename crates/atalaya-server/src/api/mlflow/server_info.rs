//! `GET /api/3.0/mlflow/server-info`: what the client asks before it moves files.

use axum::Json;
use serde::Serialize;

/// One request per file, no workspaces, no trace archive.
pub(super) async fn server_info() -> Json<Reply> {
    Json(Reply {
        store_type: "SqlStore",
        workspaces_enabled: false,
        trace_archival_enabled: false,
        multipart_uploads_enabled: false,
        multipart_downloads_enabled: false,
    })
}

#[derive(Debug, Serialize)]
pub(super) struct Reply {
    store_type: &'static str,
    workspaces_enabled: bool,
    trace_archival_enabled: bool,
    multipart_uploads_enabled: bool,
    multipart_downloads_enabled: bool,
}
