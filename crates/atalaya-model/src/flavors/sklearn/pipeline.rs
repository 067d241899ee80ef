//! `Pipeline`: its steps, and which of them are skipped.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::part::{Part, shown};
use super::transform::Transform;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// A step, and where it is.
pub(super) struct Step<'t> {
    pub(super) view: View<'t>,
    pub(super) place: String,
}

/// The steps that do something: neither `None` nor `"passthrough"`.
pub(super) fn steps<'t>(part: &Part<'t, '_>) -> Result<Vec<Step<'t>>, SklearnError> {
    let mut found = Vec::new();
    for (position, pair) in part.items("steps")?.into_iter().enumerate() {
        let mut parts = pair.elements().into_iter().flatten();
        let (Some(name), Some(view)) = (parts.next().and_then(View::as_str), parts.next()) else {
            return part.content("attribute `steps` is not a list of names and estimators");
        };
        if view.is_none() || view.as_str() == Some("passthrough") {
            continue;
        }
        let place = if part.place == super::ROOT {
            String::new()
        } else {
            format!("{}, ", part.place)
        };
        found.push(Step {
            view,
            place: format!("{place}step {} `{}`", position + 1, shown(name)),
        });
    }
    Ok(found)
}

/// A pipeline inside another estimator: transformers, then a predictor.
struct Pipeline {
    steps: Vec<Box<dyn Transform>>,
    last: Box<dyn Estimator>,
}

/// A pipeline that predicts.
pub(super) fn estimator(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Box<dyn Estimator>, SklearnError> {
    let steps = steps(part)?;
    let Some((last, before)) = steps.split_last() else {
        return part.content("it has no steps");
    };
    let (steps, names) = chain(compiler, before, names)?;
    let last = compiler.estimator(last.view, &last.place, &names)?;
    if steps.is_empty() {
        return Ok(last);
    }
    Ok(Box::new(Pipeline { steps, last }))
}

impl Pipeline {
    fn transform(&self, x: &Block) -> Result<Block, PredictError> {
        self.steps.iter().try_fold(x.clone(), |block, step| step.apply(block))
    }
}

impl Estimator for Pipeline {
    fn methods(&self) -> Vec<Method> {
        self.last.methods()
    }

    fn classes(&self) -> &[Labels] {
        self.last.classes()
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        self.last.evaluate(&self.transform(x)?, wanted)
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        self.last.call(method, &self.transform(x)?)
    }
}

/// Steps one after the other.
pub(super) fn chain(
    compiler: &mut Compiler,
    steps: &[Step<'_>],
    names: &Names,
) -> Result<(Vec<Box<dyn Transform>>, Names), SklearnError> {
    let mut compiled = Vec::with_capacity(steps.len());
    let mut names = Names::clone(names);
    for step in steps {
        let (transform, out) = compiler.transformer(step.view, &step.place, &names)?;
        compiled.push(transform);
        names = out;
    }
    Ok((compiled, names))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flavors::sklearn::ROOT;
    use crate::object::read_pickle;

    /// A pipeline of a scaler `x / 2` and a regression `3 x + 1`, inside one of its own kind.
    const NESTED: &[u8] = b"\x80\x04\
        csklearn.pipeline\nPipeline\n)\x81}(\x8c\x05steps](\x8c\x01a\
        csklearn.pipeline\nPipeline\n)\x81}(\x8c\x05steps](\
        \x8c\x01b\
        csklearn.preprocessing._data\nStandardScaler\n)\x81}(\x8c\x06scale_](G\x40\0\0\0\0\0\0\0e\x8c\x09with_mean\x89ub\
        \x86\x8c\x01c\
        csklearn.linear_model._base\nLinearRegression\n)\x81}(\x8c\x05coef_cnumpy.core.multiarray\n_reconstruct\n\
        cnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01K\x01\x85cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R\
        (K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89C\x08\0\0\0\0\0\0\x08\x40tb\
        \x8c\x0aintercept_G\x3f\xf0\0\0\0\0\0\0ub\
        \x86eub\x86eub.";

    #[test]
    fn a_pipeline_inside_another_estimator_predicts() {
        let tree = read_pickle(NESTED).unwrap();
        let mut compiler = Compiler::new(9, NESTED.len());
        let names: Names = Arc::from([Arc::from("x")]);
        let model = compiler.estimator(tree.root(), ROOT, &names).unwrap();
        assert_eq!(model.methods(), [Method::Predict]);
        let x = Block::Numbers(crate::flavors::sklearn::block::Matrix {
            rows: 2,
            columns: 1,
            values: vec![4.0, -2.0],
            single: false,
            sparse: false,
        });
        assert_eq!(model.numbers(&x).unwrap(), [7.0, -2.0]);
        let error = model.call(Method::DecisionFunction, &x).unwrap_err();
        assert!(matches!(error, PredictError::Method { .. }));
    }
}
