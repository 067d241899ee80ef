//! Which values are missing, and `MissingIndicator`: a column of 0 and 1 for each column that may miss some.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::block::{Block, Matrix, Names, gather, refuse};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// What stands for a missing value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Missing {
    /// NaN, `None`, or a null.
    Nothing,
    Number(f64),
    Text(Box<str>),
}

impl Missing {
    /// Attribute `missing_values`.
    pub(super) fn read(part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        let Some(view) = part.optional("missing_values") else {
            return Ok(Self::Nothing);
        };
        match (view.as_str(), view.as_f64()) {
            (Some(text), _) => Ok(Self::Text(text.into())),
            (None, Some(number)) if number.is_nan() => Ok(Self::Nothing),
            (None, Some(number)) => Ok(Self::Number(number)),
            (None, None) => part.unsupported("with a `missing_values` that is neither a number nor text"),
        }
    }

    /// Whether a number is missing.
    #[expect(clippy::float_cmp, reason = "scikit-learn compares for equality")]
    pub(super) fn number(&self, value: f64) -> bool {
        match self {
            Self::Nothing => value.is_nan(),
            Self::Number(missing) => value == *missing,
            Self::Text(_) => false,
        }
    }

    /// Whether a value of a column of text is missing.
    pub(super) fn text(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Nothing, None) => true,
            (Self::Text(missing), Some(value)) => **missing == *value,
            _ => false,
        }
    }

    /// Refuses numbers that are infinite, or NaN where that does not stand for a missing value.
    pub(super) fn check(&self, matrix: &Matrix, names: &Names) -> Result<(), PredictError> {
        matrix.check(names, *self == Self::Nothing)
    }

    /// 1 for every missing value of a column of a block, in order.
    pub(super) fn flags(&self, column: &ArrayRef, name: &Arc<str>) -> Result<Vec<bool>, PredictError> {
        let names: Names = Arc::from([Arc::clone(name)]);
        if *column.data_type() == DataType::Utf8 {
            if *self != Self::Nothing
                && let Some(row) = (0..column.len()).find(|row| column.is_null(*row))
            {
                return Err(refuse(row, 1, &names, true));
            }
            return Ok(column.as_string::<i32>().iter().map(|text| self.text(text)).collect());
        }
        let matrix = gather(column.len(), std::slice::from_ref(column), &names)?;
        self.check(&matrix, &names)?;
        Ok(matrix.values.iter().map(|value| self.number(*value)).collect())
    }
}

/// The columns for which an imputer appends one of 0 and 1.
pub(super) fn indicated(part: &Part<'_, '_>, names: &Names) -> Result<Vec<usize>, SklearnError> {
    match part.optional("indicator_") {
        Some(indicator) if part.flag("add_indicator", false)? => positions(part, indicator, names),
        _ => Ok(Vec::new()),
    }
}

/// `features_` of an indicator.
fn positions(part: &Part<'_, '_>, indicator: View<'_>, names: &Names) -> Result<Vec<usize>, SklearnError> {
    let features = indicator.attr("features_").and_then(View::ints);
    let position = |feature: &i64| usize::try_from(*feature).ok().filter(|at| *at < names.len());
    let features = features.and_then(|features| features.iter().map(position).collect::<Option<Vec<_>>>());
    match features {
        Some(features) if features.is_sorted_by(|a, b| a < b) => Ok(features),
        _ => part.content("attribute `features_` of its indicator does not name columns in their order"),
    }
}

/// `MissingIndicator`.
#[derive(Debug)]
pub(super) struct Indicator {
    names: Names,
    missing: Missing,
    /// The columns that one is given for.
    positions: Vec<usize>,
    /// Whether others must not miss values.
    strict: bool,
    /// Whether the columns are sparse; those of sparse input otherwise.
    sparse: Option<bool>,
}

impl Indicator {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        compiler.charge(names.len() * 8)?;
        let only = match part.text("features")? {
            "missing-only" => true,
            "all" => false,
            _ => return part.content("attribute `features` is not one of its words"),
        };
        let positions = if only {
            positions(part, part.view, names)?
        } else {
            (0..names.len()).collect()
        };
        let out = positions.iter().map(|position| Arc::clone(&names[*position])).collect();
        let sparse = part.field("sparse")?;
        let indicator = Self {
            names: Names::clone(names),
            missing: Missing::read(part)?,
            positions,
            strict: only && part.flag("error_on_new", true)?,
            sparse: sparse.as_bool(),
        };
        Ok((Box::new(indicator), out))
    }

    /// The error for a missing value of a column that missed none when it was fitted.
    fn check_column(&self, position: usize, mut flags: impl Iterator<Item = bool>) -> Result<(), PredictError> {
        if self.strict
            && self.positions.binary_search(&position).is_err()
            && let Some(row) = flags.position(|missing| missing)
        {
            return Err(PredictError::Missing {
                column: self.names[position].to_string(),
                row,
            });
        }
        Ok(())
    }
}

impl Transform for Indicator {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let (rows, columns) = (block.rows(), self.positions.len());
        let given = matches!(&block, Block::Sparse(_)) || matches!(&block, Block::Numbers(matrix) if matrix.sparse);
        let sparse = self.sparse.unwrap_or(given);
        let mut values = vec![0.0; rows * columns];
        let mut single = false;
        if let Block::Columns { columns: arrays, .. } = &block {
            for (position, array) in arrays.iter().enumerate() {
                let flags = self.missing.flags(array, &self.names[position])?;
                self.check_column(position, flags.iter().copied())?;
                if let Ok(at) = self.positions.binary_search(&position) {
                    for (slot, missing) in values[at..].iter_mut().step_by(columns).zip(flags) {
                        *slot = f64::from(u8::from(missing));
                    }
                }
            }
        } else {
            let matrix = block.into_numbers(&self.names)?;
            self.missing.check(&matrix, &self.names)?;
            for position in 0..matrix.columns {
                let column = matrix.values.iter().skip(position).step_by(matrix.columns);
                self.check_column(position, column.map(|value| self.missing.number(*value)))?;
            }
            let all = matrix.values.chunks_exact(matrix.columns.max(1));
            for (row, out) in all.zip(values.chunks_exact_mut(columns.max(1))) {
                for (slot, position) in out.iter_mut().zip(&self.positions) {
                    *slot = f64::from(u8::from(self.missing.number(row[*position])));
                }
            }
            // Beside float32 columns booleans are float32.
            single = matrix.single;
        }
        Ok(Block::Numbers(Matrix {
            rows,
            columns,
            values,
            single,
            sparse,
        }))
    }
}
