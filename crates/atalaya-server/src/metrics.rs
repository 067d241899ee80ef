//! Counters and latency summaries, rendered in Prometheus' text format.
//!
//! Hot-path handles are made once per served entity; recording is a few atomic
//! additions. The number of series is bounded by the number of endpoints,
//! entities and routes, never by what callers send.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use atalaya_stats::latency::AtomicLatencyHistogram;

/// Most label sets of one metric; the ones above are counted together under `overflow`.
const SERIES_MAX: usize = 10_000;

/// Handles of one served entity.
#[derive(Clone)]
pub(crate) struct EntityMetrics(Arc<EntityCounters>);

/// What is counted for one served entity.
pub(crate) struct EntityCounters {
    endpoint: String,
    entity: String,
    ok: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    rows: AtomicU64,
    latency: AtomicLatencyHistogram,
}

impl EntityMetrics {
    /// Counts one answered request.
    pub(crate) fn record(&self, status: u16, rows: usize, duration_us: u64) {
        let counter = match status {
            0..400 => &self.0.ok,
            400..500 => &self.0.client_errors,
            _ => &self.0.server_errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.0.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.0.latency.record(duration_us);
    }
}

/// Plain counters of the server as a whole.
#[derive(Default)]
pub(crate) struct Counters {
    /// Predictions answered without a log record, by policy.
    pub(crate) unlogged: AtomicU64,
    /// Records written to the payload tables.
    pub(crate) flushed_records: AtomicU64,
    /// Flushes that failed and will be tried again.
    pub(crate) flush_failures: AtomicU64,
    /// Records whose typed rows could not be made.
    pub(crate) rows_untyped: AtomicU64,
    /// Notifications delivered.
    pub(crate) notifications_delivered: AtomicU64,
    /// Notification attempts that failed.
    pub(crate) notification_failures: AtomicU64,
    /// Notifications given up after the last attempt.
    pub(crate) notifications_given_up: AtomicU64,
    /// Monitor runs completed.
    pub(crate) monitor_runs: AtomicU64,
    /// Monitor runs that failed.
    pub(crate) monitor_failures: AtomicU64,
    /// Requests refused for want of a valid token.
    pub(crate) unauthenticated: AtomicU64,
}

impl Counters {
    fn render(&self, out: &mut String) {
        for (name, help, value) in [
            (
                "atalaya_unlogged_predictions_total",
                "Predictions answered without a log record.",
                &self.unlogged,
            ),
            (
                "atalaya_log_records_flushed_total",
                "Log records written to the payload tables.",
                &self.flushed_records,
            ),
            (
                "atalaya_log_flush_failures_total",
                "Flushes that failed and will be tried again.",
                &self.flush_failures,
            ),
            (
                "atalaya_log_rows_untyped_total",
                "Records whose typed rows could not be made.",
                &self.rows_untyped,
            ),
            (
                "atalaya_notifications_delivered_total",
                "Notifications delivered.",
                &self.notifications_delivered,
            ),
            (
                "atalaya_notification_failures_total",
                "Notification attempts that failed.",
                &self.notification_failures,
            ),
            (
                "atalaya_notifications_given_up_total",
                "Notifications given up.",
                &self.notifications_given_up,
            ),
            (
                "atalaya_monitor_runs_total",
                "Monitor runs completed.",
                &self.monitor_runs,
            ),
            (
                "atalaya_monitor_failures_total",
                "Monitor runs that failed.",
                &self.monitor_failures,
            ),
            (
                "atalaya_unauthenticated_total",
                "Requests refused for want of a valid token.",
                &self.unauthenticated,
            ),
        ] {
            family(
                out,
                name,
                "counter",
                help,
                &[(String::new(), value.load(Ordering::Relaxed))],
            );
        }
    }
}

/// Every metric of the server.
#[derive(Default)]
pub(crate) struct Metrics {
    entities: Mutex<Vec<EntityMetrics>>,
    pub(crate) counters: Counters,
}

impl Metrics {
    /// The handles of one served entity; the same ones each time for the same names.
    pub(crate) fn entity(&self, endpoint: &str, entity: &str) -> EntityMetrics {
        let mut all = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        let (endpoint, entity) = if all.len() < SERIES_MAX {
            (endpoint, entity)
        } else {
            ("overflow", "overflow")
        };
        if let Some(known) = all.iter().find(|m| m.0.endpoint == endpoint && m.0.entity == entity) {
            return known.clone();
        }
        let fresh = EntityMetrics(Arc::new(EntityCounters {
            endpoint: endpoint.to_owned(),
            entity: entity.to_owned(),
            ok: AtomicU64::new(0),
            client_errors: AtomicU64::new(0),
            server_errors: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            latency: AtomicLatencyHistogram::default(),
        }));
        all.push(fresh.clone());
        fresh
    }

