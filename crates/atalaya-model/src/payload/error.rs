//! Why a request body is refused: kinds that a server maps to status and code, texts that never repeat the body.
//!
//! Every text is at most [`MAX_ERROR_BYTES`] long. Only names that stand in the signature, or that this API itself
//! defines, appear in one.

use super::limits;
use crate::signature::{ColumnType, clip, did_you_mean, name_list};

/// Longest error text.
pub const MAX_ERROR_BYTES: usize = 512;

/// The fields of which a JSON body has exactly one.
pub(super) const ACCEPTED: &str = "`dataframe_records`, `dataframe_split`, `instances` or `inputs`";

/// Why a `Content-Type` is not accepted; a server answers 415.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ContentTypeError {
    /// Neither JSON nor CSV, or not a media type at all.
    #[error("the content type is not accepted; send `application/json` or `text/csv`")]
    MediaType,
    /// A `charset` other than UTF-8.
    #[error("the content type's charset is not accepted; send `utf-8`")]
    Charset,
    /// A parameter that is not `charset`.
    #[error("the content type has a parameter that is not accepted; only `charset` is")]
    Parameter,
}

/// Why a body is refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum PayloadError {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8 text (at byte {offset})")]
    NotText {
        /// The first byte that does not fit, from 0.
        offset: usize,
    },
    /// The body is not JSON.
    #[error("the body is not valid JSON: {problem} at line {line} column {column}")]
    Json {
        /// What is wrong.
        problem: &'static str,
        /// Line, from 1.
        line: usize,
        /// Byte within the line, from 1.
        column: usize,
    },
    /// `NaN`, `Infinity` or `-Infinity` stands in the body.
    #[error("`NaN` and `Infinity` are not JSON (at line {line} column {column}); send `null` for a missing value")]
    NanLiteral {
        /// Line, from 1.
        line: usize,
        /// Byte within the line, from 1.
        column: usize,
    },
    /// The body is not CSV.
    #[error("the body is not valid CSV: {problem} in record {record}")]
    Csv {
        /// What is wrong.
        problem: &'static str,
        /// The record, from 0 for the header.
        record: usize,
    },
    /// The top level is not an object.
    #[error("the body must be a JSON object with exactly one of {ACCEPTED}")]
    NotAnObject,
    /// None of the accepted fields is there.
    #[error("the body has no rows: send exactly one of {ACCEPTED}")]
    NoShape,
    /// Several of the accepted fields are there.
    #[error("the body has more than one of {ACCEPTED}: send exactly one")]
    SeveralShapes,
    /// A field of the API has another type than it should.
    #[error("`{field}` must be {expected}")]
    Field {
        /// The field, as the API calls it.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A field of the API stands twice at top level, or in `dataframe_split`.
    #[error("`{field}` stands twice")]
    DuplicateField {
        /// The field, as the API calls it, or `a field` where the body made it up.
        field: &'static str,
    },
    /// A column stands twice in one record, or in a list of columns.
    #[error("{} stands twice{}", column_or_unknown(.column.as_deref()), in_row(*.row))]
    DuplicateColumn {
        /// The column, when the signature has it.
        column: Option<String>,
        /// The row, from 0, where the body has records.
        row: Option<usize>,
    },
    /// A value does not fit its column.
    #[error("column `{}` is declared `{}`: {problem} in row {row}", clip(.column), .expected.as_str())]
    Value {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// The declared type.
        expected: ColumnType,
        /// What stands there instead.
        problem: ValueProblem,
    },
    /// A missing value stands where the type has none.
    #[error("column `{}` has a missing value in row {row}; a required `{}` takes none", clip(.column), .expected.as_str())]
    MissingValue {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// The declared type.
        expected: ColumnType,
    },
    /// Required columns are not there.
    #[error("required columns are missing: {}{}", typed_list(.columns, .expected), did_you_mean(.close.as_deref()))]
    MissingColumns {
        /// Their names.
        columns: Vec<String>,
        /// Their declared types.
        expected: Vec<ColumnType>,
        /// The missing column that a column of the body is called almost like.
        close: Option<String>,
    },
    /// `params` has a value that is not of the declared type.
    #[error("param `{}` is declared `{}`: {problem}", clip(.param), clip(.expected))]
    Param {
        /// The param.
        param: String,
        /// MLflow's word for its type.
        expected: String,
        /// What is wrong with its value.
        problem: ParamProblem,
    },
    /// `params` has a name that the model does not declare. (MLflow's scorer drops it and writes a warning.)
    #[error("`params` has a name that the model does not declare; {}", close_or_all(.close.as_deref(), .declared))]
    UnknownParam {
        /// The names that it declares.
        declared: Vec<String>,
        /// The declared name that the unknown one is almost like.
        close: Option<String>,
    },
    /// A list of column names is longer or shorter than a positional signature.
    #[error("`{field}` has {found} columns; the model takes {expected}")]
    Width {
        /// What lists the columns.
        field: &'static str,
        /// Columns of the signature.
        expected: usize,
        /// Columns of the body.
        found: usize,
    },
    /// There is not a single row.
    #[error("`{field}` has no rows")]
    NoRows {
        /// The field.
        field: &'static str,
    },
    /// A row has another number of values than there are columns.
    #[error("row {row} has {found} values; expected {expected}")]
    Ragged {
        /// The row, from 0.
        row: usize,
        /// The number of columns.
        expected: usize,
        /// The number of values; counting stops one above the limit.
        found: usize,
    },
    /// A column of `inputs` has another number of values than the ones before.
    #[error("column `{}` has {found} values; the columns before have {expected}", clip(.column))]
    Uneven {
        /// The column.
        column: String,
        /// Values of the columns before.
        expected: usize,
        /// Values of this one.
        found: usize,
    },
    /// Something is beyond a limit of [`limits`].
    #[error("the body has more than {limit} {what}")]
    TooMany {
        /// What is too many or too long.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// What stands in a column instead of a value of its type.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ValueProblem {
    /// Text that is not a number.
    #[error("text stands")]
    Text,
    /// `true` or `false` in a column that is not boolean.
    #[error("a boolean stands")]
    Boolean,
    /// A number in a column that takes none.
    #[error("a number stands")]
    Number,
    /// A list or an object.
    #[error("a list or an object stands")]
    Nested,
    /// A number with a fractional part in an integer column. MLflow's scorer cuts it off silently.
    #[error("a number with a fraction stands, which would be cut off")]
    Fraction,
    /// A number beyond the type's range.
    #[error("a number beyond the type's range stands")]
    Range,
    /// An integer that a float of this width can only hold rounded.
    #[error("an integer that the type cannot hold exactly stands")]
    Inexact,
    /// Text that is not an ISO 8601 date and time within 1677–2262, or has digits below a microsecond.
    #[error("text that is no ISO 8601 date and time stands")]
    Datetime,
    /// Text that is not base64.
    #[error("text that is not base64 stands")]
    Base64,
}

/// What is wrong with a value of `params`.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ParamProblem {
    /// A value of another type, or one that this type cannot hold.
    #[error("a value stands that is not of this type")]
    Type,
    /// No list, where the shape is `[-1]`.
    #[error("it must be a list of such values")]
    NoList,
    /// No JSON object, where the type is `object`.
    #[error("it must be a JSON object")]
    NoObject,
    /// The same name again.
    #[error("it stands twice")]
    Twice,
    /// The model's own default is not of the declared type.
    #[error("the model's default is not of this type; send a value")]
    Default,
}

