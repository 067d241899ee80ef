//! `/api/2.0/serving-endpoints…` and what the endpoints answer.

use serde_json::{Value, json};

use crate::world::{MODEL, World, header, refusal, timeless};

pub(super) const BASE: &str = "/api/2.0/serving-endpoints";

/// An endpoint that serves one version of the fixtures' model, as the lab creates it.
pub(super) async fn create(world: &World, name: &str, version: &str) -> Value {
    let served = json!([{
        "model_name": MODEL, "model_version": version, "workload_size": "Small", "scale_to_zero_enabled": true,
    }]);
    // `mlflow.deployments` sends the slash at the end.
    world
        .posted(
            "/api/2.0/serving-endpoints/",
            json!({"name": name, "config": {"served_models": served}}),
        )
        .await
}

fn canary() -> Value {
    json!({"served_models": [
        {"model_name": MODEL, "model_version": "1", "workload_size": "Small", "traffic_percentage": 90},
        {"model_name": MODEL, "model_version": 2, "workload_size": "Medium", "traffic_percentage": "10"},
    ]})
}

fn served(version: &str, size: &str, scale_to_zero: bool, spelling: &str) -> Value {
    let mut wire = json!({
        "name": format!("{MODEL}-{version}"), "workload_size": size, "workload_type": "CPU",
        "scale_to_zero_enabled": scale_to_zero, "creator": "admin", "creation_timestamp": 0,
        "state": {"deployment": "DEPLOYMENT_READY", "deployment_state_message": ""},
        "executor": "native", "executor_reason": "flavor `sklearn` is understood completely",
    });
    wire[format!("{spelling}_name")] = json!(MODEL);
    wire[format!("{spelling}_version")] = json!(version);
    wire
}

fn route(version: &str, percentage: u8) -> Value {
    let name = format!("{MODEL}-{version}");
    json!({"served_model_name": name, "served_entity_name": name, "traffic_percentage": percentage})
}

