//! What a channel is: how it words a notification, and how it delivers one.

use std::pin::Pin;

use atalaya_domain::Timestamp;
use atalaya_domain::alert::Alert;
use atalaya_domain::monitor::{Notifier, NotifierKind};

use super::egress::{Answer, Egress, EgressError, Target};
use super::{console, slack, webhook};

/// Longest text of a message in a notification; Slack takes 3,000 characters in a block.
pub(super) const MESSAGE_CHARS_MAX: usize = 2_000;

/// What there is to tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice<'a> {
    pub(crate) kind: &'a str,
    pub(crate) severity: &'a str,
    pub(crate) state: &'a str,
    pub(crate) monitor: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) message: &'a str,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
    pub(crate) fired_at: Timestamp,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) dedup_key: String,
}

impl<'a> Notice<'a> {
    /// The notice of an alert that moved; its key is the one under which the outbox keeps it.
    pub(crate) fn of(alert: &'a Alert, endpoint: &'a str) -> Self {
        Self {
            kind: alert.kind.as_str(),
            severity: alert.kind.severity(),
            state: alert.state.as_str(),
            monitor: &alert.monitor,
            endpoint,
            message: &alert.message,
            value: alert.value,
            threshold: alert.threshold,
            fired_at: alert.fired_at,
            resolved_at: alert.resolved_at,
            dedup_key: format!("{}:{}", alert.id, alert.state.as_str()),
        }
    }

    /// The message, bounded.
    pub(super) fn short_message(&self) -> String {
        clip(self.message, MESSAGE_CHARS_MAX)
    }
}

/// The first `max` characters, with an ellipsis where something is missing.
pub(super) fn clip(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A notification on its way through a channel.
pub(crate) struct Parcel<'a> {
    pub(crate) notifier: &'a Notifier,
    pub(crate) body: &'a str,
    pub(crate) dedup_key: &'a str,
}

/// Why a delivery failed. Never holds the URL or what the receiver said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// Nothing was answered.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// Answered, but not with a success.
    #[error("the receiver answered with status {status}")]
    Status {
        status: u16,
        /// The pause that it asked for.
        retry_after_ms: Option<i64>,
    },
    /// The notifier is no more.
    #[error("the notifier was deleted")]
    NoNotifier,
}

/// A delivery under way.
pub(crate) type Delivering<'a> = Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + 'a>>;

/// One way to tell people.
pub(crate) trait Channel: Send + Sync {
    /// The kind of notifier that it serves.
    fn kind(&self) -> NotifierKind;
    /// The JSON that is kept in the outbox and sent.
    fn body(&self, notice: &Notice<'_>) -> String;
    /// Sends it once.
    fn deliver<'a>(&'a self, egress: &'a Egress, parcel: Parcel<'a>) -> Delivering<'a>;
}

/// Every channel.
static CHANNELS: &[&dyn Channel] = &[&console::Console, &webhook::Webhook, &slack::Slack];

/// The channel of a kind.
pub(crate) fn channel(kind: NotifierKind) -> &'static dyn Channel {
    *CHANNELS
        .iter()
        .find(|channel| channel.kind() == kind)
        .expect("every kind has a channel; a test holds it")
}

/// Posts a parcel to its notifier's URL; only 2xx is a success, and a redirect is none.
pub(super) async fn post(egress: &Egress, parcel: Parcel<'_>) -> Result<(), DeliveryError> {
    let target = Target::parse(&parcel.notifier.url)?;
    let Answer { status, retry_after_ms } = egress.post(&target, parcel.body.to_owned(), parcel.dedup_key).await?;
    if (200..300).contains(&status) {
        Ok(())
    } else {
        Err(DeliveryError::Status { status, retry_after_ms })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A notice whose message tries to be markup.
    pub(in crate::notify) fn notice() -> Notice<'static> {
        Notice {
            kind: "DATA_DRIFT",
            severity: "WARNING",
            state: "firing",
            monitor: "watch",
            endpoint: "diabetes",
            message: "column `<b>&` drifted",
            value: 0.001,
            threshold: 0.05,
            fired_at: Timestamp(1_795_438_240_356),
            resolved_at: None,
            dedup_key: "a1:firing".to_owned(),
        }
    }

    #[test]
    fn every_kind_has_exactly_one_channel() {
        for kind in NotifierKind::ALL {
            assert_eq!(
                CHANNELS.iter().filter(|channel| channel.kind() == kind).count(),
                1,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_body_is_json_and_bounded() {
        let long = "ñ".repeat(100_000);
        let notice = Notice {
            message: &long,
            ..notice()
        };
        for channel in CHANNELS {
            let body = channel.body(&notice);
            assert!(
                serde_json::from_str::<serde_json::Value>(&body).is_ok(),
                "{:?}",
                channel.kind()
            );
            assert!(body.len() < 20_000, "{:?}", channel.kind());
        }
    }
}
