//! `KNNImputer`: missing values from the nearest training rows that have them, in scikit-learn's order of operations.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::distance::squared;
use super::error::SklearnError;
use super::members::double;
use super::missing::{Missing, indicated};
use super::numeric::{dot, round_to_f32, squares, sum};
use super::part::Part;
use super::transform::{Compiled, Transform};
use super::weights::Weights;
use crate::predictor::PredictError;

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Column {
    /// Its missing values are filled; with this number where no training row is comparable.
    Filled(f64),
    /// No training row had a value: it is dropped, or is 0 everywhere.
    Dropped,
    Zero,
}

/// `KNNImputer`.
#[derive(Debug)]
pub(super) struct Neighbors {
    names: Names,
    missing: Missing,
    columns: Vec<Column>,
    /// The training rows, with 0 for missing values.
    points: Weights,
    /// The sum of squares of each.
    squares: Vec<f64>,
    /// Whether each value of `points` is there.
    present: Vec<bool>,
    count: usize,
    /// Whether near rows count more.
    by_distance: bool,
    /// Whether rows that nothing is known of count as little as their distance says, as from scikit-learn 1.6 on.
    skip_unknown: bool,
    indicator: Vec<usize>,
}

impl Neighbors {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let missing = Missing::read(part)?;
        if part.field("metric")?.as_str() != Some("nan_euclidean") {
            return part.unsupported("with a metric of its own");
        }
        let by_distance = match part.field("weights")?.as_str() {
            Some("uniform") => false,
            Some("distance") => true,
            _ => return part.unsupported("with weights of its own"),
        };
        let mut points = Weights::with_columns(compiler, part, "_fit_X", names.len())?;
        if points.single {
            return part.unsupported("that was fitted on float32");
        }
        compiler.charge(points.values.len() + 8 * points.rows)?;
        let present: Vec<bool> = points.values.iter().map(|value| !missing.number(*value)).collect();
        for (value, present) in points.values.iter_mut().zip(&present) {
            if !present {
                *value = 0.0;
            }
        }
        if points.values.iter().any(|value| !value.is_finite()) {
            return part.content("attribute `_fit_X` has a value that is not finite");
        }
        let keep = part.flag("keep_empty_features", false)?;
        let column = |j: usize| {
            let there = (0..points.rows).filter(|row| present[row * points.columns + j]).count();
            match (there, keep) {
                (0, false) => Column::Dropped,
                (0, true) => Column::Zero,
                _ => {
                    let values: Vec<f64> = points.iter().map(|row| row[j]).collect();
                    Column::Filled(sum(&values) / double(there))
                }
            }
        };
        let columns: Vec<Column> = (0..points.columns).map(column).collect();
        let count = part.count("n_neighbors")?;
        if count == 0 {
            return part.content("attribute `n_neighbors` is 0");
        }
        let indicator = indicated(part, names)?;
        let kept = columns
            .iter()
            .zip(names.iter())
            .filter(|(column, _)| **column != Column::Dropped);
        let out = kept
            .map(|(_, name)| Arc::clone(name))
            .chain(indicator.iter().map(|position| Arc::clone(&names[*position])))
            .collect();
        // numpy adds in another order where the columns lie side by side.
        let by_column = part.field("_fit_X")?.as_array().is_some_and(|array| array.fortran);
        let squares = points.iter().map(if by_column { squared } else { squares }).collect();
        let imputer = Self {
            names: Names::clone(names),
            missing,
            columns,
            points,
            squares,
            present,
            count,
            by_distance,
            skip_unknown: compiler.version >= 6,
            indicator,
        };
        Ok((Box::new(imputer), out))
    }

    /// `sklearn.metrics.pairwise.nan_euclidean_distances` of a row to every training row; NaN where no column is known of
    /// both.
    fn distances(&self, row: &[f64], distances: &mut Vec<f64>) {
        let known: Vec<bool> = row.iter().map(|value| !self.missing.number(*value)).collect();
        let filled: Vec<f64> = row
            .iter()
            .zip(&known)
            .map(|(x, known)| if *known { *x } else { 0.0 })
            .collect();
        let xx = squares(&filled);
        let width = self.points.columns;
        let points = self
            .points
            .iter()
            .zip(self.present.chunks_exact(width))
            .zip(&self.squares);
        distances.clear();
        distances.extend(points.map(|((point, present), yy)| {
            let mut distance = ((-2.0 * dot(&filled, point) + xx) + yy).max(0.0);
            let (mut only_x, mut only_y, mut both) = (0.0, 0.0, 0);
            for j in 0..width {
                match (known[j], present[j]) {
                    (true, true) => both += 1,
                    (true, false) => only_x += filled[j] * filled[j],
                    (false, _) => only_y += point[j] * point[j],
                }
            }
            distance -= only_x;
            distance -= only_y;
            if both == 0 {
                return f64::NAN;
            }
            (distance.max(0.0) / double(both) * double(width)).sqrt()
        }));
    }

    /// What fills column `j` of a row, given its distances.
    fn fill(&self, j: usize, distances: &[f64], mean: f64) -> f64 {
        let width = self.points.columns;
        let there = (0..self.points.rows).filter(|row| self.present[row * width + j]);
        let mut donors: Vec<(f64, usize)> = there.map(|row| (distances[row], row)).collect();
        if donors.iter().all(|(distance, _)| distance.is_nan()) {
            return mean;
        }
        let count = self.count.min(donors.len());
        // No distance is negative; NaN comes last.
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if count < donors.len() {
            donors.select_nth_unstable_by(count - 1, order);
            donors.truncate(count);
        }
        donors.sort_unstable_by(order);
        let values: Vec<f64> = donors
            .iter()
            .map(|(_, row)| self.points.values[row * width + j])
            .collect();
        if !self.by_distance && !self.skip_unknown {
            return sum(&values) / double(count);
        }
        let on_top = donors.iter().any(|(distance, _)| *distance == 0.0);
        let weight = |distance: f64| match (self.by_distance, on_top) {
            _ if distance.is_nan() => 0.0,
            (false, _) => 1.0,
            (true, true) => f64::from(u8::from(distance == 0.0)),
            (true, false) => 1.0 / distance,
        };
        let weights: Vec<f64> = donors.iter().map(|(distance, _)| weight(*distance)).collect();
        let products: Vec<f64> = values
            .iter()
            .zip(&weights)
            .map(|(value, weight)| value * weight)
            .collect();
        sum(&products) / sum(&weights)
    }
}

