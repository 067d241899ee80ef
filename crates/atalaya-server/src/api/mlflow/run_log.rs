//! What is logged into runs: metrics and their history, params, tags.

use atalaya_domain::Timestamp;
use atalaya_domain::tracking::Metric;
use atalaya_store::LogBatch;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::error::MlflowResult;
use super::input::{run_id, search};
use super::runs::MetricWire;
use super::wire::Empty;
use crate::api::error::ApiError;
use crate::api::fields::Fields;
use crate::app::App;

pub(super) async fn log_metric(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store().log_metric(run_id(&fields)?, &metric(&fields)?).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn log_parameter(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let (key, value) = (
        fields.required_text("key")?,
        fields.loose_text("value")?.unwrap_or_default(),
    );
    app.store().log_param(run_id(&fields)?, key, &value).await?;
    Ok(Json(Empty {}))
}

/// All or nothing. The same observation again, as `log_model` sends it, changes nothing.
pub(super) async fn log_batch(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let batch = LogBatch {
        metrics: fields
            .objects("metrics")?
            .iter()
            .map(metric)
            .collect::<Result<_, _>>()?,
        params: fields.pairs("params")?,
        tags: fields.pairs("tags")?,
    };
    app.store().log_batch(run_id(&fields)?, &batch).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn set_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let (key, value) = (fields.required_text("key")?, fields.text("value")?.unwrap_or_default());
    app.store().set_run_tag(run_id(&fields)?, key, value).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn delete_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store()
        .delete_run_tag(run_id(&fields)?, fields.required_text("key")?)
        .await?;
    Ok(Json(Empty {}))
}

/// Every observation of one metric; an unknown key has none.
pub(super) async fn history(State(app): State<App>, fields: Fields) -> MlflowResult<HistoryReply> {
    let key = fields.required_text("metric_key")?;
    let page = app
        .store()
        .metric_history(run_id(&fields)?, key, &search(&fields)?)
        .await?;
    let metrics = page.items.into_iter().map(MetricWire::from).collect();
    Ok(Json(HistoryReply {
        metrics,
        next_page_token: page.next_page_token,
    }))
}

fn metric(fields: &Fields) -> Result<Metric, ApiError> {
    Ok(Metric {
        key: fields.required_text("key")?.to_owned(),
        value: fields.double("value")?.ok_or_else(|| fields.missing("value"))?,
        timestamp: fields
            .integer("timestamp")?
            .map(Timestamp)
            .ok_or_else(|| fields.missing("timestamp"))?,
        step: fields.integer("step")?.unwrap_or(0),
    })
}

#[derive(Debug, Serialize)]
pub(super) struct HistoryReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}
