//! An endpoint that is watched: its world, its clock, its traffic.

use std::sync::Arc;

use atalaya_server::HeldClock;
use atalaya_testkit::text;
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::world::{MODEL, World, answer};

/// 2026-01-01T00:00:00Z.
const START_US: i64 = 1_767_225_600_000_000;
pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const MONITORS: &str = "/api/atalaya/v1/monitors";
pub(super) const NOTIFIERS: &str = "/api/atalaya/v1/notifiers";
pub(super) const ALERTS: &str = "/api/atalaya/v1/alerts";

/// A server with a held clock, an endpoint `diabetes`, a baseline in the lake and a receiver that may be called.
pub(super) struct Story {
    pub(super) world: World,
    pub(super) clock: Arc<HeldClock>,
    pub(super) receiver: Receiver,
    rows: Vec<Value>,
}

/// A prediction that was answered.
pub(super) struct Answered {
    pub(super) row_id: String,
    pub(super) prediction: f64,
}

impl Story {
    pub(super) async fn begin() -> Self {
        let clock = Arc::new(HeldClock::at_us(START_US));
        let allow = |config: &mut atalaya_server::ServerConfig| config.egress_allow.push("127.0.0.1".parse().unwrap());
        let world = World::unusual(allow, Arc::clone(&clock) as Arc<_>).await;
        world.register(MODEL, "diabetes/version_1").await;
        let served = json!([{"model_name": MODEL, "model_version": "1", "workload_size": "Small"}]);
        let endpoint = json!({"name": "diabetes", "config": {"served_models": served}});
        world.posted("/api/2.0/serving-endpoints", endpoint).await;
        let baselines = world.home().join("lake/baselines");
        std::fs::create_dir_all(&baselines).unwrap();
        std::fs::write(baselines.join("reference.csv"), text("diabetes/reference.csv")).unwrap();
        Self {
            world,
            clock,
            receiver: Receiver::start().await,
            rows: production(),
        }
    }

    pub(super) fn advance_ms(&self, ms: i64) {
        self.clock.advance_us(ms * 1_000);
    }

    /// Scores these rows of the fixtures' production data, ten to a request, one second apart. The rows before the
    /// thousandth are quiet, those after it have drifted.
    pub(super) async fn score(&self, rows: std::ops::Range<usize>) -> Vec<Answered> {
        let mut answered = Vec::new();
        for records in self.rows[rows].chunks(10) {
            let request = self.world.request("POST", "/serving-endpoints/diabetes/invocations");
            let reply = request
                .json(&json!({"dataframe_records": records}))
                .send()
                .await
                .unwrap();
            assert_eq!(reply.status(), 200);
            let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
            let body: Value = reply.json().await.unwrap();
            for (place, prediction) in body["predictions"].as_array().unwrap().iter().enumerate() {
                answered.push(Answered {
                    row_id: format!("{id}#{place}"),
                    prediction: prediction.as_f64().unwrap(),
                });
            }
            self.advance_ms(1_000);
        }
        answered
    }

    /// A notifier `hook` at the receiver and a monitor `watch` with a window of one hour.
    pub(super) async fn watch(&self, more: Value) {
        let hook = json!({"name": "hook", "kind": "webhook", "url": self.receiver.url});
        self.world.posted(NOTIFIERS, hook).await;
        let mut monitor = json!({
            "name": "watch", "endpoint": "diabetes", "baseline": "baselines/reference.csv", "window_ms": HOUR_MS,
            "thresholds": {"max_latency_ms": 60_000}, "notifiers": ["hook"],
        });
        for (key, value) in more.as_object().unwrap() {
            monitor[key] = value.clone();
        }
        self.world.posted(MONITORS, monitor).await;
    }

    pub(super) async fn run(&self) -> Value {
        self.world.posted(&format!("{MONITORS}/watch/run"), json!({})).await
    }

    pub(super) async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.world.request("DELETE", path)).await
    }

    /// Alerts as `KIND state`, newest first.
    pub(super) async fn alerts(&self) -> Vec<String> {
        let alerts = self.world.got(ALERTS).await;
        let one = |alert: &Value| {
            format!(
                "{} {}",
                alert["kind"].as_str().unwrap(),
                alert["state"].as_str().unwrap()
            )
        };
        alerts["alerts"].as_array().unwrap().iter().map(one).collect()
    }

    /// The columns that a run found drifted.
    pub(super) fn drifted(run: &Value) -> Vec<&str> {
        run["drifted_columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect()
    }
}

fn production() -> Vec<Value> {
    let csv = text("diabetes/production.csv");
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').skip(2).collect();
    let row = |line: &str| {
        let cells = line.split(',').skip(2).map(|cell| cell.parse::<f64>().unwrap());
        Value::Object(
            names
                .iter()
                .zip(cells)
                .map(|(name, cell)| (String::from(*name), number(cell)))
                .collect(),
        )
    };
    lines.map(row).collect()
}

/// The signature has whole numbers and fractions.
fn number(cell: f64) -> Value {
    if cell.fract() == 0.0 {
        json!(cell as i64)
    } else {
        json!(cell)
    }
}