impl Transform for Neighbors {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let matrix = block.into_numbers(&self.names)?;
        self.missing.check(&matrix, &self.names)?;
        let kept = self.columns.iter().filter(|column| **column != Column::Dropped).count();
        let columns = kept + self.indicator.len();
        let mut values = Vec::with_capacity(matrix.rows * columns);
        let mut distances = Vec::new();
        for row in matrix.values.chunks_exact(matrix.columns.max(1)) {
            distances.clear();
            for (j, (value, column)) in row.iter().zip(&self.columns).enumerate() {
                match column {
                    Column::Dropped => {}
                    Column::Zero => values.push(0.0),
                    Column::Filled(_) if !self.missing.number(*value) => values.push(*value),
                    Column::Filled(mean) => {
                        if distances.is_empty() {
                            self.distances(row, &mut distances);
                        }
                        let fill = self.fill(j, &distances, *mean);
                        values.push(if matrix.single { round_to_f32(fill) } else { fill });
                    }
                }
            }
            let missing = self
                .indicator
                .iter()
                .map(|position| self.missing.number(row[*position]));
            values.extend(missing.map(|missing| f64::from(u8::from(missing))));
        }
        Ok(Block::Numbers(Matrix {
            columns,
            values,
            sparse: false,
            ..matrix
        }))
    }
}
