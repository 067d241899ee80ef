//! A whole ONNX model: columns in, the graph evaluated, its outputs out as Arrow arrays.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::Field;

use super::error::{EvalError, Failure, OnnxError, shown};
use super::graph::{Context, Program};
use super::initializer::Storage;
use super::input::{Input, inputs};
use super::ops::Budget;
use super::proto::{Graph, Model};
use super::tensor::{Elements, Kind, Tensor};
use crate::files::ModelFiles;
use crate::manifest::Manifest;
use crate::predictor::{Method, NamedOutput, NamedOutputs, PredictError, Predictions, Predictor};
use crate::signature::Signature;

/// Newest version of the file format that is known (ONNX 1.23).
const NEWEST_IR: i64 = 14;
/// Versions of `ai.onnx` whose operators are known. Before 7, broadcasting was a matter of attributes.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;
/// Versions of `ai.onnx.ml`.
const ML_OPSETS: std::ops::RangeInclusive<i64> = 1..=5;

/// Most elements that the trial evaluation may hold; an element takes up to 16 bytes.
const TRIAL_HELD: usize = 1 << 23;
/// Most steps of the trial evaluation, and of each row of a batch: about 0.1 s.
const STEPS: usize = 1 << 26;
/// Most elements that an evaluation may hold.
const HELD: usize = 1 << 27;
/// Rows of the trial evaluation.
const TRIAL_ROWS: usize = 2;

/// One output of a graph: what its elements are, and how many there are per row.
#[derive(Debug, Clone, Copy)]
struct Shape {
    kind: Kind,
    /// `None` for a list of one element per row.
    width: Option<usize>,
}

/// An ONNX model, compiled.
///
/// MLflow answers with every output by its name. Here [`Predictor::predict`] gives the first output as values and the
/// second, where it has several numbers per row, as probabilities; [`OnnxModel::outputs`] gives them all.
pub struct OnnxModel {
    signature: Signature,
    program: Program,
    inputs: Vec<Input>,
    names: Vec<String>,
    shapes: Vec<Shape>,
    /// Whether the signature names columns, so that MLflow passes a frame.
    framed: bool,
}

impl OnnxModel {
    /// Compiles the model of `bytes`, whose further tensors lie in files of `folder`.
    pub(super) fn compile(
        bytes: &[u8],
        folder: &str,
        manifest: &Manifest,
        files: &ModelFiles,
    ) -> Result<Self, OnnxError> {
        let file = Model::read(bytes)?;
        versions(&file)?;
        let context = Context {
            storage: Storage { files, folder },
            opsets: file.opsets.clone(),
            depth: 0,
        };
        let (program, input_names) = Program::compile(file.graph, &context)?;
        let graph = Graph::read(file.graph)?;
        let types: Vec<_> = (input_names.iter())
            .filter_map(|name| graph.inputs.iter().find(|input| input.name == name))
            .collect();
        if types.is_empty() {
            return Err(OnnxError::unsupported("the graph", "it has no inputs"));
        }
        let declared = match manifest.signature() {
            Ok(declared) => declared,
            Err(error) => return Err(OnnxError::unsupported("the signature", error.to_string())),
        };
        let framed = declared.is_some_and(|signature| !signature.positional());
        let (inputs, signature) = inputs(&types, declared)?;
        let names = graph.outputs.iter().map(|output| output.name.to_owned()).collect();
        let mut model = Self {
            signature,
            program,
            inputs,
            names,
            shapes: Vec::new(),
            framed,
        };
        model.shapes = model.tried()?;
        Ok(model)
    }

    /// Evaluates rows of zeros: all shapes must fit, and each output must have one element or list per row.
    fn tried(&self) -> Result<Vec<Shape>, OnnxError> {
        let given: Option<Vec<_>> = self
            .inputs
            .iter()
            .map(|input| input.zeros(TRIAL_ROWS).map(Arc::new))
            .collect();
        let given = given.ok_or_else(|| OnnxError::content("the graph", "its inputs are too large"))?;
        let budget = Budget::new(TRIAL_HELD, STEPS * (TRIAL_ROWS + 1), true);
        let outputs = self.program.run(given, &budget);
        let outputs = outputs.map_err(|failure| OnnxError::unsupported(failure.place, failure.error.to_string()))?;
        let mut shapes = Vec::with_capacity(outputs.len());
        for (output, (name, keys)) in outputs.iter().zip(self.names.iter().zip(&self.program.keys)) {
            let problem = |problem: &str| OnnxError::unsupported(format!("output `{}`", shown(name)), problem);
            let width = match *output.shape() {
                // Some converters give the labels as one row.
                [TRIAL_ROWS] | [1, TRIAL_ROWS] => None,
                [TRIAL_ROWS, width] => Some(width),
                _ => return Err(problem("it has not one element or list per row")),
            };
            if keys.as_ref().is_some_and(|keys| width != Some(keys.0.len())) {
                return Err(problem("it has not one key per element"));
            }
            shapes.push(Shape {
                kind: output.kind(),
                width,
            });
        }
        Ok(shapes)
    }

