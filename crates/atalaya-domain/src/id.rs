//! Names that have been checked once, at the edge, and cannot be wrong afterwards.

use std::fmt;
use std::sync::Arc;

/// Longest name of an endpoint or served entity, in characters (Databricks' own limit).
pub const ENDPOINT_NAME_MAX: usize = 63;
/// Longest name of a registered model, in characters (MLflow's column width).
pub const MODEL_NAME_MAX: usize = 256;

/// Why a name was refused. Never echoes the name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Empty or longer than allowed.
    #[error("{kind} name must have 1 to {max} characters")]
    Length {
        /// What was being named.
        kind: &'static str,
        /// The limit in characters.
        max: usize,
    },
    /// A character outside the alphabet.
    #[error("{kind} name may hold only {allowed}")]
    Alphabet {
        /// What was being named.
        kind: &'static str,
        /// The alphabet, in words.
        allowed: &'static str,
    },
    /// A prefix reserved by the platform.
    #[error("endpoint name must not start with `databricks-`")]
    Reserved,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks and takes a name.
            ///
            /// # Errors
            /// [`IdError`] when the length or the alphabet is wrong.
            pub fn new(name: &str) -> Result<Self, IdError> {
                $check(name)?;
                Ok(Self(name.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// Name of a serving endpoint: letters, digits, `-` and `_`; not starting with `databricks-`.
    EndpointName,
    check_endpoint
);
name!(
    /// Name of a served entity within an endpoint: letters, digits, `-`, `_` and `.`.
    ServedEntityName,
    check_served_entity
);
name!(
    /// Name of a registered model; as in MLflow, anything without `/`, `:` or control characters.
    ModelName,
    check_model
);

fn length(kind: &'static str, name: &str, max: usize) -> Result<(), IdError> {
    match name.chars().count() {
        n if n == 0 || n > max => Err(IdError::Length { kind, max }),
        _ => Ok(()),
    }
}

fn check_endpoint(name: &str) -> Result<(), IdError> {
    length("endpoint", name, ENDPOINT_NAME_MAX)?;
    if name.starts_with("databricks-") {
        return Err(IdError::Reserved);
    }
    if name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Ok(());
    }
    Err(IdError::Alphabet {
        kind: "endpoint",
        allowed: "letters, digits, `-` and `_`",
    })
}

fn check_served_entity(name: &str) -> Result<(), IdError> {
    length("served entity", name, ENDPOINT_NAME_MAX)?;
    if name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        return Ok(());
    }
    Err(IdError::Alphabet {
        kind: "served entity",
        allowed: "letters, digits, `-`, `_` and `.`",
    })
}

fn check_model(name: &str) -> Result<(), IdError> {
    length("registered model", name, MODEL_NAME_MAX)?;
    if name.chars().all(|c| !c.is_control() && c != '/' && c != ':') {
        return Ok(());
    }
    Err(IdError::Alphabet {
        kind: "registered model",
        allowed: "characters other than `/`, `:` and control characters",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_lab_are_accepted() {
        assert!(EndpointName::new("diabetes-predictor-endpoint").is_ok());
        assert!(ModelName::new("diabetes_predictor").is_ok());
        assert!(ModelName::new("catalog.schema.diabetes").is_ok());
        assert!(ServedEntityName::new("diabetes_predictor-1").is_ok());
    }

    #[test]
    fn bad_names_say_what_is_allowed() {
        assert_eq!(
            EndpointName::new(""),
            Err(IdError::Length {
                kind: "endpoint",
                max: 63
            })
        );
        assert_eq!(EndpointName::new("databricks-x"), Err(IdError::Reserved));
        assert!(matches!(EndpointName::new("a/b"), Err(IdError::Alphabet { .. })));
        assert!(matches!(ModelName::new("models:/x"), Err(IdError::Alphabet { .. })));
        assert!(matches!(ModelName::new(&"x".repeat(257)), Err(IdError::Length { .. })));
    }
}
