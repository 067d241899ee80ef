//! Declared input, output and params schema of a model, as in `MLmodel`; enforcing it before scoring.
//!
//! Inputs are always columns: an unnamed tensor `[-1, n]` becomes `n` columns called `0` … `n-1`, in which
//! the position decides and not the name ([`Signature::positional`]).

mod enforce;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Most input columns a signature may have; wider frames belong into one vector column, which no native flavor reads.
pub const MAX_COLUMNS: usize = 10_000;
/// Longest column name, in bytes.
pub const MAX_NAME_BYTES: usize = 1_024;

/// The type of a column, as MLflow names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// 64-bit integer.
    Long,
    /// 32-bit integer.
    Integer,
    /// 64-bit float.
    Double,
    /// 32-bit float.
    Float,
    /// True or false.
    Boolean,
    /// Text.
    String,
    /// A point in time, without a zone, read as UTC; microseconds.
    Datetime,
    /// Bytes; base64 text in payloads.
    Binary,
}

impl ColumnType {
    /// MLflow's word for the type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Datetime => "datetime",
            Self::Binary => "binary",
        }
    }

    /// The type that MLflow's word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "long" => Self::Long,
            "integer" => Self::Integer,
            "double" => Self::Double,
            "float" => Self::Float,
            "boolean" => Self::Boolean,
            "string" => Self::String,
            "datetime" => Self::Datetime,
            "binary" => Self::Binary,
            _ => return None,
        })
    }

    /// The Arrow type of such a column in every batch that reaches a predictor.
    #[must_use]
    pub fn arrow_type(self) -> DataType {
        match self {
            Self::Long => DataType::Int64,
            Self::Integer => DataType::Int32,
            Self::Double => DataType::Float64,
            Self::Float => DataType::Float32,
            Self::Boolean => DataType::Boolean,
            Self::String => DataType::Utf8,
            Self::Datetime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Binary => DataType::Binary,
        }
    }

    /// Whether the type has its own way to say "missing" (NaN, NaT, None in pandas), so that even a required
    /// column takes a null and the model decides. The others refuse one, as MLflow does for integers.
    #[must_use]
    pub fn has_missing(self) -> bool {
        match self {
            Self::Double | Self::Float | Self::String | Self::Datetime => true,
            Self::Long | Self::Integer | Self::Boolean | Self::Binary => false,
        }
    }
}

/// One input column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name; unique within a signature.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it must be there. An optional column that is absent is filled with nulls.
    pub required: bool,
}

impl ColumnSpec {
    /// A required column.
    pub fn required(name: impl Into<String>, kind: ColumnType) -> Self {
        Self {
            name: name.into(),
            kind,
            required: true,
        }
    }

    /// Whether a null may stand in the column.
    #[must_use]
    pub fn nullable(&self) -> bool {
        !self.required || self.kind.has_missing()
    }
}

/// One declared output: documentation for the caller, nothing is enforced on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// Its name, when it has one.
    pub name: Option<String>,
    /// MLflow's type word, or the numpy dtype of a tensor.
    pub dtype: String,
    /// The tensor's shape, -1 for the rows; empty for a column.
    pub shape: Vec<i64>,
}

/// One declared inference parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// MLflow's type word.
    pub dtype: String,
    /// Its default value, as JSON text.
    pub default: String,
    /// Whether it is a list of values of that type: MLflow's shape `[-1]`.
    pub list: bool,
}

/// What a model declares about its inputs and outputs.
#[derive(Debug, Clone)]
pub struct Signature {
    inputs: Vec<ColumnSpec>,
    outputs: Vec<OutputSpec>,
    params: Vec<ParamSpec>,
    positional: bool,
    schema: SchemaRef,
    index: HashMap<Box<str>, usize>,
}

