//! Alerts: moved in the same transaction that queues their notifications.

use atalaya_domain::Timestamp;
use atalaya_domain::alert::{Alert, AlertKind, AlertState, Finding, Transition};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::limits::clipped;
use crate::outbox::enqueue;
use crate::{Noun, Store, StoreError};

/// A notification to queue for an alert that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The notifier's name.
    pub notifier: String,
    /// The JSON body.
    pub body: String,
}

/// Which alerts are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Of this monitor only.
    pub monitor: Option<String>,
    /// In this state only.
    pub state: Option<AlertState>,
    /// At most this many; `None` means, and more is cut to, 1,000.
    pub limit: Option<u32>,
}

impl Store {
    /// Moves the alerts of one monitor and queues what `notify` makes of each alert that moved, all
    /// in one transaction. Returns the alerts that moved.
    ///
    /// A `Fire` for a kind that is already open and a `Resolve` for one that is not do nothing, so
    /// that two evaluations at once, or one repeated after a crash, notify once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing has moved then.
    pub async fn apply_transitions(
        &self,
        monitor: &str,
        transitions: &[Transition],
        notify: &(dyn Fn(&Alert) -> Vec<Outgoing> + Send + Sync),
        now: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        let mut tx = self.write().await?;
        let mut moved = Vec::new();
        for transition in transitions {
            let alert = match transition {
                Transition::Nothing => None,
                Transition::Fire(finding) => fire(&mut tx, monitor, finding, now).await?,
                Transition::Resolve(finding) => resolve(&mut tx, monitor, finding, now).await?,
            };
            moved.extend(alert);
        }
        for alert in &moved {
            let dedup_key = format!("{}:{}", alert.id, alert.state.as_str());
            for outgoing in notify(alert) {
                enqueue(&mut tx, &dedup_key, &outgoing, now).await?;
            }
        }
        forget_old(&mut tx).await?;
        tx.commit().await?;
        Ok(moved)
    }

    /// The firing alerts of one monitor; at most one per kind.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn open_alerts(&self, monitor: &str) -> Result<Vec<Alert>, StoreError> {
        let query = AlertQuery {
            monitor: Some(monitor.to_owned()),
            state: Some(AlertState::Firing),
            limit: None,
        };
        self.alerts(&query).await
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<Alert>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query(
            "SELECT * FROM alerts WHERE ($1 IS NULL OR monitor = $1) AND ($2 IS NULL OR state = $2) \
             ORDER BY fired_at DESC, id LIMIT $3",
        )
        .bind(query.monitor.as_deref())
        .bind(query.state.map(AlertState::as_str))
        .bind(i64::from(query.limit.unwrap_or(ALERTS_SHOWN).min(ALERTS_SHOWN)))
        .fetch_all(&mut *tx)
        .await?;
        rows.iter().map(read_alert).collect()
    }
}

/// Most alerts in one answer.
const ALERTS_SHOWN: u32 = 1_000;
/// Resolved alerts that are kept.
const RESOLVED_KEPT: i64 = 10_000;

/// Opens an alert unless one of its kind is open.
async fn fire(
    db: &mut SqliteConnection,
    monitor: &str,
    finding: &Finding,
    now: Timestamp,
) -> Result<Option<Alert>, StoreError> {
    let row = sqlx::query(
        "INSERT INTO alerts (id, monitor, kind, state, message, value, threshold, fired_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING *",
    )
    .bind(uuid::Uuid::new_v4().simple().to_string())
    .bind(monitor)
    .bind(finding.kind.as_str())
    .bind(AlertState::Firing.as_str())
    .bind(clipped(&finding.message))
    .bind(stored(finding.value))
    .bind(stored(finding.threshold))
    .bind(now.0)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_alert).transpose()
}

/// Closes the open alert of a kind, if there is one, with the figures that closed it.
async fn resolve(
    db: &mut SqliteConnection,
    monitor: &str,
    finding: &Finding,
    now: Timestamp,
) -> Result<Option<Alert>, StoreError> {
    let row = sqlx::query(
        "UPDATE alerts SET state = $1, message = $2, value = $3, threshold = $4, resolved_at = $5 \
         WHERE monitor = $6 AND kind = $7 AND state = $8 RETURNING *",
    )
    .bind(AlertState::Resolved.as_str())
    .bind(clipped(&finding.message))
    .bind(stored(finding.value))
    .bind(stored(finding.threshold))
    .bind(now.0)
    .bind(monitor)
    .bind(finding.kind.as_str())
    .bind(AlertState::Firing.as_str())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_alert).transpose()
}

/// SQLite has no NaN; a figure that is none is stored as absent.
fn stored(figure: f64) -> Option<f64> {
    (!figure.is_nan()).then_some(figure)
}

async fn forget_old(db: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM alerts WHERE state = $1 AND resolved_at < \
         (SELECT resolved_at FROM alerts WHERE state = $1 ORDER BY resolved_at DESC LIMIT 1 OFFSET $2)",
    )
    .bind(AlertState::Resolved.as_str())
    .bind(RESOLVED_KEPT)
    .execute(db)
    .await?;
    Ok(())
}

fn read_alert(row: &SqliteRow) -> Result<Alert, StoreError> {
    let corrupt = |column| StoreError::corrupt(Noun::Alert, column);
    let kind: String = row.try_get("kind")?;
    let state: String = row.try_get("state")?;
    Ok(Alert {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor")?,
        kind: AlertKind::parse(&kind).ok_or_else(|| corrupt("kind"))?,
        state: AlertState::parse(&state).ok_or_else(|| corrupt("state"))?,
        message: row.try_get("message")?,
        value: row.try_get::<Option<f64>, _>("value")?.unwrap_or(f64::NAN),
        threshold: row.try_get::<Option<f64>, _>("threshold")?.unwrap_or(f64::NAN),
        fired_at: Timestamp(row.try_get("fired_at")?),
        resolved_at: row.try_get::<Option<i64>, _>("resolved_at")?.map(Timestamp),
    })
}
