//! A folder of Delta tables: where they are, opening and creating them, and the small questions
//! (exists, version, rows).

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::transaction::CommitProperties;
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder, TableProperty};
use futures::TryStreamExt as _;
use parking::Turns;
use url::Url;

use crate::append::AppTxn;
use crate::commit::kernel_fields;
use crate::error::LakeError;
use crate::schema::merge;
use crate::storage::{DurableStore, create_folder, creates_exclusively};

/// Commits between two checkpoints; whoever writes such a commit also writes the checkpoint.
const CHECKPOINT_INTERVAL: &str = "100";
/// How long the table remembers an application's version. Longer than any write-ahead log segment
/// may wait for its flush; an older one would be flushed twice.
const REMEMBER_APPLICATIONS: &str = "interval 365 days";
/// Writer features under which a plain append or overwrite is right.
const HARMLESS_FEATURES: [&str; 4] = ["appendOnly", "invariants", "timestampNtz", "deletionVectors"];

/// The lake: Delta tables under one folder. Cheap to clone; clones share the turn-taking that
/// keeps appends of one process from racing each other.
#[derive(Debug, Clone)]
pub struct Lake {
    root: PathBuf,
    turns: Arc<Turns>,
}

impl Lake {
    /// The lake under `root`, which is created with the first table. Touches nothing yet.
    pub fn open(root: PathBuf) -> Self {
        Lake {
            root: std::path::absolute(&root).unwrap_or(root),
            turns: Arc::default(),
        }
    }

