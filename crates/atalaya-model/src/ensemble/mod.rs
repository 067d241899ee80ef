//! Tree ensembles of every library in one compiled form, and their evaluation, which adds leaves in the order of the
//! library that trained them.
//!
//! A loader describes each tree by [`Tree`] and [`Node`], gives them to a [`Builder`] in the order in which the library
//! adds them, and gets an [`Ensemble`]. `X` is the type that the library compares (`f32` for scikit-learn's trees and
//! XGBoost, `f64` for histogram boosting and LightGBM), `Y` the type that it adds in. Every split is brought to the form
//! "`x <= threshold` goes left": [`Node::at_most`] for libraries that test `x <= t`, [`Node::less_than`] for `x < t`.
//!
//! ```
//! use atalaya_model::ensemble::{Builder, Missing, Node, Rules, Side, Table, Tree};
//!
//! let mut builder = Builder::<f32, f64>::new(2, 1, Rules::default());
//! builder.add(Tree {
//!     first: 0,                   // the accumulator that gets the leaf's value
//!     width: 1,                   // values per leaf
//!     nodes: vec![
//!         Node::at_most(1, 0.5, Missing::Nan(Side::Left), 1, 2),
//!         Node::Leaf { leaf: 0 },
//!         Node::Leaf { leaf: 1 },
//!     ],
//!     values: vec![-1.0, 2.0],    // leaf 0, leaf 1
//! })?;
//! let ensemble = builder.build();
//!
//! let rows = [9.0, 0.25, 9.0, 7.0, 9.0, f32::NAN]; // three rows of two columns, or:
//! let columns: [&[f32]; 2] = [&[9.0, 9.0, 9.0], &[0.25, 7.0, f32::NAN]];
//! let mut sums = vec![10.0; 3];   // base values first: rows × accumulators, filled by the caller
//! ensemble.add_to(Table::from_rows(&rows, 2), &mut sums);
//! assert_eq!(sums, [9.0, 12.0, 9.0]);
//! assert_eq!(ensemble.leaves(Table::from_columns(&columns, 3)), [0, 1, 0]); // rows × trees
//! # Ok::<(), atalaya_model::ensemble::EnsembleError>(())
//! ```
//!
//! Memory: check what a file claims before you make the vectors of a [`Tree`]; [`Builder::size_bytes`] and
//! [`Ensemble::size_bytes`] say what the compiled form takes. Values that a library refuses (infinite ones in
//! scikit-learn, NaN where it was not trained on any) are the caller's to refuse before it evaluates. Both layouts of
//! [`Table`] are evaluated in blocks of [`WALK_ROWS`] rows, so a caller that has to convert its input may do so in pieces
//! of a multiple of that.

mod bins;
mod buffer;
mod builder;
mod compiled;
mod fixed;
mod masks;
mod number;
mod packed;
mod stored;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod words;

pub use crate::simd::Level;
pub use builder::{Builder, EnsembleError};
pub use compiled::Ensemble;
pub use number::Number;
pub(crate) use stored::Ensembles;
pub use table::{BLOCK_ROWS, Table, WALK_ROWS};
pub use tree::{Categories, Missing, Node, Rules, Side, Tree};
