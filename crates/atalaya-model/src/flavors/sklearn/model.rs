//! A whole scikit-learn model: columns in, steps, the last step's answer out as Arrow arrays.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef};

use super::ROOT;
use super::block::{Block, Names, Source};
use super::classes::Class;
use super::error::SklearnError;
use super::head::{Answer, Classes, Classified, Head, Regressed};
use super::part::{Compiler, Part};
use super::pipeline::{Step, chain, steps};
use super::transform::Transform;
use crate::manifest::Manifest;
use crate::object::{Tree, View};
use crate::predictor::{PredictError, Predictions, Predictor};
use crate::signature::{ColumnType, Signature};

/// Minor versions of scikit-learn 1.x whose arithmetic is known.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=9;
/// Most outermost searches and pipelines around the last step.
const MAX_LAYERS: usize = 32;

/// A scikit-learn model, compiled.
pub struct SklearnModel {
    signature: Signature,
    source: Source,
    steps: Vec<Box<dyn Transform>>,
    /// Where the columns that reach the last step come from.
    head_names: Names,
    head: Head,
    method: Method,
    probability_field: FieldRef,
}

/// The numbers that reach the last step of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Numbers per row.
    pub columns: usize,
    /// Row after row; a missing value is NaN.
    pub values: Vec<f64>,
}

/// What a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Predict,
    PredictProba,
    PredictLogProba,
    DecisionFunction,
}

impl SklearnModel {
    /// Compiles the estimator that is the root of `tree`, read from a file of `file_bytes`.
    pub(super) fn compile(tree: &Tree<'_>, manifest: &Manifest, file_bytes: usize) -> Result<Self, SklearnError> {
        let root = Part::new(tree.root(), ROOT)?;
        let version = version(&root, manifest)?;
        let mut compiler = Compiler::new(version, file_bytes);
        let layers = layers(&root)?;
        let (last, before) = layers.split_last().ok_or(SklearnError::TooLarge {
            what: "a model without steps",
        })?;
        let head = Part::new(last.view, &last.place)?;
        let declared = declared(manifest, &root)?;
        let (names, positional) = columns(before.first().unwrap_or(last), declared, &head)?;
        let (steps, head_names) = chain(&mut compiler, before, &names)?;
        let Some(head) = Head::compile(&mut compiler, &head, &head_names)? else {
            return head.unsupported("only transforms, and has no `predict`");
        };
        let method = method(manifest, &root, &head)?;
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
        let probability_field = Arc::new(Field::new_list_field(DataType::Float64, false));
        let source = Source {
            names,
            positions,
            positional,
        };
        Ok(Self {
            signature,
            source,
            steps,
            head_names,
            head,
            method,
            probability_field,
        })
    }

    /// The numbers that reach the last step: what the model sees of a batch.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn features(&self, batch: &RecordBatch) -> Result<Features, PredictError> {
        let block = self.transform(batch)?;
        let matrix = block.into_numbers(&self.head_names)?;
        Ok(Features {
            columns: matrix.columns,
            values: matrix.values,
        })
    }

    fn transform(&self, batch: &RecordBatch) -> Result<Block, PredictError> {
        self.steps
            .iter()
            .try_fold(self.source.read(batch)?, |block, step| step.apply(block))
    }

    fn list(&self, values: Vec<f64>, width: usize) -> ArrayRef {
        // `width` is a number of classes or outputs, all of which have an entry in the model file.
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        let values = Arc::new(Float64Array::from(values));
        Arc::new(FixedSizeListArray::new(
            Arc::clone(&self.probability_field),
            width,
            values,
            None,
        ))
    }

    fn regressed(&self, answer: Regressed) -> Predictions {
        let values = match answer.width {
            None => Arc::new(Float64Array::from(answer.values)) as ArrayRef,
            Some(width) => self.list(answer.values, width),
        };
        Predictions {
            values,
            probabilities: None,
        }
    }

    fn classified(&self, answer: Classified) -> Predictions {
        let Classified {
            labels,
            probabilities,
            scores,
        } = answer;
        let classes = self.head.labels().map_or(1, super::labels::Labels::len);
        let log_probabilities = match self.method {
            Method::PredictLogProba => Some(probabilities.iter().map(|p| p.ln()).collect::<Vec<_>>()),
            _ => None,
        };
        let probabilities = self.list(probabilities, classes);
        let values = match (self.method, scores, self.head.labels()) {
            (Method::PredictProba, _, _) => Arc::clone(&probabilities),
            (Method::DecisionFunction, Some((scores, Classes::One)), _) => Arc::new(Float64Array::from(scores)),
            (Method::DecisionFunction, Some((scores, Classes::All)), _) => self.list(scores, classes),
            (_, _, known) => match (log_probabilities, known) {
                (Some(logs), _) => self.list(logs, classes),
                (None, Some(known)) => known.take(&labels),
                (None, None) => Arc::clone(&probabilities),
            },
        };
        Predictions {
            values,
            probabilities: Some(probabilities),
        }
    }
}

impl Predictor for SklearnModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        let matrix = self.transform(batch)?.into_numbers(&self.head_names)?;
        Ok(match self.head.answer(&matrix)? {
            Answer::Regressed(answer) => self.regressed(answer),
            Answer::Classified(answer) => self.classified(answer),
        })
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
        match part.class {
            Class::Pipeline => found.extend(steps(&part)?),
            Class::Search => {
                let view = part.field("best_estimator_")?;
                found.push(Step {
                    view,
                    place: format!("{}, best estimator", part.place),
                });
            }
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
fn columns(first: &Step<'_>, declared: Option<&Signature>, head: &Part<'_, '_>) -> Result<(Names, bool), SklearnError> {
    let positional = declared.is_some_and(Signature::positional);
    let mut view = first.view;
    // A pipeline as the first step was fitted on what its own first step was.
    for _ in 0..MAX_LAYERS {
        match Class::of(view) {
            Some((Class::Pipeline, _)) => {
                let part = Part::new(view, &first.place)?;
                match steps(&part)?.first() {
                    Some(step) => view = step.view,
                    None => break,
                }
            }
            _ => break,
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
    let part = if part.view.attr("n_features_in_").is_some() {
        part
    } else {
        *head
    };
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

fn method(manifest: &Manifest, root: &Part<'_, '_>, head: &Head) -> Result<Method, SklearnError> {
    let classifier = head.labels().is_some();
    let name = manifest.predict_fn();
    match name {
        "predict" => Ok(Method::Predict),
        "predict_proba" if classifier => Ok(Method::PredictProba),
        "predict_log_proba" if classifier => Ok(Method::PredictLogProba),
        "decision_function" if head.has_scores() => Ok(Method::DecisionFunction),
        _ => root.unsupported(format!(
            "is served by `{}`, which it does not have",
            super::part::shown(name)
        )),
    }
}
