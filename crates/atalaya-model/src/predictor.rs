//! The contract between a model and everything that scores: HTTP, batch, stream, replay.
//!
//! A predictor is immutable and shared by threads; batching, time limits and
//! threads are the caller's business.

use arrow_array::{ArrayRef, RecordBatch};

use crate::signature::Signature;

/// A model, loaded and checked, ready to answer.
pub trait Predictor: Send + Sync {
    /// The declared columns, or those the model itself requires when nothing was declared.
    fn signature(&self) -> &Signature;

    /// One answer per row of `batch`, in order.
    ///
    /// `batch` has the signature's columns, by name, in the signature's order and types
    /// (see [`crate::signature::Signature::enforce`]); other columns are ignored.
    ///
    /// # Errors
    /// [`PredictError`] when the model refuses a value (a missing value, an unknown category).
    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError>;
}

/// Answers for a batch.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// What the model's `predict_fn` gives, one element per row: `Int64`, `Float64`, `Utf8` or `Boolean`,
    /// or `FixedSizeList<Float64>` for several outputs per row.
    pub values: ArrayRef,
    /// P(class | row) in the order of the model's classes, `FixedSizeList<Float64>`, where the model has them.
    pub probabilities: Option<ArrayRef>,
}

/// Why a batch could not be answered. Names the column and what was expected, never a value.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A missing value reached a model that does not accept one.
    #[error("column `{column}` has a missing value in row {row}; the model accepts none there")]
    Missing {
        /// The column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
    },
    /// An infinite value, or one too large for the model's arithmetic.
    #[error("column `{column}` has a value out of range in row {row}; the model accepts finite numbers only")]
    NotFinite {
        /// The column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
    },
    /// A category that the model was not fitted on and does not ignore.
    #[error("column `{column}` has a category in row {row} that the model was not fitted on")]
    UnknownCategory {
        /// The column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
    },
    /// The batch lacks a column, or has it in a type that the model cannot take.
    #[error("column `{column}`: expected {expected}")]
    Column {
        /// The column.
        column: String,
        /// What was expected, in words.
        expected: String,
    },
}
