//! One commit to a table's log, and the truth about whether it landed.
//!
//! Each attempt is made against the snapshot that was read for it, and the library's own retries
//! are off: after a lost race the caller reads the table again, so the application version and
//! the schema are always those of the version before the commit.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use deltalake::DeltaTableError;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TableReference, TransactionError};
use deltalake::kernel::{Action, Add, Metadata, Remove, StructField, StructType, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};

use crate::append::{AppTxn, Journal, Step};
use crate::data_file::{Written, now_ms};
use crate::error::LakeError;
use crate::lake::{Lake, OpenTable};

/// Attempts against other writers. Nodes keep commits seconds apart, so two or three is usual;
/// this many in a row means a writer that never pauses.
pub(crate) const MAX_ATTEMPTS: u32 = 30;
/// First pause after a lost race; it doubles, with full jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a commit does to a table.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) adds: Vec<Add>,
    pub(crate) removes: Vec<Remove>,
    /// The table's schema afterwards, where it changes.
    pub(crate) schema: Option<SchemaRef>,
    /// The partition columns afterwards, where they change.
    pub(crate) partition_columns: Option<Vec<String>>,
    pub(crate) app: Option<AppTxn>,
}

impl Change {
    /// Adds `files`.
    pub(crate) fn append(files: &Written) -> Self {
        Change {
            adds: files.adds.clone(),
            ..Change::default()
        }
    }
}

/// The truth about a commit.
#[derive(Debug)]
pub(crate) enum Landed {
    /// It is in the table, at this version or (found after a doubt) before it.
    Committed {
        /// The table's version.
        version: u64,
    },
    /// The application's version was in the table already.
    AlreadyThere {
        /// The version found.
        app_version: i64,
    },
    /// Another writer took the version. Read the table again.
    Lost,
}

/// Waits before attempt number `attempt`, counted from 0.
pub(crate) async fn back_off(attempt: u32) {
    if attempt > 0 {
        let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
        tokio::time::sleep(longest.mul_f64(rand::random())).await;
    }
}

impl Lake {
    /// Commits `change` on top of `open`. On any failure the table is read again: an error does
    /// not mean that the commit is not there.
    pub(crate) async fn land(
        &self,
        open: &OpenTable,
        change: &Change,
        journal: Option<&dyn Journal>,
    ) -> Result<Landed, LakeError> {
        let committed = match open.commit(change).await {
            Ok(version) => match journal.map_or(Ok(()), |journal| journal.reached(Step::Committed)) {
                Ok(()) => return Ok(Landed::Committed { version }),
                Err(error) => LakeError::Journal(error),
            },
            Err(error) => error,
        };
        let now = self.open_table(&open.name).await?;
        if !change.adds.is_empty() {
            let files = now.data_files().await?;
            if change.adds.iter().all(|add| files.contains(&add.path)) {
                tracing::warn!(table = open.name, error = %committed, "a commit landed although it reported a failure");
                return Ok(Landed::Committed { version: now.version() });
            }
        }
        if let Some(app_version) = now.seen(change.app.as_ref()).await? {
            return Ok(Landed::AlreadyThere { app_version });
        }
        if lost_race(&committed) || now.version() > open.version() {
            Ok(Landed::Lost)
        } else {
            Err(committed)
        }
    }
}

impl OpenTable {
    async fn commit(&self, change: &Change) -> Result<u64, LakeError> {
        let state = self.table.snapshot()?;
        let mut actions = Vec::with_capacity(change.adds.len() + change.removes.len() + 1);
        if change.schema.is_some() || change.partition_columns.is_some() {
            actions.push(Action::Metadata(self.metadata(change)?));
        }
        actions.extend(change.removes.iter().cloned().map(Action::Remove));
        actions.extend(change.adds.iter().cloned().map(Action::Add));
        let columns = change.partition_columns.as_ref().unwrap_or(&self.partition_columns);
        let operation = DeltaOperation::Write {
            mode: if change.removes.is_empty() {
                SaveMode::Append
            } else {
                SaveMode::Overwrite
            },
            partition_by: (!columns.is_empty()).then(|| columns.clone()),
            predicate: None,
        };
        let app = change
            .app
            .iter()
            .map(|app| Transaction::new_with_last_update(&app.app_id, app.version, Some(now_ms())));
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_application_transactions(app.collect());
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state as &dyn TableReference), self.table.log_store(), operation)
            .await?;
        Ok(committed.version())
    }

    /// The table's metadata with the change's schema; fields that stay keep their own metadata.
    fn metadata(&self, change: &Change) -> Result<Metadata, LakeError> {
        let state = self.table.snapshot()?;
        let mut value = serde_json::to_value(state.metadata()).map_err(not_serialised)?;
        if let Some(schema) = &change.schema {
            let known = state.schema();
            let fields = schema.fields().iter().map(|field| {
                let fresh: StructField = field.as_ref().try_into_kernel()?;
                Ok(match known.field(field.name()) {
                    Some(kept) if kept.data_type() == fresh.data_type() => kept.clone(),
                    _ => fresh,
                })
            });
            let fields = fields.collect::<Result<Vec<_>, arrow::error::ArrowError>>()?;
            let schema = StructType::try_new(fields).map_err(DeltaTableError::from)?;
            value["schemaString"] = serde_json::to_string(&schema).map_err(not_serialised)?.into();
        }
        if let Some(columns) = &change.partition_columns {
            value["partitionColumns"] = columns.clone().into();
        }
        serde_json::from_value(value).map_err(not_serialised)
    }
}

fn not_serialised(json_err: serde_json::Error) -> LakeError {
    DeltaTableError::SerializeLogJson { json_err }.into()
}

fn lost_race(error: &LakeError) -> bool {
    use TransactionError as T;
    match error {
        LakeError::Delta(DeltaTableError::VersionAlreadyExists(_)) => true,
        LakeError::Delta(DeltaTableError::Transaction { source }) => {
            matches!(
                source,
                T::VersionAlreadyExists(_) | T::CommitConflict(_) | T::MaxCommitAttempts(_)
            )
        }
        _ => false,
    }
}

/// Keeps the schema of a new table beside the code that writes it to a commit.
pub(crate) fn kernel_fields(schema: &SchemaRef) -> Result<Vec<StructField>, LakeError> {
    let schema: StructType = Arc::clone(schema).as_ref().try_into_kernel()?;
    Ok(schema.fields().cloned().collect())
}
