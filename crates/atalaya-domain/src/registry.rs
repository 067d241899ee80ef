//! The model registry: registered models, their versions, stages, aliases and tags; model URIs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{ModelName, Timestamp};

/// Tags: key to value, both free text within the registry's limits.
pub type Tags = BTreeMap<String, String>;

/// Longest tag key, in characters (MLflow's `validation.py`).
pub const TAG_KEY_MAX: usize = 250;
/// Longest tag value in the registry, in characters (MLflow's `validation.py`).
pub const TAG_VALUE_MAX: usize = 100_000;
/// Longest alias, in characters (MLflow's `validation.py`).
pub const ALIAS_MAX: usize = 255;

/// A named line of model versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredModel {
    /// The name, unique in the registry.
    pub name: ModelName,
    /// Free text for people.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it or one of its versions last changed.
    pub updated_at: Timestamp,
    /// Free tags.
    pub tags: Tags,
    /// Alias to version number.
    pub aliases: BTreeMap<String, u32>,
}

/// One immutable model under a registered model's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelVersion {
    /// The registered model.
    pub name: ModelName,
    /// 1, 2, 3, … in order of registration; never reused.
    pub version: u32,
    /// Legacy MLflow stage.
    pub stage: Stage,
    /// Free text for people.
    pub description: String,
    /// Where the client said that the model came from (`runs:/…`, `models:/m-…`, `dbfs:/…`); shown, never opened.
    pub source: String,
    /// The run that made it; empty when unknown.
    pub run_id: String,
    /// The MLflow 3 logged model it was registered from; empty when none.
    pub model_id: String,
    /// Link shown beside the run; free text.
    pub run_link: String,
    /// Who registered it.
    pub created_by: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its stage, tags or description last changed.
    pub updated_at: Timestamp,
    /// Whether its files are complete.
    pub status: VersionStatus,
    /// Free tags.
    pub tags: Tags,
    /// Aliases that point here, in order.
    pub aliases: Vec<String>,
    /// The artifact manifest's digest, naming the stored files; empty until the files are there.
    pub artifact_digest: String,
}

/// Whether a version's files are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStatus {
    /// Created; files still to come.
    PendingRegistration,
    /// Files were refused or could not be copied.
    FailedRegistration,
    /// Complete and readable.
    Ready,
}

impl VersionStatus {
    /// MLflow's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingRegistration => "PENDING_REGISTRATION",
            Self::FailedRegistration => "FAILED_REGISTRATION",
            Self::Ready => "READY",
        }
    }
}

/// Legacy MLflow stage of a model version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stage {
    /// Not promoted.
    #[default]
    None,
    /// Under test.
    Staging,
    /// In use.
    Production,
    /// Kept for the record.
    Archived,
}

impl Stage {
    /// Every stage, in the order of a model's life.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// MLflow's canonical spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stage or a model URI that could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Not one of the four stages.
    #[error("stage must be one of None, Staging, Production, Archived")]
    Stage,
    /// Not a model URI.
    #[error(
        "model uri must look like models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME/latest or models:/NAME@ALIAS"
    )]
    ModelUri,
}

impl FromStr for Stage {
    type Err = RegistryError;

    /// Case-insensitive, as MLflow's server is.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str().eq_ignore_ascii_case(text))
            .ok_or(RegistryError::Stage)
    }
}

/// Which version of a registered model is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionRef {
    /// `models:/NAME/3`.
    Number(u32),
    /// `models:/NAME/Production`.
    Stage(Stage),
    /// `models:/NAME/latest`: the greatest number.
    Latest,
    /// `models:/NAME@champion`.
    Alias(String),
}

/// `models:/NAME/…` as MLflow reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUri {
    /// The registered model.
    pub name: ModelName,
    /// The version meant.
    pub version: VersionRef,
}

impl FromStr for ModelUri {
    type Err = RegistryError;

    fn from_str(uri: &str) -> Result<Self, Self::Err> {
        let rest = uri
            .strip_prefix("models:/")
            .ok_or(RegistryError::ModelUri)?
            .trim_start_matches('/');
        let name = |n: &str| ModelName::new(n).map_err(|_| RegistryError::ModelUri);
        if let Some((model, tail)) = rest.split_once('/') {
            let version = match tail.parse::<u32>() {
                Ok(number) if number > 0 => VersionRef::Number(number),
                Ok(_) => return Err(RegistryError::ModelUri),
                Err(_) if tail.eq_ignore_ascii_case("latest") => VersionRef::Latest,
                Err(_) => VersionRef::Stage(tail.parse().map_err(|_| RegistryError::ModelUri)?),
            };
            return Ok(Self {
                name: name(model)?,
                version,
            });
        }
        match rest.split_once('@') {
            Some((model, alias)) if !alias.is_empty() => Ok(Self {
                name: name(model)?,
                version: VersionRef::Alias(alias.to_owned()),
            }),
            _ => Err(RegistryError::ModelUri),
        }
    }
}

impl fmt::Display for ModelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            VersionRef::Number(n) => write!(f, "models:/{}/{n}", self.name),
            VersionRef::Stage(s) => write!(f, "models:/{}/{s}", self.name),
            VersionRef::Latest => write!(f, "models:/{}/latest", self.name),
            VersionRef::Alias(a) => write!(f, "models:/{}@{a}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_uris_read_as_mlflow_reads_them() {
        let cases = [
            ("models:/diabetes_predictor/1", VersionRef::Number(1)),
            (
                "models:/diabetes_predictor/production",
                VersionRef::Stage(Stage::Production),
            ),
            ("models:/diabetes_predictor/latest", VersionRef::Latest),
            (
                "models:/diabetes_predictor@champion",
                VersionRef::Alias("champion".into()),
            ),
        ];
        for (text, version) in cases {
            let uri: ModelUri = text.parse().expect(text);
            assert_eq!(uri.version, version, "{text}");
            assert_eq!(uri.to_string().parse::<ModelUri>().expect(text), uri);
        }
        for bad in [
            "models:/",
            "models:/x",
            "models:/x/0",
            "models:/x/Nowhere",
            "runs:/a/b",
            "models:/x@",
            "models:/x/1/2",
        ] {
            assert_eq!(bad.parse::<ModelUri>(), Err(RegistryError::ModelUri), "{bad}");
        }
    }
}
