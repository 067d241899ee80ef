//! Serving endpoints: create, update, delete; and the executor of the domain's plan.

use std::sync::Arc;
use std::time::Duration;

use atalaya_domain::endpoint::{
    Action, ConfigUpdate, Endpoint, EndpointConfig, LogPolicy, Observed, ServedEntity, Traffic, plan,
};
use atalaya_domain::registry::Tags;
use atalaya_domain::{EndpointName, ServedEntityName};
use atalaya_store::{NewEndpoint, StoreError};

use super::{App, OpenError};
use crate::api::error::{ApiError, ErrorCode, chain};
use crate::serving::{EndpointSlot, LoadedEntity, Snapshot, flush_all};

/// How long a change waits for its deployment; native models take milliseconds to seconds.
const DEPLOY_WAIT: Duration = Duration::from_secs(10);

/// A configuration that a caller asks for, checked in its parts.
#[derive(Debug, Clone)]
pub(crate) struct EndpointChange {
    pub(crate) entities: Vec<ServedEntity>,
    pub(crate) traffic: Traffic,
    pub(crate) log: LogPolicy,
}

/// An endpoint with what runs of it here.
#[derive(Debug, Clone)]
pub(crate) struct EndpointView {
    pub(crate) endpoint: Endpoint,
    /// `config_version` that answers requests in this process.
    pub(crate) published: Option<u64>,
    /// Whether a deployment is under way in this process.
    pub(crate) deploying: bool,
    /// What runs here.
    pub(crate) running: Vec<RunningEntity>,
    /// Served entities that are being loaded, and the newest line of their build logs.
    pub(crate) loading: Vec<(ServedEntityName, String)>,
}

/// A served entity as it runs in this process.
#[derive(Debug, Clone)]
pub(crate) struct RunningEntity {
    pub(crate) name: String,
    /// Share of the traffic in percent.
    pub(crate) percentage: u8,
    /// `native` or `python`.
    pub(crate) executor: &'static str,
    /// Why, for people.
    pub(crate) reason: String,
    /// Of Python workers.
    pub(crate) health: Option<atalaya_worker::Health>,
}

impl RunningEntity {
    /// Whether something can answer a request now.
    pub(crate) fn available(&self) -> bool {
        self.health.as_ref().is_none_or(|health| health.available > 0)
    }
}

impl App {
    /// Creates an endpoint and deploys its first configuration.
    pub(crate) async fn create_endpoint(
        &self,
        name: EndpointName,
        change: EndpointChange,
        tags: Tags,
        user: &str,
    ) -> Result<EndpointView, ApiError> {
        let one_at_a_time = self.0.changes.lock().await;
        self.known_versions(&change).await?;
        let config = configuration(1, change)?;
        let new = NewEndpoint {
            name: name.clone(),
            config,
            tags,
            created_by: user.to_owned(),
        };
        self.store().create_endpoint(&new, self.now()).await?;
        match self.open_slot(name.as_str()) {
            Ok(slot) => self.endpoints().insert(slot),
            Err(error) => {
                self.store().delete_endpoint(&name).await?;
                return Err(ApiError::internal(&error));
            }
        }
        drop(one_at_a_time);
        self.deploy(vec![name.clone()]).await;
        self.endpoint(&name).await
    }

    /// One endpoint.
    pub(crate) async fn endpoint(&self, name: &EndpointName) -> Result<EndpointView, ApiError> {
        let endpoint = self.store().endpoint(name).await?;
        Ok(self.view(endpoint))
    }

    /// Every endpoint.
    pub(crate) async fn list_endpoints(&self) -> Result<Vec<EndpointView>, ApiError> {
        Ok(self
            .store()
            .endpoints()
            .await?
            .into_iter()
            .map(|endpoint| self.view(endpoint))
            .collect())
    }

