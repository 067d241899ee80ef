//! `SVMClassifier` and `SVMRegressor`: kernels in float32, sums over support vectors as onnxruntime has them.

use std::sync::Arc;

use super::super::ops::{Budget, Compiled, Inputs, Product, Results, multiply, one};
use super::Classes;
use super::linear::first_largest;
use super::scores::{Second, Transform, logistic};
use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::{EvalError, OnnxError};
use crate::flavors::onnx::tensor::Tensor;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

/// A kernel between rows and vectors.
struct Kernel {
    shape: Shape,
    gamma: f32,
    coef0: f32,
    degree: f32,
    /// `count × width`.
    vectors: Vec<f32>,
    count: usize,
    width: usize,
    /// Added to linear products.
    offset: f32,
}

impl Kernel {
    fn read(spec: &Spec<'_>, vectors: Vec<f32>, count: usize) -> Result<Self, OnnxError> {
        let words = [
            ("LINEAR", Shape::Linear),
            ("POLY", Shape::Poly),
            ("RBF", Shape::Rbf),
            ("SIGMOID", Shape::Sigmoid),
        ];
        let shape = spec.choice("kernel_type", Shape::Linear, &words)?;
        let (gamma, coef0, degree) = match spec.floats("kernel_params")[..] {
            [gamma, coef0, degree] => (gamma, coef0, degree),
            [] => (0.0, 0.0, 0.0),
            _ => return spec.content("attribute `kernel_params` has not three numbers"),
        };
        if count == 0 || vectors.is_empty() || !vectors.len().is_multiple_of(count) {
            return spec.content("its vectors are not as many as it says");
        }
        Ok(Self {
            shape,
            gamma,
            coef0,
            degree,
            width: vectors.len() / count,
            vectors,
            count,
            offset: 0.0,
        })
    }

    /// `rows × count`.
    fn products(&self, input: &Tensor, budget: &Budget) -> Result<(usize, Vec<f32>), EvalError> {
        let (rows, width) = input.rows_and_width()?;
        if width != self.width {
            return Err(EvalError::Shape("there are not as many columns as a vector has"));
        }
        let count = budget.take_shape(&[rows, self.count])?;
        budget.work(count.saturating_mul(width))?;
        let values = input.as_f32(0)?;
        if self.shape == Shape::Rbf {
            let mut out = Vec::with_capacity(count);
            for row in values.chunks_exact(width) {
                for vector in self.vectors.chunks_exact(width) {
                    let sum = row
                        .iter()
                        .zip(vector)
                        .fold(0.0f32, |sum, (x, v)| sum + (x - v) * (x - v));
                    out.push((-self.gamma * sum).exp());
                }
            }
            return Ok((rows, out));
        }
        let sizes = Product {
            rows,
            inner: width,
            columns: self.count,
            transposed: true,
        };
        let mut out = multiply(&values, &self.vectors, sizes);
        for value in &mut out {
            *value = match self.shape {
                Shape::Linear | Shape::Rbf => *value + self.offset,
                Shape::Sigmoid => (self.gamma * *value + self.coef0).tanh(),
                Shape::Poly => {
                    let base = self.gamma * *value + self.coef0;
                    match self.degree {
                        2.0 => base * base,
                        3.0 => base * base * base,
                        degree => base.powf(degree),
                    }
                }
            };
        }
        Ok((rows, out))
    }
}

pub(super) fn regressor(spec: &Spec<'_>) -> Compiled {
    let supports = spec.count("n_supports", spec.int_or("n_supports", 0))?;
    let (coefficients, rho) = (spec.floats("coefficients"), spec.floats("rho"));
    let one_class = spec.flag("one_class", false);
    let Some(rho) = rho.first().copied() else {
        return spec.content("attribute `rho` is empty");
    };
    let (kernel, weights) = if supports > 0 {
        if coefficients.len() != supports {
            return spec.content("there is not one coefficient per vector");
        }
        (
            Kernel::read(spec, spec.floats("support_vectors"), supports)?,
            Some(coefficients),
        )
    } else {
        let mut kernel = Kernel::read(spec, coefficients, 1)?;
        (kernel.shape, kernel.offset) = (Shape::Linear, rho);
        (kernel, None)
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (rows, products) = kernel.products(inputs.get(0)?, budget)?;
        let mut out = match &weights {
            None => products,
            Some(weights) => {
                let sizes = Product {
                    rows,
                    inner: kernel.count,
                    columns: 1,
                    transposed: true,
                };
                let mut sums = multiply(&products, weights, sizes);
                sums.iter_mut().for_each(|sum| *sum += rho);
                sums
            }
        };
        if one_class {
            out.iter_mut()
                .for_each(|value| *value = if *value > 0.0 { 1.0 } else { -1.0 });
        }
        one(Tensor::new(vec![rows, 1], out)?)
    }))
}

