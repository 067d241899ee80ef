//! A Booster, compiled: raw scores of rows of doubles, and predictions of raw scores.

use super::categories::Categories;
use super::error::LightgbmError;
use super::objective::{self, Link};
use super::text::ModelText;
use super::trees::{self, LinearLeaf};
use crate::ensemble::{BLOCK_ROWS, Builder, Ensemble, Ensembles, Rules, Table};

/// Values of at most this magnitude are 0: `kZeroThreshold`, a float32.
const ZERO_WITHIN: f64 = 1.000_000_018_002_509_5e-35;
/// Memory that any model may take, and memory per byte of its text.
const FREE_BYTES: usize = 64 << 20;
const BYTES_PER_TEXT_BYTE: usize = 8;
/// Rows whose leaves are looked up before any of them is used.
const LEAF_ROWS: usize = 16 * BLOCK_ROWS;

/// A Booster, compiled.
#[derive(Debug)]
pub(in crate::flavors) struct Booster {
    /// The columns' names.
    pub(in crate::flavors) names: Vec<Box<str>>,
    /// Numbers per row.
    pub(in crate::flavors) outputs: usize,
    /// The columns that were declared as categories.
    pub(in crate::flavors) categorical: Vec<usize>,
    /// The categories of columns that pandas had as such, in order.
    pub(in crate::flavors) pandas: Vec<Categories>,
    ensemble: Ensemble<f64, f64>,
    /// The leaves of each tree, when any is linear.
    linear: Option<Vec<Linear>>,
    link: Link,
    /// What predictions are divided by before the link.
    divisor: Option<f64>,
}

/// The leaves of a tree among linear ones.
#[derive(Debug)]
enum Linear {
    Products(Vec<LinearLeaf>),
    /// A tree that is not linear itself.
    Values(Vec<f64>),
}

/// Trees, and the leaves of each when any is linear.
type Grown = (Ensemble<f64, f64>, Option<Vec<Linear>>);

impl Booster {
    /// Compiles the first `iterations` iterations of a model text, or all of them when it is not above 0. Trees that are
    /// kept in `ensembles` may be taken out of the text; linear ones are not kept.
    ///
    /// # Errors
    /// When it is of an unknown kind, damaged, or contradicts itself.
    pub(in crate::flavors) fn compile(
        text: &str,
        iterations: i64,
        ensembles: &mut Ensembles,
    ) -> Result<Self, LightgbmError> {
        let model = ModelText::parse(text)?;
        let (outputs, features) = (model.outputs, model.names.len());
        let stored = ensembles.take(features, outputs);
        let stored = stored.map_err(|error| LightgbmError::content(error.to_string()))?;
        let (ensemble, linear) = match stored {
            Some(ensemble) => (ensemble, None),
            None => Self::grow(text.len(), &model, iterations)?,
        };
        model.sizes?;
        if linear.is_some() {
            ensembles.give_up();
        }
        ensembles.keep(&ensemble);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 iterations")]
        let divisor = model.average.then_some((ensemble.trees() / outputs) as f64);
        Ok(Self {
            link: objective::link(model.objective, outputs)?,
            names: model.names.into_iter().map(Box::from).collect(),
            outputs,
            categorical: model.categorical,
            pandas: model.pandas,
            ensemble,
            linear,
            divisor,
        })
    }

    fn grow(text_bytes: usize, model: &ModelText<'_>, iterations: i64) -> Result<Grown, LightgbmError> {
        let limit = text_bytes
            .saturating_mul(BYTES_PER_TEXT_BYTE)
            .saturating_add(FREE_BYTES);
        let (outputs, features) = (model.outputs, model.names.len());
        let rules = Rules {
            zero_within: ZERO_WITHIN,
            cut_before_sign: true,
        };
        let all = model.trees.len() / outputs;
        let wanted = usize::try_from(iterations).ok().filter(|wanted| *wanted > 0);
        let iterations = wanted.map_or(all, |wanted| wanted.min(all));
        let mut builder = Builder::new(features, outputs, rules);
        let (mut leaves, mut any) = (Vec::new(), false);
        for (number, fields) in model.trees.iter().enumerate().take(iterations * outputs) {
            let parsed = trees::parse(fields, number % outputs, features)?;
            any |= parsed.linear.is_some();
            leaves.push(match parsed.linear {
                Some(linear) => Linear::Products(linear),
                None => Linear::Values(parsed.tree.values.clone()),
            });
            builder.add(parsed.tree)?;
            if builder.size_bytes() > limit {
                return Err(LightgbmError::TooLarge {
                    what: "the memory that the model takes",
                });
            }
        }
        Ok((builder.build(), any.then_some(leaves)))
    }

