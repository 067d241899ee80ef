//! The life of a registered model.

use atalaya_domain::registry::Stage;
use atalaya_store::{NewRegisteredModel, Noun, Search, StoreError};

use crate::home::{Home, at, filter, model, ordered, tags};

#[tokio::test]
async fn a_model_is_created_described_tagged_renamed_and_deleted() {
    let home = Home::new().await;
    let store = &home.store;
    let new = NewRegisteredModel {
        name: model("diabetes"),
        description: "first".into(),
        tags: tags(&[("team", "health")]),
    };
    let created = store.create_registered_model(&new, at(10)).await.unwrap();
    assert_eq!((created.created_at, created.updated_at), (at(10), at(10)));
    assert_eq!(created.tags, tags(&[("team", "health")]));

    let again = store.create_registered_model(&new, at(11)).await.unwrap_err();
    assert!(matches!(again, StoreError::AlreadyExists { kind: Noun::RegisteredModel, ref name } if name == "diabetes"));

    let updated = store
        .update_registered_model(&new.name, "second", at(12))
        .await
        .unwrap();
    assert_eq!((updated.description.as_str(), updated.updated_at), ("second", at(12)));
    store
        .set_registered_model_tag(&new.name, "team", "care", at(13))
        .await
        .unwrap();
    store
        .set_registered_model_tag(&new.name, "x", "1", at(13))
        .await
        .unwrap();
    store.delete_registered_model_tag(&new.name, "x", at(14)).await.unwrap();
    store
        .delete_registered_model_tag(&new.name, "never was", at(15))
        .await
        .unwrap();
    let read = store.registered_model(&new.name).await.unwrap();
    assert_eq!((read.tags, read.updated_at), (tags(&[("team", "care")]), at(14)));

    home.model("taken").await;
    let refused = store
        .rename_registered_model(&new.name, &model("taken"), at(16))
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::AlreadyExists { .. }));
    let renamed = store
        .rename_registered_model(&new.name, &model("glucose"), at(17))
        .await
        .unwrap();
    assert_eq!(renamed.name, model("glucose"));
    assert_eq!(renamed.tags, tags(&[("team", "care")]));
    assert!(matches!(
        store.registered_model(&new.name).await,
        Err(StoreError::NotFound { .. })
    ));

    store.delete_registered_model(&renamed.name).await.unwrap();
    let gone = store.delete_registered_model(&renamed.name).await.unwrap_err();
    assert_eq!(gone.to_string(), "registered model `glucose` not found");
}

#[tokio::test]
async fn deleting_a_model_takes_everything_of_it_along_but_its_history() {
    let home = Home::new().await;
    let store = &home.store;
    let name = home.model("m").await;
    home.ready(&name).await;
    store.set_alias(&name, "champion", 1, at(5)).await.unwrap();
    store.set_model_version_tag(&name, 1, ("k", "v"), at(5)).await.unwrap();
    let transit = atalaya_store::Transit {
        name: name.clone(),
        version: 1,
        stage: Stage::Production,
        archive_existing: true,
        changed_by: "ana".into(),
    };
    store.transition_stage(&transit, at(6)).await.unwrap();
    store.delete_registered_model(&name).await.unwrap();
    assert!(matches!(
        store.model_version(&name, 1).await,
        Err(StoreError::NotFound { .. })
    ));
    assert_eq!(store.stage_history(&name, None).await.unwrap().len(), 1);

    let again = home.model("m").await;
    assert!(store.registered_model(&again).await.unwrap().aliases.is_empty());
    assert!(
        store.stage_history(&again, None).await.unwrap().is_empty(),
        "the history is of another model"
    );
    assert_eq!(home.pending(&again).await.version, 1);
}

#[tokio::test]
async fn models_are_found_by_name_and_tag_and_an_absent_tag_differs() {
    let home = Home::new().await;
    let store = &home.store;
    for (name, prompt) in [("b_model", None), ("a_model", Some("false")), ("prompt", Some("true"))] {
        let name = home.model(name).await;
        if let Some(prompt) = prompt {
            store
                .set_registered_model_tag(&name, "mlflow.prompt.is_prompt", prompt, at(3))
                .await
                .unwrap();
        }
    }
    let names = async |search: &Search| -> Vec<String> {
        let page = store.search_registered_models(search).await.unwrap();
        page.items.iter().map(|m| m.name.to_string()).collect()
    };
    assert_eq!(names(&Search::default()).await, ["a_model", "b_model", "prompt"]);
    assert_eq!(
        names(&filter("tag.`mlflow.prompt.is_prompt` != 'true'")).await,
        ["a_model", "b_model"]
    );
    assert_eq!(
        names(&filter("tags.`mlflow.prompt.is_prompt` = 'true'")).await,
        ["prompt"]
    );
    assert_eq!(
        names(&filter("name LIKE '%_model' AND name != 'a_model'")).await,
        ["b_model"]
    );
    assert_eq!(names(&filter("name LIKE 'A%'")).await, Vec::<String>::new());
    assert_eq!(names(&filter("name ILIKE 'A%'")).await, ["a_model"]);
    assert_eq!(names(&ordered(&["name DESC"])).await, ["prompt", "b_model", "a_model"]);
    assert_eq!(names(&ordered(&["last_updated_timestamp DESC"])).await[2], "b_model");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let home = Home::new().await;
    for i in 0..7 {
        home.model(&format!("m{i}")).await;
    }
    let mut search = Search {
        max_results: Some(3),
        ..Search::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = home.store.search_registered_models(&search).await.unwrap();
        seen.extend(page.items.iter().map(|m| m.name.to_string()));
        match page.next_page_token {
            Some(token) => search.page_token = Some(token),
            None => break,
        }
    }
    assert_eq!(seen, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    for bad in [0, 1_001, -5] {
        let search = Search {
            max_results: Some(bad),
            ..Search::default()
        };
        let error = home.store.search_registered_models(&search).await.unwrap_err();
        assert!(matches!(
            error,
            StoreError::InvalidParameter {
                parameter: "max_results",
                ..
            }
        ));
    }
}

#[tokio::test]
async fn bad_tags_are_refused_without_being_repeated() {
    let home = Home::new().await;
    let name = home.model("m").await;
    let secret = "s3cret".repeat(20_000);
    let error = home
        .store
        .set_registered_model_tag(&name, "k", &secret, at(1))
        .await
        .unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert!(matches!(error, StoreError::InvalidParameter { parameter: "value", .. }));
    assert!(
        home.store
            .set_registered_model_tag(&name, "", "v", at(1))
            .await
            .is_err()
    );
}
