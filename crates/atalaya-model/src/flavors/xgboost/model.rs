//! A Booster with one of its Python faces: a batch in, what that face's methods give out.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef};

use super::compiled::{Columns, Compiled};
use super::input::Input;
use super::objective::Link;
use crate::predictor::{Method, PredictError, Predictions, Predictor};
use crate::signature::Signature;

/// The class that `model_class` of `MLmodel` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Booster,
    Classifier,
    /// Regressors, rankers and `XGBModel` itself.
    Regressor,
}

/// An XGBoost model, compiled.
#[derive(Debug)]
pub struct XgboostModel {
    pub(super) signature: Signature,
    pub(super) input: Input,
    pub(super) compiled: Compiled,
    pub(super) class: Class,
    /// What `predict` gives.
    pub(super) served: Method,
    /// The field of lists of doubles, shared by all answers.
    pub(super) numbers: FieldRef,
}

/// Numbers, `width` per row when Python gives a row of them.
#[derive(Debug)]
pub(in crate::flavors) struct Rows<T> {
    pub(in crate::flavors) values: Vec<T>,
    pub(in crate::flavors) width: Option<usize>,
}

/// What a classifier's `predict` gives.
#[derive(Debug)]
pub(in crate::flavors) enum Decision {
    /// The class of each row.
    Classes(Vec<usize>),
    /// For several labels 0 or 1 each, as doubles.
    Labels(Rows<f64>),
}

impl Compiled {
    /// What `Booster.predict` gives.
    pub(in crate::flavors) fn values(&self, margins: Vec<f32>) -> Rows<f32> {
        let width = self.objective.width(self.groups);
        Rows {
            values: self.objective.answers(margins, self.groups),
            width: (width > 1).then_some(width),
        }
    }

    /// The margins themselves.
    pub(in crate::flavors) fn raw(&self, margins: Vec<f32>) -> Rows<f32> {
        Rows {
            values: margins,
            width: (self.groups > 1).then_some(self.groups),
        }
    }

    /// How many classes a classifier has, when it has one set of them.
    pub(in crate::flavors) fn class_count(&self) -> Option<usize> {
        (self.classes > 0 || self.groups == 1).then_some(self.classes.max(2))
    }

    /// What `XGBClassifier.predict` makes of [`Compiled::values`].
    pub(in crate::flavors) fn decide(&self, values: &Rows<f32>) -> Decision {
        match values.width {
            Some(width) if self.classes.max(2) != 2 => {
                Decision::Classes(values.values.chunks_exact(width).map(argmax).collect())
            }
            Some(width) => Decision::Labels(Rows {
                values: values.values.iter().map(|p| f64::from(u8::from(*p > 0.5))).collect(),
                width: Some(width),
            }),
            None if self.objective.link == Link::Argmax =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a class's number"
                )]
                Decision::Classes(values.values.iter().map(|class| *class as usize).collect())
            }
            None => Decision::Classes(values.values.iter().map(|p| usize::from(*p > 0.5)).collect()),
        }
    }

    /// What `XGBClassifier.predict_proba` makes of [`Compiled::values`], and for `multi:softmax` of the margins.
    pub(in crate::flavors) fn probabilities(&self, values: &Rows<f32>, margins: Option<Vec<f32>>) -> Rows<f32> {
        match (margins, values.width) {
            (Some(mut margins), _) => {
                margins.chunks_exact_mut(self.groups).for_each(softmax);
                Rows {
                    values: margins,
                    width: Some(self.groups),
                }
            }
            (None, Some(width)) => Rows {
                values: values.values.clone(),
                width: Some(width),
            },
            (None, None) => Rows {
                values: values.values.iter().flat_map(|p| [1.0 - *p, *p]).collect(),
                width: Some(2),
            },
        }
    }

    /// Whether [`Compiled::probabilities`] needs the margins.
    pub(in crate::flavors) fn probabilities_of_margins(&self) -> bool {
        self.objective.link == Link::Argmax
    }
}

/// `numpy.argmax`: the first largest, or the first NaN.
fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (position, value) in row.iter().enumerate() {
        if value.is_nan() {
            return position;
        }
        if *value > row[best] {
            best = position;
        }
    }
    best
}

