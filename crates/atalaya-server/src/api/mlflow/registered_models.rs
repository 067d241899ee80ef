//! `/api/2.0/mlflow/registered-models/…`: the named lines of model versions, their tags and aliases.

use atalaya_domain::registry::Stage;
use atalaya_store::{NewRegisteredModel, Page};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::error::MlflowResult;
use super::input::{model_and_version, model_name, search as search_of};
use super::wire::{Empty, KeyValue, ModelVersionReply, ModelVersionWire, ModelVersionsReply, tag_list};
use crate::api::fields::Fields;
use crate::app::{App, RegisteredModelView};

pub(super) async fn create(State(app): State<App>, fields: Fields) -> MlflowResult<Reply> {
    let new = NewRegisteredModel {
        name: model_name(&fields, "name")?,
        description: fields.text("description")?.unwrap_or_default().to_owned(),
        tags: fields.tags("tags")?,
    };
    let model = app.store().create_registered_model(&new, app.now()).await?;
    Ok(Json(app.with_latest(model).await?.into()))
}

pub(super) async fn get(State(app): State<App>, fields: Fields) -> MlflowResult<Reply> {
    let model = app.registered_model(&model_name(&fields, "name")?).await?;
    Ok(Json(model.into()))
}

pub(super) async fn search(State(app): State<App>, fields: Fields) -> MlflowResult<SearchReply> {
    let page = app.search_registered_models(&search_of(&fields)?).await?;
    Ok(Json(page.into()))
}

pub(super) async fn update(State(app): State<App>, fields: Fields) -> MlflowResult<Reply> {
    let name = model_name(&fields, "name")?;
    let description = fields.text("description")?.unwrap_or_default();
    let model = app
        .store()
        .update_registered_model(&name, description, app.now())
        .await?;
    Ok(Json(app.with_latest(model).await?.into()))
}

pub(super) async fn rename(State(app): State<App>, fields: Fields) -> MlflowResult<Reply> {
    let (name, new_name) = (model_name(&fields, "name")?, model_name(&fields, "new_name")?);
    let model = app.store().rename_registered_model(&name, &new_name, app.now()).await?;
    Ok(Json(app.with_latest(model).await?.into()))
}

pub(super) async fn delete(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    app.store()
        .delete_registered_model(&model_name(&fields, "name")?)
        .await?;
    Ok(Json(Empty {}))
}

/// GET and POST: the client falls back from one to the other.
pub(super) async fn latest_versions(State(app): State<App>, fields: Fields) -> MlflowResult<ModelVersionsReply> {
    let name = model_name(&fields, "name")?;
    let stages = fields
        .texts("stages")?
        .iter()
        .map(|stage| stage.parse())
        .collect::<Result<Vec<Stage>, _>>()?;
    let versions = app.store().latest_versions(&name, &stages).await?;
    Ok(Json(
        Page {
            items: versions,
            next_page_token: None,
        }
        .into(),
    ))
}

pub(super) async fn set_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let name = model_name(&fields, "name")?;
    let (key, value) = (fields.required_text("key")?, fields.text("value")?.unwrap_or_default());
    app.store()
        .set_registered_model_tag(&name, key, value, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn delete_tag(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let name = model_name(&fields, "name")?;
    app.store()
        .delete_registered_model_tag(&name, fields.required_text("key")?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn set_alias(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let (name, version) = model_and_version(&fields)?;
    app.store()
        .set_alias(&name, fields.required_text("alias")?, version, app.now())
        .await?;
    Ok(Json(Empty {}))
}

pub(super) async fn by_alias(State(app): State<App>, fields: Fields) -> MlflowResult<ModelVersionReply> {
    let name = model_name(&fields, "name")?;
    let version = app
        .store()
        .version_by_alias(&name, fields.required_text("alias")?)
        .await?;
    Ok(Json(version.into()))
}

pub(super) async fn delete_alias(State(app): State<App>, fields: Fields) -> MlflowResult<Empty> {
    let name = model_name(&fields, "name")?;
    app.store()
        .delete_alias(&name, fields.required_text("alias")?, app.now())
        .await?;
    Ok(Json(Empty {}))
}

#[derive(Debug, Serialize)]
pub(super) struct Reply {
    registered_model: RegisteredModelWire,
}

#[derive(Debug, Serialize)]
pub(super) struct SearchReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<RegisteredModelWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct RegisteredModelWire {
    name: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<ModelVersionWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasWire>,
}

#[derive(Debug, Serialize)]
struct AliasWire {
    alias: String,
    version: String,
}

impl From<RegisteredModelView> for RegisteredModelWire {
    fn from(RegisteredModelView { model, latest }: RegisteredModelView) -> Self {
        let alias = |(alias, version): (String, u32)| AliasWire {
            alias,
            version: version.to_string(),
        };
        Self {
            name: model.name.as_str().to_owned(),
            creation_timestamp: model.created_at.0,
            last_updated_timestamp: model.updated_at.0,
            description: model.description,
            latest_versions: latest.into_iter().map(ModelVersionWire::from).collect(),
            tags: tag_list(model.tags),
            aliases: model.aliases.into_iter().map(alias).collect(),
        }
    }
}

impl From<RegisteredModelView> for Reply {
    fn from(view: RegisteredModelView) -> Self {
        Self {
            registered_model: view.into(),
        }
    }
}

impl From<Page<RegisteredModelView>> for SearchReply {
    fn from(page: Page<RegisteredModelView>) -> Self {
        let registered_models = page.items.into_iter().map(RegisteredModelWire::from).collect();
        Self {
            registered_models,
            next_page_token: page.next_page_token,
        }
    }
}
