//! Where scored batches go: a Delta table (append or overwrite, one commit), a Parquet file or a
//! folder of Parquet files. Nothing is visible under the final name before everything is there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;

use crate::append::AppTxn;
use crate::commit::{Change, Landed, MAX_ATTEMPTS, back_off};
use crate::data_file::{DataFiles, Written, writer_properties};
use crate::error::LakeError;
use crate::lake::{Lake, OpenTable};
use crate::schema::{fit, merge, plain};
use crate::storage::{create_folder, sync_folder};

/// Encoded rows that a Parquet file holds in memory before a row group is written.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Description of a table that a sink creates.
const DESCRIPTION: &str = "scored by atalaya";

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Delta table.
    Delta,
    /// One Parquet file.
    ParquetFile,
    /// A folder of Parquet files, with `column=value` folders when partitioned.
    ParquetFolder,
}

/// What to do about an existing output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Refuse.
    #[default]
    New,
    /// Add to it (an existing output: Delta only).
    Append,
    /// Replace it.
    Overwrite,
}

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct SinkOptions {
    /// `None`: Parquet for a name that ends in `.parquet`, else Delta.
    pub format: Option<Format>,
    /// For an output that exists.
    pub mode: Mode,
    /// Partition columns.
    pub partition_by: Vec<String>,
    /// Makes a rerun of the same job over the same input write nothing (Delta only).
    pub app: Option<AppTxn>,
}

/// What a sink came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sunk {
    /// Rows written.
    pub rows: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// The Delta table's version with them.
    pub version: Option<u64>,
    /// The job had written its rows before; these were thrown away.
    pub already_there: bool,
}

/// An output being written. Dropping it unfinished leaves the old output as it was.
pub struct Sink {
    path: PathBuf,
    options: SinkOptions,
    target: Target,
}

enum Target {
    Delta {
        lake: Lake,
        table: String,
        writing: Option<(Option<OpenTable>, SchemaRef, DataFiles)>,
    },
    File {
        staged: Staged,
        writing: Option<ArrowWriter<File>>,
        rows: u64,
    },
    Folder {
        staged: Staged,
        writing: Option<(SchemaRef, DataFiles)>,
    },
}