    fn view(&self, endpoint: Endpoint) -> EndpointView {
        let slot = self.endpoints().slot(endpoint.name.as_str());
        let snapshot = slot.as_ref().and_then(|slot| slot.snapshot().clone());
        let running = snapshot.iter().flat_map(|snapshot| {
            let routes = snapshot.config.traffic.routes();
            snapshot.entities.iter().map(|entity| RunningEntity {
                name: entity.name.clone(),
                percentage: routes
                    .iter()
                    .find(|route| route.entity.as_str() == entity.name)
                    .map_or(0, |route| route.percentage),
                executor: entity.loaded.executor,
                reason: entity.loaded.reason.clone(),
                health: entity.loaded.health(),
            })
        });
        let pending = endpoint.pending.iter().chain(&endpoint.active);
        let loading = pending.flat_map(|config| &config.entities).filter_map(|entity| {
            let newest = self.build_log(&entity.model, entity.version)?.last()?;
            Some((entity.name.clone(), newest))
        });
        EndpointView {
            loading: loading.collect(),
            running: running.collect(),
            published: snapshot.as_ref().map(|snapshot| snapshot.config.config_version),
            deploying: slot.is_some_and(|slot| slot.deploying.try_lock().is_err()),
            endpoint,
        }
    }

    /// Replaces the configuration; the old one serves until the new one is loaded.
    pub(crate) async fn update_endpoint(
        &self,
        name: &EndpointName,
        change: EndpointChange,
    ) -> Result<EndpointView, ApiError> {
        let one_at_a_time = self.0.changes.lock().await;
        let current = self.store().endpoint(name).await?;
        self.known_versions(&change).await?;
        let newest = current
            .active
            .iter()
            .chain(&current.pending)
            .map(|c| c.config_version)
            .max()
            .unwrap_or(0);
        let config = configuration(newest + 1, change)?;
        self.store().set_pending(name, &config, self.now()).await?;
        drop(one_at_a_time);
        self.deploy(vec![name.clone()]).await;
        self.endpoint(name).await
    }

    /// Deletes an endpoint; what it logged stays in the tables.
    pub(crate) async fn delete_endpoint(&self, name: &EndpointName) -> Result<(), ApiError> {
        let _one_at_a_time = self.0.changes.lock().await;
        self.store().delete_endpoint(name).await?;
        let Some(slot) = self.endpoints().slot(name.as_str()) else {
            return Ok(());
        };
        slot.withdraw();
        self.endpoints().remove(name.as_str());
        self.retire(&slot).await;
        Ok(())
    }

    /// Writes a log to its tables, closes it and removes its folder; what cannot be written is kept for the next start.
    pub(crate) async fn retire(&self, slot: &Arc<EndpointSlot>) {
        let endpoint = &slot.name;
        if let Err(error) = flush_all(self, slot).await {
            tracing::warn!(endpoint, %error, "log of a deleted endpoint not flushed; it will be at the next start");
            return;
        }
        if let Err(error) = slot.log.close() {
            tracing::warn!(endpoint, %error, "log of a deleted endpoint not closed cleanly");
            return;
        }
        // A request that was under way may have logged after the last flush: then the folder must stay.
        if slot.log.stats().unflushed_records == 0
            && let Err(error) = std::fs::remove_dir_all(self.config().wal().join(endpoint))
        {
            tracing::warn!(endpoint, %error, "log folder of a deleted endpoint not removed");
        }
    }

