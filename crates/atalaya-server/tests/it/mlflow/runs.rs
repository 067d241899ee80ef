//! `/api/2.0/mlflow/runs/…` and `metrics/get-history`.

use serde_json::{Value, json};

use crate::world::{World, refusal, timeless};

const BASE: &str = "/api/2.0/mlflow/runs";

async fn started(world: &World, body: Value) -> String {
    let made = world.posted(&format!("{BASE}/create"), body).await;
    made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_life_of_a_run() {
    let world = World::empty().await;
    // As a client under `databricks` sends it when no experiment was chosen.
    let body = json!({
        "experiment_id": "None", "user_id": "ana", "run_name": "first", "start_time": 1_700_000_000_000_i64,
        "tags": [{"key": "mlflow.user", "value": "ana"}],
    });
    let run = started(&world, body).await;
    let metric = json!({"run_id": run, "key": "accuracy", "value": 0.9, "timestamp": 1, "step": "1"});
    assert_eq!(world.posted(&format!("{BASE}/log-metric"), metric).await, json!({}));
    let odd = json!({"run_uuid": run, "key": "loss", "value": "NaN", "timestamp": "2"});
    assert_eq!(world.posted(&format!("{BASE}/log-metric"), odd).await, json!({}));
    let param = json!({"run_id": run, "key": "C", "value": "1.0"});
    assert_eq!(world.posted(&format!("{BASE}/log-parameter"), param).await, json!({}));
    let end = json!({"run_id": run, "status": "FINISHED", "end_time": 1_700_000_001_000_i64});
    let ended = world.posted(&format!("{BASE}/update"), end).await;
    assert_eq!(ended["run_info"]["status"], "FINISHED");
    assert_eq!(ended["run_info"]["end_time"], 1_700_000_001_000_i64);

    let mut found = timeless(world.got(&format!("{BASE}/get?run_id={run}&run_uuid={run}")).await);
    let tags = found["run"]["data"]["tags"].take();
    assert!(
        tags.as_array()
            .unwrap()
            .contains(&json!({"key": "mlflow.runName", "value": "first"}))
    );
    let expected = json!({"run": {
        "info": {
            "run_id": run, "run_uuid": run, "run_name": "first", "experiment_id": "0", "user_id": "ana",
            "status": "FINISHED", "start_time": 0, "end_time": 0, "lifecycle_stage": "active",
            "artifact_uri": format!("mlflow-artifacts:/0/{run}/artifacts"),
        },
        "data": {
            "metrics": [
                {"key": "accuracy", "value": 0.9, "timestamp": 0, "step": 1},
                {"key": "loss", "value": "NaN", "timestamp": 0, "step": 0},
            ],
            "params": [{"key": "C", "value": "1.0"}],
            "tags": null,
        },
        "inputs": {},
    }});
    assert_eq!(found, expected);

    assert_eq!(
        world.posted(&format!("{BASE}/delete"), json!({"run_id": run})).await,
        json!({})
    );
    let deleted = world.got(&format!("{BASE}/get?run_id={run}")).await;
    assert_eq!(deleted["run"]["info"]["lifecycle_stage"], "deleted");
    assert_eq!(
        world.posted(&format!("{BASE}/restore"), json!({"run_id": run})).await,
        json!({})
    );
    let missing = world.get(&format!("{BASE}/get?run_id=none")).await;
    assert_eq!(
        refusal(&missing),
        (404, "RESOURCE_DOES_NOT_EXIST", "Run with id=none not found")
    );
}

#[tokio::test]
async fn a_param_is_set_once() {
    let world = World::empty().await;
    let run = started(&world, json!({"experiment_id": "0"})).await;
    let set = |value: &str| {
        let body = json!({"run_id": run, "key": "C", "value": value});
        let world = &world;
        async move { world.post(&format!("{BASE}/log-parameter"), body).await }
    };
    assert_eq!(set("1").await.0, 200);
    assert_eq!(set("1").await.0, 200);
    let changed = set("2").await;
    assert_eq!((changed.0, refusal(&changed).1), (400, "INVALID_PARAMETER_VALUE"));
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_and_may_be_sent_again() {
    let world = World::empty().await;
    let run = started(&world, json!({})).await;
    let batch = json!({
        "run_id": run,
        "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 0}, {"key": "m", "value": 2, "timestamp": 2, "step": 1}],
        "params": [{"key": "p", "value": "x"}],
        "tags": [{"key": "t", "value": "y"}],
    });
    for _ in 0..2 {
        assert_eq!(
            world.posted(&format!("{BASE}/log-batch"), batch.clone()).await,
            json!({})
        );
    }
    let bad = json!({"run_id": run, "metrics": [{"key": "n", "value": 1, "timestamp": 1}], "params": [{"key": "p", "value": "z"}]});
    assert_eq!(world.post(&format!("{BASE}/log-batch"), bad).await.0, 400);
    let history =
        |key: &str, more: &str| format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={key}{more}");
    let whole = world.got(&history("m", "")).await;
    let values: Vec<_> = whole["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["value"].as_f64().unwrap())
        .collect();
    assert_eq!(values, [1.0, 2.0]);
    assert_eq!(world.got(&history("n", "")).await, json!({}));
    let first = world.got(&history("m", "&max_results=1")).await;
    let token = first["next_page_token"].as_str().unwrap();
    let last = world
        .got(&history("m", &format!("&max_results=1&page_token={token}")))
        .await;
    assert_eq!(last["metrics"][0]["value"], 2.0);
    assert!(last.get("next_page_token").is_none());
    let nameless = json!({"run_id": run, "metrics": [{"value": 1, "timestamp": 1}]});
    let refused = world.post(&format!("{BASE}/log-batch"), nameless).await;
    assert_eq!(
        refusal(&refused).2,
        "Missing value for required parameter 'metrics[0].key'."
    );
}

#[tokio::test]
async fn runs_are_found_by_what_was_logged() {
    let world = World::empty().await;
    for (name, accuracy) in [("weak", 0.4), ("strong", 0.9)] {
        let run = started(&world, json!({"experiment_id": "0", "run_name": name})).await;
        let metric = json!({"run_id": run, "key": "acc", "value": accuracy, "timestamp": 1});
        world.posted(&format!("{BASE}/log-metric"), metric).await;
    }
    let search = json!({"experiment_ids": ["0"], "filter": "metrics.acc > 0.5", "run_view_type": 1, "max_results": 5});
    let found = world.posted(&format!("{BASE}/search"), search).await;
    assert_eq!(found["runs"].as_array().unwrap().len(), 1);
    assert_eq!(found["runs"][0]["info"]["run_name"], "strong");
    let none = json!({"experiment_ids": ["0"], "run_view_type": "DELETED_ONLY"});
    assert_eq!(world.posted(&format!("{BASE}/search"), none).await, json!({}));
}

#[tokio::test]
async fn tags_come_and_go_and_a_run_has_no_files() {
    let world = World::empty().await;
    let run = started(&world, json!({"experiment_id": "0"})).await;
    let tag = json!({"run_id": run, "key": "note", "value": "x"});
    assert_eq!(world.posted(&format!("{BASE}/set-tag"), tag).await, json!({}));
    let untag = json!({"run_id": run, "key": "note"});
    assert_eq!(
        world.posted(&format!("{BASE}/delete-tag"), untag.clone()).await,
        json!({})
    );
    let again = world.post(&format!("{BASE}/delete-tag"), untag).await;
    assert_eq!((again.0, refusal(&again).1), (404, "RESOURCE_DOES_NOT_EXIST"));
    let files = world.got(&format!("/api/2.0/mlflow/artifacts/list?run_id={run}")).await;
    assert_eq!(
        files,
        json!({"root_uri": format!("mlflow-artifacts:/0/{run}/artifacts")})
    );
    // The web client's prefix leads to the same place.
    let aliased = world.got(&format!("/ajax-api/2.0/mlflow/runs/get?run_id={run}")).await;
    assert_eq!(aliased["run"]["info"]["run_id"], run.as_str());
}
