//! Serving endpoints: configuration, traffic, and the plan from desired to observed.

mod config;
mod plan;
mod traffic;

pub use config::{
    ConfigError, ConfigUpdate, Deployment, Durability, Endpoint, EndpointConfig, EntityState, LogPolicy, OnLogFailure,
    SERVED_ENTITIES_MAX, ServedEntity, WorkloadSize, default_entity_name,
};
pub use plan::{Action, Observed, plan};
pub use traffic::{Route, Traffic, TrafficError};
