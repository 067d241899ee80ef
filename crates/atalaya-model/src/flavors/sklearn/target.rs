//! `TransformedTargetRegressor`: a regressor of a transformed target, whose predictions are brought back.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Values, Wanted};
use super::inverse::Inverse;
use super::members::{Member, member};
use super::part::Part;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// `TransformedTargetRegressor`.
pub(super) struct TransformedTarget {
    member: Member,
    inverse: Inverse,
    outputs: usize,
    /// Whether the target had one dimension: then a row has one number, not a list of one.
    flat: bool,
}

impl TransformedTarget {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let member = member(compiler, part, "regressor_", names)?;
        if !member.classes().is_empty() {
            return part.unsupported("around a classifier");
        }
        let transformer = part.field("transformer_")?;
        let flat = part.count("_training_dim")? == 1;
        let outputs = outputs(transformer);
        if flat && outputs != 1 {
            return part.unsupported("with a transformer that changes how many outputs there are");
        }
        Ok(Box::new(Self {
            member,
            inverse: Inverse::read(compiler, part, transformer, outputs)?,
            outputs,
            flat,
        }))
    }
}

/// How many columns the transformer of the target was fitted on; those of a pipeline are its first step's.
fn outputs(transformer: View<'_>) -> usize {
    let first = transformer
        .attr("steps")
        .and_then(View::elements)
        .and_then(|mut steps| steps.next()?.elements()?.nth(1));
    let count = first.unwrap_or(transformer).attr("n_features_in_");
    let count = count
        .and_then(View::as_i64)
        .and_then(|count| usize::try_from(count).ok());
    count.filter(|count| *count > 0).unwrap_or(1)
}

impl Estimator for TransformedTarget {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let method = Method::Predict;
        let answer = self.member.call(method, x)?;
        let single = answer.single;
        let mut values = answer.into_numbers(&[]).ok_or(PredictError::Method { method })?;
        if Some(values.len()) != x.rows().checked_mul(self.outputs) {
            return Err(PredictError::Method { method });
        }
        self.inverse.apply(&mut values, self.outputs, single);
        Ok(Evaluation::of(Output {
            values: Values::Floats(values),
            width: (!self.flat).then_some(self.outputs),
            single,
        }))
    }
}
