//! The outbox: notifications that are durable until delivered or given up.

use atalaya_domain::Timestamp;
use atalaya_domain::monitor::Notification;

use crate::{Store, StoreError};

/// How many notifications are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Still to be delivered.
    pub pending: u64,
    /// Delivered and still remembered.
    pub delivered: u64,
    /// Given up after the last attempt and still remembered.
    pub given_up: u64,
}

impl Store {
    /// Notifications whose time has come, the longest waiting first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn due_notifications(&self, now: Timestamp, limit: u32) -> Result<Vec<Notification>, StoreError> {
        todo!()
    }

    /// When the next pending notification is due; `None` when none is pending.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next_notification_at(&self) -> Result<Option<Timestamp>, StoreError> {
        todo!()
    }

    /// Notes that a notification arrived. Again is no error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn notification_delivered(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// Notes a failed attempt: to be tried again at `next_attempt_at`, or given up after the
    /// twentieth. Returns whether it was given up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not pending.
    pub async fn notification_failed(
        &self,
        id: i64,
        next_attempt_at: Timestamp,
        reason: &str,
    ) -> Result<bool, StoreError> {
        todo!()
    }

    /// How many notifications are in which state.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn outbox_counts(&self) -> Result<OutboxCounts, StoreError> {
        todo!()
    }
}
