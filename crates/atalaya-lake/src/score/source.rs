//! Where batches come from: a Delta table, a Parquet file or folder, a CSV file. The format is
//! found by content first, and the name must not contradict it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::csv::reader::Format as CsvFormat;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::prelude::{CsvReadOptions, DataFrame, ParquetReadOptions, ident};
use futures::{StreamExt as _, TryStreamExt as _};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::error::LakeError;
use crate::lake::OpenTable;
use crate::read::{Batches, frame, plain_stream, session};
use crate::schema::plain_schema;

/// Rows of a CSV file from which the types of its columns are guessed.
const CSV_GUESS_ROWS: usize = 10_000;
/// Bytes of a CSV file from which the length of a row is guessed.
const CSV_GUESS_BYTES: usize = 1 << 18;
/// Files in one Parquet folder. A folder of more is a table that wants a log.
const MAX_FILES: usize = 100_000;
/// Folders within folders, as partitions make them.
const MAX_DEPTH: usize = 16;
const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Delta table, read at this version.
    Delta {
        /// The newest version when it was opened.
        version: u64,
    },
    /// Parquet files.
    Parquet,
    /// A CSV file with a header line.
    Csv,
}

/// An input, opened and described, to be read once.
pub struct Source {
    path: PathBuf,
    kind: Kind,
    schema: SchemaRef,
    /// All columns of the files, whatever was selected.
    stored: SchemaRef,
    rows: Option<u64>,
    frame: DataFrame,
}

