//! Writes Parquet data files of a Delta table: split by partition, rolled by size, bounded in
//! memory, and on the disk before anybody commits them.
//!
//! Blocking code: callers run it on a blocking thread.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use deltalake::kernel::Add;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::append::Journal;
use crate::error::LakeError;
use crate::stats::FileStats;
use crate::storage::{create_folder, sync_folder};

/// A file is closed when it has grown to this: Delta's own default target.
const TARGET_FILE_BYTES: usize = 128 << 20;
/// Encoded but unwritten bytes over all open files; the largest is flushed above it.
const BUFFERED_BYTES: usize = 128 << 20;
/// Open files at a time: each holds a descriptor and its column buffers.
const MAX_OPEN_FILES: usize = 64;
/// Partitions in one write. More is a mistake in the choice of the column, and a table of tiny files.
const MAX_PARTITIONS: usize = 10_000;
/// Characters of a partition value that are the same in a path, in a URI and on every file system.
const PLAIN: &str = "-_.";

/// How every file of this crate is encoded: zstd halves the JSON payloads against snappy, and every reader has it.
pub(crate) fn writer_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("atalaya ", env!("CARGO_PKG_VERSION")).to_owned())
        .build()
}

type PartitionKey = Vec<Option<String>>;

struct OpenFile {
    writer: ArrowWriter<File>,
    path: PathBuf,
    /// Path under the table's folder, with `/`.
    name: String,
    stats: FileStats,
}

/// An unfinished set of data files of one table.
pub(crate) struct DataFiles {
    folder: PathBuf,
    schema: SchemaRef,
    file_schema: SchemaRef,
    partition_columns: Vec<(usize, String)>,
    journal: Option<Arc<dyn Journal>>,
    open: HashMap<PartitionKey, OpenFile>,
    partitions: std::collections::HashSet<PartitionKey>,
    done: Vec<Add>,
    rows: u64,
    orphans: Orphans,
}

/// Finished data files that nothing refers to yet. Deleted when dropped, unless [`Written::keep`]
/// was called or a journal knows them: then its owner removes what a crash left.
pub(crate) struct Written {
    /// The `add` actions, by path.
    pub(crate) adds: Vec<Add>,
    /// Rows in them.
    pub(crate) rows: u64,
    schema: SchemaRef,
    orphans: Orphans,
}

impl Written {
    /// Bytes in them.
    pub(crate) fn bytes(&self) -> u64 {
        self.adds.iter().map(|add| add.size.unsigned_abs()).sum()
    }

    /// Whether they can still be added when the table's schema has become `schema`: a column that
    /// is missing in them reads as NULL, one of another type does not.
    pub(crate) fn still_fit(&self, schema: &Schema) -> bool {
        self.schema.fields().iter().all(|field| {
            schema
                .field_with_name(field.name())
                .is_ok_and(|now| now.data_type() == field.data_type())
        })
    }

    /// They are referred to now.
    pub(crate) fn keep(mut self) {
        self.orphans.files.clear();
    }
}

/// Deletes files when dropped, and then the folders made for them.
struct Orphans {
    files: Vec<PathBuf>,
    /// The table's folder; it and everything in it that is empty goes, too, if it is `fresh`.
    folder: PathBuf,
    fresh: bool,
}

impl Drop for Orphans {
    fn drop(&mut self) {
        for path in &self.files {
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(file = %path.display(), %error, "an unused data file stays behind");
            }
        }
        for path in &self.files {
            let made = path
                .ancestors()
                .skip(1)
                .take_while(|folder| folder.starts_with(&self.folder));
            for folder in made.filter(|folder| self.fresh || *folder != self.folder) {
                // Refused while it holds anything, which is what decides whether it goes.
                let _ = std::fs::remove_dir(folder);
            }
        }
    }
}

