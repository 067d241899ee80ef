//! `/api/2.0/mlflow/model-versions/…`.

use serde_json::json;

use crate::world::{MODEL, World, refusal, timeless};

const BASE: &str = "/api/2.0/mlflow/model-versions";

#[tokio::test]
async fn a_version_reads_as_mlflow_writes_it() {
    let world = World::with_model().await;
    let found = world.got(&format!("{BASE}/get?name={MODEL}&version=1")).await;
    let expected = json!({"model_version": {
        "name": MODEL, "version": "1", "creation_timestamp": 0, "last_updated_timestamp": 0, "user_id": "admin",
        "current_stage": "None", "description": "", "source": "tests", "run_id": "", "status": "READY", "run_link": "",
    }});
    assert_eq!(timeless(found), expected);
    let missing = world.get(&format!("{BASE}/get?name={MODEL}&version=99")).await;
    let message = format!("Model Version (name={MODEL}, version=99) not found");
    assert_eq!(refusal(&missing), (404, "RESOURCE_DOES_NOT_EXIST", message.as_str()));
    let word = world.get(&format!("{BASE}/get?name={MODEL}&version=seven")).await;
    assert_eq!(
        refusal(&word),
        (
            400,
            "INVALID_PARAMETER_VALUE",
            "Parameter 'version' must be an integer."
        )
    );
}

#[tokio::test]
async fn a_version_is_copied_from_another_of_this_server_and_from_nowhere_else() {
    let world = World::with_model().await;
    let create = format!("{BASE}/create");
    world
        .posted("/api/2.0/mlflow/registered-models/create", json!({"name": "copy"}))
        .await;
    let run = "0123456789abcdef0123456789abcdef";
    let body = json!({
        "name": "copy", "source": format!("models:/{MODEL}/2"), "run_id": run, "description": "promoted",
        "tags": [{"key": "from", "value": "lab"}], "run_link": "http://ci/1",
    });
    let made = world.posted(&create, body).await;
    let expected = json!({"model_version": {
        "name": "copy", "version": "1", "creation_timestamp": 0, "last_updated_timestamp": 0, "user_id": "admin",
        "current_stage": "None", "description": "promoted", "source": format!("models:/{MODEL}/2"), "run_id": run,
        "status": "READY", "run_link": "http://ci/1", "tags": [{"key": "from", "value": "lab"}],
    }});
    assert_eq!(timeless(made), expected);
    let proxied = json!({"name": "copy", "source": format!("mlflow-artifacts:/registered-models/{MODEL}/1")});
    assert_eq!(world.posted(&create, proxied).await["model_version"]["version"], "2");
    let listed = world.got(&format!("{BASE}/list-artifacts?name=copy&version=2")).await;
    assert_eq!(
        listed,
        world
            .got(&format!("{BASE}/list-artifacts?name={MODEL}&version=1"))
            .await
    );

    for source in [
        "dbfs:/somewhere",
        "file:///etc/passwd",
        "models:/m-0123",
        "runs:/a/model",
        "mlflow-artifacts:/0/x",
    ] {
        let refused = world.post(&create, json!({"name": "copy", "source": source})).await;
        let (status, code, message) = refusal(&refused);
        assert_eq!((status, code), (400, "INVALID_PARAMETER_VALUE"), "{source}");
        assert!(message.contains("atalaya model register"), "{message}");
    }
    let nothing = world
        .post(&create, json!({"name": "copy", "source": format!("models:/{MODEL}/9")}))
        .await;
    assert_eq!(nothing.0, 404);
    let unknown = world
        .post(&create, json!({"name": "none", "source": format!("models:/{MODEL}/1")}))
        .await;
    assert_eq!(refusal(&unknown).2, "Registered Model with name=none not found");
    assert_eq!(
        world.got(&format!("{BASE}/search?filter=name%3D%27copy%27")).await["model_versions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn tags_and_description_are_changed_and_kept() {
    let world = World::with_model().await;
    for version in [json!("1"), json!(1)] {
        let tag = json!({"name": MODEL, "version": version, "key": "approved_by", "value": "ana"});
        assert_eq!(world.posted(&format!("{BASE}/set-tag"), tag).await, json!({}));
    }
    let text = json!({"name": MODEL, "version": "1", "description": "the first"});
    let (status, updated) = world.send("PATCH", &format!("{BASE}/update"), text).await;
    assert_eq!(
        (status, &updated["model_version"]["description"]),
        (200, &json!("the first"))
    );
    let world = world.restarted().await;
    let kept = world.got(&format!("{BASE}/get?name={MODEL}&version=1")).await;
    assert_eq!(
        kept["model_version"]["tags"],
        json!([{"key": "approved_by", "value": "ana"}])
    );
    assert_eq!(kept["model_version"]["description"], "the first");
    let untag = json!({"name": MODEL, "version": "1", "key": "approved_by"});
    assert_eq!(
        world.send("DELETE", &format!("{BASE}/delete-tag"), untag).await,
        (200, json!({}))
    );
    let bare = world.got(&format!("{BASE}/get?name={MODEL}&version=1")).await;
    assert!(bare["model_version"].get("tags").is_none());
}

#[tokio::test]
async fn stages_archive_each_other_when_asked() {
    let world = World::with_model().await;
    let transit = |version: &str, stage: &str, archive: bool| {
        let body = json!({"name": MODEL, "version": version, "stage": stage, "archive_existing_versions": archive});
        let path = format!("{BASE}/transition-stage");
        let world = &world;
        async move { world.post(&path, body).await }
    };
    assert_eq!(
        transit("1", "PRODUCTION", true).await.1["model_version"]["current_stage"],
        "Production"
    );
    assert_eq!(
        transit("2", "Production", true).await.1["model_version"]["current_stage"],
        "Production"
    );
    let first = world.got(&format!("{BASE}/get?name={MODEL}&version=1")).await;
    assert_eq!(first["model_version"]["current_stage"], "Archived");
    // The lab sends the flag with `Archived` too; nothing else is archived then.
    assert_eq!(transit("1", "Archived", true).await.0, 200);
    let second = world.got(&format!("{BASE}/get?name={MODEL}&version=2")).await;
    assert_eq!(second["model_version"]["current_stage"], "Production");
    assert_eq!(
        refusal(&transit("1", "Nirvana", false).await).1,
        "INVALID_PARAMETER_VALUE"
    );
}

#[tokio::test]
async fn a_deleted_version_is_gone_and_its_number_is_not_used_again() {
    let world = World::with_model().await;
    let gone = world
        .send(
            "DELETE",
            &format!("{BASE}/delete"),
            json!({"name": MODEL, "version": "2"}),
        )
        .await;
    assert_eq!(gone, (200, json!({})));
    assert_eq!(world.get(&format!("{BASE}/get?name={MODEL}&version=2")).await.0, 404);
    assert_eq!(world.register(MODEL, "diabetes/version_2").await, 3);
}
