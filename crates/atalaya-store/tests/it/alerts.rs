//! Alerts and the outbox: one notification per change, none lost, none doubled.

use atalaya_domain::alert::{Alert, AlertKind, AlertState, Finding, Transition};
use atalaya_domain::monitor::NOTIFICATION_ATTEMPTS_MAX;
use atalaya_store::{AlertQuery, Noun, OutboxCounts, Outgoing, Store, StoreError};

use crate::home::{Home, at};

fn finding(kind: AlertKind, value: f64) -> Finding {
    Finding {
        kind,
        breached: true,
        message: format!("now {value}"),
        value,
        threshold: 200.0,
    }
}

fn slow(value: f64) -> Transition {
    Transition::Fire(finding(AlertKind::HighLatency, value))
}

fn fast(value: f64) -> Transition {
    Transition::Resolve(finding(AlertKind::HighLatency, value))
}

fn to_two(alert: &Alert) -> Vec<Outgoing> {
    let body = format!("{} {}", alert.kind.as_str(), alert.state.as_str());
    ["slack", "console"]
        .map(|name| Outgoing {
            notifier: name.into(),
            body: body.clone(),
        })
        .into()
}

#[tokio::test]
async fn an_alert_fires_once_resolves_once_and_queues_its_notifications() {
    let home = Home::new().await;
    let store = &home.store;
    let fired = store
        .apply_transitions("m", &[slow(250.0), Transition::Nothing], &to_two, at(10))
        .await
        .unwrap();
    assert_eq!(fired.len(), 1);
    assert_eq!(
        (fired[0].state, fired[0].value, fired[0].fired_at),
        (AlertState::Firing, 250.0, at(10))
    );
    assert_eq!(store.open_alerts("m").await.unwrap(), fired);
    assert!(
        store
            .apply_transitions("m", &[slow(300.0)], &to_two, at(11))
            .await
            .unwrap()
            .is_empty(),
        "it is open"
    );
    assert_eq!(
        store
            .apply_transitions("other", &[slow(300.0)], &|_| vec![], at(11))
            .await
            .unwrap()
            .len(),
        1
    );

    let home = home.restarted().await;
    let store = &home.store;
    let due = store.due_notifications(at(10), 100).await.unwrap();
    assert_eq!(
        due.iter().map(|n| n.notifier.as_str()).collect::<Vec<_>>(),
        ["slack", "console"]
    );
    assert_eq!((due[0].body.as_str(), due[0].attempts), ("HIGH_LATENCY firing", 0));
    assert_eq!(due[0].dedup_key, format!("{}:firing", fired[0].id));

    let resolved = store
        .apply_transitions("m", &[fast(90.0)], &to_two, at(20))
        .await
        .unwrap();
    assert_eq!(
        (resolved[0].id.as_str(), resolved[0].resolved_at),
        (fired[0].id.as_str(), Some(at(20)))
    );
    assert!(
        store
            .apply_transitions("m", &[fast(90.0)], &to_two, at(21))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.open_alerts("m").await.unwrap().is_empty());
    assert_eq!(store.outbox_counts().await.unwrap().pending, 4);

    let next = store
        .apply_transitions("m", &[slow(260.0)], &to_two, at(30))
        .await
        .unwrap();
    assert_ne!(next[0].id, fired[0].id, "a new trouble is a new alert");
    let of_m = AlertQuery {
        monitor: Some("m".into()),
        ..AlertQuery::default()
    };
    assert_eq!(
        store
            .alerts(&of_m)
            .await
            .unwrap()
            .iter()
            .map(|a| a.fired_at)
            .collect::<Vec<_>>(),
        [at(30), at(10)]
    );
    let firing = AlertQuery {
        state: Some(AlertState::Firing),
        limit: Some(1),
        ..AlertQuery::default()
    };
    assert_eq!(store.alerts(&firing).await.unwrap(), next);
}

#[tokio::test]
async fn two_evaluations_at_once_notify_once() {
    let home = Home::new().await;
    let second = Store::open(&home.database()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for store in [home.store.clone(), second.clone(), home.store.clone(), second] {
        tasks.spawn(async move {
            store
                .apply_transitions("m", &[slow(250.0)], &to_two, at(1))
                .await
                .unwrap()
                .len()
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<usize>(), 1);
    assert_eq!(
        home.store.outbox_counts().await.unwrap(),
        OutboxCounts {
            pending: 2,
            ..OutboxCounts::default()
        }
    );
}

#[tokio::test]
async fn a_notifier_named_twice_is_told_once() {
    let home = Home::new().await;
    let twice = |alert: &Alert| [to_two(alert), to_two(alert)].concat();
    home.store
        .apply_transitions("m", &[slow(250.0)], &twice, at(1))
        .await
        .unwrap();
    let due = home.store.due_notifications(at(1), 9).await.unwrap();
    assert_eq!(
        due.iter()
            .map(|n| (n.notifier.as_str(), n.attempts))
            .collect::<Vec<_>>(),
        [("slack", 0), ("console", 0)]
    );
}

#[tokio::test]
async fn a_figure_that_is_no_number_is_kept_as_such() {
    let home = Home::new().await;
    home.store
        .apply_transitions("m", &[slow(f64::NAN)], &to_two, at(1))
        .await
        .unwrap();
    assert!(home.store.open_alerts("m").await.unwrap()[0].value.is_nan());
}

#[tokio::test]
async fn a_notification_is_tried_again_delivered_or_given_up() {
    let home = Home::new().await;
    let store = &home.store;
    assert_eq!(store.next_notification_at().await.unwrap(), None);
    store
        .apply_transitions("m", &[slow(250.0)], &to_two, at(10))
        .await
        .unwrap();
    let due = store.due_notifications(at(10), 1).await.unwrap();
    let (lucky, other) = (due[0].id, store.due_notifications(at(10), 9).await.unwrap()[1].id);

    assert!(
        !store
            .notification_failed(lucky, at(50), "connection refused")
            .await
            .unwrap()
    );
    assert!(
        store
            .due_notifications(at(49), 9)
            .await
            .unwrap()
            .iter()
            .all(|n| n.id != lucky)
    );
    assert_eq!(
        store.next_notification_at().await.unwrap(),
        Some(at(10)),
        "the other one"
    );
    let again = store.due_notifications(at(50), 9).await.unwrap();
    assert_eq!(again.iter().find(|n| n.id == lucky).unwrap().attempts, 1);
    store.notification_delivered(lucky, at(51)).await.unwrap();
    store.notification_delivered(lucky, at(52)).await.unwrap();
    let late = store.notification_failed(lucky, at(60), "late").await.unwrap_err();
    assert!(
        matches!(
            late,
            StoreError::NotFound {
                kind: Noun::Notification,
                ..
            }
        ),
        "what arrived has not failed"
    );

    for attempt in 1..=NOTIFICATION_ATTEMPTS_MAX {
        let given_up = store
            .notification_failed(other, at(60), "connection refused")
            .await
            .unwrap();
        assert_eq!(given_up, attempt == NOTIFICATION_ATTEMPTS_MAX, "attempt {attempt}");
    }
    assert!(store.due_notifications(at(1_000), 9).await.unwrap().is_empty());
    assert_eq!(
        store.outbox_counts().await.unwrap(),
        OutboxCounts {
            pending: 0,
            delivered: 1,
            given_up: 1
        }
    );
    assert!(matches!(
        store.notification_delivered(999, at(1)).await,
        Err(StoreError::NotFound { .. })
    ));
}
