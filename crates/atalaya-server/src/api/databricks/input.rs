//! Endpoint configurations as clients send them, in all their spellings.
//!
//! `served_entities` or the older `served_models`; versions as numbers or text; shares in `traffic_config` or inside
//! an entity, as numbers or text.

use atalaya_domain::endpoint::{
    Durability, OnLogFailure, Route, ServedEntity, Traffic, TrafficError, WorkloadSize, default_entity_name,
};
use atalaya_domain::{EndpointName, ModelName, ServedEntityName};

use super::unbuilt::{NO_RATE_LIMITS, unbuilt};
use crate::api::error::{ApiError, ApiResult};
use crate::api::fields::Fields;
use crate::app::{ConfigRequest, EndpointRequest, LogChange};

impl TryFrom<&Fields> for EndpointRequest {
    type Error = ApiError;

    /// The body of a create. SDKs put the name inside `config` too.
    fn try_from(fields: &Fields) -> ApiResult<Self> {
        let config = fields.object("config")?.ok_or_else(|| fields.missing("config"))?;
        let name = match fields.text("name")? {
            Some(name) => name,
            None => config.text("name")?.ok_or_else(|| fields.missing("name"))?,
        };
        let name = EndpointName::new(name)?;
        refuse_unbuilt(fields)?;
        let mut request = ConfigRequest::try_from(&config)?;
        if let Some(gateway) = fields.object("ai_gateway")? {
            refuse_unbuilt(&gateway)?;
            request.log.enabled = request.log.enabled.or(switch(&gateway, "inference_table_config")?);
        }
        Ok(Self {
            name,
            config: request,
            tags: fields.tags("tags")?,
        })
    }
}

impl TryFrom<&Fields> for ConfigRequest {
    type Error = ApiError;

    /// The body of an update, or the `config` of a create.
    fn try_from(fields: &Fields) -> ApiResult<Self> {
        refuse_unbuilt(fields)?;
        // Whoever sends back what it was given sends both lists.
        let key = if fields.has("served_entities") {
            "served_entities"
        } else {
            "served_models"
        };
        let sent = fields.objects(key)?;
        if sent.is_empty() {
            return Err(fields.missing("served_entities"));
        }
        let entities = sent.iter().map(entity).collect::<ApiResult<Vec<_>>>()?;
        Ok(Self {
            traffic: traffic(fields, &sent, &entities)?,
            entities,
            log: log(fields)?,
        })
    }
}

/// What would be ignored in silence is refused instead.
fn refuse_unbuilt(fields: &Fields) -> ApiResult<()> {
    if fields.has("rate_limits") {
        return Err(unbuilt(NO_RATE_LIMITS));
    }
    if fields.has("guardrails") || fields.has("fallback_config") {
        return Err(unbuilt(
            "guardrails and fallbacks of the AI gateway are not implemented yet",
        ));
    }
    Ok(())
}

/// First of two spellings of a field that is there.
fn either<'a>(fields: &Fields, new: &'a str, old: &'a str) -> &'a str {
    if fields.has(new) || !fields.has(old) { new } else { old }
}

fn entity(fields: &Fields) -> ApiResult<ServedEntity> {
    if fields.has("external_model") || fields.has("foundation_model") {
        return Err(unbuilt(
            "only registered models are served; external and foundation models are not",
        ));
    }
    let model = ModelName::new(fields.required_text(either(fields, "entity_name", "model_name"))?)?;
    let version = version(fields, either(fields, "entity_version", "model_version"))?;
    let name = match fields.text("name")?.filter(|name| !name.is_empty()) {
        Some(name) => ServedEntityName::new(name)?,
        None => default_entity_name(&model, version)?,
    };
    on_cpu(fields)?;
    Ok(ServedEntity {
        name,
        model,
        version,
        workload_size: workload_size(fields)?,
        scale_to_zero: fields.boolean("scale_to_zero_enabled")?.unwrap_or(false),
        environment: fields.words("environment_vars")?,
    })
}

fn version(fields: &Fields, key: &str) -> ApiResult<u32> {
    let version = fields.integer(key)?.ok_or_else(|| fields.missing(key))?;
    u32::try_from(version)
        .ok()
        .filter(|version| *version > 0)
        .ok_or_else(|| ApiError::invalid(format!("`{}` must be a version number, from 1", fields.name(key))))
}

