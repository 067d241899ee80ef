//! `/api/atalaya/v1/notifiers`: where they may lead, and that their URLs stay secret.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::receiver::{Receiver, SECRET};
use super::story::{ALERTS, MONITORS, NOTIFIERS, Story};
use crate::world::refusal;

async fn create(story: &Story, kind: &str, url: &str) -> (u16, Value) {
    story
        .world
        .post(NOTIFIERS, json!({"name": "n", "kind": kind, "url": url}))
        .await
}

async fn test(story: &Story, name: &str) -> Value {
    story.world.posted(&format!("{NOTIFIERS}/{name}/test"), json!({})).await
}

#[tokio::test]
async fn inward_destinations_are_refused_unless_listed() {
    let story = Story::begin().await;
    let cases = [
        ("https://169.254.169.254/latest/meta-data", "`egress_allow`"),
        ("http://10.0.0.1/hook", "`egress_allow`"),
        ("https://[::1]/hook", "`egress_allow`"),
        ("https://2130706434/hook", "`egress_allow`"),
        ("https://192.168.1.1:8443/hook", "`egress_allow`"),
        ("https://user:word@hooks.example.com/", "user name"),
        ("ftp://hooks.example.com/", "https://"),
        ("", "https://"),
    ];
    for (url, named) in cases {
        let answer = create(&story, "webhook", url).await;
        let (status, code, message) = refusal(&answer);
        assert_eq!((status, code), (400, "INVALID_PARAMETER_VALUE"), "{url}");
        assert!(
            message.contains(named) && message.starts_with("`url`"),
            "{url}: {message}"
        );
    }
    let listed = create(&story, "webhook", &story.receiver.url).await;
    assert_eq!(listed, (200, json!({"name": "n", "kind": "webhook"})));
}

#[tokio::test]
async fn a_name_that_leads_inward_is_refused_when_it_is_resolved() {
    let story = Story::begin().await;
    // `localhost` may mean ::1 as well, which is not listed: one such address is enough. Where it means 127.0.0.1
    // alone it is listed, and then nobody listens at the port.
    assert_eq!(create(&story, "webhook", "https://localhost:9/hook").await.0, 200);
    let outcome = test(&story, "n").await;
    assert_eq!(outcome["delivered"], false, "{outcome}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let story = Story::begin().await;
    let elsewhere = Receiver::start().await;
    create(&story, "webhook", &story.receiver.url).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        story
            .receiver
            .answer_next(&format!("{status}\r\nlocation: {}", elsewhere.url));
        let expected = format!("the receiver answered with status {}", &status[..3]);
        assert_eq!(test(&story, "n").await, json!({"delivered": false, "reason": expected}));
    }
    assert_eq!((story.receiver.received().len(), elsewhere.received().len()), (4, 0));
}

#[tokio::test]
async fn every_kind_can_be_tested() {
    let story = Story::begin().await;
    for kind in ["webhook", "slack"] {
        story
            .world
            .posted(
                NOTIFIERS,
                json!({"name": kind, "kind": kind, "url": story.receiver.url}),
            )
            .await;
    }
    story
        .world
        .posted(NOTIFIERS, json!({"name": "console", "kind": "console"}))
        .await;
    for kind in ["webhook", "slack", "console"] {
        assert_eq!(
            test(&story, kind).await,
            json!({"delivered": true, "reason": null}),
            "{kind}"
        );
    }
    let told = story.receiver.received();
    assert_eq!((told.len(), &told[0].body["kind"]), (2, &json!("TEST")));
    assert!(
        told[1].body["text"].is_string() && told[1].body["blocks"].is_array(),
        "{:?}",
        told[1].body
    );
    assert!(told.iter().all(|one| one.key.starts_with("test:")), "{told:?}");
}

#[tokio::test]
async fn a_notifier_that_a_monitor_names_cannot_be_deleted() {
    let story = Story::begin().await;
    story.watch(json!({})).await;
    let delete = || story.delete("/api/atalaya/v1/notifiers/hook");
    assert_eq!(refusal(&delete().await).1, "RESOURCE_CONFLICT");
    assert_eq!(story.delete(&format!("{MONITORS}/watch")).await.0, 200);
    assert_eq!(delete().await.0, 200);
    assert_eq!(story.world.got(NOTIFIERS).await, json!({"notifiers": []}));
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_url_is_in_no_answer_and_no_log_line() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let story = Story::begin().await;
    story.watch(json!({})).await;
    story.score(1000..1300).await;
    let mut answers = vec![story.run().await];
    story.receiver.answer_next("500 Internal Server Error");
    story.world.app.deliver_notifications().await.unwrap();
    story.receiver.answer_next("404 Not Found");
    answers.push(test(&story, "hook").await);
    // A port where nobody listens any more.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    answers.push(create(&story, "slack", &format!("http://{gone}/{SECRET}")).await.1);
    answers.push(test(&story, "n").await);
    assert_eq!(answers[3]["reason"], "the receiver cannot be reached");
    answers.push(create(&story, "webhook", &format!("https://10.0.0.1/{SECRET}")).await.1);
    answers.push(create(&story, "webhook", &format!("http://[broken/{SECRET}")).await.1);
    answers.push(create(&story, SECRET, &story.receiver.url).await.1);
    for path in [
        NOTIFIERS,
        "/api/atalaya/v1/notifiers/hook",
        MONITORS,
        ALERTS,
        "/api/atalaya/v1/monitors/watch/runs",
    ] {
        answers.push(story.world.got(path).await);
    }
    for answer in &answers {
        assert!(!answer.to_string().contains(SECRET), "{answer}");
    }
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("notification not delivered"), "{logged}");
    assert!(!logged.contains(SECRET) && !logged.contains("/services/"), "{logged}");
}
