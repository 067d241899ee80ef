//! The one error of the metadata store, shaped by what a caller can do about it.
//!
//! Names of stored things (a model, a run id) may appear; values of tags, params, filters and SQL
//! never do.

use crate::artifacts::ArtifactError;

/// What kind of stored thing an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Noun {
    /// A registered model, by name.
    RegisteredModel,
    /// A model version, by `name/version`.
    ModelVersion,
    /// An alias of a registered model.
    Alias,
    /// A tag of anything, by key.
    Tag,
    /// An experiment, by id or name.
    Experiment,
    /// A run, by id.
    Run,
    /// A serving endpoint, by name or id.
    Endpoint,
    /// A token, by its public id.
    Token,
    /// A monitor, by name.
    Monitor,
    /// A result of a monitor, by `monitor/number`.
    MonitorRun,
    /// A notifier, by name.
    Notifier,
    /// An alert, by id.
    Alert,
    /// A notification in the outbox, by number.
    Notification,
}

impl Noun {
    /// The word used in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RegisteredModel => "registered model",
            Self::ModelVersion => "model version",
            Self::Alias => "alias",
            Self::Tag => "tag",
            Self::Experiment => "experiment",
            Self::Run => "run",
            Self::Endpoint => "endpoint",
            Self::Token => "token",
            Self::Monitor => "monitor",
            Self::MonitorRun => "monitor run",
            Self::Notifier => "notifier",
            Self::Alert => "alert",
            Self::Notification => "notification",
        }
    }
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such thing.
    #[error("{kind} `{name}` not found")]
    NotFound {
        /// What was looked for.
        kind: Noun,
        /// Its name or id, as asked for.
        name: String,
    },
    /// The name is taken.
    #[error("{kind} `{name}` already exists")]
    AlreadyExists {
        /// What was to be created.
        kind: Noun,
        /// Its name.
        name: String,
    },
    /// An argument is out of its range or grammar.
    #[error("invalid `{parameter}`: {message}")]
    InvalidParameter {
        /// The argument, as the API calls it.
        parameter: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The thing is in a state that does not allow this.
    #[error("{kind} `{name}`: {message}")]
    Conflict {
        /// What was to be changed.
        kind: Noun,
        /// Its name or id.
        name: String,
        /// Why not now, and what to do.
        message: String,
    },
    /// No more of this kind may be created.
    #[error("there are already {max} of kind {kind}; delete some first")]
    LimitReached {
        /// What was to be created.
        kind: Noun,
        /// How many may exist.
        max: u32,
    },
    /// Somebody else held the database longer than the waiting time; trying again may help.
    #[error("metadata database is busy")]
    Busy,
    /// The file was written by a later program.
    #[error(
        "metadata database has schema {found} and this program knows only {known}: \
         start the newer program, or restore a backup made with this one"
    )]
    NewerDatabase {
        /// Schema of the file.
        found: i64,
        /// Newest schema this program has.
        known: i64,
    },
    /// A stored value cannot be read back; the file was edited or damaged.
    #[error("stored {kind} has an unreadable `{column}`")]
    Corrupt {
        /// What was read.
        kind: Noun,
        /// The column.
        column: &'static str,
    },
    /// The database said no.
    #[error("metadata database failed")]
    Database(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("metadata database could not be brought to this program's schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database file or its folder could not be made.
    #[error("metadata database file could not be opened")]
    File(#[source] std::io::Error),
    /// Artifact files failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl StoreError {
    /// Something named was not there.
    pub(crate) fn not_found(kind: Noun, name: impl std::fmt::Display) -> Self {
        Self::NotFound {
            kind,
            name: shown(&name),
        }
    }

    /// A name is taken.
    pub(crate) fn already_exists(kind: Noun, name: impl std::fmt::Display) -> Self {
        Self::AlreadyExists {
            kind,
            name: shown(&name),
        }
    }

    /// An argument is wrong.
    pub(crate) fn invalid(parameter: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidParameter {
            parameter,
            message: message.into(),
        }
    }

    /// A state does not allow the change.
    pub(crate) fn conflict(kind: Noun, name: impl std::fmt::Display, message: impl Into<String>) -> Self {
        Self::Conflict {
            kind,
            name: shown(&name),
            message: message.into(),
        }
    }

    /// A stored word could not be read.
    pub(crate) fn corrupt(kind: Noun, column: &'static str) -> Self {
        Self::Corrupt { kind, column }
    }
}

/// Longest name shown in a message, in characters; ids arrive from requests unchecked.
const SHOWN_MAX: usize = 256;

fn shown(name: &impl std::fmt::Display) -> String {
    name.to_string()
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_MAX)
        .collect()
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        /// Primary result code `SQLITE_BUSY` sits in the low byte of every extended code.
        const SQLITE_BUSY: i64 = 5;
        let busy = match &error {
            sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(db) => db
                .code()
                .and_then(|code| code.parse::<i64>().ok())
                .is_some_and(|code| code & 0xff == SQLITE_BUSY),
            _ => false,
        };
        if busy { Self::Busy } else { Self::Database(error) }
    }
}
