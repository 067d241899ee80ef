//! Transformers that multiply rows by a matrix: principal components and their kin, random projections.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::{dot_alone, dot_alone_each, dot_sparse};
use super::part::Part;
use super::precision::Precision;
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use super::weights::{Weights, read_sparse, sparse_rows};
use crate::predictor::PredictError;
use crate::product::Product;

/// `((X - center) @ weights.T - offset) / scale`.
#[derive(Debug)]
pub(super) struct Projection {
    names: Names,
    /// A row for each column that it gives.
    weights: Weights,
    center: Option<Vec<f64>>,
    offset: Option<Vec<f64>>,
    scale: Option<Vec<f64>>,
    /// Whether `center`, `offset` and `scale` are float32 too.
    single: bool,
}

/// First minor version in which principal components subtract the projected mean, and keep scales from zero.
const PROJECTED_MEAN: u32 = 5;

impl Projection {
    pub(super) fn new(names: &Names, weights: Weights) -> Self {
        Self {
            names: Names::clone(names),
            single: weights.single,
            weights,
            center: None,
            offset: None,
            scale: None,
        }
    }

    pub(super) fn centered(self, center: Option<Vec<f64>>) -> Self {
        Self { center, ..self }
    }

    /// With names for its columns like those that scikit-learn gives them.
    pub(super) fn compiled(self, part: &Part<'_, '_>) -> Compiled {
        let names = component_names(part, self.weights.rows);
        (Box::new(self), names)
    }

    /// `TruncatedSVD` and `GaussianRandomProjection`: nothing but the product.
    pub(super) fn plain(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let weights = Weights::with_columns(compiler, part, "components_", names.len())?;
        Ok(Self::new(names, weights).compiled(part))
    }

    /// `PCA` and `IncrementalPCA`.
    pub(super) fn principal(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let weights = Weights::with_columns(compiler, part, "components_", names.len())?;
        let components = weights.rows;
        let mut projection = Self::new(names, weights);
        if part.optional("mean_").is_some() {
            let mean = part.vector(compiler, "mean_", names.len())?;
            projection.single &= part.field("mean_")?.as_array().is_some_and(|array| array.is_f32());
            if compiler.version >= PROJECTED_MEAN {
                let precision = Precision::of(projection.single);
                let rows = projection.weights.iter();
                projection.offset = Some(rows.map(|row| product(precision, &mean, row, components)).collect());
            } else {
                projection.center = Some(mean);
            }
        }
        if part.flag("whiten", false)? {
            let precision = Precision::of(projection.single);
            let mut scale = part.vector(compiler, "explained_variance_", components)?;
            let least = match precision {
                _ if compiler.version < PROJECTED_MEAN => f64::NEG_INFINITY,
                Precision::Single => f64::from(f32::EPSILON),
                Precision::Double => f64::EPSILON,
            };
            for value in &mut scale {
                *value = precision.round(value.sqrt()).max(least);
            }
            projection.scale = Some(scale);
        }
        Ok(projection.compiled(part))
    }

    /// `FastICA`.
    pub(super) fn independent(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let weights = Weights::with_columns(compiler, part, "components_", names.len())?;
        let center = part
            .optional("mean_")
            .map(|_| part.vector(compiler, "mean_", names.len()))
            .transpose()?;
        Ok(Self::new(names, weights).centered(center).compiled(part))
    }

    /// The product with all rows of `x`, before the offset.
    fn dense(&self, precision: Precision, x: &Matrix, out: &mut Vec<f64>) {
        if x.sparse && precision == Precision::Double {
            for row in x.values.chunks_exact(x.columns.max(1)) {
                out.extend(self.weights.iter().map(|weights| dot_sparse(row, weights)));
            }
            return;
        }
        out.extend(products(precision, x, &self.weights));
    }

    /// The product with sparse rows: stored numbers one after the other.
    fn sparse(&self, x: &Sparse, precision: Precision, out: &mut Vec<f64>) {
        for (columns, values) in x.rows() {
            out.extend(self.weights.iter().map(|weights| {
                let pairs = columns.iter().zip(values);
                pairs.fold(0.0, |total, (column, x)| {
                    precision.round(total + precision.round(x * weights[*column as usize]))
                })
            }));
        }
    }
}

/// Names for `count` columns, like those that scikit-learn gives them: `pca0`, `pca1`.
pub(super) fn component_names(part: &Part<'_, '_>, count: usize) -> Names {
    let class = part.name.to_lowercase();
    (0..count)
        .map(|position| Arc::from(format!("{class}{position}")))
        .collect()
}

/// Rows times all rows of weights.
fn products(precision: Precision, x: &Matrix, weights: &Weights) -> Vec<f64> {
    if weights.rows == 1 && precision == Precision::Double {
        return dot_alone_each(&x.values, &weights.values);
    }
    let sizes = Product {
        rows: x.rows,
        inner: x.columns,
        columns: weights.rows,
        transposed: true,
    };
    precision.multiply(&x.values, &weights.values, sizes)
}

