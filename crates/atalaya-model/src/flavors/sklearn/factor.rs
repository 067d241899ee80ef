//! `FactorAnalysis`: the expected factors of a row, whose matrix is made once, when the model is loaded.

use super::block::Names;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::dot;
use super::part::Part;
use super::projection::Projection;
use super::transform::Compiled;
use super::weights::Weights;

/// Most factors: a matrix of them is inverted, which takes time with their third power.
const MAX_FACTORS: usize = 512;

pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    let components = Weights::with_columns(compiler, part, "components_", names.len())?;
    let mean = part.vector(compiler, "mean_", names.len())?;
    let noise = part.vector(compiler, "noise_variance_", names.len())?;
    let count = components.rows;
    if count > MAX_FACTORS {
        return part.unsupported(format!("with more than {MAX_FACTORS} factors"));
    }
    compiler.charge(16 * (count * count + components.values.len()))?;
    let mut scaled = components.clone();
    for row in scaled.values.chunks_exact_mut(names.len().max(1)) {
        row.iter_mut().zip(&noise).for_each(|(w, noise)| *w /= noise);
    }
    let mut precision = Vec::with_capacity(count * count);
    for (i, row) in scaled.iter().enumerate() {
        precision.extend(
            components
                .iter()
                .enumerate()
                .map(|(j, other)| f64::from(u8::from(i == j)) + dot(row, other)),
        );
    }
    let Some(covariance) = inverse(precision, count) else {
        return part.content("attributes `components_` and `noise_variance_` have no inverse");
    };
    // (X - mean) @ scaled.T @ covariance, with both matrices multiplied beforehand.
    let columns = scaled.transposed();
    let mut values = Vec::with_capacity(components.values.len());
    for factor in 0..count {
        let weights: Vec<f64> = (0..count).map(|row| covariance[row * count + factor]).collect();
        values.extend(columns.iter().map(|column| dot(column, &weights)));
    }
    let weights = Weights {
        rows: count,
        columns: names.len(),
        values,
        single: false,
    };
    Ok(Projection::new(names, weights).centered(Some(mean)).compiled(part))
}

/// The inverse of a `n × n` matrix, by elimination with the largest pivot of each column.
fn inverse(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    let mut inverse: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| {
            let size = |row: &usize| matrix[row * n + column].abs();
            size(a).total_cmp(&size(b))
        })?;
        let size = matrix[pivot * n + column];
        if size == 0.0 || !size.is_finite() {
            return None;
        }
        for at in 0..n {
            matrix.swap(pivot * n + at, column * n + at);
            inverse.swap(pivot * n + at, column * n + at);
        }
        for at in 0..n {
            matrix[column * n + at] /= size;
            inverse[column * n + at] /= size;
        }
        for row in (0..n).filter(|row| *row != column) {
            let factor = matrix[row * n + column];
            for at in 0..n {
                matrix[row * n + at] -= factor * matrix[column * n + at];
                inverse[row * n + at] -= factor * inverse[column * n + at];
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_the_identity() {
        let matrix = vec![0.0, 2.0, 1.0, 1.0, 1.0, 0.0, 3.0, -1.0, 2.0];
        let inverted = inverse(matrix.clone(), 3).unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let sum: f64 = (0..3).map(|k| matrix[i * 3 + k] * inverted[k * 3 + j]).sum();
                assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-14, "{i} {j}");
            }
        }
        assert!(inverse(vec![1.0, 2.0, 2.0, 4.0], 2).is_none());
    }
}
