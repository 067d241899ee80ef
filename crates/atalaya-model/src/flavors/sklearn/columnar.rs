//! Two classes by one linear score, of doubles that still lie column after column: scaled, multiplied, added and made
//! probabilities some rows at a time, without a matrix in between. The answers are those of the steps one after the other.

use super::estimator::{Evaluation, Output};
use super::scale::Standard;
use crate::exp::exp_each;
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
    pub(super) fn evaluate(&self, columns: &[&[f64]], rows: usize) -> Option<Evaluation> {
        let mut scores = Vec::with_capacity(rows);
        let mut labels = Vec::with_capacity(rows);
        let mut probabilities = Vec::with_capacity(if self.probabilities { 2 * rows } else { 0 });
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
            scores.extend_from_slice(found);
            labels.extend(found.iter().map(|score| usize::from(*score > 0.0)));
            if self.probabilities {
                found.iter_mut().for_each(|score| *score = -*score);
                exp_each(found);
                probabilities.extend(found.iter().flat_map(|power| {
                    let p = 1.0 / (1.0 + power);
                    [1.0 - p, p]
                }));
            }
        }
        Some(Evaluation {
            predict: Output::labels(labels),
            probabilities: self.probabilities.then(|| Output::wide(probabilities, 2)),
            scores: Some(Output::floats(scores)),
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
        let mut odd = [0.0; ROWS];
        let odd = &mut odd[..rows];
        let (fours, rest) = model.columns.as_chunks::<4>();
        for (number, [a, b, c, d]) in fours.iter().enumerate() {
            let [u, v, w, x] = [0, 1, 2, 3].map(|at| values(4 * number + at));
            for at in 0..rows {
                let (u, v) = (scale(u[at], *a), scale(v[at], *b));
                let (w, x) = (scale(w[at], *c), scale(x[at], *d));
                odd[at] += u * 0.0 + v * 0.0 + w * 0.0 + x * 0.0;
                scores[at] += w.mul_add(c.weight, u * a.weight) + x.mul_add(d.weight, v * b.weight);
            }
        }
        let (pairs, last) = rest.as_chunks::<2>();
        for (number, [a, b]) in pairs.iter().enumerate() {
            let [u, v] = [0, 1].map(|at| values(4 * fours.len() + 2 * number + at));
            for at in 0..rows {
                let (u, v) = (scale(u[at], *a), scale(v[at], *b));
                odd[at] += u * 0.0 + v * 0.0;
                scores[at] += u * a.weight + v * b.weight;
            }
        }
        for a in last {
            let u = values(model.columns.len() - 1);
            for at in 0..rows {
                let u = scale(u[at], *a);
                odd[at] += u * 0.0;
                scores[at] += u * a.weight;
            }
        }
        scores.iter_mut().for_each(|score| *score += model.intercept);
        odd.iter().all(|odd| *odd == 0.0)
    }
}
