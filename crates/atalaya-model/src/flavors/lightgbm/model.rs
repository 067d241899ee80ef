//! A Booster with its Python face: a batch in, what `Booster.predict` gives out.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float64Array, RecordBatch};
use arrow_schema::FieldRef;

use super::booster::{Booster, Columns};
use super::input::Input;
use crate::predictor::{Method, PredictError, Predictions, Predictor};
use crate::signature::Signature;

/// A Booster, compiled.
#[derive(Debug)]
pub struct LightgbmModel {
    pub(super) signature: Signature,
    pub(super) input: Input,
    pub(super) booster: Booster,
    /// What `predict` gives.
    pub(super) served: Method,
    /// The field of lists of doubles, shared by all answers.
    pub(super) numbers: FieldRef,
}

impl LightgbmModel {
    /// What a Booster answers.
    pub(super) const METHODS: [Method; 2] = [Method::Predict, Method::Margin];

    fn list(&self, values: Vec<f64>) -> ArrayRef {
        let values = Arc::new(Float64Array::from(values));
        match i32::try_from(self.booster.outputs) {
            Ok(width) if width > 1 => Arc::new(FixedSizeListArray::new(Arc::clone(&self.numbers), width, values, None)),
            _ => values,
        }
    }
}

impl Predictor for LightgbmModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        Ok(Predictions {
            values: self.call(self.served, batch)?,
            probabilities: None,
        })
    }

    fn methods(&self) -> Vec<Method> {
        Self::METHODS.to_vec()
    }

    fn call(&self, method: Method, batch: &RecordBatch) -> Result<ArrayRef, PredictError> {
        if !Self::METHODS.contains(&method) {
            return Err(PredictError::Method { method });
        }
        let columns = self.input.read(batch)?;
        let columns: Vec<&[f64]> = columns.iter().map(Cow::as_ref).collect();
        let scores = self.booster.scores(Columns::Columns(&columns, batch.num_rows()));
        Ok(self.list(match method {
            Method::Margin => scores,
            _ => self.booster.predictions(scores),
        }))
    }
}
