//! Small tables and ways to look into them.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use atalaya_lake::score::Source;
use atalaya_lake::{AppTxn, Append, Lake};
use futures::TryStreamExt as _;
use tempfile::TempDir;

/// An empty lake and the folder that holds it.
pub(crate) fn lake() -> (TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().join("lake"));
    (folder, lake)
}

/// A batch of one integer column `id`.
pub(crate) fn ids(ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    columns(vec![("id", Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef)])
}

/// A batch of nullable columns.
pub(crate) fn columns(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// Options of an append by application `app`, up to `version`.
pub(crate) fn by(app: &str, version: i64) -> Append<'static> {
    Append {
        app: Some(AppTxn {
            app_id: app.to_owned(),
            version,
        }),
        ..Append::default()
    }
}

/// Everything in `table`, in one batch.
pub(crate) async fn read(lake: &Lake, table: &str) -> RecordBatch {
    let source = Source::open(&lake.folder(table).unwrap(), None).await.unwrap();
    let schema = source.schema();
    let batches: Vec<RecordBatch> = source.stream().await.unwrap().try_collect().await.unwrap();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

/// The column `id` of `table`, sorted.
pub(crate) async fn sorted_ids(lake: &Lake, table: &str) -> Vec<i64> {
    let batch = read(lake, table).await;
    let mut ids = batch
        .column_by_name("id")
        .unwrap()
        .as_primitive::<Int64Type>()
        .values()
        .to_vec();
    ids.sort_unstable();
    ids
}

/// A text column, with its NULLs.
pub(crate) fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column: &StringArray = batch.column_by_name(name).unwrap().as_string();
    (0..column.len())
        .map(|row| column.is_valid(row).then(|| column.value(row).to_owned()))
        .collect()
}

/// Paths of all Parquet files under the table's folder, relative to it.
pub(crate) fn parquet_files(lake: &Lake, table: &str) -> Vec<String> {
    fn walk(folder: &std::path::Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() && name != "_delta_log" {
                walk(&entry.path(), &format!("{name}/"), found);
            } else if name.ends_with(".parquet") {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(&lake.folder(table).unwrap(), "", &mut found);
    found
}
