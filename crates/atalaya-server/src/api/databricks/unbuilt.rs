//! What Databricks has and this server does not have yet: 501 and a sentence with the way out.

use crate::api::error::{ApiError, ErrorCode};

/// That something is not built, with what to do instead.
pub(super) fn unbuilt(sentence: &str) -> ApiError {
    ApiError::new(ErrorCode::NotImplemented, sentence)
}

pub(super) const NO_RATE_LIMITS: &str =
    "rate limits of an endpoint are not implemented yet; choose a smaller `workload_size` to bound its concurrency";

pub(super) async fn rate_limits() -> ApiError {
    unbuilt(NO_RATE_LIMITS)
}

pub(super) async fn gateway() -> ApiError {
    unbuilt(
        "the AI gateway of an existing endpoint is not implemented yet; to switch its inference table, send \
         `auto_capture_config` with the endpoint's config",
    )
}

pub(super) async fn notifications() -> ApiError {
    unbuilt("e-mail about endpoint updates is not implemented yet; read `state.config_update` of the endpoint")
}

pub(super) async fn telemetry() -> ApiError {
    unbuilt("telemetry of an endpoint is not implemented yet; its metrics are at `/metrics`")
}

pub(super) async fn permissions() -> ApiError {
    unbuilt("permissions of single endpoints are not implemented yet; make a token limited to `endpoints` instead")
}