    /// Raw scores of rows: [`Booster::outputs`] numbers for each.
    pub(in crate::flavors) fn scores(&self, columns: Columns<'_>) -> Vec<f64> {
        let mut sums = vec![0.0; columns.rows() * self.outputs];
        match &self.linear {
            None => self.ensemble.add_to(columns.table(), &mut sums),
            Some(leaves) => self.add_linear(leaves, columns, &mut sums),
        }
        sums
    }

    /// `Tree::Predict` of linear trees: the constant, plus products in the order of the text.
    fn add_linear(&self, leaves: &[Linear], columns: Columns<'_>, sums: &mut [f64]) {
        for start in (0..columns.rows()).step_by(LEAF_ROWS) {
            let rows = LEAF_ROWS.min(columns.rows() - start);
            let found = columns.part(start, rows, |table| self.ensemble.leaves(table));
            for (row, found) in found.chunks_exact(leaves.len().max(1)).enumerate() {
                let row = start + row;
                for (tree, (leaf, leaves)) in found.iter().zip(leaves).enumerate() {
                    sums[row * self.outputs + tree % self.outputs] += match leaves {
                        Linear::Values(values) => values[*leaf as usize],
                        Linear::Products(leaves) => {
                            leaves[*leaf as usize].value_of(|column| columns.value(row, column))
                        }
                    };
                }
            }
        }
    }

    /// What `predict` makes of raw scores.
    pub(in crate::flavors) fn predictions(&self, mut scores: Vec<f64>) -> Vec<f64> {
        if let Some(divisor) = self.divisor {
            scores.iter_mut().for_each(|score| *score /= divisor);
        }
        self.link.apply(&mut scores, self.outputs);
        scores
    }
}

impl LinearLeaf {
    fn value_of(&self, row: impl Fn(usize) -> f64) -> f64 {
        let mut sum = self.constant;
        for (column, coefficient) in &self.products {
            let x = row(*column as usize);
            if x.is_nan() {
                return self.value;
            }
            sum += coefficient * if x.abs() <= ZERO_WITHIN { 0.0 } else { x };
        }
        sum
    }
}

/// The model's columns; NaN is a missing value.
#[derive(Debug, Clone, Copy)]
pub(in crate::flavors) enum Columns<'a> {
    /// Row after row, of this many values each.
    Rows(&'a [f64], usize),
    /// Column after column, of this many values each.
    Columns(&'a [&'a [f64]], usize),
}

impl<'a> Columns<'a> {
    fn rows(self) -> usize {
        match self {
            Self::Rows(values, columns) => values.len().checked_div(columns).unwrap_or(0),
            Self::Columns(_, rows) => rows,
        }
    }

    fn table(self) -> Table<'a, f64> {
        match self {
            Self::Rows(values, columns) => Table::from_rows(values, columns),
            Self::Columns(columns, rows) => Table::from_columns(columns, rows),
        }
    }

    /// Calls `each` with `rows` rows from `start`.
    fn part<T>(self, start: usize, rows: usize, each: impl Fn(Table<'_, f64>) -> T) -> T {
        match self {
            Self::Rows(values, columns) => {
                each(Table::from_rows(&values[start * columns..][..rows * columns], columns))
            }
            Self::Columns(columns, _) => {
                let columns: Vec<&[f64]> = columns.iter().map(|column| &column[start..start + rows]).collect();
                each(Table::from_columns(&columns, rows))
            }
        }
    }

    fn value(self, row: usize, column: usize) -> f64 {
        match self {
            Self::Rows(values, columns) => values[row * columns + column],
            Self::Columns(columns, _) => columns[column][row],
        }
    }
}
