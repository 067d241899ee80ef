//! `/api/atalaya/v1/monitors` and the alerts that they move, with real tables, models and webhooks.

use atalaya_server::Deliveries;
use serde_json::{Value, json};

use super::story::{ALERTS, HOUR_MS, MINUTE_MS, MONITORS, Story};
use crate::world::{answer, refusal};

fn delivered(count: u64) -> Deliveries {
    Deliveries {
        delivered: count,
        ..Deliveries::default()
    }
}

#[tokio::test]
async fn drift_is_told_once_and_so_is_its_end() {
    let story = Story::begin().await;
    story.watch(json!({})).await;
    let app = &story.world.app;

    story.score(0..400).await;
    let quiet = story.run().await;
    assert_eq!((Story::drifted(&quiet), &quiet["alerts"]), (vec![], &json!([])));
    assert_eq!(quiet["counts"]["rows"], 400);
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(0));

    story.advance_ms(2 * HOUR_MS);
    story.score(1000..1400).await;
    let loud = story.run().await;
    assert_eq!(Story::drifted(&loud), ["bmi", "glucose"]);
    assert_eq!(story.alerts().await, ["DATA_DRIFT firing"]);
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(1));
    let told = story.receiver.received();
    let (key, body) = (&told[0].key, &told[0].body);
    assert_eq!(key, &format!("{}:firing", loud["alerts"][0]["id"].as_str().unwrap()));
    assert_eq!(body["dedup_key"], *key);
    for (field, expected) in [
        ("kind", "DATA_DRIFT"),
        ("severity", "WARNING"),
        ("state", "firing"),
        ("monitor", "watch"),
        ("endpoint", "diabetes"),
    ] {
        assert_eq!(body[field], expected, "{field}");
    }
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("2 of 4 columns drifted: `bmi` (ks 0."),
        "{body}"
    );
    assert!(
        body["value"].as_f64().unwrap() < 0.05 && body["threshold"] == 0.05,
        "{body}"
    );

    let again = story.run().await;
    assert_eq!(
        (Story::drifted(&again), &again["alerts"]),
        (vec!["bmi", "glucose"], &json!([]))
    );
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(0));

    story.advance_ms(2 * HOUR_MS);
    story.score(400..800).await;
    let over = story.run().await;
    assert_eq!(over["alerts"][0]["state"], "resolved");
    assert_eq!(story.alerts().await, ["DATA_DRIFT resolved"]);
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(1));
    let told = story.receiver.received();
    assert_eq!((told.len(), &told[1].body["state"]), (2, &json!("resolved")));
    assert_ne!(told[0].key, told[1].key);
    story.run().await;
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(0));

    // Five runs: four features each, and one row for the whole window.
    let lake = app.lake();
    assert_eq!(lake.count("diabetes/drift_metrics").await.unwrap(), 5 * 4);
    assert_eq!(lake.count("diabetes/profile_metrics").await.unwrap(), 5 * 5);
    let runs = story.world.got(&format!("{MONITORS}/watch/runs?limit=3")).await;
    let states: Vec<usize> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["drifted_columns"].as_array().unwrap().len())
        .collect();
    assert_eq!(states, [0, 0, 2]);
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_under_the_same_key() {
    let story = Story::begin().await;
    story.watch(json!({"thresholds": {"max_latency_ms": 1e-6}})).await;
    let app = &story.world.app;
    story.score(0..300).await;
    story.receiver.answer_next("500 Internal Server Error");
    story.receiver.answer_next("429 Too Many Requests\r\nretry-after: 30");
    assert_eq!(story.run().await["alerts"][0]["kind"], "HIGH_LATENCY");

    let failed = Deliveries {
        failed: 1,
        ..Deliveries::default()
    };
    assert_eq!(app.deliver_notifications().await.unwrap(), failed);
    // Not yet: the first retry waits a second.
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(0));
    story.advance_ms(1_000);
    assert_eq!(app.deliver_notifications().await.unwrap(), failed);
    // The second would wait two seconds, but the receiver asked for thirty.
    story.advance_ms(29_000);
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(0));
    story.advance_ms(1_000);
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(1));
    assert_eq!(app.deliver_notifications().await.unwrap(), delivered(0));
    let told = story.receiver.received();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|attempt| *attempt == told[0]), "{told:?}");
    let metrics = story
        .world
        .request("GET", "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("atalaya_notifications_delivered_total 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("atalaya_notification_failures_total 2\n"), "{metrics}");
}