impl Sink {
    /// An output at `path`; nothing is written yet.
    ///
    /// # Errors
    /// [`LakeError::Exists`] by the mode; [`LakeError::Format`] for options that do not go together.
    pub async fn open(path: &Path, options: SinkOptions) -> Result<Self, LakeError> {
        let named_parquet = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        let format = options.format.unwrap_or(if named_parquet {
            Format::ParquetFile
        } else {
            Format::Delta
        });
        let path = std::path::absolute(path).map_err(LakeError::io("resolve", path))?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Err(refused(&path, "it has no name"));
        };
        let taken = if format == Format::Delta {
            path.join("_delta_log").is_dir()
        } else {
            path.exists()
        };
        if taken && options.mode == Mode::New {
            return Err(LakeError::Exists {
                path: path.display().to_string(),
            });
        }
        if taken && format != Format::Delta && options.mode == Mode::Append {
            return Err(refused(&path, "it exists and only a Delta table can be appended to"));
        }
        if format == Format::ParquetFile && !options.partition_by.is_empty() {
            return Err(refused(
                &path,
                "one Parquet file cannot be partitioned; choose a folder or a Delta table",
            ));
        }
        let target = match format {
            Format::Delta => Target::Delta {
                lake: Lake::open(folder.to_path_buf()),
                table: name.to_owned(),
                writing: None,
            },
            Format::ParquetFile => Target::File {
                staged: Staged::beside(&path),
                writing: None,
                rows: 0,
            },
            Format::ParquetFolder => Target::Folder {
                staged: Staged::beside(&path),
                writing: None,
            },
        };
        Ok(Sink { path, options, target })
    }

    /// Columns by which the output is partitioned.
    pub fn partition_by(&self) -> &[String] {
        &self.options.partition_by
    }

    /// Whether this job has written its rows before, so that nothing needs to be scored.
    ///
    /// # Errors
    /// When the table's log cannot be read.
    pub async fn already_there(&self) -> Result<bool, LakeError> {
        match (&self.target, &self.options.app) {
            (Target::Delta { lake, table, .. }, Some(app)) => Ok(lake
                .app_version(table, &app.app_id)
                .await?
                .is_some_and(|version| version >= app.version)),
            _ => Ok(false),
        }
    }

    /// Writes a batch; every batch must have the schema of the first.
    ///
    /// # Errors
    /// [`LakeError::Column`] where the output cannot hold it; [`LakeError::Io`].
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let batch = plain(batch)?;
        match &mut self.target {
            Target::Delta { lake, table, writing } => {
                let (open, schema, files) = match writing.take() {
                    Some(writing) => writing,
                    None => open_table(lake, table, &self.options, &batch).await?,
                };
                let files = files.write_away(fit(&batch, &schema)?).await?;
                *writing = Some((open, schema, files));
            }
            Target::Folder { staged, writing } => {
                let (schema, files) = match writing.take() {
                    Some(writing) => writing,
                    None => {
                        let schema = batch.schema();
                        let files = DataFiles::new(staged.staged.clone(), &schema, &self.options.partition_by, None)?;
                        (schema, files)
                    }
                };
                *writing = Some((Arc::clone(&schema), files.write_away(fit(&batch, &schema)?).await?));
            }
            Target::File { staged, writing, rows } => {
                *rows += batch.num_rows() as u64;
                let (path, open) = (staged.staged.clone(), writing.take());
                *writing = Some(tokio::task::spawn_blocking(move || write_file(open, &path, &batch)).await??);
            }
        }
        Ok(())
    }

    /// Makes everything durable and visible under the output's name.
    ///
    /// # Errors
    /// [`LakeError::Contended`] when other writers won every attempt; [`LakeError::Io`]. An output
    /// without any batch has no schema and is refused ([`LakeError::Format`]).
    pub async fn finish(self) -> Result<Sunk, LakeError> {
        let overwrite = self.options.mode == Mode::Overwrite;
        let empty = || refused(&self.path, "there is no batch to write, so no schema");
        match self.target {
            Target::Delta { lake, table, writing } => {
                let (open, schema, files) = writing.ok_or_else(empty)?;
                let files = files.finish_away().await?;
                commit(&lake, &table, &self.options, open, &schema, files).await
            }
            Target::File { staged, writing, rows } => {
                let writer = writing.ok_or_else(empty)?;
                tokio::task::spawn_blocking(move || {
                    let file = writer.into_inner()?;
                    file.sync_all().map_err(LakeError::io("sync", &staged.staged))?;
                    let bytes = file.metadata().map_err(LakeError::io("read", &staged.staged))?.len();
                    staged.publish(overwrite)?;
                    Ok(Sunk {
                        rows,
                        bytes,
                        version: None,
                        already_there: false,
                    })
                })
                .await?
            }
            Target::Folder { staged, writing } => {
                let (_, files) = writing.ok_or_else(empty)?;
                let written = files.finish_away().await?;
                let (rows, bytes) = (written.rows, written.bytes());
                written.keep();
                tokio::task::spawn_blocking(move || staged.publish(overwrite)).await??;
                Ok(Sunk {
                    rows,
                    bytes,
                    version: None,
                    already_there: false,
                })
            }
        }
    }
}