/// By name, or the smallest size that has the concurrency asked for.
fn workload_size(fields: &Fields) -> ApiResult<WorkloadSize> {
    if let Some(word) = fields.text("workload_size")?.filter(|word| !word.is_empty()) {
        let refused = || {
            ApiError::invalid(format!(
                "`{}` must be Small, Medium or Large",
                fields.name("workload_size")
            ))
        };
        return WorkloadSize::parse(word).ok_or_else(refused);
    }
    let Some(wanted) = fields.integer("max_provisioned_concurrency")? else {
        return Ok(WorkloadSize::default());
    };
    let enough = |size: &WorkloadSize| i64::from(size.max_concurrency()) >= wanted;
    let most = WorkloadSize::Large.max_concurrency();
    let name = fields.name("max_provisioned_concurrency");
    let found = WorkloadSize::ALL.into_iter().find(enough).filter(|_| wanted > 0);
    found.ok_or_else(|| ApiError::invalid(format!("`{name}` must be from 1 to {most}")))
}

fn on_cpu(fields: &Fields) -> ApiResult<()> {
    match fields.text("workload_type")? {
        Some(word) if !word.is_empty() && !word.starts_with("CPU") => Err(ApiError::invalid(format!(
            "`{}` must be CPU: this server has no GPU",
            fields.name("workload_type")
        ))),
        _ => Ok(()),
    }
}

fn traffic(fields: &Fields, sent: &[Fields], entities: &[ServedEntity]) -> ApiResult<Traffic> {
    let routes = match fields.object("traffic_config")? {
        Some(config) => config.objects("routes")?,
        None => Vec::new(),
    };
    let routes = if routes.is_empty() {
        let inside = sent
            .iter()
            .zip(entities)
            .map(|(fields, entity)| Ok((entity.name.clone(), share(fields)?)));
        let inside = inside.collect::<ApiResult<Vec<_>>>()?;
        match inside.as_slice() {
            [(only, None)] => return Ok(Traffic::all_to(only.clone())),
            many if many.iter().all(|(_, share)| share.is_none()) => return Err(refused(&TrafficError::Missing)),
            _ => {}
        }
        inside
            .into_iter()
            .map(|(entity, share)| Route {
                entity,
                percentage: share.unwrap_or(0),
            })
            .collect()
    } else {
        routes.iter().map(route).collect::<ApiResult<Vec<_>>>()?
    };
    Traffic::new(routes).map_err(|error| refused(&error))
}

fn refused(error: &TrafficError) -> ApiError {
    ApiError::invalid(error.to_string())
}

fn route(fields: &Fields) -> ApiResult<Route> {
    let key = either(fields, "served_entity_name", "served_model_name");
    let entity = ServedEntityName::new(fields.required_text(key)?)?;
    let percentage = share(fields)?.ok_or_else(|| fields.missing("traffic_percentage"))?;
    Ok(Route { entity, percentage })
}

fn share(fields: &Fields) -> ApiResult<Option<u8>> {
    let Some(percentage) = fields.integer("traffic_percentage")? else {
        return Ok(None);
    };
    let in_range = u8::try_from(percentage).ok().filter(|share| *share <= 100);
    let name = fields.name("traffic_percentage");
    in_range
        .map(Some)
        .ok_or_else(|| ApiError::invalid(format!("`{name}` must be a whole number from 0 to 100")))
}

/// `inference_log` is Atalaya's own and says most; `auto_capture_config` switches the inference table.
fn log(fields: &Fields) -> ApiResult<LogChange> {
    let mut change = LogChange {
        enabled: switch(fields, "auto_capture_config")?,
        ..LogChange::default()
    };
    let Some(own) = fields.object("inference_log")? else {
        return Ok(change);
    };
    change.enabled = own.boolean("enabled")?.or(change.enabled);
    if let Some(word) = own.text("durability")? {
        let wrong = || {
            ApiError::invalid(format!(
                "`{}` must be process, fsync or best_effort",
                own.name("durability")
            ))
        };
        change.durability = Some(Durability::parse(word).ok_or_else(wrong)?);
    }
    change.on_failure = match own.text("on_log_failure")? {
        None => None,
        Some("fail") => Some(OnLogFailure::Fail),
        Some("serve_unlogged") => Some(OnLogFailure::ServeUnlogged),
        Some(_) => {
            return Err(ApiError::invalid(format!(
                "`{}` must be fail or serve_unlogged",
                own.name("on_log_failure")
            )));
        }
    };
    Ok(change)
}