pub(super) async fn invoke(world: &World, name: &str) -> reqwest::Response {
    let body = json!({"dataframe_records": [
        {"age": 45, "bmi": 27.3, "blood_pressure": 120, "glucose": 95},
        {"age": 52, "bmi": 32.1, "blood_pressure": 135, "glucose": 160},
    ]});
    world
        .request("POST", &format!("/serving-endpoints/{name}/invocations"))
        .json(&body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_endpoint_is_created_updated_to_a_canary_and_deleted() {
    let world = World::with_model().await;
    assert_eq!(world.got(&format!("{BASE}/")).await, json!({"endpoints": []}));
    let made = create(&world, "diabetes", "1").await;
    let id = made["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "name": "diabetes", "id": id, "creator": "admin", "creation_timestamp": 0, "last_updated_timestamp": 0,
        "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
        "config": {
            "served_entities": [served("1", "Small", true, "entity")],
            "served_models": [served("1", "Small", true, "model")],
            "traffic_config": {"routes": [route("1", 100)]},
            "config_version": 1,
            "auto_capture_config": {"enabled": true},
            "inference_log": {"enabled": true, "durability": "process", "on_log_failure": "serve_unlogged"},
        },
        "tags": [], "permission_level": "CAN_MANAGE", "route_optimized": false,
        "url": world.url("/serving-endpoints/diabetes/invocations"),
    });
    assert_eq!(timeless(made), expected);
    assert_eq!(timeless(world.got(&format!("{BASE}/diabetes")).await), expected);
    assert_eq!(timeless(world.got(BASE).await), json!({"endpoints": [expected]}));

    let reply = invoke(&world, "diabetes").await;
    assert_eq!(header(&reply, "served-model-name"), format!("{MODEL}-1"));
    assert!(header(&reply, "atalaya-log").starts_with("process;seq="));
    assert_eq!(reply.json::<Value>().await.unwrap(), json!({"predictions": [0, 1]}));

    let (status, updated) = world.send("PUT", &format!("{BASE}/diabetes/config"), canary()).await;
    assert_eq!(status, 200, "{updated}");
    assert_eq!(
        updated["state"],
        json!({"ready": "READY", "config_update": "NOT_UPDATING"})
    );
    let config = &updated["config"];
    assert_eq!(config["config_version"], 2);
    assert_eq!(
        config["traffic_config"]["routes"],
        json!([route("1", 90), route("2", 10)])
    );
    assert_eq!(config["served_models"][1]["model_version"], "2");
    assert_eq!(config["served_entities"][1]["workload_size"], "Medium");

    let direct = format!("/serving-endpoints/diabetes/served-models/{MODEL}-2/invocations");
    let body = json!({"inputs": {"age": [52], "bmi": [32.1], "blood_pressure": [135], "glucose": [160]}});
    let reply = world.request("POST", &direct).json(&body).send().await.unwrap();
    assert_eq!(header(&reply, "served-model-name"), format!("{MODEL}-2"));
    assert_eq!(reply.json::<Value>().await.unwrap(), json!({"predictions": [1]}));

    assert_eq!(
        world.send("DELETE", &format!("{BASE}/diabetes"), json!({})).await,
        (200, json!({}))
    );
    let gone = world.get(&format!("{BASE}/diabetes")).await;
    assert_eq!((gone.0, refusal(&gone).1), (404, "RESOURCE_DOES_NOT_EXIST"));
    assert_eq!(invoke(&world, "diabetes").await.status(), 404);
    // The name is free again.
    create(&world, "diabetes", "2").await;
}

#[tokio::test]
async fn an_update_that_fails_leaves_the_old_configuration_serving() {
    let world = World::with_model().await;
    create(&world, "kept", "1").await;
    // Registered whole, then damaged on disk: version 2 can no longer be loaded.
    damage(&world, "2").await;
    let body = json!({"served_entities": [
        {"entity_name": MODEL, "entity_version": "1", "name": "old"},
        {"entity_name": MODEL, "entity_version": "2", "name": "new"},
    ], "traffic_config": {"routes": [
        {"served_model_name": "old", "traffic_percentage": 50},
        {"served_model_name": "new", "traffic_percentage": 50},
    ]}});
    let (status, failed) = world.send("PUT", &format!("{BASE}/kept/config"), body).await;
    assert_eq!(status, 200, "{failed}");
    assert_eq!(
        failed["state"],
        json!({"ready": "READY", "config_update": "UPDATE_FAILED"})
    );
    assert_eq!(failed["config"]["config_version"], 1);
    assert_eq!(
        failed["config"]["served_entities"][0]["state"]["deployment"],
        "DEPLOYMENT_READY"
    );
    let pending = &failed["pending_config"];
    assert_eq!(pending["config_version"], 2);
    let states: Vec<_> = pending["served_entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["state"]["deployment"])
        .collect();
    assert_eq!(states, ["DEPLOYMENT_ABORTED", "DEPLOYMENT_FAILED"]);
    let message = pending["served_entities"][1]["state"]["deployment_state_message"]
        .as_str()
        .unwrap();
    assert!(message.contains("digest"), "{message}");

    let reply = invoke(&world, "kept").await;
    assert_eq!(header(&reply, "served-model-name"), format!("{MODEL}-1"));
    let build = world.got(&format!("{BASE}/kept/served-models/new/build-logs")).await;
    assert!(build["logs"].as_str().unwrap().contains("cannot be loaded"), "{build}");

    // A good configuration is taken afterwards, and the failed one is forgotten.
    let good = json!({"served_entities": [{"entity_name": MODEL, "entity_version": "1"}]});
    let (_, healed) = world.send("PUT", &format!("{BASE}/kept/config"), good).await;
    assert_eq!(healed["state"]["config_update"], "NOT_UPDATING");
    assert!(healed.get("pending_config").is_none());
}

/// Changes one byte of every stored file that only this version has.
async fn damage(world: &World, version: &str) {
    let kept = stored(world, "1").await;
    let digests = stored(world, version)
        .await
        .into_iter()
        .filter(|digest| !kept.contains(digest));
    let mut open = vec![world.home().join("artifacts")];
    let wanted: Vec<String> = digests.collect();
    let mut changed = 0;
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if wanted
                .iter()
                .any(|digest| path.to_string_lossy().replace('/', "").contains(digest.as_str()))
            {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[0] ^= 1;
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, bytes).unwrap();
                changed += 1;
            }
        }
    }
    assert!(changed > 0, "no stored file was found");
}

