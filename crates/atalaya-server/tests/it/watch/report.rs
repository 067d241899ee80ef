//! The report of a monitor, as a page and as an image.

use resvg::usvg::roxmltree::{Document, ParsingOptions};
use serde_json::json;

use super::story::{MONITORS, Story};
use crate::world::header;

#[tokio::test]
async fn the_report_is_one_page_that_fetches_nothing_and_one_image() {
    let story = Story::begin().await;
    story.watch(json!({})).await;
    let answered = story.score(1000..1400).await;
    let labels: Vec<_> = answered
        .iter()
        .map(|one| json!({"row_id": one.row_id, "label": one.prediction}))
        .collect();
    story
        .world
        .posted("/api/atalaya/v1/endpoints/diabetes/labels", json!({"labels": labels}))
        .await;
    story.run().await;

    let reply = story
        .world
        .request("GET", &format!("{MONITORS}/watch/report"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&reply, "content-type"), "text/html; charset=utf-8");
    let policy = header(&reply, "content-security-policy").to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let page = reply.text().await.unwrap();
    for forbidden in [
        "<script",
        "http:",
        "https:",
        "url(",
        "@import",
        " style=",
        "javascript:",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for wanted in [
        "<h1>Data drift: bmi, glucose</h1>",
        "bmi: drifted",
        "glucose: drifted",
        "age: quiet",
        "Latency per request",
        "Requests by outcome",
        "100.0 %",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    // The page is well-formed XML, so every tag is closed.
    let page = page.strip_prefix("<!DOCTYPE html>").unwrap().trim();
    let parsed = Document::parse_with_options(page, ParsingOptions::default()).unwrap();
    assert_eq!(parsed.descendants().filter(|node| node.has_tag_name("svg")).count(), 8);

    let reply = story
        .world
        .request("GET", &format!("{MONITORS}/watch/report.png"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&reply, "content-type"), "image/png");
    let image = reply.bytes().await.unwrap();
    assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
    let side = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap());
    assert_eq!(
        (side(16), (1_500..3_000).contains(&side(20))),
        (1_200, true),
        "{} high",
        side(20)
    );

    let files = story.world.app.monitor_report_files("watch").await.unwrap();
    assert!(files.html.contains("bmi: drifted") && files.png == image);
}
