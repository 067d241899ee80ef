//! `/api/2.0/mlflow/experiments/…`.

use serde_json::{Value, json};

use crate::world::{World, answer, refusal, timeless};

const BASE: &str = "/api/2.0/mlflow/experiments";

#[tokio::test]
async fn the_life_of_an_experiment() {
    let world = World::empty().await;
    let body = json!({"name": "/Users/ana/lab5", "tags": [{"key": "team", "value": "ml"}]});
    let made = world.posted(&format!("{BASE}/create"), body.clone()).await;
    let id = made["experiment_id"].as_str().unwrap().to_owned();
    let again = world.post(&format!("{BASE}/create"), body).await;
    assert_eq!(
        refusal(&again),
        (
            400,
            "RESOURCE_ALREADY_EXISTS",
            "Experiment(name=/Users/ana/lab5) already exists."
        )
    );

    let expected = json!({"experiment": {
        "experiment_id": id, "name": "/Users/ana/lab5", "artifact_location": format!("mlflow-artifacts:/{id}"),
        "lifecycle_stage": "active", "last_update_time": 0, "creation_time": 0,
        "tags": [{"key": "team", "value": "ml"}],
    }});
    assert_eq!(
        timeless(world.got(&format!("{BASE}/get?experiment_id={id}")).await),
        expected
    );
    let by_name = format!("{BASE}/get-by-name?experiment_name=%2FUsers%2Fana%2Flab5");
    assert_eq!(timeless(world.got(&by_name).await), expected);

    let rename = json!({"experiment_id": id, "new_name": "lab5"});
    assert_eq!(world.posted(&format!("{BASE}/update"), rename).await, json!({}));
    let tag = json!({"experiment_id": id, "key": "stage", "value": "done"});
    assert_eq!(
        world.posted(&format!("{BASE}/set-experiment-tag"), tag).await,
        json!({})
    );
    assert_eq!(
        world
            .posted(&format!("{BASE}/delete"), json!({"experiment_id": id}))
            .await,
        json!({})
    );
    let deleted = world.got(&format!("{BASE}/get-by-name?experiment_name=lab5")).await;
    assert_eq!(deleted["experiment"]["lifecycle_stage"], "deleted");
    assert_eq!(
        world
            .posted(&format!("{BASE}/restore"), json!({"experiment_id": id}))
            .await,
        json!({})
    );
    let back = world.got(&format!("{BASE}/get?experiment_id={id}")).await;
    assert_eq!(back["experiment"]["lifecycle_stage"], "active");
    assert_eq!(back["experiment"]["tags"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_default_experiment_is_always_there() {
    let world = World::empty().await;
    let default = world.got(&format!("{BASE}/get?experiment_id=0")).await;
    assert_eq!(default["experiment"]["name"], "Default");
    let missing = world.get(&format!("{BASE}/get?experiment_id=404")).await;
    assert_eq!(
        refusal(&missing),
        (404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=404 exists")
    );
    let nameless = world.get(&format!("{BASE}/get-by-name?experiment_name=nowhere")).await;
    assert_eq!(
        refusal(&nameless),
        (
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Could not find experiment with name 'nowhere'"
        )
    );
}

#[tokio::test]
async fn a_databricks_client_gets_dbfs_locations() {
    let world = World::empty().await;
    let request = world.request("GET", &format!("{BASE}/get?experiment_id=0"));
    let (_, reply) = answer(request.header("user-agent", "mlflow/3 databricks-sdk-py/0.156.0 python/3.11")).await;
    assert_eq!(
        reply["experiment"]["artifact_location"],
        "dbfs:/databricks/mlflow-tracking/0"
    );
}

#[tokio::test]
async fn a_search_is_the_same_by_get_and_by_post() {
    let world = World::empty().await;
    for name in ["one", "two"] {
        world.posted(&format!("{BASE}/create"), json!({"name": name})).await;
    }
    let names = |page: &Value| {
        let found = page["experiments"].as_array().unwrap();
        found
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let filter = "name LIKE 't%'";
    let posted = world
        .posted(
            &format!("{BASE}/search"),
            json!({"filter": filter, "max_results": "10"}),
        )
        .await;
    assert_eq!(names(&posted), ["two"]);
    let got = world
        .got(&format!(
            "{BASE}/search?filter=name+LIKE+%27t%25%27&max_results=10&view_type=ALL"
        ))
        .await;
    assert_eq!(names(&got), ["two"]);
    let none = world
        .posted(&format!("{BASE}/search"), json!({"view_type": "DELETED_ONLY"}))
        .await;
    assert_eq!(none, json!({}));
    let bad = world
        .post(&format!("{BASE}/search"), json!({"filter": "colour = 'x'"}))
        .await;
    assert_eq!((bad.0, refusal(&bad).1), (400, "INVALID_PARAMETER_VALUE"));
}
