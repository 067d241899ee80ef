//! Why an XGBoost model cannot be run natively. Texts name keys and places of the file, never a value of it.

use crate::load::LoadError;

/// Why an XGBoost model cannot be run natively.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XgboostError {
    /// The file is neither JSON nor UBJSON.
    #[error("byte {at} of the model file: {what}")]
    Syntax {
        /// Where, from 0.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// Well-formed, but something on the predict path is not understood.
    #[error("{place} {what}")]
    Unsupported {
        /// Where in the model.
        place: String,
        /// What of it is not supported.
        what: String,
    },
    /// Content that contradicts itself.
    #[error("{place}: {what}")]
    Content {
        /// Where in the model.
        place: String,
        /// What is wrong, naming the key.
        what: String,
    },
    /// More than a limit allows.
    #[error("{what} is beyond the limit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
}

impl XgboostError {
    pub(super) fn content(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Content {
            place: place.into(),
            what: what.into(),
        }
    }

    pub(super) fn unsupported(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Unsupported {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl From<XgboostError> for LoadError {
    fn from(error: XgboostError) -> Self {
        let reason = error.to_string();
        match error {
            XgboostError::Unsupported { .. } => Self::Unsupported { reason },
            XgboostError::Syntax { .. } | XgboostError::Content { .. } | XgboostError::TooLarge { .. } => {
                Self::Malformed { reason }
            }
        }
    }
}
