//! `atalaya demo`: the main job, end to end, on a home of its own.
//!
//! Everything goes over HTTP as a client's calls would, against a server in
//! this process; the alerts arrive at a receiver that the demo starts itself.

mod batch;
mod client;
mod data;
mod receiver;
mod summary;
mod traffic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use atalaya_domain::ModelName;
use atalaya_server::{App, RegisterModel, Server, ServerConfig, SystemClock, log_as_json};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::client::Client;
use self::data::Production;
use self::receiver::Receiver;
use self::summary::{Alerts, Files, Requests, Summary, Table};
use crate::cli::Demo;
use crate::commands::model::read_model_folder;
use crate::config::user;
use crate::output::say;

const MODEL: &str = "diabetes_predictor";
const ENDPOINT: &str = "diabetes-predictor-endpoint";
const MONITOR: &str = "diabetes-monitor";
/// Alerts are queued in the same transaction that fires them; their delivery takes milliseconds.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(20);
/// What tells a demo's home from a folder with something of value in it.
const MARKER: &str = ".atalaya-demo";

/// Runs the demo; with `--exit`, stops at the end.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<ExitCode> {
    log_as_json("error");
    let production = Production::read(&demo.fixtures)?;
    let home = fresh_home(&demo.home)?;
    let receiver = Receiver::start().await?;
    let mut config = ServerConfig::new(home.clone());
    config.egress_allow = vec![receiver.rule()?];
    let server = Server::open(config, Arc::new(SystemClock))
        .await
        .context("cannot open the demo's home")?;
    let app = server.app().clone();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(listener, async move {
        stopped.await.ok();
    }));
    let client = Client::new(&url, &crate::home::admin_token(&home)?)?;

    let job = Job {
        demo: &demo,
        home: &home,
        app: &app,
        client: &client,
        receiver: &receiver,
    };
    let summary = job.run(&production).await?;
    if let Some(path) = &demo.json {
        let text = serde_json::to_string_pretty(&summary)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    say(&summary.text())?;
    if !demo.exit {
        say(&format!(
            "\nstill serving on {url}; token in {}/admin.token; Ctrl-C ends it",
            home.display()
        ))?;
        tokio::signal::ctrl_c().await?;
    }
    stop.send(()).ok();
    serving.await?;
    Ok(ExitCode::SUCCESS)
}

/// An empty home; what an earlier demo left there is removed, anything else is not touched.
fn fresh_home(home: &Path) -> anyhow::Result<PathBuf> {
    if home.exists() {
        let empty = std::fs::read_dir(home)?.next().is_none();
        anyhow::ensure!(
            empty || home.join(MARKER).exists(),
            "{} holds something that no demo made; give another folder with --home",
            home.display()
        );
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    std::fs::write(home.join(MARKER), "made by `atalaya demo`; may be deleted\n")?;
    Ok(home.to_owned())
}

/// What every step needs.
struct Job<'a> {
    demo: &'a Demo,
    home: &'a Path,
    app: &'a App,
    client: &'a Client,
    receiver: &'a Receiver,
}

