//! `LinearClassifier` and `LinearRegressor`.

use std::sync::Arc;

use super::super::ops::{Budget, Compiled, Inputs, Product, multiply, one};
use super::Classes;
use super::scores::{Second, Transform};
use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::Tensor;

/// `X * coefficients^T + intercepts`.
struct Linear {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    targets: usize,
}

impl Linear {
    fn scores(&self, input: &Tensor, budget: &Budget) -> Result<(usize, Vec<f32>), EvalError> {
        let (rows, inner) = input.rows_and_width()?;
        if inner.checked_mul(self.targets) != Some(self.coefficients.len()) {
            return Err(EvalError::Shape("there is not one coefficient per column and target"));
        }
        let count = budget.take_shape(&[rows, self.targets])?;
        budget.work(count.saturating_mul(inner))?;
        let sizes = Product {
            rows,
            inner,
            columns: self.targets,
            transposed: true,
        };
        let mut scores = multiply(&input.as_f32(0)?, &self.coefficients, sizes);
        if !self.intercepts.is_empty() {
            for (at, score) in scores.iter_mut().enumerate() {
                *score += self.intercepts[at % self.targets];
            }
        }
        Ok((rows, scores))
    }
}

pub(super) fn regressor(spec: &Spec<'_>) -> Compiled {
    let targets = spec.count("targets", spec.int_or("targets", 1))?;
    let mut linear = Linear {
        coefficients: spec.floats("coefficients"),
        intercepts: spec.floats("intercepts"),
        targets,
    };
    if targets == 0 || !linear.coefficients.len().is_multiple_of(targets) {
        return spec.content("coefficients and targets do not fit");
    }
    // As onnxruntime: intercepts of another number are not used.
    if linear.intercepts.len() != targets {
        linear.intercepts.clear();
    }
    let transform = Transform::read(spec)?;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (rows, mut scores) = linear.scores(inputs.get(0)?, budget)?;
        if targets > 1 || transform == Transform::Probit {
            scores.chunks_exact_mut(targets).for_each(|row| transform.apply(row));
        }
        one(Tensor::new(vec![rows, targets], scores)?)
    }))
}

pub(super) fn classifier(spec: &Spec<'_>) -> Compiled {
    let classes = Classes::read(spec, "classlabels_strings", "classlabels_ints")?;
    let (coefficients, mut intercepts) = (spec.floats("coefficients"), spec.floats("intercepts"));
    let targets = if intercepts.is_empty() {
        classes.len()
    } else {
        intercepts.len()
    };
    if intercepts.is_empty() {
        intercepts = vec![0.0; targets];
    }
    if targets > 1 && targets != classes.len() {
        return spec.content("there is not one intercept per class");
    }
    if coefficients.is_empty() || !coefficients.len().is_multiple_of(targets) {
        return spec.content("coefficients and intercepts do not fit");
    }
    let two = targets == 1 && classes.len() == 2;
    if targets == 1 && !two {
        return spec.unsupported("it has one score, but not two classes");
    }
    let linear = Linear {
        coefficients,
        intercepts,
        targets,
    };
    let transform = Transform::read(spec)?;
    if two && transform == Transform::Probit {
        return spec.unsupported("it has one score and the transformation `PROBIT`");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (rows, mut scores) = linear.scores(inputs.get(0)?, budget)?;
        let mut labels = Vec::with_capacity(rows);
        for row in scores.chunks_exact(targets) {
            labels.push(match row {
                [score] => usize::from(*score > 0.0),
                row => first_largest(row),
            });
        }
        let width = classes.len();
        if two {
            scores = (scores.iter())
                .flat_map(|score| transform.pair(*score, Second::Complement))
                .collect();
        } else {
            scores.chunks_exact_mut(targets).for_each(|row| transform.apply(row));
        }
        let labels = Tensor::list(classes.take(&labels));
        Ok(vec![
            Arc::new(labels),
            Arc::new(Tensor::new(vec![rows, width], scores)?),
        ])
    }))
}

/// The place of the largest, of equal ones the first.
pub(super) fn first_largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, score) in row.iter().enumerate().skip(1) {
        if *score > row[best] {
            best = place;
        }
    }
    best
}
