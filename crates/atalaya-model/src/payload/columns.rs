//! Growing Arrow columns of a signature's types, fed cell by cell; every coercion of a payload value is here.

use std::cell::Cell;
use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow_buffer::{Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use base64::Engine;

use super::error::{PayloadError, ValueProblem};
use super::json::Token;
use super::limits::{MAX_CELLS, MAX_ROWS};
use super::number::{self, Number};
use crate::signature::{ColumnType, Signature};

/// Rows up to which the 8-byte columns share one buffer; more are worth one of their own each.
const SHARED_ROWS: usize = 64;
/// Columns that a thread keeps for its next request, and values that each keeps room for.
const SPARE_COLUMNS: usize = 1_024;
const SPARE_VALUES: usize = 1_024;

thread_local! {
    /// The columns of the thread's last request, empty, with their room: most requests are for the same few models.
    static SPARE: Cell<Vec<Column>> = const { Cell::new(Vec::new()) };
}

/// The columns of one request.
pub(super) struct Columns<'s> {
    pub(super) signature: &'s Signature,
    columns: Vec<Column>,
}

/// One growing column.
struct Column {
    values: Values,
    nulls: NullBufferBuilder,
}

enum Values {
    Long(Vec<i64>),
    Integer(Vec<i32>),
    Double(Vec<f64>),
    Float(Vec<f32>),
    Boolean(BooleanBufferBuilder),
    Datetime(Vec<i64>),
    String(Bytes),
    Binary(Bytes),
}

/// Bytes of all values and where each ends, behind a zero as soon as there is a value.
struct Bytes {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
}

impl<'s> Columns<'s> {
    pub(super) fn new(signature: &'s Signature) -> Self {
        let mut columns = SPARE.take();
        columns.truncate(signature.inputs().len());
        for (position, spec) in signature.inputs().iter().enumerate() {
            match columns.get_mut(position) {
                Some(column) if column.values.kind() == spec.kind => {}
                Some(column) => *column = Column::new(spec.kind),
                None => columns.push(Column::new(spec.kind)),
            }
        }
        Self { signature, columns }
    }

    /// Refuses a row or a value beyond the limits; called before each row, with the rows so far.
    pub(super) fn check_room(&self, rows: usize) -> Result<(), PayloadError> {
        if rows >= MAX_ROWS {
            return Err(PayloadError::too_many_rows());
        }
        if (rows + 1).saturating_mul(self.columns.len()) > MAX_CELLS {
            return Err(PayloadError::too_many_cells());
        }
        Ok(())
    }

    /// Values that column `position` has.
    pub(super) fn len(&self, position: usize) -> usize {
        self.columns[position].nulls.len()
    }

    /// Appends a JSON value to a column.
    pub(super) fn push(&mut self, position: usize, token: &Token<'_>) -> Result<(), PayloadError> {
        let column = &mut self.columns[position];
        let outcome = match token {
            Token::Number(number) => column.push_number(*number),
            Token::Text(text) => column.push_text(text),
            Token::Bool(value) => column.push_bool(*value),
            Token::Null => return self.push_missing(position),
            Token::Word(value) if value.is_nan() => return self.push_missing(position),
            Token::Word(value) => column.push_infinity(*value),
            Token::Nested => Err(ValueProblem::Nested),
        };
        outcome.map_err(|problem| self.value_error(position, problem))
    }

    /// Appends a CSV field to a column; an empty one is a missing value.
    pub(super) fn push_field(&mut self, position: usize, field: &str) -> Result<(), PayloadError> {
        if field.is_empty() {
            return self.push_missing(position);
        }
        let column = &mut self.columns[position];
        let outcome = match (&column.values, field) {
            (Values::Boolean(_), "true" | "True" | "TRUE" | "1") => column.push_bool(true),
            (Values::Boolean(_), "false" | "False" | "FALSE" | "0") => column.push_bool(false),
            _ => column.push_text(field),
        };
        outcome.map_err(|problem| self.value_error(position, problem))
    }

    /// Appends a missing value to a column that may have one.
    pub(super) fn push_missing(&mut self, position: usize) -> Result<(), PayloadError> {
        let spec = &self.signature.inputs()[position];
        if !spec.nullable() {
            let (column, expected) = (spec.name.clone(), spec.kind);
            return Err(PayloadError::MissingValue {
                column,
                row: self.len(position),
                expected,
            });
        }
        self.push_null(position);
        Ok(())
    }

    /// Appends a null, whether the column may have one or not; for rows whose error is decided later.
    pub(super) fn push_null(&mut self, position: usize) {
        self.columns[position].push_null();
    }

