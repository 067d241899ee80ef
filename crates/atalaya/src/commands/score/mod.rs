//! `atalaya score`: a table in, the same table with predictions out, recorded as a tracking run; or one method's answers
//! into an Arrow file, with or without a registry.

pub(crate) mod input;
mod method;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use atalaya_domain::registry::{ModelUri, ModelVersion, Tags};
use atalaya_domain::tracking::{Metric, RunStatus};
use atalaya_lake::score::{Added, Mode as SinkMode, ScoreSummary, Sink, SinkOptions, Source, run as score_table};
use atalaya_server::{App, RunningModel};
use atalaya_store::{LogBatch, NewRun, RunUpdate};
use serde::Serialize;

use crate::cli::{Mode, Score};
use crate::config::user;
use crate::home::open_beside_with;
use crate::output::{json, progress, say};

/// What a run came to, as printed and recorded.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Scored {
    pub(crate) model: String,
    pub(crate) model_version: u32,
    pub(crate) rows: u64,
    pub(crate) seconds: f64,
    pub(crate) rows_per_second: f64,
    pub(crate) bytes: u64,
    pub(crate) delta_version: Option<u64>,
    pub(crate) output: String,
    pub(crate) run_id: String,
}

/// Scores and prints.
pub(crate) async fn run(score: Score) -> anyhow::Result<ExitCode> {
    if method::applies(&score) {
        return method::run(score).await;
    }
    let uri: ModelUri = score.model.parse().context("--model")?;
    let app = open_beside_with(&score.home.home, score.python).await?;
    let version = app.resolve_model(&uri).await?;
    let options = SinkOptions {
        mode: match score.mode {
            Mode::Append => SinkMode::Append,
            Mode::Overwrite => SinkMode::Overwrite,
        },
        partition_by: score.partition_by.iter().cloned().collect(),
        ..SinkOptions::default()
    };
    let scored = score_into(&app, &version, &score.input, &score.output, options).await?;
    if score.json {
        json(&scored)?
    } else {
        say(&sentence(&scored))?
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

/// One line for people.
pub(crate) fn sentence(scored: &Scored) -> String {
    format!(
        "scored {} rows with {} version {} in {:.2} s ({:.0} rows/s) into {}; run {}",
        scored.rows,
        scored.model,
        scored.model_version,
        scored.seconds,
        scored.rows_per_second,
        scored.output,
        scored.run_id
    )
}

/// Scores `input` into `output` and records the run, also when it fails.
pub(crate) async fn score_into(
    app: &App,
    version: &ModelVersion,
    input: &Path,
    output: &Path,
    options: SinkOptions,
) -> anyhow::Result<Scored> {
    let model = app.load_version(version).await?;
    let run_id = start_run(app, version, input, output).await?;
    let result = drive(app, &model, version, input, output, options).await;
    let status = if result.is_ok() {
        RunStatus::Finished
    } else {
        RunStatus::Failed
    };
    if let Ok(summary) = &result {
        record(app, &run_id, summary).await?;
    }
    let ended = RunUpdate {
        status: Some(status),
        ended_at: Some(app.now()),
        run_name: None,
    };
    app.store().update_run(&run_id, &ended).await?;
    let summary = result?;
    Ok(Scored {
        model: version.name.as_str().to_owned(),
        model_version: version.version,
        rows: summary.rows,
        seconds: summary.seconds,
        rows_per_second: rate(&summary),
        bytes: summary.bytes,
        delta_version: summary.version,
        output: output.display().to_string(),
        run_id,
    })
}

fn rate(summary: &ScoreSummary) -> f64 {
    if summary.seconds > 0.0 {
        summary.rows as f64 / summary.seconds
    } else {
        0.0
    }
}

async fn drive(
    app: &App,
    model: &Arc<RunningModel>,
    version: &ModelVersion,
    input: &Path,
    output: &Path,
    options: SinkOptions,
) -> anyhow::Result<ScoreSummary> {
    let source = Source::open(input, Some(&model.signature().arrow_schema()))
        .await
        .with_context(|| format!("cannot read {}", input.display()))?;
    let bar = progress(source.rows(), "scoring");
    let sink = Sink::open(output, options)
        .await
        .with_context(|| format!("cannot write {}", output.display()))?;
    let added = Added {
        model_name: version.name.as_str().to_owned(),
        model_version: version.version.to_string(),
        predicted_at_us: app.now().0.saturating_mul(1000),
        probabilities: false,
    };
    let predictor = Arc::clone(&model.predictor);
    let summary = score_table(source, predictor, added, sink, &mut |rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    Ok(summary?)
}

async fn start_run(app: &App, version: &ModelVersion, input: &Path, output: &Path) -> anyhow::Result<String> {
    let new = NewRun {
        experiment_id: None,
        run_name: Some("batch-scoring".to_owned()),
        user_id: user(),
        started_at: app.now(),
        tags: Tags::new(),
    };
    let run = app.store().create_run(&new).await?;
    let params = vec![
        ("model_name".to_owned(), version.name.as_str().to_owned()),
        ("model_version".to_owned(), version.version.to_string()),
        ("input".to_owned(), input.display().to_string()),
        ("output".to_owned(), output.display().to_string()),
    ];
    let batch = LogBatch {
        params,
        ..LogBatch::default()
    };
    app.store().log_batch(&run.run_id, &batch).await?;
    Ok(run.run_id)
}

/// The lab's names (`predictions_count`, `execution_timestamp`) beside our own.
async fn record(app: &App, run_id: &str, summary: &ScoreSummary) -> anyhow::Result<()> {
    let now = app.now();
    let metrics = [
        ("predictions_count", summary.rows as f64),
        ("execution_timestamp", now.0 as f64 / 1000.0),
        ("rows", summary.rows as f64),
        ("seconds", summary.seconds),
        ("rows_per_second", rate(summary)),
    ]
    .map(|(key, value)| Metric {
        key: key.to_owned(),
        value,
        timestamp: now,
        step: 0,
    });
    let batch = LogBatch {
        metrics: metrics.to_vec(),
        ..LogBatch::default()
    };
    app.store().log_batch(run_id, &batch).await?;
    Ok(())
}
