//! `IterativeImputer`: each column's missing values are predicted from the other columns, round after round.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::members::Member;
use super::missing::{Missing, indicated};
use super::numeric::round_to_f32;
use super::part::{Part, length};
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// One prediction of one column.
struct Step {
    /// Position among the columns that are kept.
    column: usize,
    /// The columns that it is predicted from.
    from: Vec<usize>,
    names: Names,
    estimator: Member,
    least: f64,
    most: f64,
}

/// `IterativeImputer`.
pub(super) struct Iterative {
    names: Names,
    missing: Missing,
    /// What fills before the first round, and drops columns without values.
    initial: Box<dyn Transform>,
    /// The columns that are kept, as positions among all.
    kept: Vec<usize>,
    steps: Vec<Step>,
    indicator: Vec<usize>,
}

impl Iterative {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        if part.flag("sample_posterior", false)? {
            return part.unsupported("with `sample_posterior`, which draws random numbers");
        }
        if part.flag("keep_empty_features", false)? && compiler.version < 9 {
            return part.unsupported("with `keep_empty_features`, which older versions get wrong");
        }
        let place = format!("{}, attribute `initial_imputer_`", part.place);
        let view = part.field("initial_imputer_")?;
        let (initial, filled) = compiler.transformer(view, &place, names)?;
        let empty = view.attr("statistics_").and_then(View::floats).unwrap_or_default();
        let dropped = filled.len() < names.len();
        let kept: Vec<usize> = (0..names.len())
            .filter(|column| !(dropped && empty.get(*column).is_some_and(|value| value.is_nan())))
            .collect();
        if kept.len() != filled.len() {
            return part.content("attribute `initial_imputer_` does not fill its columns");
        }
        let rounds = part.count("n_iter_")?;
        let steps = if rounds == 0 {
            Vec::new()
        } else {
            steps(compiler, part, &filled)?
        };
        let indicator = indicated(part, names)?;
        let appended = indicator.iter().map(|position| Arc::clone(&names[*position]));
        let out = filled.iter().map(Arc::clone).chain(appended).collect();
        let imputer = Self {
            names: Names::clone(names),
            missing: Missing::read(part)?,
            initial,
            kept,
            steps,
            indicator,
        };
        Ok((Box::new(imputer), out))
    }
}

/// `imputation_sequence_`.
fn steps(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Vec<Step>, SklearnError> {
    let (least, most) = (
        part.vector(compiler, "_min_value", names.len())?,
        part.vector(compiler, "_max_value", names.len())?,
    );
    let mut steps = Vec::new();
    for (number, view) in part.items("imputation_sequence_")?.into_iter().enumerate() {
        let item = |at: usize| view.arg(at).or_else(|| view.elements()?.nth(at));
        let (Some(column), Some(from), Some(estimator)) = (item(0), item(1), item(2)) else {
            return part.content("attribute `imputation_sequence_` has a step without an estimator");
        };
        compiler.charge(length(from) * size_of::<(usize, Arc<str>)>())?;
        let position = |value: i64| usize::try_from(value).ok().filter(|at| *at < names.len());
        let column = column.as_i64().and_then(position);
        let from = from
            .ints()
            .and_then(|from| from.into_iter().map(position).collect::<Option<Vec<_>>>());
        let (Some(column), Some(from)) = (column, from) else {
            return part.content("attribute `imputation_sequence_` does not name columns");
        };
        let place = format!("{}, step {} of its imputation", part.place, number + 1);
        let own: Names = from.iter().map(|at| Arc::clone(&names[*at])).collect();
        let estimator = compiler.estimator(estimator, &place, &own)?;
        if !estimator.has(Method::Predict) || estimator.classes().len() > 1 {
            return part.unsupported("with an estimator that does not predict one number");
        }
        steps.push(Step {
            column,
            from,
            names: own,
            estimator,
            least: least[column],
            most: most[column],
        });
    }
    Ok(steps)
}

impl Step {
    /// Predicts the values of `rows`.
    fn fill(&self, matrix: &mut Matrix, rows: &[usize]) -> Result<(), PredictError> {
        let mut values = Vec::with_capacity(rows.len() * self.from.len());
        for row in rows {
            let row = &matrix.values[row * matrix.columns..(row + 1) * matrix.columns];
            values.extend(self.from.iter().map(|column| row[*column]));
        }
        let block = Block::Numbers(Matrix {
            rows: rows.len(),
            columns: self.names.len(),
            values,
            ..*matrix
        });
        for (row, value) in rows.iter().zip(self.estimator.numbers(&block)?) {
            let clipped = if value < self.least {
                self.least
            } else if value > self.most {
                self.most
            } else {
                value
            };
            matrix.values[row * matrix.columns + self.column] =
                if matrix.single { round_to_f32(clipped) } else { clipped };
        }
        Ok(())
    }
}

impl Transform for Iterative {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let all = block.into_numbers(&self.names)?;
        self.missing.check(&all, &self.names)?;
        let mut filled = self
            .initial
            .apply(Block::Numbers(all.clone()))?
            .into_numbers(&self.names)?;
        let width = all.columns.max(1);
        let rows: Vec<Vec<usize>> = self
            .kept
            .iter()
            .map(|column| {
                let values = all.values.iter().skip(*column).step_by(width).enumerate();
                let missing = values.filter(|(_, value)| self.missing.number(**value));
                missing.map(|(row, _)| row).collect()
            })
            .collect();
        // Where nothing at all is known scikit-learn leaves it at that.
        if rows.iter().any(|missing| missing.len() < all.rows) {
            for step in self.steps.iter().filter(|step| !rows[step.column].is_empty()) {
                step.fill(&mut filled, &rows[step.column])?;
            }
        }
        if self.indicator.is_empty() {
            return Ok(Block::Numbers(filled));
        }
        let mut values = Vec::with_capacity(all.rows * (filled.columns + self.indicator.len()));
        for (number, row) in all.values.chunks_exact(width).enumerate() {
            values.extend_from_slice(&filled.values[number * filled.columns..(number + 1) * filled.columns]);
            let missing = self
                .indicator
                .iter()
                .map(|position| self.missing.number(row[*position]));
            values.extend(missing.map(|missing| f64::from(u8::from(missing))));
        }
        Ok(Block::Numbers(Matrix {
            columns: filled.columns + self.indicator.len(),
            values,
            ..filled
        }))
    }
}
