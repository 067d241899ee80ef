//! Batch scoring with a model that is easy to check.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, FixedSizeListArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use atalaya_lake::score::{Added, Format, Kind, Mode, PREDICTION_DATE, ScoreSummary, Sink, SinkOptions, Source, run};
use atalaya_lake::{AppTxn, Append, LakeError};
use atalaya_model::{PredictError, Predictions, Predictor, Signature};
use futures::TryStreamExt as _;

use crate::support::{columns, ids, lake, parquet_files, read, texts};

/// 2026-11-24 00:00 UTC.
const DAY: i64 = 1_795_478_400_000_000;

/// Twice `x`; refuses NaN.
struct Doubling(Signature);

impl Doubling {
    fn predictor() -> Arc<dyn Predictor> {
        Arc::new(Doubling(Signature::of_doubles(["x"]).unwrap()))
    }
}

impl Predictor for Doubling {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        let x = batch.column(0).as_primitive::<Float64Type>();
        if let Some(row) = x.iter().position(|x| x.is_none_or(f64::is_nan)) {
            return Err(PredictError::Missing {
                column: "x".to_owned(),
                row,
            });
        }
        let values: ArrayRef = Arc::new(x.unary::<_, Float64Type>(|x| 2.0 * x));
        let both = x.iter().map(|x| Some([x, x.map(|x| 1.0 - x)]));
        let probabilities = FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(both, 2);
        Ok(Predictions {
            values,
            probabilities: Some(Arc::new(probabilities)),
        })
    }
}

fn added() -> Added {
    Added {
        model_name: "m".into(),
        model_version: "7".into(),
        predicted_at_us: DAY,
        probabilities: false,
    }
}

fn csv(folder: &Path, rows: usize) -> std::path::PathBuf {
    let mut text = "id,town,day,x\n".to_owned();
    for id in 0..rows {
        writeln!(
            text,
            "{id},\"town, {}\",2026-11-{:02},{}",
            id % 3,
            1 + id % 2,
            id as f64 / 4.0
        )
        .unwrap();
    }
    let path = folder.join("input.csv");
    std::fs::write(&path, text).unwrap();
    path
}

async fn score(input: &Path, output: &Path, options: SinkOptions) -> Result<ScoreSummary, LakeError> {
    let model = Doubling::predictor();
    let source = Source::open(input, Some(&model.signature().arrow_schema())).await?;
    let sink = Sink::open(output, options).await?;
    let mut seen = 0;
    let summary = run(source, model, added(), sink, &mut |rows| {
        assert!(rows > seen);
        seen = rows;
    })
    .await?;
    assert_eq!(seen, summary.rows);
    Ok(summary)
}