    #[cold]
    fn value_error(&self, position: usize, problem: ValueProblem) -> PayloadError {
        let spec = &self.signature.inputs()[position];
        PayloadError::Value {
            column: spec.name.clone(),
            row: self.len(position),
            expected: spec.kind,
            problem,
        }
    }

    /// The batch of `rows` rows. Every column has that many values, and nulls only where it may.
    pub(super) fn finish(mut self, rows: usize) -> RecordBatch {
        let arrays = if rows <= SHARED_ROWS {
            self.share(rows)
        } else {
            self.columns.iter_mut().map(Column::finish).collect()
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.signature.arrow_schema(), arrays, &options)
            .expect("the columns have the schema's types, one length, and nulls only where it allows them")
    }

    /// The arrays, with all 8-byte values in one buffer, which costs two allocations instead of two for each column.
    fn share(&mut self, rows: usize) -> Vec<ArrayRef> {
        let mut words: Vec<u64> = Vec::with_capacity(rows * self.columns.len());
        for column in &mut self.columns {
            match &mut column.values {
                Values::Long(values) | Values::Datetime(values) => {
                    words.extend(values.drain(..).map(i64::cast_unsigned));
                }
                Values::Double(values) => words.extend(values.drain(..).map(f64::to_bits)),
                _ => {}
            }
        }
        let words = Buffer::from_vec(words);
        let mut used = 0;
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            let kind = column.values.kind();
            let array = match kind {
                ColumnType::Long => shared::<Int64Type>,
                ColumnType::Double => shared::<Float64Type>,
                ColumnType::Datetime => shared::<TimestampMicrosecondType>,
                _ => {
                    arrays.push(column.finish());
                    continue;
                }
            };
            arrays.push(array(&words, used, rows, column.nulls.finish()));
            used += rows;
        }
        arrays
    }
}

impl Drop for Columns<'_> {
    fn drop(&mut self) {
        if self.columns.len() <= SPARE_COLUMNS {
            self.columns.iter_mut().for_each(Column::clear);
            SPARE.set(std::mem::take(&mut self.columns));
        }
    }
}

impl Values {
    fn kind(&self) -> ColumnType {
        match self {
            Self::Long(_) => ColumnType::Long,
            Self::Integer(_) => ColumnType::Integer,
            Self::Double(_) => ColumnType::Double,
            Self::Float(_) => ColumnType::Float,
            Self::Boolean(_) => ColumnType::Boolean,
            Self::Datetime(_) => ColumnType::Datetime,
            Self::String(_) => ColumnType::String,
            Self::Binary(_) => ColumnType::Binary,
        }
    }
}

impl Column {
    fn new(kind: ColumnType) -> Self {
        let values = match kind {
            ColumnType::Long => Values::Long(Vec::new()),
            ColumnType::Integer => Values::Integer(Vec::new()),
            ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::Float => Values::Float(Vec::new()),
            ColumnType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::Datetime => Values::Datetime(Vec::new()),
            ColumnType::String => Values::String(Bytes::new()),
            ColumnType::Binary => Values::Binary(Bytes::new()),
        };
        Self {
            values,
            nulls: NullBufferBuilder::new(0),
        }
    }

    fn push_null(&mut self) {
        match &mut self.values {
            Values::Long(values) | Values::Datetime(values) => values.push(0),
            Values::Integer(values) => values.push(0),
            // What pandas has there; see `Signature::arrow_schema`.
            Values::Double(values) => values.push(f64::NAN),
            Values::Float(values) => values.push(f32::NAN),
            Values::Boolean(values) => values.append(false),
            Values::String(bytes) | Values::Binary(bytes) => bytes.close(),
        }
        self.nulls.append_null();
    }

