//! The prediction log of an endpoint: labels in, tables out, and how it is doing.

use std::sync::Arc;

use atalaya_log::{LogStats, Receipt};

use super::App;
use crate::api::error::ApiError;
use crate::serving::log::labels::{Label, LabelsRecord};
use crate::serving::log::record::KIND_LABELS;
use crate::serving::{EndpointSlot, flush_all};

impl App {
    fn known_slot(&self, endpoint: &str) -> Result<Arc<EndpointSlot>, ApiError> {
        self.endpoints()
            .slot(endpoint)
            .ok_or_else(|| ApiError::not_found("no serving endpoint has this name"))
    }

    /// Takes labels into the endpoint's log; they are on the disk when this returns.
    pub(crate) async fn accept_labels(&self, endpoint: &str, labels: Vec<Label>) -> Result<Receipt, ApiError> {
        let slot = self.known_slot(endpoint)?;
        let record = LabelsRecord {
            labeled_at_us: self.now_us(),
            labels,
        };
        let bytes = serde_json::to_vec(&record).map_err(|error| ApiError::internal(&error))?;
        slot.log.append_durable(KIND_LABELS, &[&bytes]).await.map_err(|error| {
            ApiError::unavailable(
                format!("the labels could not be logged ({}); send them again", error.reason()),
                1,
            )
        })
    }

    /// Writes the endpoint's log to its tables now; says how many records that were.
    pub(crate) async fn flush_endpoint(&self, endpoint: &str) -> Result<u64, ApiError> {
        let slot = self.known_slot(endpoint)?;
        flush_all(self, &slot).await.map_err(|error| ApiError::internal(&error))
    }

    /// How the endpoint's log is doing.
    pub(crate) fn log_stats(&self, endpoint: &str) -> Result<LogStats, ApiError> {
        Ok(self.known_slot(endpoint)?.log.stats())
    }
}
