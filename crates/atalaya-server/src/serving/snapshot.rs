//! What an endpoint serves at one moment: immutable, published as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use atalaya_domain::endpoint::{EndpointConfig, Traffic};
use atalaya_model::Signature;
use http::HeaderValue;

use crate::app::RunningModel;
use crate::metrics::EntityMetrics;

/// Requests that may wait for one place of an entity's concurrency; more are refused.
const QUEUE_PER_PLACE: u32 = 64;

/// One served entity with its predictor.
pub(crate) struct LoadedEntity {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) version: u32,
    pub(crate) loaded: Arc<RunningModel>,
    /// The name as the `served-model-name` header has it.
    pub(crate) header: HeaderValue,
    pub(crate) metrics: EntityMetrics,
    in_flight: AtomicU32,
    max_in_flight: u32,
}

impl LoadedEntity {
    pub(crate) fn new(
        entity: &atalaya_domain::endpoint::ServedEntity,
        loaded: Arc<RunningModel>,
        metrics: EntityMetrics,
    ) -> Self {
        let name = entity.name.as_str();
        Self {
            name: name.to_owned(),
            model: entity.model.as_str().to_owned(),
            version: entity.version,
            loaded,
            header: HeaderValue::from_str(name).expect("entity names are visible ASCII"),
            metrics,
            in_flight: AtomicU32::new(0),
            max_in_flight: entity.workload_size.max_concurrency() * QUEUE_PER_PLACE,
        }
    }

    /// The columns that its requests must have.
    pub(crate) fn signature(&self) -> &Signature {
        self.loaded.signature()
    }

    /// A place among the requests in work, or `None` when there are too many.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.max_in_flight {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(&self.in_flight))
    }
}

/// Counts one request in work for as long as it lives.
pub(crate) struct Place<'a>(&'a AtomicU32);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A whole configuration, loaded.
pub(crate) struct Snapshot {
    pub(crate) config: EndpointConfig,
    /// In the order of `config.traffic.routes()`, then entities without a route.
    pub(crate) entities: Vec<Arc<LoadedEntity>>,
}

impl Snapshot {
    /// `loaded` holds every entity of `config`, in any order.
    pub(crate) fn new(config: EndpointConfig, mut loaded: Vec<Arc<LoadedEntity>>) -> Self {
        let routes: &Traffic = &config.traffic;
        let rank = |name: &str| {
            let place = routes.routes().iter().position(|r| r.entity.as_str() == name);
            place.unwrap_or(usize::MAX)
        };
        loaded.sort_by_key(|entity| rank(&entity.name));
        Self {
            config,
            entities: loaded,
        }
    }

    /// The entity that a uniform draw from `[0, 1)` falls on.
    pub(crate) fn choose(&self, draw: f64) -> &Arc<LoadedEntity> {
        &self.entities[self.config.traffic.choose(draw)]
    }

    /// The entity of that name.
    pub(crate) fn entity(&self, name: &str) -> Option<&Arc<LoadedEntity>> {
        self.entities.iter().find(|entity| entity.name == name)
    }
}
