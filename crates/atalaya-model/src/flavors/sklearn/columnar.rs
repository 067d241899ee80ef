//! Two classes by one linear score, of doubles that still lie column after column: scaled, multiplied, added and made
//! probabilities some rows at a time, without a matrix in between. The answers are those of the steps one after the other.

use super::block::all_finite;
use super::estimator::{Evaluation, Output, Wanted};
use super::numeric::expit_each;
use super::scale::Standard;
use crate::simd::{Kernel, Level};

/// Rows that are done before the next ones, so that everything about them stays in the fastest cache.
const ROWS: usize = 256;

/// A scaler and a linear model.
#[derive(Debug)]
pub(super) struct Columnar {
    columns: Vec<Column>,
    intercept: f64,
    /// Whether scores become probabilities, by the logistic function.
    probabilities: bool,
    scaled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    center: f64,
    scale: f64,
    weight: f64,
}

impl Columnar {
    pub(super) fn new(scaler: Option<Standard<'_>>, weights: &[f64], intercept: f64, probabilities: bool) -> Self {
        let column = |(at, weight): (usize, &f64)| Column {
            center: scaler.map_or(0.0, |scaler| scaler.center[at]),
            scale: scaler.map_or(1.0, |scaler| scaler.scale[at]),
            weight: *weight,
        };
        Self {
            columns: weights.iter().enumerate().map(column).collect(),
            intercept,
            probabilities,
            scaled: scaler.is_some(),
        }
    }

    /// What the classifier says of columns of `rows` values each; `None` when a value is not finite, on its way or at its
    /// start, which is for the steps themselves to judge.
    pub(super) fn evaluate(&self, columns: &[&[f64]], rows: usize, wanted: Wanted) -> Option<Evaluation> {
        let mut labels = Vec::with_capacity(rows);
        let mut scores = Vec::with_capacity(if wanted.scores { rows } else { 0 });
        let chances = self.probabilities && wanted.probabilities;
        let mut probabilities = Vec::with_capacity(if chances { 2 * rows } else { 0 });
        for first in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - first);
            let mut found = [0.0; ROWS];
            let found = &mut found[..count];
            let tile = Tile {
                model: self,
                columns,
                first,
                scores: found,
            };
            if !Level::best().run(tile) {
                return None;
            }
            labels.extend(found.iter().map(|score| usize::from(*score > 0.0)));
            if wanted.scores {
                scores.extend_from_slice(found);
            }
            if chances {
                expit_each(found);
                let mut pairs = [[0.0; 2]; ROWS];
                for (pair, p) in pairs.iter_mut().zip(&*found) {
                    *pair = [1.0 - *p, *p];
                }
                probabilities.extend_from_slice(pairs[..count].as_flattened());
            }
        }
        Some(Evaluation {
            predict: Output::labels(labels),
            probabilities: chances.then(|| Output::wide(probabilities, 2)),
            scores: wanted.scores.then(|| Output::floats(scores)),
        })
    }
}

/// Scores of some rows; false when one of their values is not finite.
struct Tile<'a> {
    model: &'a Columnar,
    columns: &'a [&'a [f64]],
    first: usize,
    scores: &'a mut [f64],
}

impl Kernel for Tile<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        if self.model.scaled {
            self.add(|x, column| (x - column.center) / column.scale)
        } else {
            self.add(|x, _| x)
        }
    }
}

