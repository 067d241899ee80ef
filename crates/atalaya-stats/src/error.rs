//! What can be wrong with the numbers given to a formula. Messages name the input, never its values.

/// Why a statistic cannot be computed from its input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatsError {
    /// A sample without a single usable value.
    #[error("`{input}` is empty")]
    Empty {
        /// Name of the argument, such as `baseline`.
        input: &'static str,
    },
    /// A NaN where the formula needs an ordered number.
    #[error("`{input}` holds a value that is not a number")]
    NotANumber {
        /// Name of the argument.
        input: &'static str,
    },
    /// An infinity where the formula needs a finite number.
    #[error("`{input}` holds an infinite value")]
    Infinite {
        /// Name of the argument.
        input: &'static str,
    },
    /// Two inputs that must be paired have different lengths.
    #[error("`{left}` has {left_len} values and `{right}` has {right_len}")]
    LengthMismatch {
        /// Name of the first argument.
        left: &'static str,
        /// Its length.
        left_len: usize,
        /// Name of the second argument.
        right: &'static str,
        /// Its length.
        right_len: usize,
    },
    /// A drift test was given a column of a kind that it cannot compare.
    #[error("test `{test}` does not apply to {kind} columns")]
    KindNotSupported {
        /// Name of the drift test.
        test: &'static str,
        /// The kind of the column.
        kind: crate::ColumnKind,
    },
    /// Baseline and window of one column are of different kinds.
    #[error("the baseline is {baseline} and the window is {window}")]
    KindMismatch {
        /// Kind of the baseline sample.
        baseline: crate::ColumnKind,
        /// Kind of the window sample.
        window: crate::ColumnKind,
    },
    /// A parameter outside the range that its formula allows.
    #[error("`{parameter}` must be {allowed}")]
    Parameter {
        /// Name of the parameter.
        parameter: &'static str,
        /// The allowed range, in words.
        allowed: &'static str,
    },
}
