//! Empties the outbox: what is due is sent, what fails is tried again later, what fails too often is given up.
//!
//! Notifiers are served side by side, the notifications of one in order. The first failure of one ends its turn, so
//! that a receiver that is down costs one deadline a round and delays nobody else.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use atalaya_domain::monitor::{Notification, Notifier, retry_delay_ms};
use atalaya_store::StoreError;
use futures::StreamExt as _;

use super::channel::{DeliveryError, Parcel, channel};
use crate::app::App;

/// Notifications taken from the outbox in one round.
const ROUND_MAX: u32 = 200;
/// Notifiers served at the same time; each may hold a connection for the whole deadline.
const SIDE_BY_SIDE: usize = 8;

/// What one round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Arrived.
    pub delivered: u64,
    /// Failed, to be tried again.
    pub failed: u64,
    /// Failed for the last time.
    pub given_up: u64,
}

impl Deliveries {
    fn plus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            failed: self.failed + other.failed,
            given_up: self.given_up + other.given_up,
        }
    }
}

/// Sends what is due.
pub(crate) async fn deliver_due(app: &App) -> Result<Deliveries, StoreError> {
    let _one_at_a_time = app.watching().delivering.lock().await;
    let mut by_notifier: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    for notification in app.store().due_notifications(app.now(), ROUND_MAX).await? {
        by_notifier
            .entry(notification.notifier.clone())
            .or_default()
            .push(notification);
    }
    let turns = by_notifier
        .into_iter()
        .map(|(notifier, due)| deliver_in_order(app, notifier, due));
    let mut rounds = futures::stream::iter(turns).buffer_unordered(SIDE_BY_SIDE);
    let (mut all, mut refused) = (Deliveries::default(), None);
    while let Some(turn) = rounds.next().await {
        match turn {
            Ok(one) => all = all.plus(one),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(all), Err)
}

async fn deliver_in_order(app: &App, name: String, due: Vec<Notification>) -> Result<Deliveries, StoreError> {
    let notifier = match app.store().notifier(&name).await {
        Ok(notifier) => Some(notifier),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut done = Deliveries::default();
    for notification in due {
        let sent = send(app, notifier.as_ref(), &notification).await;
        done = done.plus(settle(app, &notification, sent).await?);
        if done.failed + done.given_up > 0 {
            break;
        }
    }
    Ok(done)
}

async fn send(app: &App, notifier: Option<&Notifier>, notification: &Notification) -> Result<(), DeliveryError> {
    let notifier = notifier.ok_or(DeliveryError::NoNotifier)?;
    let parcel = Parcel {
        notifier,
        body: &notification.body,
        dedup_key: &notification.dedup_key,
    };
    channel(notifier.kind).deliver(app.egress(), parcel).await
}

async fn settle(
    app: &App,
    notification: &Notification,
    sent: Result<(), DeliveryError>,
) -> Result<Deliveries, StoreError> {
    let counters = &app.metrics().counters;
    let (notifier, dedup_key) = (&notification.notifier, &notification.dedup_key);
    let Err(error) = sent else {
        app.store().notification_delivered(notification.id, app.now()).await?;
        counters.notifications_delivered.fetch_add(1, Ordering::Relaxed);
        tracing::info!(notifier, dedup_key, "notification delivered");
        return Ok(Deliveries {
            delivered: 1,
            ..Deliveries::default()
        });
    };
    let attempts = notification.attempts.saturating_add(1);
    let asked = match &error {
        DeliveryError::Status { retry_after_ms, .. } => retry_after_ms.unwrap_or(0),
        DeliveryError::Egress(_) | DeliveryError::NoNotifier => 0,
    };
    let again_at = app.now().plus_ms(retry_delay_ms(attempts).max(asked));
    let given_up = app
        .store()
        .notification_failed(notification.id, again_at, &error.to_string())
        .await?;
    counters.notification_failures.fetch_add(1, Ordering::Relaxed);
    if given_up {
        counters.notifications_given_up.fetch_add(1, Ordering::Relaxed);
        tracing::error!(notifier, dedup_key, attempts, %error, "notification given up; check the notifier with its test");
        return Ok(Deliveries {
            given_up: 1,
            ..Deliveries::default()
        });
    }
    tracing::warn!(notifier, dedup_key, attempts, %error, "notification not delivered; it will be tried again");
    Ok(Deliveries {
        failed: 1,
        ..Deliveries::default()
    })
}
