//! Notifiers: made, listed and tried, and the outbox that they empty.

use atalaya_domain::monitor::{Notifier, NotifierKind};
use atalaya_store::StoreError;

use super::App;
use crate::api::error::ApiError;
use crate::notify::{Deliveries, DeliveryError, Notice, Parcel, Target, channel, deliver_due};

/// What came of a test notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestOutcome {
    pub(crate) delivered: bool,
    /// Why not, in words that give away neither the URL nor what answered there.
    pub(crate) reason: Option<String>,
}

impl App {
    /// Makes a notifier. Its URL must lead to where the server may call.
    pub(crate) async fn create_notifier(&self, notifier: &Notifier) -> Result<(), ApiError> {
        match notifier.kind {
            NotifierKind::Console if !notifier.url.is_empty() => {
                return Err(ApiError::invalid(
                    "`url` has no meaning for a notifier of kind `console`",
                ));
            }
            NotifierKind::Console => {}
            NotifierKind::Webhook | NotifierKind::Slack => {
                let checked = Target::parse(&notifier.url).and_then(|target| self.egress().check(&target));
                checked.map_err(|error| ApiError::invalid(format!("`url`: {error}")))?;
            }
        }
        Ok(self.store().create_notifier(notifier).await?)
    }

    /// Every notifier. Their URLs are not for showing.
    pub(crate) async fn notifiers(&self) -> Result<Vec<Notifier>, StoreError> {
        self.store().notifiers().await
    }

    /// One notifier. Its URL is not for showing.
    pub(crate) async fn notifier(&self, name: &str) -> Result<Notifier, StoreError> {
        self.store().notifier(name).await
    }

    /// Deletes a notifier that no monitor names.
    pub(crate) async fn delete_notifier(&self, name: &str) -> Result<(), StoreError> {
        self.store().delete_notifier(name).await
    }

    /// Sends a test notification now, past the outbox, and says what came of it.
    pub(crate) async fn test_notifier(&self, name: &str) -> Result<TestOutcome, StoreError> {
        let notifier = self.store().notifier(name).await?;
        let channel = channel(notifier.kind);
        let dedup_key = format!("test:{}", uuid::Uuid::new_v4().simple());
        let notice = Notice {
            kind: "TEST",
            severity: "INFO",
            state: "firing",
            monitor: "none",
            endpoint: "none",
            message: "this is a test notification; nothing is wrong",
            value: 0.0,
            threshold: 0.0,
            fired_at: self.now(),
            resolved_at: None,
            dedup_key: dedup_key.clone(),
        };
        let body = channel.body(&notice);
        let parcel = Parcel {
            notifier: &notifier,
            body: &body,
            dedup_key: &dedup_key,
        };
        let sent: Result<(), DeliveryError> = channel.deliver(self.egress(), parcel).await;
        let reason = sent.err().map(|error| error.to_string());
        Ok(TestOutcome {
            delivered: reason.is_none(),
            reason,
        })
    }

    /// Sends the notifications that are due now; the background task does the same.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; what was not settled is due again.
    pub async fn deliver_notifications(&self) -> Result<Deliveries, StoreError> {
        deliver_due(self).await
    }
}
