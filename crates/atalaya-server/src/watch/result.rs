//! What a monitor run found: the shape that is kept as JSON, answered by the API, and drawn by the report.
//!
//! Fields may be added, never renamed: stored runs are read back years later. A figure that is not finite is absent.

use atalaya_stats::drift::DriftResult;
use atalaya_stats::latency::LatencySummary;
use atalaya_stats::profile::{ColumnProfile, ProfileDetail};
use atalaya_stats::quality::{ClassificationQuality, RegressionQuality};
use serde::{Deserialize, Serialize};

use super::figures::Figures;

/// One run of a monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorReport {
    /// Number of the run; rises with time. Absent in the stored JSON, where the row has it.
    #[serde(default)]
    pub run_id: i64,
    /// Name of the monitor.
    pub monitor: String,
    /// Name of the endpoint.
    pub endpoint: String,
    /// Path of the baseline as configured.
    pub baseline: String,
    /// `budget` or `lab`.
    pub mode: String,
    /// Start of the window, included; milliseconds since 1970 UTC, as all times here.
    pub window_start: i64,
    /// End of the window, excluded.
    pub window_end: i64,
    /// When the run was made.
    pub ran_at: i64,
    /// How much was looked at.
    pub counts: Counts,
    /// Each compared feature column.
    pub columns: Vec<ColumnDrift>,
    /// The prediction, where the baseline has one.
    pub prediction: Option<ColumnDrift>,
    /// Names of those that drifted, `prediction` among them.
    pub drifted_columns: Vec<String>,
    /// Columns that could not be compared, and why.
    pub skipped: Vec<Skipped>,
    /// What each compared column looked like in the window.
    pub profiles: Vec<ColumnSummary>,
    /// Time in the model per request, in milliseconds.
    pub latency_ms: Option<Latency>,
    /// Share of requests answered with 4xx or 5xx.
    pub error_rate: Option<f64>,
    /// Quality against the labels that have come.
    pub quality: Option<Quality>,
    /// The same per served entity and model version.
    pub quality_by_version: Vec<VersionQuality>,
    /// What was decided, one entry per alert kind.
    pub checks: Vec<Check>,
    /// Alerts that this run fired or resolved.
    pub alerts: Vec<MovedAlert>,
    /// What the report draws.
    pub figures: Figures,
}

/// How much a run looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests in the window, answered or refused.
    pub requests: u64,
    /// Of them, answered with 4xx.
    pub client_errors: u64,
    /// Of them, answered with 5xx.
    pub server_errors: u64,
    /// Scored records in the window.
    pub rows: u64,
    /// Records looked at; fewer than `rows` when the window was sampled.
    pub rows_read: u64,
    /// Records looked at that have a label.
    pub labelled_rows: u64,
    /// Rows of the baseline.
    pub baseline_rows: u64,
    /// Rows of the baseline looked at.
    pub baseline_rows_read: u64,
}

/// The comparison of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    /// Name of the column, as the baseline has it.
    pub column: String,
    /// Name of the drift test.
    pub test: String,
    /// The test's number.
    pub statistic: f64,
    /// Raw p-value, where the test defines one.
    pub p_value: Option<f64>,
    /// Holm-corrected over the columns of this run.
    pub corrected_p_value: Option<f64>,
    /// Size of the shift whatever the number of rows.
    pub effect_size: f64,
    /// Population stability index.
    pub psi: f64,
    /// Values in the baseline, nulls not counted.
    pub baseline_count: u64,
    /// Values in the window, nulls not counted.
    pub window_count: u64,
    /// Nulls in the baseline.
    pub baseline_nulls: u64,
    /// Nulls in the window.
    pub window_nulls: u64,
    /// What the p-value was held against.
    pub threshold: f64,
    /// The decision.
    pub drifted: bool,
}

impl From<DriftResult> for ColumnDrift {
    fn from(r: DriftResult) -> Self {
        Self {
            column: r.column,
            test: r.test.to_owned(),
            statistic: r.statistic,
            p_value: r.p_value,
            corrected_p_value: r.corrected_p_value,
            effect_size: r.effect_size,
            psi: r.psi,
            baseline_count: r.baseline_count,
            window_count: r.window_count,
            baseline_nulls: r.baseline_nulls,
            window_nulls: r.window_nulls,
            threshold: r.threshold,
            drifted: r.drifted,
        }
    }
}

/// A column that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub column: String,
    /// Why.
    pub reason: String,
}

/// What one column looked like in the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// Its name, as the baseline has it.
    pub column: String,
    /// `numeric` or `categorical`.
    pub kind: String,
    /// Values, nulls not counted.
    pub count: u64,
    /// Missing values.
    pub nulls: u64,
    /// Different values.
    pub distinct: u64,
    /// Arithmetic mean of numbers.
    pub mean: Option<f64>,
    /// Standard deviation of numbers, with n − 1.
    pub std: Option<f64>,
    /// Least number.
    pub min: Option<f64>,
    /// Greatest number.
    pub max: Option<f64>,
    /// Values at 1, 5, 25, 50, 75, 95 and 99 percent of the numbers; empty for categories.
    pub quantiles: Vec<f64>,
    /// The most frequent categories with their counts; empty for numbers.
    pub top: Vec<(String, u64)>,
}

