//! Inference tables: written as a flusher does, read as a monitor does.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
    StringArray,
};
use arrow::datatypes::{DataType, Float64Type};
use atalaya_lake::tables::inference::{
    LABEL_DATE, LabelRow, PayloadRow, REQUEST_DATE, RequestRows, feature_columns, labels_batch, labels_table,
    payload_batch, payload_schema, payload_table, rows_batches, rows_table,
};
use atalaya_lake::window::read_baseline;
use atalaya_lake::{Append, Lake, LakeError, TimeRange, WindowQuery};
use atalaya_model::Predictions;

use crate::support::{columns, ids, lake, parquet_files, texts};

/// 2026-11-24 00:00 UTC.
const DAY: i64 = 1_795_478_400_000_000;
const HOUR: i64 = 3_600_000_000;

fn numbers(values: &[i64]) -> Predictions {
    Predictions {
        values: Arc::new(Int64Array::from(values.to_vec())),
        probabilities: None,
    }
}

/// One request at `hour` with as many records as `ages`.
async fn answer(lake: &Lake, id: &str, hour: i64, entity: &str, ages: &[f64]) {
    let features = columns(vec![("age", Arc::new(Float64Array::from(ages.to_vec())) as ArrayRef)]);
    let predictions = numbers(&vec![1; ages.len()]);
    let rows = RequestRows {
        request_id: id,
        client_request_id: None,
        request_time_us: DAY + hour * HOUR,
        served_entity: entity,
        model_name: "m",
        model_version: "1",
        endpoint_config_version: 3,
        latency_us: 250,
        cache_hit: false,
        features: &features,
        predictions: &predictions,
    };
    let options = Append {
        partition_by: &[REQUEST_DATE],
        ..Append::default()
    };
    lake.append(&rows_table("e"), rows_batches(&[rows]).unwrap(), options)
        .await
        .unwrap();
}

async fn label(lake: &Lake, labels: &[LabelRow<'_>]) {
    let options = Append {
        partition_by: &[LABEL_DATE],
        ..Append::default()
    };
    lake.append(&labels_table("e"), vec![labels_batch(labels).unwrap()], options)
        .await
        .unwrap();
}

fn of_row<'a>(row_id: &'a str, label: f64, at: i64) -> LabelRow<'a> {
    LabelRow {
        row_id: Some(row_id),
        request_id: None,
        label: Some(label),
        label_text: None,
        labeled_at_us: DAY + at,
    }
}

fn hours(from: i64, to: i64) -> TimeRange {
    TimeRange {
        from_us: DAY + from * HOUR,
        to_us: DAY + to * HOUR,
    }
}

