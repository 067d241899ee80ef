//! `/api/2.0/token/…`.

use serde_json::json;

use crate::world::{World, answer, refusal, status, timeless};

const CREATE: &str = "/api/2.0/token/create";

#[tokio::test]
async fn a_token_is_shown_once_listed_without_its_secret_and_revoked() {
    let world = World::empty().await;
    let made = world
        .posted(CREATE, json!({"comment": "ci", "lifetime_seconds": 3600}))
        .await;
    let (token, info) = (made["token_value"].as_str().unwrap(), &made["token_info"]);
    let lived = info["expiry_time"].as_i64().unwrap() - info["creation_time"].as_i64().unwrap();
    assert_eq!(lived, 3_600_000);
    let id = info["token_id"].as_str().unwrap();
    let expected = json!({"token_id": id, "creation_time": 0, "expiry_time": 0, "comment": "ci", "role": "admin"});
    assert_eq!(timeless(info.clone()), expected);

    let listed = world.got("/api/2.0/token/list").await;
    assert!(
        timeless(listed.clone())["token_infos"]
            .as_array()
            .unwrap()
            .contains(&expected)
    );
    let secret = token.rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(secret));

    assert_eq!(
        world.posted("/api/2.0/token/delete", json!({"token_id": id})).await,
        json!({})
    );
    let gone = world.post("/api/2.0/token/delete", json!({"token_id": id})).await;
    assert_eq!((gone.0, refusal(&gone).1), (404, "RESOURCE_DOES_NOT_EXIST"));
}

#[tokio::test]
async fn without_a_lifetime_a_token_does_not_end() {
    let world = World::empty().await;
    let made = world.posted(CREATE, json!({})).await;
    assert_eq!(made["token_info"]["expiry_time"], -1);
    for bad in [json!(0), json!(-5), json!(i64::MAX), json!("soon")] {
        let refused = world.post(CREATE, json!({"lifetime_seconds": bad})).await;
        assert_eq!(
            (refused.0, refusal(&refused).1),
            (400, "INVALID_PARAMETER_VALUE"),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_token_that_ends_makes_none_that_outlives_it() {
    let world = World::empty().await;
    let short = world.token_for("admin", &[]).await;
    let ask = |body| answer(world.anonymous("POST", CREATE).bearer_auth(&short).json(&body));
    let longer = ask(json!({"lifetime_seconds": 86_400})).await;
    assert_eq!((longer.0, refusal(&longer).1), (403, "PERMISSION_DENIED"));
    let (status, made) = ask(json!({})).await;
    assert_eq!(status, 200);
    assert!(made["token_info"]["expiry_time"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_token_limited_to_endpoints_hands_on_no_more() {
    let world = World::empty().await;
    let body = json!({"role": "admin", "endpoints": ["a", "b"]});
    let made = world.posted(CREATE, body).await;
    assert_eq!(made["token_info"]["endpoints"], json!(["a", "b"]));
    let limited = made["token_value"].as_str().unwrap();
    let ask = |body| answer(world.anonymous("POST", CREATE).bearer_auth(limited).json(&body));
    let wider = ask(json!({"endpoints": ["a", "c"]})).await;
    assert_eq!((wider.0, refusal(&wider).1), (403, "PERMISSION_DENIED"));
    let (_, same) = ask(json!({"role": "querier"})).await;
    assert_eq!(same["token_info"]["endpoints"], json!(["a", "b"]));
    assert_eq!(same["token_info"]["role"], "querier");
    let unknown = world.post(CREATE, json!({"role": "emperor"})).await;
    assert_eq!((unknown.0, refusal(&unknown).1), (400, "INVALID_PARAMETER_VALUE"));
}

#[tokio::test]
async fn the_first_token_works_again_after_a_restart() {
    let world = World::empty().await.restarted().await;
    assert_eq!(status(world.request("GET", "/api/2.0/preview/scim/v2/Me")).await, 200);
}
