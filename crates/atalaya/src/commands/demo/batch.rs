//! The demo's batch: a table made by repeating the training data over days, scored into Delta by date.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use atalaya_domain::registry::{ModelUri, VersionRef};
use atalaya_lake::score::SinkOptions;
use chrono::{Days, NaiveDate};

use crate::cli::Demo;
use crate::commands::score::{Scored, score_into};
use atalaya_server::App;

use super::data::Patient;

/// Days over which the rows are spread.
const DAYS: u64 = 10;

/// Makes the input and scores it with version 1 into `lake/scored`, partitioned by `date`.
pub(super) async fn score(app: &App, home: &Path, demo: &Demo, model: &str) -> anyhow::Result<Scored> {
    let input = home.join("batch.csv");
    write_input(&demo.fixtures.join("train.csv"), &input, demo.rows)?;
    let uri = ModelUri {
        name: atalaya_domain::ModelName::new(model)?,
        version: VersionRef::Number(1),
    };
    let version = app.resolve_model(&uri).await?;
    let output: PathBuf = app.lake().folder("scored")?;
    let options = SinkOptions {
        partition_by: vec!["date".to_owned()],
        ..SinkOptions::default()
    };
    score_into(app, &version, &input, &output, options).await
}

fn write_input(train: &Path, input: &Path, rows: u32) -> anyhow::Result<()> {
    let mut reader = csv::Reader::from_path(train).with_context(|| format!("cannot read {}", train.display()))?;
    let patients: Vec<Patient> = reader.deserialize().collect::<Result<_, _>>()?;
    anyhow::ensure!(!patients.is_empty(), "{} has no rows", train.display());
    let first = NaiveDate::from_ymd_opt(2025, 12, 1).context("a date of the calendar")?;
    let mut writer = csv::Writer::from_path(input)?;
    writer.write_record(["date", "age", "bmi", "blood_pressure", "glucose"])?;
    for i in 0..u64::from(rows) {
        let p = &patients[usize::try_from(i)? % patients.len()];
        let date = first + Days::new(i * DAYS / u64::from(rows));
        writer.serialize((date.to_string(), p.age, p.bmi, p.blood_pressure, p.glucose))?;
    }
    writer.flush()?;
    Ok(())
}
