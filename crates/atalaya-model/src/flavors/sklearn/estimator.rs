//! Fitted predictors: the trait, and what they answer.
//!
//! Answers keep what Python's type means and drop how wide it is: labels stay indices into the classes until somebody
//! needs their values, int32 (`KMeans`) becomes `i64`, float32 becomes the double of the same value with a flag.

use std::sync::Arc;

use super::block::Block;
use super::columnar::Columnar;
use super::labels::Labels;
use super::scale::Standard;
use crate::predictor::{Method, PredictError};

/// A fitted predictor. It may be the last step of a model, or a member of another estimator.
pub(super) trait Estimator: Send + Sync {
    /// Every method that [`Estimator::call`] answers. [`Method::Transform`] is none of them: what also transforms has a
    /// second entry in its row of the table.
    fn methods(&self) -> Vec<Method>;

    /// The classes of a classifier, one set per output; empty for everything else. Sets of one estimator are all of one
    /// type.
    fn classes(&self) -> &[Labels] {
        &[]
    }

    /// `predict`, and what of `wanted` the estimator has, from one evaluation.
    ///
    /// # Errors
    /// When it refuses a value.
    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError>;

    /// The same for doubles that still are columns, after such a step, when it has a way of its own for them.
    fn columnar(&self, scaler: Option<Standard<'_>>) -> Option<Columnar> {
        let _ = scaler;
        None
    }

    /// The answer of one method. Implementations add the methods that [`Evaluation`] has no place for, and leave the rest
    /// to [`call_evaluated`].
    ///
    /// # Errors
    /// When it refuses a value; [`PredictError::Method`] for a method that it does not have.
    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        call_evaluated(self, method, x)
    }
}

/// The methods that an [`Evaluation`] answers.
pub(super) const EVALUATED: [Method; 4] = [
    Method::Predict,
    Method::PredictProba,
    Method::PredictLogProba,
    Method::DecisionFunction,
];

/// What of [`Evaluation`] the caller will use; the rest may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) probabilities: bool,
    pub(super) scores: bool,
}

impl Wanted {
    /// `predict` only.
    pub(super) const PREDICT: Self = Self {
        probabilities: false,
        scores: false,
    };
    /// `predict` and `predict_proba`: what serving wants.
    pub(super) const PROBABILITIES: Self = Self {
        probabilities: true,
        scores: false,
    };
    /// `predict` and `decision_function`.
    pub(super) const SCORES: Self = Self {
        probabilities: false,
        scores: true,
    };
}

/// What one evaluation gives.
#[derive(Debug, Clone)]
pub(super) struct Evaluation {
    /// `predict`: [`Values::Labels`] of a classifier.
    pub(super) predict: Output,
    /// `predict_proba`: one number per class and row; with several outputs, those of the first, then of the second.
    pub(super) probabilities: Option<Output>,
    /// `decision_function`.
    pub(super) scores: Option<Output>,
}

impl Evaluation {
    /// Of an estimator that has nothing but `predict`.
    pub(super) fn of(predict: Output) -> Self {
        Self {
            predict,
            probabilities: None,
            scores: None,
        }
    }
}

/// What one method gives: `rows` or `rows × width` values, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    pub(super) values: Values,
    /// Values per row where Python gives a row of them, even if only one.
    pub(super) width: Option<usize>,
    /// Whether Python has these numbers as float32; they then are exactly representable.
    pub(super) single: bool,
}

/// The values of an [`Output`].
#[derive(Debug, Clone, PartialEq)]
#[expect(
    dead_code,
    reason = "no estimator answers with booleans or text that are no labels yet"
)]
pub(super) enum Values {
    Floats(Vec<f64>),
    Ints(Vec<i64>),
    Bools(Vec<bool>),
    Texts(Vec<Arc<str>>),
    /// Indices into [`Estimator::classes`]: of the only set, or, with a width, of the set of that output.
    Labels(Vec<usize>),
}

impl Output {
    fn new(values: Values, width: Option<usize>) -> Self {
        Self {
            values,
            width,
            single: false,
        }
    }

