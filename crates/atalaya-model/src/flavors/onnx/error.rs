//! Why an ONNX model cannot be loaded, and why its evaluation stopped.

use crate::load::LoadError;
use crate::predictor::PredictError;

/// Longest name of the file's that an error text repeats.
const SHOWN: usize = 64;

/// Why an ONNX file is no model that runs here. Names nodes and operators, never values.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum OnnxError {
    /// The bytes are no protobuf message, or not the one of a model.
    #[error("the ONNX file cannot be read: {problem} at byte {offset}")]
    Wire {
        /// What is wrong.
        problem: &'static str,
        /// Where in the file.
        offset: usize,
    },
    /// Something contradicts itself, or is beyond a limit.
    #[error("{place}: {problem}")]
    Content {
        /// The node, tensor or part of the model.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// Something that only another executor may understand.
    #[error("{place}: {problem}")]
    Unsupported {
        /// The node, tensor or part of the model.
        place: String,
        /// What is not understood.
        problem: String,
    },
}

impl OnnxError {
    pub(super) fn content(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Content {
            place: place.into(),
            problem: problem.into(),
        }
    }

    pub(super) fn unsupported(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Unsupported {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl From<OnnxError> for LoadError {
    fn from(error: OnnxError) -> Self {
        let reason = error.to_string();
        match error {
            OnnxError::Wire { .. } | OnnxError::Content { .. } => Self::Malformed { reason },
            OnnxError::Unsupported { .. } => Self::Unsupported { reason },
        }
    }
}

/// Why a node gave no answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(super) enum EvalError {
    #[error("the shapes of its inputs do not fit: {0}")]
    Shape(&'static str),
    #[error("input {input} has elements of a type that is not understood there: {found}")]
    Kind { input: usize, found: &'static str },
    #[error("input {0} is missing")]
    NoInput(usize),
    #[error("{0}")]
    Value(&'static str),
    #[error("the batch would take more memory or time than one evaluation may; send fewer rows")]
    TooLarge,
    #[error("in its body, {place}: {problem}")]
    Inner { place: String, problem: String },
}

/// A node of a graph that gave no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) place: String,
    pub(super) error: EvalError,
}

impl From<Failure> for PredictError {
    fn from(failure: Failure) -> Self {
        Self::Evaluation {
            place: failure.place,
            problem: failure.error.to_string(),
        }
    }
}

/// A name of the file's, short enough and without control characters.
pub(super) fn shown(name: &str) -> String {
    let plain = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut text: String = plain.take(SHOWN + 1).collect();
    if text.chars().count() > SHOWN {
        text = text.chars().take(SHOWN).collect();
        text.push('…');
    }
    text
}