#[tokio::test]
async fn a_window_takes_its_hours_and_the_latest_labels() {
    let (_folder, lake) = lake();
    let missing = lake.window("e", &WindowQuery::new(hours(0, 1))).await.unwrap_err();
    assert!(matches!(missing, LakeError::NoTable { .. }), "{missing}");
    answer(&lake, "yesterday", -1, "m-1", &[1.0]).await;
    answer(&lake, "one", 0, "m-1", &[2.0]).await;
    answer(&lake, "two", 1, "m-2", &[3.0, 4.0]).await;
    answer(&lake, "end", 2, "m-1", &[5.0]).await;

    let mut query = WindowQuery {
        columns: vec!["row_id".into(), "age".into()],
        ..WindowQuery::new(hours(0, 2))
    };
    let unlabeled = lake.window("e", &query).await.unwrap();
    assert_eq!(unlabeled.total_rows, 3);
    assert!(!unlabeled.sampled());
    assert_eq!(
        unlabeled
            .batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect::<Vec<_>>(),
        ["row_id", "age", "label", "label_text"]
    );
    assert_eq!(unlabeled.batch.column_by_name("label").unwrap().null_count(), 3);

    let by_request = |id, value| LabelRow {
        row_id: None,
        request_id: Some(id),
        ..of_row("", value, 50)
    };
    let posted = [
        of_row("two#1", 0.0, 100),
        by_request("one", 7.0),
        by_request("two", 9.0),
        of_row("unknown#0", 5.0, 1),
    ];
    label(&lake, &posted).await;
    label(&lake, &[of_row("two#1", 1.0, 200), of_row("two#1", 8.0, 150)]).await;
    label(&lake, &posted).await;
    let labeled = lake.window("e", &query).await.unwrap().batch;
    let labels = labeled.column_by_name("label").unwrap().as_primitive::<Float64Type>();
    let mut found: Vec<_> = texts(&labeled, "row_id")
        .into_iter()
        .map(Option::unwrap)
        .zip(labels)
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        found,
        [
            ("one#0".into(), Some(7.0)),
            ("two#0".into(), None),
            ("two#1".into(), Some(1.0))
        ]
    );

    query.served_entity = Some("m-2".into());
    assert_eq!(lake.window("e", &query).await.unwrap().total_rows, 2);
    query.served_entity = Some("m-9".into());
    let nothing = lake.window("e", &query).await.unwrap();
    assert_eq!(
        (
            nothing.total_rows,
            nothing.batch.num_rows(),
            nothing.batch.num_columns()
        ),
        (0, 0, 4)
    );
    query.columns.push("height".into());
    let unknown = lake.window("e", &query).await.unwrap_err();
    assert!(matches!(unknown, LakeError::NoColumn { column, .. } if column == "height"));
}

#[tokio::test]
async fn a_sampled_window_still_knows_requests_of_several_records() {
    let (_folder, lake) = lake();
    for request in 0..20 {
        answer(&lake, &format!("r{request}"), 0, "m-1", &[1.0, 2.0]).await;
    }
    let labels: Vec<String> = (0..20).map(|request| format!("r{request}")).collect();
    let by_request = |id| LabelRow {
        row_id: None,
        request_id: Some(id),
        ..of_row("", 1.0, 0)
    };
    label(
        &lake,
        &labels.iter().map(|id| by_request(id.as_str())).collect::<Vec<_>>(),
    )
    .await;
    let query = WindowQuery {
        limit: 10,
        ..WindowQuery::new(hours(0, 1))
    };
    let window = lake.window("e", &query).await.unwrap();
    assert!(window.sampled());
    assert_eq!((window.batch.num_rows(), window.total_rows), (10, 40));
    assert_eq!(
        window.batch.column_by_name("label").unwrap().null_count(),
        10,
        "no request had one record only"
    );
}

#[tokio::test]
async fn payload_has_the_gateway_columns_and_counts_by_class() {
    let (_folder, lake) = lake();
    let request = |id: &'static str, status_code, ms| PayloadRow {
        request_id: id,
        client_request_id: None,
        request_time_us: DAY,
        status_code,
        sampling_fraction: 1.0,
        execution_duration_ms: ms,
        request: Some("{}"),
        response: None,
        logging_error_codes: &["MAX_RESPONSE_SIZE_EXCEEDED"],
        served_entity_id: Some("m-1"),
        requester: None,
    };
    let batch = payload_batch(&[
        request("a", 200, 5),
        request("b", 400, 1),
        request("c", 503, 2),
        request("d", 200, 7),
    ])
    .unwrap();
    assert_eq!(batch.schema(), payload_schema());
    let names: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names.join(" "),
        "databricks_request_id request_date client_request_id request_time status_code sampling_fraction \
         execution_duration_ms request response logging_error_codes served_entity_id requester"
    );
    let options = Append {
        partition_by: &[REQUEST_DATE],
        ..Append::default()
    };
    lake.append(&payload_table("e"), vec![batch], options).await.unwrap();
    assert!(parquet_files(&lake, "e/payload")[0].starts_with("request_date=2026-11-24/"));
    let mut stats = lake.payload_stats("e", hours(0, 1), None).await.unwrap();
    stats.durations_ms.sort_by(f64::total_cmp);
    assert_eq!(
        (
            stats.requests,
            stats.succeeded,
            stats.client_errors,
            stats.server_errors
        ),
        (4, 2, 1, 1)
    );
    assert_eq!(stats.durations_ms, [5.0, 7.0]);
    assert_eq!(
        lake.payload_stats("e", hours(0, 1), Some("m-2"))
            .await
            .unwrap()
            .requests,
        0
    );
}

