//! The pure planner: from what is stored and what runs to what must happen next.

use super::config::{ConfigUpdate, Endpoint};
use crate::ServedEntityName;

/// What runs now for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// `config_version` of the published snapshot; `None` when nothing is published.
    pub published: Option<u64>,
    /// Entities of the pending configuration whose predictors are loaded.
    pub loaded: Vec<ServedEntityName>,
    /// First entity of the pending configuration that could not be loaded, and why.
    pub failed: Option<(ServedEntityName, String)>,
}

/// One step towards the desired configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Load the predictor of this entity of the pending configuration.
    Load(ServedEntityName),
    /// Make the pending configuration the active one and publish its snapshot.
    Activate,
    /// Give the pending configuration up: the old one goes on serving.
    Fail(String),
    /// Load and publish the active configuration (at start-up).
    Restore,
}

/// What must happen next so that `endpoint` becomes what it is asked to be. No I/O.
#[must_use]
pub fn plan(endpoint: &Endpoint, observed: &Observed) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(active) = &endpoint.active
        && observed.published != Some(active.config_version)
    {
        actions.push(Action::Restore);
    }
    let Some(pending) = endpoint
        .pending
        .as_ref()
        .filter(|_| endpoint.update == ConfigUpdate::InProgress)
    else {
        return actions;
    };
    if let Some((entity, reason)) = &observed.failed {
        actions.push(Action::Fail(format!("served entity `{entity}`: {reason}")));
        return actions;
    }
    let missing: Vec<Action> = pending
        .entities
        .iter()
        .filter(|entity| !observed.loaded.contains(&entity.name))
        .map(|entity| Action::Load(entity.name.clone()))
        .collect();
    if missing.is_empty() {
        actions.push(Action::Activate);
    }
    actions.extend(missing);
    actions
}

#[cfg(test)]
mod tests {
    use super::super::config::{EndpointConfig, LogPolicy, ServedEntity, WorkloadSize, default_entity_name};
    use super::super::traffic::Traffic;
    use super::*;
    use crate::{EndpointName, ModelName, Timestamp};

    fn config(config_version: u64, version: u32) -> EndpointConfig {
        let model = ModelName::new("diabetes").expect("name");
        let name = default_entity_name(&model, version).expect("name");
        let entity = ServedEntity {
            name: name.clone(),
            model,
            version,
            workload_size: WorkloadSize::Small,
            scale_to_zero: false,
            environment: Default::default(),
        };
        EndpointConfig::new(
            config_version,
            vec![entity],
            Traffic::all_to(name),
            LogPolicy::default(),
        )
        .expect("valid")
    }

    fn endpoint(active: Option<EndpointConfig>, pending: Option<EndpointConfig>, update: ConfigUpdate) -> Endpoint {
        Endpoint {
            id: "0".into(),
            name: EndpointName::new("e").expect("name"),
            created_by: "ana".into(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            active,
            pending,
            update,
            update_message: String::new(),
            tags: Default::default(),
        }
    }

    #[test]
    fn a_new_endpoint_loads_then_activates() {
        let wanted = endpoint(None, Some(config(1, 1)), ConfigUpdate::InProgress);
        let name = ServedEntityName::new("diabetes-1").expect("name");
        assert_eq!(plan(&wanted, &Observed::default()), vec![Action::Load(name.clone())]);
        let loaded = Observed {
            loaded: vec![name],
            ..Observed::default()
        };
        assert_eq!(plan(&wanted, &loaded), vec![Action::Activate]);
    }

    #[test]
    fn a_version_that_cannot_load_leaves_the_old_one_serving() {
        let wanted = endpoint(Some(config(1, 1)), Some(config(2, 2)), ConfigUpdate::InProgress);
        let observed = Observed {
            published: Some(1),
            failed: Some((
                ServedEntityName::new("diabetes-2").expect("name"),
                "unknown class".into(),
            )),
            ..Observed::default()
        };
        assert_eq!(
            plan(&wanted, &observed),
            vec![Action::Fail("served entity `diabetes-2`: unknown class".into())]
        );
    }

    #[test]
    fn after_a_restart_the_active_configuration_is_restored_and_nothing_else() {
        let stored = endpoint(Some(config(3, 1)), None, ConfigUpdate::NotUpdating);
        assert_eq!(plan(&stored, &Observed::default()), vec![Action::Restore]);
        let running = Observed {
            published: Some(3),
            ..Observed::default()
        };
        assert_eq!(plan(&stored, &running), vec![]);
    }
}
