//! LightGBM's wrappers for scikit-learn: the Booster's text in `_Booster`, and the labels of a classifier.
//!
//! Source: `lightgbm/sklearn.py` of LightGBM 3.3 to 4.7.

use std::borrow::Cow;

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::Part;
use crate::flavors::lightgbm::{
    Booster, Categories, Columns, Known, LightgbmError, doubles, feature_names, known, without_trees,
};
use crate::object::View;
use crate::object::compact::Instead;
use crate::predictor::{Method, PredictError};

/// A fitted wrapper.
pub(super) struct Wrapper {
    names: Names,
    booster: Booster,
    /// The categories of each column, when any has them.
    known: Option<Known>,
    kind: Kind,
}

enum Kind {
    /// Regressors, rankers, and `LGBMModel` itself.
    Values,
    /// A classifier: its classes, one set.
    Classes(Vec<Labels>),
    /// A classifier with an objective of the user's, whose every answer is the scores.
    Scores,
}

/// The instance of `Booster`, and its text.
fn model_text<'t>(part: &Part<'t, '_>) -> Result<(View<'t>, &'t str), SklearnError> {
    let booster = part.field("_Booster")?;
    if booster.class() != Some(("lightgbm.basic", "Booster")) {
        let place = format!("{}, attribute `_Booster`", part.place);
        return Err(SklearnError::unknown(&place, booster));
    }
    let text = booster
        .attr("_handle")
        .or(booster.attr("handle"))
        .and_then(View::as_str);
    match text {
        Some(text) => Ok((booster, text)),
        None => part.content("attribute `_Booster` has no text of a model"),
    }
}

/// The names that a wrapper's Booster has for its columns; none for anything else.
pub(super) fn own_names<'t>(part: &Part<'t, '_>) -> Vec<&'t str> {
    if part.row.module != "lightgbm.sklearn" {
        return Vec::new();
    }
    model_text(part).map_or_else(|_| Vec::new(), |(_, text)| feature_names(text))
}

impl Wrapper {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let early = |view: Option<View<'_>>| view.is_some_and(|view| view.as_i64() != Some(0));
        let others = part
            .view
            .attr("_other_params")
            .and_then(|others| others.get("pred_early_stop"));
        if early(others) || early(part.view.attr("pred_early_stop")) {
            return part.unsupported("stops early while it predicts");
        }
        let (booster, text) = model_text(part)?;
        compiler.charge(8 * text.len())?;
        let best = booster.attr("best_iteration").and_then(View::as_i64).unwrap_or(-1);
        let failed = |error: LightgbmError| {
            let (place, class) = (part.place.to_owned(), part.name);
            match error {
                LightgbmError::Unsupported { .. } => SklearnError::Unsupported {
                    place,
                    class,
                    what: format!("has a Booster of which {error}"),
                },
                _ => SklearnError::Content {
                    place,
                    class,
                    what: format!("attribute `_Booster`: {error}"),
                },
            }
        };
        let handle = booster.attr("_handle").or(booster.attr("handle"));
        let booster = Booster::compile(text, best, &mut compiler.form.ensembles).map_err(failed)?;
        let rest = compiler.form.ensembles.are_kept().then(|| without_trees(text));
        let instead = handle.zip(rest.flatten());
        let instead = instead.map(|(view, rest)| (view.id(), Instead::Bytes(rest.into_bytes())));
        compiler.form.instead.extend(instead);
        if booster.names.len() != names.len() {
            return part.content("its Booster has not as many columns as reach it");
        }
        let text = |feature: usize| compiler.is_text(&names[feature]);
        let known = if booster.pandas.is_empty() {
            None
        } else {
            let known = known(&booster, text).map_err(failed)?;
            let texts = |known: &Option<Categories>| known.as_ref().is_some_and(Categories::are_texts);
            if (0..names.len()).any(|feature| texts(&known[feature]) && !text(feature)) {
                return part.unsupported("with categories of text in columns that are not declared as text");
            }
            Some(known)
        };
        let kind = match part.name {
            "LGBMClassifier" => Self::classifier(compiler, part, &booster)?,
            _ => Kind::Values,
        };
        Ok(Box::new(Self {
            names: Names::clone(names),
            booster,
            known,
            kind,
        }))
    }

    fn classifier(compiler: &mut Compiler, part: &Part<'_, '_>, booster: &Booster) -> Result<Kind, SklearnError> {
        let objective = part.optional("_objective");
        if objective.is_some_and(|objective| objective.as_str().is_none()) {
            return Ok(Kind::Scores);
        }
        let encoder = part.optional("_le").and_then(|encoder| encoder.attr("classes_"));
        let classes = match encoder {
            Some(classes) => classes,
            None => part.field("_classes")?,
        };
        let classes = Labels::read_view(compiler, part, classes)?;
        let width = match booster.outputs {
            1 => 2,
            outputs => outputs,
        };
        if classes.len() != width || booster.outputs == 2 {
            return part.unsupported("with another number of classes than its Booster has");
        }
        Ok(Kind::Classes(vec![classes]))
    }

    fn scores(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let Some(known) = &self.known else {
            let x = x.numbers(&self.names)?;
            return Ok(self.booster.scores(Columns::Rows(&x.values, x.columns)));
        };
        let columns = x.clone().into_columns(&self.names)?;
        let mut values = Vec::with_capacity(columns.len());
        for ((column, known), name) in columns.iter().zip(known).zip(self.names.iter()) {
            values.push(doubles(column, known.as_ref()).ok_or_else(|| PredictError::Column {
                column: name.to_string(),
                expected: match known {
                    Some(known) if known.are_texts() => "text".to_owned(),
                    _ => "a number".to_owned(),
                },
            })?);
        }
        let values: Vec<&[f64]> = values.iter().map(Cow::as_ref).collect();
        Ok(self.booster.scores(Columns::Columns(&values, x.rows())))
    }

    /// Numbers as a Booster gives them: a row of them when there are several.
    fn output(&self, values: Vec<f64>) -> Output {
        match self.booster.outputs {
            1 => Output::floats(values),
            outputs => Output::wide(values, outputs),
        }
    }
}

impl Estimator for Wrapper {
    fn methods(&self) -> Vec<Method> {
        match self.kind {
            Kind::Values => vec![Method::Predict, Method::Margin],
            Kind::Classes(_) | Kind::Scores => vec![Method::Predict, Method::PredictProba, Method::Margin],
        }
    }

    fn classes(&self) -> &[Labels] {
        match &self.kind {
            Kind::Classes(classes) => classes,
            Kind::Values | Kind::Scores => &[],
        }
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let values = self.booster.predictions(self.scores(x)?);
        match self.kind {
            Kind::Values => Ok(Evaluation::of(self.output(values))),
            Kind::Scores => {
                let output = self.output(values);
                Ok(Evaluation {
                    predict: output.clone(),
                    probabilities: Some(output),
                    scores: None,
                })
            }
            Kind::Classes(_) => {
                let (probabilities, width) = match self.booster.outputs {
                    1 => (values.iter().flat_map(|p| [1.0 - *p, *p]).collect(), 2),
                    outputs => (values, outputs),
                };
                Ok(Evaluation {
                    predict: Output::labels(probabilities.chunks_exact(width).map(argmax).collect()),
                    probabilities: Some(Output::wide(probabilities, width)),
                    scores: None,
                })
            }
        }
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match method {
            Method::Margin => Ok(self.output(self.scores(x)?)),
            method => call_evaluated(self, method, x),
        }
    }
}
