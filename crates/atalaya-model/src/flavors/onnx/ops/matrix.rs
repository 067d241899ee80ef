//! Products of matrices. Each element is added up in the order of the inner dimension, fused, as onnxruntime's kernels do
//! (MLAS keeps one sum per element of the result and walks the inner dimension).

use super::{Budget, Compiled, Inputs, Results, Row, Spec, broadcast, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor};
pub(in crate::flavors::onnx) use crate::product::{Product, multiply};

pub(super) static OPERATORS: &[Row] = &[row("MatMul", |_| Ok(Box::new(mat_mul))), row("Gemm", compile_gemm)];

pub(super) static MICROSOFT: &[Row] = &[row("CDist", compile_cdist)];

/// numpy's `matmul`: the last two dimensions are matrices, those before broadcast; a list is a row or a column.
fn mat_mul(inputs: &Inputs, budget: &Budget) -> Results {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let (a_shape, b_shape) = (padded(a.shape(), true)?, padded(b.shape(), false)?);
    let (a_outer, [rows, inner]) = a_shape.split_last_chunk::<2>().ok_or(EvalError::Shape("no matrix"))?;
    let (b_outer, [b_inner, columns]) = b_shape.split_last_chunk::<2>().ok_or(EvalError::Shape("no matrix"))?;
    if inner != b_inner {
        return Err(EvalError::Shape("the inner dimensions differ"));
    }
    let sizes = Product {
        rows: *rows,
        inner: *inner,
        columns: *columns,
        transposed: false,
    };
    let outer = broadcast::shape(a_outer, b_outer)?;
    let mut shape = outer.clone();
    if a.rank() > 1 {
        shape.push(*rows);
    }
    if b.rank() > 1 {
        shape.push(*columns);
    }
    let count = budget.take_shape(&shape)?;
    budget.work(count.saturating_mul(*inner))?;
    let (a_steps, b_steps) = (broadcast::steps(a_outer, &outer), broadcast::steps(b_outer, &outer));
    let (a_size, b_size) = (rows * inner, inner * columns);
    macro_rules! products {
        ($x:expr, $y:expr) => {{
            let mut out = Vec::with_capacity(count);
            broadcast::walk(&outer, [&a_steps, &b_steps], |[i, j]| {
                let (x, y) = (&$x[i * a_size..(i + 1) * a_size], &$y[j * b_size..(j + 1) * b_size]);
                out.extend(multiply(x, y, sizes));
            });
            out.into()
        }};
    }
    let elements: Elements = match (a.elements(), b.elements()) {
        (Elements::F32(x), Elements::F32(y)) => products!(x, y),
        (Elements::F64(x), Elements::F64(y)) => products!(x, y),
        (Elements::I64(x), Elements::I64(y)) => products!(x, y),
        (Elements::I32(x), Elements::I32(y)) => products!(x, y),
        _ => return Err(b.wrong_kind(1)),
    };
    one(Tensor::new(shape, elements)?)
}

/// A list as a matrix of one row or of one column.
fn padded(shape: &[usize], row: bool) -> Result<Vec<usize>, EvalError> {
    match shape {
        [] => Err(EvalError::Shape("a single number is no matrix")),
        [size] if row => Ok(vec![1, *size]),
        [size] => Ok(vec![*size, 1]),
        shape => Ok(shape.to_vec()),
    }
}

/// `alpha * A' * B' + beta * C`.
fn compile_gemm(spec: &Spec<'_>) -> Compiled {
    let (alpha, beta) = (spec.float_or("alpha", 1.0), spec.float_or("beta", 1.0));
    let (transpose_a, transpose_b) = (spec.flag("transA", false), spec.flag("transB", false));
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let (&[a0, a1], &[b0, b1]) = (a.shape(), b.shape()) else {
            return Err(EvalError::Shape("expected two matrices"));
        };
        let (rows, inner) = if transpose_a { (a1, a0) } else { (a0, a1) };
        let (b_inner, columns) = if transpose_b { (b1, b0) } else { (b0, b1) };
        if inner != b_inner {
            return Err(EvalError::Shape("the inner dimensions differ"));
        }
        let sizes = Product {
            rows,
            inner,
            columns,
            transposed: transpose_b,
        };
        let shape = vec![rows, columns];
        let count = budget.take_shape(&shape)?;
        budget.work(count.saturating_mul(inner))?;
        let added = inputs.optional(2);
        if let Some(added) = added
            && broadcast::shape(added.shape(), &shape)? != shape
        {
            return Err(EvalError::Shape("what is added is larger than the product"));
        }
        macro_rules! gemm {
            ($x:expr, $y:expr, $variant:ident, $alpha:expr, $beta:expr) => {{
                let turned;
                let x = if transpose_a {
                    turned = turn($x, inner, rows);
                    &turned[..]
                } else {
                    &$x[..]
                };
                let mut out = multiply(x, $y, sizes);
                #[expect(clippy::float_cmp, reason = "the default, given exactly")]
                if alpha != 1.0 {
                    out.iter_mut().for_each(|value| *value *= $alpha);
                }
                if let Some(added) = added {
                    let Elements::$variant(bias) = added.elements() else {
                        return Err(added.wrong_kind(2));
                    };
                    let pair = (&bias[..], added.shape());
                    out = broadcast::zip((&out, &shape), pair, &shape, |value, bias| value + $beta * bias);
                }
                out.into()
            }};
        }
        let elements: Elements = match (a.elements(), b.elements()) {
            (Elements::F32(x), Elements::F32(y)) => gemm!(x, y, F32, alpha, beta),
            (Elements::F64(x), Elements::F64(y)) => gemm!(x, y, F64, f64::from(alpha), f64::from(beta)),
            _ => return Err(b.wrong_kind(1)),
        };
        one(Tensor::new(shape, elements)?)
    }))
}

/// A matrix with rows and columns exchanged.
fn turn<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let places = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    places.map(|place| values[place]).collect()
}

/// Distances of all pairs of rows (`com.microsoft.CDist`).
fn compile_cdist(spec: &Spec<'_>) -> Compiled {
    let squared = spec.choice("metric", true, &[("sqeuclidean", true), ("euclidean", false)])?;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let (&[rows, inner], &[columns, b_inner]) = (a.shape(), b.shape()) else {
            return Err(EvalError::Shape("expected two matrices"));
        };
        if inner != b_inner {
            return Err(EvalError::Shape("the inner dimensions differ"));
        }
        let shape = vec![rows, columns];
        let count = budget.take_shape(&shape)?;
        budget.work(count.saturating_mul(inner))?;
        macro_rules! distances {
            ($x:expr, $y:expr, $zero:expr) => {{
                let mut out = Vec::with_capacity(count);
                for row in 0..rows {
                    for other in 0..columns {
                        let pairs = $x[row * inner..(row + 1) * inner]
                            .iter()
                            .zip(&$y[other * inner..(other + 1) * inner]);
                        let sum = pairs.fold($zero, |sum, (x, y)| sum + (x - y) * (x - y));
                        out.push(if squared { sum } else { sum.sqrt() });
                    }
                }
                out.into()
            }};
        }
        let elements: Elements = match (a.elements(), b.elements()) {
            (Elements::F32(x), Elements::F32(y)) => distances!(x, y, 0.0f32),
            (Elements::F64(x), Elements::F64(y)) => distances!(x, y, 0.0f64),
            _ => return Err(b.wrong_kind(1)),
        };
        one(Tensor::new(shape, elements)?)
    }))
}
