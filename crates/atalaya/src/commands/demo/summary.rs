//! What the demo found, for people and for scripts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::commands::score::Scored;

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) requests: Requests,
    pub(super) split: BTreeMap<String, u64>,
    pub(super) latency_ms: Latency,
    pub(super) drifted_columns: Vec<String>,
    pub(super) quality: serde_json::Value,
    pub(super) alerts: Alerts,
    pub(super) score: Scored,
    pub(super) tables: Tables,
    pub(super) report: Files,
    pub(super) seconds: f64,
}

/// Requests as the callers saw them.
#[derive(Debug, Serialize)]
pub(super) struct Requests {
    pub(super) sent: u64,
    pub(super) receipts: u64,
    pub(super) failed: u64,
}

/// Milliseconds from sending to the whole answer.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
}

/// Alerts fired by the monitor and received by the receiver.
#[derive(Debug, Serialize)]
pub(super) struct Alerts {
    pub(super) fired: usize,
    pub(super) delivered: usize,
    pub(super) repeated: usize,
}

/// Where a Delta table is and what it holds.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub(super) path: String,
    pub(super) rows: u64,
}

/// The tables that the demo leaves.
#[derive(Debug, Serialize)]
pub(super) struct Tables {
    pub(super) payload: Table,
    pub(super) rows: Table,
    pub(super) labels: Table,
    pub(super) scored: Table,
}

/// The report to look at.
#[derive(Debug, Serialize)]
pub(super) struct Files {
    pub(super) html: String,
    pub(super) png: String,
}

impl Summary {
    /// A few lines for the terminal.
    pub(super) fn text(&self) -> String {
        let t = &self.tables;
        let split = self
            .split
            .iter()
            .map(|(entity, n)| format!("{entity} {n}"))
            .collect::<Vec<_>>()
            .join(", ");
        let drifted = if self.drifted_columns.is_empty() {
            "none".to_owned()
        } else {
            self.drifted_columns.join(", ")
        };
        [
            String::new(),
            format!(
                "  predictions   {} sent = {} receipts = {} rows in payload",
                self.requests.sent, self.requests.receipts, t.payload.rows
            ),
            format!("  split         {split}"),
            format!(
                "  latency       p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
                self.latency_ms.p50, self.latency_ms.p95, self.latency_ms.p99
            ),
            format!("  drifted       {drifted}"),
            format!(
                "  alerts        {} fired, {} delivered",
                self.alerts.fired, self.alerts.delivered
            ),
            format!(
                "  batch         {} rows at {:.0} rows/s",
                self.score.rows, self.score.rows_per_second
            ),
            format!(
                "  tables        payload {}, rows {}, labels {}, scored {}",
                t.payload.rows, t.rows.rows, t.labels.rows, t.scored.rows
            ),
            format!("  report        {}", self.report.html),
            format!("  done in       {:.1} s", self.seconds),
        ]
        .join("\n")
    }
}
