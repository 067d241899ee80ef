//! The life of a run and what is logged into it.

use atalaya_domain::tracking::{Metric, RunStatus};
use atalaya_store::{LogBatch, NewExperiment, NewRun, Noun, RunUpdate, Search, StoreError, View};

use crate::home::{Home, at, filter, ordered, tags};

fn metric(key: &str, value: f64, step: i64, ms: i64) -> Metric {
    Metric {
        key: key.into(),
        value,
        timestamp: at(ms),
        step,
    }
}

fn starting(ms: i64) -> NewRun {
    NewRun {
        user_id: "ana".into(),
        started_at: at(ms),
        ..NewRun::default()
    }
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn a_run_without_name_and_experiment_gets_both() {
    let home = Home::new().await;
    for experiment_id in [None, Some(String::new()), Some("None".to_owned())] {
        let run = home
            .store
            .create_run(&NewRun {
                experiment_id,
                ..starting(5)
            })
            .await
            .unwrap();
        assert_eq!(
            (run.experiment_id.as_str(), run.status, run.started_at),
            ("0", RunStatus::Running, at(5))
        );
        assert_eq!(run.run_id.len(), 32);
        assert_eq!(run.run_name.split('-').count(), 3, "{}", run.run_name);
        assert_eq!(run.tags, tags(&[("mlflow.runName", &run.run_name)]));
    }
    let unknown = home
        .store
        .create_run(&NewRun {
            experiment_id: Some("7".into()),
            ..starting(5)
        })
        .await
        .unwrap_err();
    assert!(matches!(
        unknown,
        StoreError::NotFound {
            kind: Noun::Experiment,
            ..
        }
    ));
}

#[tokio::test]
async fn name_and_name_tag_are_one() {
    let home = Home::new().await;
    let store = &home.store;
    let by_tag = NewRun {
        tags: tags(&[("mlflow.runName", "from tag")]),
        ..starting(1)
    };
    let run = store.create_run(&by_tag).await.unwrap();
    assert_eq!(run.run_name, "from tag");
    let both = NewRun {
        run_name: Some("other".into()),
        ..by_tag
    };
    assert!(matches!(
        store.create_run(&both).await,
        Err(StoreError::InvalidParameter {
            parameter: "run_name",
            ..
        })
    ));

    let update = RunUpdate {
        run_name: Some("renamed".into()),
        ..RunUpdate::default()
    };
    assert_eq!(
        store.update_run(&run.run_id, &update).await.unwrap().tags["mlflow.runName"],
        "renamed"
    );
    store.set_run_tag(&run.run_id, "mlflow.runName", "again").await.unwrap();
    assert_eq!(store.run(&run.run_id).await.unwrap().run_name, "again");
}

#[tokio::test]
async fn a_run_ends_is_deleted_and_restored() {
    let home = Home::new().await;
    let store = &home.store;
    let id = store.create_run(&starting(1)).await.unwrap().run_id;
    let end = RunUpdate {
        status: Some(RunStatus::Finished),
        ended_at: Some(at(9)),
        ..RunUpdate::default()
    };
    let ended = store.update_run(&id, &end).await.unwrap();
    assert_eq!((ended.status, ended.ended_at), (RunStatus::Finished, Some(at(9))));

    store.delete_run(&id, at(10)).await.unwrap();
    store.delete_run(&id, at(11)).await.unwrap();
    assert!(store.run(&id).await.unwrap().deleted, "it can still be looked at");
    for refused in [
        store.update_run(&id, &end).await.err(),
        store.log_param(&id, "a", "1").await.err(),
    ] {
        assert!(matches!(
            refused,
            Some(StoreError::InvalidParameter {
                parameter: "run_id",
                ..
            })
        ));
    }
    store.restore_run(&id).await.unwrap();
    store.log_param(&id, "a", "1").await.unwrap();
    for missing in [
        store.run("x").await.err(),
        store.delete_run("x", at(1)).await.err(),
        store.log_param("x", "a", "1").await.err(),
    ] {
        assert!(matches!(missing, Some(StoreError::NotFound { kind: Noun::Run, .. })));
    }
}

#[tokio::test]
async fn the_last_value_is_the_one_of_the_greatest_step_then_time_then_value() {
    let home = Home::new().await;
    let store = &home.store;
    let id = store.create_run(&starting(1)).await.unwrap().run_id;
    for m in [
        metric("loss", 0.4, 2, 10),
        metric("loss", 0.5, 2, 10),
        metric("loss", 0.4, 2, 10),
        metric("loss", 0.3, 2, 9),
        metric("loss", 0.9, 1, 99),
        metric("odd", f64::NAN, 0, 1),
        metric("big", f64::INFINITY, 0, 1),
        metric("tiny", 5e-324, 0, 1),
        metric("third", 1.0 / 3.0, -3, -4),
    ] {
        store.log_metric(&id, &m).await.unwrap();
    }
    let home = home.restarted().await;
    let run = home.store.run(&id).await.unwrap();
    let last = |key: &str| run.metrics.iter().find(|m| m.key == key).unwrap().clone();
    assert_eq!(last("loss"), metric("loss", 0.5, 2, 10));
    assert!(last("odd").value.is_nan());
    assert_eq!(last("big"), metric("big", f64::INFINITY, 0, 1));
    assert_eq!(last("tiny"), metric("tiny", 5e-324, 0, 1));
    assert_eq!(last("third"), metric("third", 1.0 / 3.0, -3, -4));

    let history = home
        .store
        .metric_history(&id, "loss", &Search::default())
        .await
        .unwrap();
    let values: Vec<f64> = history.items.iter().map(|m| m.value).collect();
    assert_eq!(values, [0.3, 0.4, 0.5, 0.9], "by time; the repeated one is there once");
    assert!(
        home.store
            .metric_history(&id, "nothing", &Search::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let page = home
        .store
        .metric_history(
            &id,
            "loss",
            &Search {
                max_results: Some(3),
                ..Search::default()
            },
        )
        .await
        .unwrap();
    let rest = Search {
        max_results: Some(3),
        page_token: page.next_page_token,
        ..Search::default()
    };
    assert_eq!(
        home.store.metric_history(&id, "loss", &rest).await.unwrap().items,
        [metric("loss", 0.9, 1, 99)]
    );
    assert!(
        home.store.metric_history(&id, "odd", &rest).await.is_err(),
        "a token of another history"
    );
}

#[tokio::test]
async fn a_param_is_set_once() {
    let home = Home::new().await;
    let store = &home.store;
    let id = store.create_run(&starting(1)).await.unwrap().run_id;
    store.log_param(&id, "C", "0.1").await.unwrap();
    store.log_param(&id, "C", "0.1").await.unwrap();
    let refused = store.log_param(&id, "C", "hunter2").await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("Changing param values is not allowed. Param with key='C' was already logged"),
        "{text}"
    );
    assert!(!text.contains("hunter2") && !text.contains("0.1"), "{text}");
    assert_eq!(store.run(&id).await.unwrap().params, pairs(&[("C", "0.1")]));
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let home = Home::new().await;
    let store = &home.store;
    let id = store.create_run(&starting(1)).await.unwrap().run_id;
    store.log_param(&id, "C", "1").await.unwrap();
    let before = store.run(&id).await.unwrap();
    let whole = |batch: LogBatch| {
        let id = id.clone();
        async move { store.log_batch(&id, &batch).await }
    };
    let good = LogBatch {
        metrics: vec![metric("acc", 0.9, 0, 1)],
        params: pairs(&[("depth", "3")]),
        tags: pairs(&[("t", "1")]),
    };
    for bad in [
        LogBatch {
            params: pairs(&[("depth", "3"), ("C", "2")]),
            ..good.clone()
        },
        LogBatch {
            params: pairs(&[("p", "1"), ("p", "2")]),
            ..good.clone()
        },
        LogBatch {
            tags: pairs(&[("t", "1"), ("", "2")]),
            ..good.clone()
        },
        LogBatch {
            metrics: vec![metric("acc", 0.9, 0, 1); 1_001],
            ..good.clone()
        },
        LogBatch {
            params: vec![("p".into(), "x".repeat(6_001))],
            ..good.clone()
        },
        LogBatch {
            metrics: vec![metric("acc", 0.9, 0, 1), metric("a;b", 0.9, 0, 1)],
            ..good.clone()
        },
    ] {
        assert!(matches!(whole(bad).await, Err(StoreError::InvalidParameter { .. })));
        assert_eq!(store.run(&id).await.unwrap(), before);
    }
    whole(good.clone()).await.unwrap();
    whole(good).await.unwrap();
    let run = store.run(&id).await.unwrap();
    assert_eq!(run.metrics, [metric("acc", 0.9, 0, 1)]);
    assert_eq!(run.params, pairs(&[("C", "1"), ("depth", "3")]));
    assert_eq!(run.tags["t"], "1");
    store.delete_run_tag(&id, "t").await.unwrap();
    assert!(matches!(
        store.delete_run_tag(&id, "t").await,
        Err(StoreError::NotFound { kind: Noun::Tag, .. })
    ));
}

/// Three runs with accuracy 0.7, 0.9 and NaN, and one with nothing; names `r1` to `r4`.
async fn some_runs(home: &Home) -> Vec<String> {
    let store = &home.store;
    store
        .create_experiment(
            &NewExperiment {
                name: "e".into(),
                tags: tags(&[]),
            },
            at(1),
        )
        .await
        .unwrap();
    let mut ids = Vec::new();
    for (i, accuracy) in (1..).zip([Some(0.7), Some(0.9), Some(f64::NAN), None]) {
        let new = NewRun {
            experiment_id: Some("1".into()),
            run_name: Some(format!("r{i}")),
            ..starting(i)
        };
        let id = store.create_run(&new).await.unwrap().run_id;
        if let Some(accuracy) = accuracy {
            store.log_metric(&id, &metric("acc", accuracy, 0, 1)).await.unwrap();
            store.log_param(&id, "C", &i.to_string()).await.unwrap();
            store
                .set_run_tag(&id, "team", if i == 1 { "Health" } else { "care" })
                .await
                .unwrap();
        }
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn runs_are_found_by_metrics_params_tags_and_attributes() {
    let home = Home::new().await;
    let ids = some_runs(&home).await;
    let table = [
        ("", "r4 r3 r2 r1"),
        ("metrics.acc > 0.5 and params.C = '1'", "r1"),
        ("metrics.acc >= 0.7", "r2 r1"),
        ("metric.acc != 0.7", "r3 r2"),
        ("metrics.acc < 100", "r2 r1"),
        ("params.C != '1'", "r3 r2"),
        ("params.C IS NULL", "r4"),
        ("params.C IS NOT NULL and params.`C` ILIKE '%'", "r3 r2 r1"),
        ("tags.team = 'Health'", "r1"),
        ("tags.team != 'care'", "r1"),
        ("tags.team LIKE 'h%'", ""),
        ("tags.team ILIKE 'h%'", "r1"),
        ("attributes.run_name IN ('r1', 'r4', 'x')", "r4 r1"),
        ("run_name NOT IN ('r1', 'r4')", "r3 r2"),
        ("attr.start_time > 1 and run.start_time <= 3", "r3 r2"),
        ("status = 'RUNNING' and user_id = 'ana' and run_name = 'r2'", "r2"),
        ("end_time > 0", ""),
        ("params.C = '1'' OR ''1''=''1'", ""),
    ];
    for (text, expected) in table {
        let page = home
            .store
            .search_runs(&["1".into()], View::ActiveOnly, &filter(text))
            .await
            .unwrap();
        let names: Vec<&str> = page.items.iter().map(|r| r.run_name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{text}");
    }
    let by_id = filter(&format!("run_id = '{}'", ids[1]));
    assert_eq!(
        home.store
            .search_runs(&["1".into()], View::All, &by_id)
            .await
            .unwrap()
            .items[0]
            .run_name,
        "r2"
    );
}

#[tokio::test]
async fn runs_without_a_figure_come_last_whichever_way_they_are_sorted() {
    let home = Home::new().await;
    let ids = some_runs(&home).await;
    let names = async |experiments: &[String], view, search: &Search| -> String {
        let page = home.store.search_runs(experiments, view, search).await.unwrap();
        page.items
            .iter()
            .map(|r| r.run_name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let one = ["1".to_owned()];
    for (key, expected) in [
        ("metrics.acc", "r1 r2 r3 r4"),
        ("metrics.acc DESC", "r2 r1 r3 r4"),
        ("params.C DESC", "r3 r2 r1 r4"),
        ("tags.team ASC", "r1 r3 r2 r4"),
        ("start_time ASC", "r1 r2 r3 r4"),
        ("attributes.`Run name` DESC", "r4 r3 r2 r1"),
        ("end_time", "r4 r3 r2 r1"),
    ] {
        assert_eq!(names(&one, View::ActiveOnly, &ordered(&[key])).await, expected, "{key}");
    }
    home.store.delete_run(&ids[0], at(9)).await.unwrap();
    assert_eq!(names(&one, View::DeletedOnly, &Search::default()).await, "r1");
    assert_eq!(names(&one, View::ActiveOnly, &Search::default()).await, "r4 r3 r2");
    assert_eq!(names(&one, View::All, &Search::default()).await, "r4 r3 r2 r1");
    assert_eq!(
        names(&["0".into(), "77".into(), "x".into()], View::All, &Search::default()).await,
        ""
    );
    assert_eq!(names(&[], View::All, &Search::default()).await, "");
}

#[tokio::test]
async fn filters_that_do_not_fit_say_what_would() {
    let home = Home::new().await;
    let table = [
        ("metrics.acc = '1'", "without quotes"),
        ("params.C > '1'", "LIKE"),
        ("params.C = 1", "quotes"),
        ("start_time LIKE '1%'", "holds numbers"),
        ("datasets.name = 'd'", "`datasets` cannot be searched"),
        ("colour = 'red'", "`run_name`"),
        ("metrics.a = 1 or metrics.b = 2", "`and`"),
        ("params.C IN ('1')", "attributes only"),
        ("status IS NULL", "="),
        ("run_name LIKE '%a%a%a%a%a%a%a%a%'", "pattern"),
    ];
    for (text, hint) in table {
        let error = home
            .store
            .search_runs(&["0".into()], View::ActiveOnly, &filter(text))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::InvalidParameter {
                    parameter: "filter",
                    ..
                }
            ),
            "{text}: {error}"
        );
        assert!(error.to_string().contains(hint), "{text}: {error}");
    }
    for bad in ["metrics.", "start_time SIDEWAYS", "datasets.x", "nothing"] {
        let error = home
            .store
            .search_runs(&["0".into()], View::ActiveOnly, &ordered(&[bad]))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::InvalidParameter {
                    parameter: "order_by",
                    ..
                }
            ),
            "{bad}: {error}"
        );
    }
}