/// The digests of a version's files.
async fn stored(world: &World, version: &str) -> Vec<String> {
    let name = atalaya_domain::ModelName::new(MODEL).unwrap();
    let version = world
        .app
        .store()
        .model_version(&name, version.parse().unwrap())
        .await
        .unwrap();
    let files = world
        .app
        .artifacts()
        .list(&version.artifact_digest.parse().unwrap(), None)
        .await
        .unwrap();
    files.into_iter().map(|file| file.digest.to_string()).collect()
}

#[tokio::test]
async fn a_first_configuration_that_fails_leaves_an_endpoint_that_is_not_ready() {
    let world = World::with_model().await;
    damage(&world, "2").await;
    let made = create(&world, "never", "2").await;
    assert_eq!(
        made["state"],
        json!({"ready": "NOT_READY", "config_update": "UPDATE_FAILED"})
    );
    // Filled all the same: notebooks read it before they look at the state.
    assert_eq!(made["config"]["served_models"][0]["workload_size"], "Small");
    assert_eq!(
        made["config"]["served_models"][0]["state"]["deployment"],
        "DEPLOYMENT_FAILED"
    );
    let reply = invoke(&world, "never").await;
    assert_eq!(reply.status(), 503);
    assert_eq!(
        reply.json::<Value>().await.unwrap()["error_code"],
        "TEMPORARILY_UNAVAILABLE"
    );
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_with_the_right_code() {
    let world = World::with_model().await;
    create(&world, "taken", "1").await;
    let one = json!([{"entity_name": MODEL, "entity_version": "1"}]);
    let two = json!([{"entity_name": MODEL, "entity_version": "1"}, {"entity_name": MODEL, "entity_version": "2"}]);
    let cases = [
        (
            json!({"name": "taken", "config": {"served_entities": one}}),
            400,
            "RESOURCE_ALREADY_EXISTS",
        ),
        (
            json!({"name": "e", "config": {"served_entities": [{"entity_name": MODEL, "entity_version": "9"}]}}),
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            json!({"name": "e", "config": {"served_entities": [{"entity_name": "none", "entity_version": "1"}]}}),
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            json!({"name": "e", "config": {"served_entities": two}}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            json!({"name": "e", "config": {"served_entities": []}}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (json!({"name": "e"}), 400, "INVALID_PARAMETER_VALUE"),
        (
            json!({"config": {"served_entities": one}}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            json!({"name": "databricks-e", "config": {"served_entities": one}}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            json!({"name": "a/b", "config": {"served_entities": one}}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            json!({"name": "e", "config": {"served_entities": one}, "rate_limits": [{"calls": 1}]}),
            501,
            "NOT_IMPLEMENTED",
        ),
    ];
    for (body, status, code) in cases {
        let refused = world.post(BASE, body.clone()).await;
        assert_eq!((refused.0, refusal(&refused).1), (status, code), "{body}");
    }
    let shares = json!({"served_entities": two, "traffic_config": {"routes": [
        {"served_model_name": format!("{MODEL}-1"), "traffic_percentage": 50},
        {"served_model_name": format!("{MODEL}-2"), "traffic_percentage": 40},
    ]}});
    let refused = world.send("PUT", &format!("{BASE}/taken/config"), shares).await;
    assert_eq!(
        refusal(&refused),
        (
            400,
            "INVALID_PARAMETER_VALUE",
            "traffic percentages must sum to 100, not 90"
        )
    );
    let names: Vec<_> = world.got(BASE).await["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["name"].clone())
        .collect();
    assert_eq!(names, ["taken"]);
}

#[tokio::test]
async fn a_restart_brings_the_endpoint_back_as_it_was() {
    let world = World::with_model().await;
    create(&world, "kept", "1").await;
    let (_, before) = world.send("PUT", &format!("{BASE}/kept/config"), canary()).await;
    let world = world.restarted().await;
    let mut after = world.got(&format!("{BASE}/kept")).await;
    // The listener of the second server has another port.
    after["url"] = before["url"].clone();
    assert_eq!(after, before);
    assert_eq!(invoke(&world, "kept").await.status(), 200);
}

#[tokio::test]
async fn an_update_under_way_shows_both_configurations_and_takes_no_other() {
    let world = World::with_model().await;
    create(&world, "busy", "1").await;
    // As if the server had been killed between accepting a configuration and loading it.
    let name = atalaya_domain::EndpointName::new("busy").unwrap();
    let active = world.app.store().endpoint(&name).await.unwrap().active.unwrap();
    world
        .app
        .store()
        .set_pending(&name, &active, world.app.now())
        .await
        .unwrap();
    let busy = world.got(&format!("{BASE}/busy")).await;
    assert_eq!(busy["state"], json!({"ready": "READY", "config_update": "IN_PROGRESS"}));
    assert_eq!(busy["config"]["config_version"], 1);
    assert!(busy["config"].get("start_time").is_none());
    let pending = &busy["pending_config"];
    assert_eq!(
        (&pending["config_version"], pending["start_time"].is_i64()),
        (&json!(2), true)
    );
    assert_eq!(
        pending["served_models"][0]["state"]["deployment"],
        "DEPLOYMENT_CREATING"
    );
    let refused = world.send("PUT", &format!("{BASE}/busy/config"), canary()).await;
    assert_eq!((refused.0, refusal(&refused).1), (409, "RESOURCE_CONFLICT"));
    assert_eq!(invoke(&world, "busy").await.status(), 200);
    // The next start takes it up where it was left.
    let world = world.restarted().await;
    let done = world.got(&format!("{BASE}/busy")).await;
    assert_eq!(
        done["state"],
        json!({"ready": "READY", "config_update": "NOT_UPDATING"})
    );
    assert_eq!(done["config"]["config_version"], 2);
    assert!(done.get("pending_config").is_none());
}

#[tokio::test]
async fn logging_is_switched_and_hardened_by_the_configuration() {
    let world = World::with_model().await;
    let entities = json!([{"entity_name": MODEL, "entity_version": "1"}]);
    let off =
        json!({"name": "quiet", "config": {"served_entities": entities, "auto_capture_config": {"enabled": false}}});
    assert_eq!(
        world.posted(BASE, off).await["config"]["auto_capture_config"],
        json!({"enabled": false})
    );
    assert_eq!(header(&invoke(&world, "quiet").await, "atalaya-log"), "none;reason=off");

    let hard = json!({"served_entities": entities, "inference_log": {"enabled": true, "durability": "fsync"}});
    let (_, updated) = world.send("PUT", &format!("{BASE}/quiet/config"), hard).await;
    let expected = json!({"enabled": true, "durability": "fsync", "on_log_failure": "fail"});
    assert_eq!(updated["config"]["inference_log"], expected);
    assert!(header(&invoke(&world, "quiet").await, "atalaya-log").starts_with("fsync;seq="));
    // What an update does not speak of stays.
    let plain = json!({"served_entities": entities});
    let (_, kept) = world.send("PUT", &format!("{BASE}/quiet/config"), plain).await;
    assert_eq!(kept["config"]["inference_log"], expected);
}
