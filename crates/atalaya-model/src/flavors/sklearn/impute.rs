//! `SimpleImputer`: a fixed value per column in place of the missing ones.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::round_to_f32;
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// What replaces the missing values of a column.
#[derive(Debug, Clone)]
enum Fill {
    Number(f64),
    Text(Box<str>),
    /// There was nothing to learn: the column is dropped.
    Drop,
}

/// `SimpleImputer`.
#[derive(Debug)]
pub(super) struct Impute {
    names: Names,
    fills: Vec<Fill>,
    /// NaN (or `None`), or the number that stands for a missing value.
    missing: f64,
    /// Columns for which a column of 0 and 1 is appended.
    indicator: Vec<usize>,
}

impl Impute {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let missing = match part.view.attr("missing_values") {
            Some(view) if !view.is_none() => match view.as_f64() {
                Some(number) => number,
                None => return part.unsupported("with a `missing_values` that is not a number"),
            },
            _ => f64::NAN,
        };
        let keep_empty = part.flag("keep_empty_features", false)?;
        let constant = part.text("strategy")? == "constant";
        let statistics = part.field("statistics_")?;
        compiler.charge(super::part::length(statistics) * size_of::<Fill>())?;
        let fills = fills(part, statistics, keep_empty || constant)?;
        if fills.len() != names.len() {
            return part.content("attribute `statistics_` does not have one value per column");
        }
        let indicator = match part.optional("indicator_") {
            Some(indicator) if part.flag("add_indicator", false)? => {
                let features = indicator.attr("features_").and_then(View::ints);
                let features = features.map(|features| {
                    let position = |f: &i64| usize::try_from(*f).ok().filter(|f| *f < names.len());
                    features.iter().map(position).collect::<Option<Vec<_>>>()
                });
                match features.flatten() {
                    Some(features) => features,
                    None => return part.content("attribute `indicator_` does not name columns"),
                }
            }
            _ => Vec::new(),
        };
        let kept = fills
            .iter()
            .zip(names.iter())
            .filter(|(fill, _)| !matches!(fill, Fill::Drop))
            .map(|(_, name)| name);
        let out = kept
            .chain(indicator.iter().map(|position| &names[*position]))
            .map(Arc::clone)
            .collect();
        let impute = Self {
            names: Names::clone(names),
            fills,
            missing,
            indicator,
        };
        Ok((Box::new(impute), out))
    }

    fn is_missing(&self, value: f64) -> bool {
        if self.missing.is_nan() {
            value.is_nan()
        } else {
            value == self.missing
        }
    }

    fn numbers(&self, matrix: Matrix) -> Result<Matrix, PredictError> {
        matrix.check(&self.names, self.missing.is_nan())?;
        let kept = self.fills.iter().filter(|fill| !matches!(fill, Fill::Drop)).count();
        let columns = kept + self.indicator.len();
        let mut values = Vec::with_capacity(matrix.rows * columns);
        for (number, row) in matrix.values.chunks_exact(matrix.columns.max(1)).enumerate() {
            for (position, (value, fill)) in row.iter().zip(&self.fills).enumerate() {
                match fill {
                    Fill::Drop => {}
                    _ if !self.is_missing(*value) => values.push(*value),
                    Fill::Number(fill) if matrix.single => values.push(round_to_f32(*fill)),
                    Fill::Number(fill) => values.push(*fill),
                    Fill::Text(_) => {
                        return Err(super::block::refuse(
                            number * matrix.columns + position,
                            matrix.columns,
                            &self.names,
                            true,
                        ));
                    }
                }
            }
            values.extend(
                self.indicator
                    .iter()
                    .map(|position| f64::from(u8::from(self.is_missing(row[*position])))),
            );
        }
        // Appended booleans do not widen float32.
        Ok(Matrix {
            columns,
            values,
            ..matrix
        })
    }

    fn columns(&self, rows: usize, columns: &[ArrayRef]) -> Result<Block, PredictError> {
        let mut out: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for (position, (column, fill)) in columns.iter().zip(&self.fills).enumerate() {
            let text = *column.data_type() == DataType::Utf8;
            match fill {
                Fill::Drop => {}
                Fill::Text(fill) if text => {
                    let filled = column
                        .as_string::<i32>()
                        .iter()
                        .map(|value| Some(value.unwrap_or(fill)));
                    out.push(Arc::new(filled.collect::<StringArray>()));
                }
                Fill::Text(_) | Fill::Number(_) if column.null_count() == 0 && text => out.push(Arc::clone(column)),
                Fill::Text(_) | Fill::Number(_) => {
                    let name: Names = Arc::from([Arc::clone(&self.names[position])]);
                    let matrix = super::block::gather(rows, std::slice::from_ref(column), &name)?;
                    let one = Self {
                        names: name,
                        fills: vec![fill.clone()],
                        missing: self.missing,
                        indicator: Vec::new(),
                    };
                    out.extend(one.numbers(matrix)?.into_columns());
                }
            }
        }
        for position in &self.indicator {
            let column = &columns[*position];
            let values = (0..rows).map(|row| f64::from(u8::from(column.is_null(row))));
            out.push(Arc::new(arrow_array::Float64Array::from_iter_values(values)));
        }
        Ok(Block::Columns { rows, columns: out })
    }
}

fn fills(part: &Part<'_, '_>, statistics: View<'_>, keep: bool) -> Result<Vec<Fill>, SklearnError> {
    let number = |value: f64| {
        if value.is_nan() && !keep {
            Fill::Drop
        } else {
            Fill::Number(value)
        }
    };
    if let Some(numbers) = statistics.floats() {
        return Ok(numbers.into_iter().map(number).collect());
    }
    if let Some(texts) = statistics.strings() {
        return Ok(texts.into_iter().map(|text| Fill::Text(text.into())).collect());
    }
    let Some(items) = statistics.elements() else {
        return part.content("attribute `statistics_` is not an array");
    };
    let fill = |item: View<'_>| match (item.as_str(), item.as_f64()) {
        (Some(text), _) => Ok(Fill::Text(text.into())),
        (None, Some(value)) => Ok(number(value)),
        (None, None) if item.is_none() && !keep => Ok(Fill::Drop),
        (None, None) => part.content("attribute `statistics_` has a value that is neither number nor text"),
    };
    items.map(fill).collect()
}

impl Transform for Impute {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        match block {
            Block::Numbers(matrix) => self.numbers(matrix).map(Block::Numbers),
            Block::Sparse(sparse) => self.numbers(sparse.to_dense(&self.names)?).map(Block::Numbers),
            Block::Columns { rows, columns } => self.columns(rows, &columns),
        }
    }
}
