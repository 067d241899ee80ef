//! A serving endpoint as Databricks' clients read it: both the new and the old names, filled from the start.

use std::collections::BTreeMap;

use atalaya_domain::access::{Principal, Role};
use atalaya_domain::endpoint::{EndpointConfig, OnLogFailure, ServedEntity};
use atalaya_domain::registry::Tags;
use serde::Serialize;

use crate::api::origin::Origin;
use crate::app::{Caller, EndpointView};

#[derive(Debug, Serialize)]
pub(super) struct Empty {}

#[derive(Debug, Serialize)]
pub(super) struct TagWire {
    key: String,
    value: String,
}

pub(super) fn tags(tags: Tags) -> Vec<TagWire> {
    tags.into_iter().map(|(key, value)| TagWire { key, value }).collect()
}

#[derive(Debug, Serialize)]
pub(super) struct EndpointWire {
    name: String,
    id: String,
    creator: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    state: StateWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<ConfigWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_config: Option<ConfigWire>,
    tags: Vec<TagWire>,
    permission_level: &'static str,
    route_optimized: bool,
    /// Not in the SDK's own type, and read by notebooks all the same.
    url: String,
}

#[derive(Debug, Serialize)]
struct StateWire {
    ready: &'static str,
    config_update: &'static str,
}

#[derive(Debug, Serialize)]
struct ConfigWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    served_entities: Vec<ServedWire>,
    served_models: Vec<ServedWire>,
    traffic_config: TrafficWire,
    config_version: u64,
    auto_capture_config: CaptureWire,
    inference_log: LogWire,
}

#[derive(Debug, Serialize)]
struct TrafficWire {
    routes: Vec<RouteWire>,
}

#[derive(Debug, Serialize)]
struct RouteWire {
    served_model_name: String,
    served_entity_name: String,
    traffic_percentage: u8,
}

#[derive(Debug, Serialize)]
struct CaptureWire {
    enabled: bool,
}

/// How predictions are logged: Atalaya's own.
#[derive(Debug, Serialize)]
struct LogWire {
    enabled: bool,
    durability: &'static str,
    on_log_failure: &'static str,
}

/// A served entity, under its new names or its old ones.
#[derive(Debug, Serialize)]
struct ServedWire {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
    workload_size: &'static str,
    workload_type: &'static str,
    scale_to_zero_enabled: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment_vars: BTreeMap<String, String>,
    creator: String,
    creation_timestamp: i64,
    state: DeploymentWire,
    /// Atalaya's own: `native` or `python`, and why; absent while nothing runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor_reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct DeploymentWire {
    deployment: &'static str,
    deployment_state_message: String,
}

/// Which of its two lists a served entity stands in.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    Entity,
    Model,
}

impl EndpointWire {
    pub(super) fn new(view: EndpointView, origin: &Origin, caller: &Caller) -> Self {
        let config = view.shown_config().map(|config| ConfigWire::new(&view, config, None));
        let started = Some(view.endpoint.updated_at.0);
        let pending_config = view
            .attempted_config()
            .map(|config| ConfigWire::new(&view, config, started));
        let state = StateWire {
            ready: if view.ready() { "READY" } else { "NOT_READY" },
            config_update: view.endpoint.update.as_str(),
        };
        let endpoint = view.endpoint;
        Self {
            url: format!("{}/serving-endpoints/{}/invocations", origin.as_str(), endpoint.name),
            name: endpoint.name.as_str().to_owned(),
            id: endpoint.id,
            creator: endpoint.created_by,
            creation_timestamp: endpoint.created_at.0,
            last_updated_timestamp: endpoint.updated_at.0,
            state,
            config,
            pending_config,
            tags: tags(endpoint.tags),
            permission_level: permission(caller.principal()),
            route_optimized: false,
        }
    }
}

fn permission(caller: Option<&Principal>) -> &'static str {
    match caller.map(|principal| principal.role) {
        Some(Role::Manager | Role::Admin) => "CAN_MANAGE",
        Some(Role::Viewer) => "CAN_VIEW",
        Some(Role::Querier) | None => "CAN_QUERY",
    }
}

impl ConfigWire {
    fn new(view: &EndpointView, config: &EndpointConfig, start_time: Option<i64>) -> Self {
        let served = |spelling| {
            config
                .entities
                .iter()
                .map(|entity| ServedWire::new(view, config, entity, spelling))
                .collect()
        };
        let route = |route: &atalaya_domain::endpoint::Route| RouteWire {
            served_model_name: route.entity.as_str().to_owned(),
            served_entity_name: route.entity.as_str().to_owned(),
            traffic_percentage: route.percentage,
        };
        Self {
            start_time,
            served_entities: served(Spelling::Entity),
            served_models: served(Spelling::Model),
            traffic_config: TrafficWire {
                routes: config.traffic.routes().iter().map(route).collect(),
            },
            config_version: config.config_version,
            auto_capture_config: CaptureWire {
                enabled: config.log.enabled,
            },
            inference_log: LogWire {
                enabled: config.log.enabled,
                durability: config.log.durability.as_str(),
                on_log_failure: match config.log.on_failure {
                    OnLogFailure::Fail => "fail",
                    OnLogFailure::ServeUnlogged => "serve_unlogged",
                },
            },
        }
    }
}

impl ServedWire {
    fn new(view: &EndpointView, config: &EndpointConfig, entity: &ServedEntity, spelling: Spelling) -> Self {
        let state = view.entity_state(config, &entity.name);
        let running = view.running(config, &entity.name);
        let (model, version) = (entity.model.as_str().to_owned(), entity.version.to_string());
        let mut wire = Self {
            name: entity.name.as_str().to_owned(),
            entity_name: None,
            entity_version: None,
            model_name: None,
            model_version: None,
            workload_size: entity.workload_size.as_str(),
            workload_type: "CPU",
            scale_to_zero_enabled: entity.scale_to_zero,
            environment_vars: references(&entity.environment),
            creator: view.endpoint.created_by.clone(),
            creation_timestamp: view.endpoint.created_at.0,
            state: DeploymentWire {
                deployment: state.deployment.as_str(),
                deployment_state_message: state.message,
            },
            executor: running.map(|running| running.executor),
            executor_reason: running.map(|running| running.reason.clone()),
        };
        match spelling {
            Spelling::Entity => (wire.entity_name, wire.entity_version) = (Some(model), Some(version)),
            Spelling::Model => (wire.model_name, wire.model_version) = (Some(model), Some(version)),
        }
        wire
    }
}

/// Variables that point at a secret; plain values may be secrets themselves and are not shown.
fn references(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let reference = |value: &str| value.starts_with("{{secrets/") && value.ends_with("}}");
    environment
        .iter()
        .filter(|(_, value)| reference(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}