#[tokio::test]
async fn quality_is_that_of_the_labels_and_falls_below_its_bound() {
    let story = Story::begin().await;
    story
        .watch(json!({"thresholds": {"max_latency_ms": 60_000, "max_drift_pvalue": 1e-12}}))
        .await;
    let answered = story.score(0..400).await;
    // Every fourth label says the opposite of the prediction.
    let label = |(place, one): (usize, &super::story::Answered)| {
        let label = if place % 4 == 0 {
            1.0 - one.prediction
        } else {
            one.prediction
        };
        json!({"row_id": one.row_id, "label": label})
    };
    let labels: Vec<Value> = answered.iter().enumerate().map(label).collect();
    let sent = json!({"labels": labels[..200]});
    story
        .world
        .posted("/api/atalaya/v1/endpoints/diabetes/labels", sent)
        .await;
    let run = story.run().await;
    assert_eq!(run["counts"]["labelled_rows"], 200);
    let quality = &run["quality"];
    assert_eq!(
        (quality["task"].as_str(), quality["accuracy"].as_f64()),
        (Some("classification"), Some(0.75))
    );

    // Weighted precision, recall and F1 from the four counts, by hand.
    let pair = |want: f64, say: f64| {
        let hit = |(one, label): &(&super::story::Answered, &Value)| {
            one.prediction == say && label["label"].as_f64() == Some(want)
        };
        answered.iter().zip(&labels[..200]).filter(hit).count() as f64
    };
    let (tn, fp, fn_, tp) = (pair(0.0, 0.0), pair(0.0, 1.0), pair(1.0, 0.0), pair(1.0, 1.0));
    let (no, yes) = (tn + fp, fn_ + tp);
    let weighted = |for_no: f64, for_yes: f64| (for_no * no + for_yes * yes) / 200.0;
    let precision = weighted(tn / (tn + fn_), tp / (tp + fp));
    let f1 = weighted(2.0 * tn / (2.0 * tn + fp + fn_), 2.0 * tp / (2.0 * tp + fp + fn_));
    for (field, expected) in [("precision", precision), ("recall", 0.75), ("f1", f1)] {
        assert!(
            (quality[field].as_f64().unwrap() - expected).abs() < 1e-12,
            "{field}: {quality} {expected}"
        );
    }
    let version = &run["quality_by_version"][0];
    assert_eq!((&version["model_version"], &version["quality"]), (&json!("1"), quality));
    assert_eq!(story.alerts().await, ["PERFORMANCE_DEGRADATION firing"]);
    assert_eq!(story.world.got(ALERTS).await["alerts"][0]["severity"], "CRITICAL");
    assert_eq!(run["error_rate"], 0.0);
}

#[tokio::test]
async fn errors_and_latency_are_counted_per_request() {
    let story = Story::begin().await;
    story.watch(json!({})).await;
    story.score(0..300).await;
    for _ in 0..10 {
        let refused = story
            .world
            .post(
                "/serving-endpoints/diabetes/invocations",
                json!({"dataframe_records": []}),
            )
            .await;
        assert_eq!(refused.0, 400);
    }
    story.advance_ms(MINUTE_MS);
    let run = story.run().await;
    assert_eq!(
        (&run["counts"]["requests"], &run["counts"]["client_errors"]),
        (&json!(40), &json!(10))
    );
    assert_eq!(run["error_rate"], 0.25);
    let latency = &run["latency_ms"];
    assert_eq!(latency["count"], 30);
    let at = |quantile: &str| latency[quantile].as_f64().unwrap();
    assert!(
        0.0 < at("p50") && at("p50") <= at("p90") && at("p90") <= at("p95") && at("p95") <= at("p99"),
        "{latency}"
    );
}

