//! `PolynomialFeatures`: products of columns, in scikit-learn's order of columns and of multiplications.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::round_to_f32;
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::predictor::PredictError;

/// `PolynomialFeatures`.
pub(super) struct Polynomial {
    names: Names,
    /// The columns that each output column is the product of; none for the column of ones.
    products: Vec<Box<[usize]>>,
}

impl Polynomial {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let width = names.len();
        part.check_width(width)?;
        let only = part.flag("interaction_only", false)?;
        let (low, high) = (part.count("_min_degree")?, part.count("_max_degree")?);
        let high = if only { high.min(width) } else { high };
        let mut products: Vec<Box<[usize]>> = Vec::new();
        if part.flag("include_bias", true)? {
            products.push(Box::default());
        }
        if width > 0 {
            for degree in low.max(1)..=high {
                compiler.charge(8 * degree)?;
                let mut product: Vec<usize> = (0..degree).map(|place| if only { place } else { 0 }).collect();
                loop {
                    compiler.charge(8 * degree + size_of::<Box<[usize]>>() + size_of::<std::sync::Arc<str>>())?;
                    products.push(product.as_slice().into());
                    // The last place that can still go up; those after it start again.
                    let limit = |place: usize| if only { width - degree + place } else { width - 1 };
                    let Some(place) = (0..degree).rev().find(|place| product[*place] < limit(*place)) else {
                        break;
                    };
                    let next = product[place] + 1;
                    for (offset, slot) in product[place..].iter_mut().enumerate() {
                        *slot = if only { next + offset } else { next };
                    }
                }
            }
        }
        if products.len() > 1 && width == 0 {
            return part.content("it has products of no columns");
        }
        let Some(first) = names.first() else {
            return part.content("it gets no columns");
        };
        let out = products
            .iter()
            .map(|product| product.first().map_or(first, |column| &names[*column]).clone())
            .collect();
        let names = Names::clone(names);
        Ok((Box::new(Self { names, products }), out))
    }
}

impl Transform for Polynomial {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let sparse = matches!(&block, Block::Sparse(_));
        let matrix = block.into_numbers(&self.names)?;
        matrix.check(&self.names, false)?;
        let sparse = sparse || matrix.sparse;
        let times = |a: f64, b: f64| if matrix.single { round_to_f32(a * b) } else { a * b };
        let mut values = Vec::with_capacity(matrix.rows * self.products.len());
        for row in matrix.values.chunks_exact(matrix.columns.max(1)) {
            values.extend(self.products.iter().map(|product| {
                let numbers = product.iter().map(|column| row[*column]);
                // Dense columns are multiplied from the right, sparse ones from the left.
                let product = if sparse {
                    numbers.reduce(times)
                } else {
                    numbers.rev().reduce(times)
                };
                product.unwrap_or(1.0)
            }));
        }
        Ok(Block::Numbers(Matrix {
            columns: self.products.len(),
            values,
            sparse,
            ..matrix
        }))
    }
}
