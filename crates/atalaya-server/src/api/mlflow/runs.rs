//! `/api/2.0/mlflow/runs/…`: runs from start to end; what is logged into them is in `run_log.rs`.

use atalaya_domain::Timestamp;
use atalaya_domain::tracking::{Metric, Run};
use atalaya_store::{NewRun, RunUpdate};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::error::MlflowResult;
use super::input::{run_id, run_status, search as search_of, view};
use super::wire::{Double, Empty, KeyValue, key_values, tag_list};
use crate::api::fields::Fields;
use crate::api::origin::Dialect;
use crate::app::{App, Caller};

/// An experiment called `None`, as clients under `databricks` send when none was chosen, is the default one.
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    dialect: Dialect,
    fields: Fields,
) -> MlflowResult<Reply> {
    let user = fields
        .text("user_id")?
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| caller.user());
    let new = NewRun {
        experiment_id: fields.loose_text("experiment_id")?,
        run_name: fields.text("run_name")?.map(str::to_owned),
        user_id: user.to_owned(),
        started_at: fields
            .integer("start_time")?
            .filter(|ms| *ms > 0)
            .map_or_else(|| app.now(), Timestamp),
        tags: fields.tags("tags")?,
    };
    let run = app.store().create_run(&new).await?;
    Ok(Json(Reply {
        run: RunWire::new(run, dialect),
    }))
}

pub(super) async fn get(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<Reply> {
    let run = app.store().run(run_id(&fields)?).await?;
    Ok(Json(Reply {
        run: RunWire::new(run, dialect),
    }))
}

pub(super) async fn update(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<UpdateReply> {
    let update = RunUpdate {
        run_name: fields
            .text("run_name")?
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        status: run_status(&fields)?,
        ended_at: fields.integer("end_time")?.map(Timestamp),
    };
    let run = app.store().update_run(run_id(&fields)?, &update).await?;
    Ok(Json(UpdateReply {
        run_info: RunWire::new(run, dialect).info,
    }))
}

pub(super) async fn search(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<SearchReply> {
    let experiments = fields.texts("experiment_ids")?;
    let page = app
        .store()
        .search_runs(&experiments, view(&fields, "run_view_type")?, &search_of(&fields)?)
        .await?;
    let runs = page.items.into_iter().map(|run| RunWire::new(run, dialect)).collect();
    Ok(Json(SearchReply {
        runs,
        next_page_token: page.next_page_token,
    }))
}

pub(super) async fn delete(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store().delete_run(run_id(&fields)?, app.now()).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn restore(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store().restore_run(run_id(&fields)?).await?;
    Ok(Json(Empty {}))
}

#[derive(Debug, Serialize)]
pub(super) struct Reply {
    run: RunWire,
}

#[derive(Debug, Serialize)]
pub(super) struct UpdateReply {
    run_info: InfoWire,
}

#[derive(Debug, Serialize)]
pub(super) struct SearchReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct RunWire {
    info: InfoWire,
    data: DataWire,
    /// Data sets and models that a run read; none are recorded yet.
    inputs: Empty,
}

#[derive(Debug, Serialize)]
struct InfoWire {
    run_id: String,
    run_uuid: String,
    run_name: String,
    experiment_id: String,
    user_id: String,
    status: &'static str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: String,
    lifecycle_stage: &'static str,
}

#[derive(Debug, Serialize)]
struct DataWire {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

/// One observation.
#[derive(Debug, Serialize)]
pub(super) struct MetricWire {
    key: String,
    value: Double,
    timestamp: i64,
    step: i64,
}

impl From<Metric> for MetricWire {
    fn from(metric: Metric) -> Self {
        Self {
            key: metric.key,
            value: Double(metric.value),
            timestamp: metric.timestamp.0,
            step: metric.step,
        }
    }
}

impl RunWire {
    fn new(run: Run, dialect: Dialect) -> Self {
        Self {
            data: DataWire {
                metrics: run.metrics.into_iter().map(MetricWire::from).collect(),
                params: key_values(run.params),
                tags: tag_list(run.tags),
            },
            info: InfoWire {
                artifact_uri: dialect.run_root(&run.experiment_id, &run.run_id),
                run_uuid: run.run_id.clone(),
                run_id: run.run_id,
                run_name: run.run_name,
                experiment_id: run.experiment_id,
                user_id: run.user_id,
                status: run.status.as_str(),
                start_time: run.started_at.0,
                end_time: run.ended_at.map(|at| at.0),
                lifecycle_stage: if run.deleted { "deleted" } else { "active" },
            },
            inputs: Empty {},
        }
    }
}
