//! `/api/2.0/mlflow/registered-models/…`.

use serde_json::json;

use crate::world::{MODEL, World, refusal, timeless};

const CREATE: &str = "/api/2.0/mlflow/registered-models/create";

#[tokio::test]
async fn the_life_of_a_registered_model() {
    let world = World::empty().await;
    let made = world
        .posted(
            CREATE,
            json!({"name": "churn", "description": "who leaves", "tags": [{"key": "team", "value": "crm"}]}),
        )
        .await;
    let expected = json!({"registered_model": {
        "name": "churn", "creation_timestamp": 0, "last_updated_timestamp": 0, "description": "who leaves",
        "tags": [{"key": "team", "value": "crm"}],
    }});
    assert_eq!(timeless(made), expected);
    assert_eq!(
        timeless(world.got("/api/2.0/mlflow/registered-models/get?name=churn").await),
        expected
    );

    let again = world.post(CREATE, json!({"name": "churn"})).await;
    assert_eq!(
        refusal(&again),
        (
            400,
            "RESOURCE_ALREADY_EXISTS",
            "Registered Model (name=churn) already exists."
        )
    );

    let tag = json!({"name": "churn", "key": "stage", "value": "trial"});
    assert_eq!(
        world.posted("/api/2.0/mlflow/registered-models/set-tag", tag).await,
        json!({})
    );
    let untag = json!({"name": "churn", "key": "team"});
    assert_eq!(
        world
            .send("DELETE", "/api/2.0/mlflow/registered-models/delete-tag", untag)
            .await,
        (200, json!({}))
    );
    let text = json!({"name": "churn", "description": "second"});
    let (status, updated) = world
        .send("PATCH", "/api/2.0/mlflow/registered-models/update", text)
        .await;
    assert_eq!(
        (status, &updated["registered_model"]["description"]),
        (200, &json!("second"))
    );
    assert_eq!(
        updated["registered_model"]["tags"],
        json!([{"key": "stage", "value": "trial"}])
    );

    let rename = json!({"name": "churn", "new_name": "leavers"});
    let renamed = world.posted("/api/2.0/mlflow/registered-models/rename", rename).await;
    assert_eq!(renamed["registered_model"]["name"], "leavers");
    let gone = world.get("/api/2.0/mlflow/registered-models/get?name=churn").await;
    assert_eq!(
        refusal(&gone),
        (
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Registered Model with name=churn not found"
        )
    );

    let deleted = world
        .send(
            "DELETE",
            "/api/2.0/mlflow/registered-models/delete",
            json!({"name": "leavers"}),
        )
        .await;
    assert_eq!(deleted, (200, json!({})));
    assert_eq!(world.got("/api/2.0/mlflow/registered-models/search").await, json!({}));
}

#[tokio::test]
async fn what_is_missing_or_of_the_wrong_type_is_named_and_not_echoed() {
    let world = World::empty().await;
    let missing = world.post(CREATE, json!({})).await;
    assert_eq!(
        refusal(&missing),
        (
            400,
            "INVALID_PARAMETER_VALUE",
            "Missing value for required parameter 'name'."
        )
    );
    let empty = world.post(CREATE, json!({"name": ""})).await;
    assert_eq!(refusal(&empty).2, "Missing value for required parameter 'name'.");
    let number = world.post(CREATE, json!({"name": 424_242})).await;
    let (status, code, message) = refusal(&number);
    assert_eq!((status, code), (400, "INVALID_PARAMETER_VALUE"));
    assert!(
        message.contains("'name'") && message.contains("Value was of type 'int'"),
        "{message}"
    );
    assert!(!message.contains("424242"), "{message}");
    let slash = world.post(CREATE, json!({"name": "a/b"})).await;
    assert_eq!((slash.0, refusal(&slash).1), (400, "INVALID_PARAMETER_VALUE"));
}

