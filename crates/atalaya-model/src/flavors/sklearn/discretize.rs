//! `KBinsDiscretizer`: the interval that each number is in.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use super::transform::{Compiled, Transform};
use crate::predictor::PredictError;

/// `KBinsDiscretizer`.
pub(super) struct Discretize {
    names: Names,
    /// The inner edges of each column.
    edges: Vec<Vec<f64>>,
    /// Whether an interval is a column of 0 and 1, and where those of each column start.
    offsets: Option<Vec<usize>>,
    width: usize,
    sparse: bool,
}

impl Discretize {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let columns = part.items("bin_edges_")?;
        if columns.len() != names.len() {
            return part.content("attribute `bin_edges_` does not have one array per column");
        }
        let mut edges = Vec::with_capacity(columns.len());
        for column in columns {
            compiler.charge(16 * length(column))?;
            match column.floats() {
                Some(mut column) if column.len() >= 2 && column.is_sorted() => {
                    column.pop();
                    column.remove(0);
                    edges.push(column);
                }
                _ => return part.content("attribute `bin_edges_` has something else than ascending edges"),
            }
        }
        let (encoded, sparse) = match part.text("encode")? {
            "onehot" => (true, true),
            "onehot-dense" => (true, false),
            "ordinal" => (false, false),
            _ => return part.content("attribute `encode` is not one of its words"),
        };
        let (mut offsets, mut out) = (Vec::new(), Vec::new());
        for (inner, name) in edges.iter().zip(names.iter()) {
            offsets.push(out.len());
            let count = if encoded { inner.len() + 1 } else { 1 };
            out.extend(std::iter::repeat_n(name, count).cloned());
        }
        let step = Self {
            names: Names::clone(names),
            edges,
            offsets: encoded.then_some(offsets),
            width: out.len(),
            sparse,
        };
        Ok((Box::new(step), out.into()))
    }
}

impl Transform for Discretize {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let mut matrix = block.into_numbers(&self.names)?;
        matrix.check(&self.names, false)?;
        let bin = |j: usize, x: f64| self.edges[j].partition_point(|edge| *edge <= x);
        let Some(offsets) = &self.offsets else {
            #[expect(clippy::cast_precision_loss, reason = "a number of edges")]
            matrix.for_each(|j, x| bin(j, x) as f64);
            return Ok(Block::Numbers(matrix));
        };
        let mut values = vec![0.0; matrix.rows * self.width];
        for (position, x) in matrix.values.iter().enumerate() {
            let (row, j) = (position / matrix.columns, position % matrix.columns);
            values[row * self.width + offsets[j] + bin(j, *x)] = 1.0;
        }
        Ok(Block::Numbers(Matrix {
            columns: self.width,
            values,
            sparse: self.sparse,
            ..matrix
        }))
    }
}
