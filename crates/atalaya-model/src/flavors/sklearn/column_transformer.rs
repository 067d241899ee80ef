//! `ColumnTransformer`: groups of columns, each through its own transformer, set side by side again.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, shown};
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// One group.
struct Group {
    positions: Vec<usize>,
    names: Names,
    /// `None` passes the columns through.
    transform: Option<Box<dyn Transform>>,
}

/// `ColumnTransformer`.
pub(super) struct SplitColumns {
    groups: Vec<Group>,
    /// Where the columns that it gives come from.
    out: Names,
    /// Whether Python has the result as a sparse matrix.
    sparse: bool,
}

impl SplitColumns {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        if part.optional("transformer_weights").is_some() {
            return part.unsupported("with `transformer_weights`");
        }
        let indices = part.field("_transformer_to_input_indices")?;
        let mut groups = Vec::new();
        let mut out: Vec<Arc<str>> = Vec::new();
        for triple in part.items("transformers_")? {
            let mut parts = triple.elements().into_iter().flatten();
            let (Some(name), Some(view)) = (parts.next().and_then(View::as_str), parts.next()) else {
                return part.content("attribute `transformers_` is not a list of names, transformers and columns");
            };
            let positions = indices.get(name).and_then(View::ints);
            let position = |p: &i64| usize::try_from(*p).ok().filter(|p| *p < names.len());
            let positions = positions.and_then(|positions| positions.iter().map(position).collect::<Option<Vec<_>>>());
            let Some(positions) = positions else {
                return part.content("attribute `_transformer_to_input_indices` does not name columns");
            };
            if positions.is_empty() || view.as_str() == Some("drop") {
                continue;
            }
            compiler.charge(positions.len() * size_of::<(usize, Arc<str>)>())?;
            let group_names: Names = positions.iter().map(|position| Arc::clone(&names[*position])).collect();
            let place = format!("{}, transformer `{}`", part.place, shown(name));
            let transform = if view.as_str() == Some("passthrough") {
                out.extend(group_names.iter().map(Arc::clone));
                None
            } else {
                let (transform, group_out) = compiler.transformer(view, &place, &group_names)?;
                out.extend(group_out.iter().map(Arc::clone));
                Some(transform)
            };
            groups.push(Group {
                positions,
                names: group_names,
                transform,
            });
        }
        let out: Names = out.into();
        let split = Self {
            groups,
            out: Names::clone(&out),
            sparse: part.flag("sparse_output_", false)?,
        };
        Ok((Box::new(split), out))
    }
}

impl Transform for SplitColumns {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let rows = block.rows();
        let mut blocks = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let selected = block.select(&group.positions, &group.names)?;
            blocks.push(match &group.transform {
                Some(transform) => transform.apply(selected)?,
                None => selected,
            });
        }
        if blocks.iter().any(|block| matches!(block, Block::Columns { .. })) {
            let columns = blocks.into_iter().map(|block| block.into_columns(&self.out));
            let columns = columns.collect::<Result<Vec<_>, _>>()?.concat();
            return Ok(Block::Columns { rows, columns });
        }
        if self.sparse && blocks.iter().any(|block| matches!(block, Block::Sparse(_))) {
            return Sparse::beside(rows, &blocks, &self.out).map(Block::Sparse);
        }
        let parts: Vec<Matrix> = blocks
            .into_iter()
            .map(|block| block.into_numbers(&self.out))
            .collect::<Result<_, _>>()?;
        let columns = parts.iter().map(|part| part.columns).sum();
        let mut values = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for part in &parts {
                values.extend_from_slice(&part.values[row * part.columns..(row + 1) * part.columns]);
            }
        }
        let single = !parts.is_empty() && parts.iter().all(|part| part.single);
        Ok(Block::Numbers(Matrix {
            rows,
            columns,
            values,
            single,
            sparse: self.sparse,
        }))
    }
}