#[test]
fn features_keep_their_names_unless_reserved() {
    let features = columns(vec![
        ("age", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
        ("Prediction", Arc::new(Float32Array::from(vec![0.5]))),
        ("AGE", Arc::new(Int32Array::from(vec![2]))),
        ("label", Arc::new(StringArray::from(vec!["x"]))),
    ]);
    assert_eq!(
        feature_columns(features.schema_ref()),
        ["age", "feature_Prediction", "AGE_2", "feature_label"]
    );
    let predictions = Predictions {
        values: Arc::new(StringArray::from(vec!["yes"])),
        probabilities: Some(Arc::new(FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(
            [Some([Some(0.25), Some(0.75)])],
            2,
        ))),
    };
    let rows = RequestRows {
        request_id: "r",
        client_request_id: Some("c"),
        request_time_us: DAY,
        served_entity: "m-1",
        model_name: "m",
        model_version: "1",
        endpoint_config_version: 1,
        latency_us: 9,
        cache_hit: true,
        features: &features,
        predictions: &predictions,
    };
    let plain = numbers(&[1]);
    let batches = rows_batches(&[
        rows.clone(),
        RequestRows {
            predictions: &plain,
            request_id: "s",
            ..rows.clone()
        },
    ])
    .unwrap();
    assert_eq!(batches.len(), 1);
    let batch = &batches[0];
    assert_eq!(texts(batch, "row_id"), ["r#0", "s#0"].map(|id| Some(id.to_owned())));
    assert_eq!(texts(batch, "prediction_text"), [Some("yes".to_owned()), None]);
    assert_eq!(
        batch.column_by_name("prediction").unwrap().as_ref(),
        &Float64Array::from(vec![None, Some(1.0)])
    );
    let probabilities = batch.column_by_name("probabilities").unwrap().as_list::<i32>();
    assert_eq!(probabilities.value(0).as_ref(), &Float64Array::from(vec![0.25, 0.75]));
    assert!(probabilities.is_null(1));
    assert_eq!(batch.column_by_name("age").unwrap().data_type(), &DataType::Int64);
    assert_eq!(
        batch.column_by_name("feature_Prediction").unwrap().data_type(),
        &DataType::Float64
    );
    let short = numbers(&[1, 2]);
    assert!(
        rows_batches(&[RequestRows {
            predictions: &short,
            ..rows
        }])
        .is_err()
    );
}

#[tokio::test]
async fn a_baseline_is_read_from_each_format_and_sampled() {
    let (folder, lake) = lake();
    lake.append("base", vec![ids(0..1000)], Append::default())
        .await
        .unwrap();
    let csv = folder.path().join("base.csv");
    std::fs::write(
        &csv,
        format!("id,x\n{}", (0..1000).map(|id| format!("{id},a\n")).collect::<String>()),
    )
    .unwrap();
    for path in [lake.folder("base").unwrap(), csv.clone()] {
        let baseline = read_baseline(&path, &["id".to_owned()], 100).await.unwrap();
        assert_eq!(
            (
                baseline.batch.num_rows(),
                baseline.total_rows,
                baseline.batch.num_columns()
            ),
            (100, 1000, 1)
        );
        assert!(!read_baseline(&path, &[], 1000).await.unwrap().sampled());
    }
    let unknown = read_baseline(&csv, &["y".to_owned()], 10).await.unwrap_err();
    assert!(matches!(unknown, LakeError::NoColumn { .. }), "{unknown}");
}
