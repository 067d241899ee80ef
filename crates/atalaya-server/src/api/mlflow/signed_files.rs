//! `GET /artifacts/signed/…`: downloads whose URL is its own credential; no token is sent or asked for.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;

use crate::api::error::{ApiError, ErrorCode};
use crate::api::file_reply::file_reply;
use crate::app::App;

/// One file, whole or in ranges: large ones are fetched in several at once.
pub(super) async fn download(
    State(app): State<App>,
    Path((expires, signature, digest, path)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let unsigned = || ApiError::new(ErrorCode::Unauthenticated, "the signature in the URL is not valid");
    let expires = expires.parse().map_err(|_| unsigned())?;
    let bytes = app.signed_file((expires, &signature), &digest, &path).await?;
    Ok(file_reply(&path, bytes, &headers))
}
