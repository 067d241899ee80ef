//! `/api/2.0/serving-endpoints…`: create, read, update, delete, and what is known about each served entity.

use atalaya_domain::EndpointName;
use axum::Json;
use axum::extract::{Path, State};
use http::HeaderName;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::wire::{Empty, EndpointWire, TagWire, tags};
use crate::api::error::{ApiError, ApiResult};
use crate::api::fields::Fields;
use crate::api::origin::Origin;
use crate::app::{App, Caller, ConfigRequest, EndpointRequest};

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    origin: Origin,
    fields: Fields,
) -> ApiResult<Json<EndpointWire>> {
    let view = app
        .open_endpoint(EndpointRequest::try_from(&fields)?, caller.user())
        .await?;
    Ok(Json(EndpointWire::new(view, &origin, &caller)))
}

pub(super) async fn list(State(app): State<App>, caller: Caller, origin: Origin) -> ApiResult<Json<ListReply>> {
    let views = app.list_endpoints().await?;
    let endpoints = views
        .into_iter()
        .map(|view| EndpointWire::new(view, &origin, &caller))
        .collect();
    Ok(Json(ListReply { endpoints }))
}

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    origin: Origin,
) -> ApiResult<Json<EndpointWire>> {
    let view = app.endpoint(&known_name(&name)?).await?;
    Ok(Json(EndpointWire::new(view, &origin, &caller)))
}

pub(super) async fn update_config(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    origin: Origin,
    fields: Fields,
) -> ApiResult<Json<EndpointWire>> {
    let view = app
        .configure_endpoint(&known_name(&name)?, ConfigRequest::try_from(&fields)?)
        .await?;
    Ok(Json(EndpointWire::new(view, &origin, &caller)))
}

pub(super) async fn delete(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<Empty>> {
    app.delete_endpoint(&known_name(&name)?).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn patch_tags(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> ApiResult<Json<TagsReply>> {
    let (add, delete) = (fields.tags("add_tags")?, fields.texts("delete_tags")?);
    let now = app
        .store()
        .patch_endpoint_tags(&known_name(&name)?, &add, &delete, app.now())
        .await?;
    Ok(Json(TagsReply { tags: tags(now) }))
}

/// Prometheus text under Databricks' own series names.
pub(super) async fn metrics(
    State(app): State<App>,
    Path(name): Path<String>,
) -> ApiResult<([(HeaderName, &'static str); 1], String)> {
    let text = app.endpoint_metrics(&known_name(&name)?).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// What a served entity runs, and how.
pub(super) async fn logs(
    State(app): State<App>,
    Path((name, served)): Path<(String, String)>,
) -> ApiResult<Json<LogsReply>> {
    let logs = app.entity_log(&known_name(&name)?, &served).await?;
    Ok(Json(LogsReply { logs }))
}

/// What a served entity was made from.
pub(super) async fn build_logs(
    State(app): State<App>,
    Path((name, served)): Path<(String, String)>,
) -> ApiResult<Json<LogsReply>> {
    let logs = app.entity_build_log(&known_name(&name)?, &served).await?;
    Ok(Json(LogsReply { logs }))
}

/// A name in a path; what cannot be a name names nothing.
pub(super) fn known_name(name: &str) -> ApiResult<EndpointName> {
    EndpointName::new(name).map_err(|_| ApiError::not_found("no serving endpoint has this name"))
}

#[derive(Debug, Serialize)]
pub(super) struct ListReply {
    endpoints: Vec<EndpointWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct TagsReply {
    tags: Vec<TagWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct LogsReply {
    logs: String,
}
