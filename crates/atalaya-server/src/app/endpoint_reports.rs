//! What is known about an endpoint besides its state: figures, signatures, and the text of its served entities' logs.

use std::fmt::Write as _;

use atalaya_domain::endpoint::{EndpointConfig, ServedEntity};
use atalaya_domain::{EndpointName, Timestamp};
use atalaya_model::Signature;
use chrono::{DateTime, SecondsFormat, Utc};

use super::{App, EndpointView};
use crate::api::error::ApiError;

impl App {
    /// The endpoint's figures as Prometheus text.
    pub(crate) async fn endpoint_metrics(&self, name: &EndpointName) -> Result<String, ApiError> {
        self.endpoint(name).await?;
        Ok(self.metrics().render_endpoint(name.as_str()))
    }

    /// The signatures of what is served now, by entity.
    pub(crate) async fn served_signatures(&self, name: &EndpointName) -> Result<Vec<(String, Signature)>, ApiError> {
        self.endpoint(name).await?;
        let slot = self.endpoints().slot(name.as_str());
        let snapshot = slot.as_ref().map(|slot| slot.snapshot());
        let Some(snapshot) = snapshot.as_ref().and_then(|guard| guard.as_ref()) else {
            return Err(ApiError::unavailable("the endpoint is not ready yet", 1));
        };
        Ok(snapshot
            .entities
            .iter()
            .map(|entity| (entity.name.clone(), entity.signature().clone()))
            .collect())
    }

    /// What a served entity runs, why it runs that way, and since when.
    pub(crate) async fn entity_log(&self, name: &EndpointName, served: &str) -> Result<String, ApiError> {
        let view = self.endpoint(name).await?;
        let (config, entity) = served_entity(&view, served)?;
        let mut text = heading(&view, config, entity);
        let slot = self.endpoints().slot(name.as_str());
        let snapshot = slot.as_ref().map(|slot| slot.snapshot());
        let running = snapshot
            .as_ref()
            .and_then(|guard| guard.as_ref())
            .and_then(|s| s.entity(served));
        match running {
            Some(running) => {
                let loaded = &running.loaded;
                line(
                    &mut text,
                    &format!(
                        "executor `{}`, flavor `{}`: {}",
                        loaded.executor, loaded.flavor, loaded.reason
                    ),
                );
                line(&mut text, &format!("signature: {}", columns(running.signature())));
                if let Some(health) = loaded.health() {
                    workers(&mut text, &health, &loaded.worker_output());
                }
            }
            None => line(&mut text, "not loaded in this process"),
        }
        Ok(text)
    }

    /// What a served entity was made from, and how loading it went.
    pub(crate) async fn entity_build_log(&self, name: &EndpointName, served: &str) -> Result<String, ApiError> {
        let view = self.endpoint(name).await?;
        let (config, entity) = served_entity(&view, served)?;
        let mut text = heading(&view, config, entity);
        let version = self.store().model_version(&entity.model, entity.version).await?;
        line(
            &mut text,
            &format!("registered at {} by {}", at(version.created_at), version.created_by),
        );
        line(&mut text, &format!("files {}", version.artifact_digest));
        match self.build_log(&entity.model, entity.version) {
            Some(log) => text.push_str(&log.text()),
            None => line(&mut text, "not loaded in this process"),
        }
        Ok(text)
    }
}

/// How Python workers are, and the last that each printed.
fn workers(text: &mut String, health: &atalaya_worker::Health, output: &[String]) {
    let sandbox = health
        .sandbox
        .as_ref()
        .map_or("unknown".to_owned(), ToString::to_string);
    line(
        text,
        &format!(
            "{} of {} Python workers answer, {} MiB resident, {} requests wait, {} in work; sandbox {sandbox}",
            health.available,
            health.workers,
            health.resident_bytes >> 20,
            health.queued,
            health.in_flight
        ),
    );
    for (number, printed) in output.iter().enumerate().filter(|(_, printed)| !printed.is_empty()) {
        line(text, &format!("--- printed by worker {number}"));
        line(text, printed.trim_end());
    }
}

/// The entity of that name, in what serves or in what is attempted.
fn served_entity<'a>(view: &'a EndpointView, served: &str) -> Result<(&'a EndpointConfig, &'a ServedEntity), ApiError> {
    let configs = view.shown_config().into_iter().chain(view.attempted_config());
    configs
        .flat_map(|config| config.entities.iter().map(move |entity| (config, entity)))
        .find(|(_, entity)| entity.name.as_str() == served)
        .ok_or_else(|| ApiError::not_found("the endpoint serves no entity of this name"))
}

fn heading(view: &EndpointView, config: &EndpointConfig, entity: &ServedEntity) -> String {
    let state = view.entity_state(config, &entity.name);
    let mut text = String::new();
    line(
        &mut text,
        &format!("served entity `{}` of endpoint `{}`", entity.name, view.endpoint.name),
    );
    line(
        &mut text,
        &format!("model `{}`, version {}", entity.model, entity.version),
    );
    line(
        &mut text,
        &format!(
            "configuration {}, endpoint last changed at {}",
            config.config_version,
            at(view.endpoint.updated_at)
        ),
    );
    let message = if state.message.is_empty() {
        String::new()
    } else {
        format!(": {}", state.message)
    };
    line(&mut text, &format!("{}{message}", state.deployment.as_str()));
    text
}

fn columns(signature: &Signature) -> String {
    let column = |c: &atalaya_model::ColumnSpec| format!("`{}` {}", c.name, c.kind.as_str());
    signature.inputs().iter().map(column).collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, words: &str) {
    let _ = writeln!(text, "{words}");
}

/// UTC, to the second.
fn at(time: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_millis(time.0).map_or_else(
        || "an unknown time".to_owned(),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