/// A row times one of `outputs` columns of weights.
pub(super) fn product(precision: Precision, row: &[f64], weights: &[f64], outputs: usize) -> f64 {
    if outputs == 1 && precision == Precision::Double {
        return dot_alone(row, weights);
    }
    let pairs = row.iter().zip(weights);
    pairs.fold(0.0, |total, (x, w)| precision.mul_add(*x, *w, total))
}

impl Transform for Projection {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let columns = self.weights.rows;
        let mut values = Vec::with_capacity(block.rows() * columns);
        let (rows, precision) = match block {
            Block::Sparse(sparse) if self.center.is_none() => {
                sparse.check(&self.names, false)?;
                let precision = Precision::of(sparse.single && self.weights.single);
                self.sparse(&sparse, precision, &mut values);
                (sparse.rows, precision)
            }
            block => {
                let mut x = block.into_numbers(&self.names)?;
                x.check(&self.names, false)?;
                let precision = Precision::of(x.single && self.weights.single);
                if let Some(center) = &self.center {
                    x.for_each(|j, x| x - center[j]);
                    x.sparse = false;
                }
                self.dense(precision, &x, &mut values);
                (x.rows, precision)
            }
        };
        let precision = Precision::of(precision.is_single() && self.single);
        if let Some(offset) = &self.offset {
            for row in values.chunks_exact_mut(columns.max(1)) {
                row.iter_mut()
                    .zip(offset)
                    .for_each(|(x, o)| *x = precision.round(*x - o));
            }
        }
        if let Some(scale) = &self.scale {
            for row in values.chunks_exact_mut(columns.max(1)) {
                row.iter_mut()
                    .zip(scale)
                    .for_each(|(x, s)| *x = precision.round(*x / s));
            }
        }
        Ok(Block::Numbers(Matrix {
            rows,
            columns,
            values,
            single: precision.is_single(),
            sparse: false,
        }))
    }
}

/// `SparseRandomProjection`, whose matrix has few numbers.
#[derive(Debug)]
struct SparseProjection {
    names: Names,
    weights: Sparse,
    /// Whether sparse rows become dense ones.
    dense_output: bool,
}

/// `SparseRandomProjection`.
pub(super) fn sparse_projection(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    if !sparse_rows(part.field("components_")?) {
        return Projection::plain(compiler, part, names);
    }
    let weights = read_sparse(compiler, part, "components_")?;
    if weights.columns != names.len() {
        return part.content("attribute `components_` does not have one number per column");
    }
    let columns = component_names(part, weights.rows);
    let projection = SparseProjection {
        names: Names::clone(names),
        dense_output: part.flag("dense_output", false)?,
        weights,
    };
    Ok((Box::new(projection), columns))
}

impl Transform for SparseProjection {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let stays_sparse = matches!(block, Block::Sparse(_)) && !self.dense_output;
        let x = block.into_numbers(&self.names)?;
        x.check(&self.names, false)?;
        let precision = Precision::of(x.single && self.weights.single);
        let mut values = Vec::with_capacity(x.rows * self.weights.rows);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            values.extend(self.weights.rows().map(|(columns, weights)| {
                let pairs = columns.iter().zip(weights);
                pairs.fold(0.0, |total, (column, w)| {
                    precision.round(total + precision.round(w * row[*column as usize]))
                })
            }));
        }
        let projected = Block::Numbers(Matrix {
            rows: x.rows,
            columns: self.weights.rows,
            values,
            single: precision.is_single(),
            sparse: false,
        });
        if stays_sparse {
            let rows = projected.rows();
            return Sparse::beside(rows, &[projected], &self.names).map(Block::Sparse);
        }
        Ok(projected)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(count: usize) -> Names {
        (0..count).map(|position| Arc::from(format!("c{position}"))).collect()
    }

    #[test]
    fn centre_offset_and_scale_come_in_their_order() {
        let weights = Weights {
            rows: 2,
            columns: 2,
            values: vec![1.0, 2.0, 0.0, 1.0],
            single: false,
        };
        let mut projection = Projection::new(&names(2), weights).centered(Some(vec![1.0, 1.0]));
        projection.offset = Some(vec![3.0, 0.0]);
        projection.scale = Some(vec![2.0, 4.0]);
        let x = Block::Numbers(Matrix {
            rows: 1,
            columns: 2,
            values: vec![4.0, 5.0],
            single: false,
            sparse: false,
        });
        let found = projection.apply(x).unwrap().into_numbers(&names(2)).unwrap();
        assert_eq!(found.values, [4.0, 1.0]);
    }

    #[test]
    fn sparse_rows_are_projected_as_dense_ones() {
        let weights = Weights {
            rows: 2,
            columns: 3,
            values: vec![1.0, 2.0, 4.0, 0.5, -1.0, 3.0],
            single: false,
        };
        let projection = Projection::new(&names(3), weights);
        let mut sparse = Sparse::new(3);
        sparse.push([(0, 2.0), (2, 0.25)]);
        sparse.push([]);
        let found = projection.apply(Block::Sparse(sparse)).unwrap();
        let found = found.into_numbers(&names(2)).unwrap();
        assert_eq!(found.values, [3.0, 1.75, 0.0, 0.0]);
    }
}
