//! The life of a model version: number, files, stage, alias, search.

use atalaya_domain::registry::{Stage, VersionStatus};
use atalaya_store::{Digest, Noun, Search, StoreError, Transit};

use crate::home::{Home, at, filter, model, tags, version};

#[tokio::test]
async fn eight_at_once_get_the_numbers_one_to_eight() {
    let home = Home::new().await;
    let name = home.model("m").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, name) = (home.store.clone(), name.clone());
        tasks.spawn(async move {
            store
                .create_model_version(&version(&name), at(1))
                .await
                .unwrap()
                .version
        });
    }
    let mut numbers = tasks.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn a_number_is_never_used_again() {
    let home = Home::new().await;
    let name = home.model("m").await;
    home.ready(&name).await;
    home.ready(&name).await;
    home.store.delete_model_version(&name, 2, at(9)).await.unwrap();
    assert_eq!(home.pending(&name).await.version, 3);
    assert!(matches!(
        home.store.model_version(&name, 2).await,
        Err(StoreError::NotFound { kind: Noun::ModelVersion, ref name }) if name == "m/2"
    ));
}

#[tokio::test]
async fn a_version_is_ready_only_once_its_files_are_named() {
    let home = Home::new().await;
    let name = home.model("m").await;
    home.ready(&name).await;
    let pending = home.pending(&name).await;
    assert_eq!(
        (pending.version, pending.status, pending.artifact_digest.as_str()),
        (2, VersionStatus::PendingRegistration, "")
    );

    // The process dies here; the next one sees a pending version and nobody is served it.
    let home = home.restarted().await;
    let store = &home.store;
    assert_eq!(
        store.model_version(&name, 2).await.unwrap().status,
        VersionStatus::PendingRegistration
    );
    assert_eq!(
        store
            .resolve(&"models:/m/latest".parse().unwrap())
            .await
            .unwrap()
            .version,
        1
    );
    assert_eq!(store.latest_versions(&name, &[]).await.unwrap().len(), 1);
    let refused = store.resolve(&"models:/m/2".parse().unwrap()).await.unwrap_err();
    assert!(matches!(
        refused,
        StoreError::Conflict {
            kind: Noun::ModelVersion,
            ..
        }
    ));

    let digest = Digest::of(b"two");
    let ready = store.finish_model_version(&name, 2, &digest, at(7)).await.unwrap();
    assert_eq!(
        (ready.status, ready.artifact_digest.as_str()),
        (VersionStatus::Ready, digest.as_str())
    );
    store.finish_model_version(&name, 2, &digest, at(8)).await.unwrap();
    let other = store
        .finish_model_version(&name, 2, &Digest::of(b"three"), at(9))
        .await
        .unwrap_err();
    assert!(
        matches!(other, StoreError::Conflict { .. }),
        "what was approved is what stays"
    );
    assert!(matches!(
        store.fail_model_version(&name, 2, "late", at(9)).await,
        Err(StoreError::Conflict { .. })
    ));
    assert_eq!(
        store
            .resolve(&"models:/m/latest".parse().unwrap())
            .await
            .unwrap()
            .version,
        2
    );
}

#[tokio::test]
async fn a_failed_version_says_why_and_stays_unusable() {
    let home = Home::new().await;
    let name = home.model("m").await;
    home.pending(&name).await;
    let failed = home
        .store
        .fail_model_version(&name, 1, "files do not match", at(4))
        .await
        .unwrap();
    assert_eq!(failed.status, VersionStatus::FailedRegistration);
    assert_eq!(
        home.store.model_version_message(&name, 1).await.unwrap(),
        "files do not match"
    );
    assert!(
        home.store
            .finish_model_version(&name, 1, &Digest::of(b"x"), at(5))
            .await
            .is_err()
    );
    assert!(matches!(
        home.store.resolve(&"models:/m/latest".parse().unwrap()).await,
        Err(StoreError::NotFound { .. })
    ));
}

