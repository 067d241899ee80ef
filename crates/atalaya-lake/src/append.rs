//! Appending to a table, exactly once and durably: the nine steps of a flush, of which the caller
//! keeps the log (which rows, what is flushed) and the lake keeps the table.
//!
//! An append carries an application id and a version that only rises; the table's log stores the
//! last version together with the data. A repeated append finds it there and writes nothing.
//! After any doubt (a conflict, an error reported for a commit that landed) the table is read
//! again and the truth is taken from there.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use crate::commit::{Change, Landed, MAX_ATTEMPTS, back_off};
use crate::data_file::{DataFiles, Written};
use crate::error::LakeError;
use crate::lake::{Lake, OpenTable};
use crate::schema::{fit, merge};

/// Who appends, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppTxn {
    /// Stable for one sequence of versions, such as `atalaya/<table>/<node>/<epoch>`.
    pub app_id: String,
    /// The last record of this append; must rise from append to append.
    pub version: i64,
}

/// Points of an append at which a journal is told, and may stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All data files are on the disk; nothing refers to them yet.
    FilesDurable,
    /// The commit is on the disk. An error here is an outcome reported wrongly: the lake looks again.
    Committed,
}

/// Keeps the names of data files before they exist, so that those of a crash can be removed.
pub trait Journal: Send + Sync {
    /// `name` (under the table's folder) is about to be created; must be durable on return.
    ///
    /// # Errors
    /// Any error stops the append before the file exists.
    fn will_write(&self, name: &str) -> io::Result<()>;

    /// The append has come to `step`.
    ///
    /// # Errors
    /// Any error is taken as a failure of that step.
    fn reached(&self, step: Step) -> io::Result<()> {
        let _ = step;
        Ok(())
    }
}

/// How to append. `Append::default()` is a plain append to an unpartitioned table.
#[derive(Clone, Default)]
pub struct Append<'a> {
    /// Makes the append idempotent.
    pub app: Option<AppTxn>,
    /// Partition columns of a new table; for an existing one empty, or the same.
    pub partition_by: &'a [&'a str],
    /// A new table's description.
    pub description: &'a str,
    /// Told of every data file beforehand.
    pub journal: Option<Arc<dyn Journal>>,
}

/// What an append came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The rows are in the table and on the disk.
    Committed {
        /// The table's version with these rows.
        version: u64,
        /// Rows written.
        rows: u64,
        /// Bytes of their data files.
        bytes: u64,
    },
    /// The table has this application's version, or a later one: nothing was written.
    AlreadyThere {
        /// The version found in the table.
        app_version: i64,
    },
}

