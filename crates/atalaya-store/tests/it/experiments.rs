//! The life of an experiment.

use atalaya_domain::tracking::DEFAULT_EXPERIMENT_ID;
use atalaya_store::{NewExperiment, NewRun, Noun, Search, StoreError, View};

use crate::home::{Home, at, filter, ordered, tags};

fn named(name: &str) -> NewExperiment {
    NewExperiment {
        name: name.into(),
        tags: tags(&[("k", "v")]),
    }
}

#[tokio::test]
async fn the_default_experiment_is_always_there_under_its_three_names() {
    let home = Home::new().await;
    for id in ["0", "None", ""] {
        let experiment = home.store.experiment(id).await.unwrap();
        assert_eq!(
            (experiment.experiment_id.as_str(), experiment.name.as_str()),
            (DEFAULT_EXPERIMENT_ID, "Default")
        );
    }
    assert!(matches!(
        home.store.delete_experiment("0", at(1)).await,
        Err(StoreError::InvalidParameter { .. })
    ));
}

#[tokio::test]
async fn an_experiment_is_created_found_renamed_and_tagged() {
    let home = Home::new().await;
    let store = &home.store;
    let created = store.create_experiment(&named("/Users/ana/lab5"), at(5)).await.unwrap();
    assert_eq!((created.experiment_id.as_str(), created.created_at), ("1", at(5)));
    assert_eq!(store.experiment_by_name("/Users/ana/lab5").await.unwrap(), created);
    let taken = store
        .create_experiment(&named("/Users/ana/lab5"), at(6))
        .await
        .unwrap_err();
    assert!(matches!(
        taken,
        StoreError::AlreadyExists {
            kind: Noun::Experiment,
            ..
        }
    ));
    for unknown in ["99", "abc", "-1", "+1", "99999999999999999999"] {
        assert!(
            matches!(store.experiment(unknown).await, Err(StoreError::NotFound { .. })),
            "{unknown}"
        );
    }
    store.rename_experiment("1", "/Users/ana/final", at(7)).await.unwrap();
    assert!(matches!(
        store.rename_experiment("1", "Default", at(7)).await,
        Err(StoreError::AlreadyExists { .. })
    ));
    store.set_experiment_tag("1", "k", "w", at(8)).await.unwrap();
    let read = store.experiment("1").await.unwrap();
    assert_eq!(
        (read.name.as_str(), read.tags, read.updated_at),
        ("/Users/ana/final", tags(&[("k", "w")]), at(8))
    );
    store.delete_experiment_tag("1", "k", at(9)).await.unwrap();
    let absent = store.delete_experiment_tag("1", "k", at(9)).await.unwrap_err();
    assert!(matches!(absent, StoreError::NotFound { kind: Noun::Tag, .. }));
}

#[tokio::test]
async fn deleting_takes_the_active_runs_along_and_restoring_brings_just_those_back() {
    let home = Home::new().await;
    let store = &home.store;
    store.create_experiment(&named("e"), at(1)).await.unwrap();
    let new = NewRun {
        experiment_id: Some("1".into()),
        ..NewRun::default()
    };
    let (kept, dropped) = (
        store.create_run(&new).await.unwrap().run_id,
        store.create_run(&new).await.unwrap().run_id,
    );
    store.delete_run(&dropped, at(9)).await.unwrap();

    store.delete_experiment("1", at(9)).await.unwrap();
    assert!(store.experiment("1").await.unwrap().deleted);
    assert!(
        store.experiment_by_name("e").await.unwrap().deleted,
        "clients ask, see, and refuse"
    );
    assert!(store.run(&kept).await.unwrap().deleted);
    assert!(matches!(
        store.create_run(&new).await,
        Err(StoreError::InvalidParameter {
            parameter: "experiment_id",
            ..
        })
    ));
    assert!(matches!(
        store.set_experiment_tag("1", "k", "v", at(10)).await,
        Err(StoreError::InvalidParameter { .. })
    ));
    assert!(matches!(
        store.delete_experiment("1", at(10)).await,
        Err(StoreError::NotFound { .. })
    ));

    store.restore_experiment("1", at(11)).await.unwrap();
    assert!(!store.run(&kept).await.unwrap().deleted);
    assert!(store.run(&dropped).await.unwrap().deleted, "it was deleted for itself");
    assert!(matches!(
        store.restore_experiment("1", at(12)).await,
        Err(StoreError::NotFound { .. })
    ));
}

#[tokio::test]
async fn experiments_are_searched_by_view_filter_and_order() {
    let home = Home::new().await;
    let store = &home.store;
    for (name, ms) in [("lab one", 10), ("lab two", 20), ("other", 30)] {
        store.create_experiment(&named(name), at(ms)).await.unwrap();
    }
    store.delete_experiment("3", at(40)).await.unwrap();
    let names = async |view, search: &Search| -> Vec<String> {
        let page = store.search_experiments(view, search).await.unwrap();
        page.items.into_iter().map(|e| e.name).collect()
    };
    assert_eq!(
        names(View::ActiveOnly, &Search::default()).await,
        ["lab two", "lab one", "Default"]
    );
    assert_eq!(names(View::DeletedOnly, &Search::default()).await, ["other"]);
    assert_eq!(
        names(View::All, &ordered(&["name"])).await,
        ["Default", "lab one", "lab two", "other"]
    );
    assert_eq!(
        names(View::ActiveOnly, &filter("name LIKE '%lab%' AND creation_time > 15")).await,
        ["lab two"]
    );
    assert_eq!(
        names(View::All, &filter("tags.k = 'v' AND tags.k != 'w'")).await,
        ["other", "lab two", "lab one"]
    );
}
