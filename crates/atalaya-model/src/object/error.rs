//! Why a serialised object cannot be read. Texts say where, and never repeat the file's content.

/// A file that is not a well-formed object, or goes beyond a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// A pickle's instruction that cannot be followed.
    #[error("pickle, byte {offset}: {what}")]
    Pickle {
        /// Where the instruction starts in the file.
        offset: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A numpy array or dtype whose parts contradict each other.
    #[error("numpy array: {what}")]
    Numpy {
        /// What is wrong with it.
        what: &'static str,
    },
    /// An archive or schema of skops that cannot be followed.
    #[error("skops, node {node}: {what}")]
    Skops {
        /// Which node of the schema, counted from 0 in reading order.
        node: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The part of a compiled form that stands for a file.
    #[error("a compiled form is damaged")]
    Compact,
    /// More than a limit allows; checked before anything is allocated.
    #[error("{what} is beyond the limit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
}
