//! Labels in the log: what turned out to be true, on its way to the `labels` table.
//!
//! They take the same road as predictions, so an acknowledged label is as safe
//! as an acknowledged prediction. One record holds one request's labels as JSON.

use serde::{Deserialize, Serialize};

/// One label, of a row or of a request of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Label {
    /// `request_id#index`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) row_id: Option<String>,
    /// The request, when it had one row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) request_id: Option<String>,
    /// A number, or a class's number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) number: Option<f64>,
    /// A class's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) text: Option<String>,
}

/// The labels of one request and when they came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LabelsRecord {
    /// Microseconds since the epoch.
    pub(crate) labeled_at_us: i64,
    pub(crate) labels: Vec<Label>,
}