    fn entities(&self) -> Vec<EntityMetrics> {
        self.entities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn render(&self) -> String {
        let entities = self.entities();
        let mut out = String::new();
        let requests: Vec<(String, u64)> = entities
            .iter()
            .flat_map(|m| {
                let e = &m.0;
                let classes = [("2xx", &e.ok), ("4xx", &e.client_errors), ("5xx", &e.server_errors)];
                classes.map(|(class, n)| (labels(e, &[("status", class)]), n.load(Ordering::Relaxed)))
            })
            .collect();
        family(
            &mut out,
            "atalaya_requests_total",
            "counter",
            "Invocations answered, by status class.",
            &requests,
        );
        let rows: Vec<_> = entities
            .iter()
            .map(|m| (labels(&m.0, &[]), m.0.rows.load(Ordering::Relaxed)))
            .collect();
        family(&mut out, "atalaya_rows_total", "counter", "Rows scored.", &rows);
        latency(&mut out, &entities);
        self.counters.render(&mut out);
        out
    }

    /// One endpoint's figures under the names of Databricks' metrics export.
    pub(crate) fn render_endpoint(&self, endpoint: &str) -> String {
        let entities: Vec<_> = self
            .entities()
            .into_iter()
            .filter(|m| m.0.endpoint == endpoint)
            .collect();
        let sum = |pick: fn(&EntityCounters) -> &AtomicU64| -> u64 {
            entities.iter().map(|m| pick(&m.0).load(Ordering::Relaxed)).sum()
        };
        let (ok, client, server) = (sum(|e| &e.ok), sum(|e| &e.client_errors), sum(|e| &e.server_errors));
        let label = format!("{{endpoint_name=\"{}\"}}", escaped(endpoint));
        let mut out = String::new();
        for (name, value) in [
            ("request_count_total", ok + client + server),
            ("request_4xx_count_total", client),
            ("request_5xx_count_total", server),
        ] {
            family(
                &mut out,
                name,
                "counter",
                "Since the server started.",
                &[(label.clone(), value)],
            );
        }
        let _ = writeln!(out, "# TYPE request_latency_ms summary");
        for m in &entities {
            let seen = m.0.latency.snapshot();
            for q in QUANTILES {
                let ms = seen.quantile(q).unwrap_or(0.0) / 1000.0;
                let entity = escaped(&m.0.entity);
                let endpoint = escaped(endpoint);
                let _ = writeln!(
                    out,
                    "request_latency_ms{{endpoint_name=\"{endpoint}\",served_entity=\"{entity}\",quantile=\"{q}\"}} {ms}"
                );
            }
        }
        out
    }
}

const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

fn latency(out: &mut String, entities: &[EntityMetrics]) {
    let name = "atalaya_request_duration_seconds";
    let _ = writeln!(
        out,
        "# HELP {name} Time from admission to answer.\n# TYPE {name} summary"
    );
    for m in entities {
        let seen = m.0.latency.snapshot();
        for q in QUANTILES {
            let seconds = seen.quantile(q).unwrap_or(0.0) / 1e6;
            let _ = writeln!(out, "{name}{} {seconds}", labels(&m.0, &[("quantile", &q.to_string())]));
        }
        let _ = writeln!(
            out,
            "{name}_sum{} {}",
            labels(&m.0, &[]),
            seen.sum_micros() as f64 / 1e6
        );
        let _ = writeln!(out, "{name}_count{} {}", labels(&m.0, &[]), seen.count());
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str, series: &[(String, u64)]) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in series {
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

fn labels(e: &EntityCounters, more: &[(&str, &str)]) -> String {
    let mut text = format!(
        "{{endpoint=\"{}\",served_entity=\"{}\"",
        escaped(&e.endpoint),
        escaped(&e.entity)
    );
    for (key, value) in more {
        let _ = write!(text, ",{key}=\"{value}\"");
    }
    text.push('}');
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_in_its_class_and_latency() {
        let metrics = Metrics::default();
        let entity = metrics.entity("diabetes", "m-1");
        entity.record(200, 5, 1_000);
        entity.record(400, 0, 100);
        let text = metrics.render();
        assert!(text.contains("atalaya_requests_total{endpoint=\"diabetes\",served_entity=\"m-1\",status=\"2xx\"} 1"));
        assert!(text.contains("atalaya_requests_total{endpoint=\"diabetes\",served_entity=\"m-1\",status=\"4xx\"} 1"));
        assert!(text.contains("atalaya_rows_total{endpoint=\"diabetes\",served_entity=\"m-1\"} 5"));
        assert!(
            metrics
                .render_endpoint("diabetes")
                .contains("request_count_total{endpoint_name=\"diabetes\"} 2")
        );
    }
}
