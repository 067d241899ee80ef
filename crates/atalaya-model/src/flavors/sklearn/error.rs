//! Why a scikit-learn model cannot be run natively. Texts name classes and places of the model, never a value of it.

use crate::load::LoadError;
use crate::object::{ObjectError, View};

/// Why a scikit-learn model cannot be run natively.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SklearnError {
    /// The file is not a readable object.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A class on the predict path that there is no native code for.
    #[error("{place}: unknown class `{class}`")]
    UnknownClass {
        /// Where in the model.
        place: String,
        /// `module.Class`, or the type of a plain value that stands where an estimator should.
        class: String,
    },
    /// A known class in a configuration that there is no native code for.
    #[error("{place}: `{class}` {what}")]
    Unsupported {
        /// Where in the model.
        place: String,
        /// The class.
        class: &'static str,
        /// What of it is not supported.
        what: String,
    },
    /// A version of scikit-learn whose arithmetic is not known.
    #[error("the model was fitted by a scikit-learn that is not among 1.2 to 1.9")]
    Version,
    /// Content of a known class that contradicts itself.
    #[error("{place}: `{class}`: {what}")]
    Content {
        /// Where in the model.
        place: String,
        /// The class.
        class: &'static str,
        /// What is wrong, naming the attribute.
        what: String,
    },
    /// More than a limit allows.
    #[error("{what} is beyond the limit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
}

impl SklearnError {
    pub(super) fn unknown(place: &str, view: View<'_>) -> Self {
        Self::UnknownClass {
            place: place.to_owned(),
            class: view.describe(),
        }
    }
}

impl From<SklearnError> for LoadError {
    fn from(error: SklearnError) -> Self {
        let reason = error.to_string();
        match error {
            SklearnError::UnknownClass { .. } | SklearnError::Unsupported { .. } | SklearnError::Version => {
                Self::Unsupported { reason }
            }
            SklearnError::Object(_) | SklearnError::Content { .. } | SklearnError::TooLarge { .. } => {
                Self::Malformed { reason }
            }
        }
    }
}
