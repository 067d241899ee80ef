//! A whole scikit-learn model: columns in, steps, the last step's answer out as Arrow arrays.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use super::arrays::Arrays;
use super::block::{Block, Names, Source};
use super::columnar::Columnar;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Wanted};
use super::labels::Labels;
use super::part::Part;
use super::pipeline::{Step, chain, steps};
use super::row::What;
use super::transform::{Compiled, Transform};
use super::{Known, ROOT};
use crate::compiled::Form;
use crate::manifest::Manifest;
use crate::object::{Tree, View};
use crate::predictor::{Method, PredictError, Predictions, Predictor};
use crate::signature::{ColumnType, Signature};

/// Minor versions of scikit-learn 1.x whose arithmetic is known.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=NEWEST;
/// The newest of them.
pub(super) const NEWEST: u32 = 9;
/// Most outermost searches and pipelines around the last step.
const MAX_LAYERS: usize = 32;

/// A scikit-learn model, compiled. Outermost pipelines and searches are unrolled into its steps.
///
/// A model whose last step only transforms is one too: it has the method [`Method::Transform`] alone. MLflow writes no
/// `python_function` flavor for it, so nothing says what serves it, and `predict` is then refused as a method that it does
/// not have; with `predict_fn: transform`, `predict` gives the transformed columns.
pub struct SklearnModel {
    signature: Signature,
    source: Source,
    steps: Vec<Box<dyn Transform>>,
    /// Where the columns that reach the last step come from.
    last_names: Names,
    last: Last,
    /// The whole model, for batches of doubles, when it is a linear classifier after a scaler or alone.
    columnar: Option<Columnar>,
    /// What `predict` gives; `None` when it gives nothing.
    served: Option<Method>,
    arrays: Arrays,
}

/// What the last step of a model does.
struct Last {
    predictor: Option<Box<dyn Estimator>>,
    /// With where the columns that it gives come from.
    transformer: Option<Compiled>,
}

impl SklearnModel {
    /// Compiles the estimator that is the root of `tree`, with the ensembles of `form` or for it.
    pub(super) fn compile(
        tree: &Tree<'_>,
        manifest: &Manifest,
        known: Known,
        form: &mut Form,
    ) -> Result<Self, SklearnError> {
        let root = Part::new(tree.root(), ROOT)?;
        let version = match known.version {
            Some(version) => version,
            None => version(&root, manifest)?,
        };
        let mut compiler = Compiler::new(version, known.file_bytes);
        compiler.form = std::mem::take(form);
        let layers = layers(&root)?;
        let (last, before) = layers.split_last().ok_or(SklearnError::TooLarge {
            what: "a model without steps",
        })?;
        let part = Part::new(last.view, &last.place)?;
        let declared = declared(manifest, &root)?;
        let (names, positional) = columns(before.first().unwrap_or(last), declared, &part)?;
        compiler.take_texts(declared);
        let (steps, last_names) = chain(&mut compiler, before, &names)?;
        let last = Last::compile(&mut compiler, &part, &last_names)?;
        *form = compiler.form;
        let served = served(manifest, &root, &last)?;
        let signature = match declared {
            Some(signature) => signature.clone(),
            None => own_signature(&names, positional)?,
        };
        let mut positions = Vec::with_capacity(names.len());
        for (position, name) in names.iter().enumerate() {
            positions.push(match signature.position(name) {
                _ if positional => position,
                Some(position) => position,
                None => {
                    let name = super::part::shown(name);
                    return root.unsupported(format!("needs column `{name}`, which the signature does not have"));
                }
            });
        }
        if positional && names.len() > signature.inputs().len() {
            return root.unsupported("needs more columns than the signature has");
        }
        let source = Source {
            names,
            positions,
            positional,
        };
        let columnar = match (&steps[..], &last.predictor) {
            ([], Some(predictor)) => predictor.columnar(None),
            ([step], Some(predictor)) => step.standard().and_then(|scaler| predictor.columnar(Some(scaler))),
            _ => None,
        };
        Ok(Self {
            signature,
            source,
            columnar,
            steps,
            last_names,
            last,
            served,
            arrays: Arrays::default(),
        })
    }

    /// What reaches the last step.
    fn features(&self, batch: &RecordBatch) -> Result<Block, PredictError> {
        self.steps
            .iter()
            .try_fold(self.source.read(batch)?, |block, step| step.apply(block))
    }

