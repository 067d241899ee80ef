//! The tables as the Python `deltalake` package reads them: a second implementation is the judge.
//!
//! Runs with `ATALAYA_PYTHON` naming an interpreter that has `deltalake` 1.x and `pyarrow`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use atalaya_lake::tables::inference::{REQUEST_DATE, RequestRows, rows_batches};
use atalaya_lake::{Append, Lake};
use atalaya_model::Predictions;

use crate::support::{by, columns, ids, lake};

const SCRIPT: &str = r#"
import json, sys
from deltalake import DeltaTable
t = DeltaTable(sys.argv[1])
p, rows = t.protocol(), t.to_pyarrow_table()
print(json.dumps({
    "version": t.version(), "protocol": [p.min_reader_version, p.min_writer_version],
    "partitions": t.metadata().partition_columns, "app": {k: v.version for k, v in t.transaction_versions().items()} if hasattr(t, "transaction_versions") else {},
    "rows": rows.num_rows, "columns": {c: rows.column(c).to_pylist() for c in sys.argv[2:]},
    "types": {f.name: str(f.type) for f in t.schema().fields},
}, default=str))
"#;

/// What Python says of the table; `None`, said aloud, without an interpreter.
fn python(table: &Path, columns: &[&str]) -> Option<serde_json::Value> {
    let Ok(interpreter) = std::env::var("ATALAYA_PYTHON") else {
        eprintln!("skipped: ATALAYA_PYTHON names no interpreter with deltalake and pyarrow");
        return None;
    };
    let output = Command::new(interpreter)
        .args(["-c", SCRIPT])
        .arg(table)
        .args(columns)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test]
async fn appended_grown_and_widened_tables() {
    let (_folder, lake) = lake();
    lake.append("t", vec![ids([1, 2])], by("node", 2)).await.unwrap();
    let wider = columns(vec![
        ("id", Arc::new(Float64Array::from(vec![2.5])) as ArrayRef),
        ("day", Arc::new(Date32Array::from(vec![20_000]))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![1_500_000]).with_timezone("UTC")),
        ),
        ("petal length (cm)", Arc::new(StringArray::from(vec!["ñ"]))),
    ]);
    lake.append("t", vec![wider], by("node", 3)).await.unwrap();
    let Some(seen) = python(&lake.folder("t").unwrap(), &["id", "petal length (cm)", "at"]) else {
        return;
    };
    assert_eq!(seen["rows"], 3);
    assert_eq!(seen["protocol"], serde_json::json!([1, 2]));
    let mut ids: Vec<f64> = seen["columns"]["id"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_f64().unwrap())
        .collect();
    ids.sort_by(f64::total_cmp);
    assert_eq!(ids, [1.0, 2.0, 2.5]);
    assert_eq!(
        seen["columns"]["at"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|at| at.is_null())
            .count(),
        2
    );
    assert!(seen["types"]["at"].as_str().unwrap().contains("timestamp"));
}

#[tokio::test]
async fn partitioned_values_that_need_escaping() {
    let (_folder, lake) = lake();
    let batch = columns(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        (
            "town",
            Arc::new(StringArray::from(vec![Some("x/y %20"), None, Some("plain")])),
        ),
    ]);
    lake.append(
        "t",
        vec![batch],
        Append {
            partition_by: &["town"],
            ..Append::default()
        },
    )
    .await
    .unwrap();
    let Some(seen) = python(&lake.folder("t").unwrap(), &["id", "town"]) else {
        return;
    };
    assert_eq!(seen["partitions"], serde_json::json!(["town"]));
    let pairs = seen["columns"]["id"]
        .as_array()
        .unwrap()
        .iter()
        .zip(seen["columns"]["town"].as_array().unwrap());
    let mut pairs: Vec<(i64, Option<&str>)> = pairs.map(|(id, town)| (id.as_i64().unwrap(), town.as_str())).collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [(1, Some("x/y %20")), (2, None), (3, Some("plain"))]);
}

#[tokio::test]
async fn inference_rows_beyond_a_checkpoint() {
    let (_folder, lake) = lake();
    let features = columns(vec![("age", Arc::new(Int64Array::from(vec![40])) as ArrayRef)]);
    let predictions = Predictions {
        values: Arc::new(Int64Array::from(vec![1])),
        probabilities: None,
    };
    for request in 0..101 {
        flush(&lake, request, &features, &predictions).await;
    }
    let Some(seen) = python(&lake.folder("e/rows").unwrap(), &["row_id", "age"]) else {
        return;
    };
    assert_eq!((&seen["rows"], &seen["version"]), (&101.into(), &101.into()));
    let mut found: Vec<&str> = seen["columns"]["row_id"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 101);
}

async fn flush(lake: &Lake, request: i64, features: &arrow::array::RecordBatch, predictions: &Predictions) {
    let rows = RequestRows {
        request_id: &format!("r{request}"),
        client_request_id: None,
        request_time_us: 1_795_478_400_000_000 + request,
        served_entity: "m-1",
        model_name: "m",
        model_version: "1",
        endpoint_config_version: 1,
        latency_us: 100,
        cache_hit: false,
        features,
        predictions,
    };
    let options = Append {
        partition_by: &[REQUEST_DATE],
        ..by("node", request)
    };
    lake.append("e/rows", rows_batches(&[rows]).unwrap(), options)
        .await
        .unwrap();
}
