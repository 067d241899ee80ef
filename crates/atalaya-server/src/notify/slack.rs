//! `POST` of the JSON that Slack's incoming webhooks take: `text` for the notification, `blocks` for the channel.

use atalaya_domain::monitor::NotifierKind;
use serde_json::json;

use super::channel::{Channel, Delivering, Notice, Parcel, clip, post};
use super::egress::Egress;

/// Longest header block that Slack takes, in characters.
const HEADER_CHARS_MAX: usize = 140;

/// The Slack channel.
pub(super) struct Slack;

impl Channel for Slack {
    fn kind(&self) -> NotifierKind {
        NotifierKind::Slack
    }

    fn body(&self, notice: &Notice<'_>) -> String {
        let header = clip(
            &format!("{} {} on {}", notice.kind, notice.state, notice.endpoint),
            HEADER_CHARS_MAX,
        );
        let message = escaped(&notice.short_message());
        let figures = format!(
            "*Severity* {} · *Monitor* {} · *Value* {} · *Threshold* {}",
            escaped(notice.severity),
            escaped(notice.monitor),
            figure(notice.value),
            figure(notice.threshold)
        );
        json!({
            "text": format!("{}: {message}", escaped(&header)),
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": header}},
                {"type": "section", "text": {"type": "mrkdwn", "text": message}},
                {"type": "context", "elements": [
                    {"type": "mrkdwn", "text": figures},
                    {"type": "plain_text", "text": notice.dedup_key},
                ]},
            ],
        })
        .to_string()
    }

    fn deliver<'a>(&'a self, egress: &'a Egress, parcel: Parcel<'a>) -> Delivering<'a> {
        Box::pin(post(egress, parcel))
    }
}

/// The three characters with a meaning in Slack's markup; without them no `<!channel>` or link can be smuggled in.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn figure(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.4}")
    } else {
        "–".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::channel::tests::notice;
    use super::*;

    #[test]
    fn the_message_is_shown_and_is_no_markup() {
        let body: serde_json::Value = serde_json::from_str(&Slack.body(&notice())).expect("JSON");
        assert_eq!(
            body["text"],
            "DATA_DRIFT firing on diabetes: column `&lt;b&gt;&amp;` drifted"
        );
        assert_eq!(body["blocks"][0]["text"]["text"], "DATA_DRIFT firing on diabetes");
        let types: Vec<_> = body["blocks"]
            .as_array()
            .expect("list")
            .iter()
            .map(|block| &block["type"])
            .collect();
        assert_eq!(types, ["header", "section", "context"]);
    }
}