impl Job<'_> {
    async fn run(&self, production: &Production) -> anyhow::Result<Summary> {
        let started = Instant::now();
        self.register().await?;
        self.deploy().await?;
        self.prepare_watch().await?;
        let sent = traffic::send(self.client, ENDPOINT, production, self.demo.requests).await?;
        step(&format!(
            "sent {} requests: {} answered, {} receipts; p50 {:.2} ms, p99 {:.2} ms",
            sent.sent, sent.answered, sent.receipts, sent.latency.p50, sent.latency.p99
        ))?;
        let labels = traffic::post_labels(self.client, ENDPOINT, production, &sent).await?;
        step(&format!("posted {labels} labels"))?;
        let report = self.watch(sent.between_halves).await?;
        let alerts = self.alerts().await?;
        let files = self.report_files().await?;
        let scored = batch::score(self.app, self.home, self.demo, MODEL).await?;
        step(&crate::commands::score::sentence(&scored))?;
        let tables = self.tables(&scored.output).await?;
        Ok(Summary {
            requests: Requests {
                sent: sent.sent,
                receipts: sent.receipts,
                failed: sent.failed,
            },
            split: sent.split,
            latency_ms: sent.latency,
            drifted_columns: drifted(&report),
            quality: report["quality"].clone(),
            alerts,
            score: scored,
            tables,
            report: files,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    async fn register(&self) -> anyhow::Result<()> {
        for version in ["version_1", "version_2"] {
            let dir = self.demo.fixtures.join(version);
            let request = RegisterModel {
                name: ModelName::new(MODEL)?,
                files: read_model_folder(&dir)?,
                source: format!("file://{}", std::path::absolute(&dir)?.display()),
                run_id: String::new(),
                user: user(),
            };
            let made = self.app.register_model(request).await?;
            let loaded = self.app.load_version(&made).await?;
            step(&format!(
                "registered {MODEL} version {} ({})",
                made.version, loaded.executor
            ))?;
        }
        Ok(())
    }

    async fn deploy(&self) -> anyhow::Result<()> {
        let served = |version: u32, share: u32| {
            json!({"model_name": MODEL, "model_version": version, "workload_size": "Small",
                   "scale_to_zero_enabled": false, "traffic_percentage": share})
        };
        let body = json!({"name": ENDPOINT, "config": {"served_models": [served(1, 90), served(2, 10)]}});
        let endpoint = self.client.post("/api/2.0/serving-endpoints", &body).await?;
        anyhow::ensure!(
            endpoint["state"]["ready"] == "READY",
            "the endpoint is not ready: {}",
            endpoint["state"]
        );
        step(&format!("deployed {ENDPOINT}: 90 % version 1, 10 % version 2"))
    }

    async fn prepare_watch(&self) -> anyhow::Result<()> {
        let baselines = self.home.join("lake/baselines");
        std::fs::create_dir_all(&baselines)?;
        std::fs::copy(
            self.demo.fixtures.join("reference.csv"),
            baselines.join("reference.csv"),
        )?;
        let notifier = json!({"name": "demo-receiver", "kind": "webhook", "url": self.receiver.url()});
        self.client.post("/api/atalaya/v1/notifiers", &notifier).await?;
        step("webhook receiver listens; baseline copied into the lake")
    }

    /// One monitor run over the part of the traffic that drifts.
    async fn watch(&self, since: Instant) -> anyhow::Result<serde_json::Value> {
        // Flushed beforehand, so that the run itself takes far less time than the gap before the window.
        self.flush().await?;
        let window_ms = u64::try_from(since.elapsed().as_millis())?.max(1);
        let monitor = json!({
            "name": MONITOR, "endpoint": ENDPOINT, "baseline": "baselines/reference.csv", "window_ms": window_ms,
            "thresholds": {"min_accuracy": 0.85, "max_latency_ms": 200.0, "max_drift_pvalue": 0.05},
            "notifiers": ["demo-receiver"],
        });
        self.client.post("/api/atalaya/v1/monitors", &monitor).await?;
        let report = self
            .client
            .post(&format!("/api/atalaya/v1/monitors/{MONITOR}/run"), &json!({}))
            .await?;
        let columns = drifted(&report);
        step(&format!(
            "monitor ran: drift in {}",
            if columns.is_empty() {
                "nothing".into()
            } else {
                columns.join(", ")
            }
        ))?;
        Ok(report)
    }

    async fn flush(&self) -> anyhow::Result<()> {
        let path = format!("/api/atalaya/v1/endpoints/{ENDPOINT}/flush");
        self.client.post(&path, &json!({})).await.map(drop)
    }

    /// Waits until every alert that fired has arrived.
    async fn alerts(&self) -> anyhow::Result<Alerts> {
        let answer = self.client.get("/api/atalaya/v1/alerts").await?;
        let fired = answer["alerts"].as_array().map_or(0, Vec::len);
        let delivered = self.receiver.wait_for(fired, DELIVERY_DEADLINE).await;
        for alert in &delivered {
            step(&format!("alert received: {} ({})", alert.kind, alert.message))?;
        }
        Ok(Alerts {
            fired,
            delivered: delivered.len(),
            repeated: self.receiver.repeated(),
        })
    }

    async fn report_files(&self) -> anyhow::Result<Files> {
        let html = self.home.join("report.html");
        let png = self.home.join("report.png");
        let path = format!("/api/atalaya/v1/monitors/{MONITOR}/report");
        std::fs::write(&html, self.client.bytes(&path).await?)?;
        std::fs::write(&png, self.client.bytes(&format!("{path}.png")).await?)?;
        step(&format!("report written to {}", html.display()))?;
        Ok(Files {
            html: absolute(&html)?,
            png: absolute(&png)?,
        })
    }

    async fn tables(&self, scored: &str) -> anyhow::Result<summary::Tables> {
        self.flush().await?;
        let table = async |name: &str| -> anyhow::Result<Table> {
            let path = format!("{ENDPOINT}/{name}");
            let folder = self.app.lake().folder(&path)?;
            Ok(Table {
                path: absolute(&folder)?,
                rows: self.app.lake().count(&path).await?,
            })
        };
        let scored = Path::new(scored);
        let name = scored
            .file_name()
            .and_then(|n| n.to_str())
            .context("the scored table has a name")?;
        Ok(summary::Tables {
            payload: table("payload").await?,
            rows: table("rows").await?,
            labels: table("labels").await?,
            scored: Table {
                path: absolute(scored)?,
                rows: self.app.lake().count(name).await?,
            },
        })
    }
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    Ok(std::path::absolute(path)?.display().to_string())
}

fn drifted(report: &serde_json::Value) -> Vec<String> {
    let columns = report["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    columns
        .iter()
        .filter(|column| column["drifted"] == true)
        .filter_map(|column| column["column"].as_str().map(str::to_owned))
        .collect()
}

fn step(text: &str) -> anyhow::Result<()> {
    say(&format!("✓ {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_no_demo_made_is_left_alone() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("thesis.tex"), "years of work").expect("write");
        assert!(fresh_home(dir.path()).is_err());
        assert!(dir.path().join("thesis.tex").exists());
        let own = dir.path().join("home");
        fresh_home(&own).expect("made");
        std::fs::write(own.join("atalaya.db"), "old").expect("write");
        fresh_home(&own).expect("made again");
        assert!(!own.join("atalaya.db").exists());
    }
}