    /// Retires the log folders of endpoints that are no more, after a deletion was interrupted.
    pub(crate) async fn retire_left_over_logs(&self) -> Result<(), OpenError> {
        let _one_at_a_time = self.0.changes.lock().await;
        let wal = self.config().wal();
        let unreadable = |source| OpenError::Path {
            path: wal.clone(),
            source,
        };
        for entry in std::fs::read_dir(&wal).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if EndpointName::new(&name).is_ok() && self.endpoints().slot(&name).is_none() {
                let slot = self.open_slot(&name)?;
                self.retire(&slot).await;
            }
        }
        Ok(())
    }

    async fn known_versions(&self, change: &EndpointChange) -> Result<(), ApiError> {
        for entity in &change.entities {
            self.store().model_version(&entity.model, entity.version).await?;
        }
        Ok(())
    }

    /// Carries out the plans of endpoints, and waits for it a while: what takes longer, because a Python environment is
    /// built, goes on by itself.
    pub(crate) async fn deploy(&self, names: Vec<EndpointName>) {
        let deployments = names.into_iter().map(|name| {
            let (app, stop) = (self.clone(), self.stopping());
            tokio::spawn(async move {
                tokio::select! {
                    () = app.reconcile(&name) => {}
                    () = stop.cancelled() => {}
                }
            })
        });
        let all = futures::future::join_all(deployments.collect::<Vec<_>>());
        match tokio::time::timeout(DEPLOY_WAIT, all).await {
            Ok(ended) => {
                for error in ended.into_iter().filter_map(Result::err) {
                    tracing::error!(%error, "a deployment ended unexpectedly");
                }
            }
            Err(_) => tracing::info!("deployments take longer and go on in the background"),
        }
    }

    /// Carries out the plan for one endpoint until there is nothing left to do. Never fails: what goes wrong becomes
    /// the endpoint's state.
    async fn reconcile(&self, name: &EndpointName) {
        let Some(slot) = self.endpoints().slot(name.as_str()) else {
            return;
        };
        let _one_at_a_time = slot.deploying.lock().await;
        let mut pending = Pending::default();
        loop {
            // Deleted meanwhile, and perhaps made anew: the new one has a deployment of its own.
            let current = self.endpoints().slot(name.as_str());
            if !current.is_some_and(|current| Arc::ptr_eq(&current, &slot)) {
                return;
            }
            let endpoint = match self.store().endpoint(name).await {
                Ok(endpoint) => endpoint,
                Err(StoreError::NotFound { .. }) => return,
                Err(error) => {
                    tracing::error!(endpoint = %name, error = %chain(&error), "cannot read the endpoint to deploy it");
                    return;
                }
            };
            let observed = Observed {
                published: slot.published().or(pending.unrestorable),
                loaded: pending.loaded.iter().map(|(name, _)| name.clone()).collect(),
                failed: pending.failed.clone(),
            };
            let actions = plan(&endpoint, &observed);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                if let Err(error) = self.act(&slot, &endpoint, action, &mut pending).await {
                    if matches!(error, StoreError::NotFound { .. }) {
                        return;
                    }
                    tracing::error!(endpoint = %name, error = %chain(&error), "cannot store the endpoint's state");
                    return;
                }
            }
        }
    }

    async fn act(
        &self,
        slot: &EndpointSlot,
        endpoint: &Endpoint,
        action: Action,
        pending: &mut Pending,
    ) -> Result<(), StoreError> {
        match action {
            Action::Restore => {
                let Some(active) = &endpoint.active else { return Ok(()) };
                match self.load_all(endpoint, active).await {
                    Ok(loaded) => slot.publish(Snapshot::new(active.clone(), loaded)),
                    Err((entity, reason)) => {
                        tracing::error!(endpoint = %endpoint.name, %entity, reason, "active configuration not restored");
                        pending.unrestorable = Some(active.config_version);
                    }
                }
            }
            Action::Load(name) => {
                let entity = endpoint
                    .pending
                    .iter()
                    .flat_map(|c| &c.entities)
                    .find(|e| e.name == name);
                let Some(entity) = entity else { return Ok(()) };
                match self.load_entity(endpoint, entity).await {
                    Ok(loaded) => pending.loaded.push((name, loaded)),
                    Err(reason) => pending.failed = Some((name, reason)),
                }
            }
            Action::Activate => {
                let Some(config) = &endpoint.pending else { return Ok(()) };
                let loaded = std::mem::take(&mut pending.loaded)
                    .into_iter()
                    .map(|(_, entity)| entity)
                    .collect();
                // Stored first: after a crash in between, the new configuration is restored, not the old one.
                self.store()
                    .activate(&endpoint.name, config.config_version, self.now())
                    .await?;
                slot.publish(Snapshot::new(config.clone(), loaded));
                tracing::info!(endpoint = %endpoint.name, config_version = config.config_version, "configuration serves");
            }
            Action::Fail(reason) => {
                let Some(config) = &endpoint.pending else { return Ok(()) };
                tracing::warn!(endpoint = %endpoint.name, reason, "configuration refused; the old one goes on serving");
                self.store()
                    .fail_update(&endpoint.name, config.config_version, &reason, self.now())
                    .await?;
            }
        }
        Ok(())
    }

    async fn load_all(
        &self,
        endpoint: &Endpoint,
        config: &EndpointConfig,
    ) -> Result<Vec<Arc<LoadedEntity>>, (ServedEntityName, String)> {
        let mut loaded = Vec::with_capacity(config.entities.len());
        for entity in &config.entities {
            let one = self
                .load_entity(endpoint, entity)
                .await
                .map_err(|reason| (entity.name.clone(), reason))?;
            loaded.push(one);
        }
        Ok(loaded)
    }

    async fn load_entity(&self, endpoint: &Endpoint, entity: &ServedEntity) -> Result<Arc<LoadedEntity>, String> {
        let model = self
            .load_model(&entity.model, entity.version)
            .await
            .map_err(|error| chain(&error))?;
        let metrics = self.metrics().entity(endpoint.name.as_str(), entity.name.as_str());
        Ok(Arc::new(LoadedEntity::new(entity, model, metrics)))
    }
}

