//! `/api/2.0/mlflow/experiments/…`: named groups of runs.
//!
//! Where artifacts are is this server's business: a location that a client asks for is not taken, and every answer
//! says the real one in the client's own scheme.

use atalaya_domain::tracking::Experiment;
use atalaya_store::{NewExperiment, Noun, StoreError};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::error::{MlflowError, MlflowResult};
use super::input::{experiment_id, search as search_of, view};
use super::wire::{Empty, KeyValue, tag_list};
use crate::api::error::ApiError;
use crate::api::fields::Fields;
use crate::api::origin::Dialect;
use crate::app::App;

pub(super) async fn create(State(app): State<App>, fields: Fields) -> MlflowResult<CreateReply> {
    let new = NewExperiment {
        name: fields.required_text("name")?.to_owned(),
        tags: fields.tags("tags")?,
    };
    let experiment = app.store().create_experiment(&new, app.now()).await?;
    Ok(Json(CreateReply {
        experiment_id: experiment.experiment_id,
    }))
}

pub(super) async fn get(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<Reply> {
    let experiment = app.store().experiment(&experiment_id(&fields)?).await?;
    Ok(Json(Reply {
        experiment: ExperimentWire::new(experiment, dialect),
    }))
}

/// Deleted ones are found too; the client refuses them itself.
pub(super) async fn get_by_name(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<Reply> {
    let name = fields.required_text("experiment_name")?;
    let experiment = app
        .store()
        .experiment_by_name(name)
        .await
        .map_err(|error| unknown_name(error, name))?;
    Ok(Json(Reply {
        experiment: ExperimentWire::new(experiment, dialect),
    }))
}

fn unknown_name(error: StoreError, name: &str) -> MlflowError {
    match error {
        StoreError::NotFound {
            kind: Noun::Experiment, ..
        } => MlflowError(ApiError::not_found(format!(
            "Could not find experiment with name '{name}'"
        ))),
        other => other.into(),
    }
}

pub(super) async fn search(State(app): State<App>, dialect: Dialect, fields: Fields) -> MlflowResult<SearchReply> {
    let page = app
        .store()
        .search_experiments(view(&fields, "view_type")?, &search_of(&fields)?)
        .await?;
    let experiments = page
        .items
        .into_iter()
        .map(|one| ExperimentWire::new(one, dialect))
        .collect();
    Ok(Json(SearchReply {
        experiments,
        next_page_token: page.next_page_token,
    }))
}

pub(super) async fn update(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let id = experiment_id(&fields)?;
    app.store()
        .rename_experiment(&id, fields.required_text("new_name")?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn delete(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store()
        .delete_experiment(&experiment_id(&fields)?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn restore(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store()
        .restore_experiment(&experiment_id(&fields)?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn set_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let id = experiment_id(&fields)?;
    let (key, value) = (fields.required_text("key")?, fields.text("value")?.unwrap_or_default());
    app.store().set_experiment_tag(&id, key, value, app.now()).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn delete_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let id = experiment_id(&fields)?;
    app.store()
        .delete_experiment_tag(&id, fields.required_text("key")?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

#[derive(Debug, Serialize)]
pub(super) struct CreateReply {
    experiment_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Reply {
    experiment: ExperimentWire,
}

#[derive(Debug, Serialize)]
pub(super) struct SearchReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<ExperimentWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct ExperimentWire {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: i64,
    creation_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

impl ExperimentWire {
    fn new(experiment: Experiment, dialect: Dialect) -> Self {
        Self {
            artifact_location: dialect.experiment_root(&experiment.experiment_id),
            experiment_id: experiment.experiment_id,
            name: experiment.name,
            lifecycle_stage: if experiment.deleted { "deleted" } else { "active" },
            last_update_time: experiment.updated_at.0,
            creation_time: experiment.created_at.0,
            tags: tag_list(experiment.tags),
        }
    }
}