/// `scipy.special.softmax` in float32.
fn softmax(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|m| *m = (*m - most).exp());
    let total: f32 = row.iter().sum();
    row.iter_mut().for_each(|m| *m /= total);
}

impl XgboostModel {
    fn margins(&self, batch: &RecordBatch) -> Result<Vec<f32>, PredictError> {
        let columns = self.input.read(batch)?;
        let columns: Vec<&[f32]> = columns.iter().map(|column| &**column).collect();
        Ok(self.compiled.margins(Columns {
            columns: &columns,
            rows: batch.num_rows(),
        }))
    }

    fn list(&self, values: Vec<f64>, width: Option<usize>) -> ArrayRef {
        let values = Arc::new(Float64Array::from(values));
        match width.and_then(|width| i32::try_from(width).ok()) {
            None => values,
            Some(width) => Arc::new(FixedSizeListArray::new(Arc::clone(&self.numbers), width, values, None)),
        }
    }

    fn floats(&self, rows: Rows<f32>) -> ArrayRef {
        self.list(rows.values.into_iter().map(f64::from).collect(), rows.width)
    }

    /// What of an evaluation a method gives.
    fn answer(&self, method: Method, margins: Vec<f32>) -> Result<ArrayRef, PredictError> {
        match (method, self.class) {
            (Method::Margin, _) => Ok(self.floats(self.compiled.raw(margins))),
            (Method::Predict, Class::Booster | Class::Regressor) => Ok(self.floats(self.compiled.values(margins))),
            (Method::Predict, Class::Classifier) => Ok(self.decided(&self.compiled.values(margins))),
            (Method::PredictProba, Class::Classifier) => Ok(self.probabilities(margins)),
            (method, _) => Err(PredictError::Method { method }),
        }
    }

    fn decided(&self, values: &Rows<f32>) -> ArrayRef {
        match self.compiled.decide(values) {
            Decision::Classes(classes) => {
                let classes = classes
                    .into_iter()
                    .map(|class| i64::try_from(class).unwrap_or(i64::MAX));
                Arc::new(Int64Array::from_iter_values(classes))
            }
            Decision::Labels(rows) => self.list(rows.values, rows.width),
        }
    }

    fn probabilities(&self, margins: Vec<f32>) -> ArrayRef {
        let kept = self.compiled.probabilities_of_margins().then(|| margins.clone());
        let values = self.compiled.values(margins);
        self.floats(self.compiled.probabilities(&values, kept))
    }
}

impl Predictor for XgboostModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        let margins = self.margins(batch)?;
        if self.class != Class::Classifier || self.compiled.class_count().is_none() {
            return Ok(Predictions {
                values: self.answer(self.served, margins)?,
                probabilities: None,
            });
        }
        let probabilities = self.probabilities(margins.clone());
        let values = if self.served == Method::PredictProba {
            Arc::clone(&probabilities)
        } else {
            self.answer(self.served, margins)?
        };
        Ok(Predictions {
            values,
            probabilities: Some(probabilities),
        })
    }

    fn methods(&self) -> Vec<Method> {
        let mut methods = self.class.methods();
        methods.sort_unstable();
        methods
    }

    fn call(&self, method: Method, batch: &RecordBatch) -> Result<ArrayRef, PredictError> {
        if !self.class.methods().contains(&method) {
            return Err(PredictError::Method { method });
        }
        self.answer(method, self.margins(batch)?)
    }
}

impl Class {
    /// Of the name that `MLmodel` has.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "xgboost.core.Booster" => Some(Self::Booster),
            "xgboost.sklearn.XGBClassifier" | "xgboost.sklearn.XGBRFClassifier" => Some(Self::Classifier),
            "xgboost.sklearn.XGBModel"
            | "xgboost.sklearn.XGBRegressor"
            | "xgboost.sklearn.XGBRFRegressor"
            | "xgboost.sklearn.XGBRanker" => Some(Self::Regressor),
            _ => None,
        }
    }

    pub(super) fn methods(self) -> Vec<Method> {
        match self {
            Self::Booster | Self::Regressor => vec![Method::Predict, Method::Margin],
            Self::Classifier => vec![Method::Predict, Method::PredictProba, Method::Margin],
        }
    }
}

/// The field of lists of doubles.
pub(super) fn numbers() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Float64, false))
}
