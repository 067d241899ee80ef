//! `Scan`: a body evaluated for each slice of some inputs, as exported distances of all pairs of rows are.

use std::sync::Arc;

use super::select::take;
use super::{Budget, Compiled, Inputs, Results, Row, Spec, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::graph::{Context, Program};
use crate::flavors::onnx::initializer::Storage;
use crate::flavors::onnx::tensor::{Elements, Tensor};

pub(super) static OPERATORS: &[Row] = &[row("Scan", compile)];

struct Scan {
    body: Program,
    /// How many of the inputs are scanned; those before are state.
    scanned: usize,
}

fn compile(spec: &Spec<'_>) -> Compiled {
    let Some(body) = spec.graph("body") else {
        return spec.content("attribute `body` is missing");
    };
    if spec.opset < 9 {
        return spec.unsupported("the batched form of opset 8 is not understood");
    }
    let axes = [
        "scan_input_axes",
        "scan_output_axes",
        "scan_input_directions",
        "scan_output_directions",
    ];
    if axes.iter().any(|name| spec.ints(name).iter().any(|value| *value != 0)) {
        return spec.unsupported("it scans along another axis than the first, or backwards");
    }
    let scanned = spec.count("num_scan_inputs", spec.int_or("num_scan_inputs", 0))?;
    let context = Context {
        storage: Storage {
            files: spec.context.storage.files,
            folder: spec.context.storage.folder,
        },
        opsets: spec.context.opsets.clone(),
        depth: spec.context.depth + 1,
    };
    let (body, _) = Program::compile(body, &context)?;
    if scanned == 0 || scanned > spec.inputs || body.inputs != spec.inputs {
        return spec.content("its body does not take what it gives");
    }
    Ok(Box::new(Scan { body, scanned }))
}

impl super::Operator for Scan {
    fn run(&self, inputs: &Inputs, budget: &Budget) -> Results {
        let states = inputs.len().saturating_sub(self.scanned);
        let mut state = (0..states).map(|at| inputs.shared(at)).collect::<Result<Vec<_>, _>>()?;
        let scanned = (states..inputs.len())
            .map(|at| inputs.shared(at))
            .collect::<Result<Vec<_>, _>>()?;
        let lengths: Vec<Option<usize>> = scanned.iter().map(|tensor| tensor.shape().first().copied()).collect();
        let Some(Some(length)) = lengths.first().copied() else {
            return Err(EvalError::Shape("there is nothing to scan"));
        };
        if lengths.iter().any(|other| *other != Some(length)) {
            return Err(EvalError::Shape("the scanned inputs differ in length"));
        }
        let mut slices: Vec<Vec<Arc<Tensor>>> = Vec::new();
        for step in 0..length {
            budget.work(64)?;
            let index = i64::try_from(step).map_err(|_| EvalError::TooLarge)?;
            let mut given = state.clone();
            for tensor in &scanned {
                given.push(Arc::new(take(tensor, 0, &[index], tensor.shape()[1..].to_vec())?));
            }
            let results = self.body.run(given, budget).map_err(|failure| EvalError::Inner {
                place: failure.place,
                problem: failure.error.to_string(),
            })?;
            let (next, found) = results
                .split_at_checked(states)
                .ok_or(EvalError::Shape("its body forgets its state"))?;
            state = next.to_vec();
            slices.resize(found.len(), Vec::new());
            for (all, one) in slices.iter_mut().zip(found) {
                all.push(Arc::clone(one));
            }
        }
        if length == 0 {
            return Err(EvalError::Shape("there is nothing to scan"));
        }
        for all in slices {
            state.push(Arc::new(stack(&all, budget)?));
        }
        Ok(state)
    }
}

/// Tensors of one shape as one with a new first dimension.
fn stack(slices: &[Arc<Tensor>], budget: &Budget) -> Result<Tensor, EvalError> {
    let Some(first) = slices.first() else {
        return Err(EvalError::Shape("there is nothing to scan"));
    };
    let mut shape = vec![slices.len()];
    shape.extend(first.shape());
    budget.take_shape(&shape)?;
    macro_rules! joined {
        ($variant:ident) => {{
            let mut out = Vec::new();
            for slice in slices {
                match slice.elements() {
                    Elements::$variant(values) => out.extend_from_slice(values),
                    _ => return Err(slice.wrong_kind(0)),
                }
            }
            Elements::from(out)
        }};
    }
    let elements = match first.elements() {
        Elements::F32(_) => joined!(F32),
        Elements::F64(_) => joined!(F64),
        Elements::I64(_) => joined!(I64),
        Elements::I32(_) => joined!(I32),
        Elements::Bool(_) => joined!(Bool),
        Elements::Text(_) => joined!(Text),
    };
    Tensor::new(shape, elements)
}