    /// What the last step makes of its columns, or those columns when it only predicts.
    fn transformed(&self, block: Block) -> Result<ArrayRef, PredictError> {
        let (block, names) = match &self.last.transformer {
            Some((transform, names)) => (transform.apply(block)?, names),
            None => (block, &self.last_names),
        };
        self.arrays.block(block, names)
    }

    fn classes(&self) -> &[Labels] {
        self.last
            .predictor
            .as_ref()
            .map_or(&[], |predictor| predictor.classes())
    }

    fn served_by(
        &self,
        predictor: &dyn Estimator,
        served: Method,
        batch: &RecordBatch,
    ) -> Result<Predictions, PredictError> {
        let whole = matches!(
            served,
            Method::Predict | Method::PredictProba | Method::DecisionFunction
        );
        let wanted = Wanted {
            probabilities: true,
            scores: served == Method::DecisionFunction,
        };
        if let (Some(model), true) = (&self.columnar, whole)
            && let Some(columns) = self.source.doubles(batch)
            && let Some(evaluation) = model.evaluate(&columns, batch.num_rows(), wanted)
        {
            return self.answer(predictor, served, evaluation, || self.features(batch));
        }
        let block = self.features(batch)?;
        let evaluation = predictor.evaluate(&block, wanted)?;
        self.answer(predictor, served, evaluation, || Ok(block))
    }

    /// An evaluation as what `served` gives, with what reached the last step for methods that evaluations do not have.
    fn answer(
        &self,
        predictor: &dyn Estimator,
        served: Method,
        evaluation: Evaluation,
        block: impl FnOnce() -> Result<Block, PredictError>,
    ) -> Result<Predictions, PredictError> {
        let classes = predictor.classes();
        let Evaluation {
            predict,
            probabilities,
            scores,
        } = evaluation;
        // Probabilities of several outputs have no one order of classes.
        let probabilities = probabilities.filter(|_| classes.len() == 1);
        let probabilities = probabilities.map(|output| self.arrays.output(output, classes));
        let found = match served {
            Method::Predict => Some(predict),
            Method::DecisionFunction => scores,
            _ => None,
        };
        let values = match (served, &probabilities, found) {
            (Method::PredictProba, Some(probabilities), _) => Arc::clone(probabilities),
            (_, _, Some(output)) => self.arrays.output(output, classes),
            (_, _, None) => self.arrays.output(predictor.call(served, &block()?)?, classes),
        };
        Ok(Predictions { values, probabilities })
    }
}

impl Last {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let (predicts, transforms) = match part.row.what {
            What::Predictor(_) => (true, false),
            What::Transformer(_) => (false, true),
            What::Both(..) | What::Pipeline | What::Delegate => (true, true),
        };
        Ok(Self {
            predictor: predicts
                .then(|| compiler.estimator(part.view, part.place, names))
                .transpose()?,
            transformer: transforms
                .then(|| compiler.transformer(part.view, part.place, names))
                .transpose()?,
        })
    }
}

impl Predictor for SklearnModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        match (self.served, &self.last.predictor) {
            (Some(Method::Transform), _) => Ok(Predictions {
                values: self.transformed(self.features(batch)?)?,
                probabilities: None,
            }),
            (Some(served), Some(predictor)) => self.served_by(&**predictor, served, batch),
            _ => Err(PredictError::Method {
                method: Method::Predict,
            }),
        }
    }

    fn methods(&self) -> Vec<Method> {
        let mut methods = self
            .last
            .predictor
            .as_ref()
            .map_or_else(Vec::new, |last| last.methods());
        if self.last.transformer.is_some() || !self.steps.is_empty() {
            methods.push(Method::Transform);
        }
        methods.sort_unstable();
        methods
    }

    fn call(&self, method: Method, batch: &RecordBatch) -> Result<ArrayRef, PredictError> {
        if !self.methods().contains(&method) {
            return Err(PredictError::Method { method });
        }
        let block = self.features(batch)?;
        match &self.last.predictor {
            Some(predictor) if method != Method::Transform => {
                Ok(self.arrays.output(predictor.call(method, &block)?, self.classes()))
            }
            _ => self.transformed(block),
        }
    }
}

/// The minor version of the scikit-learn that fitted the model.
fn version(root: &Part<'_, '_>, manifest: &Manifest) -> Result<u32, SklearnError> {
    let own = root.view.attr("_sklearn_version").and_then(View::as_str);
    let text = own.or(manifest.sklearn_version()).ok_or(SklearnError::Version)?;
    let minor = text.strip_prefix("1.").and_then(|rest| rest.split('.').next());
    let minor = minor
        .and_then(|minor| minor.parse().ok())
        .filter(|minor| VERSIONS.contains(minor));
    minor.ok_or(SklearnError::Version)
}

