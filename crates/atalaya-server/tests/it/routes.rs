//! Every route asks for credentials, except a written list; and asks for the right ones.

use std::sync::Arc;

use atalaya_server::{Clock, HeldClock};
use serde_json::json;

use crate::world::{World, answer, refusal, status};

/// Routes that ask nobody. This list may only shrink.
const OPEN: [(&str, &str); 3] = [
    ("GET", "/.well-known/databricks-config"),
    ("GET", "/health"),
    ("GET", "/version"),
];

/// A path that the pattern covers.
fn sample(pattern: &str) -> String {
    pattern.replace(['{', '}', '*'], "")
}

#[tokio::test]
async fn the_open_routes_are_exactly_the_written_ones() {
    let world = World::empty().await;
    let mut open: Vec<_> = world
        .routes
        .iter()
        .filter(|row| row.access == "open")
        .map(|row| (row.method.as_str(), row.path))
        .collect();
    open.sort_unstable();
    assert_eq!(open, OPEN);
    for (method, path) in OPEN {
        assert_eq!(status(world.anonymous(method, path)).await, 200, "{path}");
    }
}

#[tokio::test]
async fn every_other_route_refuses_who_has_no_token_or_a_wrong_one() {
    let world = World::empty().await;
    let invented = "atlp_000000000000_0000000000000000000000000000000000000000000000000";
    let mut checked = 0;
    for row in world.routes.iter().filter(|row| row.access != "open") {
        let path = sample(row.path);
        for token in [None, Some("garbage"), Some(invented), Some("")] {
            let request = world.anonymous(&row.method, &path);
            let request = match token {
                None => request,
                Some(token) => request.header("authorization", format!("Bearer {token}")),
            };
            let reply = request.send().await.unwrap();
            assert_eq!(reply.status(), 401, "{} {path} with {token:?}", row.method);
            let body: serde_json::Value = reply.json().await.unwrap();
            assert_eq!(body["error_code"], "UNAUTHENTICATED", "{} {path}", row.method);
        }
        checked += 1;
    }
    assert!(checked > 60, "only {checked} routes were found");
}

#[tokio::test]
async fn variants_of_a_path_are_no_way_around_the_token() {
    let world = World::empty().await;
    for path in [
        "/api/2.0/serving-endpoints/",
        "//api/2.0/serving-endpoints",
        "/api//2.0/serving-endpoints",
        "/API/2.0/serving-endpoints",
        "/api/2.0/serving-endpoints;x",
        "/api/2.0/serving%2fendpoints",
        "/ajax-api/2.0/mlflow/registered-models/search",
        "/nowhere",
        "/.well-known/databricks-config/x",
        "/health/x",
    ] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "TRACE"] {
            assert_eq!(status(world.anonymous(method, path)).await, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_stops_working_at_once() {
    let world = World::empty().await;
    let made = world.posted("/api/2.0/token/create", json!({"comment": "short"})).await;
    let token = made["token_value"].as_str().unwrap();
    let me = || world.anonymous("GET", "/api/2.0/preview/scim/v2/Me").bearer_auth(token);
    assert_eq!(status(me()).await, 200);
    let id = made["token_info"]["token_id"].as_str().unwrap();
    world.posted("/api/2.0/token/delete", json!({"token_id": id})).await;
    assert_eq!(status(me()).await, 401);
}

#[tokio::test]
async fn an_expired_token_stops_working() {
    let clock = Arc::new(HeldClock::at_us(1_700_000_000_000_000));
    let world = World::unusual(|_| {}, Arc::<HeldClock>::clone(&clock) as Arc<dyn Clock>).await;
    let lasting = |seconds: u32| json!({"comment": "short", "lifetime_seconds": seconds});
    let short = world.posted("/api/2.0/token/create", lasting(60)).await;
    let long = world.posted("/api/2.0/token/create", lasting(62)).await;
    clock.advance_us(61_000_000);
    for (made, expected) in [(short, 401), (long, 200)] {
        let token = made["token_value"].as_str().unwrap();
        let me = world.anonymous("GET", "/api/2.0/preview/scim/v2/Me").bearer_auth(token);
        assert_eq!(status(me).await, expected);
    }
}

#[tokio::test]
async fn each_role_reaches_what_it_may_and_nothing_more() {
    let world = World::empty().await;
    let matrix = [
        // method, path, body-less status by role: querier, viewer, manager, admin
        ("GET", "/api/2.0/serving-endpoints", [403, 200, 200, 200]),
        ("GET", "/api/2.0/mlflow/registered-models/search", [403, 200, 200, 200]),
        ("POST", "/api/2.0/mlflow/runs/search", [403, 200, 200, 200]),
        ("POST", "/api/2.0/mlflow/registered-models/create", [403, 403, 400, 400]),
        ("DELETE", "/api/2.0/serving-endpoints/none", [403, 403, 404, 404]),
        ("GET", "/api/2.0/token/list", [403, 403, 403, 200]),
        ("POST", "/api/2.0/token/create", [403, 403, 403, 200]),
        ("POST", "/serving-endpoints/none/invocations", [404, 404, 404, 404]),
    ];
    for (at, role) in ["querier", "viewer", "manager", "admin"].into_iter().enumerate() {
        let token = world.token_for(role, &[]).await;
        for (method, path, expected) in matrix {
            let got = status(world.anonymous(method, path).bearer_auth(&token)).await;
            assert_eq!(got.as_u16(), expected[at], "{role}: {method} {path}");
        }
    }
}

#[tokio::test]
async fn a_token_for_one_endpoint_queries_no_other() {
    let world = World::empty().await;
    let token = world.token_for("querier", &["mine"]).await;
    let invoke = |name: &str| {
        world
            .anonymous("POST", &format!("/serving-endpoints/{name}/invocations"))
            .bearer_auth(&token)
    };
    assert_eq!(status(invoke("mine")).await, 404);
    assert_eq!(status(invoke("other")).await, 403);
}

#[tokio::test]
async fn a_known_path_says_which_methods_it_takes() {
    let world = World::empty().await;
    let reply = world
        .request("DELETE", "/api/2.0/mlflow/runs/get")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 405);
    assert_eq!(reply.headers()["allow"], "GET");
    let unknown = answer(world.request("GET", "/api/5.0/mlflow/traces")).await;
    assert_eq!(refusal(&unknown).1, "ENDPOINT_NOT_FOUND");
    assert_eq!(unknown.0, 404);
}

#[tokio::test]
async fn a_body_over_the_routes_limit_is_refused_unread() {
    let world = World::empty().await;
    let body = vec![b' '; (1 << 20) + 1];
    let refused = answer(world.request("POST", "/api/2.0/mlflow/runs/search").body(body)).await;
    assert_eq!((refused.0, refusal(&refused).1), (413, "BAD_REQUEST"));
    let not_json = answer(world.request("POST", "/api/2.0/mlflow/runs/search").body("[1]")).await;
    assert_eq!(
        refusal(&not_json),
        (400, "BAD_REQUEST", "the body must be a JSON object")
    );
}