/// Why a signature cannot be used, or a batch does not fit it. Names columns of the signature, never a value.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SignatureError {
    /// The JSON text of the declaration cannot be read.
    #[error("the signature's `{part}` is not the JSON that MLflow writes: {problem} at line {line} column {column}")]
    Json {
        /// `inputs`, `outputs` or `params`.
        part: &'static str,
        /// What is wrong, without any of the text.
        problem: &'static str,
        /// Line within the JSON text, from 1.
        line: usize,
        /// Column within the line, from 1.
        column: usize,
    },
    /// The declaration says something that no native predictor takes.
    #[error("the signature's input {position} cannot be read as columns: {reason}")]
    Unsupported {
        /// Which input, from 0.
        position: usize,
        /// Why.
        reason: &'static str,
    },
    /// Two inputs have one name, or a name is empty or longer than [`MAX_NAME_BYTES`].
    #[error("the signature's input {position} has an empty, too long or repeated name")]
    Name {
        /// Which input, from 0.
        position: usize,
    },
    /// More than [`MAX_COLUMNS`] inputs.
    #[error("the signature has more than {MAX_COLUMNS} inputs")]
    TooWide,
    /// Required columns are not in the batch.
    #[error("required columns are missing: {}{}", name_list(.columns), did_you_mean(.close.as_deref()))]
    Missing {
        /// The columns' names.
        columns: Vec<String>,
        /// The missing column that a column of the batch is called almost like.
        close: Option<String>,
    },
    /// A positional signature got another number of columns.
    #[error("expected {expected} columns, found {found}")]
    Width {
        /// Columns of the signature.
        expected: usize,
        /// Columns of the batch.
        found: usize,
    },
    /// A column has an Arrow type that never fits.
    #[error("column `{}` is declared `{}`; {found} cannot be taken for it without changing values", clip(.column), .expected.as_str())]
    Type {
        /// The column.
        column: String,
        /// The declared type.
        expected: ColumnType,
        /// The batch's Arrow type.
        found: DataType,
    },
    /// A value of the column would have to be changed to fit.
    #[error("column `{}` has a value in row {row} that is not exactly a `{}`", clip(.column), .expected.as_str())]
    Inexact {
        /// The column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
        /// The declared type.
        expected: ColumnType,
    },
    /// A null stands where the type has none.
    #[error("column `{}` has a missing value in row {row}; a required `{}` takes none", clip(.column), .expected.as_str())]
    Null {
        /// The column.
        column: String,
        /// Row of the batch, from 0.
        row: usize,
        /// The declared type.
        expected: ColumnType,
    },
}

impl Signature {
    /// A signature over named columns.
    ///
    /// # Errors
    /// [`SignatureError::TooWide`] and [`SignatureError::Name`].
    pub fn new(
        inputs: Vec<ColumnSpec>,
        outputs: Vec<OutputSpec>,
        params: Vec<ParamSpec>,
    ) -> Result<Self, SignatureError> {
        Self::build(inputs, outputs, params, false)
    }

    /// Required `double` columns with these names: what a model fitted on a frame asks for when `MLmodel` declares nothing.
    ///
    /// # Errors
    /// As [`Signature::new`].
    pub fn of_doubles(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, SignatureError> {
        let inputs = names.into_iter().take(MAX_COLUMNS + 1);
        let inputs = inputs
            .map(|name| ColumnSpec::required(name, ColumnType::Double))
            .collect();
        Self::build(inputs, Vec::new(), Vec::new(), false)
    }

    /// `width` required columns without names, called `0`, `1`, …: what a model fitted on an array asks for.
    ///
    /// # Errors
    /// [`SignatureError::TooWide`].
    pub fn of_array(kind: ColumnType, width: usize) -> Result<Self, SignatureError> {
        if width > MAX_COLUMNS {
            return Err(SignatureError::TooWide);
        }
        let inputs = (0..width).map(|i| ColumnSpec::required(i.to_string(), kind)).collect();
        Self::build(inputs, Vec::new(), Vec::new(), true)
    }

    /// Reads the three JSON texts of an `MLmodel` file's `signature`.
    ///
    /// # Errors
    /// [`SignatureError::Json`] for text that is not MLflow's, [`SignatureError::Unsupported`] for inputs that are no
    /// columns (nested objects, tensors of more than two dimensions).
    pub fn parse(inputs: &str, outputs: Option<&str>, params: Option<&str>) -> Result<Self, SignatureError> {
        wire::parse(inputs, outputs, params)
    }

    fn build(
        inputs: Vec<ColumnSpec>,
        outputs: Vec<OutputSpec>,
        params: Vec<ParamSpec>,
        positional: bool,
    ) -> Result<Self, SignatureError> {
        if inputs.len() > MAX_COLUMNS {
            return Err(SignatureError::TooWide);
        }
        let mut index = HashMap::with_capacity(inputs.len());
        for (position, column) in inputs.iter().enumerate() {
            let usable = !column.name.is_empty() && column.name.len() <= MAX_NAME_BYTES;
            if !usable || index.insert(column.name.as_str().into(), position).is_some() {
                return Err(SignatureError::Name { position });
            }
        }
        let fields = inputs
            .iter()
            .map(|column| Field::new(&column.name, column.kind.arrow_type(), column.nullable()));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Self {
            inputs,
            outputs,
            params,
            positional,
            schema,
            index,
        })
    }