#[tokio::test]
async fn too_little_decides_nothing_and_open_alerts_stay() {
    let story = Story::begin().await;
    story.watch(json!({})).await;
    let before = story.run().await;
    let verdicts = |run: &Value| -> Vec<String> {
        run["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["verdict"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(verdicts(&before), ["undecided"; 3]);
    story.score(1000..1300).await;
    assert_eq!(story.run().await["alerts"][0]["state"], "firing");
    story.advance_ms(2 * HOUR_MS);
    story.score(0..20).await;
    let few = story.run().await;
    assert_eq!(
        (verdicts(&few), &few["columns"]),
        (vec!["undecided".to_owned(); 3], &json!([]))
    );
    assert_eq!(
        few["checks"][0]["message"],
        "20 rows in the window; nothing is decided below 30"
    );
    assert_eq!(story.alerts().await, ["DATA_DRIFT firing"]);
}

#[tokio::test]
async fn monitors_run_when_their_time_has_come_and_one_that_fails_stops_no_other() {
    let story = Story::begin().await;
    story.watch(json!({"every_ms": 10 * MINUTE_MS})).await;
    let broken = json!({
        "name": "broken", "endpoint": "diabetes", "baseline": "baselines/reference.csv", "every_ms": 10 * MINUTE_MS,
        "columns": ["no_such_column"],
    });
    story.world.posted(MONITORS, broken).await;
    story.score(0..100).await;
    let app = &story.world.app;
    assert_eq!(app.run_due_monitors().await.unwrap(), 1);
    assert_eq!(app.run_due_monitors().await.unwrap(), 0);
    story.advance_ms(10 * MINUTE_MS);
    assert_eq!(app.run_due_monitors().await.unwrap(), 1);
    let metrics = story
        .world
        .request("GET", "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("atalaya_monitor_runs_total 2\n") && metrics.contains("atalaya_monitor_failures_total 2\n")
    );
    // Nobody runs it any more: its silence shows.
    let overdue = || async { story.world.got(&format!("{MONITORS}/watch")).await["overdue"].clone() };
    assert_eq!(overdue().await, false);
    story.advance_ms(21 * MINUTE_MS);
    assert_eq!(overdue().await, true);
}

#[tokio::test]
async fn a_prediction_in_the_baseline_is_compared_as_classes() {
    let story = Story::begin().await;
    let reference = atalaya_testkit::text("diabetes/reference.csv").replacen("diabetes", "prediction", 1);
    std::fs::write(story.world.home().join("lake/baselines/scored.csv"), reference).unwrap();
    story.watch(json!({"baseline": "baselines/scored.csv"})).await;
    story.score(0..300).await;
    let run = story.run().await;
    assert_eq!(
        (&run["prediction"]["column"], &run["prediction"]["test"]),
        (&json!("prediction"), &json!("chi_squared"))
    );
    assert_eq!(run["columns"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_deleted_monitor_leaves_no_alert_open() {
    let story = Story::begin().await;
    story.watch(json!({})).await;
    story.score(1000..1300).await;
    story.run().await;
    assert_eq!(story.delete(&format!("{MONITORS}/watch")).await.0, 200);
    assert_eq!(story.alerts().await, ["DATA_DRIFT resolved"]);
    assert_eq!(story.world.got(MONITORS).await, json!({"monitors": []}));
    // Told that it fired, and told that nobody looks any more.
    assert_eq!(story.world.app.deliver_notifications().await.unwrap(), delivered(2));
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_by_name() {
    let story = Story::begin().await;
    let monitor = |key: &str, value: Value| {
        let mut body = json!({"name": "m", "endpoint": "diabetes", "baseline": "baselines/reference.csv"});
        body[key] = value;
        body
    };
    let cases = [
        (monitor("endpoint", json!("nothing")), 404, "endpoint"),
        (monitor("baseline", json!("../atalaya.db")), 400, "`baseline`"),
        (monitor("baseline", json!("/etc/passwd")), 400, "`baseline_roots`"),
        (monitor("baseline", json!("baselines/none.csv")), 400, "`baseline`"),
        (monitor("notifiers", json!(["nobody"])), 404, "notifier"),
        (monitor("tresholds", json!({})), 400, "`tresholds`"),
    ];
    for (body, status, named) in cases {
        let answer = story.world.post(MONITORS, body).await;
        let (got, _, message) = refusal(&answer);
        assert!(got == status && message.contains(named), "{named}: {answer:?}");
    }
    for path in ["", "/run", "/runs", "/report"] {
        let method = if path == "/run" { "POST" } else { "GET" };
        let answer = answer(story.world.request(method, &format!("{MONITORS}/none{path}"))).await;
        assert_eq!(refusal(&answer).0, 404, "{path}");
    }
}
