//! What there is of an endpoint besides its configuration: tags, logs, metrics, its OpenAPI document.

use serde_json::json;

use super::serving_endpoints::{BASE, create, invoke};
use crate::world::{MODEL, World, header, refusal};

#[tokio::test]
async fn tags_are_patched() {
    let world = World::with_model().await;
    create(&world, "tagged", "1").await;
    let path = format!("{BASE}/tagged/tags");
    let add = json!({"add_tags": [{"key": "team", "value": "ml"}, {"key": "cost", "value": "7"}]});
    let (_, added) = world.send("PATCH", &path, add).await;
    assert_eq!(
        added,
        json!({"tags": [{"key": "cost", "value": "7"}, {"key": "team", "value": "ml"}]})
    );
    let (_, left) = world
        .send("PATCH", &path, json!({"delete_tags": ["cost", "absent"]}))
        .await;
    assert_eq!(left, json!({"tags": [{"key": "team", "value": "ml"}]}));
    assert_eq!(world.got(&format!("{BASE}/tagged")).await["tags"], left["tags"]);
}

#[tokio::test]
async fn logs_and_documents_say_what_is_really_served() {
    let world = World::with_model().await;
    create(&world, "told", "1").await;
    assert_eq!(invoke(&world, "told").await.status(), 200);
    let logs = world.got(&format!("{BASE}/told/served-models/{MODEL}-1/logs")).await;
    let logs = logs["logs"].as_str().unwrap();
    for word in ["version 1", "DEPLOYMENT_READY", "executor `native`", "`glucose` long"] {
        assert!(logs.contains(word), "no {word} in: {logs}");
    }
    let build = world
        .got(&format!("{BASE}/told/served-models/{MODEL}-1/build-logs"))
        .await;
    assert!(
        build["logs"].as_str().unwrap().contains("saved with MLflow 3.17.2"),
        "{build}"
    );
    assert_eq!(
        world.get(&format!("{BASE}/told/served-models/nobody/logs")).await.0,
        404
    );

    let reply = world
        .request("GET", &format!("{BASE}/told/metrics"))
        .send()
        .await
        .unwrap();
    assert!(header(&reply, "content-type").starts_with("text/plain"));
    let text = reply.text().await.unwrap();
    assert!(text.contains("request_count_total{endpoint_name=\"told\"} 1"), "{text}");
    assert!(
        text.contains("request_4xx_count_total{endpoint_name=\"told\"} 0"),
        "{text}"
    );
    assert_eq!(world.get(&format!("{BASE}/none/metrics")).await.0, 404);

    let document = world.got(&format!("{BASE}/told/openapi")).await;
    let schema = &document["paths"]["/serving-endpoints/told/invocations"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    let record = &schema["anyOf"][0]["properties"]["dataframe_records"]["items"];
    assert_eq!(record["required"], json!(["age", "bmi", "blood_pressure", "glucose"]));
    assert_eq!(document["servers"], json!([{"url": world.url("")}]));
}

#[tokio::test]
async fn what_is_not_built_yet_says_so_and_what_to_do() {
    let world = World::with_model().await;
    create(&world, "e", "1").await;
    for (method, tail) in [
        ("PUT", "rate-limits"),
        ("PUT", "ai-gateway"),
        ("PATCH", "notifications"),
        ("PATCH", "telemetry-config"),
    ] {
        let refused = world.send(method, &format!("{BASE}/e/{tail}"), json!({})).await;
        let (status, code, message) = refusal(&refused);
        assert_eq!((status, code), (501, "NOT_IMPLEMENTED"), "{tail}");
        assert!(message.contains("not implemented yet"), "{message}");
    }
}
