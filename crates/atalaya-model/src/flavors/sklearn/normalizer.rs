//! `Normalizer`: rows of length one.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::{round_to_f32, squares, sum};
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::predictor::PredictError;

#[derive(Clone, Copy)]
enum Norm {
    Absolute,
    Euclidean,
    Largest,
}

/// `Normalizer`.
pub(super) struct Normalizer {
    names: Names,
    norm: Norm,
}

impl Normalizer {
    pub(super) fn compile(_: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let norm = match part.text("norm")? {
            "l1" => Norm::Absolute,
            "l2" => Norm::Euclidean,
            "max" => Norm::Largest,
            _ => return part.content("attribute `norm` is not one of its words"),
        };
        let step = Self {
            names: Names::clone(names),
            norm,
        };
        Ok((Box::new(step), Names::clone(names)))
    }

    /// The stored numbers are added up in their order; rows of nothing stay.
    fn stored(&self, row: &mut [f64], single: bool) {
        let norm = match self.norm {
            Norm::Absolute => row.iter().fold(0.0, |total, x| total + x.abs()),
            Norm::Euclidean => row.iter().fold(0.0, |total, x| total + x * x).sqrt(),
            Norm::Largest => largest(row),
        };
        if norm != 0.0 {
            divide(row, norm, single);
        }
    }

    fn dense(&self, row: &mut [f64], single: bool) {
        let norm = match self.norm {
            Norm::Absolute => sum(&row.iter().map(|x| x.abs()).collect::<Vec<_>>()),
            Norm::Euclidean => squares(row).sqrt(),
            Norm::Largest => largest(row),
        };
        let (norm, epsilon) = if single {
            (round_to_f32(norm), f64::from(f32::EPSILON))
        } else {
            (norm, f64::EPSILON)
        };
        // `_handle_zeros_in_scale`.
        if norm >= 10.0 * epsilon {
            divide(row, norm, single);
        }
    }
}

impl Transform for Normalizer {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        if let Block::Sparse(mut sparse) = block {
            sparse.check(&self.names, false)?;
            for pair in sparse.starts.windows(2) {
                self.stored(&mut sparse.values[pair[0]..pair[1]], sparse.single);
            }
            return Ok(Block::Sparse(sparse));
        }
        let mut matrix = block.into_numbers(&self.names)?;
        matrix.check(&self.names, false)?;
        for row in matrix.values.chunks_exact_mut(matrix.columns.max(1)) {
            if matrix.sparse {
                self.stored(row, matrix.single);
            } else {
                self.dense(row, matrix.single);
            }
        }
        Ok(Block::Numbers(matrix))
    }
}

fn largest(row: &[f64]) -> f64 {
    row.iter().fold(0.0, |largest, x| x.abs().max(largest))
}

fn divide(row: &mut [f64], norm: f64, single: bool) {
    for x in row {
        *x /= norm;
        if single {
            *x = round_to_f32(*x);
        }
    }
}
