//! Monitors: what is watched on an endpoint, against which baseline, with which bounds.

use crate::{EndpointName, Timestamp};

/// How drift is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriftMode {
    /// Effect size and p-value corrected over the columns (Holm), see `atalaya_stats::drift`.
    #[default]
    Budget,
    /// The lab's rule: any column with a raw p-value below the bound.
    Lab,
}

impl DriftMode {
    /// The configured word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Lab => "lab",
        }
    }

    /// Reads the configured word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Budget, Self::Lab].into_iter().find(|m| m.as_str() == text)
    }
}

/// Bounds of the three alert kinds; the lab's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Lowest acceptable accuracy.
    pub min_accuracy: f64,
    /// Highest acceptable p95 latency, in milliseconds.
    pub max_latency_ms: f64,
    /// A column drifts when its (corrected) p-value is below this.
    pub max_drift_pvalue: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_accuracy: 0.85,
            max_latency_ms: 200.0,
            max_drift_pvalue: 0.05,
        }
    }
}

/// What a monitor watches and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    /// Unique name.
    pub name: String,
    /// The endpoint whose `rows` are read.
    pub endpoint: EndpointName,
    /// Path of the baseline table (Delta, Parquet or CSV) below the lake or an operator-listed root.
    pub baseline: String,
    /// Columns compared; empty means every column the baseline and the rows share.
    pub columns: Vec<String>,
    /// Length of the window that ends now, in milliseconds.
    pub window_ms: i64,
    /// How often it runs by itself, in milliseconds; `None` means only when asked.
    pub every_ms: Option<i64>,
    /// How drift is decided.
    pub mode: DriftMode,
    /// Bounds.
    pub thresholds: Thresholds,
    /// Notifiers told of alerts, by name.
    pub notifiers: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Where notifications go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifier {
    /// Unique name.
    pub name: String,
    /// How it is reached.
    pub kind: NotifierKind,
    /// Target URL; a secret, never shown. Empty for the console.
    pub url: String,
}

/// How a notifier is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifierKind {
    /// The server's own log.
    Console,
    /// `POST` of Atalaya's JSON.
    Webhook,
    /// `POST` of Slack's incoming-webhook JSON.
    Slack,
}

impl NotifierKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Console, Self::Webhook, Self::Slack];

    /// The configured word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
        }
    }

    /// Reads the configured word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// One notification on its way; durable until delivered or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Row number in the outbox.
    pub id: i64,
    /// Same for every attempt: alert id and state. Receivers drop what they have seen.
    pub dedup_key: String,
    /// The notifier's name.
    pub notifier: String,
    /// The JSON body, made when the alert moved.
    pub body: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this.
    pub next_attempt_at: Timestamp,
}

/// Attempts before a notification is given up and counted.
pub const NOTIFICATION_ATTEMPTS_MAX: u32 = 20;

/// Milliseconds to wait after the `attempts`-th failed attempt: 1 s doubling up to 5 min.
#[must_use]
pub fn retry_delay_ms(attempts: u32) -> i64 {
    1_000_i64
        .saturating_mul(1 << attempts.saturating_sub(1).min(9))
        .min(300_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_slow_down_and_stay_bounded() {
        assert_eq!(retry_delay_ms(1), 1_000);
        assert_eq!(retry_delay_ms(4), 8_000);
        assert_eq!(retry_delay_ms(50), 300_000);
    }
}
