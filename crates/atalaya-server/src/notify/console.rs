//! The server's own log as a channel: always there, needs no network.

use atalaya_domain::monitor::NotifierKind;

use super::channel::{Channel, Delivering, Notice, Parcel};
use super::egress::Egress;
use super::webhook::plain_json;

/// The console channel.
pub(super) struct Console;

impl Channel for Console {
    fn kind(&self) -> NotifierKind {
        NotifierKind::Console
    }

    fn body(&self, notice: &Notice<'_>) -> String {
        plain_json(notice)
    }

    fn deliver<'a>(&'a self, _egress: &'a Egress, parcel: Parcel<'a>) -> Delivering<'a> {
        tracing::warn!(target: "alerts", notifier = parcel.notifier.name, alert = parcel.body, "alert moved");
        Box::pin(std::future::ready(Ok(())))
    }
}
