//! One method of one model over an input, into an Arrow file with the column `prediction`: what a comparison with the
//! Python original needs. No run is recorded, and a folder needs no home.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::Context as _;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use arrow::ipc::writer::FileWriter;
use atalaya_model::{LoadError, Method};
use atalaya_server::RunningModel;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::input;
use crate::cli::Score;
use crate::commands::model::read_model_folder;
use crate::home::open_beside_with;
use crate::output::{json, progress, say};

/// Rows that one thread scores at a time.
const CHUNK_ROWS: usize = 16 * 1024;
/// The column of the output.
const PREDICTION: &str = "prediction";

/// Whether the answers go into an Arrow file.
pub(super) fn applies(score: &Score) -> bool {
    score.method.is_some() || ends_in_arrow(&score.output) || Path::new(&score.model).is_dir()
}

fn ends_in_arrow(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("arrow"))
}

/// Scores and prints.
pub(super) async fn run(score: Score) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        ends_in_arrow(&score.output),
        "--output: with --method or a model folder the answers go into an Arrow file; give a path ending in .arrow"
    );
    let model = load(&score).await?;
    let method = score.method.unwrap_or(Method::Predict);
    let methods = model.predictor.methods();
    if !methods.contains(&method) {
        let known: Vec<_> = methods.iter().map(|method| method.name()).collect();
        anyhow::bail!("--method: the model has no `{method}`; it has {}", known.join(", "));
    }
    let (total, batches) = input::open(&score.input, model.signature()).await?;
    let bar = progress(total, "scoring");
    let started = Instant::now();
    let threads = available_parallelism().map_or(1, usize::from);
    let chunks = batches.map_ok(|batch| stream::iter(chunks(&batch).into_iter().map(Ok::<_, anyhow::Error>)));
    let scored = chunks.try_flatten().map(|chunk| {
        let model = Arc::clone(&model);
        async move {
            let chunk = chunk?;
            tokio::task::spawn_blocking(move || answer(&model, method, &chunk)).await?
        }
    });
    let mut scored = std::pin::pin!(scored.buffered(threads));
    let mut output = Output::new(&score.output);
    while let Some(answers) = scored.try_next().await? {
        output.write(&answers)?;
        bar.set_position(output.rows);
    }
    bar.finish_and_clear();
    let rows = output.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    if score.json {
        json(&serde_json::json!({
            "model": score.model,
            "method": method.name(),
            "flavor": model.flavor,
            "executor": model.executor,
            "rows": rows,
            "seconds": seconds,
            "output": score.output.display().to_string(),
        }))?;
    } else {
        say(&format!(
            "{method} of {rows} rows in {seconds:.2} s ({}) into {}",
            model.executor,
            score.output.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn load(score: &Score) -> anyhow::Result<Arc<RunningModel>> {
    let folder = Path::new(&score.model);
    if folder.is_dir() {
        let files = read_model_folder(folder)?;
        match atalaya_model::load(&files) {
            Ok(model) => return Ok(Arc::new(model.into())),
            // Python may run it, which needs a home for its environment.
            Err(LoadError::NoFlavor { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let app = open_beside_with(&score.home.home, score.python).await?;
        let model = app.load_files(files, score.model.clone()).await;
        app.close().await;
        return Ok(model?);
    }
    let uri = score
        .model
        .parse()
        .context("--model: expected models:/NAME/VERSION, models:/NAME@ALIAS, or a folder with an MLmodel file")?;
    let app = open_beside_with(&score.home.home, score.python).await?;
    let version = app.resolve_model(&uri).await?;
    let model = app.load_version(&version).await?;
    app.close().await;
    Ok(model)
}

fn chunks(batch: &RecordBatch) -> Vec<RecordBatch> {
    (0..batch.num_rows())
        .step_by(CHUNK_ROWS)
        .map(|start| batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start)))
        .collect()
}

fn answer(model: &RunningModel, method: Method, batch: &RecordBatch) -> anyhow::Result<ArrayRef> {
    let batch = model.signature().enforce(batch)?;
    Ok(model.predictor.call(method, &batch)?)
}

/// The file, which has its name only when it is whole.
struct Output {
    path: PathBuf,
    part: PathBuf,
    writer: Option<FileWriter<File>>,
    rows: u64,
}

impl Output {
    fn new(path: &Path) -> Self {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        Self {
            path: path.to_owned(),
            part: part.into(),
            writer: None,
            rows: 0,
        }
    }

    fn write(&mut self, answers: &ArrayRef) -> anyhow::Result<()> {
        let schema = match &self.writer {
            Some(writer) => Arc::clone(writer.schema()),
            None => Arc::new(Schema::new(vec![Field::new(
                PREDICTION,
                answers.data_type().clone(),
                true,
            )])),
        };
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(answers)])?;
        if self.writer.is_none() {
            let file = File::create(&self.part).with_context(|| format!("cannot write {}", self.part.display()))?;
            self.writer = Some(FileWriter::try_new(file, &schema)?);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(&batch)?;
        }
        self.rows += answers.len() as u64;
        Ok(())
    }

    fn finish(self) -> anyhow::Result<u64> {
        let mut writer = self
            .writer
            .context("the input has no rows, so there is nothing to write")?;
        writer.finish()?;
        writer.into_inner()?.sync_all()?;
        std::fs::rename(&self.part, &self.path).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.rows)
    }
}
