//! The tracking side: experiments, runs, metrics, params, as in MLflow.

use crate::Timestamp;
use crate::registry::Tags;

/// Experiment that always exists; id `0`, name `Default`.
pub const DEFAULT_EXPERIMENT_ID: &str = "0";

/// A named group of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Decimal text, as MLflow has it.
    pub experiment_id: String,
    /// Unique name.
    pub name: String,
    /// Free tags.
    pub tags: Tags,
    /// Whether it was soft-deleted.
    pub deleted: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// In progress.
    Running,
    /// Waiting for its time.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Ended by somebody.
    Killed,
}

impl RunStatus {
    /// Every status, in MLflow's numeric order (`RUNNING` = 1).
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Scheduled,
        Self::Finished,
        Self::Failed,
        Self::Killed,
    ];

    /// MLflow's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// Reads MLflow's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// One observation of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Name of the metric.
    pub key: String,
    /// Value; may be NaN or infinite.
    pub value: f64,
    /// When it was observed.
    pub timestamp: Timestamp,
    /// Training step or any other counter.
    pub step: i64,
}

/// A run with the last value of each metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// Shown to people.
    pub run_name: String,
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// Who started it.
    pub user_id: String,
    /// How far it is.
    pub status: RunStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it was soft-deleted.
    pub deleted: bool,
    /// Last value per key: greatest step, then timestamp, then value.
    pub metrics: Vec<Metric>,
    /// Key and value, set once.
    pub params: Vec<(String, String)>,
    /// Free tags.
    pub tags: Tags,
}
