//! `/api/2.0/permissions/serving-endpoints/…`.

use serde_json::json;

use super::serving_endpoints::create;
use crate::world::{World, refusal};

#[tokio::test]
async fn the_creator_manages_the_endpoint() {
    let world = World::with_model().await;
    let endpoint = create(&world, "owned", "1").await;
    let id = endpoint["id"].as_str().unwrap();
    let path = format!("/api/2.0/permissions/serving-endpoints/{id}");
    let expected = json!({
        "object_id": format!("/serving-endpoints/{id}"), "object_type": "serving-endpoint",
        "access_control_list": [{
            "user_name": "admin", "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": false}],
        }],
    });
    assert_eq!(world.got(&path).await, expected);
    let levels = world.got(&format!("{path}/permissionLevels")).await;
    assert_eq!(levels["permission_levels"].as_array().unwrap().len(), 3);
    let by_name = world.get("/api/2.0/permissions/serving-endpoints/owned").await;
    assert_eq!((by_name.0, refusal(&by_name).1), (404, "RESOURCE_DOES_NOT_EXIST"));
    for method in ["PUT", "PATCH"] {
        let refused = world.send(method, &path, json!({"access_control_list": []})).await;
        assert_eq!((refused.0, refusal(&refused).1), (501, "NOT_IMPLEMENTED"), "{method}");
    }
}