#[tokio::test]
async fn promotion_archives_the_former_and_is_on_record() {
    let home = Home::new().await;
    let store = &home.store;
    let name = home.model("m").await;
    for _ in 0..3 {
        home.ready(&name).await;
    }
    let to = |version, stage, archive_existing| Transit {
        name: name.clone(),
        version,
        stage,
        archive_existing,
        changed_by: "ana".into(),
    };
    store
        .transition_stage(&to(1, Stage::Production, true), at(10))
        .await
        .unwrap();
    store
        .transition_stage(&to(2, Stage::Production, false), at(11))
        .await
        .unwrap();
    assert_eq!(
        store.model_version(&name, 1).await.unwrap().stage,
        Stage::Production,
        "not asked to archive"
    );
    let moved = store
        .transition_stage(&to(3, Stage::Production, true), at(12))
        .await
        .unwrap();
    assert_eq!((moved.stage, moved.updated_at), (Stage::Production, at(12)));
    for former in [1, 2] {
        assert_eq!(store.model_version(&name, former).await.unwrap().stage, Stage::Archived);
    }
    // The lab archives with the flag set: nothing else moves.
    store
        .transition_stage(&to(3, Stage::Archived, true), at(13))
        .await
        .unwrap();
    store
        .transition_stage(&to(3, Stage::Archived, true), at(14))
        .await
        .unwrap();

    let history = store.stage_history(&name, None).await.unwrap();
    let line = |i: usize| {
        (
            history[i].version,
            history[i].from,
            history[i].to,
            history[i].changed_at,
        )
    };
    assert_eq!(history.len(), 6, "staying where it is is no change");
    assert_eq!(line(0), (3, Stage::Production, Stage::Archived, at(13)));
    assert_eq!(line(5), (1, Stage::None, Stage::Production, at(10)));
    assert_eq!(store.stage_history(&name, Some(2)).await.unwrap().len(), 2);

    home.ready(&name).await;
    store.transition_stage(&to(3, Stage::None, true), at(15)).await.unwrap();
    let other = store.model_version(&name, 4).await.unwrap();
    assert_eq!(other.stage, Stage::None, "to None archives nothing either");

    store
        .rename_registered_model(&name, &model("renamed"), at(15))
        .await
        .unwrap();
    assert_eq!(
        store.stage_history(&model("renamed"), None).await.unwrap().len(),
        7,
        "history follows the model"
    );
    let absent = store
        .transition_stage(&to(9, Stage::Staging, false), at(16))
        .await
        .unwrap_err();
    assert!(matches!(absent, StoreError::NotFound { .. }));
}

