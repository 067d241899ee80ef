//! The scorer: reads, predicts and writes at the same time, with a few batches in between.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array as _, ArrayRef, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use atalaya_model::Predictor;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use crate::error::LakeError;
use crate::score::{Sink, Source};
use crate::tables::inference::day;

/// The date of `prediction_timestamp`; added when the output is partitioned by it.
pub const PREDICTION_DATE: &str = "prediction_date";
/// Batches read ahead of the predictor: enough to cover the time of one write.
const READ_AHEAD: usize = 4;
/// Batches being predicted at most, whatever the number of cores: the bound of memory.
const MAX_PARALLEL: usize = 16;

/// Columns that scoring adds behind the input's own: `prediction`, `probabilities` (a list, on
/// request), `model_name`, `model_version`, `prediction_timestamp`.
#[derive(Debug, Clone)]
pub struct Added {
    /// Registered name, or what the model calls itself.
    pub model_name: String,
    /// Version.
    pub model_version: String,
    /// One time for the whole run, microseconds since 1970 UTC.
    pub predicted_at_us: i64,
    /// Adds P(class | row) where the model has it.
    pub probabilities: bool,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSummary {
    /// Rows scored and written.
    pub rows: u64,
    /// Wall time of reading, scoring and writing.
    pub seconds: f64,
    /// Bytes of the output's files.
    pub bytes: u64,
    /// The Delta table's version with the rows.
    pub version: Option<u64>,
    /// The same job had run over the same input before: nothing was scored.
    pub already_there: bool,
}

/// Scores every row of `source` into `sink`; `progress` hears the rows written so far.
///
/// The order of rows stays. Predicting runs on blocking threads, as many as there are cores.
///
/// # Errors
/// [`LakeError::Signature`] for an input that does not fit the model, [`LakeError::Predict`] for a
/// row that it refuses, [`LakeError::Column`] for an input column named as one that is added. The
/// sink is then dropped unfinished: the output is as before.
pub async fn run(
    source: Source,
    predictor: Arc<dyn Predictor>,
    added: Added,
    mut sink: Sink,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ScoreSummary, LakeError> {
    let start = Instant::now();
    if sink.already_there().await? {
        return Ok(ScoreSummary {
            rows: 0,
            seconds: start.elapsed().as_secs_f64(),
            bytes: 0,
            version: None,
            already_there: true,
        });
    }
    feed(source, predictor, added, &mut sink, progress).await?;
    let sunk = sink.finish().await?;
    Ok(ScoreSummary {
        rows: sunk.rows,
        seconds: start.elapsed().as_secs_f64(),
        bytes: sunk.bytes,
        version: sunk.version,
        already_there: sunk.already_there,
    })
}

/// Reads, predicts and writes to the last row; what is written becomes visible only when the sink is finished.
async fn feed(
    source: Source,
    predictor: Arc<dyn Predictor>,
    added: Added,
    sink: &mut Sink,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), LakeError> {
    let schema = source.schema();
    let scorer = Arc::new(Scorer::new(predictor, added, &schema, sink.partition_by())?);
    // Without rows, the output still gets its columns.
    let first = scorer.score(&RecordBatch::new_empty(schema))?;
    sink.write(&first).await?;

    let mut batches = source.stream().await?;
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    // Dropping the set, on any error below, stops the reader.
    let mut reader = tokio::task::JoinSet::new();
    reader.spawn(async move {
        while let Some(batch) = batches.next().await {
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    let parallel = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_PARALLEL);
    let received = futures::stream::unfold(receiver, |mut receiver| async {
        Some((receiver.recv().await?, receiver))
    });
    let mut scored = received
        .map(|batch: Result<RecordBatch, LakeError>| {
            let scorer = Arc::clone(&scorer);
            async move {
                let batch = batch?;
                tokio::task::spawn_blocking(move || scorer.score(&batch)).await?
            }
        })
        .buffered(parallel)
        .boxed();
    let mut rows = 0;
    loop {
        let batch = match scored.try_next().await {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(LakeError::Predict { source, .. }) => return Err(LakeError::Predict { rows, source }),
            Err(error) => return Err(error),
        };
        sink.write(&batch).await?;
        rows += batch.num_rows() as u64;
        progress(rows);
    }
    while let Some(ended) = reader.join_next().await {
        ended?;
    }
    Ok(())
}

struct Scorer {
    predictor: Arc<dyn Predictor>,
    added: Added,
    date: bool,
}

impl Scorer {
    fn new(
        predictor: Arc<dyn Predictor>,
        added: Added,
        input: &Schema,
        partition_by: &[String],
    ) -> Result<Self, LakeError> {
        let has = |name: &str| {
            input
                .fields()
                .iter()
                .any(|field| field.name().eq_ignore_ascii_case(name))
        };
        let date = partition_by.iter().any(|column| column == PREDICTION_DATE) && !has(PREDICTION_DATE);
        let names = [
            "prediction",
            "probabilities",
            "model_name",
            "model_version",
            "prediction_timestamp",
        ];
        for name in names {
            if has(name) && (name != "probabilities" || added.probabilities) {
                return Err(LakeError::column(
                    name,
                    "the input has a column of this name, which scoring adds",
                ));
            }
        }
        let known =
            |column: &String| has(column) || names.contains(&column.as_str()) || (date && column == PREDICTION_DATE);
        match partition_by.iter().find(|column| !known(column)) {
            Some(column) => Err(LakeError::NoColumn {
                column: column.clone(),
                table: "the scored rows".to_owned(),
            }),
            None => Ok(Scorer { predictor, added, date }),
        }
    }

    fn score(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let rows = batch.num_rows();
        let input = self.predictor.signature().enforce(batch)?;
        let predictions = self
            .predictor
            .predict(&input)
            .map_err(|source| LakeError::Predict { rows: 0, source })?;
        if predictions.values.len() != rows {
            return Err(LakeError::column(
                "prediction",
                "the model has not as many answers as rows",
            ));
        }
        let mut fields = batch.schema().fields().to_vec();
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        let mut add = |name: &str, column: ArrayRef| {
            fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
            columns.push(column);
        };
        add("prediction", predictions.values);
        if let (true, Some(probabilities)) = (self.added.probabilities, predictions.probabilities) {
            let element = Arc::new(Field::new("element", DataType::Float64, true));
            add("probabilities", cast(&probabilities, &DataType::List(element))?);
        }
        let text = |value: &str| Arc::new(StringArray::from(vec![value; rows])) as ArrayRef;
        add("model_name", text(&self.added.model_name));
        add("model_version", text(&self.added.model_version));
        let at = self.added.predicted_at_us;
        add(
            "prediction_timestamp",
            Arc::new(TimestampMicrosecondArray::from(vec![at; rows]).with_timezone("UTC")),
        );
        if self.date {
            add(PREDICTION_DATE, Arc::new(Date32Array::from(vec![day(at); rows])));
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}
