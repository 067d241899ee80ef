//! Errors in the words of MLflow's own server, which its clients and their users match.

use atalaya_domain::IdError;
use atalaya_domain::registry::RegistryError;
use atalaya_store::{Noun, StoreError};
use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::error::ApiError;
use crate::app::SourceError;

/// Result of a handler of this area.
pub(super) type MlflowResult<T> = Result<Json<T>, MlflowError>;

/// An error whose message is worded as MLflow's server words it.
#[derive(Debug)]
pub(super) struct MlflowError(pub(super) ApiError);

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<ApiError> for MlflowError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<IdError> for MlflowError {
    fn from(error: IdError) -> Self {
        Self(error.into())
    }
}

impl From<RegistryError> for MlflowError {
    fn from(error: RegistryError) -> Self {
        Self(ApiError::invalid(match error {
            RegistryError::Stage => {
                "Invalid Model Version stage. Value must be one of None, Staging, Production, Archived.".to_owned()
            }
            RegistryError::ModelUri => error.to_string(),
        }))
    }
}

impl From<SourceError> for MlflowError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Foreign => Self(ApiError::invalid(error.to_string())),
            SourceError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for MlflowError {
    fn from(error: StoreError) -> Self {
        let words = match &error {
            StoreError::NotFound { kind, name } => not_found(*kind, name),
            StoreError::AlreadyExists { kind, name } => already_exists(*kind, name),
            _ => None,
        };
        let error = ApiError::from(error);
        Self(match words {
            Some(message) => ApiError { message, ..error },
            None => error,
        })
    }
}

fn not_found(kind: Noun, name: &str) -> Option<String> {
    match kind {
        Noun::RegisteredModel => Some(format!("Registered Model with name={name} not found")),
        // Resolving a URI names the URI.
        Noun::ModelVersion if name.starts_with("models:") => None,
        Noun::ModelVersion => {
            let (model, version) = name.rsplit_once('/')?;
            Some(format!("Model Version (name={model}, version={version}) not found"))
        }
        Noun::Alias => {
            let (_, alias) = name.rsplit_once('@')?;
            Some(format!("Registered model alias {alias} not found."))
        }
        Noun::Experiment => Some(format!("No Experiment with id={name} exists")),
        Noun::Run => Some(format!("Run with id={name} not found")),
        // MLflow has no words for the rest.
        _ => None,
    }
}

fn already_exists(kind: Noun, name: &str) -> Option<String> {
    match kind {
        Noun::RegisteredModel => Some(format!("Registered Model (name={name}) already exists.")),
        Noun::Experiment => Some(format!("Experiment(name={name}) already exists.")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::ErrorCode;

    #[test]
    fn what_is_missing_is_said_in_mlflows_words() {
        let missing = |kind, name: &str| {
            let MlflowError(error) = StoreError::NotFound {
                kind,
                name: name.to_owned(),
            }
            .into();
            assert_eq!(error.code, ErrorCode::ResourceDoesNotExist);
            error.message
        };
        assert_eq!(
            missing(Noun::RegisteredModel, "m"),
            "Registered Model with name=m not found"
        );
        assert_eq!(
            missing(Noun::ModelVersion, "m/3"),
            "Model Version (name=m, version=3) not found"
        );
        assert_eq!(missing(Noun::Run, "r"), "Run with id=r not found");
        assert_eq!(missing(Noun::Experiment, "7"), "No Experiment with id=7 exists");
        assert_eq!(
            missing(Noun::Alias, "m@champion"),
            "Registered model alias champion not found."
        );
        assert_eq!(
            missing(Noun::ModelVersion, "models:/m/9"),
            "model version `models:/m/9` not found"
        );
        assert_eq!(missing(Noun::Tag, "k"), "tag `k` not found");
    }

    #[test]
    fn what_is_taken_is_a_400() {
        let MlflowError(error) = StoreError::AlreadyExists {
            kind: Noun::RegisteredModel,
            name: "m".into(),
        }
        .into();
        assert_eq!(error.code.wire().0, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(error.status().as_u16(), 400);
        assert_eq!(error.message, "Registered Model (name=m) already exists.");
    }
}