    /// Checks, by a race, that the file system can keep two writers from making the same commit.
    ///
    /// # Errors
    /// [`LakeError::Io`] when the folder cannot be written, or lets both writers win (some network
    /// and FUSE file systems): Delta commits would be lost there.
    pub async fn probe(&self) -> Result<(), LakeError> {
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || match creates_exclusively(&root) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let reason = std::io::Error::other("this file system lets two writers create the same file");
                Err(LakeError::io("use", &root)(reason))
            }
            Err(error) => Err(LakeError::io("write to", &root)(error)),
        })
        .await?
    }

    /// The folder of `table`.
    ///
    /// # Errors
    /// [`LakeError::TablePath`] unless it is a relative path of plain parts.
    pub fn folder(&self, table: &str) -> Result<PathBuf, LakeError> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let path = Path::new(table);
        let usual = !table.is_empty() && !table.contains(['\\', '\0']) && !table.starts_with('_');
        if usual && path.components().all(plain) && path.components().count() == table.split('/').count() {
            return Ok(self.root.join(path));
        }
        Err(LakeError::TablePath {
            table: table.to_owned(),
        })
    }

    /// Whether there is a Delta table at `table`.
    ///
    /// # Errors
    /// [`LakeError::TablePath`], or when the folder cannot be read.
    pub async fn table_exists(&self, table: &str) -> Result<bool, LakeError> {
        match self.open_table(table).await {
            Ok(_) => Ok(true),
            Err(LakeError::NoTable { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The table's newest version, from 0.
    ///
    /// # Errors
    /// [`LakeError::NoTable`], or when its log cannot be read.
    pub async fn version(&self, table: &str) -> Result<u64, LakeError> {
        Ok(self.open_table(table).await?.version())
    }

    /// The table's columns.
    ///
    /// # Errors
    /// [`LakeError::NoTable`], or when its log cannot be read.
    pub async fn schema(&self, table: &str) -> Result<SchemaRef, LakeError> {
        Ok(self.open_table(table).await?.schema)
    }

    /// Rows in the table; from its log alone where every file's statistics are there.
    ///
    /// # Errors
    /// [`LakeError::NoTable`], or when its log or files cannot be read.
    pub async fn count(&self, table: &str) -> Result<u64, LakeError> {
        self.open_table(table).await?.count().await
    }

    /// Waits until no other append of this process works on `table`.
    pub(crate) async fn turn(&self, table: &str) -> tokio::sync::OwnedMutexGuard<()> {
        self.turns.of(table).lock_owned().await
    }

    /// Reads the newest version of `table`.
    pub(crate) async fn open_table(&self, table: &str) -> Result<OpenTable, LakeError> {
        OpenTable::load(table.to_owned(), self.folder(table)?).await
    }

    /// As [`Self::open_table`], creating it with the columns of `schema` when it is absent.
    pub(crate) async fn open_or_create(
        &self,
        table: &str,
        schema: &Schema,
        partition_by: &[String],
        description: &str,
    ) -> Result<OpenTable, LakeError> {
        let folder = self.folder(table)?;
        let open = match OpenTable::load(table.to_owned(), folder.clone()).await {
            Err(LakeError::NoTable { .. }) if !schema.fields().is_empty() => {
                OpenTable::create(table.to_owned(), folder, schema, partition_by, description).await?
            }
            opened => opened?,
        };
        open.check_writable()?;
        if !partition_by.is_empty() && partition_by != open.partition_columns {
            return Err(LakeError::Partitioning {
                table: table.to_owned(),
                existing: open.partition_columns.join(", "),
                asked: partition_by.join(", "),
            });
        }
        Ok(open)
    }
}

/// A table at one version.
#[derive(Clone)]
pub(crate) struct OpenTable {
    /// The path that messages show.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) table: DeltaTable,
    pub(crate) schema: SchemaRef,
    pub(crate) partition_columns: Vec<String>,
}

impl OpenTable {
    /// Reads the newest version of the table in `folder`.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] when the folder has no Delta log.
    pub(crate) async fn load(name: String, folder: PathBuf) -> Result<Self, LakeError> {
        if !folder.join("_delta_log").is_dir() {
            return Err(LakeError::NoTable { table: name });
        }
        let mut table = DeltaTable::new(log_store(&folder)?);
        if !table.verify_deltatable_existence().await? {
            return Err(LakeError::NoTable { table: name });
        }
        table.load().await?;
        let snapshot = table.snapshot()?.snapshot();
        let (schema, partition_columns) = (
            snapshot.arrow_schema(),
            snapshot.metadata().partition_columns().to_vec(),
        );
        Ok(OpenTable {
            name,
            folder,
            table,
            schema,
            partition_columns,
        })
    }

    async fn create(
        name: String,
        folder: PathBuf,
        schema: &Schema,
        partition_by: &[String],
        description: &str,
    ) -> Result<Self, LakeError> {
        let schema = merge(None, schema)?.schema;
        // Refuses partition columns that no file could be written for, before the table is there.
        crate::data_file::DataFiles::new(folder.clone(), &schema, partition_by, None)?;
        create_folder(&folder).map_err(LakeError::io("create", &folder))?;
        let created = CreateBuilder::new()
            .with_log_store(log_store(&folder)?)
            .with_columns(kernel_fields(&schema)?)
            .with_partition_columns(partition_by.iter().cloned())
            .with_comment(description)
            .with_configuration_property(TableProperty::CheckpointInterval, Some(CHECKPOINT_INTERVAL))
            .with_configuration_property(
                TableProperty::SetTransactionRetentionDuration,
                Some(REMEMBER_APPLICATIONS),
            )
            .with_save_mode(SaveMode::ErrorIfExists)
            .with_commit_properties(CommitProperties::default().with_max_retries(0))
            .await;
        match (created, OpenTable::load(name, folder).await) {
            // Another writer was first, or the creation landed and reported a failure.
            (_, Ok(open)) => Ok(open),
            (Err(error), Err(LakeError::NoTable { .. })) => Err(error.into()),
            (_, Err(error)) => Err(error),
        }
    }

    /// The version that was read.
    pub(crate) fn version(&self) -> u64 {
        self.table.version().unwrap_or_default()
    }

    /// The last version that `app_id` has committed.
    pub(crate) async fn app_version(&self, app_id: &str) -> Result<Option<i64>, LakeError> {
        let snapshot = self.table.snapshot()?.snapshot();
        Ok(snapshot
            .transaction_version(self.table.log_store().as_ref(), app_id)
            .await?)
    }

    /// The application's version in the table, when it covers `app`.
    pub(crate) async fn seen(&self, app: Option<&AppTxn>) -> Result<Option<i64>, LakeError> {
        let Some(app) = app else { return Ok(None) };
        Ok(self
            .app_version(&app.app_id)
            .await?
            .filter(|&version| version >= app.version))
    }

    /// The data files of this version, by their paths under the table's folder.
    pub(crate) async fn data_files(&self) -> Result<HashSet<String>, LakeError> {
        let snapshot = self.table.snapshot()?.snapshot();
        let log_store = self.table.log_store();
        Ok(snapshot
            .file_views(log_store.as_ref(), None)
            .map_ok(|file| file.path().into_owned())
            .try_collect()
            .await?)
    }

    /// Rows of this version.
    pub(crate) async fn count(&self) -> Result<u64, LakeError> {
        let snapshot = self.table.snapshot()?.snapshot();
        let log_store = self.table.log_store();
        let counted = snapshot.file_views(log_store.as_ref(), None).map_ok(|file| {
            let rows = file.num_records()?;
            Some(
                rows as u64
                    - file
                        .deletion_vector_descriptor()
                        .map_or(0, |deleted| deleted.cardinality.unsigned_abs()),
            )
        });
        let counted: Vec<Option<u64>> = counted.try_collect().await?;
        match counted.into_iter().sum::<Option<u64>>() {
            Some(rows) => Ok(rows),
            None => Ok(crate::read::frame(self).await?.count().await? as u64),
        }
    }

    /// Refuses tables whose rules this writer does not know: it would break them silently.
    pub(crate) fn check_writable(&self) -> Result<(), LakeError> {
        let state = self.table.snapshot()?;
        let refuse = |features: String| {
            Err(LakeError::Features {
                table: self.name.clone(),
                features,
            })
        };
        let protocol = state.protocol();
        let features: Vec<String> = match protocol.writer_features() {
            Some(features) => features.iter().map(ToString::to_string).collect(),
            None if protocol.min_writer_version() > 2 => {
                vec![format!("writer version {}", protocol.min_writer_version())]
            }
            None => Vec::new(),
        };
        let foreign: Vec<_> = features
            .into_iter()
            .filter(|name| !HARMLESS_FEATURES.contains(&name.as_str()))
            .collect();
        if !foreign.is_empty() {
            return refuse(foreign.join(", "));
        }
        if state
            .schema()
            .fields()
            .any(|field| field.metadata().contains_key("delta.invariants"))
        {
            return refuse("invariants".to_owned());
        }
        Ok(())
    }
}

fn log_store(folder: &Path) -> Result<LogStoreRef, LakeError> {
    let url = Url::from_directory_path(folder).map_err(|()| LakeError::TablePath {
        table: folder.display().to_string(),
    })?;
    let builder = DeltaTableBuilder::from_url(url.clone())?.with_storage_backend(Arc::new(DurableStore::new()), url);
    Ok(builder.build_storage()?)
}

mod parking {
    //! One turn at a time for each table.

    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError};

    /// Above this many tables, those that nobody waits for are forgotten.
    const REMEMBERED: usize = 1024;

    /// The queue before each table.
    #[derive(Debug, Default)]
    pub(super) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

    impl Turns {
        /// The queue of `table`.
        pub(super) fn of(&self, table: &str) -> Arc<tokio::sync::Mutex<()>> {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() > REMEMBERED {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(turns.entry(table.to_owned()).or_default())
        }
    }
}
