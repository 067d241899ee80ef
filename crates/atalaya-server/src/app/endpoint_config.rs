//! Configurations as callers ask for them: what they leave out, and how each served entity is doing.

use atalaya_domain::EndpointName;
use atalaya_domain::ServedEntityName;
use atalaya_domain::endpoint::{
    ConfigUpdate, Deployment, Durability, EndpointConfig, EntityState, LogPolicy, OnLogFailure, ServedEntity, Traffic,
};
use atalaya_domain::registry::Tags;

use super::endpoints::RunningEntity;
use super::{App, EndpointChange, EndpointView};
use crate::api::error::ApiError;

/// What a caller says about logging; what is left out stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogChange {
    pub(crate) enabled: Option<bool>,
    pub(crate) durability: Option<Durability>,
    pub(crate) on_failure: Option<OnLogFailure>,
}

impl LogChange {
    /// The policy that comes of it. Who asks for `fsync` and nothing else wants no answer without its record.
    fn over(self, base: LogPolicy) -> LogPolicy {
        let on_failure = match (self.on_failure, self.durability) {
            (Some(said), _) => said,
            (None, Some(Durability::Fsync)) => OnLogFailure::Fail,
            (None, Some(_)) => OnLogFailure::ServeUnlogged,
            (None, None) => base.on_failure,
        };
        LogPolicy {
            enabled: self.enabled.unwrap_or(base.enabled),
            durability: self.durability.unwrap_or(base.durability),
            on_failure,
        }
    }
}

/// A configuration that a caller asks for.
#[derive(Debug, Clone)]
pub(crate) struct ConfigRequest {
    pub(crate) entities: Vec<ServedEntity>,
    pub(crate) traffic: Traffic,
    pub(crate) log: LogChange,
}

impl ConfigRequest {
    fn over(self, base: LogPolicy) -> EndpointChange {
        EndpointChange {
            entities: self.entities,
            traffic: self.traffic,
            log: self.log.over(base),
        }
    }
}

/// A new endpoint that a caller asks for.
#[derive(Debug, Clone)]
pub(crate) struct EndpointRequest {
    pub(crate) name: EndpointName,
    pub(crate) config: ConfigRequest,
    pub(crate) tags: Tags,
}

impl App {
    /// Creates an endpoint; predictions are logged unless the caller says otherwise.
    pub(crate) async fn open_endpoint(&self, request: EndpointRequest, user: &str) -> Result<EndpointView, ApiError> {
        let change = request.config.over(LogPolicy::default());
        self.create_endpoint(request.name, change, request.tags, user).await
    }

    /// Replaces entities and traffic of an endpoint; logging stays as it is where the caller says nothing.
    pub(crate) async fn configure_endpoint(
        &self,
        name: &EndpointName,
        request: ConfigRequest,
    ) -> Result<EndpointView, ApiError> {
        let current = self.endpoint(name).await?;
        let base = current
            .shown_config()
            .map_or_else(LogPolicy::default, |config| config.log);
        self.update_endpoint(name, request.over(base)).await
    }
}

impl EndpointView {
    /// What serves; before anything does, what is meant to.
    pub(crate) fn shown_config(&self) -> Option<&EndpointConfig> {
        self.endpoint.active.as_ref().or(self.endpoint.pending.as_ref())
    }

    /// The configuration being loaded, or the one that was given up.
    pub(crate) fn attempted_config(&self) -> Option<&EndpointConfig> {
        self.endpoint
            .pending
            .as_ref()
            .filter(|_| self.endpoint.update != ConfigUpdate::NotUpdating)
    }

    fn loading_state(&self, entity: &ServedEntityName) -> EntityState {
        let newest = self.loading.iter().find(|(name, _)| name == entity);
        let newest = newest.map_or(String::new(), |(_, line)| format!(": {line}"));
        EntityState {
            deployment: Deployment::Creating,
            message: format!("being loaded{newest}"),
        }
    }

    /// How an entity of one of its configurations is doing.
    pub(crate) fn entity_state(&self, config: &EndpointConfig, entity: &ServedEntityName) -> EntityState {
        let active = self
            .endpoint
            .active
            .as_ref()
            .is_some_and(|a| a.config_version == config.config_version);
        if active && let Some(running) = self.running(config, entity) {
            return running_state(running);
        }
        if (active && self.deploying) || (!active && self.updating()) {
            return self.loading_state(entity);
        }
        if active {
            let message = "could not be loaded when the server started; the server's log has the reason".to_owned();
            return EntityState {
                deployment: Deployment::Failed,
                message,
            };
        }
        let reason = self.endpoint.update_message.clone();
        // The planner's reason begins with the entity that failed; the others were given up with it.
        let deployment = if reason.starts_with(&format!("served entity `{entity}`:")) {
            Deployment::Failed
        } else {
            Deployment::Aborted
        };
        EntityState {
            deployment,
            message: reason,
        }
    }
}

/// The state of what runs: a native model is ready, a Python model when a worker of it is.
fn running_state(running: &RunningEntity) -> EntityState {
    let Some(health) = &running.health else {
        return EntityState {
            deployment: Deployment::Ready,
            message: String::new(),
        };
    };
    if running.available() {
        return EntityState {
            deployment: Deployment::Ready,
            message: format!("in Python: {}", running.reason),
        };
    }
    let next = health
        .crash_loop_retry_ms
        .map_or(String::new(), |wait| format!("; the next start is in {wait} ms"));
    EntityState {
        deployment: Deployment::Recovering,
        message: format!(
            "no Python worker answers, after {} deaths in a row{next}; its logs have the cause",
            health.deaths_in_a_row
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_a_log_policy_stays() {
        let base = LogPolicy {
            enabled: true,
            durability: Durability::BestEffort,
            on_failure: OnLogFailure::Fail,
        };
        assert_eq!(LogChange::default().over(base), base);
        let off = LogChange {
            enabled: Some(false),
            ..LogChange::default()
        };
        assert_eq!(off.over(base), LogPolicy { enabled: false, ..base });
    }

    #[test]
    fn fsync_refuses_to_answer_unlogged_unless_told_to() {
        let fsync = LogChange {
            durability: Some(Durability::Fsync),
            ..LogChange::default()
        };
        assert_eq!(fsync.over(LogPolicy::default()).on_failure, OnLogFailure::Fail);
        let told = LogChange {
            on_failure: Some(OnLogFailure::ServeUnlogged),
            ..fsync
        };
        assert_eq!(told.over(LogPolicy::default()).on_failure, OnLogFailure::ServeUnlogged);
    }
}
