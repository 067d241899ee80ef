//! Searching runs over several experiments by metrics, params, tags and attributes.

use atalaya_domain::tracking::Run;

use crate::{Page, Search, Store, StoreError, View};

impl Store {
    /// Runs of the given experiments by filter, newest first unless asked otherwise.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_runs(
        &self,
        experiment_ids: &[String],
        view: View,
        search: &Search,
    ) -> Result<Page<Run>, StoreError> {
        todo!()
    }
}
