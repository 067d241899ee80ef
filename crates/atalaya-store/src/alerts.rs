//! Alerts: moved in the same transaction that queues their notifications.

use atalaya_domain::Timestamp;
use atalaya_domain::alert::{Alert, AlertState, Transition};

use crate::{Store, StoreError};

/// A notification to queue for an alert that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The notifier's name.
    pub notifier: String,
    /// The JSON body.
    pub body: String,
}

/// Which alerts are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Of this monitor only.
    pub monitor: Option<String>,
    /// In this state only.
    pub state: Option<AlertState>,
    /// At most this many; `None` means, and more is cut to, 1,000.
    pub limit: Option<u32>,
}

impl Store {
    /// Moves the alerts of one monitor and queues what `notify` makes of each alert that moved, all
    /// in one transaction. Returns the alerts that moved.
    ///
    /// A `Fire` for a kind that is already open and a `Resolve` for one that is not do nothing, so
    /// that two evaluations at once, or one repeated after a crash, notify once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing has moved then.
    pub async fn apply_transitions(
        &self,
        monitor: &str,
        transitions: &[Transition],
        notify: &(dyn Fn(&Alert) -> Vec<Outgoing> + Send + Sync),
        now: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        todo!()
    }

    /// The firing alerts of one monitor; at most one per kind.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn open_alerts(&self, monitor: &str) -> Result<Vec<Alert>, StoreError> {
        todo!()
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<Alert>, StoreError> {
        todo!()
    }
}
