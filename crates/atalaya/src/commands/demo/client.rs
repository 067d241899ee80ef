//! A client of the demo's own server: JSON over HTTP with the administrator's token.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// Calls one server.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    pub(super) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        // The demo talks to itself: a proxy of the environment would only be in the way.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(120))
            .build()?;
        Ok(Self {
            http,
            url: url.to_owned(),
            token: token.to_owned(),
        })
    }

    /// A POST whose raw answer the caller reads.
    pub(super) fn request(&self, path: &str, body: String) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body)
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.request(path, body.to_string()).send().await;
        read(answer, path).await
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self
            .http
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .send()
            .await;
        read(answer, path).await
    }

    pub(super) async fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self
            .http
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .send()
            .await;
        let answer = answer.with_context(|| format!("GET {path}"))?;
        anyhow::ensure!(answer.status().is_success(), "GET {path} answered {}", answer.status());
        Ok(answer.bytes().await?.to_vec())
    }
}

async fn read(answer: reqwest::Result<reqwest::Response>, path: &str) -> anyhow::Result<Value> {
    let answer = answer.with_context(|| path.to_owned())?;
    let status = answer.status();
    let body: Value = answer
        .json()
        .await
        .with_context(|| format!("{path} did not answer JSON"))?;
    anyhow::ensure!(status.is_success(), "{path} answered {status}: {}", body["message"]);
    Ok(body)
}
