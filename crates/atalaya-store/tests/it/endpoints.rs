//! The life of an endpoint: wanted, loading, serving, changed, deleted.

use atalaya_domain::ServedEntityName;
use atalaya_domain::endpoint::{
    ConfigUpdate, EndpointConfig, LogPolicy, Route, ServedEntity, Traffic, WorkloadSize, default_entity_name,
};
use atalaya_store::{NewEndpoint, Noun, StoreError};

use crate::home::{Home, at, endpoint, model, tags};

fn entity(version: u32) -> ServedEntity {
    let model = model("diabetes");
    ServedEntity {
        name: default_entity_name(&model, version).unwrap(),
        model,
        version,
        workload_size: WorkloadSize::Small,
        scale_to_zero: false,
        environment: [("TOKEN".to_owned(), "{{secrets/a/b}}".to_owned())].into(),
    }
}

fn canary(percentage: u8) -> EndpointConfig {
    let route = |name: &ServedEntityName, percentage| Route {
        entity: name.clone(),
        percentage,
    };
    let (a, b) = (entity(1), entity(2));
    let traffic = Traffic::new(vec![route(&a.name, 100 - percentage), route(&b.name, percentage)]).unwrap();
    EndpointConfig::new(0, vec![a, b], traffic, LogPolicy::default()).unwrap()
}

fn new() -> NewEndpoint {
    NewEndpoint {
        name: endpoint("e"),
        config: canary(10),
        tags: tags(&[("k", "v")]),
        created_by: "ana".into(),
    }
}

#[tokio::test]
async fn a_new_endpoint_is_wanted_then_serves_and_survives_a_restart() {
    let home = Home::new().await;
    let created = home.store.create_endpoint(&new(), at(5)).await.unwrap();
    assert_eq!(
        (created.id.len(), created.update, created.active.clone()),
        (32, ConfigUpdate::InProgress, None)
    );
    assert_eq!(
        created.pending,
        Some(EndpointConfig {
            config_version: 1,
            ..canary(10)
        })
    );
    let taken = home.store.create_endpoint(&new(), at(6)).await.unwrap_err();
    assert!(matches!(
        taken,
        StoreError::AlreadyExists {
            kind: Noun::Endpoint,
            ..
        }
    ));

    let live = home.store.activate(&endpoint("e"), 1, at(7)).await.unwrap();
    assert_eq!(
        (live.update, live.pending.is_none(), live.updated_at),
        (ConfigUpdate::NotUpdating, true, at(7))
    );
    home.store.activate(&endpoint("e"), 1, at(8)).await.unwrap();

    let home = home.restarted().await;
    assert_eq!(home.store.endpoint(&endpoint("e")).await.unwrap(), live);
    assert_eq!(home.store.endpoint_by_id(&live.id).await.unwrap(), live);
    assert_eq!(home.store.endpoints().await.unwrap(), [live]);
}

#[tokio::test]
async fn one_update_at_a_time_and_the_old_configuration_serves_until_then() {
    let home = Home::new().await;
    let (store, name) = (&home.store, endpoint("e"));
    store.create_endpoint(&new(), at(1)).await.unwrap();
    let busy = store.set_pending(&name, &canary(50), at(2)).await.unwrap_err();
    assert!(matches!(
        busy,
        StoreError::Conflict {
            kind: Noun::Endpoint,
            ..
        }
    ));
    store.activate(&name, 1, at(3)).await.unwrap();

    let updating = store.set_pending(&name, &canary(50), at(4)).await.unwrap();
    assert_eq!(
        (updating.update, updating.active.as_ref().unwrap().config_version),
        (ConfigUpdate::InProgress, 1)
    );
    assert_eq!(updating.pending.as_ref().unwrap().config_version, 2);
    assert_eq!(store.endpoint(&name).await.unwrap(), updating);
    assert!(
        matches!(store.activate(&name, 1, at(5)).await, Err(StoreError::Conflict { .. })),
        "not that one"
    );

    let failed = store
        .fail_update(&name, 2, "served entity `diabetes-2`: unknown class", at(6))
        .await
        .unwrap();
    assert_eq!(
        (failed.update, failed.active.as_ref().unwrap().config_version),
        (ConfigUpdate::UpdateFailed, 1)
    );
    assert_eq!(failed.update_message, "served entity `diabetes-2`: unknown class");
    assert!(
        matches!(store.activate(&name, 2, at(7)).await, Err(StoreError::Conflict { .. })),
        "it was given up"
    );
    assert!(matches!(
        store.fail_update(&name, 2, "again", at(7)).await,
        Err(StoreError::Conflict { .. })
    ));

    let third = store.set_pending(&name, &canary(20), at(8)).await.unwrap();
    assert_eq!(
        (
            third.pending.as_ref().unwrap().config_version,
            third.update_message.as_str()
        ),
        (3, "")
    );
    let live = store.activate(&name, 3, at(9)).await.unwrap();
    assert_eq!(
        live.active,
        Some(EndpointConfig {
            config_version: 3,
            ..canary(20)
        })
    );
}

#[tokio::test]
async fn tags_are_patched_and_endpoints_deleted() {
    let home = Home::new().await;
    let (store, name) = (&home.store, endpoint("e"));
    store.create_endpoint(&new(), at(1)).await.unwrap();
    let left = store
        .patch_endpoint_tags(&name, &tags(&[("a", "1")]), &["k".into(), "absent".into()], at(2))
        .await
        .unwrap();
    assert_eq!(left, tags(&[("a", "1")]));
    assert_eq!(store.endpoint(&name).await.unwrap().tags, left);
    store.delete_endpoint(&name).await.unwrap();
    for gone in [
        store.endpoint(&name).await.err(),
        store.delete_endpoint(&name).await.err(),
        store.activate(&name, 1, at(3)).await.err(),
        store.set_pending(&name, &canary(1), at(3)).await.err(),
        store.patch_endpoint_tags(&name, &tags(&[]), &[], at(3)).await.err(),
        store.endpoint_by_id("0").await.err(),
    ] {
        assert!(matches!(
            gone,
            Some(StoreError::NotFound {
                kind: Noun::Endpoint,
                ..
            })
        ));
    }
    assert!(
        store
            .create_endpoint(&new(), at(4))
            .await
            .unwrap()
            .tags
            .contains_key("k")
    );
}
