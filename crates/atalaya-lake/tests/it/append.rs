//! Exactly once, alone and against other writers; partitions; growing schemas.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Date32Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use atalaya_lake::{Append, Appended, Lake, LakeError};

use crate::support::{by, columns, ids, lake, parquet_files, read, sorted_ids, texts};

#[tokio::test]
async fn a_repeated_append_writes_nothing() {
    let (_folder, lake) = lake();
    let first = lake.append("e/rows", vec![ids(0..10)], by("node/1", 10)).await.unwrap();
    assert!(
        matches!(first, Appended::Committed { rows: 10, version: 1, bytes } if bytes > 0),
        "{first:?}"
    );
    for repeated in [10, 3] {
        let again = lake
            .append("e/rows", vec![ids(0..10)], by("node/1", repeated))
            .await
            .unwrap();
        assert_eq!(again, Appended::AlreadyThere { app_version: 10 });
    }
    // A gap is not the lake's business, and another application has its own sequence.
    lake.append("e/rows", vec![ids(50..60)], by("node/1", 60))
        .await
        .unwrap();
    lake.append("e/rows", vec![ids(10..20)], by("node/2", 10))
        .await
        .unwrap();
    assert_eq!(
        sorted_ids(&lake, "e/rows").await,
        (0..20).chain(50..60).collect::<Vec<_>>()
    );
    assert_eq!(lake.count("e/rows").await.unwrap(), 30);
    assert_eq!(lake.app_version("e/rows", "node/1").await.unwrap(), Some(60));
    assert_eq!(lake.app_version("e/rows", "node/3").await.unwrap(), None);
    assert_eq!(parquet_files(&lake, "e/rows").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_land_fifty_commits_each() {
    let (folder, _) = lake();
    let writer = |app: i64| {
        // Two lakes over one folder share nothing, as two processes would.
        let lake = Lake::open(folder.path().join("lake"));
        async move {
            for commit in 0..50 {
                let first = app * 1000 + commit * 10;
                let batch = ids(first..first + 10);
                let app = format!("node/{app}");
                let done = lake.append("t", vec![batch.clone()], by(&app, commit)).await.unwrap();
                assert!(matches!(done, Appended::Committed { rows: 10, .. }), "{done:?}");
                let again = lake.append("t", vec![batch], by(&app, commit)).await.unwrap();
                assert_eq!(again, Appended::AlreadyThere { app_version: commit });
            }
        }
    };
    let both = tokio::join!(tokio::spawn(writer(1)), tokio::spawn(writer(2)));
    both.0.unwrap();
    both.1.unwrap();
    let lake = Lake::open(folder.path().join("lake"));
    assert_eq!(
        sorted_ids(&lake, "t").await,
        (1000..1500).chain(2000..2500).collect::<Vec<_>>()
    );
    assert_eq!(lake.version("t").await.unwrap(), 100);
    assert_eq!(parquet_files(&lake, "t").len(), 100);
    let log = lake.folder("t").unwrap().join("_delta_log");
    assert!(
        log.join("00000000000000000099.checkpoint.parquet").exists(),
        "a checkpoint every 100 commits"
    );
}

#[tokio::test]
async fn partitions_become_folders_and_plain_columns_again() {
    let (_folder, lake) = lake();
    let batch = columns(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(0), Some(1), None, Some(0)])),
        ),
        ("town", Arc::new(StringArray::from(vec!["a", "x/y %", "ñ", "a"]))),
    ]);
    let options = Append {
        partition_by: &["day", "town"],
        ..Append::default()
    };
    lake.append("t", vec![batch], options.clone()).await.unwrap();
    let files = parquet_files(&lake, "t");
    assert_eq!(files.len(), 3);
    assert!(
        files.iter().any(|file| file.starts_with("day=1970-01-01/town=a/")),
        "{files:?}"
    );
    let back = read(&lake, "t").await;
    let mut towns = texts(&back, "town");
    towns.sort();
    assert_eq!(towns, ["a", "a", "x/y %", "ñ"].map(|town| Some(town.to_owned())));
    assert_eq!(back.column_by_name("day").unwrap().null_count(), 1);
    assert_eq!(back.column_by_name("day").unwrap().data_type(), &DataType::Date32);
    let other = Append {
        partition_by: &["town"],
        ..Append::default()
    };
    let refused = lake.append("t", vec![ids([1])], other).await.unwrap_err();
    assert!(matches!(refused, LakeError::Partitioning { .. }), "{refused}");
}