impl Tile<'_> {
    /// [`super::numeric::dot_alone`], for each row.
    #[inline(always)]
    fn add(self, scale: impl Fn(f64, Column) -> f64) -> bool {
        let Self {
            model,
            columns,
            first,
            scores,
        } = self;
        let rows = scores.len();
        let values = |at: usize| &columns[at][first..first + rows];
        let (fours, rest) = model.columns.as_chunks::<4>();
        for (number, [a, b, c, d]) in fours.iter().enumerate() {
            let [u, v, w, x] = [0, 1, 2, 3].map(|at| values(4 * number + at));
            for at in 0..rows {
                let (u, v) = (scale(u[at], *a), scale(v[at], *b));
                let (w, x) = (scale(w[at], *c), scale(x[at], *d));
                scores[at] += w.mul_add(c.weight, u * a.weight) + x.mul_add(d.weight, v * b.weight);
            }
        }
        let (pairs, last) = rest.as_chunks::<2>();
        for (number, [a, b]) in pairs.iter().enumerate() {
            let [u, v] = [0, 1].map(|at| values(4 * fours.len() + 2 * number + at));
            for at in 0..rows {
                let (u, v) = (scale(u[at], *a), scale(v[at], *b));
                scores[at] += u * a.weight + v * b.weight;
            }
        }
        for a in last {
            let u = values(model.columns.len() - 1);
            for at in 0..rows {
                scores[at] += scale(u[at], *a) * a.weight;
            }
        }
        scores.iter_mut().for_each(|score| *score += model.intercept);
        // A value that is not finite makes a score that is not, whatever its weight.
        all_finite(scores)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::estimator::Values;
    use super::super::numeric::{dot_alone, expit};
    use super::*;

    const EVERYTHING: Wanted = Wanted {
        probabilities: true,
        scores: true,
    };

    fn numbers(count: usize, seed: f64) -> Vec<f64> {
        (0..count)
            .map(|n| f64::from(u32::try_from(n).unwrap()).mul_add(seed, 0.3).sin())
            .collect()
    }

    fn floats(output: Option<Output>) -> Vec<u64> {
        let values = output.unwrap().into_numbers(&[]).unwrap();
        values.into_iter().map(f64::to_bits).collect()
    }

    /// Every remainder of fours and pairs of columns, and rows that do not fill the last tile.
    #[test]
    fn columns_give_what_rows_give() {
        for width in 1..=11 {
            for rows in [1, 5, ROWS, 2 * ROWS + 3] {
                let (weights, center) = (numbers(width, 1.3), numbers(width, 2.9));
                let scale: Vec<f64> = numbers(width, 0.7).iter().map(|x| x.abs() + 0.1).collect();
                let columns: Vec<Vec<f64>> = (0..width).map(|at| numbers(rows, at as f64 + 0.37)).collect();
                let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                for scaled in [false, true] {
                    let standard = Standard {
                        center: &center,
                        scale: &scale,
                    };
                    let model = Columnar::new(scaled.then_some(standard), &weights, 0.21, true);
                    let found = model.evaluate(&columns, rows, EVERYTHING).unwrap();
                    let score = |row: usize| {
                        let value = |at: usize| match scaled {
                            true => (columns[at][row] - center[at]) / scale[at],
                            false => columns[at][row],
                        };
                        dot_alone(&(0..width).map(value).collect::<Vec<_>>(), &weights) + 0.21
                    };
                    let scores: Vec<f64> = (0..rows).map(score).collect();
                    let bits = |all: Vec<f64>| all.into_iter().map(f64::to_bits).collect::<Vec<_>>();
                    let pairs = scores.iter().flat_map(|d| [1.0 - expit(*d), expit(*d)]);
                    assert_eq!(floats(found.probabilities), bits(pairs.collect()), "{width} columns");
                    let labels = scores.iter().map(|d| usize::from(*d > 0.0)).collect();
                    assert_eq!(found.predict.values, Values::Labels(labels));
                    assert_eq!(floats(found.scores), bits(scores));
                }
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_are_left_to_the_steps() {
        let model = Columnar::new(None, &[1.0, 2.0, 3.0], 0.0, true);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for at in 0..3 {
                let mut columns = [[0.5; 300]; 3];
                columns[at][299] = odd;
                let columns: Vec<&[f64]> = columns.iter().map(|column| &column[..]).collect();
                assert!(model.evaluate(&columns, 300, Wanted::PREDICT).is_none());
                assert!(model.evaluate(&columns, 299, Wanted::PREDICT).is_some());
            }
        }
    }
}
