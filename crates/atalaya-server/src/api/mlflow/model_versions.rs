//! `/api/2.0/mlflow/model-versions/…`: versions, their tags and stages, and where their files are.

use atalaya_store::{NewModelVersion, Transit};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::error::MlflowResult;
use super::input::{model_and_version, model_name, search as search_of};
use super::wire::{Empty, FileWire, ModelVersionReply, ModelVersionsReply};
use crate::api::fields::Fields;
use crate::api::origin::Origin;
use crate::app::{App, Caller, proxy_uri};

pub(super) async fn create(State(app): State<App>, caller: Caller, fields: Fields) -> MlflowResult<ModelVersionReply> {
    let optional = |key| Ok::<_, crate::api::error::ApiError>(fields.text(key)?.unwrap_or_default().to_owned());
    let new = NewModelVersion {
        name: model_name(&fields, "name")?,
        description: optional("description")?,
        source: fields.required_text("source")?.to_owned(),
        run_id: optional("run_id")?,
        model_id: optional("model_id")?,
        run_link: optional("run_link")?,
        created_by: caller.user().to_owned(),
        tags: fields.tags("tags")?,
    };
    Ok(Json(app.create_model_version(new).await?.into()))
}

pub(super) async fn get(State(app): State<App>, fields: Fields) -> MlflowResult<ModelVersionReply> {
    let (name, version) = model_and_version(&fields)?;
    let version = app.store().model_version(&name, version).await?;
    let status_message = app.status_message(&version).await?;
    let mut reply = ModelVersionReply::from(version);
    reply.model_version.status_message = status_message;
    Ok(Json(reply))
}

pub(super) async fn search(State(app): State<App>, fields: Fields) -> MlflowResult<ModelVersionsReply> {
    let page = app.store().search_model_versions(&search_of(&fields)?).await?;
    Ok(Json(page.into()))
}

pub(super) async fn update(State(app): State<App>, fields: Fields) -> MlflowResult<ModelVersionReply> {
    let (name, version) = model_and_version(&fields)?;
    let description = fields.text("description")?.unwrap_or_default();
    Ok(Json(
        app.store()
            .update_model_version(&name, version, description, app.now())
            .await?
            .into(),
    ))
}

pub(super) async fn delete(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let (name, version) = model_and_version(&fields)?;
    app.store().delete_model_version(&name, version, app.now()).await?;
    Ok(Json(Empty {}))
}

pub(super) async fn set_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let (name, version) = model_and_version(&fields)?;
    let tag = (fields.required_text("key")?, fields.text("value")?.unwrap_or_default());
    app.store()
        .set_model_version_tag(&name, version, tag, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn delete_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let (name, version) = model_and_version(&fields)?;
    app.store()
        .delete_model_version_tag(&name, version, fields.required_text("key")?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn transition_stage(
    State(app): State<App>,
    caller: Caller,
    fields: Fields,
) -> MlflowResult<ModelVersionReply> {
    let (name, version) = model_and_version(&fields)?;
    let transit = Transit {
        name,
        version,
        stage: fields.required_text("stage")?.parse()?,
        archive_existing: fields.boolean("archive_existing_versions")?.unwrap_or(false),
        changed_by: caller.user().to_owned(),
    };
    Ok(Json(app.store().transition_stage(&transit, app.now()).await?.into()))
}

/// For clients with a plain `http` tracking URI: the files are behind the artifact proxy.
pub(super) async fn download_uri(State(app): State<App>, fields: Fields) -> MlflowResult<DownloadUriReply> {
    let (name, version) = model_and_version(&fields)?;
    let version = app.store().model_version(&name, version).await?;
    Ok(Json(DownloadUriReply {
        artifact_uri: proxy_uri(&version),
    }))
}

/// For clients under `databricks`: paths from the model's root; a path that names a file lists that file.
pub(super) async fn list_artifacts(State(app): State<App>, fields: Fields) -> MlflowResult<ListReply> {
    let (name, version) = model_and_version(&fields)?;
    let entries = app
        .version_entries(&name, version, fields.text("path")?.unwrap_or_default())
        .await?;
    Ok(Json(ListReply {
        files: entries.into_iter().map(FileWire::from).collect(),
    }))
}

pub(super) async fn signed_download_uri(
    State(app): State<App>,
    origin: Origin,
    fields: Fields,
) -> MlflowResult<SignedUriReply> {
    let (name, version) = model_and_version(&fields)?;
    let path = app.signed_path(&name, version, fields.required_text("path")?).await?;
    Ok(Json(SignedUriReply {
        signed_uri: format!("{}{path}", origin.as_str()),
        headers: [],
    }))
}

#[derive(Debug, Serialize)]
pub(super) struct DownloadUriReply {
    artifact_uri: String,
}

/// Read without protobuf by the client: the list is always there.
#[derive(Debug, Serialize)]
pub(super) struct ListReply {
    files: Vec<FileWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct SignedUriReply {
    signed_uri: String,
    /// The URL is its own credential.
    headers: [(); 0],
}