impl Source {
    /// Opens `path`. `hint` gives the types of CSV columns by name (from the model's signature);
    /// columns without one get a guessed type.
    ///
    /// # Errors
    /// [`LakeError::Format`] when it is in none of the formats; [`LakeError::Column`] for a column
    /// of a type that cannot be carried on.
    pub async fn open(path: &Path, hint: Option<&Schema>) -> Result<Self, LakeError> {
        let (place, name) = (
            std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
            path.display().to_string(),
        );
        let found = {
            let place = place.clone();
            tokio::task::spawn_blocking(move || Found::at(&place)).await??
        };
        let (kind, rows, frame) = match found {
            Found::Delta => {
                let open = OpenTable::load(name, place).await?;
                let rows = open.count().await?;
                (
                    Kind::Delta {
                        version: open.version(),
                    },
                    Some(rows),
                    frame(&open).await?,
                )
            }
            Found::Parquet(files) => {
                let (rows, frame) = open_parquet(&place, files).await?;
                (Kind::Parquet, Some(rows), frame)
            }
            Found::Csv => {
                let hint = hint.cloned();
                let (rows, frame) = open_csv(&place, hint).await?;
                (Kind::Csv, rows, frame)
            }
        };
        let schema = plain_schema(frame.schema().as_arrow())?;
        Ok(Source {
            path: path.to_path_buf(),
            kind,
            stored: Arc::clone(&schema),
            schema,
            rows,
            frame,
        })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// How many rows: exact, but an estimate from the first lines for CSV.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Only these columns, in this order; all of them for an empty list.
    ///
    /// # Errors
    /// [`LakeError::NoColumn`].
    pub fn select(self, columns: &[String]) -> Result<Self, LakeError> {
        if columns.is_empty() {
            return Ok(self);
        }
        let places = columns
            .iter()
            .map(|column| {
                let missing = |_| LakeError::NoColumn {
                    column: column.clone(),
                    table: self.path.display().to_string(),
                };
                self.schema.index_of(column).map_err(missing)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(self.schema.project(&places)?);
        let frame = self.frame.select(columns.iter().map(ident))?;
        Ok(Source { schema, frame, ..self })
    }

    /// Its batches, in file order, at most [`crate::read::BATCH_ROWS`] rows each.
    ///
    /// # Errors
    /// When reading cannot start; later errors come in the stream.
    pub async fn stream(self) -> Result<Batches, LakeError> {
        let (path, stored) = (self.path, self.stored);
        let batches = plain_stream(self.frame.execute_stream().await?);
        Ok(match self.kind {
            Kind::Csv => batches
                .map_err(move |error| without_values(error, &path, &stored))
                .boxed(),
            _ => batches,
        })
    }
}

/// Arrow's CSV errors repeat the row; only the place is passed on. Columns and rows count from 0 and 1 there, the
/// header left out.
fn without_values(error: LakeError, path: &Path, stored: &Schema) -> LakeError {
    let message = match &error {
        LakeError::Query(DataFusionError::ArrowError(inner, _)) => match inner.as_ref() {
            ArrowError::ParseError(message) | ArrowError::CsvError(message) => message,
            _ => return error,
        },
        _ => return error,
    };
    let number_after = |word: &str| {
        let digits: String = message
            .rsplit_once(word)?
            .1
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse::<u64>().ok()
    };
    let field = |column: u64| stored.fields().get(usize::try_from(column).ok()?);
    let place = number_after("for column ")
        .and_then(field)
        .zip(number_after(" at line "));
    if let Some((field, row)) = place {
        let kind = field.data_type();
        return LakeError::column(field.name(), format!("data row {row} of the CSV file has no {kind}"));
    }
    let reason = "a line has another number of columns than the header, or bad quotes".to_owned();
    LakeError::Format {
        path: path.display().to_string(),
        reason,
    }
}

enum Found {
    Delta,
    Parquet(Vec<PathBuf>),
    Csv,
}

impl Found {
    fn at(path: &Path) -> Result<Self, LakeError> {
        let refuse = |reason: &str| {
            Err(LakeError::Format {
                path: path.display().to_string(),
                reason: reason.to_owned(),
            })
        };
        if path.join("_delta_log").is_dir() {
            return Ok(Found::Delta);
        }
        if path.is_dir() {
            let mut files = Vec::new();
            parquet_files(path, 0, &mut files)?;
            return if files.is_empty() {
                refuse("the folder has no Parquet files")
            } else {
                Ok(Found::Parquet(files))
            };
        }
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        let mut magic = [0; 4];
        let mut file = File::open(path).map_err(LakeError::io("open", path))?;
        let parquet = file.read_exact(&mut magic).is_ok() && &magic == PARQUET_MAGIC;
        match (parquet, name.ends_with(".csv")) {
            (true, false) => Ok(Found::Parquet(vec![path.to_path_buf()])),
            (true, true) => refuse("it is named as CSV and contains Parquet"),
            (false, true) => Ok(Found::Csv),
            (false, false) if name.ends_with(".parquet") => refuse("it is named as Parquet and does not contain it"),
            (false, false) => refuse("its name ends neither in `.parquet` nor in `.csv`"),
        }
    }
}

fn parquet_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), LakeError> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(LakeError::io("read", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with(['.', '_']) && !name.contains('=') {
            continue;
        }
        if path.is_dir() && depth < MAX_DEPTH {
            parquet_files(&path, depth + 1, files)?;
        } else if name.ends_with(".parquet") {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            let reason = format!("the folder has more than {MAX_FILES} Parquet files");
            return Err(LakeError::Format {
                path: folder.display().to_string(),
                reason,
            });
        }
    }
    Ok(())
}

async fn open_parquet(root: &Path, files: Vec<PathBuf>) -> Result<(u64, DataFrame), LakeError> {
    let partitions = partition_columns(root, &files[0]);
    let rows = tokio::task::spawn_blocking(move || {
        files.iter().try_fold(0u64, |rows, path| {
            let file = File::open(path).map_err(LakeError::io("open", path))?;
            let metadata = SerializedFileReader::new(file)?;
            Ok::<_, LakeError>(rows + metadata.metadata().file_metadata().num_rows().unsigned_abs())
        })
    })
    .await??;
    let options = ParquetReadOptions::default().table_partition_cols(partitions);
    Ok((rows, session().read_parquet(text_path(root)?, options).await?))
}

/// The `column=value` folders between `root` and a file, as text columns.
fn partition_columns(root: &Path, file: &Path) -> Vec<(String, DataType)> {
    let between = file.parent().and_then(|folder| folder.strip_prefix(root).ok());
    let parts = between.into_iter().flat_map(Path::components);
    parts
        .filter_map(|part| {
            part.as_os_str()
                .to_str()?
                .split_once('=')
                .map(|(column, _)| (column.to_owned(), DataType::Utf8))
        })
        .collect()
}

async fn open_csv(path: &Path, hint: Option<Schema>) -> Result<(Option<u64>, DataFrame), LakeError> {
    let file = path.to_path_buf();
    let (schema, rows) = tokio::task::spawn_blocking(move || {
        let open = || File::open(&file).map_err(LakeError::io("open", &file));
        let (guessed, _) = CsvFormat::default()
            .with_header(true)
            .infer_schema(BufReader::new(open()?), Some(CSV_GUESS_ROWS))
            .map_err(|error| without_values(DataFusionError::from(error).into(), &file, &Schema::empty()))?;
        let rows = guess_rows(open()?).map_err(LakeError::io("read", &file))?;
        Ok::<_, LakeError>((typed(&guessed, hint.as_ref()), rows))
    })
    .await??;
    let options = CsvReadOptions::new()
        .has_header(true)
        .schema(&schema)
        .newlines_in_values(true);
    Ok((Some(rows), session().read_csv(text_path(path)?, options).await?))
}

fn typed(guessed: &Schema, hint: Option<&Schema>) -> Schema {
    let fields = guessed.fields().iter().map(|field| {
        let known = hint.and_then(|hint| hint.field_with_name(field.name()).ok());
        let kind = match known.map(Field::data_type) {
            Some(kind) if kind.is_primitive() || matches!(kind, DataType::Utf8 | DataType::Boolean) => kind.clone(),
            // A column without any value has no type to guess.
            _ if *field.data_type() == DataType::Null => DataType::Utf8,
            _ => field.data_type().clone(),
        };
        Field::new(field.name(), kind, true)
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// Rows by the average length of the first lines after the header.
fn guess_rows(file: File) -> std::io::Result<u64> {
    let size = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(CSV_GUESS_BYTES, file);
    let header = reader.read_until(b'\n', &mut Vec::new())? as u64;
    let start = reader.fill_buf()?;
    let lines = start.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let (rest, seen) = (size.saturating_sub(header), start.len() as u64);
    Ok(if seen >= rest {
        lines + u64::from(start.last().is_some_and(|&byte| byte != b'\n'))
    } else {
        rest * lines / seen
    })
}

fn text_path(path: &Path) -> Result<String, LakeError> {
    let unreadable = || LakeError::Format {
        path: path.display().to_string(),
        reason: "the path is not UTF-8".to_owned(),
    };
    let url = if path.is_dir() {
        url::Url::from_directory_path(path)
    } else {
        url::Url::from_file_path(path)
    };
    url.map(String::from).map_err(|()| unreadable())
}
