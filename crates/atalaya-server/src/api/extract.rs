//! What handlers take from a request: a bounded body, JSON, and who is calling.

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::{ApiError, ErrorCode};
use super::router::BodyLimit;
use crate::app::{App, Caller};
use crate::http::{BodyError, read_body};

/// The whole body, within the route's limit.
pub(crate) struct Raw(pub(crate) Bytes);

impl FromRequest<App> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let limit = request
            .extensions()
            .get::<BodyLimit>()
            .copied()
            .unwrap_or(BodyLimit::None);
        let limits = app.limits();
        let body = read_body(
            request.into_body(),
            limit.bytes(),
            limits.body_stall,
            limits.body_deadline,
        )
        .await;
        body.map(Self).map_err(ApiError::from)
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge(_) => ErrorCode::PayloadTooLarge,
            BodyError::TooSlow | BodyError::Broken => ErrorCode::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}

/// A JSON body; an empty one reads as `{}`, as MLflow's server has it.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let Raw(bytes) = Raw::from_request(request, app).await?;
        let text: &[u8] = if bytes.iter().all(u8::is_ascii_whitespace) {
            b"{}"
        } else {
            &bytes
        };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| json_error(&error))
    }
}

/// Says where the JSON is wrong and what was expected, without the text that was sent.
fn json_error(error: &serde_json::Error) -> ApiError {
    let at = format!("line {} column {}", error.line(), error.column());
    if error.is_data() {
        // serde's message names our fields and types, but may quote the caller's value in backticks or quotes.
        let message = error.to_string();
        if let Some(field) = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
        {
            return ApiError::missing_parameter(field);
        }
        return ApiError::invalid(format!("a field has the wrong type in the JSON body at {at}"));
    }
    ApiError::bad_request(format!("the body is not valid JSON at {at}"))
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self::Nobody))
    }
}