    /// One number per row.
    pub(super) fn floats(values: Vec<f64>) -> Self {
        Self::new(Values::Floats(values), None)
    }

    /// `width` numbers per row.
    pub(super) fn wide(values: Vec<f64>, width: usize) -> Self {
        Self::new(Values::Floats(values), Some(width))
    }

    /// One whole number per row.
    pub(super) fn ints(values: Vec<i64>) -> Self {
        Self::new(Values::Ints(values), None)
    }

    /// The class of each row.
    pub(super) fn labels(indices: Vec<usize>) -> Self {
        Self::new(Values::Labels(indices), None)
    }

    /// The classes of `outputs` outputs of each row.
    pub(super) fn wide_labels(indices: Vec<usize>, outputs: usize) -> Self {
        Self::new(Values::Labels(indices), Some(outputs))
    }

    /// The same values as float32 that was widened.
    pub(super) fn into_single(self) -> Self {
        Self { single: true, ..self }
    }

    /// The numbers, as doubles; labels by their value in `classes`. `None` for text.
    pub(super) fn into_numbers(self, classes: &[Labels]) -> Option<Vec<f64>> {
        match self.values {
            Values::Floats(values) => Some(values),
            #[expect(
                clippy::cast_precision_loss,
                reason = "integers beyond 2^53 round to the nearest double, as in numpy"
            )]
            Values::Ints(values) => Some(values.into_iter().map(|value| value as f64).collect()),
            Values::Bools(values) => Some(values.into_iter().map(|value| f64::from(u8::from(value))).collect()),
            Values::Texts(_) => None,
            Values::Labels(indices) => {
                let sets = classes.iter().cycle();
                indices
                    .iter()
                    .zip(sets)
                    .map(|(index, set)| set.number(*index))
                    .collect()
            }
        }
    }
}

/// The default of [`Estimator::call`]: what an evaluation has, and logarithms of probabilities, of the methods that the
/// estimator lists.
///
/// # Errors
/// As [`Estimator::call`].
pub(super) fn call_evaluated<E: Estimator + ?Sized>(
    estimator: &E,
    method: Method,
    x: &Block,
) -> Result<Output, PredictError> {
    if !estimator.methods().contains(&method) {
        return Err(PredictError::Method { method });
    }
    let found = match method {
        Method::Predict => Some(estimator.evaluate(x, Wanted::PREDICT)?.predict),
        Method::PredictProba => estimator.evaluate(x, Wanted::PROBABILITIES)?.probabilities,
        Method::DecisionFunction => estimator.evaluate(x, Wanted::SCORES)?.scores,
        Method::PredictLogProba => estimator
            .evaluate(x, Wanted::PROBABILITIES)?
            .probabilities
            .map(logarithms),
        Method::Transform | Method::ScoreSamples | Method::PredictJointLogProba | Method::Margin => None,
    };
    found.ok_or(PredictError::Method { method })
}

/// `numpy.log` of every number.
fn logarithms(mut output: Output) -> Output {
    let precision = super::precision::Precision::of(output.single);
    if let Values::Floats(values) = &mut output.values {
        values.iter_mut().for_each(|p| *p = precision.ln(*p));
    }
    output
}