/// An object that is there means on, unless it says `enabled: false`.
fn switch(fields: &Fields, key: &str) -> ApiResult<Option<bool>> {
    let Some(inside) = fields.object(key)? else {
        return Ok(None);
    };
    Ok(Some(inside.boolean("enabled")?.unwrap_or(true)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(body: Value) -> ApiResult<ConfigRequest> {
        ConfigRequest::try_from(&Fields::from(body))
    }

    fn shares(request: &ConfigRequest) -> Vec<(&str, u8)> {
        request
            .traffic
            .routes()
            .iter()
            .map(|route| (route.entity.as_str(), route.percentage))
            .collect()
    }

    #[test]
    fn the_labs_canary_reads_as_ninety_to_ten() {
        let sent = config(json!({"served_models": [
            {"model_name": "diabetes", "model_version": 1, "workload_size": "Small", "scale_to_zero_enabled": true,
             "traffic_percentage": 90},
            {"model_name": "diabetes", "model_version": "2", "workload_size": "small", "traffic_percentage": "10"},
        ]}))
        .expect("the lab's own");
        assert_eq!(shares(&sent), [("diabetes-1", 90), ("diabetes-2", 10)]);
        assert!(sent.entities[0].scale_to_zero && !sent.entities[1].scale_to_zero);
    }

    #[test]
    fn routes_name_entities_in_either_spelling() {
        let entities = json!([
            {"name": "a", "entity_name": "m", "entity_version": "1"},
            {"name": "b", "entity_name": "m", "entity_version": "2"},
        ]);
        let sent = config(json!({"served_entities": entities, "traffic_config": {"routes": [
            {"served_model_name": "a", "traffic_percentage": 50},
            {"served_entity_name": "b", "traffic_percentage": 50.0},
        ]}}))
        .expect("both spellings");
        assert_eq!(shares(&sent), [("a", 50), ("b", 50)]);
    }

    #[test]
    fn one_entity_gets_everything_and_several_need_shares() {
        let one = json!({"entity_name": "m", "entity_version": "1"});
        assert_eq!(
            shares(&config(json!({"served_entities": [one]})).expect("one")),
            [("m-1", 100)]
        );
        let two = json!({"entity_name": "m", "entity_version": "2"});
        let error = config(json!({"served_entities": [one, two]})).expect_err("no shares");
        assert!(error.message.contains("traffic_percentage"), "{}", error.message);
    }

    #[test]
    fn refusals_name_the_field_and_not_its_value() {
        let entity = |key: &str, value: Value| {
            let mut one = json!({"entity_name": "m", "entity_version": "1"});
            one[key] = value;
            config(json!({"served_entities": [one]})).expect_err(key).message
        };
        for (key, value) in [
            ("entity_version", json!("7x")),
            ("workload_size", json!("Gigantic")),
            ("workload_type", json!("GPU_LARGE")),
            ("traffic_percentage", json!(777)),
            ("scale_to_zero_enabled", json!(7)),
        ] {
            let message = entity(key, value);
            assert!(message.contains(&format!("served_entities[0].{key}")), "{message}");
            assert!(
                !message.contains("777") && !message.contains("7x") && !message.contains("Gigantic"),
                "{message}"
            );
        }
        assert_eq!(
            config(json!({"served_entities": [{"entity_version": "1"}]}))
                .expect_err("no name")
                .message,
            "Missing value for required parameter 'served_entities[0].entity_name'."
        );
    }

    #[test]
    fn the_log_policy_comes_from_three_places() {
        let with = |key: &str, value: Value| {
            let mut body = json!({"served_entities": [{"entity_name": "m", "entity_version": "1"}]});
            body[key] = value;
            config(body).expect(key).log
        };
        assert_eq!(
            with("auto_capture_config", json!({"enabled": false})).enabled,
            Some(false)
        );
        assert_eq!(
            with("auto_capture_config", json!({"catalog_name": "c"})).enabled,
            Some(true)
        );
        let own = with(
            "inference_log",
            json!({"durability": "fsync", "on_log_failure": "fail"}),
        );
        assert_eq!(
            own,
            LogChange {
                enabled: None,
                durability: Some(Durability::Fsync),
                on_failure: Some(OnLogFailure::Fail)
            }
        );
        let body = json!({"name": "e", "ai_gateway": {"inference_table_config": {"enabled": false}},
            "config": {"served_entities": [{"entity_name": "m", "entity_version": "1"}]}});
        let created = EndpointRequest::try_from(&Fields::from(body)).expect("valid");
        assert_eq!(created.config.log.enabled, Some(false));
    }

    #[test]
    fn what_is_not_built_is_not_ignored() {
        let body = json!({"name": "e", "rate_limits": [{"calls": 1}],
            "config": {"served_entities": [{"entity_name": "m", "entity_version": "1"}]}});
        let error = EndpointRequest::try_from(&Fields::from(body)).expect_err("limits");
        assert_eq!(error.code.wire().0, "NOT_IMPLEMENTED");
    }
}