impl Lake {
    /// Appends `batches` to `table`, creating it and adding columns as needed.
    ///
    /// Columns are matched by name; a column that the table lacks is added, one that the batches
    /// lack becomes NULL. Integers go into double columns where exact; fractions that arrive at an
    /// integer column widen it to double, for which the table's files are rewritten once. With
    /// no rows nothing is committed, except the application version where one is given.
    ///
    /// # Errors
    /// [`LakeError::Column`] where a value cannot be stored exactly; [`LakeError::Contended`]
    /// when other writers won every attempt. After any error the append can be repeated with the
    /// same application version; without one, repeating may double the rows only if the process
    /// ended in between, since an error is returned only after looking whether the commit landed.
    pub async fn append(
        &self,
        table: &str,
        batches: Vec<RecordBatch>,
        options: Append<'_>,
    ) -> Result<Appended, LakeError> {
        let _turn = self.turn(table).await;
        let incoming = joint_schema(&batches)?;
        let partition_by: Vec<String> = options.partition_by.iter().map(|&column| column.to_owned()).collect();
        let mut written: Option<Written> = None;
        for attempt in 0..MAX_ATTEMPTS {
            back_off(attempt).await;
            let open = self
                .open_or_create(table, &incoming, &partition_by, options.description)
                .await?;
            if let Some(app_version) = open.seen(options.app.as_ref()).await? {
                return Ok(Appended::AlreadyThere { app_version });
            }
            let merged = merge(Some(&open.schema), &incoming)?;
            if !merged.widened.is_empty() {
                self.widen(&open, &merged.schema).await?;
                continue;
            }
            let files = match written.take().filter(|files| files.still_fit(&merged.schema)) {
                Some(files) => files,
                None => write_files(&open, &merged.schema, &batches, options.journal.clone()).await?,
            };
            if files.rows == 0 && options.app.is_none() {
                return Ok(Appended::Committed {
                    version: open.version(),
                    rows: 0,
                    bytes: 0,
                });
            }
            let change = Change {
                schema: merged.grown.then(|| Arc::clone(&merged.schema)),
                app: options.app.clone(),
                ..Change::append(&files)
            };
            match self.land(&open, &change, options.journal.as_deref()).await? {
                Landed::Committed { version } => {
                    let (rows, bytes) = (files.rows, files.bytes());
                    files.keep();
                    return Ok(Appended::Committed { version, rows, bytes });
                }
                Landed::AlreadyThere { app_version } => return Ok(Appended::AlreadyThere { app_version }),
                Landed::Lost => written = Some(files),
            }
        }
        Err(LakeError::Contended {
            table: table.to_owned(),
            attempts: MAX_ATTEMPTS,
        })
    }

    /// The last version that `app_id` has committed to `table`; `None` without one or without the table.
    ///
    /// # Errors
    /// When the table's log cannot be read.
    pub async fn app_version(&self, table: &str, app_id: &str) -> Result<Option<i64>, LakeError> {
        match self.open_table(table).await {
            Ok(open) => open.app_version(app_id).await,
            Err(LakeError::NoTable { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes those of `names` (from the flush journal) that the table does not refer to; says how many.
    ///
    /// To be called while nobody appends under the same journal, that is at start. Names that
    /// never came to exist, and names that leave the table's folder, are passed over.
    ///
    /// # Errors
    /// When the table's log cannot be read or a file cannot be deleted.
    pub async fn remove_orphans(&self, table: &str, names: &[String]) -> Result<u64, LakeError> {
        let _turn = self.turn(table).await;
        let referred = match self.open_table(table).await {
            Ok(open) => open.data_files().await?,
            Err(LakeError::NoTable { .. }) => HashSet::new(),
            Err(error) => return Err(error),
        };
        let folder = self.folder(table)?;
        let ours = |name: &&String| {
            Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
        };
        let orphans: Vec<_> = names
            .iter()
            .filter(ours)
            .filter(|name| !referred.contains(*name))
            .map(|name| folder.join(name))
            .collect();
        tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for orphan in orphans {
                match std::fs::remove_file(&orphan) {
                    Ok(()) => removed += 1,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(LakeError::io("delete", &orphan)(error)),
                }
            }
            Ok(removed)
        })
        .await?
    }
}

async fn write_files(
    open: &OpenTable,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    journal: Option<Arc<dyn Journal>>,
) -> Result<Written, LakeError> {
    let told = journal.clone();
    let mut files = DataFiles::new(open.folder.clone(), schema, &open.partition_columns, journal)?;
    let (batches, schema) = (batches.to_vec(), Arc::clone(schema));
    let written = tokio::task::spawn_blocking(move || {
        for batch in &batches {
            files.write(&fit(batch, &schema)?)?;
        }
        files.finish()
    })
    .await??;
    if let Some(journal) = told {
        journal.reached(Step::FilesDurable).map_err(LakeError::Journal)?;
    }
    Ok(written)
}

fn joint_schema(batches: &[RecordBatch]) -> Result<Schema, LakeError> {
    batches.iter().try_fold(Schema::empty(), |known, batch| {
        Ok(Arc::unwrap_or_clone(merge(Some(&known), batch.schema_ref())?.schema))
    })
}