impl DataFiles {
    /// Files under `folder` for a table of `schema`, split by `partition_by`.
    ///
    /// # Errors
    /// [`LakeError::NoColumn`] and [`LakeError::Column`] for a column that cannot partition a table.
    pub(crate) fn new(
        folder: PathBuf,
        schema: &Schema,
        partition_by: &[String],
        journal: Option<Arc<dyn Journal>>,
    ) -> Result<Self, LakeError> {
        let partition_columns = partition_by
            .iter()
            .map(|name| partition_column(schema, name).map(|at| (at, name.clone())))
            .collect::<Result<Vec<_>, _>>()?;
        let stored = (0..schema.fields().len()).filter(|at| !partition_columns.iter().any(|(p, _)| p == at));
        let file_schema = Arc::new(schema.project(&stored.collect::<Vec<_>>())?);
        if file_schema.fields().is_empty() {
            return Err(LakeError::column(
                partition_by.join(", "),
                "a table needs a column beside its partition columns",
            ));
        }
        let (open, partitions, done) = Default::default();
        let orphans = Orphans {
            files: Vec::new(),
            fresh: !folder.exists(),
            folder: folder.clone(),
        };
        Ok(DataFiles {
            folder,
            schema: Arc::new(schema.clone()),
            file_schema,
            partition_columns,
            journal,
            open,
            partitions,
            done,
            rows: 0,
            orphans,
        })
    }