/// Categories kept of a column: a thousand columns must fit into one stored result.
const TOP_KEPT: usize = 5;
/// Longest text of a kept category, in characters.
const CATEGORY_CHARS_MAX: usize = 64;

impl ColumnSummary {
    /// Of one column's profile.
    pub(super) fn of(column: &str, profile: &ColumnProfile) -> Self {
        let finite = |figure: Option<f64>| figure.filter(|f| f.is_finite());
        let (kind, numbers, categories) = match &profile.detail {
            ProfileDetail::Numeric(numbers) => ("numeric", Some(numbers), [].as_slice()),
            ProfileDetail::Categorical(top) => ("categorical", None, top.as_slice()),
        };
        let quantiles: Vec<f64> = numbers.map_or(Vec::new(), |n| n.quantiles.iter().map(|(_, value)| *value).collect());
        Self {
            column: column.to_owned(),
            kind: kind.to_owned(),
            count: profile.count,
            nulls: profile.nulls,
            distinct: profile.distinct,
            mean: finite(numbers.and_then(|n| n.mean)),
            std: finite(numbers.and_then(|n| n.std)),
            min: finite(numbers.and_then(|n| n.min)),
            max: finite(numbers.and_then(|n| n.max)),
            quantiles: if quantiles.iter().all(|q| q.is_finite()) {
                quantiles
            } else {
                Vec::new()
            },
            top: categories
                .iter()
                .take(TOP_KEPT)
                .map(|c| (c.value.chars().take(CATEGORY_CHARS_MAX).collect(), c.count))
                .collect(),
        }
    }
}

/// Time in the model per request, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Requests measured.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

impl From<LatencySummary> for Latency {
    fn from(s: LatencySummary) -> Self {
        Self {
            count: s.count,
            mean: s.mean,
            p50: s.p50,
            p90: s.p90,
            p95: s.p95,
            p99: s.p99,
        }
    }
}

/// Quality of predictions against labels, as scikit-learn computes it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub enum Quality {
    /// Of predicted classes; precision, recall and F1 weighted by the labels, `zero_division=0`.
    Classification {
        /// Pairs of label and prediction.
        count: u64,
        /// Share of predictions that equal the label.
        accuracy: f64,
        /// Weighted precision.
        precision: f64,
        /// Weighted recall.
        recall: f64,
        /// Weighted F1.
        f1: f64,
    },
    /// Of predicted numbers.
    Regression {
        /// Pairs of label and prediction.
        count: u64,
        /// Mean absolute error.
        mae: f64,
        /// Root of the mean squared error.
        rmse: f64,
        /// Coefficient of determination, where defined.
        r2: Option<f64>,
        /// Mean absolute error relative to the label, where defined.
        mape: Option<f64>,
    },
}

impl From<ClassificationQuality> for Quality {
    fn from(q: ClassificationQuality) -> Self {
        let w = q.weighted;
        Self::Classification {
            count: q.count,
            accuracy: q.accuracy,
            precision: w.precision,
            recall: w.recall,
            f1: w.f1,
        }
    }
}

impl From<RegressionQuality> for Quality {
    fn from(q: RegressionQuality) -> Self {
        let finite = |figure: Option<f64>| figure.filter(|f| f.is_finite());
        Self::Regression {
            count: q.count,
            mae: q.mae,
            rmse: q.rmse,
            r2: finite(q.r2),
            mape: finite(q.mape),
        }
    }
}

impl Quality {
    /// Pairs of label and prediction.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Classification { count, .. } | Self::Regression { count, .. } => *count,
        }
    }
}

/// Quality of one model version at one served entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionQuality {
    /// Name of the served entity.
    pub served_entity: String,
    /// Registered model.
    pub model_name: String,
    /// Its version.
    pub model_version: String,
    /// Its figures.
    pub quality: Quality,
}

/// What was decided about one alert kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `DATA_DRIFT`, `PERFORMANCE_DEGRADATION` or `HIGH_LATENCY`.
    pub kind: String,
    /// The decision.
    pub verdict: Verdict,
    /// One sentence for people, with figures.
    pub message: String,
    /// The figure that decided.
    pub value: Option<f64>,
    /// What it was held against.
    pub threshold: f64,
}

/// A decision, or that none was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The condition of the alert holds.
    Breached,
    /// It does not.
    Fine,
    /// Too little was seen to say; open alerts stay as they are.
    Undecided,
}

/// An alert that moved in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedAlert {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// `firing` or `resolved`.
    pub state: String,
}
