//! What an endpoint is asked to serve, and what is known about how it is doing.

use std::collections::BTreeMap;

use super::traffic::{Traffic, TrafficError};
use crate::registry::Tags;
use crate::{EndpointName, IdError, ModelName, ServedEntityName, Timestamp};

/// Most served entities on one endpoint; more are a mistake in a script.
pub const SERVED_ENTITIES_MAX: usize = 16;

/// Concurrency units of a served entity, as Databricks sizes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkloadSize {
    /// 4 requests at once.
    #[default]
    Small,
    /// 8 to 16 requests at once.
    Medium,
    /// 16 to 64 requests at once.
    Large,
}

impl WorkloadSize {
    /// Every size.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Databricks' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "Small",
            Self::Medium => "Medium",
            Self::Large => "Large",
        }
    }

    /// Reads Databricks' spelling, any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(text))
    }

    /// Most requests in work at once.
    #[must_use]
    pub fn max_concurrency(self) -> u32 {
        match self {
            Self::Small => 4,
            Self::Medium => 16,
            Self::Large => 64,
        }
    }
}

/// What an answered request's log record has survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Handed to the kernel before the answer: killing the process loses nothing.
    #[default]
    Process,
    /// On the disk before the answer: power loss loses nothing.
    Fsync,
    /// Queued in memory; loss is counted.
    BestEffort,
}

impl Durability {
    /// The configured word, also used in the `Atalaya-Log` receipt.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Fsync => "fsync",
            Self::BestEffort => "best_effort",
        }
    }

    /// Reads the configured word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Process, Self::Fsync, Self::BestEffort]
            .into_iter()
            .find(|d| d.as_str() == text)
    }
}

/// What happens to a request whose record cannot be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLogFailure {
    /// Answer 503 with `Retry-After`.
    Fail,
    /// Answer, and say `none` in the receipt.
    ServeUnlogged,
}

/// How predictions of an endpoint are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPolicy {
    /// Whether predictions are logged at all.
    pub enabled: bool,
    /// What the answer waits for.
    pub durability: Durability,
    /// What happens when the log is down or full.
    pub on_failure: OnLogFailure,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            durability: Durability::Process,
            on_failure: OnLogFailure::ServeUnlogged,
        }
    }
}

/// One model version placed on an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedEntity {
    /// Unique on the endpoint; by default [`default_entity_name`].
    pub name: ServedEntityName,
    /// The registered model.
    pub model: ModelName,
    /// Its version.
    pub version: u32,
    /// Concurrency.
    pub workload_size: WorkloadSize,
    /// Whether it may be unloaded when idle.
    pub scale_to_zero: bool,
    /// Environment of a Python worker; values may be `{{secrets/scope/key}}` and are never shown.
    pub environment: BTreeMap<String, String>,
}

/// `{model}-{version}`, with characters an entity name cannot hold replaced by `_`; Databricks' default.
///
/// # Errors
/// [`IdError`] when the result is too long.
pub fn default_entity_name(model: &ModelName, version: u32) -> Result<ServedEntityName, IdError> {
    let safe: String = model
        .as_str()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '_'
            }
        })
        .collect();
    ServedEntityName::new(&format!("{safe}-{version}"))
}

/// A complete, valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Rises by one with each accepted configuration.
    pub config_version: u64,
    /// What is served, in the order given.
    pub entities: Vec<ServedEntity>,
    /// How requests are split among them.
    pub traffic: Traffic,
    /// How predictions are logged.
    pub log: LogPolicy,
}

impl EndpointConfig {
    /// Checks a configuration as a whole.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no entity, too many, two of one name, or a route to none of them.
    pub fn new(
        config_version: u64,
        entities: Vec<ServedEntity>,
        traffic: Traffic,
        log: LogPolicy,
    ) -> Result<Self, ConfigError> {
        if entities.is_empty() {
            return Err(ConfigError::NoEntities);
        }
        if entities.len() > SERVED_ENTITIES_MAX {
            return Err(ConfigError::TooManyEntities);
        }
        for (i, entity) in entities.iter().enumerate() {
            if entities[..i].iter().any(|other| other.name == entity.name) {
                return Err(ConfigError::DuplicateEntity(entity.name.clone()));
            }
        }
        for route in traffic.routes() {
            if !entities.iter().any(|e| e.name == route.entity) {
                return Err(ConfigError::UnknownRoute(route.entity.clone()));
            }
        }
        Ok(Self {
            config_version,
            entities,
            traffic,
            log,
        })
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Nothing to serve.
    #[error("`served_entities` must name at least one model version")]
    NoEntities,
    /// Above [`SERVED_ENTITIES_MAX`].
    #[error("`served_entities` may name at most {SERVED_ENTITIES_MAX} model versions")]
    TooManyEntities,
    /// Two entities of one name.
    #[error("served entity `{0}` is named twice; give each a `name` of its own")]
    DuplicateEntity(ServedEntityName),
    /// A route to an entity that is not there.
    #[error("traffic route names `{0}`, which is not among the served entities")]
    UnknownRoute(ServedEntityName),
    /// The split itself is wrong.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
}

/// How far the deployment of one served entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// Being loaded.
    Creating,
    /// Answers requests.
    Ready,
    /// Could not be loaded.
    Failed,
    /// Its worker died and is coming back.
    Recovering,
    /// Given up because another entity of the same update failed.
    Aborted,
}

impl Deployment {
    /// Databricks' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "DEPLOYMENT_CREATING",
            Self::Ready => "DEPLOYMENT_READY",
            Self::Failed => "DEPLOYMENT_FAILED",
            Self::Recovering => "DEPLOYMENT_RECOVERING",
            Self::Aborted => "DEPLOYMENT_ABORTED",
        }
    }
}

/// State of one served entity, with a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityState {
    /// How far it is.
    pub deployment: Deployment,
    /// What happened and what to do next; empty when ready.
    pub message: String,
}

/// How far the newest configuration change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigUpdate {
    /// Nothing under way.
    NotUpdating,
    /// The pending configuration is being loaded.
    InProgress,
    /// The pending configuration could not be loaded; the old one serves.
    UpdateFailed,
    /// Given up on request.
    UpdateCanceled,
}

impl ConfigUpdate {
    /// Every state.
    pub const ALL: [Self; 4] = [
        Self::NotUpdating,
        Self::InProgress,
        Self::UpdateFailed,
        Self::UpdateCanceled,
    ];

    /// Databricks' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUpdating => "NOT_UPDATING",
            Self::InProgress => "IN_PROGRESS",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::UpdateCanceled => "UPDATE_CANCELED",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// An endpoint as stored: what serves, what is wanted, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// 32 hexadecimal digits; permissions use it.
    pub id: String,
    /// Unique name.
    pub name: EndpointName,
    /// Who created it.
    pub created_by: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its configuration or tags last changed.
    pub updated_at: Timestamp,
    /// The configuration that serves; `None` until the first one does.
    pub active: Option<EndpointConfig>,
    /// The configuration being loaded, or the one that failed.
    pub pending: Option<EndpointConfig>,
    /// How far `pending` is.
    pub update: ConfigUpdate,
    /// Why the last update failed; empty otherwise.
    pub update_message: String,
    /// Free tags.
    pub tags: Tags,
}