/// The steps of the outermost pipelines and searches, unrolled; the last one predicts.
fn layers<'t>(root: &Part<'t, '_>) -> Result<Vec<Step<'t>>, SklearnError> {
    let mut found = vec![Step {
        view: root.view,
        place: ROOT.to_owned(),
    }];
    for _ in 0..MAX_LAYERS {
        let Some(last) = found.pop() else {
            return root.content("it has no steps");
        };
        let part = Part::new(last.view, &last.place)?;
        match part.row.what {
            What::Pipeline => found.extend(steps(&part)?),
            What::Delegate => found.push(part.delegate()?),
            _ => {
                found.push(last);
                return Ok(found);
            }
        }
    }
    Err(SklearnError::TooLarge {
        what: "the nesting of estimators",
    })
}

/// The columns that the model gets: by name when it was fitted on a frame, otherwise those of the signature in order.
fn columns(first: &Step<'_>, declared: Option<&Signature>, last: &Part<'_, '_>) -> Result<(Names, bool), SklearnError> {
    let positional = declared.is_some_and(Signature::positional);
    let mut view = first.view;
    // A pipeline as the first step was fitted on what its own first step was.
    for _ in 0..MAX_LAYERS {
        let part = Part::new(view, &first.place)?;
        let What::Pipeline = part.row.what else { break };
        match steps(&part)?.first() {
            Some(step) => view = step.view,
            None => break,
        }
    }
    let part = Part::new(view, &first.place)?;
    if let Some(names) = part.optional("feature_names_in_") {
        let Some(names) = names.strings() else {
            return part.content("attribute `feature_names_in_` is not a list of texts");
        };
        return Ok((names.into_iter().map(Arc::from).collect(), positional));
    }
    if let Some(signature) = declared {
        return Ok((
            signature
                .inputs()
                .iter()
                .map(|input| Arc::from(input.name.as_str()))
                .collect(),
            true,
        ));
    }
    let own = super::lightgbm::own_names(&part);
    if !own.is_empty() {
        return Ok((own.into_iter().map(Arc::from).collect(), false));
    }
    let part = if part.view.attr("n_features_in_").is_some() {
        part
    } else {
        *last
    };
    if part.row.module == super::text::MODULE && part.view.attr("n_features_in_").is_none() {
        return part.unsupported("reads a column of text, which only a signature can name");
    }
    let count = part.count("n_features_in_")?;
    if count > crate::signature::MAX_COLUMNS {
        return Err(SklearnError::TooLarge {
            what: "the number of input columns",
        });
    }
    Ok((
        (0..count).map(|position| Arc::from(position.to_string())).collect(),
        true,
    ))
}

/// Columns of doubles, for a model without a declaration.
fn own_signature(names: &Names, positional: bool) -> Result<Signature, SklearnError> {
    let signature = if positional {
        Signature::of_array(ColumnType::Double, names.len())
    } else {
        Signature::of_doubles(names.iter().map(ToString::to_string))
    };
    signature.map_err(|_| SklearnError::TooLarge {
        what: "the number or length of input names",
    })
}

/// What `MLmodel` declares.
fn declared<'m>(manifest: &'m Manifest, root: &Part<'_, '_>) -> Result<Option<&'m Signature>, SklearnError> {
    manifest
        .signature()
        .or_else(|error| root.unsupported(format!("has a signature that is not understood: {error}")))
}

/// What `predict` gives: what `MLmodel` says. Without that it is `predict`, where the model has it.
fn served(manifest: &Manifest, root: &Part<'_, '_>, last: &Last) -> Result<Option<Method>, SklearnError> {
    let name = manifest.predict_fn();
    let methods = last.predictor.as_ref().map_or_else(Vec::new, |last| last.methods());
    let several = last.predictor.as_ref().is_some_and(|last| last.classes().len() > 1);
    match Method::parse(name) {
        Some(Method::Transform) if last.transformer.is_some() => Ok(Some(Method::Transform)),
        Some(Method::PredictProba | Method::PredictLogProba) if several => root.unsupported(format!(
            "is served by `{name}`, whose answer for several outputs is a list of arrays"
        )),
        Some(method) if methods.contains(&method) => Ok(Some(method)),
        _ if last.predictor.is_none() && manifest.flavor("python_function").is_none() => Ok(None),
        _ => root.unsupported(format!(
            "is served by `{}`, which it does not have",
            super::part::shown(name)
        )),
    }
}
