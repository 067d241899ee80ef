//! `SimpleImputer`: a fixed value per column in place of the missing ones.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::DataType;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::encode::dtype_name;
use super::error::SklearnError;
use super::missing::{Missing, indicated};
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
    missing: Missing,
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
        let missing = Missing::read(part)?;
        let keep_empty = part.flag("keep_empty_features", false)?;
        // From 1.8 on a constant does not fill columns without any value.
        let constant = compiler.version < 8 && part.field("strategy")?.as_str() == Some("constant");
        let statistics = part.field("statistics_")?;
        compiler.charge(super::part::length(statistics) * size_of::<Fill>())?;
        let mut fills = fills(part, statistics, keep_empty || constant)?;
        if compiler.version >= 8 && part.view.attr("_fill_dtype").and_then(dtype_name) == Some("f4") {
            fills.iter_mut().for_each(Fill::round);
        }
        if fills.len() != names.len() {
            return part.content("attribute `statistics_` does not have one value per column");
        }
        let indicator = indicated(part, names)?;
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

    fn numbers(&self, matrix: Matrix) -> Result<Matrix, PredictError> {
        self.missing.check(&matrix, &self.names)?;
        let kept = self.fills.iter().filter(|fill| !matches!(fill, Fill::Drop)).count();
        let columns = kept + self.indicator.len();
        let mut values = Vec::with_capacity(matrix.rows * columns);
        for (number, row) in matrix.values.chunks_exact(matrix.columns.max(1)).enumerate() {
            for (position, (value, fill)) in row.iter().zip(&self.fills).enumerate() {
                match fill {
                    Fill::Drop => {}
                    _ if !self.missing.number(*value) => values.push(*value),
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
                    .map(|position| f64::from(u8::from(self.missing.number(row[*position])))),
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
                _ if text => out.push(self.texts(column, position)?),
                Fill::Text(_) | Fill::Number(_) => {
                    let name: Names = Arc::from([Arc::clone(&self.names[position])]);
                    let matrix = super::block::gather(rows, std::slice::from_ref(column), &name)?;
                    let one = Self {
                        names: name,
                        fills: vec![fill.clone()],
                        missing: self.missing.clone(),
                        indicator: Vec::new(),
                    };
                    out.extend(one.numbers(matrix)?.into_columns());
                }
            }
        }
        for position in &self.indicator {
            let flags = self.missing.flags(&columns[*position], &self.names[*position])?;
            let values = flags.into_iter().map(|missing| f64::from(u8::from(missing)));
            out.push(Arc::new(arrow_array::Float64Array::from_iter_values(values)));
        }
        Ok(Block::Columns { rows, columns: out })
    }

    /// A column of text, filled.
    fn texts(&self, column: &ArrayRef, position: usize) -> Result<ArrayRef, PredictError> {
        let flags = self.missing.flags(column, &self.names[position])?;
        let Fill::Text(fill) = &self.fills[position] else {
            // A number in a column of text has no place here.
            return match flags.iter().position(|missing| *missing) {
                Some(row) => Err(super::block::refuse(
                    row,
                    1,
                    &Arc::from([Arc::clone(&self.names[position])]),
                    true,
                )),
                None => Ok(Arc::clone(column)),
            };
        };
        let texts = column.as_string::<i32>().iter().zip(flags);
        let filled = texts.map(|(text, missing)| if missing { Some(&**fill) } else { text });
        Ok(Arc::new(filled.collect::<StringArray>()))
    }
}

impl Fill {
    /// To float32.
    fn round(&mut self) {
        if let Self::Number(value) = self {
            *value = round_to_f32(*value);
        }
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
