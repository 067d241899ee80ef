//! `atalaya drift`: two files compared column by column. Exit code 0 whatever is found; `--json` says what.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use atalaya_lake::window::read_baseline;
use atalaya_server::compare_batches;
use atalaya_stats::drift::{DecisionMode, DriftResult};
use serde::Serialize;

use crate::cli::Drift;
use crate::output::{json, say, table};

/// Most rows read of each file; a larger one is sampled evenly, and the result says so.
const ROWS_MAX: usize = 5_000_000;

/// Compares and prints.
pub(crate) async fn run(drift: Drift) -> anyhow::Result<ExitCode> {
    let baseline = read(&drift.baseline, &drift.column).await?;
    let window = read(&drift.window, &drift.column).await?;
    let mode = if drift.mode == "lab" {
        DecisionMode::Lab
    } else {
        DecisionMode::Budget
    };
    anyhow::ensure!(
        (0.0..=1.0).contains(&drift.threshold),
        "--threshold must be from 0 to 1"
    );
    let found = compare_batches(&baseline.batch, &window.batch, &drift.column, mode, drift.threshold)?;
    let report = Report {
        mode: &drift.mode,
        threshold: drift.threshold,
        baseline_rows: baseline.total_rows,
        window_rows: window.total_rows,
        sampled: baseline.sampled() || window.sampled(),
        drifted: found.drifted().map(str::to_owned).collect(),
        columns: found.results.iter().map(Column::from).collect(),
        skipped: found
            .skipped
            .iter()
            .map(|(column, reason)| Skipped { column, reason })
            .collect(),
    };
    if drift.json {
        json(&report)?
    } else {
        print(&report)?
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(path: &Path, columns: &[String]) -> anyhow::Result<atalaya_lake::Window> {
    read_baseline(path, columns, ROWS_MAX)
        .await
        .with_context(|| format!("cannot read {}", path.display()))
}

#[derive(Serialize)]
struct Report<'a> {
    mode: &'a str,
    threshold: f64,
    baseline_rows: u64,
    window_rows: u64,
    sampled: bool,
    drifted: Vec<String>,
    columns: Vec<Column>,
    skipped: Vec<Skipped<'a>>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    column: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Column {
    column: String,
    test: &'static str,
    statistic: f64,
    p_value: Option<f64>,
    corrected_p_value: Option<f64>,
    effect_size: f64,
    psi: f64,
    baseline_count: u64,
    window_count: u64,
    threshold: f64,
    drifted: bool,
}

impl From<&DriftResult> for Column {
    fn from(r: &DriftResult) -> Self {
        Self {
            column: r.column.clone(),
            test: r.test,
            statistic: r.statistic,
            p_value: r.p_value,
            corrected_p_value: r.corrected_p_value,
            effect_size: r.effect_size,
            psi: r.psi,
            baseline_count: r.baseline_count,
            window_count: r.window_count,
            threshold: r.threshold,
            drifted: r.drifted,
        }
    }
}

impl Column {
    /// In a word; `too small` is a shift that is certain and yet below the size that counts as drift.
    fn verdict(&self) -> &'static str {
        match (self.drifted, self.corrected_p_value.is_some_and(|p| p < self.threshold)) {
            (true, _) => "DRIFT",
            (false, true) => "too small",
            (false, false) => "quiet",
        }
    }
}

fn print(report: &Report<'_>) -> anyhow::Result<()> {
    let number = |x: f64| {
        if x != 0.0 && x.abs() < 1e-4 {
            format!("{x:.2e}")
        } else {
            format!("{x:.4}")
        }
    };
    let rows: Vec<Vec<String>> = report
        .columns
        .iter()
        .map(|c| {
            let p = c.p_value.map_or("–".to_owned(), number);
            let corrected = c.corrected_p_value.map_or("–".to_owned(), number);
            let verdict = c.verdict();
            vec![
                c.column.clone(),
                c.test.to_owned(),
                number(c.statistic),
                p,
                corrected,
                number(c.psi),
                verdict.to_owned(),
            ]
        })
        .collect();
    say(&table(
        &["column", "test", "statistic", "p", "p corrected", "psi", "verdict"],
        &rows,
    ))?;
    for skipped in &report.skipped {
        say(&format!("skipped `{}`: {}", skipped.column, skipped.reason))?;
    }
    let sampled = if report.sampled { " (sampled)" } else { "" };
    say(&format!(
        "\n{} of {} columns drifted; {} baseline rows, {} window rows{sampled}",
        report.drifted.len(),
        report.columns.len(),
        report.baseline_rows,
        report.window_rows
    ))
}
