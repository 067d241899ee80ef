//! Multi-layer perceptrons: a product, a bias and an activation per layer.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::{Part, length};
use super::precision::Precision;
use super::weights::Weights;
use crate::predictor::{Method, PredictError};
use crate::product::Product;

/// What a layer does to its sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activation {
    Identity,
    Logistic,
    Tanh,
    Relu,
    Softmax,
    Exponential,
}

/// A layer: `inputs × outputs` weights and a bias per output.
#[derive(Debug)]
struct Layer {
    weights: Weights,
    bias: Vec<f64>,
}

/// Layers, the last of which has an activation of its own.
#[derive(Debug)]
struct Network {
    names: Names,
    layers: Vec<Layer>,
    hidden: Activation,
    output: Activation,
    outputs: usize,
    single: bool,
}

impl Activation {
    fn read(part: &Part<'_, '_>, name: &str) -> Result<Self, SklearnError> {
        Ok(match part.text(name)? {
            "identity" => Self::Identity,
            "logistic" => Self::Logistic,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "softmax" => Self::Softmax,
            "exp" => Self::Exponential,
            _ => return part.unsupported("with an activation that is not known"),
        })
    }

    /// To rows of `width` numbers each.
    fn apply(self, precision: Precision, rows: &mut [f64], width: usize) {
        match self {
            Self::Identity => {}
            Self::Logistic => precision.expit_each(rows),
            Self::Tanh => rows.iter_mut().for_each(|x| *x = precision.tanh(*x)),
            Self::Relu => rows.iter_mut().for_each(|x| *x = x.max(0.0)),
            Self::Softmax => rows.chunks_exact_mut(width).for_each(|row| precision.softmax(row)),
            Self::Exponential => precision.exp_each(rows),
        }
    }
}

impl Layer {
    /// Adds to every output what a stored number of a sparse row gives it.
    fn add(&self, precision: Precision, position: usize, x: f64, sums: &mut [f64]) {
        for (total, weight) in sums.iter_mut().zip(self.weights.row(position)) {
            *total = precision.round(*total + precision.round(x * weight));
        }
    }

    /// The sums of rows, before the activation.
    fn sums(&self, precision: Precision, rows: &[f64]) -> Vec<f64> {
        let sizes = Product {
            rows: rows.len() / self.weights.rows.max(1),
            inner: self.weights.rows,
            columns: self.weights.columns,
            transposed: false,
        };
        let mut sums = precision.multiply(rows, &self.weights.values, sizes);
        self.add_bias(precision, &mut sums);
        sums
    }

    fn add_bias(&self, precision: Precision, sums: &mut [f64]) {
        for row in sums.chunks_exact_mut(self.bias.len()) {
            for (total, bias) in row.iter_mut().zip(&self.bias) {
                *total = precision.round(*total + bias);
            }
        }
    }
}

impl Network {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let (weights, biases) = (part.items("coefs_")?, part.items("intercepts_")?);
        if weights.len() != biases.len() || weights.is_empty() {
            return part.content("attributes `coefs_` and `intercepts_` do not have one part per layer");
        }
        let mut layers: Vec<Layer> = Vec::with_capacity(weights.len());
        let mut inputs = names.len();
        let mut single = true;
        for (weights, bias) in weights.into_iter().zip(biases) {
            let weights = Weights::read_view(compiler, part, weights, "coefs_")?;
            compiler.charge(8 * length(bias))?;
            single &= weights.single && bias.as_array().is_some_and(|array| array.is_f32());
            let bias = bias.floats().unwrap_or_default();
            if weights.rows != inputs || bias.len() != weights.columns || weights.columns == 0 {
                return part.content("attributes `coefs_` and `intercepts_` do not fit each other");
            }
            inputs = weights.columns;
            layers.push(Layer { weights, bias });
        }
        Ok(Self {
            names: Names::clone(names),
            layers,
            hidden: Activation::read(part, "activation")?,
            output: Activation::read(part, "out_activation_")?,
            outputs: inputs,
            single,
        })
    }

    /// `rows × outputs`.
    fn forward(&self, x: &Block) -> Result<(Vec<f64>, Precision), PredictError> {
        let Some((first, rest)) = self.layers.split_first() else {
            return Ok((Vec::new(), Precision::Double));
        };
        let mut values = Vec::with_capacity(x.rows() * self.outputs);
        if let Block::Sparse(x) = x {
            x.check(&self.names, false)?;
            let precision = Precision::of(self.single && x.single);
            for (columns, stored) in x.rows() {
                let mut sums = vec![0.0; first.weights.columns];
                for (column, x) in columns.iter().zip(stored) {
                    first.add(precision, *column as usize, *x, &mut sums);
                }
                first.add_bias(precision, &mut sums);
                values.extend(self.finish(precision, sums, rest));
            }
            return Ok((values, precision));
        }
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let precision = Precision::of(self.single && x.single);
        for rows in x.values.chunks(PIECE_ROWS * x.columns.max(1)) {
            values.extend(self.finish(precision, first.sums(precision, rows), rest));
        }
        Ok((values, precision))
    }

    /// From the sums of the first layer to what the last one gives.
    fn finish(&self, precision: Precision, mut sums: Vec<f64>, rest: &[Layer]) -> Vec<f64> {
        let mut width = self.layers.first().map_or(1, |first| first.bias.len());
        for layer in rest {
            self.hidden.apply(precision, &mut sums, width);
            sums = layer.sums(precision, &sums);
            width = layer.bias.len();
        }
        self.output.apply(precision, &mut sums, width);
        sums
    }
}