    /// The input columns, in the order a predictor gets them.
    #[must_use]
    pub fn inputs(&self) -> &[ColumnSpec] {
        &self.inputs
    }

    /// The declared outputs.
    #[must_use]
    pub fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    /// The declared inference parameters.
    #[must_use]
    pub fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    /// Whether the columns have no names of their own (a tensor), so that the position decides.
    #[must_use]
    pub fn positional(&self) -> bool {
        self.positional
    }

    /// The schema of every batch that reaches a predictor: these columns, this order, [`ColumnType::arrow_type`].
    ///
    /// Float columns are nullable; under a null of theirs stands NaN, so that reading the values alone gives
    /// pandas' view of them.
    #[must_use]
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The position of the input called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// As [`Signature::position`]; looks at `guess` first, which costs one comparison when it is right.
    #[inline]
    pub(crate) fn position_near(&self, name: &str, guess: usize) -> Option<usize> {
        match self.inputs.get(guess) {
            Some(column) if column.name == name => Some(guess),
            _ => self.position(name),
        }
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        // `schema` and `index` follow from the inputs.
        self.inputs == other.inputs
            && self.outputs == other.outputs
            && self.params == other.params
            && self.positional == other.positional
    }
}

/// How many names an error text lists, and how many bytes of each.
const NAMES_LISTED: usize = 5;
const NAME_BYTES_SHOWN: usize = 64;

/// A column's name for an error text: cut, and without control characters, since the text ends in logs and replies.
pub(crate) fn clip(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if text.len() + c.len_utf8() > NAME_BYTES_SHOWN {
            text.push('…');
            break;
        }
        text.push(if c.is_control() || c == '`' { '\u{fffd}' } else { c });
    }
    text
}

/// The one of `names` that `given` most likely stands for: equal but for case, spaces and punctuation, or with a typing
/// error or two; the first of several. Only a bounded number of names is compared, and of a bounded length.
pub(crate) fn closest<'n>(names: impl Iterator<Item = &'n str>, given: &str) -> Option<&'n str> {
    const MAX_NAMES: usize = 1_000;
    const MAX_BYTES: usize = 64;
    if given.len() > MAX_BYTES {
        return None;
    }
    let plain = |name: &str| -> Vec<char> {
        let kept = name.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(given);
    let names = names.take(MAX_NAMES).filter(|name| name.len() <= MAX_BYTES);
    names
        .map(|name| (distance(&plain(name), &wanted), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance == 0 || *distance * 4 <= name.chars().count().min(8))
        .map(|(_, name)| name)
}

/// Levenshtein's distance: insertions, deletions and replacements from one text to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The hint that a name was almost right.
pub(crate) fn did_you_mean(close: Option<&str>) -> String {
    close.map_or_else(String::new, |name| {
        format!("; one is there that is almost so: did you mean `{}`?", clip(name))
    })
}

/// "`a`, `b` and 3 more".
pub(crate) fn name_list(names: &[String]) -> String {
    let listed = names.iter().take(NAMES_LISTED).map(|name| format!("`{}`", clip(name)));
    let mut text = listed.collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_LISTED {
        text.push_str(&format!(" and {} more", names.len() - NAMES_LISTED));
    }
    text
}
