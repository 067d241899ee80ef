//! Monitors, their results, and the notifiers they name.

use atalaya_domain::monitor::{DriftMode, Monitor, Notifier, NotifierKind, Thresholds};
use atalaya_store::{NewMonitorRun, Noun, StoreError};

use crate::home::{Home, at, endpoint};

pub(crate) fn notifier(name: &str) -> Notifier {
    Notifier {
        name: name.into(),
        kind: NotifierKind::Slack,
        url: "https://hooks.example/T0/secret".into(),
    }
}

pub(crate) fn monitor(name: &str, notifiers: &[&str]) -> Monitor {
    Monitor {
        name: name.into(),
        endpoint: endpoint("e"),
        baseline: "lake/baseline".into(),
        columns: vec!["age".into(), "bmi".into()],
        window_ms: 3_600_000,
        every_ms: Some(60_000),
        mode: DriftMode::Lab,
        thresholds: Thresholds {
            min_accuracy: 0.8,
            max_latency_ms: 99.5,
            max_drift_pvalue: 0.01,
        },
        notifiers: notifiers.iter().map(|n| (*n).to_owned()).collect(),
        created_at: at(5),
    }
}

#[tokio::test]
async fn a_monitor_is_created_changed_and_deleted() {
    let home = Home::new().await;
    for name in ["z", "a"] {
        home.store.create_notifier(&notifier(name)).await.unwrap();
    }
    let made = monitor("m", &["z", "a"]);
    home.store.create_monitor(&made).await.unwrap();
    let home = home.restarted().await;
    let store = &home.store;
    assert_eq!(store.monitor("m").await.unwrap(), made, "notifiers in the order given");
    assert!(matches!(
        store.create_monitor(&made).await,
        Err(StoreError::AlreadyExists {
            kind: Noun::Monitor,
            ..
        })
    ));
    let stranger = store.create_monitor(&monitor("n", &["nobody"])).await.unwrap_err();
    assert!(matches!(
        stranger,
        StoreError::NotFound {
            kind: Noun::Notifier,
            ..
        }
    ));
    assert_eq!(store.monitors().await.unwrap().len(), 1, "half a monitor is none");

    let changed = Monitor {
        every_ms: None,
        mode: DriftMode::Budget,
        created_at: at(99),
        ..monitor("m", &["a"])
    };
    store.update_monitor(&changed).await.unwrap();
    assert_eq!(
        store.monitor("m").await.unwrap(),
        Monitor {
            created_at: at(5),
            ..changed
        }
    );
    for bad in [
        Monitor {
            window_ms: 0,
            ..monitor("x", &[])
        },
        Monitor {
            name: "\n".into(),
            ..monitor("x", &[])
        },
        Monitor {
            thresholds: Thresholds {
                min_accuracy: f64::NAN,
                ..Thresholds::default()
            },
            ..monitor("x", &[])
        },
    ] {
        assert!(matches!(
            store.create_monitor(&bad).await,
            Err(StoreError::InvalidParameter { .. })
        ));
    }
    store.delete_monitor("m").await.unwrap();
    for gone in [store.delete_monitor("m").await, store.update_monitor(&made).await] {
        assert!(matches!(
            gone,
            Err(StoreError::NotFound {
                kind: Noun::Monitor,
                ..
            })
        ));
    }
}

#[tokio::test]
async fn a_notifier_in_use_stays() {
    let home = Home::new().await;
    let store = &home.store;
    store.create_notifier(&notifier("slack")).await.unwrap();
    assert!(matches!(
        store.create_notifier(&notifier("slack")).await,
        Err(StoreError::AlreadyExists { .. })
    ));
    store.create_monitor(&monitor("m", &["slack"])).await.unwrap();
    assert!(matches!(
        store.delete_notifier("slack").await,
        Err(StoreError::Conflict {
            kind: Noun::Notifier,
            ..
        })
    ));
    let moved = Notifier {
        kind: NotifierKind::Webhook,
        url: "https://other.example".into(),
        ..notifier("slack")
    };
    store.update_notifier(&moved).await.unwrap();
    assert_eq!(store.notifier("slack").await.unwrap(), moved);
    assert_eq!(store.notifiers().await.unwrap(), [moved]);
    store.delete_monitor("m").await.unwrap();
    store.delete_notifier("slack").await.unwrap();
    for gone in [
        store.notifier("slack").await.err(),
        store.delete_notifier("slack").await.err(),
        store.update_notifier(&notifier("slack")).await.err(),
    ] {
        assert!(matches!(
            gone,
            Some(StoreError::NotFound {
                kind: Noun::Notifier,
                ..
            })
        ));
    }
}

#[tokio::test]
async fn results_are_kept_newest_first_and_bounded() {
    let home = Home::new().await;
    let store = &home.store;
    for name in ["m", "other"] {
        store.create_monitor(&monitor(name, &[])).await.unwrap();
    }
    assert_eq!(store.latest_monitor_run("m").await.unwrap(), None);
    let result = |monitor: &str, i: i64| NewMonitorRun {
        monitor: monitor.into(),
        window_start: at(i),
        window_end: at(i + 10),
        ran_at: at(i + 11),
        result: format!("{{\"run\":{i}}}"),
    };
    let kept_apart = store.record_monitor_run(&result("other", 1)).await.unwrap();
    for i in 0..1_003 {
        store.record_monitor_run(&result("m", i)).await.unwrap();
    }
    let all = store.monitor_runs("m", 5_000).await.unwrap();
    assert_eq!(
        (all.len(), all[0].window_start, all[999].window_start),
        (1_000, at(1_002), at(3))
    );
    assert_eq!(store.latest_monitor_run("m").await.unwrap().as_ref(), Some(&all[0]));
    let oldest = all[999].id;
    assert!(store.monitor_run("m", oldest).await.is_ok());
    assert!(matches!(
        store.monitor_run("m", oldest - 1).await,
        Err(StoreError::NotFound {
            kind: Noun::MonitorRun,
            ..
        })
    ));
    let last = store.monitors_last_ran().await.unwrap();
    assert_eq!(last, [("m".to_owned(), at(1_013)), ("other".to_owned(), at(12))].into());
    assert_eq!(store.monitor_runs("m", 2).await.unwrap(), all[..2]);
    assert_eq!(store.monitor_run("other", kept_apart.id).await.unwrap(), kept_apart);
    assert!(matches!(
        store.monitor_run("m", kept_apart.id).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.record_monitor_run(&result("nobody", 1)).await,
        Err(StoreError::NotFound { .. })
    ));
    let long = NewMonitorRun {
        result: "x".repeat((4 << 20) + 1),
        ..result("m", 1)
    };
    assert!(matches!(
        store.record_monitor_run(&long).await,
        Err(StoreError::InvalidParameter { .. })
    ));
}
