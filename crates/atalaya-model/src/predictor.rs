//! The contract between a model and everything that scores: HTTP, batch, stream, replay.
//!
//! A predictor is immutable and shared by threads; batching, time limits and
//! threads are the caller's business.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use crate::signature::Signature;

/// What a model can be asked for. The names are those of the libraries that models come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Labels or values, as `predict` gives them.
    Predict,
    /// P(class | row).
    PredictProba,
    /// The logarithm of [`Method::PredictProba`].
    PredictLogProba,
    /// scikit-learn's `decision_function`.
    DecisionFunction,
    /// What a transformer gives, or what reaches the last step of a pipeline that predicts.
    Transform,
    /// Scores of single rows, of outlier detectors.
    ScoreSamples,
    /// Joint log probabilities, of naive Bayes models.
    PredictJointLogProba,
    /// A boosted model's sum of leaves before its link function: XGBoost's `output_margin`, LightGBM's `raw_score`.
    Margin,
}

impl Method {
    /// Every method, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Predict,
        Self::PredictProba,
        Self::PredictLogProba,
        Self::DecisionFunction,
        Self::Transform,
        Self::ScoreSamples,
        Self::PredictJointLogProba,
        Self::Margin,
    ];

    /// The name that Python code calls.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::PredictProba => "predict_proba",
            Self::PredictLogProba => "predict_log_proba",
            Self::DecisionFunction => "decision_function",
            Self::Transform => "transform",
            Self::ScoreSamples => "score_samples",
            Self::PredictJointLogProba => "predict_joint_log_proba",
            Self::Margin => "margin",
        }
    }

    /// The method of that name; LightGBM's `raw_score` is [`Method::Margin`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "raw_score" {
            return Some(Self::Margin);
        }
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

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

    /// As [`Predictor::predict`], together with all outputs by name for a model that MLflow answers so (ONNX); they are
    /// empty for the others.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn predict_named(&self, batch: &RecordBatch) -> Result<(Predictions, NamedOutputs), PredictError> {
        Ok((self.predict(batch)?, NamedOutputs::default()))
    }

    /// As [`Predictor::predict`], with the request's inference parameters: one for each that
    /// [`Signature::params`](crate::Signature::params) declares. Most models take none, and ignore them.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn predict_with(&self, batch: &RecordBatch, params: &Params) -> Result<Predictions, PredictError> {
        let _ = params;
        self.predict(batch)
    }

    /// The methods that [`Predictor::call`] answers.
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    /// One answer of `method` per row of `batch`, whatever method the model is served by: `Int64`, `Float64`, `Utf8` or
    /// `Boolean`, or `FixedSizeList` of `Float64` or `Int64` for several per row. Numbers that Python has as float32 or
    /// int32 come as the double or long of the same value.
    ///
    /// # Errors
    /// As [`Predictor::predict`]; [`PredictError::Method`] for a method that it does not have.
    fn call(&self, method: Method, batch: &RecordBatch) -> Result<ArrayRef, PredictError> {
        match method {
            Method::Predict => Ok(self.predict(batch)?.values),
            method => Err(PredictError::Method { method }),
        }
    }
}

/// A value of an inference parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// `null`, which MLflow takes for any type.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// `integer` and `long`.
    Long(i64),
    /// `float` and `double`.
    Double(f64),
    /// `string`.
    String(String),
    /// `datetime`, microseconds since 1970 in UTC.
    Datetime(i64),
    /// A parameter of shape `[-1]`.
    List(Vec<Self>),
    /// `object`, as JSON text.
    Object(String),
}

/// The inference parameters of a request, in the order in which the model declares them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    values: Vec<(String, ParamValue)>,
}

impl Params {
    /// Appends a parameter.
    pub fn push(&mut self, name: impl Into<String>, value: ParamValue) {
        self.values.push((name.into(), value));
    }

    /// The value of the parameter called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Every parameter and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Answers for a batch.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// What the model's `predict_fn` gives, one element per row: `Int64`, `Float64`, `Utf8` or `Boolean`,
    /// or `FixedSizeList<Float64>` for several outputs per row.
    ///
    /// User code, which an executor outside of this crate runs, may also give `List` and `FixedSizeList` of any of
    /// these, and `Struct`: the record of each row of a data frame (or, see [`COLUMNS_LAYOUT`], a dict of columns).
    pub values: ArrayRef,
    /// P(class | row) in the order of the model's classes, `FixedSizeList<Float64>`, where the model has them.
    pub probabilities: Option<ArrayRef>,
}

/// Key of the metadata of a `Struct`'s fields that says that user code gave a dict of columns, which MLflow answers as
/// `{"a": [1, 2]}`; without it the struct is a data frame, answered as records: `[{"a": 1}, {"a": 2}]`.
pub const COLUMNS_LAYOUT: &str = "atalaya.columns";

/// What went wrong outside of this process, for whoever gives it a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExecutorFailure {
    /// The model's code raised an error about the batch.
    Raised,
    /// The model's code answered with something that cannot be passed on.
    Answer,
    /// The queue before the model is full.
    Overloaded,
    /// The same batch ended workers before, and is not tried again for a while.
    Poison,
    /// The time was over.
    Deadline,
    /// The worker died while it had the batch.
    Died,
    /// No worker can be started, or the model is being closed.
    Unavailable,
    /// The worker answered against the protocol.
    Protocol,
}

/// Answers by name, and the form in which MLflow writes them.
#[derive(Debug, Clone, Default)]
pub struct NamedOutputs {
    /// In the order of the model.
    pub outputs: Vec<NamedOutput>,
    /// Whether the answer is a list of one object per row (the input was a frame), rather than one object of lists.
    pub records: bool,
}

/// One of several answers per row.
#[derive(Debug, Clone)]
pub struct NamedOutput {
    /// Its name in the model.
    pub name: String,
    /// As [`Predictions::values`].
    pub values: ArrayRef,
    /// Whether a single value per row is written as a list of one: a matrix of one column in Python.
    pub nested: bool,
    /// The keys of each row's values, when Python has a dictionary per row.
    pub keys: Option<Vec<Arc<str>>>,
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
    /// A step of the model has no answer for the batch.
    #[error("{place}: {problem}")]
    Evaluation {
        /// The step.
        place: String,
        /// Why, in words.
        problem: String,
    },
    /// The model has no such method.
    #[error("the model has no method `{method}`")]
    Method {
        /// The method.
        method: Method,
    },
    /// What runs the model outside of this process failed.
    #[error("{message}")]
    Executor {
        /// What kind of failure it is.
        failure: ExecutorFailure,
        /// The same in words, without any value.
        message: String,
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
