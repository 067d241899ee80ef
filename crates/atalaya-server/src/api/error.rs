//! The one map from what went wrong to a status, an `error_code` and a message.
//!
//! Codes and statuses are MLflow's and Databricks' own pairs: under the
//! `databricks` scheme the client rebuilds the status from the code. Messages
//! name fields and columns and never echo values.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;

/// Result of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// `error_code` of an answer that is not a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    BadGateway,
    BadRequest,
    DeadlineExceeded,
    EndpointNotFound,
    InvalidParameterValue,
    InternalError,
    MethodNotAllowed,
    NotImplemented,
    PayloadTooLarge,
    PermissionDenied,
    RequestLimitExceeded,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
    TemporarilyUnavailable,
    Unauthenticated,
    UnprocessableEntity,
    UnsupportedMediaType,
}

impl ErrorCode {
    /// The code as clients read it, and the status that goes with it.
    pub(crate) fn wire(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadGateway => ("INTERNAL_ERROR", StatusCode::BAD_GATEWAY),
            Self::BadRequest => ("BAD_REQUEST", StatusCode::BAD_REQUEST),
            Self::DeadlineExceeded => ("DEADLINE_EXCEEDED", StatusCode::GATEWAY_TIMEOUT),
            Self::EndpointNotFound => ("ENDPOINT_NOT_FOUND", StatusCode::NOT_FOUND),
            Self::InvalidParameterValue => ("INVALID_PARAMETER_VALUE", StatusCode::BAD_REQUEST),
            Self::InternalError => ("INTERNAL_ERROR", StatusCode::INTERNAL_SERVER_ERROR),
            // MLflow falls back from POST to GET only on this code.
            Self::MethodNotAllowed => ("ENDPOINT_NOT_FOUND", StatusCode::METHOD_NOT_ALLOWED),
            Self::NotImplemented => ("NOT_IMPLEMENTED", StatusCode::NOT_IMPLEMENTED),
            Self::PayloadTooLarge => ("BAD_REQUEST", StatusCode::PAYLOAD_TOO_LARGE),
            Self::PermissionDenied => ("PERMISSION_DENIED", StatusCode::FORBIDDEN),
            Self::RequestLimitExceeded => ("REQUEST_LIMIT_EXCEEDED", StatusCode::TOO_MANY_REQUESTS),
            Self::ResourceAlreadyExists => ("RESOURCE_ALREADY_EXISTS", StatusCode::BAD_REQUEST),
            Self::ResourceConflict => ("RESOURCE_CONFLICT", StatusCode::CONFLICT),
            Self::ResourceDoesNotExist => ("RESOURCE_DOES_NOT_EXIST", StatusCode::NOT_FOUND),
            Self::TemporarilyUnavailable => ("TEMPORARILY_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
            Self::Unauthenticated => ("UNAUTHENTICATED", StatusCode::UNAUTHORIZED),
            Self::UnprocessableEntity => ("BAD_REQUEST", StatusCode::UNPROCESSABLE_ENTITY),
            Self::UnsupportedMediaType => ("BAD_REQUEST", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }
    }
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// Seconds after which the caller may try again.
    pub(crate) retry_after: Option<u32>,
    /// Methods that the path does take.
    pub(crate) allow: Option<String>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// In MLflow's own words.
    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::invalid(format!("Missing value for required parameter '{name}'."))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceDoesNotExist, message)
    }

    /// A fault of ours: the caller gets a plain sentence, the log gets the cause.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(cause), "request failed");
        Self::new(
            ErrorCode::InternalError,
            "the server could not complete the request; its log has the cause",
        )
    }

    pub(crate) fn unavailable(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self {
            retry_after: Some(retry_after_seconds),
            ..Self::new(ErrorCode::TemporarilyUnavailable, message)
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.code.wire().1
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> String {
        serde_json::json!({ "error_code": self.code.wire().0, "message": self.message }).to_string()
    }
}

/// An error and its causes in one line, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

impl ApiError {
    /// The answer, for callers without a router.
    pub(crate) fn into_answer(self) -> http::Response<Full<Bytes>> {
        let mut response = http::Response::new(Full::from(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.and_then(|a| HeaderValue::try_from(a).ok()) {
            headers.insert(ALLOW, allow);
        }
        if self.code == ErrorCode::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.into_answer().map(Body::new)
    }
}