    /// Writes a batch of the table's schema.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        for (key, part) in self.split(batch)? {
            self.write_part(key, &part)?;
        }
        self.rows += batch.num_rows() as u64;
        while self
            .open
            .values()
            .map(|file| file.writer.in_progress_size())
            .sum::<usize>()
            > BUFFERED_BYTES
        {
            let largest = self.open.values_mut().max_by_key(|file| file.writer.in_progress_size());
            largest.expect("the sum above is of at least one file").writer.flush()?;
        }
        Ok(())
    }

    /// Writes a batch on a blocking thread.
    pub(crate) async fn write_away(mut self, batch: RecordBatch) -> Result<Self, LakeError> {
        tokio::task::spawn_blocking(move || self.write(&batch).map(|()| self)).await?
    }

    /// [`Self::finish`] on a blocking thread.
    pub(crate) async fn finish_away(self) -> Result<Written, LakeError> {
        tokio::task::spawn_blocking(move || self.finish()).await?
    }

    /// Closes every file, makes all of them durable and gives their `add` actions.
    pub(crate) fn finish(mut self) -> Result<Written, LakeError> {
        let open: Vec<PartitionKey> = self.open.keys().cloned().collect();
        for key in open {
            self.close(&key)?;
        }
        let mut folders: Vec<PathBuf> = self
            .done
            .iter()
            .filter_map(|add| self.folder.join(&add.path).parent().map(Path::to_path_buf))
            .collect();
        folders.sort();
        folders.dedup();
        for folder in folders {
            sync_folder(&folder).map_err(LakeError::io("sync", &folder))?;
        }
        self.done.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Written {
            adds: self.done,
            rows: self.rows,
            schema: self.schema,
            orphans: self.orphans,
        })
    }

    fn split(&self, batch: &RecordBatch) -> Result<Vec<(PartitionKey, RecordBatch)>, LakeError> {
        if self.partition_columns.is_empty() {
            return Ok(vec![(Vec::new(), batch.clone())]);
        }
        let stored: Vec<usize> = (0..batch.num_columns())
            .filter(|at| !self.partition_columns.iter().any(|(p, _)| p == at))
            .collect();
        let values = self
            .partition_columns
            .iter()
            .map(|(at, _)| Ok(cast(batch.column(*at), &DataType::Utf8)?.as_string::<i32>().clone()))
            .collect::<Result<Vec<StringArray>, LakeError>>()?;
        let files = batch.project(&stored)?;
        let mut groups: Vec<(PartitionKey, Vec<u32>)> = Vec::new();
        let mut known: HashMap<PartitionKey, usize> = HashMap::new();
        for row in 0..batch.num_rows() {
            // Delta writes the empty text as NULL in partition values.
            let value = |column: &StringArray| {
                (column.is_valid(row) && !column.value(row).is_empty()).then(|| column.value(row).to_owned())
            };
            let key: PartitionKey = values.iter().map(value).collect();
            let at = *known.entry(key).or_insert_with_key(|key| {
                groups.push((key.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[at]
                .1
                .push(u32::try_from(row).map_err(|_| LakeError::column("", "the batch is too long"))?);
        }
        if groups.len() == 1 {
            return Ok(groups.into_iter().map(|(key, _)| (key, files.clone())).collect());
        }
        groups
            .into_iter()
            .map(|(key, rows)| Ok((key, take_record_batch(&files, &UInt32Array::from(rows))?)))
            .collect()
    }

    fn write_part(&mut self, key: PartitionKey, part: &RecordBatch) -> Result<(), LakeError> {
        if !self.open.contains_key(&key) {
            if self.open.len() >= MAX_OPEN_FILES {
                let largest = self
                    .open
                    .iter()
                    .max_by_key(|(_, file)| file.writer.memory_size())
                    .map(|(key, _)| key.clone());
                self.close(&largest.expect("the set of open files is full"))?;
            }
            let file = self.open_file(&key)?;
            self.open.insert(key.clone(), file);
        }
        let file = self.open.get_mut(&key).expect("opened above");
        file.writer.write(part)?;
        file.stats.update(part);
        if file.writer.bytes_written() + file.writer.in_progress_size() >= TARGET_FILE_BYTES {
            self.close(&key)?;
        }
        Ok(())
    }

    fn open_file(&mut self, key: &PartitionKey) -> Result<OpenFile, LakeError> {
        if self.partitions.insert(key.clone()) && self.partitions.len() > MAX_PARTITIONS {
            return Err(LakeError::TooManyPartitions { limit: MAX_PARTITIONS });
        }
        let name = format!("{}part-{}.zstd.parquet", self.prefix(key), uuid::Uuid::now_v7());
        if let Some(journal) = &self.journal {
            journal.will_write(&name).map_err(LakeError::Journal)?;
        }
        let path = self.folder.join(&name);
        let folder = path.parent().unwrap_or(&self.folder);
        create_folder(folder).map_err(LakeError::io("create", folder))?;
        let file = File::create_new(&path).map_err(LakeError::io("create", &path))?;
        if self.journal.is_none() {
            self.orphans.files.push(path.clone());
        }
        let writer = ArrowWriter::try_new(file, Arc::clone(&self.file_schema), Some(writer_properties()))?;
        Ok(OpenFile {
            writer,
            path,
            name,
            stats: FileStats::new(Arc::clone(&self.file_schema)),
        })
    }

    /// `column=value/` as Hive writes it. Delta keeps the value in the log and does not read the
    /// path, so a value that would need escaping twice simply gets no folder.
    fn prefix(&self, key: &PartitionKey) -> String {
        let plain =
            |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || PLAIN.contains(c)) && text.len() <= 100;
        let mut prefix = String::new();
        for ((_, column), value) in self.partition_columns.iter().zip(key) {
            let value = value.as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__");
            if !plain(column) || !plain(value) || value.starts_with('.') {
                return String::new();
            }
            prefix += &format!("{column}={value}/");
        }
        prefix
    }

    fn close(&mut self, key: &PartitionKey) -> Result<(), LakeError> {
        let Some(OpenFile {
            writer,
            path,
            name,
            stats,
        }) = self.open.remove(key)
        else {
            return Ok(());
        };
        // Writes the footer, too; `finish` before it would make it fail.
        let file = writer.into_inner()?;
        file.sync_all().map_err(LakeError::io("sync", &path))?;
        let size = file.metadata().map_err(LakeError::io("read", &path))?.len();
        let columns = self.partition_columns.iter().map(|(_, column)| column.clone());
        self.done.push(Add {
            path: name,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            partition_values: columns.zip(key.iter().cloned()).collect(),
            modification_time: now_ms(),
            data_change: true,
            stats: Some(stats.to_json()),
            ..Add::default()
        });
        Ok(())
    }
}

/// Milliseconds since 1970, for the fields of the Delta log that demand it; no decision rests on it.
pub(crate) fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

fn partition_column(schema: &Schema, name: &str) -> Result<usize, LakeError> {
    let Ok(at) = schema.index_of(name) else {
        return Err(LakeError::NoColumn {
            column: name.to_owned(),
            table: "the partition columns' table".to_owned(),
        });
    };
    match schema.field(at).data_type() {
        DataType::Utf8 | DataType::Date32 | DataType::Boolean => Ok(at),
        kind if kind.is_integer() => Ok(at),
        kind => Err(LakeError::column(
            name,
            format!("{kind} cannot partition a table; dates, text, integers and booleans can"),
        )),
    }
}
