//! `POST` of Atalaya's own JSON.

use atalaya_domain::monitor::NotifierKind;
use serde_json::json;

use super::channel::{Channel, Delivering, Notice, Parcel, post};
use super::egress::Egress;

/// The webhook channel.
pub(super) struct Webhook;

impl Channel for Webhook {
    fn kind(&self) -> NotifierKind {
        NotifierKind::Webhook
    }

    fn body(&self, notice: &Notice<'_>) -> String {
        plain_json(notice)
    }

    fn deliver<'a>(&'a self, egress: &'a Egress, parcel: Parcel<'a>) -> Delivering<'a> {
        Box::pin(post(egress, parcel))
    }
}

/// The notice as its fields; times in milliseconds since 1970 UTC.
pub(super) fn plain_json(notice: &Notice<'_>) -> String {
    json!({
        "kind": notice.kind,
        "severity": notice.severity,
        "state": notice.state,
        "monitor": notice.monitor,
        "endpoint": notice.endpoint,
        "message": notice.short_message(),
        "value": notice.value,
        "threshold": notice.threshold,
        "fired_at": notice.fired_at.0,
        "resolved_at": notice.resolved_at.map(|at| at.0),
        "dedup_key": notice.dedup_key,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::channel::tests::notice;
    use super::*;

    #[test]
    fn the_body_is_a_promise() {
        insta::assert_snapshot!(Webhook.body(&notice()), @r#"{"dedup_key":"a1:firing","endpoint":"diabetes","fired_at":1795438240356,"kind":"DATA_DRIFT","message":"column `<b>&` drifted","monitor":"watch","resolved_at":null,"severity":"WARNING","state":"firing","threshold":0.05,"value":0.001}"#);
    }

    #[test]
    fn a_figure_that_is_no_number_is_null() {
        let body = Webhook.body(&Notice {
            value: f64::NAN,
            ..notice()
        });
        assert!(body.contains("\"value\":null"), "{body}");
    }
}
