//! What is logged into a run: metrics with their history, params that are set once, tags.

use atalaya_domain::tracking::Metric;

use crate::{Page, Search, Store, StoreError};

/// Several things to log into one run, all or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogBatch {
    /// At most 1,000.
    pub metrics: Vec<Metric>,
    /// At most 100.
    pub params: Vec<(String, String)>,
    /// At most 100.
    pub tags: Vec<(String, String)>,
}

impl Store {
    /// Logs one observation; the very same one again changes nothing.
    ///
    /// # Errors
    /// As [`Store::log_batch`].
    pub async fn log_metric(&self, run_id: &str, metric: &Metric) -> Result<(), StoreError> {
        self.log_batch(
            run_id,
            &LogBatch {
                metrics: vec![metric.clone()],
                ..LogBatch::default()
            },
        )
        .await
    }

    /// Sets one param, once.
    ///
    /// # Errors
    /// As [`Store::log_batch`].
    pub async fn log_param(&self, run_id: &str, key: &str, value: &str) -> Result<(), StoreError> {
        self.log_batch(
            run_id,
            &LogBatch {
                params: vec![(key.to_owned(), value.to_owned())],
                ..LogBatch::default()
            },
        )
        .await
    }

    /// Logs metrics, params and tags in one transaction: all of them or, on any error, none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the run; [`StoreError::InvalidParameter`] when the run is deleted, a key or value
    /// is too long, there are too many, or a param already has another value.
    pub async fn log_batch(&self, run_id: &str, batch: &LogBatch) -> Result<(), StoreError> {
        todo!()
    }

    /// Every observation of one metric, in order of time, step and value; an unknown key has none.
    /// Of `search` only page size (25,000 unless asked) and token are used.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the run; [`StoreError::InvalidParameter`] for page size or token.
    pub async fn metric_history(&self, run_id: &str, key: &str, search: &Search) -> Result<Page<Metric>, StoreError> {
        todo!()
    }
}
