//! `/api/atalaya/v1/notifiers`: where alerts are told. URLs come in and never out.

use atalaya_domain::monitor::{Notifier, NotifierKind};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::api::error::{ApiError, ApiResult};
use crate::api::fields::Fields;
use crate::app::App;

#[derive(Serialize)]
pub(crate) struct WireNotifier {
    name: String,
    kind: &'static str,
}

impl From<Notifier> for WireNotifier {
    fn from(notifier: Notifier) -> Self {
        Self {
            name: notifier.name,
            kind: notifier.kind.as_str(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct WireNotifiers {
    notifiers: Vec<WireNotifier>,
}

#[derive(Serialize)]
pub(crate) struct WireTest {
    delivered: bool,
    reason: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Nothing {}

pub(crate) async fn create(State(app): State<App>, fields: Fields) -> ApiResult<Json<WireNotifier>> {
    fields.only(&["name", "kind", "url"])?;
    let words = NotifierKind::ALL.map(|kind| format!("`{}`", kind.as_str())).join(", ");
    let kind = NotifierKind::parse(fields.required_text("kind")?)
        .ok_or_else(|| ApiError::invalid(format!("`kind` must be one of {words}")))?;
    let url = fields.text("url")?.unwrap_or_default().to_owned();
    let notifier = Notifier {
        name: fields.required_text("name")?.to_owned(),
        kind,
        url,
    };
    app.create_notifier(&notifier).await?;
    Ok(Json(notifier.into()))
}

pub(crate) async fn list(State(app): State<App>) -> ApiResult<Json<WireNotifiers>> {
    let notifiers = app.notifiers().await?.into_iter().map(WireNotifier::from).collect();
    Ok(Json(WireNotifiers { notifiers }))
}

pub(crate) async fn read(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<WireNotifier>> {
    Ok(Json(app.notifier(&name).await?.into()))
}

pub(crate) async fn delete(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<Nothing>> {
    app.delete_notifier(&name).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn test(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> ApiResult<Json<WireTest>> {
    fields.only(&[])?;
    let outcome = app.test_notifier(&name).await?;
    Ok(Json(WireTest {
        delivered: outcome.delivered,
        reason: outcome.reason,
    }))
}