    /// Every output of the graph, in its order.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn outputs(&self, batch: &RecordBatch) -> Result<Vec<NamedOutput>, PredictError> {
        Ok(self.named(&self.evaluate(batch)?, batch.num_rows()))
    }

    fn named(&self, tensors: &[Arc<Tensor>], rows: usize) -> Vec<NamedOutput> {
        let all = tensors
            .iter()
            .zip(&self.shapes)
            .zip(self.names.iter().zip(&self.program.keys));
        let outputs = all.map(|((tensor, shape), (name, keys))| NamedOutput {
            name: name.clone(),
            values: array(tensor, *shape, rows),
            nested: shape.width == Some(1),
            keys: keys.as_ref().map(|keys| keys.0.clone()),
        });
        outputs.collect()
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<Vec<Arc<Tensor>>, PredictError> {
        let rows = batch.num_rows();
        if rows == 0 {
            return self.shapes.iter().map(|shape| Ok(Arc::new(empty(*shape)?))).collect();
        }
        let mut given = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            given.push(Arc::new(input.read(batch, &self.signature)?));
        }
        let budget = Budget::new(HELD, STEPS.saturating_mul(rows.saturating_add(1)), false);
        let outputs = self.program.run(given, &budget)?;
        for (output, (shape, name)) in outputs.iter().zip(self.shapes.iter().zip(&self.names)) {
            let fits = match (output.shape(), shape.width) {
                ([found] | [1, found], None) => *found == rows,
                ([found, width], Some(expected)) => *found == rows && *width == expected,
                _ => false,
            };
            if !fits || output.kind() != shape.kind {
                return Err(PredictError::Evaluation {
                    place: format!("output `{}`", shown(name)),
                    problem: "it has not one answer per row".to_owned(),
                });
            }
        }
        Ok(outputs)
    }

    fn predictions(&self, outputs: &[NamedOutput]) -> Predictions {
        let output = |position: usize| Arc::clone(&outputs[position].values);
        Predictions {
            // A graph without outputs is not compiled.
            values: output(0),
            probabilities: self.probabilities().map(output),
        }
    }

    /// The position of the output that has the probabilities.
    fn probabilities(&self) -> Option<usize> {
        let several =
            |shape: &Shape| matches!(shape.kind, Kind::F32 | Kind::F64) && shape.width.is_some_and(|width| width > 1);
        (1..self.shapes.len()).find(|position| several(&self.shapes[*position]))
    }
}

fn versions(file: &Model<'_>) -> Result<(), OnnxError> {
    if file.ir_version > NEWEST_IR {
        return Err(OnnxError::unsupported(
            "the model",
            "its version of the ONNX format is not known",
        ));
    }
    for (domain, version) in &file.opsets {
        let known = match *domain {
            "" | "ai.onnx" => &OPSETS,
            "ai.onnx.ml" => &ML_OPSETS,
            _ => continue,
        };
        if !known.contains(version) {
            let problem = format!("version {version} of its operators is not known");
            return Err(OnnxError::unsupported("the model", problem));
        }
    }
    Ok(())
}

impl Predictor for OnnxModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        Ok(self.predictions(&self.outputs(batch)?))
    }

    /// MLflow answers a frame with a frame, where each output has one value per row; an array with a dictionary.
    fn predict_named(&self, batch: &RecordBatch) -> Result<(Predictions, NamedOutputs), PredictError> {
        let outputs = self.outputs(batch)?;
        let single = |shape: &Shape| shape.width.is_none_or(|width| width == 1);
        let mut shapes = self.shapes.iter().zip(&self.program.keys);
        let records = self.framed && shapes.all(|(shape, keys)| single(shape) || keys.is_some());
        Ok((self.predictions(&outputs), NamedOutputs { outputs, records }))
    }

    fn methods(&self) -> Vec<Method> {
        match self.probabilities() {
            Some(_) => vec![Method::Predict, Method::PredictProba],
            None => vec![Method::Predict],
        }
    }

    fn call(&self, method: Method, batch: &RecordBatch) -> Result<ArrayRef, PredictError> {
        let predictions = match method {
            Method::Predict | Method::PredictProba => self.predict(batch)?,
            method => return Err(PredictError::Method { method }),
        };
        match method {
            Method::Predict => Ok(predictions.values),
            method => predictions.probabilities.ok_or(PredictError::Method { method }),
        }
    }
}

/// An output of no rows.
fn empty(shape: Shape) -> Result<Tensor, PredictError> {
    let elements: Elements = match shape.kind {
        Kind::F32 => Vec::<f32>::new().into(),
        Kind::F64 => Vec::<f64>::new().into(),
        Kind::I64 => Vec::<i64>::new().into(),
        Kind::I32 => Vec::<i32>::new().into(),
        Kind::Bool => Vec::<bool>::new().into(),
        Kind::Text => Vec::<Arc<str>>::new().into(),
    };
    let sizes = shape.width.map_or_else(|| vec![0], |width| vec![0, width]);
    Tensor::new(sizes, elements).map_err(|error: EvalError| {
        PredictError::from(Failure {
            place: "the graph".to_owned(),
            error,
        })
    })
}

/// One element per row, or one list of `width` elements when it is not 1.
fn array(tensor: &Tensor, shape: Shape, rows: usize) -> ArrayRef {
    let values: ArrayRef = match tensor.elements() {
        Elements::F32(values) => Arc::new(values.iter().map(|value| f64::from(*value)).collect::<Float64Array>()),
        Elements::F64(values) => Arc::new(Float64Array::from_iter_values(values.iter().copied())),
        Elements::I64(values) => Arc::new(Int64Array::from_iter_values(values.iter().copied())),
        Elements::I32(values) => Arc::new(values.iter().map(|value| i64::from(*value)).collect::<Int64Array>()),
        Elements::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
        Elements::Text(values) => Arc::new(StringArray::from_iter_values(values)),
    };
    match shape.width.filter(|width| *width != 1) {
        None => values,
        Some(width) => {
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), false));
            // Without values only this says how many rows there are.
            let nulls = (width == 0).then(|| NullBuffer::new_valid(rows));
            // Widths come from tensors that lie in memory, which has not so many places.
            let width = i32::try_from(width).unwrap_or(i32::MAX);
            Arc::new(FixedSizeListArray::new(field, width, values, nulls))
        }
    }
}
