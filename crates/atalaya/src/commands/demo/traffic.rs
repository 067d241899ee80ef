//! The demo's callers: requests in order over a few connections, then the labels.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context as _;
use atalaya_stats::latency::summary;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::client::Client;
use super::data::Production;
use super::summary::Latency;
use crate::output::progress;

/// Callers at once.
const CALLERS: usize = 8;
/// Labels of one call.
const LABELS_PER_CALL: usize = 500;

/// What the callers saw.
pub(super) struct Sent {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) receipts: u64,
    pub(super) failed: u64,
    /// Requests per served entity, as the answers named it.
    pub(super) split: BTreeMap<String, u64>,
    pub(super) latency: Latency,
    /// A moment after the last quiet answer and before the first drifting request, with time to spare on both sides.
    pub(super) between_halves: Instant,
    /// Request id and recorded row of each answered request.
    ids: Vec<(String, usize)>,
}

struct Reply {
    status: u16,
    entity: String,
    receipt: bool,
    request_id: String,
    row: usize,
    ms: f64,
}

/// Sends `n` requests, quiet half first; the drifting half starts only when every quiet one is answered.
pub(super) async fn send(client: &Client, endpoint: &str, record: &Production, n: u32) -> anyhow::Result<Sent> {
    let n = n as usize;
    let path = format!("/serving-endpoints/{endpoint}/invocations");
    let bar = progress(Some(n as u64), "calling");
    let call = |i: usize| {
        let (client, path, row, bar) = (client.clone(), path.clone(), record.row(i, n), bar.clone());
        let body = json!({"dataframe_records": [record.patients[row]]}).to_string();
        async move {
            let reply = one(&client, &path, body, row).await;
            bar.inc(1);
            reply
        }
    };
    let mut replies: Vec<Reply> = futures::stream::iter(0..n / 2)
        .map(call)
        .buffered(CALLERS)
        .try_collect()
        .await?;
    let quiet_ended = Instant::now();
    // Also leaves a gap in time between the halves, so that a window can begin between them.
    client
        .post(&format!("/api/atalaya/v1/endpoints/{endpoint}/flush"), &json!({}))
        .await?;
    let between_halves = quiet_ended + quiet_ended.elapsed() / 2;
    let later: Vec<Reply> = futures::stream::iter(n / 2..n)
        .map(call)
        .buffered(CALLERS)
        .try_collect()
        .await?;
    bar.finish_and_clear();
    replies.extend(later);
    tally(replies, between_halves)
}

async fn one(client: &Client, path: &str, body: String, row: usize) -> anyhow::Result<Reply> {
    let started = Instant::now();
    let answer = client
        .request(path, body)
        .send()
        .await
        .context("calling the endpoint")?;
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let (status, entity) = (answer.status().as_u16(), header("served-model-name"));
    let (receipt, request_id) = (
        header("atalaya-log").starts_with("process;seq="),
        header("x-request-id"),
    );
    answer.bytes().await?;
    Ok(Reply {
        status,
        entity,
        receipt,
        request_id,
        row,
        ms: started.elapsed().as_secs_f64() * 1e3,
    })
}

fn tally(replies: Vec<Reply>, between_halves: Instant) -> anyhow::Result<Sent> {
    let mut split = BTreeMap::new();
    for reply in &replies {
        *split.entry(reply.entity.clone()).or_default() += 1;
    }
    let count = |keep: fn(&&Reply) -> bool| replies.iter().filter(keep).count() as u64;
    let seen = summary(&replies.iter().map(|r| r.ms).collect::<Vec<_>>())?;
    Ok(Sent {
        sent: replies.len() as u64,
        answered: count(|r| r.status == 200),
        receipts: count(|r| r.receipt),
        failed: count(|r| r.status != 200),
        split,
        latency: Latency {
            mean: seen.mean,
            p50: seen.p50,
            p90: seen.p90,
            p95: seen.p95,
            p99: seen.p99,
        },
        between_halves,
        ids: replies
            .into_iter()
            .filter(|r| r.status == 200)
            .map(|r| (r.request_id, r.row))
            .collect(),
    })
}

/// Posts the truth of every answered request; says how many labels were taken.
pub(super) async fn post_labels(
    client: &Client,
    endpoint: &str,
    record: &Production,
    sent: &Sent,
) -> anyhow::Result<u64> {
    let path = format!("/api/atalaya/v1/endpoints/{endpoint}/labels");
    let mut accepted = 0;
    for chunk in sent.ids.chunks(LABELS_PER_CALL) {
        let labels: Vec<_> = chunk
            .iter()
            .map(|(id, row)| json!({"request_id": id, "label": record.truth[*row]}))
            .collect();
        let answer = client.post(&path, &json!({"labels": labels})).await?;
        accepted += answer["accepted"].as_u64().unwrap_or(0);
    }
    Ok(accepted)
}
