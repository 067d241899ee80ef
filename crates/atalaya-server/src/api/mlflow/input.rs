//! What the requests of this area have in common: names, versions, run ids, searches.

use atalaya_domain::ModelName;
use atalaya_domain::tracking::RunStatus;
use atalaya_store::{Search, View};

use crate::api::error::ApiError;
use crate::api::fields::Fields;

pub(super) fn model_name(fields: &Fields, key: &str) -> Result<ModelName, ApiError> {
    Ok(ModelName::new(fields.required_text(key)?)?)
}

/// A version number, sent as text or as a number.
pub(super) fn version(fields: &Fields) -> Result<u32, ApiError> {
    let text = fields
        .loose_text("version")?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| fields.missing("version"))?;
    text.parse()
        .map_err(|_| ApiError::invalid("Parameter 'version' must be an integer."))
}

pub(super) fn model_and_version(fields: &Fields) -> Result<(ModelName, u32), ApiError> {
    Ok((model_name(fields, "name")?, version(fields)?))
}

/// `run_id`, or its old name.
pub(super) fn run_id(fields: &Fields) -> Result<&str, ApiError> {
    let named = |key| Ok::<_, ApiError>(fields.text(key)?.filter(|text| !text.is_empty()));
    named("run_id")?
        .or(named("run_uuid")?)
        .ok_or_else(|| fields.missing("run_id"))
}

/// An experiment id, sent as text or as a number.
pub(super) fn experiment_id(fields: &Fields) -> Result<String, ApiError> {
    let text = fields.loose_text("experiment_id")?.filter(|text| !text.is_empty());
    text.ok_or_else(|| fields.missing("experiment_id"))
}

pub(super) fn search(fields: &Fields) -> Result<Search, ApiError> {
    Ok(Search {
        filter: fields.text("filter")?.unwrap_or_default().to_owned(),
        order_by: fields.texts("order_by")?,
        max_results: fields.integer("max_results")?,
        page_token: fields
            .text("page_token")?
            .filter(|token| !token.is_empty())
            .map(str::to_owned),
    })
}

/// A view by name or by protobuf number.
pub(super) fn view(fields: &Fields, key: &str) -> Result<View, ApiError> {
    match fields.loose_text(key)?.as_deref() {
        None | Some("" | "ACTIVE_ONLY" | "1") => Ok(View::ActiveOnly),
        Some("DELETED_ONLY" | "2") => Ok(View::DeletedOnly),
        Some("ALL" | "3") => Ok(View::All),
        Some(_) => Err(ApiError::invalid(format!(
            "`{key}` must be ACTIVE_ONLY, DELETED_ONLY or ALL"
        ))),
    }
}

/// A run status by name or by protobuf number.
pub(super) fn run_status(fields: &Fields) -> Result<Option<RunStatus>, ApiError> {
    let Some(word) = fields.loose_text("status")?.filter(|word| !word.is_empty()) else {
        return Ok(None);
    };
    let numbered = || {
        RunStatus::ALL
            .into_iter()
            .zip(1..)
            .find(|(_, n)| word == n.to_string())
            .map(|(status, _)| status)
    };
    let refused = || ApiError::invalid("`status` must be RUNNING, SCHEDULED, FINISHED, FAILED or KILLED");
    RunStatus::parse(&word).or_else(numbered).map(Some).ok_or_else(refused)
}
