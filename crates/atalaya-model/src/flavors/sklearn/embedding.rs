//! `RandomTreesEmbedding`: a column of 0 and 1 for each leaf of trees that were split at random.

use std::collections::HashMap;
use std::sync::Arc;

use super::block::{Block, Matrix, Names, refuse};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::isolation::{narrow, nodes};
use super::part::Part;
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use crate::ensemble::{Builder, Ensemble, Node, Rules, Table, Tree};
use crate::object::View;
use crate::predictor::PredictError;

/// No column.
const NONE: u32 = u32::MAX;

/// `RandomTreesEmbedding`.
pub(super) struct Embedding {
    names: Names,
    /// Leaves are numbered by the column that they set, or [`NONE`] as given by `columns`.
    ensemble: Ensemble<f32, f64>,
    /// Column of each leaf of each tree, tree after tree.
    columns: Vec<u32>,
    /// Where each tree's part of `columns` starts.
    starts: Vec<usize>,
    width: usize,
    sparse: bool,
}

impl Embedding {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        if names.is_empty() {
            return part.content("it gets no columns");
        }
        let trees = part.items("estimators_")?;
        let encoder = part.field("one_hot_encoder_")?;
        let categories = encoder.attr("categories_").and_then(View::elements);
        let Some(categories) = categories.filter(|categories| categories.len() == trees.len() && !trees.is_empty())
        else {
            return part.content("attribute `one_hot_encoder_` does not have one list per tree");
        };
        let mut builder = Builder::new(names.len(), 0, Rules::default());
        let mut embedding = (Vec::new(), Vec::new(), 0);
        let (columns, starts, width) = (&mut embedding.0, &mut embedding.1, &mut embedding.2);
        for (position, (view, categories)) in trees.into_iter().zip(categories).enumerate() {
            let place = format!("{}, tree {}", part.place, position + 1);
            let member = Part::new(view, &place)?;
            if member.name != "ExtraTreeRegressor" {
                return member.unsupported("as a member of an embedding");
            }
            compiler.charge(super::part::length(categories) * 48)?;
            let Some(categories) = categories.ints() else {
                return member.content("its leaves are not integers");
            };
            let column = |feature: i64| u32::try_from(feature).ok();
            let nodes = compiler.nested(|compiler| nodes(compiler, &member, column))?;
            let mut places = HashMap::with_capacity(categories.len());
            for (at, leaf) in categories.iter().enumerate() {
                places.insert(*leaf, u32::try_from(*width + at).unwrap_or(NONE));
            }
            compiler.charge(4 * nodes.len())?;
            starts.push(columns.len());
            let of_node = |at: usize| i64::try_from(at).ok().and_then(|at| places.get(&at)).copied();
            columns.extend((0..nodes.len()).map(|at| of_node(at).unwrap_or(NONE)));
            *width += categories.len();
            add(part, &mut builder, nodes)?;
        }
        let (columns, starts, width) = embedding;
        if u32::try_from(width).is_err() {
            return part.content("it has too many leaves");
        }
        compiler.charge(width * size_of::<Arc<str>>())?;
        let out: Names = std::iter::repeat_n(Arc::from("leaf"), width).collect();
        let embedding = Self {
            names: Names::clone(names),
            ensemble: builder.build(),
            columns,
            starts,
            width,
            sparse: part.flag("sparse_output", true)?,
        };
        Ok((Box::new(embedding), out))
    }
}

fn add(part: &Part<'_, '_>, builder: &mut Builder<f32, f64>, nodes: Vec<Node<f32>>) -> Result<(), SklearnError> {
    let tree = Tree {
        first: 0,
        width: 0,
        nodes,
        values: Vec::new(),
    };
    builder.add(tree).or_else(|error| part.content(error.to_string()))
}

impl Transform for Embedding {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let x = block.into_numbers(&self.names)?;
        let mut rows = Vec::new();
        narrow(&x.values, &mut rows);
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            return Err(refuse(at, x.columns, &self.names, rows[at].is_nan()));
        }
        let leaves = self.ensemble.leaves(Table::from_rows(&rows, x.columns));
        let mut sparse = Sparse::new(self.width);
        for leaves in leaves.chunks_exact(self.starts.len().max(1)) {
            let columns = self
                .starts
                .iter()
                .zip(leaves)
                .map(|(start, leaf)| self.columns[start + *leaf as usize]);
            sparse.push(columns.filter(|column| *column != NONE).map(|column| (column, 1.0)));
        }
        if self.sparse {
            return Ok(Block::Sparse(sparse));
        }
        Ok(Block::Numbers(Matrix {
            sparse: false,
            ..sparse.to_dense(&self.names)?
        }))
    }
}