/// A classifier by votes of pairs of classes.
struct Votes {
    kernel: Kernel,
    classes: Classes,
    /// Where the vectors of each class begin, and where the last ends.
    starts: Vec<usize>,
    /// `(classes - 1) × vectors`.
    coefficients: Vec<f32>,
    rho: Vec<f32>,
    /// Slopes and offsets of the probabilities of pairs.
    platt: Option<(Vec<f32>, Vec<f32>)>,
    transform: Transform,
}

pub(super) fn classifier(spec: &Spec<'_>) -> Compiled {
    let classes = Classes::read(spec, "classlabels_strings", "classlabels_ints")?;
    let (coefficients, rho) = (spec.floats("coefficients"), spec.floats("rho"));
    let counts = spec.ints("vectors_per_class");
    let transform = Transform::read(spec)?;
    if counts.iter().all(|count| *count == 0) {
        return linear(spec, classes, coefficients, &rho, transform);
    }
    let mut starts = vec![0usize];
    for count in &counts {
        let count = spec.count("vectors_per_class", *count)?;
        match starts.last().and_then(|last| last.checked_add(count)) {
            Some(next) => starts.push(next),
            None => return spec.content("attribute `vectors_per_class` is out of range"),
        }
    }
    let vectors = starts.last().copied().unwrap_or(0);
    let several = classes.len();
    let pairs = several * several.saturating_sub(1) / 2;
    if counts.len() != several || !(2..=1000).contains(&several) {
        return spec.content("there is not one number of vectors per class, or the classes are too few or too many");
    }
    if (several - 1)
        .checked_mul(vectors)
        .is_none_or(|least| coefficients.len() < least)
        || rho.len() < pairs
    {
        return spec.content("its coefficients or offsets are too few");
    }
    let (slopes, offsets) = (spec.floats("prob_a"), spec.floats("prob_b"));
    let platt = if slopes.is_empty() {
        None
    } else if slopes.len() < pairs || offsets.len() != slopes.len() {
        return spec.content("the parameters of its probabilities are too few");
    } else {
        Some((slopes, offsets))
    };
    let votes = Votes {
        kernel: Kernel::read(spec, spec.floats("support_vectors"), vectors)?,
        classes,
        starts,
        coefficients,
        rho,
        platt,
        transform,
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        votes.run(inputs, budget)
    }))
}

impl Votes {
    fn run(&self, inputs: &Inputs, budget: &Budget) -> Results {
        let (rows, products) = self.kernel.products(inputs.get(0)?, budget)?;
        let several = self.classes.len();
        let pairs = several * (several - 1) / 2;
        let width = match (&self.platt, several) {
            (Some(_), _) => several,
            (None, 2) => 2,
            (None, _) => pairs,
        };
        budget.take_shape(&[rows, width])?;
        budget.work(products.len().saturating_mul(several))?;
        let (mut labels, mut out) = (Vec::with_capacity(rows), Vec::with_capacity(rows * width));
        for row in products.chunks_exact(self.kernel.count) {
            let (scores, votes) = self.pairs(row);
            // The first of those with most votes.
            let mut winner = 0;
            for (class, count) in votes.iter().enumerate() {
                if *count > votes[winner] {
                    winner = class;
                }
            }
            labels.push(winner);
            if let Some(platt) = &self.platt {
                let mut probabilities = coupled(&scores, platt, several);
                self.transform.apply(&mut probabilities);
                out.extend(probabilities);
            } else if let [score] = scores[..] {
                let second = match self.transform {
                    Transform::None => Second::Opposite,
                    _ => Second::Complement,
                };
                out.extend(self.transform.pair(score, second));
            } else {
                let mut scores = scores;
                self.transform.apply(&mut scores);
                out.extend(scores);
            }
        }
        let labels = Tensor::list(self.classes.take(&labels));
        Ok(vec![Arc::new(labels), Arc::new(Tensor::new(vec![rows, width], out)?)])
    }

