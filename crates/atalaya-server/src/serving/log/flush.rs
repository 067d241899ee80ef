//! Writes a log's records to its tables, exactly once, and lets the log forget them.
//!
//! The steps are those of the write-ahead log's design: choose the oldest
//! records of one epoch, look what each table already has of them, write the
//! rest under the epoch's application id, and only then note them as flushed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use atalaya_lake::tables::inference::{LABEL_DATE, REQUEST_DATE, labels_table, payload_table, rows_table};
use atalaya_lake::{AppTxn, Append, Appended, Journal, LakeError};
use atalaya_log::{FlushBatch, Log, LogError};

use super::tabulate::{Done, Signatures, tabulate, versions_in};
use crate::app::App;
use crate::serving::EndpointSlot;

/// Most records in one commit; keeps the memory of a flush of tiny records bounded.
const FLUSH_RECORDS_MAX: usize = 200_000;

/// Why a flush stopped; the records stay in the log and are tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    /// The log could not be read or noted.
    #[error("prediction log failed")]
    Log(#[from] LogError),
    /// A table could not be read or written.
    #[error("inference table failed")]
    Lake(#[from] LakeError),
    /// The tabulating thread died.
    #[error("tabulating log records ended unexpectedly")]
    Ended,
}

/// Flushes until the log has nothing more to give; says how many records reached the tables.
pub(crate) async fn flush_all(app: &App, slot: &Arc<EndpointSlot>) -> Result<u64, FlushError> {
    let _one_at_a_time = slot.flushing.lock().await;
    let result = flush_locked(app, slot).await;
    if result.is_err() {
        app.metrics().counters.flush_failures.fetch_add(1, Ordering::Relaxed);
    }
    result
}

async fn flush_locked(app: &App, slot: &Arc<EndpointSlot>) -> Result<u64, FlushError> {
    sweep_orphans(app, slot).await?;
    let mut records = 0;
    loop {
        let log = Arc::clone(&slot.log);
        let max_bytes = app.config().log.flush_bytes;
        let next = tokio::task::spawn_blocking(move || log.next_flush(max_bytes, FLUSH_RECORDS_MAX));
        let Some(batch) = next.await.map_err(|_| FlushError::Ended)?? else {
            return Ok(records);
        };
        let batch = Arc::new(batch);
        flush_batch(app, slot, &batch).await?;
        let (log, epoch, last_seq) = (Arc::clone(&slot.log), batch.epoch, batch.last_seq);
        let noted = tokio::task::spawn_blocking(move || log.flushed(epoch, last_seq));
        noted.await.map_err(|_| FlushError::Ended)??;
        records += batch.len() as u64;
        app.metrics()
            .counters
            .flushed_records
            .fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
}

async fn flush_batch(app: &App, slot: &EndpointSlot, batch: &Arc<FlushBatch>) -> Result<(), FlushError> {
    let tables = [
        payload_table(&slot.name),
        rows_table(&slot.name),
        labels_table(&slot.name),
    ];
    let mut last = [None; 3];
    for (table, last) in tables.iter().zip(&mut last) {
        let version = app.lake().app_version(table, &batch.app_id).await?;
        *last = version.and_then(|v| u64::try_from(v).ok());
    }
    let done = Done {
        payload: last[0],
        rows: last[1],
        labels: last[2],
    };
    let signatures = signatures_of(app, batch).await;
    let work = Arc::clone(batch);
    let tabulated = tokio::task::spawn_blocking(move || tabulate(&work, &signatures, done));
    let tabulated = tabulated.await.map_err(|_| FlushError::Ended)??;
    app.metrics()
        .counters
        .rows_untyped
        .fetch_add(tabulated.untyped, Ordering::Relaxed);
    if tabulated.untyped + tabulated.unreadable > 0 {
        tracing::error!(
            endpoint = slot.name,
            untyped = tabulated.untyped,
            unreadable = tabulated.unreadable,
            "some log records could not be tabulated; their payload is kept where it could be read"
        );
    }
    let [payload, rows, labels] = tables;
    append(app, slot, batch, &payload, REQUEST_DATE, tabulated.payload).await?;
    append(app, slot, batch, &rows, REQUEST_DATE, tabulated.rows).await?;
    append(app, slot, batch, &labels, LABEL_DATE, tabulated.labels).await?;
    Ok(())
}

async fn append(
    app: &App,
    slot: &EndpointSlot,
    batch: &FlushBatch,
    table: &str,
    partition: &str,
    batches: Vec<RecordBatch>,
) -> Result<(), FlushError> {
    if batches.is_empty() {
        return Ok(());
    }
    let journal = Arc::new(FlushJournal {
        log: Arc::clone(&slot.log),
        table: table.to_owned(),
    });
    let version = i64::try_from(batch.last_seq).unwrap_or(i64::MAX);
    let options = Append {
        app: Some(AppTxn {
            app_id: batch.app_id.clone(),
            version,
        }),
        partition_by: &[partition],
        description: "written by atalaya",
        journal: Some(journal),
    };
    match app.lake().append(table, batches, options).await? {
        Appended::Committed { version, rows, .. } => {
            tracing::debug!(table, version, rows, "log records committed");
        }
        Appended::AlreadyThere { app_version } => tracing::info!(table, app_version, "log records were already there"),
    }
    Ok(())
}

async fn signatures_of(app: &App, batch: &FlushBatch) -> Signatures {
    let mut signatures = Signatures::new();
    for (name, version) in versions_in(batch) {
        let found = match app.version_signature(&name, version).await {
            Ok(signature) => Some(signature),
            Err(error) => {
                tracing::warn!(model = %name, version, %error, "columns of logged requests cannot be told");
                None
            }
        };
        signatures.insert((name.as_str().to_owned(), version), found);
    }
    signatures
}

/// Names of data files, written to the log's journal before the files exist: `table|name`.
struct FlushJournal {
    log: Arc<Log>,
    table: String,
}

impl Journal for FlushJournal {
    fn will_write(&self, name: &str) -> io::Result<()> {
        self.log
            .journal_add(&format!("{}|{name}", self.table))
            .map_err(io::Error::other)
    }
}

/// Removes the data files that a crash left between writing and committing.
async fn sweep_orphans(app: &App, slot: &EndpointSlot) -> Result<(), FlushError> {
    let names = slot.log.journal_list();
    if names.is_empty() {
        return Ok(());
    }
    for table in [
        payload_table(&slot.name),
        rows_table(&slot.name),
        labels_table(&slot.name),
    ] {
        let prefix = format!("{table}|");
        let ours: Vec<String> = names
            .iter()
            .filter_map(|n| n.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect();
        let removed = app.lake().remove_orphans(&table, &ours).await?;
        if removed > 0 {
            tracing::info!(table, removed, "data files of an interrupted flush removed");
        }
    }
    slot.log.journal_clear(&names)?;
    Ok(())
}