/// What estimators that hold others ask of them.
impl dyn Estimator + '_ {
    /// Whether it has a method.
    pub(super) fn has(&self, method: Method) -> bool {
        self.methods().contains(&method)
    }

    /// What it has of [`EVALUATED`].
    pub(super) fn evaluated(&self) -> Vec<Method> {
        EVALUATED.into_iter().filter(|method| self.has(*method)).collect()
    }

    /// The classes of a classifier with one output.
    pub(super) fn only_classes(&self) -> Option<&Labels> {
        match self.classes() {
            [labels] => Some(labels),
            _ => None,
        }
    }

    /// `predict` of a classifier with one output, as indices into its classes.
    pub(super) fn label_indices(&self, x: &Block) -> Result<Vec<usize>, PredictError> {
        match self.evaluate(x, Wanted::PREDICT)?.predict.values {
            Values::Labels(indices) => Ok(indices),
            _ => Err(PredictError::Method {
                method: Method::Predict,
            }),
        }
    }

    /// `predict` as numbers: what a regressor gives, or the values of a classifier's labels.
    pub(super) fn numbers(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let found = self.evaluate(x, Wanted::PREDICT)?.predict.into_numbers(self.classes());
        found.ok_or(PredictError::Method {
            method: Method::Predict,
        })
    }

    /// `predict_proba`, `rows × classes`.
    pub(super) fn probabilities(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        self.floats(Method::PredictProba, x).map(|(values, _)| values)
    }

    /// `decision_function`, and how many scores a row has, where it has a row of them.
    pub(super) fn scores(&self, x: &Block) -> Result<(Vec<f64>, Option<usize>), PredictError> {
        self.floats(Method::DecisionFunction, x)
    }

    fn floats(&self, method: Method, x: &Block) -> Result<(Vec<f64>, Option<usize>), PredictError> {
        let Output { values, width, .. } = self.call(method, x)?;
        match values {
            Values::Floats(values) => Ok((values, width)),
            _ => Err(PredictError::Method { method }),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::flavors::sklearn::block::Matrix;

    /// Says "yes" to positive numbers, with certainty.
    struct Sign(Labels);

    impl Estimator for Sign {
        fn methods(&self) -> Vec<Method> {
            vec![Method::Predict, Method::PredictProba, Method::PredictLogProba]
        }

        fn classes(&self) -> &[Labels] {
            std::slice::from_ref(&self.0)
        }

        fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
            let x = x.numbers(&Arc::from([]))?;
            let labels: Vec<usize> = x.values.iter().map(|x| usize::from(*x > 0.0)).collect();
            let sure = |label: &usize| if *label == 1 { [0.0, 1.0] } else { [1.0, 0.0] };
            let probabilities = wanted
                .probabilities
                .then(|| Output::wide(labels.iter().flat_map(sure).collect(), 2));
            Ok(Evaluation {
                predict: Output::labels(labels),
                probabilities,
                scores: None,
            })
        }
    }

    fn block() -> Block {
        Block::Numbers(Matrix {
            rows: 2,
            columns: 1,
            values: vec![-1.0, 3.0],
            single: false,
            sparse: false,
        })
    }

    #[test]
    fn whoever_holds_an_estimator_gets_every_view_of_it() {
        let sign: Box<dyn Estimator> = Box::new(Sign(Labels::Int(vec![-7, 40])));
        assert!(sign.has(Method::PredictProba) && !sign.has(Method::DecisionFunction));
        assert_eq!(sign.label_indices(&block()).unwrap(), [0, 1]);
        assert_eq!(sign.numbers(&block()).unwrap(), [-7.0, 40.0]);
        assert_eq!(sign.probabilities(&block()).unwrap(), [1.0, 0.0, 0.0, 1.0]);
        let logs = sign.call(Method::PredictLogProba, &block()).unwrap();
        assert_eq!(
            (logs.values, logs.width),
            (
                Values::Floats(vec![0.0, f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0]),
                Some(2)
            )
        );
        assert_eq!(sign.only_classes().map(Labels::len), Some(2));
    }

    #[test]
    fn a_method_that_is_not_there_is_named() {
        let sign: Box<dyn Estimator> = Box::new(Sign(Labels::Text(vec!["no".into(), "yes".into()])));
        let error = sign.scores(&block()).unwrap_err();
        assert_eq!(error.to_string(), "the model has no method `decision_function`");
        // Text has no number.
        assert!(sign.numbers(&block()).is_err());
    }

    #[test]
    fn labels_of_several_outputs_have_sets_of_their_own() {
        let sets = [Labels::Int(vec![10, 11]), Labels::Int(vec![20, 21])];
        let output = Output::wide_labels(vec![0, 1, 1, 0], 2);
        assert_eq!(output.into_numbers(&sets).unwrap(), [10.0, 21.0, 11.0, 20.0]);
    }
}