impl PayloadError {
    /// Whether the body was understood but does not fit the model's signature (MLflow's `INVALID_PARAMETER_VALUE`);
    /// otherwise it is a `BAD_REQUEST`.
    #[must_use]
    pub fn is_invalid_parameter(&self) -> bool {
        match self {
            Self::MissingColumns { .. }
            | Self::Param { .. }
            | Self::UnknownParam { .. }
            | Self::Width { .. }
            | Self::NoRows { .. } => true,
            Self::NotText { .. }
            | Self::Json { .. }
            | Self::NanLiteral { .. }
            | Self::Csv { .. }
            | Self::NotAnObject
            | Self::NoShape
            | Self::SeveralShapes
            | Self::Field { .. }
            | Self::DuplicateField { .. }
            | Self::DuplicateColumn { .. }
            | Self::Value { .. }
            | Self::MissingValue { .. }
            | Self::Ragged { .. }
            | Self::Uneven { .. }
            | Self::TooMany { .. } => false,
        }
    }

    pub(super) fn too_many_rows() -> Self {
        Self::TooMany {
            what: "rows",
            limit: limits::MAX_ROWS,
        }
    }

    pub(super) fn too_many_cells() -> Self {
        Self::TooMany {
            what: "values",
            limit: limits::MAX_CELLS,
        }
    }

    pub(super) fn too_many_fields() -> Self {
        Self::TooMany {
            what: "fields in one object",
            limit: limits::MAX_FIELDS,
        }
    }
}

/// How many names an error text lists with their types.
const TYPED_LISTED: usize = 4;

/// "`a` (double), `b` (long) and 3 more".
fn typed_list(names: &[String], kinds: &[ColumnType]) -> String {
    let typed = names.iter().zip(kinds).take(TYPED_LISTED);
    let typed = typed.map(|(name, kind)| format!("`{}` ({})", clip(name), kind.as_str()));
    let mut text = typed.collect::<Vec<_>>().join(", ");
    if names.len() > TYPED_LISTED {
        text.push_str(&format!(" and {} more", names.len() - TYPED_LISTED));
    }
    text
}

fn close_or_all(close: Option<&str>, declared: &[String]) -> String {
    close.map_or_else(
        || format!("it takes {}", name_list(declared)),
        |name| format!("did you mean `{}`?", clip(name)),
    )
}

fn column_or_unknown(column: Option<&str>) -> String {
    column.map_or_else(
        || "a column that the signature does not have".to_owned(),
        |name| format!("column `{}`", clip(name)),
    )
}

fn in_row(row: Option<usize>) -> String {
    row.map_or_else(String::new, |row| format!(" in row {row}"))
}
