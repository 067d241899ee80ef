//! Endpoint configurations as JSON text with a `format` number; what an older program wrote must still load.

use std::collections::BTreeMap;

use atalaya_domain::endpoint::{
    Durability, EndpointConfig, LogPolicy, OnLogFailure, Route, ServedEntity, Traffic, WorkloadSize,
};
use atalaya_domain::{ModelName, ServedEntityName};
use serde::{Deserialize, Serialize};

use crate::{Noun, StoreError};

/// The format that is written. A change of [`ConfigRow`] that an older reader or an older text would
/// not survive needs a new number, a new row type, and a frozen sample beside the tests.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigRow {
    format: u32,
    config_version: u64,
    entities: Vec<EntityRow>,
    routes: Vec<RouteRow>,
    log: LogRow,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityRow {
    name: String,
    model: String,
    version: u32,
    workload_size: String,
    scale_to_zero: bool,
    environment: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteRow {
    entity: String,
    percentage: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogRow {
    enabled: bool,
    durability: String,
    on_failure: String,
}

/// The text to store.
pub(crate) fn write(config: &EndpointConfig) -> String {
    let entities = config.entities.iter().map(|entity| EntityRow {
        name: entity.name.to_string(),
        model: entity.model.to_string(),
        version: entity.version,
        workload_size: entity.workload_size.as_str().to_owned(),
        scale_to_zero: entity.scale_to_zero,
        environment: entity.environment.clone(),
    });
    let routes = config.traffic.routes().iter();
    let row = ConfigRow {
        format: FORMAT,
        config_version: config.config_version,
        entities: entities.collect(),
        routes: routes
            .map(|r| RouteRow {
                entity: r.entity.to_string(),
                percentage: r.percentage,
            })
            .collect(),
        log: LogRow {
            enabled: config.log.enabled,
            durability: config.log.durability.as_str().to_owned(),
            on_failure: on_failure_word(config.log.on_failure).to_owned(),
        },
    };
    serde_json::to_string(&row).expect("a row of texts and numbers is JSON")
}

/// Reads a stored text.
pub(crate) fn read(text: &str) -> Result<EndpointConfig, StoreError> {
    parse(text).ok_or(StoreError::corrupt(Noun::Endpoint, "config"))
}

fn parse(text: &str) -> Option<EndpointConfig> {
    let row: ConfigRow = serde_json::from_str(text).ok()?;
    if row.format != FORMAT {
        return None;
    }
    let entities = row.entities.into_iter().map(|entity| {
        Some(ServedEntity {
            name: ServedEntityName::new(&entity.name).ok()?,
            model: ModelName::new(&entity.model).ok()?,
            version: entity.version,
            workload_size: WorkloadSize::parse(&entity.workload_size)?,
            scale_to_zero: entity.scale_to_zero,
            environment: entity.environment,
        })
    });
    let routes = row.routes.into_iter().map(|route| {
        Some(Route {
            entity: ServedEntityName::new(&route.entity).ok()?,
            percentage: route.percentage,
        })
    });
    let log = LogPolicy {
        enabled: row.log.enabled,
        durability: Durability::parse(&row.log.durability)?,
        on_failure: ON_FAILURE
            .into_iter()
            .find(|f| on_failure_word(*f) == row.log.on_failure)?,
    };
    let traffic = Traffic::new(routes.collect::<Option<_>>()?).ok()?;
    EndpointConfig::new(row.config_version, entities.collect::<Option<_>>()?, traffic, log).ok()
}

const ON_FAILURE: [OnLogFailure; 2] = [OnLogFailure::Fail, OnLogFailure::ServeUnlogged];

fn on_failure_word(on_failure: OnLogFailure) -> &'static str {
    match on_failure {
        OnLogFailure::Fail => "fail",
        OnLogFailure::ServeUnlogged => "serve_unlogged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first released format; never edit it.
    const FORMAT_1: &str = include_str!("../test-data/endpoint_config_v1.json");

    fn sample() -> EndpointConfig {
        let entity = |version: u32| ServedEntity {
            name: ServedEntityName::new(&format!("diabetes-{version}")).expect("name"),
            model: ModelName::new("catalog.schema.diabetes").expect("name"),
            version,
            workload_size: WorkloadSize::Medium,
            scale_to_zero: version == 2,
            environment: [("KEY".to_owned(), "{{secrets/scope/key}}".to_owned())].into(),
        };
        let (a, b) = (entity(1), entity(2));
        let routes = vec![
            Route {
                entity: a.name.clone(),
                percentage: 90,
            },
            Route {
                entity: b.name.clone(),
                percentage: 10,
            },
        ];
        let log = LogPolicy {
            enabled: true,
            durability: Durability::Fsync,
            on_failure: OnLogFailure::Fail,
        };
        EndpointConfig::new(7, vec![a, b], Traffic::new(routes).expect("split"), log).expect("valid")
    }

    #[test]
    fn the_frozen_sample_still_loads() {
        assert_eq!(read(FORMAT_1).expect("format 1"), sample());
    }

    #[test]
    fn what_is_written_is_the_frozen_format() {
        let written: serde_json::Value = serde_json::from_str(&write(&sample())).expect("json");
        let frozen: serde_json::Value = serde_json::from_str(FORMAT_1).expect("json");
        assert_eq!(
            written, frozen,
            "the format changed: give it a new number and keep the old reader"
        );
    }

    #[test]
    fn unreadable_text_is_an_error_that_shows_nothing_of_it() {
        for bad in [
            "",
            "{}",
            "null",
            &FORMAT_1.replace("\"format\": 1", "\"format\": 2"),
            &FORMAT_1.replace("90", "91"),
        ] {
            let error = read(bad).expect_err("unreadable");
            assert_eq!(error.to_string(), "stored endpoint has an unreadable `config`");
        }
    }
}
