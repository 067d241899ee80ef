//! Why a LightGBM model cannot be run natively. Texts name keys, lines and trees of the text, never a value of it.

use crate::ensemble::EnsembleError;
use crate::load::LoadError;

/// Why a LightGBM model cannot be run natively.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LightgbmError {
    /// A line that is not what the format has there.
    #[error("line {line} of the model text: {what}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong there, naming the key.
        what: String,
    },
    /// Well-formed, but something on the predict path is not understood.
    #[error("{place} {what}")]
    Unsupported {
        /// Where in the model.
        place: &'static str,
        /// What of it is not supported.
        what: String,
    },
    /// Content that contradicts itself.
    #[error("the model text: {what}")]
    Content {
        /// What is wrong, naming the key.
        what: String,
    },
    /// A tree that cannot be evaluated.
    #[error(transparent)]
    Tree(#[from] EnsembleError),
    /// More than a limit allows.
    #[error("{what} is beyond the limit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
}

impl LightgbmError {
    pub(super) fn line(line: usize, what: impl Into<String>) -> Self {
        Self::Line {
            line,
            what: what.into(),
        }
    }

    pub(super) fn content(what: impl Into<String>) -> Self {
        Self::Content { what: what.into() }
    }

    pub(super) fn unsupported(place: &'static str, what: impl Into<String>) -> Self {
        Self::Unsupported {
            place,
            what: what.into(),
        }
    }
}

impl From<LightgbmError> for LoadError {
    fn from(error: LightgbmError) -> Self {
        let reason = error.to_string();
        match error {
            LightgbmError::Unsupported { .. } => Self::Unsupported { reason },
            LightgbmError::Line { .. }
            | LightgbmError::Content { .. }
            | LightgbmError::Tree(_)
            | LightgbmError::TooLarge { .. } => Self::Malformed { reason },
        }
    }
}