#[tokio::test]
async fn uris_by_number_stage_latest_and_alias_find_their_version() {
    let home = Home::new().await;
    let store = &home.store;
    let name = home.model("m").await;
    for _ in 0..3 {
        home.ready(&name).await;
    }
    let transit = Transit {
        name: name.clone(),
        version: 2,
        stage: Stage::Production,
        archive_existing: true,
        changed_by: "ana".into(),
    };
    store.transition_stage(&transit, at(5)).await.unwrap();
    store.set_alias(&name, "champion", 1, at(6)).await.unwrap();
    for (uri, number) in [
        ("models:/m/3", 3),
        ("models:/m/production", 2),
        ("models:/m/latest", 3),
        ("models:/m@champion", 1),
    ] {
        assert_eq!(
            store.resolve(&uri.parse().unwrap()).await.unwrap().version,
            number,
            "{uri}"
        );
    }
    for uri in [
        "models:/m/9",
        "models:/m/Staging",
        "models:/m@nobody",
        "models:/other/1",
    ] {
        assert!(
            matches!(
                store.resolve(&uri.parse().unwrap()).await,
                Err(StoreError::NotFound { .. })
            ),
            "{uri}"
        );
    }
    let newest = store.latest_versions(&name, &[]).await.unwrap();
    assert_eq!(
        newest.iter().map(|v| (v.stage, v.version)).collect::<Vec<_>>(),
        [(Stage::Production, 2), (Stage::None, 3)]
    );
    assert_eq!(
        store.latest_versions(&name, &[Stage::Production]).await.unwrap().len(),
        1
    );
    assert!(
        store
            .latest_versions(&name, &[Stage::Staging])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_alias_moves_in_one_step_and_never_dangles() {
    let home = Home::new().await;
    let store = &home.store;
    let name = home.model("m").await;
    home.ready(&name).await;
    home.ready(&name).await;
    store.set_alias(&name, "champion", 1, at(5)).await.unwrap();
    store.set_alias(&name, "champion", 2, at(6)).await.unwrap();
    assert_eq!(store.registered_model(&name).await.unwrap().updated_at, at(6));
    assert_eq!(
        store.version_by_alias(&name, "champion").await.unwrap().aliases,
        ["champion"]
    );
    assert_eq!(
        store.registered_model(&name).await.unwrap().aliases,
        [("champion".to_owned(), 2)].into()
    );
    assert!(store.model_version(&name, 1).await.unwrap().aliases.is_empty());
    assert!(matches!(
        store.set_alias(&name, "champion", 7, at(7)).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.set_alias(&name, "v1", 1, at(7)).await,
        Err(StoreError::InvalidParameter { .. })
    ));

    store.delete_model_version(&name, 2, at(8)).await.unwrap();
    let gone = store.version_by_alias(&name, "champion").await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { kind: Noun::Alias, .. }));
    store.set_alias(&name, "champion", 1, at(9)).await.unwrap();
    store.delete_alias(&name, "champion", at(10)).await.unwrap();
    store.delete_alias(&name, "champion", at(10)).await.unwrap();
    assert!(store.registered_model(&name).await.unwrap().aliases.is_empty());
}

#[tokio::test]
async fn versions_are_described_tagged_and_searched() {
    let home = Home::new().await;
    let store = &home.store;
    let (a, b) = (home.model("a").await, home.model("b").await);
    home.ready(&a).await;
    home.ready(&a).await;
    let mut new = version(&b);
    (new.run_id, new.tags) = ("other".into(), tags(&[("k", "v")]));
    store.create_model_version(&new, at(2)).await.unwrap();
    store.update_model_version(&a, 1, "best", at(20)).await.unwrap();
    store
        .set_model_version_tag(&a, 2, ("gate", "passed"), at(10))
        .await
        .unwrap();
    store.delete_model_version_tag(&b, 1, "absent", at(30)).await.unwrap();

    let found = async |search: &Search| -> Vec<String> {
        let page = store.search_model_versions(search).await.unwrap();
        page.items.iter().map(|v| format!("{}/{}", v.name, v.version)).collect()
    };
    assert_eq!(
        found(&Search::default()).await,
        ["a/1", "a/2", "b/1"],
        "last changed first"
    );
    assert_eq!(found(&filter("name='a' and version_number > 1")).await, ["a/2"]);
    assert_eq!(found(&filter("run_id = 'other'")).await, ["b/1"]);
    assert_eq!(found(&filter("run_id IN ('other', 'x')")).await, ["b/1"]);
    assert_eq!(found(&filter("tags.gate = 'passed'")).await, ["a/2"]);
    assert_eq!(
        found(&filter("source_path LIKE 'dbfs:/%' and tags.k != 'v' and name = 'b'")).await,
        Vec::<String>::new()
    );
    let read = store.model_version(&a, 1).await.unwrap();
    assert_eq!(
        (read.description.as_str(), read.updated_at, read.created_by.as_str()),
        ("best", at(20), "ana")
    );
    let error = store
        .search_model_versions(&filter("colour = 'red'"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`version_number`"), "{error}");
}