    #[inline]
    fn push_number(&mut self, number: Number<'_>) -> Result<(), ValueProblem> {
        match &mut self.values {
            Values::Long(values) => values.push(number::to_i64(number)?),
            Values::Integer(values) => values.push(number::to_i32(number)?),
            Values::Double(values) => values.push(number::to_f64(number)?),
            Values::Float(values) => values.push(number::to_f32(number)?),
            Values::Boolean(values) => match number::to_i64(number) {
                Ok(0) => values.append(false),
                Ok(1) => values.append(true),
                _ => return Err(ValueProblem::Number),
            },
            // As pandas' `to_datetime`, and so MLflow, reads a bare number.
            Values::Datetime(values) => values.push(from_nanoseconds(number::to_i64(number)?)?),
            Values::String(_) | Values::Binary(_) => return Err(ValueProblem::Number),
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_infinity(&mut self, value: f64) -> Result<(), ValueProblem> {
        match &mut self.values {
            Values::Double(values) => values.push(value),
            Values::Float(values) => values.push(value as f32),
            Values::Long(_) | Values::Integer(_) => return Err(ValueProblem::Range),
            _ => return Err(ValueProblem::Number),
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_text(&mut self, text: &str) -> Result<(), ValueProblem> {
        match &mut self.values {
            Values::Long(_) | Values::Integer(_) | Values::Double(_) | Values::Float(_) => {
                return self.push_number(number::decimal(text).ok_or(ValueProblem::Text)?);
            }
            Values::Boolean(_) => return Err(ValueProblem::Text),
            Values::Datetime(values) => values.push(microseconds(text)?),
            Values::String(bytes) => bytes.push(text.as_bytes()),
            Values::Binary(bytes) => {
                let engine = &base64::engine::general_purpose::STANDARD;
                // MLflow's clients write lines of 76 characters.
                let text: String = text.split(['\n', '\r']).collect();
                bytes.push(&engine.decode(text).map_err(|_| ValueProblem::Base64)?);
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_bool(&mut self, value: bool) -> Result<(), ValueProblem> {
        match &mut self.values {
            Values::Boolean(values) => values.append(value),
            _ => return Err(ValueProblem::Boolean),
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// The array of what was pushed; the column is empty afterwards.
    fn finish(&mut self) -> ArrayRef {
        let nulls = self.nulls.finish();
        match &mut self.values {
            Values::Long(values) => primitive::<Int64Type>(values, nulls),
            Values::Integer(values) => primitive::<Int32Type>(values, nulls),
            Values::Double(values) => primitive::<Float64Type>(values, nulls),
            Values::Float(values) => primitive::<Float32Type>(values, nulls),
            Values::Datetime(values) => primitive::<TimestampMicrosecondType>(values, nulls),
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::String(bytes) => {
                let (offsets, values) = bytes.finish();
                Arc::new(StringArray::new(offsets, values, nulls))
            }
            Values::Binary(bytes) => {
                let (offsets, values) = bytes.finish();
                Arc::new(BinaryArray::new(offsets, values, nulls))
            }
        }
    }

    /// Forgets what was pushed, and keeps a little room.
    fn clear(&mut self) {
        if !self.nulls.is_empty() {
            self.nulls = NullBufferBuilder::new(0);
        }
        match &mut self.values {
            Values::Long(values) | Values::Datetime(values) => empty(values),
            Values::Integer(values) => empty(values),
            Values::Double(values) => empty(values),
            Values::Float(values) => empty(values),
            Values::Boolean(values) if values.is_empty() => {}
            Values::Boolean(values) => *values = BooleanBufferBuilder::new(0),
            Values::String(bytes) | Values::Binary(bytes) => {
                empty(&mut bytes.bytes);
                empty(&mut bytes.offsets);
            }
        }
    }
}

fn empty<T>(values: &mut Vec<T>) {
    values.clear();
    if values.capacity() > SPARE_VALUES {
        *values = Vec::new();
    }
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    let values = ScalarBuffer::from(std::mem::take(values));
    Arc::new(PrimitiveArray::<T>::new(values, nulls))
}

/// The array of `rows` 8-byte values of `words` from `start` on.
fn shared<T: ArrowPrimitiveType>(words: &Buffer, start: usize, rows: usize, nulls: Option<NullBuffer>) -> ArrayRef {
    let values = ScalarBuffer::new(words.clone(), start, rows);
    Arc::new(PrimitiveArray::<T>::new(values, nulls))
}

impl Bytes {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            offsets: Vec::new(),
        }
    }

    fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.close();
    }

    /// Ends the present value.
    fn close(&mut self) {
        let end = i32::try_from(self.bytes.len()).expect("`decode` refuses bodies of 2 GiB and more");
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        self.offsets.push(end);
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        (
            OffsetBuffer::new(ScalarBuffer::from(std::mem::take(&mut self.offsets))),
            Buffer::from_vec(std::mem::take(&mut self.bytes)),
        )
    }
}

/// Microseconds since 1970 in UTC of an ISO 8601 text; one without a zone is taken as UTC.
pub(super) fn microseconds(text: &str) -> Result<i64, ValueProblem> {
    from_nanoseconds(arrow_cast::parse::string_to_timestamp_nanos(text).map_err(|_| ValueProblem::Datetime)?)
}

/// Nanoseconds since 1970 as microseconds, when there are none below.
fn from_nanoseconds(nanoseconds: i64) -> Result<i64, ValueProblem> {
    if nanoseconds % 1_000 == 0 {
        Ok(nanoseconds / 1_000)
    } else {
        Err(ValueProblem::Datetime)
    }
}
