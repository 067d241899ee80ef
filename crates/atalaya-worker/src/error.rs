//! Why a Python model cannot be started, or a request not be answered.

use atalaya_model::{ExecutorFailure, PredictError, SignatureError};

/// Longest text of a Python exception that is kept.
pub const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// What went wrong in or around a worker. The texts name classes, limits and causes; what a caller or a model sent
/// stands only where a field says so, and in no `Display` text.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The model folder's manifest is missing or cannot be read.
    #[error("the model cannot be read: {reason}")]
    Model {
        /// What is wrong.
        reason: String,
    },
    /// The model has no `python_function` flavor, so that no Python code can load it.
    #[error("the model has no flavor `python_function`")]
    NoPyfunc,
    /// The columns that the model takes cannot be told.
    #[error("the model's signature cannot be used by the Python executor")]
    Signature(#[from] SignatureError),
    /// The model declares no signature, and its object does not know its columns.
    #[error("the model declares no signature, and its object does not name its columns")]
    NoSignature,
    /// The worker process could not be started.
    #[error("the worker cannot be started: {reason}")]
    Start {
        /// What failed, and why.
        reason: String,
    },
    /// A layer of the sandbox that the options require is not to be had on this machine.
    #[error("the sandbox cannot be set up as required: {reason}")]
    Sandbox {
        /// Which layer, and why.
        reason: String,
    },
    /// Python could not load the model.
    #[error("the model does not load in its environment: {class}")]
    Load {
        /// Class of the Python exception.
        class: String,
        /// Its text, bounded. It can repeat content of the model.
        message: String,
        /// The module that the environment lacks, when that is the reason.
        missing_module: Option<String>,
    },
    /// The model's code raised an exception about the batch.
    #[error("the model raised `{class}`")]
    Raised {
        /// Class of the Python exception.
        class: String,
        /// Its text, bounded. It can repeat the caller's values: for the caller's reply, never for a log.
        message: String,
    },
    /// The model's code answered with something that cannot be passed on.
    #[error("the model's answer cannot be passed on: {reason}")]
    Answer {
        /// Why, in words, without a value.
        reason: String,
    },
    /// The queue is full.
    #[error("{limit} requests are waiting for the model already")]
    Overloaded {
        /// How many may wait.
        limit: usize,
    },
    /// The batch has more bytes than one frame takes.
    #[error("the batch has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The same batch ended workers before.
    #[error("the same batch ended {deaths} workers; it is refused for a while")]
    Poison {
        /// How many workers it ended.
        deaths: u32,
    },
    /// The time for the request was over; a worker that had begun with it was ended.
    #[error("no answer within {timeout_ms} ms")]
    Deadline {
        /// The time that it had.
        timeout_ms: u64,
    },
    /// The worker died while it had the request.
    #[error("the worker died with the request in it: {cause}")]
    Died {
        /// How it ended.
        cause: String,
    },
    /// Workers of the model die again and again; none is started for a while.
    #[error("the workers of the model keep dying ({deaths} in a row); the next try is in {retry_ms} ms")]
    CrashLoop {
        /// Deaths in a row.
        deaths: u32,
        /// When the next worker is tried.
        retry_ms: u64,
    },
    /// The worker sent something that is not an answer to the request.
    #[error("the worker broke the protocol: {what}")]
    Protocol {
        /// What it did.
        what: &'static str,
    },
    /// The model is being closed.
    #[error("the model is being closed")]
    Closed,
}

impl WorkerError {
    /// What kind of failure it is, for whoever gives it a status.
    #[must_use]
    pub fn failure(&self) -> ExecutorFailure {
        match self {
            Self::Raised { .. } | Self::TooLarge { .. } => ExecutorFailure::Raised,
            Self::Answer { .. } => ExecutorFailure::Answer,
            Self::Overloaded { .. } => ExecutorFailure::Overloaded,
            Self::Poison { .. } => ExecutorFailure::Poison,
            Self::Deadline { .. } => ExecutorFailure::Deadline,
            Self::Died { .. } => ExecutorFailure::Died,
            Self::Protocol { .. } => ExecutorFailure::Protocol,
            Self::Model { .. }
            | Self::NoPyfunc
            | Self::Signature(_)
            | Self::NoSignature
            | Self::Start { .. }
            | Self::Sandbox { .. }
            | Self::Load { .. }
            | Self::CrashLoop { .. }
            | Self::Closed => ExecutorFailure::Unavailable,
        }
    }

    /// The text of the Python exception, when there is one. It can repeat values: not for logs.
    #[must_use]
    pub fn python_message(&self) -> Option<&str> {
        match self {
            Self::Load { message, .. } | Self::Raised { message, .. } => Some(message),
            _ => None,
        }
    }
}

impl From<WorkerError> for PredictError {
    fn from(error: WorkerError) -> Self {
        Self::Executor {
            failure: error.failure(),
            message: error.to_string(),
        }
    }
}

/// `text` cut to [`MAX_MESSAGE_BYTES`] at a character, without control characters but line breaks.
pub(crate) fn bounded(text: &str) -> String {
    let clean = text.chars().filter(|c| !c.is_control() || *c == '\n');
    let mut out = String::new();
    for c in clean {
        if out.len() + c.len_utf8() > MAX_MESSAGE_BYTES {
            break;
        }
        out.push(c);
    }
    out
}

/// A Python class name for an error text: identifier characters only, cut.
pub(crate) fn class_name(text: &str) -> String {
    const LONGEST: usize = 80;
    let name: String = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
        .take(LONGEST)
        .collect();
    if name.is_empty() {
        "an exception".to_owned()
    } else {
        name
    }
}
