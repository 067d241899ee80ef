//! `FeatureUnion`: several transformers of the same columns, side by side.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::members::beside;
use super::numeric::round_to_f32;
use super::part::{Part, shown};
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// A transformer, and what its columns are multiplied by.
struct Side {
    /// `None` passes the columns through.
    transform: Option<Box<dyn Transform>>,
    weight: Option<f64>,
}

/// `FeatureUnion`.
pub(super) struct Union {
    sides: Vec<Side>,
    /// Where the columns that it gives come from.
    out: Names,
}

impl Union {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let weights = part.optional("transformer_weights");
        let mut sides = Vec::new();
        let mut out: Vec<Arc<str>> = Vec::new();
        for pair in part.items("transformer_list")? {
            let mut pair = pair.elements().into_iter().flatten();
            let (Some(name), Some(view)) = (pair.next().and_then(View::as_str), pair.next()) else {
                return part.content("attribute `transformer_list` is not a list of names and transformers");
            };
            let transform = match view.as_str() {
                Some("drop") => continue,
                Some("passthrough") => {
                    out.extend(names.iter().map(Arc::clone));
                    None
                }
                _ => {
                    let place = format!("{}, transformer `{}`", part.place, shown(name));
                    let (transform, columns) = compiler.transformer(view, &place, names)?;
                    out.extend(columns.iter().map(Arc::clone));
                    Some(transform)
                }
            };
            compiler.charge(names.len() * size_of::<Arc<str>>())?;
            let weight = weights.and_then(|weights| weights.get(name));
            let weight = match weight.filter(|weight| !weight.is_none()).map(View::as_f64) {
                None => None,
                Some(Some(weight)) => Some(weight),
                Some(None) => return part.content("attribute `transformer_weights` has a weight that is no number"),
            };
            sides.push(Side { transform, weight });
        }
        let out: Names = out.into();
        let union = Self {
            sides,
            out: Names::clone(&out),
        };
        Ok((Box::new(union), out))
    }
}

impl Side {
    fn apply(&self, block: Block, names: &Names) -> Result<Block, PredictError> {
        let block = match &self.transform {
            Some(transform) => transform.apply(block)?,
            None => block,
        };
        let Some(weight) = self.weight else { return Ok(block) };
        Ok(match block {
            Block::Sparse(mut sparse) => {
                sparse.values.iter_mut().for_each(|value| *value *= weight);
                if sparse.single {
                    sparse.values.iter_mut().for_each(|value| *value = round_to_f32(*value));
                }
                Block::Sparse(sparse)
            }
            block => {
                let mut matrix = block.into_numbers(names)?;
                let single = matrix.single;
                let weight = if single { round_to_f32(weight) } else { weight };
                matrix.for_each(|_, value| value * weight);
                Block::Numbers(matrix)
            }
        })
    }
}

impl Transform for Union {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let rows = block.rows();
        let sides = self.sides.iter().map(|side| side.apply(block.clone(), &self.out));
        let blocks = sides.collect::<Result<Vec<_>, _>>()?;
        if blocks.iter().any(|block| matches!(block, Block::Columns { .. })) {
            let columns = blocks.into_iter().map(|block| block.into_columns(&self.out));
            let columns = columns.collect::<Result<Vec<_>, _>>()?.concat();
            return Ok(Block::Columns { rows, columns });
        }
        if blocks.iter().any(|block| matches!(block, Block::Sparse(_))) {
            return Sparse::beside(rows, &blocks, &self.out).map(Block::Sparse);
        }
        let parts = blocks.into_iter().map(|block| block.into_numbers(&self.out));
        let parts: Vec<Matrix> = parts.collect::<Result<_, _>>()?;
        let single = !parts.is_empty() && parts.iter().all(|part| part.single);
        // As in Python, one sparse matrix makes all of them sparse.
        let sparse = parts.iter().any(|part| part.sparse);
        let parts: Vec<_> = parts.into_iter().map(|part| (part.values, part.columns)).collect();
        Ok(Block::Numbers(Matrix {
            sparse,
            ..beside(rows, &parts, single)
        }))
    }
}
