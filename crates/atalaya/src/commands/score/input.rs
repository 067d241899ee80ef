//! Where the rows of one method's answers come from: Arrow and `.npy` files here, tables through the lake.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::ipc::reader::{FileReader, StreamReader};
use atalaya_lake::score::Source;
use atalaya_model::Signature;
use atalaya_model::object::{Array, Scalar, read_npy};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

/// Batches in the order of the rows.
pub(crate) type Batches = BoxStream<'static, anyhow::Result<RecordBatch>>;

/// Largest `.npy` file: it is read as a whole.
const NPY_BYTES_MAX: u64 = 4 << 30;
const ARROW_FILE_MAGIC: &[u8; 6] = b"ARROW1";
const NPY_MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Opens `path`; how many rows it has, when that is known before they are read.
pub(crate) async fn open(path: &Path, signature: &Signature) -> anyhow::Result<(Option<u64>, Batches)> {
    let named = |kind: &str| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(kind));
    let cannot = || format!("cannot read {}", path.display());
    if named("npy") {
        let batch = npy(path).with_context(cannot)?;
        let rows = batch.num_rows() as u64;
        return Ok((Some(rows), stream::iter([Ok(batch)]).boxed()));
    }
    if named("arrow") || named("feather") || named("arrows") {
        return arrow_file(path).with_context(cannot);
    }
    let source = Source::open(path, Some(&signature.arrow_schema()))
        .await
        .with_context(cannot)?;
    let rows = source.rows();
    Ok((rows, source.stream().await?.map_err(anyhow::Error::from).boxed()))
}

fn arrow_file(path: &Path) -> anyhow::Result<(Option<u64>, Batches)> {
    let mut magic = [0; 6];
    let is_file = File::open(path)?.read_exact(&mut magic).is_ok() && &magic == ARROW_FILE_MAGIC;
    let reader = BufReader::new(File::open(path)?);
    if is_file {
        let batches = FileReader::try_new(reader, None)?;
        return Ok((None, stream::iter(batches).map_err(anyhow::Error::from).boxed()));
    }
    let batches = StreamReader::try_new(reader, None).context("it is neither an Arrow file nor an Arrow stream")?;
    Ok((None, stream::iter(batches).map_err(anyhow::Error::from).boxed()))
}

/// A matrix as columns named by their position.
fn npy(path: &Path) -> anyhow::Result<RecordBatch> {
    let size = std::fs::metadata(path)?.len();
    anyhow::ensure!(
        size <= NPY_BYTES_MAX,
        "it has {size} bytes; an .npy input may have {NPY_BYTES_MAX}. Write it as Parquet or Arrow instead"
    );
    let bytes = std::fs::read(path)?;
    anyhow::ensure!(bytes.starts_with(NPY_MAGIC), "it is not an .npy file");
    let array = read_npy(&bytes)?;
    let (rows, columns) = match array.shape[..] {
        [rows] => (rows, 1),
        [rows, columns] => (rows, columns),
        _ => anyhow::bail!(
            "it has {} dimensions; expected rows, or rows and columns",
            array.shape.len()
        ),
    };
    let columns = (0..columns).map(|at| Ok((at.to_string(), column(&array, rows, columns, at)?)));
    Ok(RecordBatch::try_from_iter(
        columns.collect::<anyhow::Result<Vec<_>>>()?,
    )?)
}

fn column(array: &Array<'_>, rows: usize, columns: usize, at: usize) -> anyhow::Result<ArrayRef> {
    let every = |values: usize| (0..rows.min(values)).map(move |row| row * columns + at);
    let unread = || anyhow::anyhow!("its elements are of a type that no model takes");
    Ok(match array.dtype.scalar {
        Scalar::Float if array.is_f32() => {
            let values = array.floats().ok_or_else(unread)?;
            #[expect(clippy::cast_possible_truncation, reason = "they were float32 in the file")]
            let singles = every(values.len()).map(|i| values[i] as f32);
            Arc::new(Float32Array::from_iter_values(singles))
        }
        Scalar::Float => {
            let values = array.floats().ok_or_else(unread)?;
            Arc::new(Float64Array::from_iter_values(every(values.len()).map(|i| values[i])))
        }
        Scalar::Int | Scalar::UInt => {
            let values = array.ints().ok_or_else(unread)?;
            Arc::new(Int64Array::from_iter_values(every(values.len()).map(|i| values[i])))
        }
        Scalar::Bool => {
            let values = array.ints().ok_or_else(unread)?;
            Arc::new(
                every(values.len())
                    .map(|i| Some(values[i] != 0))
                    .collect::<BooleanArray>(),
            )
        }
        Scalar::Str => {
            let values = array.strings().ok_or_else(unread)?;
            Arc::new(StringArray::from_iter_values(
                every(values.len()).map(|i| values[i].as_str()),
            ))
        }
        Scalar::Object | Scalar::Record | Scalar::Other => return Err(unread()),
    })
}