fn refused(path: &Path, reason: &str) -> LakeError {
    LakeError::Output {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}

/// Opens the output table for the schema of the first batch. One that is not there is created
/// with the commit: a run that fails leaves no table.
async fn open_table(
    lake: &Lake,
    table: &str,
    options: &SinkOptions,
    first: &RecordBatch,
) -> Result<(Option<OpenTable>, SchemaRef, DataFiles), LakeError> {
    let incoming = first.schema();
    if !lake.table_exists(table).await? {
        let schema = merge(None, &incoming)?.schema;
        let files = DataFiles::new(lake.folder(table)?, &schema, &options.partition_by, None)?;
        return Ok((None, schema, files));
    }
    let overwrite = options.mode == Mode::Overwrite;
    let asked: &[String] = if overwrite { &[] } else { &options.partition_by };
    let mut open = lake.open_or_create(table, &incoming, asked, DESCRIPTION).await?;
    let schema = if overwrite {
        merge(None, &incoming)?.schema
    } else {
        let merged = merge(Some(&open.schema), &incoming)?;
        if !merged.widened.is_empty() {
            let _turn = lake.turn(table).await;
            lake.widen(&open, &merged.schema).await?;
            open = lake.open_table(table).await?;
        }
        merged.schema
    };
    let partition_by = if options.partition_by.is_empty() {
        &open.partition_columns
    } else {
        &options.partition_by
    };
    let files = DataFiles::new(open.folder.clone(), &schema, partition_by, None)?;
    Ok((Some(open), schema, files))
}

/// Creates the table for the files that are written already.
async fn create_table(
    lake: &Lake,
    table: &str,
    options: &SinkOptions,
    schema: &SchemaRef,
) -> Result<OpenTable, LakeError> {
    if options.mode == Mode::New && lake.table_exists(table).await? {
        return Err(LakeError::Exists { path: table.to_owned() });
    }
    let open = lake
        .open_or_create(table, schema, &options.partition_by, DESCRIPTION)
        .await?;
    if open.partition_columns == options.partition_by {
        return Ok(open);
    }
    Err(LakeError::Partitioning {
        table: table.to_owned(),
        existing: open.partition_columns.join(", "),
        asked: options.partition_by.join(", "),
    })
}

/// Commits all files at once, against whatever the table has become meanwhile.
async fn commit(
    lake: &Lake,
    table: &str,
    options: &SinkOptions,
    open: Option<OpenTable>,
    schema: &SchemaRef,
    files: Written,
) -> Result<Sunk, LakeError> {
    let _turn = lake.turn(table).await;
    let (rows, bytes) = (files.rows, files.bytes());
    let overwrite = options.mode == Mode::Overwrite;
    let mut open = match open {
        Some(open) => open,
        None => create_table(lake, table, options, schema).await?,
    };
    for attempt in 0..MAX_ATTEMPTS {
        back_off(attempt).await;
        if attempt > 0 {
            open = lake.open_table(table).await?;
        }
        if open.seen(options.app.as_ref()).await?.is_some() {
            return Ok(Sunk {
                rows: 0,
                bytes: 0,
                version: None,
                already_there: true,
            });
        }
        let mut change = Change {
            app: options.app.clone(),
            ..Change::append(&files)
        };
        if overwrite {
            change.removes = open.removes(true).await?;
            change.schema = (open.schema != *schema).then(|| Arc::clone(schema));
            let columns = &options.partition_by;
            change.partition_columns =
                (!columns.is_empty() && *columns != open.partition_columns).then(|| columns.clone());
        } else {
            let merged = merge(Some(&open.schema), schema)?;
            if !files.still_fit(&merged.schema) {
                return Err(LakeError::Contended {
                    table: table.to_owned(),
                    attempts: attempt + 1,
                });
            }
            change.schema = merged.grown.then_some(merged.schema);
        }
        match lake.land(&open, &change, None).await? {
            Landed::Committed { version } => {
                files.keep();
                return Ok(Sunk {
                    rows,
                    bytes,
                    version: Some(version),
                    already_there: false,
                });
            }
            Landed::AlreadyThere { .. } => {
                return Ok(Sunk {
                    rows: 0,
                    bytes: 0,
                    version: None,
                    already_there: true,
                });
            }
            Landed::Lost => {}
        }
    }
    Err(LakeError::Contended {
        table: table.to_owned(),
        attempts: MAX_ATTEMPTS,
    })
}

fn write_file(
    open: Option<ArrowWriter<File>>,
    path: &Path,
    batch: &RecordBatch,
) -> Result<ArrowWriter<File>, LakeError> {
    let mut writer = match open {
        Some(writer) => writer,
        None => {
            let folder = path.parent().unwrap_or(path);
            create_folder(folder).map_err(LakeError::io("create", folder))?;
            let file = File::create_new(path).map_err(LakeError::io("create", path))?;
            ArrowWriter::try_new(file, batch.schema(), Some(writer_properties()))?
        }
    };
    writer.write(batch)?;
    if writer.in_progress_size() > ROW_GROUP_BYTES {
        writer.flush()?;
    }
    Ok(writer)
}

/// A file or folder under a passing name beside its final one; removed unless published.
struct Staged {
    staged: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn beside(target: &Path) -> Self {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let staged = target.with_file_name(format!(".{name}.{}.tmp", uuid::Uuid::new_v4().simple()));
        Staged {
            staged,
            target: target.to_path_buf(),
        }
    }

    fn publish(self, overwrite: bool) -> Result<(), LakeError> {
        let target = &self.target;
        if !overwrite && target.exists() {
            return Err(LakeError::Exists {
                path: target.display().to_string(),
            });
        }
        // A folder cannot be renamed over another: the old one steps aside first.
        let aside = target.is_dir().then(|| self.staged.with_extension("old"));
        if let Some(aside) = &aside {
            fs::rename(target, aside).map_err(LakeError::io("replace", target))?;
        }
        if let Err(error) = fs::rename(&self.staged, target) {
            if let Some(aside) = &aside {
                fs::rename(aside, target).map_err(LakeError::io("restore", target))?;
            }
            return Err(LakeError::io("name", target)(error));
        }
        if let Some(aside) = &aside {
            fs::remove_dir_all(aside).map_err(LakeError::io("delete", aside))?;
        }
        let folder = target.parent().unwrap_or(target);
        sync_folder(folder).map_err(LakeError::io("sync", folder))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let removed = if self.staged.is_dir() {
            fs::remove_dir_all(&self.staged)
        } else {
            fs::remove_file(&self.staged)
        };
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.staged.display(), %error, "an unfinished output stays behind");
        }
    }
}