async fn rows_of(path: &Path) -> RecordBatch {
    let source = Source::open(path, None).await.unwrap();
    let schema = source.schema();
    let batches: Vec<RecordBatch> = source.stream().await.unwrap().try_collect().await.unwrap();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

fn check(batch: &RecordBatch, rows: usize) {
    assert_eq!(batch.num_rows(), rows);
    let id = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
    let prediction = batch
        .column_by_name("prediction")
        .unwrap()
        .as_primitive::<Float64Type>();
    assert!(
        id.values()
            .iter()
            .zip(prediction.values())
            .all(|(&id, &prediction)| prediction == id as f64 / 2.0)
    );
    let mut ids = id.values().to_vec();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..rows as i64));
    assert!(
        texts(batch, "model_version")
            .iter()
            .all(|version| version.as_deref() == Some("7"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_to_delta_by_date_then_delta_to_parquet_and_on() {
    const ROWS: usize = 40_000;
    let (folder, lake) = lake();
    let input = csv(folder.path(), ROWS);
    let table = lake.folder("scored").unwrap();
    let options = SinkOptions {
        partition_by: vec!["day".into()],
        ..SinkOptions::default()
    };
    let summary = score(&input, &table, options.clone()).await.unwrap();
    assert_eq!(
        (summary.rows, summary.version, summary.already_there),
        (ROWS as u64, Some(1), false)
    );
    assert!(summary.bytes > 0 && summary.seconds > 0.0);
    let files = parquet_files(&lake, "scored");
    assert_eq!(files.len(), 2, "one file for each date: {files:?}");
    assert!(files.iter().all(|file| file.starts_with("day=2026-11-0")));
    let scored = read(&lake, "scored").await;
    check(&scored, ROWS);
    assert_eq!(scored.column_by_name("day").unwrap().data_type(), &DataType::Date32);
    assert!(matches!(
        score(&input, &table, options).await.unwrap_err(),
        LakeError::Exists { .. }
    ));

    // What scoring added stands in the way of scoring again.
    let again = score(&table, &folder.path().join("again.parquet"), SinkOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(again, LakeError::Column { column, .. } if column == "prediction"));

    lake.append(
        "plain",
        vec![columns(vec![
            (
                "id",
                Arc::new(arrow::array::Int64Array::from_iter_values(0..500)) as ArrayRef,
            ),
            (
                "x",
                Arc::new(Float64Array::from_iter_values((0..500).map(|id| f64::from(id) / 4.0))),
            ),
        ])],
        Append::default(),
    )
    .await
    .unwrap();
    let plain = lake.folder("plain").unwrap();
    assert_eq!(
        Source::open(&plain, None).await.unwrap().kind(),
        Kind::Delta { version: 1 }
    );
    let file = folder.path().join("out.parquet");
    score(&plain, &file, SinkOptions::default()).await.unwrap();
    check(&rows_of(&file).await, 500);
    let source = Source::open(&file, None).await.unwrap();
    assert_eq!((source.kind(), source.rows()), (Kind::Parquet, Some(500)));

    let parts = folder.path().join("parts");
    let options = SinkOptions {
        format: Some(Format::ParquetFolder),
        partition_by: vec![PREDICTION_DATE.into()],
        ..SinkOptions::default()
    };
    score(&plain, &parts, options).await.unwrap();
    let back = rows_of(&parts).await;
    check(&back, 500);
    assert_eq!(texts(&back, PREDICTION_DATE)[0].as_deref(), Some("2026-11-24"));
    assert!(
        std::fs::read_dir(folder.path()).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.'))
    );
}

#[tokio::test]
async fn a_rerun_of_the_same_job_writes_nothing_and_overwrite_replaces() {
    let (folder, lake) = lake();
    let input = csv(folder.path(), 30);
    let table = lake.folder("scored").unwrap();
    let app = |version| {
        Some(AppTxn {
            app_id: "job/1".into(),
            version,
        })
    };
    let append = |version| SinkOptions {
        mode: Mode::Append,
        app: app(version),
        ..SinkOptions::default()
    };
    assert_eq!(score(&input, &table, append(1)).await.unwrap().rows, 30);
    let rerun = score(&input, &table, append(1)).await.unwrap();
    assert!(rerun.already_there);
    assert_eq!((rerun.rows, lake.count("scored").await.unwrap()), (0, 30));
    assert_eq!(score(&input, &table, append(2)).await.unwrap().rows, 30);
    assert_eq!(lake.count("scored").await.unwrap(), 60);
    let overwrite = SinkOptions {
        mode: Mode::Overwrite,
        partition_by: vec!["town".into()],
        ..SinkOptions::default()
    };
    score(&input, &table, overwrite).await.unwrap();
    let scored = read(&lake, "scored").await;
    check(&scored, 30);
    assert_eq!(
        texts(&scored, "town")
            .iter()
            .filter(|town| town.as_deref() == Some("town, 1"))
            .count(),
        10
    );

    // Overwriting by another shape replaces the columns too.
    let other = lake.folder("other").unwrap();
    lake.append("other", vec![ids(0..5)], Append::default()).await.unwrap();
    score(
        &input,
        &other,
        SinkOptions {
            mode: Mode::Overwrite,
            ..SinkOptions::default()
        },
    )
    .await
    .unwrap();
    check(&read(&lake, "other").await, 30);
}

#[tokio::test]
async fn a_refused_row_leaves_the_output_as_it_was() {
    let (folder, lake) = lake();
    let input = folder.path().join("bad.csv");
    std::fs::write(&input, "x,y\n1.5,a\n,b\n2.5,c\n").unwrap();
    for name in ["out.parquet", "table"] {
        let output = folder.path().join(name);
        let refused = score(&input, &output, SinkOptions::default()).await.unwrap_err();
        assert!(
            matches!(
                refused,
                LakeError::Predict {
                    source: PredictError::Missing { row: 1, .. },
                    ..
                }
            ),
            "{refused}"
        );
        assert!(!output.exists(), "a failed run leaves nothing");
    }
    let missing = folder.path().join("other.csv");
    std::fs::write(&missing, "z\n1\n").unwrap();
    let refused = score(&missing, &folder.path().join("o.parquet"), SinkOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(refused, LakeError::Signature(_)), "{refused}");
    drop(lake);
}

#[tokio::test]
async fn inputs_of_no_known_format_are_refused_without_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let paths = [
        put("a.parquet", "x,y"),
        put("b.csv", "PAR1"),
        put("c.xlsx", "x"),
        folder.path().join("empty"),
    ];
    for path in paths {
        let refused = Source::open(&path, None).await.err().unwrap();
        assert!(matches!(refused, LakeError::Format { .. }), "{refused}");
    }
    let gone = Source::open(&folder.path().join("gone.csv"), None).await.err().unwrap();
    assert!(matches!(gone, LakeError::Io { .. }), "{gone}");
    let hint = Signature::of_doubles(["x"]).unwrap().arrow_schema();
    let bad = Source::open(&put("d.csv", "x\n1.5\nsecret\n"), Some(&hint))
        .await
        .unwrap();
    let refused = bad
        .stream()
        .await
        .unwrap()
        .try_collect::<Vec<_>>()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("`x`") && refused.contains("row 2") && !refused.contains("secret"),
        "{refused}"
    );
    let estimated = Source::open(&put("e.csv", "x,y\n1,2\n3,4"), None).await.unwrap();
    assert_eq!((estimated.kind(), estimated.rows()), (Kind::Csv, Some(2)));
}