#[tokio::test]
async fn a_search_pages_and_leaves_the_last_token_out() {
    let world = World::empty().await;
    for name in ["a", "b", "c"] {
        world.posted(CREATE, json!({"name": name})).await;
    }
    let first = world
        .got("/api/2.0/mlflow/registered-models/search?max_results=2")
        .await;
    let names = |page: &serde_json::Value| {
        let models = page["registered_models"].as_array().unwrap();
        models
            .iter()
            .map(|model| model["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["a", "b"]);
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/api/2.0/mlflow/registered-models/search?max_results=2&page_token={token}");
    let last = world.got(&path).await;
    assert_eq!(names(&last), ["c"]);
    assert!(last.get("next_page_token").is_none());
    let filtered = world
        .got("/api/2.0/mlflow/registered-models/search?filter=name+%3D+%27b%27")
        .await;
    assert_eq!(names(&filtered), ["b"]);
    // As mlflow words it over plain http.
    let prompts = "name+LIKE+%27%25%27+AND+tag.%60mlflow.prompt.is_prompt%60+!%3D+%27true%27";
    let all = world
        .got(&format!("/api/2.0/mlflow/registered-models/search?filter={prompts}"))
        .await;
    assert_eq!(names(&all), ["a", "b", "c"]);
    let bad = world
        .get("/api/2.0/mlflow/registered-models/search?max_results=0")
        .await;
    assert_eq!((bad.0, refusal(&bad).1), (400, "INVALID_PARAMETER_VALUE"));
}

#[tokio::test]
async fn aliases_follow_their_version() {
    let world = World::with_model().await;
    const ALIAS: &str = "/api/2.0/mlflow/registered-models/alias";
    for version in [json!("1"), json!(2)] {
        let set = json!({"name": MODEL, "alias": "champion", "version": version});
        assert_eq!(world.posted(ALIAS, set).await, json!({}));
    }
    let query = format!("{ALIAS}?name={MODEL}&alias=champion");
    let found = world.got(&query).await;
    assert_eq!(found["model_version"]["version"], "2");
    assert_eq!(found["model_version"]["aliases"], json!(["champion"]));
    let model = world
        .got(&format!("/api/2.0/mlflow/registered-models/get?name={MODEL}"))
        .await;
    assert_eq!(
        model["registered_model"]["aliases"],
        json!([{"alias": "champion", "version": "2"}])
    );
    let deleted = world
        .send("DELETE", ALIAS, json!({"name": MODEL, "alias": "champion"}))
        .await;
    assert_eq!(deleted, (200, json!({})));
    assert_eq!(world.get(&query).await.0, 404);
}

#[tokio::test]
async fn latest_versions_are_one_per_stage_by_get_and_by_post() {
    let world = World::with_model().await;
    const LATEST: &str = "/api/2.0/mlflow/registered-models/get-latest-versions";
    let stage = json!({"name": MODEL, "version": "1", "stage": "production"});
    world
        .posted("/api/2.0/mlflow/model-versions/transition-stage", stage)
        .await;
    let all = world.posted(LATEST, json!({"name": MODEL})).await;
    let pairs: Vec<_> = all["model_versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (&v["version"], &v["current_stage"]))
        .collect();
    assert!(pairs.contains(&(&json!("1"), &json!("Production"))) && pairs.contains(&(&json!("2"), &json!("None"))));
    assert_eq!(pairs.len(), 2);
    let one = world.got(&format!("{LATEST}?name={MODEL}&stages=Production")).await;
    assert_eq!(one["model_versions"][0]["version"], "1");
    assert_eq!(
        world
            .posted(LATEST, json!({"name": MODEL, "stages": ["Staging"]}))
            .await,
        json!({})
    );
    let nowhere = world.post(LATEST, json!({"name": MODEL, "stages": ["Nirvana"]})).await;
    let (status, code, message) = refusal(&nowhere);
    assert_eq!((status, code), (400, "INVALID_PARAMETER_VALUE"));
    assert!(
        message.contains("must be one of None, Staging, Production, Archived"),
        "{message}"
    );
    assert!(!message.contains("Nirvana"), "{message}");
}
