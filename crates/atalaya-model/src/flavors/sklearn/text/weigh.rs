//! `TfidfTransformer`, and the norms of sparse rows.

use super::super::block::{Block, Names};
use super::super::compiler::Compiler;
use super::super::error::SklearnError;
use super::super::part::Part;
use super::super::sparse::Sparse;
use super::super::transform::{Compiled, Transform};
use crate::predictor::PredictError;

/// What the numbers of a row are divided by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Norm {
    None,
    Sum,
    Root,
    Largest,
}

impl Norm {
    pub(super) fn read(part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        match part.optional("norm").map(|view| view.as_str()) {
            None => Ok(Self::None),
            Some(Some("l1")) => Ok(Self::Sum),
            Some(Some("l2")) => Ok(Self::Root),
            Some(Some("max")) => Ok(Self::Largest),
            Some(_) => part.content("attribute `norm` is not a known norm"),
        }
    }

    /// `sklearn.preprocessing.normalize`: sums go in the order in which the numbers are stored.
    pub(super) fn apply(self, sparse: &mut Sparse) {
        for pair in sparse.starts.windows(2) {
            let row = &mut sparse.values[pair[0]..pair[1]];
            let norm = match self {
                Self::None => return,
                Self::Sum => row.iter().fold(0.0, |sum, x| sum + x.abs()),
                Self::Root => row.iter().fold(0.0, |sum, x| sum + x * x).sqrt(),
                Self::Largest => row.iter().fold(0.0, |most: f64, x| most.max(x.abs())),
            };
            if norm != 0.0 {
                row.iter_mut().for_each(|x| *x /= norm);
            }
        }
    }
}

/// `TfidfTransformer`.
#[derive(Debug)]
pub(super) struct Tfidf {
    names: Names,
    sublinear: bool,
    idf: Option<Vec<f64>>,
    /// Up to scikit-learn 1.3 the weights were a sparse matrix, and the product stores a row's columns backwards.
    backwards: bool,
    norm: Norm,
}

impl Tfidf {
    /// The transformer of `names.len()` counts.
    pub(super) fn read(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let width = names.len();
        let diagonal = part.optional("_idf_diag");
        let idf = if !part.flag("use_idf", true)? {
            None
        } else if let Some(matrix) = diagonal {
            compiler.charge(3 * 8 * width)?;
            let read = |name: &str| matrix.attr(name).and_then(|view| view.ints());
            let counts_up = |name: &str, length: usize| {
                let found = read(name).filter(|found| found.len() == length);
                found.is_some_and(|found| found.iter().zip(0..).all(|(found, position)| *found == position))
            };
            if !counts_up("indices", width) || !counts_up("indptr", width + 1) {
                return part.content("attribute `_idf_diag` is not a diagonal with a number per column");
            }
            match matrix.attr("data").and_then(|view| view.floats()) {
                Some(data) if data.len() == width => Some(data),
                _ => return part.content("attribute `_idf_diag` is not a diagonal with a number per column"),
            }
        } else {
            Some(part.vector(compiler, "idf_", width)?)
        };
        Ok(Self {
            names: Names::clone(names),
            sublinear: part.flag("sublinear_tf", false)?,
            backwards: idf.is_some() && diagonal.is_some(),
            idf,
            norm: Norm::read(part)?,
        })
    }

    /// The row of the table.
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        Ok((Box::new(Self::read(compiler, part, names)?), Names::clone(names)))
    }

    pub(super) fn weigh(&self, sparse: &mut Sparse) {
        if self.sublinear {
            sparse.values.iter_mut().for_each(|x| *x = x.ln() + 1.0);
        }
        if let Some(idf) = &self.idf {
            for (x, column) in sparse.values.iter_mut().zip(&sparse.indices) {
                *x *= idf[*column as usize];
            }
        }
        if self.backwards {
            for pair in sparse.starts.windows(2) {
                sparse.values[pair[0]..pair[1]].reverse();
                sparse.indices[pair[0]..pair[1]].reverse();
            }
        }
        self.norm.apply(sparse);
    }
}

impl Transform for Tfidf {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let rows = block.rows();
        let mut sparse = match block {
            Block::Sparse(sparse) => sparse,
            dense => Sparse::beside(rows, &[dense], &self.names)?,
        };
        sparse.check(&self.names, false)?;
        if sparse.single {
            return Err(PredictError::Column {
                column: self.names.first().map_or_else(String::new, ToString::to_string),
                expected: "numbers that are not float32".to_owned(),
            });
        }
        self.weigh(&mut sparse);
        Ok(Block::Sparse(sparse))
    }
}