    /// The score of each pair of classes, and how many votes each class has.
    fn pairs(&self, products: &[f32]) -> (Vec<f32>, Vec<usize>) {
        let several = self.classes.len();
        let (mut scores, mut votes) = (Vec::new(), vec![0usize; several]);
        for i in 0..several - 1 {
            for j in i + 1..several {
                let mut sum = 0.0f64;
                for (row, class) in [(j - 1, i), (i, j)] {
                    let span = self.starts[class]..self.starts[class + 1];
                    let weights = &self.coefficients[row * self.kernel.count..][span.clone()];
                    for (weight, product) in weights.iter().zip(&products[span]) {
                        sum += f64::from(weight * product);
                    }
                }
                sum += f64::from(self.rho[scores.len()]);
                #[expect(clippy::cast_possible_truncation, reason = "scores are float32")]
                scores.push(sum as f32);
                votes[if sum > 0.0 { i } else { j }] += 1;
            }
        }
        (scores, votes)
    }
}

/// Probabilities of classes from those of pairs, by libsvm's iteration
/// (Wu, Lin, Weng: Probability estimates for multi-class classification by pairwise coupling, 2004).
fn coupled(scores: &[f32], (slopes, offsets): &(Vec<f32>, Vec<f32>), classes: usize) -> Vec<f32> {
    let mut r = vec![0.0f32; classes * classes];
    let mut pair = 0;
    for i in 0..classes {
        for j in i + 1..classes {
            let value = 1.0 - logistic(scores[pair] * slopes[pair] + offsets[pair]);
            let value = value.clamp(1.0e-7, 1.0 - 1.0e-7);
            r[i * classes + j] = value;
            r[j * classes + i] = 1.0 - value;
            pair += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 1000 classes")]
    let count = classes as f32;
    let mut q = vec![0.0f32; classes * classes];
    for i in 0..classes {
        for j in 0..classes {
            if i != j {
                let other = r[j * classes + i];
                q[i * classes + i] += other * other;
                q[i * classes + j] = if j < i {
                    q[j * classes + i]
                } else {
                    -other * r[i * classes + j]
                };
            }
        }
    }
    let mut p = vec![1.0 / count; classes];
    let mut qp = vec![0.0f32; classes];
    for _ in 0..100 {
        let mut pqp = 0.0;
        for i in 0..classes {
            qp[i] = (0..classes).fold(0.0, |sum, j| sum + q[i * classes + j] * p[j]);
            pqp += p[i] * qp[i];
        }
        let error = qp.iter().map(|value| (value - pqp).abs()).fold(0.0, f32::max);
        if error < 0.005 / count {
            break;
        }
        for i in 0..classes {
            let difference = (pqp - qp[i]) / q[i * classes + i];
            p[i] += difference;
            let scale = 1.0 + difference;
            pqp = (pqp + difference * (difference * q[i * classes + i] + 2.0 * qp[i])) / scale / scale;
            for j in 0..classes {
                qp[j] = (qp[j] + difference * q[i * classes + j]) / scale;
                p[j] /= scale;
            }
        }
    }
    p
}

/// One vector per class (liblinear).
fn linear(spec: &Spec<'_>, classes: Classes, coefficients: Vec<f32>, rho: &[f32], transform: Transform) -> Compiled {
    let Some(rho) = rho.first().copied() else {
        return spec.content("attribute `rho` is empty");
    };
    let several = classes.len();
    let mut kernel = Kernel::read(spec, coefficients, several)?;
    (kernel.shape, kernel.offset) = (Shape::Linear, rho);
    if several < 3 {
        return spec.unsupported("it is linear and has less than three classes");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (rows, mut scores) = kernel.products(inputs.get(0)?, budget)?;
        let mut labels = Vec::with_capacity(rows);
        for row in scores.chunks_exact_mut(several) {
            labels.push(first_largest(row));
            transform.apply(row);
        }
        let labels = Tensor::list(classes.take(&labels));
        Ok(vec![
            Arc::new(labels),
            Arc::new(Tensor::new(vec![rows, several], scores)?),
        ])
    }))
}
