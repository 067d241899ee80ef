//! XGBoost's estimators among scikit-learn's: a pickled wrapper with its Booster's bytes inside.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::labels::Labels;
use super::part::Part;
use crate::flavors::xgboost::{self, Columns, Compiled, Decision, Rows, XgboostError};
use crate::object::compact::Instead;
use crate::object::{Node, View};
use crate::predictor::{Method, PredictError};

/// `xgboost.sklearn.XGBModel` and every class below it.
#[derive(Debug)]
pub(super) struct XgbModel {
    names: Names,
    compiled: Compiled,
    /// What stands for a missing value besides NaN.
    missing: Option<f32>,
    /// Of a classifier with one set of classes.
    classes: Option<Labels>,
    classifier: bool,
}

impl XgbModel {
    pub(super) fn classifier(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self::compile(compiler, part, names, true)?))
    }

    pub(super) fn regressor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self::compile(compiler, part, names, false)?))
    }

    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        classifier: bool,
    ) -> Result<Self, SklearnError> {
        if part.optional("_le").is_some() {
            return part.unsupported("with the label encoder of XGBoost before 1.6");
        }
        let booster = part.field("_Booster")?;
        if booster.class() != Some(("xgboost.core", "Booster")) {
            return part.content("attribute `_Booster` is no Booster");
        }
        let handle = booster.attr("handle");
        let Some(Node::Bytes(bytes)) = handle.map(View::node) else {
            return part.content("attribute `_Booster` has no bytes as its `handle`");
        };
        compiler.charge(bytes.len())?;
        let compiled = xgboost::compile_wrapped(bytes, &mut compiler.form.ensembles);
        let compiled = compiled.map(|(compiled, rest)| {
            let instead = handle.zip(rest).map(|(view, rest)| (view.id(), Instead::Bytes(rest)));
            compiler.form.instead.extend(instead);
            compiled
        });
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(error @ XgboostError::Unsupported { .. }) => {
                return part.unsupported(format!("cannot be run: {error}"));
            }
            Err(error) => return part.content(format!("attribute `_Booster`: {error}")),
        };
        compiler.charge(compiled.size_bytes())?;
        if compiled.features != names.len() {
            return part.content("its Booster was not trained on as many columns as reach it");
        }
        #[expect(clippy::cast_possible_truncation, reason = "XGBoost compares with it as a float32")]
        let missing = match part.optional("missing").map(View::as_f64) {
            None => None,
            Some(Some(value)) => Some(value as f32).filter(|value| !value.is_nan()),
            Some(None) => return part.unsupported("with a `missing` that is not a number"),
        };
        let counted = compiled.class_count().filter(|_| classifier);
        let numbers = |count: usize| Labels::Int((0..count).filter_map(|class| i64::try_from(class).ok()).collect());
        Ok(Self {
            names: Names::clone(names),
            compiled,
            missing,
            classes: counted.map(numbers),
            classifier,
        })
    }

    fn margins(&self, x: &Block) -> Result<Vec<f32>, PredictError> {
        let rows = x.rows();
        let mut columns = match x {
            // What a sparse matrix does not store is missing, as XGBoost sees it.
            Block::Sparse(sparse) => {
                let mut columns = vec![vec![f32::NAN; rows]; self.names.len()];
                for (row, (indices, values)) in sparse.rows().enumerate() {
                    for (column, value) in indices.iter().zip(values) {
                        columns[*column as usize][row] = single(*value);
                    }
                }
                columns
            }
            Block::Numbers(_) | Block::Columns { .. } => {
                let matrix = x.numbers(&self.names)?;
                // Here zeros stand for what a sparse matrix does not store.
                let read = |x: &f64| {
                    if matrix.sparse && *x == 0.0 {
                        f32::NAN
                    } else {
                        single(*x)
                    }
                };
                let column = |at| matrix.values.iter().skip(at).step_by(matrix.columns).map(read);
                (0..matrix.columns).map(|at| column(at).collect()).collect()
            }
        };
        for (position, values) in columns.iter_mut().enumerate() {
            if let Some(missing) = self.missing {
                for value in values.iter_mut().filter(|value| **value == missing) {
                    *value = f32::NAN;
                }
            }
            let infinite = values.iter().position(|value| value.is_infinite());
            if let Some(row) = infinite.filter(|_| self.compiled.finite) {
                let column = self.names[position].to_string();
                return Err(PredictError::NotFinite { column, row });
            }
        }
        let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        Ok(self.compiled.margins(Columns {
            columns: &columns,
            rows,
        }))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "XGBoost works on float32")]
fn single(value: f64) -> f32 {
    value as f32
}

fn floats(rows: Rows<f32>) -> Output {
    let values = rows.values.into_iter().map(f64::from).collect();
    let output = match rows.width {
        None => Output::floats(values),
        Some(width) => Output::wide(values, width),
    };
    output.into_single()
}

impl Estimator for XgbModel {
    fn methods(&self) -> Vec<Method> {
        if self.classifier {
            vec![Method::Predict, Method::PredictProba, Method::Margin]
        } else {
            vec![Method::Predict, Method::Margin]
        }
    }

    fn classes(&self) -> &[Labels] {
        self.classes.as_slice()
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let margins = self.margins(x)?;
        let kept = (wanted.probabilities && self.compiled.probabilities_of_margins()).then(|| margins.clone());
        let values = self.compiled.values(margins);
        if !self.classifier {
            return Ok(Evaluation::of(floats(values)));
        }
        let predict = match self.compiled.decide(&values) {
            Decision::Classes(classes) => Output::labels(classes),
            Decision::Labels(rows) => Output::wide(rows.values, rows.width.unwrap_or(1)),
        };
        let probabilities = wanted
            .probabilities
            .then(|| floats(self.compiled.probabilities(&values, kept)));
        Ok(Evaluation {
            predict,
            probabilities,
            scores: None,
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match method {
            Method::Margin => Ok(floats(self.compiled.raw(self.margins(x)?))),
            // `XGBClassifier` has no `predict_log_proba`.
            Method::PredictLogProba => Err(PredictError::Method { method }),
            method => call_evaluated(self, method, x),
        }
    }
}