/// Rows that pass all layers before the next ones do.
const PIECE_ROWS: usize = 128;

/// `MLPRegressor`.
#[derive(Debug)]
pub(super) struct NetworkRegressor(Network);

impl NetworkRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self(Network::compile(compiler, part, names)?)))
    }
}

impl Estimator for NetworkRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let (values, precision) = self.0.forward(x)?;
        let width = (self.0.outputs > 1).then_some(self.0.outputs);
        Ok(Evaluation::of(precision.output(values, width)))
    }
}

/// `MLPClassifier`.
#[derive(Debug)]
pub(super) struct NetworkClassifier {
    network: Network,
    /// `None` when each output is a label that a row has or has not.
    labels: Option<Labels>,
}

impl NetworkClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let network = Network::compile(compiler, part, names)?;
        // Several outputs are probabilities of one choice only after a softmax.
        let labels = if network.outputs > 1 && network.output != Activation::Softmax {
            None
        } else {
            let labels = Labels::read(compiler, part)?;
            if network.outputs != if labels.len() == 2 { 1 } else { labels.len() } {
                return part.content("attribute `coefs_` does not fit `classes_`");
            }
            Some(labels)
        };
        Ok(Box::new(Self { network, labels }))
    }
}

impl Estimator for NetworkClassifier {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba, Method::PredictLogProba]
    }

    fn classes(&self) -> &[Labels] {
        self.labels.as_slice()
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let (values, precision) = self.network.forward(x)?;
        let outputs = self.network.outputs;
        let (predict, probabilities) = if outputs == 1 {
            let labels = values.iter().map(|p| usize::from(*p > 0.5)).collect();
            let pairs = values.iter().flat_map(|p| [precision.round(1.0 - p), *p]);
            (Output::labels(labels), precision.output(pairs.collect(), Some(2)))
        } else if self.labels.is_none() {
            let mut labels = Output::ints(values.iter().map(|p| i64::from(*p > 0.5)).collect());
            labels.width = Some(outputs);
            (labels, precision.output(values, Some(outputs)))
        } else {
            let labels = values.chunks_exact(outputs).map(argmax).collect();
            (Output::labels(labels), precision.output(values, Some(outputs)))
        };
        Ok(Evaluation {
            predict,
            probabilities: Some(probabilities),
            scores: None,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::super::block::Matrix;
    use super::super::sparse::Sparse;
    use super::*;

    fn layer(rows: usize, columns: usize, values: &[f64]) -> Layer {
        Layer {
            weights: Weights {
                rows,
                columns,
                values: values.to_vec(),
                single: false,
            },
            bias: vec![0.5; columns],
        }
    }

    #[test]
    fn layers_follow_each_other_for_dense_and_sparse_rows() {
        let network = Network {
            names: [Arc::from("a"), Arc::from("b")].into(),
            layers: vec![layer(2, 2, &[1.0, -1.0, 2.0, 1.0]), layer(2, 1, &[1.0, 10.0])],
            hidden: Activation::Relu,
            output: Activation::Identity,
            outputs: 1,
            single: false,
        };
        let x = Block::Numbers(Matrix {
            rows: 2,
            columns: 2,
            values: vec![1.0, 0.0, 0.0, 2.0],
            single: false,
            sparse: false,
        });
        let mut sparse = Sparse::new(2);
        sparse.push([(0, 1.0)]);
        sparse.push([(1, 2.0)]);
        let expected = [1.5 + 0.5, 4.5 + 25.0 + 0.5];
        assert_eq!(network.forward(&x).unwrap().0, expected);
        assert_eq!(network.forward(&Block::Sparse(sparse)).unwrap().0, expected);
    }
}
