//! `DummyClassifier` and `DummyRegressor`: the same answer for every row.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Values, Wanted};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::Part;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// `DummyClassifier`.
#[derive(Debug)]
pub(super) struct DummyClassifier {
    /// The classes of each output.
    labels: Vec<Labels>,
    /// The class of each output.
    predicted: Vec<usize>,
    /// Those of the first output, then of the second.
    probabilities: Vec<f64>,
}

impl DummyClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        _: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let single = part.count("n_outputs_")? == 1;
        let labels = if single {
            vec![Labels::read(compiler, part)?]
        } else {
            Labels::read_several(compiler, part)?
        };
        let strategy = match part.view.attr("_strategy").or(part.view.attr("strategy")) {
            Some(strategy) => strategy.as_str().unwrap_or_default(),
            None => return part.content("no attribute `strategy`"),
        };
        let mut dummy = Self {
            predicted: Vec::with_capacity(labels.len()),
            probabilities: Vec::new(),
            labels,
        };
        for (output, labels) in dummy.labels.iter().enumerate() {
            let one = |name| each(part, name, single, output);
            let (predicted, prior) = match strategy {
                "prior" | "most_frequent" => {
                    let prior = one("class_prior_")?.floats().unwrap_or_default();
                    if prior.len() != labels.len() {
                        return part.content("attribute `class_prior_` does not have one number per class");
                    }
                    (argmax(&prior), Some(prior).filter(|_| strategy == "prior"))
                }
                "constant" => match labels.position(one("constant")?) {
                    Some(position) => (position, None),
                    None => return part.content("attribute `constant` is no class"),
                },
                "stratified" | "uniform" => return part.unsupported("that answers at random"),
                _ => return part.content("attribute `strategy` is not one of its words"),
            };
            dummy.predicted.push(predicted);
            compiler.charge(8 * labels.len())?;
            let sure = |class: usize| f64::from(u8::from(class == predicted));
            let probabilities = prior.unwrap_or_else(|| (0..labels.len()).map(sure).collect());
            dummy.probabilities.extend(probabilities);
        }
        Ok(Box::new(dummy))
    }
}

/// What an attribute says of one output: itself of the only one, the element of a list of several.
fn each<'t>(part: &Part<'t, '_>, name: &str, single: bool, output: usize) -> Result<View<'t>, SklearnError> {
    let view = part.field(name)?;
    if single {
        // A constant may stand in a list of its own.
        return Ok(match view.elements() {
            Some(mut items) if name == "constant" && items.len() == 1 => items.next().unwrap_or(view),
            _ => view,
        });
    }
    match view.elements().and_then(|mut items| items.nth(output)) {
        Some(view) => Ok(view),
        None => part.unsupported(format!("of several outputs with this kind of `{name}`")),
    }
}

impl Estimator for DummyClassifier {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba, Method::PredictLogProba]
    }

    fn classes(&self) -> &[Labels] {
        &self.labels
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let rows = x.rows();
        let labels = self.predicted.repeat(rows);
        Ok(Evaluation {
            predict: match self.labels.len() {
                1 => Output::labels(labels),
                outputs => Output::wide_labels(labels, outputs),
            },
            probabilities: Some(Output::wide(self.probabilities.repeat(rows), self.probabilities.len())),
            scores: None,
        })
    }
}

/// `DummyRegressor`.
#[derive(Debug)]
pub(super) struct DummyRegressor {
    /// One number per output.
    constant: Vec<f64>,
    /// The same, when Python has them as integers.
    whole: Option<Vec<i64>>,
}

impl DummyRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        _: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let outputs = part.count("n_outputs_")?;
        let constant = part.floats(compiler, "constant_")?;
        if outputs == 0 || constant.len() != outputs {
            return part.content("attribute `constant_` does not have one number per output");
        }
        let whole = part.field("constant_")?.ints();
        Ok(Box::new(Self { constant, whole }))
    }
}

impl Estimator for DummyRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let values = match &self.whole {
            Some(whole) => Values::Ints(whole.repeat(x.rows())),
            None => Values::Floats(self.constant.repeat(x.rows())),
        };
        Ok(Evaluation::of(Output {
            values,
            width: Some(self.constant.len()).filter(|outputs| *outputs > 1),
            single: false,
        }))
    }
}
