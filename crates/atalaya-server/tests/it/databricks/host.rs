//! What clients ask before anything else.

use serde_json::json;

use crate::world::{World, answer, header};

#[tokio::test]
async fn discovery_answers_without_a_token_and_points_back_to_the_caller() {
    let world = World::empty().await;
    let (status, config) = answer(world.anonymous("GET", "/.well-known/databricks-config")).await;
    assert_eq!(status, 200);
    assert_eq!(config["oidc_endpoint"], world.url("/oidc"));
    assert_eq!(config["cloud"], "AZURE");
    let id = config["workspace_id"].as_str().unwrap().to_owned();
    assert!(id.parse::<u64>().is_ok_and(|number| number > 0), "{id}");
    let world = world.restarted().await;
    let (_, again) = answer(world.anonymous("GET", "/.well-known/databricks-config")).await;
    assert_eq!(again["workspace_id"], id.as_str());
}

#[tokio::test]
async fn me_says_who_the_token_belongs_to() {
    let world = World::empty().await;
    let reply = world
        .request("GET", "/api/2.0/preview/scim/v2/Me")
        .send()
        .await
        .unwrap();
    let org = header(&reply, "x-databricks-org-id").to_owned();
    assert!(org.parse::<u64>().is_ok(), "{org}");
    let me: serde_json::Value = reply.json().await.unwrap();
    let expected = json!({
        "id": "admin", "userName": "admin", "displayName": "admin", "active": true,
        "emails": [{"value": "admin", "type": "work", "primary": true}],
        "groups": [{"display": "admins", "value": "admin"}],
    });
    assert_eq!(me, expected);
}
