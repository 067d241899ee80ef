//! Alerts as they are read: moved by monitors only.

use atalaya_domain::alert::Alert;
use atalaya_store::{AlertQuery, StoreError};

use super::App;

impl App {
    /// Alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<Alert>, StoreError> {
        self.store().alerts(query).await
    }
}