/// What has been done towards a pending configuration in this round.
#[derive(Default)]
struct Pending {
    loaded: Vec<(ServedEntityName, Arc<LoadedEntity>)>,
    failed: Option<(ServedEntityName, String)>,
    /// Set when the active configuration cannot be loaded, so that it is not tried for ever.
    unrestorable: Option<u64>,
}

fn configuration(version: u64, change: EndpointChange) -> Result<EndpointConfig, ApiError> {
    EndpointConfig::new(version, change.entities, change.traffic, change.log)
        .map_err(|error| ApiError::invalid(error.to_string()))
}

impl EndpointView {
    /// Whether every entity that requests are sent to can answer them.
    pub(crate) fn ready(&self) -> bool {
        let mut routed = self.running.iter().filter(|entity| entity.percentage > 0);
        self.published.is_some() && routed.all(RunningEntity::available)
    }

    /// How an entity of the configuration that serves runs here.
    pub(crate) fn running(&self, config: &EndpointConfig, entity: &ServedEntityName) -> Option<&RunningEntity> {
        let serves = self.published == Some(config.config_version);
        let mut running = self.running.iter();
        running.find(|one| serves && one.name == entity.as_str())
    }

    /// Whether an update is under way.
    pub(crate) fn updating(&self) -> bool {
        self.endpoint.update == ConfigUpdate::InProgress
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NotFound { .. } => Self::not_found(message),
            StoreError::AlreadyExists { .. } => Self::new(ErrorCode::ResourceAlreadyExists, message),
            StoreError::InvalidParameter { .. } | StoreError::LimitReached { .. } => Self::invalid(message),
            StoreError::Conflict { .. } => Self::new(ErrorCode::ResourceConflict, message),
            StoreError::Busy => Self::unavailable(message, 1),
            StoreError::Artifact(atalaya_store::ArtifactError::NotFound) => Self::not_found(message),
            StoreError::Artifact(
                atalaya_store::ArtifactError::Path(_)
                | atalaya_store::ArtifactError::Collision
                | atalaya_store::ArtifactError::Empty
                | atalaya_store::ArtifactError::TooLarge { .. },
            ) => Self::invalid(message),
            StoreError::Artifact(_)
            | StoreError::NewerDatabase { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Database(_)
            | StoreError::Migrate(_)
            | StoreError::File(_) => Self::internal(&error),
        }
    }
}
