//! `StackingClassifier` and `StackingRegressor`: what members say are the columns of a last estimator.

use std::sync::Arc;

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Values, Wanted};
use super::labels::Labels;
use super::members::{Member, beside, member, members};
use super::part::Part;
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// A member, and what it is asked for.
struct Source {
    member: Member,
    method: Method,
    /// Columns that it gives.
    width: usize,
    /// Whether the probability of the first of two classes is left out.
    second_only: bool,
}

/// Everything before the last estimator.
struct Stack {
    names: Names,
    sources: Vec<Source>,
    passthrough: bool,
    /// The columns of the last estimator.
    out: Names,
}

impl Stack {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        classes: Option<usize>,
    ) -> Result<Self, SklearnError> {
        let members = members(compiler, part, "estimators_", names)?;
        let methods = part.items("stack_method_")?;
        if methods.len() != members.len() {
            return part.content("attribute `stack_method_` does not have one method per member");
        }
        let mut sources = Vec::with_capacity(members.len());
        let mut out: Vec<Arc<str>> = Vec::new();
        for (position, (member, method)) in members.into_iter().zip(methods).enumerate() {
            let source = source(part, member, method, classes)?;
            out.extend((0..source.width).map(|_| Arc::from(format!("member {}", position + 1))));
            sources.push(source);
        }
        let passthrough = part.flag("passthrough", false)?;
        if passthrough {
            out.extend(names.iter().map(Arc::clone));
        }
        compiler.charge(out.len() * 64)?;
        Ok(Self {
            names: Names::clone(names),
            sources,
            passthrough,
            out: out.into(),
        })
    }

    /// The columns of the last estimator.
    fn columns(&self, x: &Block) -> Result<Block, PredictError> {
        let mut parts = Vec::with_capacity(self.sources.len() + 1);
        let mut single = true;
        for source in &self.sources {
            let (values, narrow) = source.columns(x)?;
            parts.push((values, source.width));
            single &= narrow;
        }
        let rows = x.rows();
        if self.passthrough {
            if let Block::Sparse(_) = x {
                let dense = Block::Numbers(beside(rows, &parts, single));
                return Sparse::beside(rows, &[dense, x.clone()], &self.out).map(Block::Sparse);
            }
            let x = x.numbers(&self.names)?;
            parts.push((x.values.clone(), x.columns));
            single &= x.single;
        }
        Ok(Block::Numbers(beside(rows, &parts, single)))
    }
}

impl Source {
    /// What the member says, and whether Python has it as float32.
    fn columns(&self, x: &Block) -> Result<(Vec<f64>, bool), PredictError> {
        let answer = self.member.call(self.method, x)?;
        let single = answer.single;
        let refused = PredictError::Method { method: self.method };
        let Some(values) = answer.into_numbers(self.member.classes()) else {
            return Err(refused);
        };
        let values = if self.second_only {
            values.chunks_exact(2).map(|pair| pair[1]).collect()
        } else {
            values
        };
        if values.len() == x.rows() * self.width {
            Ok((values, single))
        } else {
            Err(refused)
        }
    }
}

/// How many columns a member gives; `classes` are those of the whole, when it is a classifier.
fn source(
    part: &Part<'_, '_>,
    member: Member,
    method: View<'_>,
    classes: Option<usize>,
) -> Result<Source, SklearnError> {
    let Some(method) = method.as_str().and_then(Method::parse) else {
        return part.content("attribute `stack_method_` is not a list of methods");
    };
    if !member.has(method) {
        return part.unsupported(format!("with a member that has no `{method}`"));
    }
    let own = match member.classes() {
        [] => 1,
        [Labels::Text(_)] if method == Method::Predict => {
            return part.unsupported("with a member whose labels are text");
        }
        [labels] => labels.len(),
        _ => return part.unsupported("with members of several outputs"),
    };
    let second_only = method == Method::PredictProba && classes == Some(2);
    let width = match method {
        Method::PredictProba if second_only && own != 2 => {
            return part.unsupported("with a member that has other classes than the whole");
        }
        Method::PredictProba if second_only => 1,
        Method::PredictProba => own,
        Method::DecisionFunction if own > 2 => own,
        _ => 1,
    };
    Ok(Source {
        member,
        method,
        width,
        second_only,
    })
}

impl Transform for Stack {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        self.columns(&block)
    }
}

/// `StackingClassifier` or `StackingRegressor`.
pub(super) struct Stacking {
    stack: Stack,
    last: Member,
    /// The classes that the last estimator's stand for; `None` for a regressor.
    labels: Option<(Labels, Vec<usize>)>,
}

impl Stacking {
    pub(super) fn transformer(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let classes = classes(compiler, part)?.map(|labels| labels.len());
        let stack = Stack::compile(compiler, part, names, classes)?;
        let out = Names::clone(&stack.out);
        Ok((Box::new(stack), out))
    }

    pub(super) fn predictor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = classes(compiler, part)?;
        let stack = Stack::compile(compiler, part, names, labels.as_ref().map(Labels::len))?;
        let expected = part
            .field("final_estimator_")?
            .attr("n_features_in_")
            .and_then(View::as_i64);
        if expected.is_some_and(|expected| usize::try_from(expected) != Ok(stack.out.len())) {
            return part.unsupported("with members that do not give one score per class");
        }
        let last = member(compiler, part, "final_estimator_", &stack.out)?;
        let labels = match labels {
            None => None,
            Some(labels) => {
                let last = std::slice::from_ref(&last);
                let positions = super::members::encoded(part, last, labels.len())?.swap_remove(0);
                Some((labels, positions))
            }
        };
        Ok(Box::new(Self { stack, last, labels }))
    }

    /// An answer of the last estimator as that of the whole.
    fn decoded(&self, mut output: Output) -> Output {
        if let (Values::Labels(indices), Some((_, positions))) = (&mut output.values, &self.labels) {
            indices.iter_mut().for_each(|index| *index = positions[*index]);
        }
        output
    }
}

/// The classes of a classifier.
fn classes(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<Option<Labels>, SklearnError> {
    if part.name == "StackingRegressor" {
        return Ok(None);
    }
    Labels::read(compiler, part).map(Some)
}

impl Estimator for Stacking {
    fn methods(&self) -> Vec<Method> {
        let mut methods = self.last.methods();
        // Of a classifier's methods it has no other; a regressor has nothing but `predict`.
        methods.retain(|method| match method {
            Method::Predict => true,
            Method::PredictProba | Method::DecisionFunction => self.labels.is_some(),
            _ => false,
        });
        methods
    }

    fn classes(&self) -> &[Labels] {
        self.labels
            .as_ref()
            .map_or(&[], |(labels, _)| std::slice::from_ref(labels))
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let evaluation = self.last.evaluate(&self.stack.columns(x)?, wanted)?;
        Ok(Evaluation {
            predict: self.decoded(evaluation.predict),
            ..evaluation
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        if !self.methods().contains(&method) {
            return Err(PredictError::Method { method });
        }
        let output = self.last.call(method, &self.stack.columns(x)?)?;
        Ok(self.decoded(output))
    }
}
