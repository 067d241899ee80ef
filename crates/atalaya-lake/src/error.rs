//! Why the lake could not do what was asked, in words that name the table, file or column and
//! never a value.

use std::io;

/// Failure of a lake operation.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The table path is absolute, empty, or leaves the lake's folder.
    #[error("table path `{table}` must be relative and stay under the lake's folder")]
    TablePath {
        /// The path as given.
        table: String,
    },
    /// There is no Delta table at the path.
    #[error("there is no Delta table at `{table}`")]
    NoTable {
        /// The table's path.
        table: String,
    },
    /// A column cannot be stored, or not without losing information.
    #[error("column `{column}`: {reason}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong, in words.
        reason: String,
    },
    /// A required column is absent.
    #[error("column `{column}` is not in `{table}`")]
    NoColumn {
        /// The column.
        column: String,
        /// Where it was looked for.
        table: String,
    },
    /// The table is partitioned by other columns than asked for.
    #[error("table `{table}` is partitioned by [{existing}], not by [{asked}]")]
    Partitioning {
        /// The table's path.
        table: String,
        /// Its partition columns.
        existing: String,
        /// What the caller asked for.
        asked: String,
    },
    /// More partition values in one write than its bound.
    #[error("more than {limit} partitions in one write; partition by a column with fewer values")]
    TooManyPartitions {
        /// The bound.
        limit: usize,
    },
    /// The table uses Delta features that this writer would violate.
    #[error("table `{table}` cannot be written to: it uses the Delta feature(s) {features}")]
    Features {
        /// The table's path.
        table: String,
        /// The features.
        features: String,
    },
    /// Other writers won every attempt.
    #[error("table `{table}`: no commit after {attempts} attempts against other writers")]
    Contended {
        /// The table's path.
        table: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The input is not in a format the lake reads.
    #[error("`{path}` is not a Delta table, a Parquet file or folder, or a CSV file: {reason}")]
    Format {
        /// The input.
        path: String,
        /// What was found instead.
        reason: String,
    },
    /// The output cannot be written as asked.
    #[error("cannot write `{path}`: {reason}")]
    Output {
        /// The output.
        path: String,
        /// What does not go together.
        reason: String,
    },
    /// The output exists and the mode forbids touching it.
    #[error("`{path}` exists already; choose append or overwrite, or another path")]
    Exists {
        /// The output.
        path: String,
    },
    /// The flush journal refused; nothing was written after that.
    #[error("the flush journal failed")]
    Journal(#[source] io::Error),
    /// The signature refuses the input.
    #[error("the input does not fit the model's signature: {0}")]
    Signature(#[from] atalaya_model::signature::SignatureError),
    /// The model refused a row.
    #[error("after {rows} rows: {source}")]
    Predict {
        /// Rows scored before the refused batch.
        rows: u64,
        /// The model's reason; its row number counts from the start of the refused batch.
        #[source]
        source: atalaya_model::PredictError,
    },
    /// A file system operation failed.
    #[error("{action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The table's log or its files could not be read or committed.
    #[error("delta table: {0}")]
    Delta(#[from] deltalake::DeltaTableError),
    /// A query failed.
    #[error("query: {0}")]
    Query(#[from] datafusion::error::DataFusionError),
    /// An Arrow computation failed.
    #[error("arrow: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A Parquet file could not be read or written.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A background thread of this process ended early.
    #[error("a worker thread stopped: {0}")]
    Worker(#[from] tokio::task::JoinError),
}

impl LakeError {
    /// An I/O failure of `action` on `path`.
    pub(crate) fn io(action: &'static str, path: impl AsRef<std::path::Path>) -> impl FnOnce(io::Error) -> LakeError {
        move |source| LakeError::Io {
            action,
            path: path.as_ref().display().to_string(),
            source,
        }
    }

    /// A column that cannot be stored as it is.
    pub(crate) fn column(column: impl Into<String>, reason: impl Into<String>) -> LakeError {
        LakeError::Column {
            column: column.into(),
            reason: reason.into(),
        }
    }
}