#[tokio::test]
async fn the_schema_grows_and_never_bends() {
    let (_folder, lake) = lake();
    let plain = Append::default;
    lake.append("t", vec![ids([1])], plain()).await.unwrap();
    let wider = columns(vec![
        ("petal length (cm)", Arc::new(Float64Array::from(vec![1.5])) as ArrayRef),
        ("id", Arc::new(Int64Array::from(vec![2]))),
    ]);
    lake.append("t", vec![wider], plain()).await.unwrap();
    let sparse = columns(vec![(
        "petal length (cm)",
        Arc::new(Int64Array::from(vec![3])) as ArrayRef,
    )]);
    lake.append("t", vec![sparse], plain()).await.unwrap();
    let back = read(&lake, "t").await;
    assert_eq!(back.num_rows(), 3);
    assert_eq!(back.column_by_name("id").unwrap().null_count(), 1);
    assert_eq!(back.column_by_name("petal length (cm)").unwrap().null_count(), 1);

    let text = columns(vec![("id", Arc::new(StringArray::from(vec!["secret"])) as ArrayRef)]);
    let refused = lake.append("t", vec![text], plain()).await.unwrap_err().to_string();
    assert!(refused.contains("`id`") && !refused.contains("secret"), "{refused}");
    assert_eq!(lake.count("t").await.unwrap(), 3);
    assert_eq!(parquet_files(&lake, "t").len(), 3, "a refused append leaves no file");
}

#[tokio::test]
async fn fractions_widen_an_integer_column_of_all_rows() {
    let (_folder, lake) = lake();
    let plain = Append::default;
    lake.append("t", vec![ids([1, 2]), ids([3])], plain()).await.unwrap();
    let fractions = columns(vec![("id", Arc::new(Float64Array::from(vec![0.5])) as ArrayRef)]);
    lake.append("t", vec![fractions], by("node", 7)).await.unwrap();
    lake.append("t", vec![ids([4])], plain()).await.unwrap();
    let back = read(&lake, "t").await;
    let mut values = back.column(0).as_primitive::<Float64Type>().values().to_vec();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [0.5, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(lake.app_version("t", "node").await.unwrap(), Some(7));
}

#[tokio::test]
async fn an_empty_batch_creates_the_table_and_table_paths_stay_inside() {
    let (_folder, lake) = lake();
    assert!(!lake.table_exists("e/payload").await.unwrap());
    lake.append("e/payload", vec![ids([])], Append::default())
        .await
        .unwrap();
    assert!(lake.table_exists("e/payload").await.unwrap());
    assert_eq!(lake.version("e/payload").await.unwrap(), 0);
    assert_eq!(
        lake.schema("e/payload").await.unwrap().field(0).data_type(),
        &DataType::Int64
    );
    assert_eq!(
        read(&lake, "e/payload")
            .await
            .column(0)
            .as_primitive::<Int64Type>()
            .len(),
        0
    );
    for outside in ["", "/etc", "../x", "a/../../x", "a//b", "a/./b", "a\\b", "."] {
        let refused = lake.count(outside).await.unwrap_err();
        assert!(matches!(refused, LakeError::TablePath { .. }), "{outside}: {refused}");
    }
    assert!(matches!(
        lake.count("none").await.unwrap_err(),
        LakeError::NoTable { .. }
    ));
    lake.probe().await.unwrap();
}
