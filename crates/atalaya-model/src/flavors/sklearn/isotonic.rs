//! `IsotonicRegression`: straight lines between points, also as a calibrator.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::predictor::{Method, PredictError};

/// What values outside the points get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outside {
    /// The answer of the nearest point.
    Clip,
    Missing,
    Refuse,
}

/// A fitted line through points.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Ascending.
    x: Vec<f64>,
    y: Vec<f64>,
    range: (f64, f64),
    outside: Outside,
}

impl Line {
    pub(super) fn read(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        if part
            .field("X_thresholds_")?
            .as_array()
            .is_some_and(|array| array.is_f32())
        {
            return part.unsupported("fitted in float32");
        }
        let x = part.floats(compiler, "X_thresholds_")?;
        let y = part.vector(compiler, "y_thresholds_", x.len())?;
        if x.is_empty() || !x.is_sorted() || x.iter().chain(&y).any(|value| !value.is_finite()) {
            return part.content("attribute `X_thresholds_` is not ascending");
        }
        let range = (part.number("X_min_")?, part.number("X_max_")?);
        let outside = match part.text("out_of_bounds")? {
            "clip" => Outside::Clip,
            "nan" => Outside::Missing,
            "raise" => Outside::Refuse,
            _ => return part.content("attribute `out_of_bounds` is not one of its words"),
        };
        Ok(Self { x, y, range, outside })
    }

    /// The answer for `x`; `None` when it is refused.
    pub(super) fn at(&self, x: f64) -> Option<f64> {
        let (low, high) = self.range;
        let x = match self.outside {
            Outside::Clip if x < low => low,
            Outside::Clip if x > high => high,
            _ => x,
        };
        let (first, last) = (self.x[0], self.x[self.x.len() - 1]);
        if self.x.len() > 1 && (x < first || x > last) {
            match self.outside {
                Outside::Clip => {}
                Outside::Missing => return Some(f64::NAN),
                Outside::Refuse => return None,
            }
        }
        Some(interpolate(x, &self.x, &self.y))
    }
}

/// `numpy.interp`: `xp` ascending and as long as `fp`, which has at least one number.
pub(super) fn interpolate(x: f64, xp: &[f64], fp: &[f64]) -> f64 {
    let last = xp.len() - 1;
    if last == 0 {
        return fp[0];
    }
    let after = xp.partition_point(|point| *point <= x);
    let Some(j) = after.checked_sub(1) else {
        return if x.is_nan() { x } else { fp[0] };
    };
    #[expect(clippy::float_cmp, reason = "numpy compares for equality")]
    if j == last || xp[j] == x {
        return fp[j];
    }
    let slope = (fp[j + 1] - fp[j]) / (xp[j + 1] - xp[j]);
    slope * (x - xp[j]) + fp[j]
}

/// `IsotonicRegression` as an estimator of one column.
#[derive(Debug)]
pub(super) struct Isotonic {
    names: Names,
    line: Line,
}

impl Isotonic {
    fn new(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        if names.len() != 1 {
            return part.content("it gets more than one column");
        }
        Ok(Self {
            names: Names::clone(names),
            line: Line::read(compiler, part)?,
        })
    }

    pub(super) fn predictor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self::new(compiler, part, names)?))
    }

    pub(super) fn transformer(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        Ok((Box::new(Self::new(compiler, part, names)?), Names::clone(names)))
    }

    fn answers(&self, x: &Matrix) -> Result<Vec<f64>, PredictError> {
        x.check(&self.names, false)?;
        let outside = || PredictError::Column {
            column: self.names[0].to_string(),
            expected: "values in the range that the model was fitted on".to_owned(),
        };
        let answer = |x: &f64| self.line.at(*x).ok_or_else(outside);
        x.values.iter().map(answer).collect()
    }
}

impl Estimator for Isotonic {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let answers = self.answers(&*x.numbers(&self.names)?)?;
        Ok(Evaluation::of(Output::floats(answers)))
    }
}

impl Transform for Isotonic {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let matrix = block.into_numbers(&self.names)?;
        let values = self.answers(&matrix)?;
        Ok(Block::Numbers(Matrix {
            values,
            single: false,
            sparse: false,
            ..matrix
        }))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact arithmetic")]
mod tests {
    use super::*;

    #[test]
    fn interpolates_as_numpy_does() {
        let (xp, fp) = ([0.0, 1.0, 1.0, 3.0], [10.0, 20.0, 30.0, 50.0]);
        let at = |x| interpolate(x, &xp, &fp);
        assert_eq!(
            [at(-1.0), at(0.0), at(0.5), at(3.0), at(9.0)],
            [10.0, 10.0, 15.0, 50.0, 50.0]
        );
        // Of two equal points the last one counts.
        assert_eq!([at(1.0), at(2.0)], [30.0, 40.0]);
        assert!(at(f64::NAN).is_nan());
        assert_eq!(interpolate(f64::NAN, &[1.0], &[7.0]), 7.0);
    }

    #[test]
    fn values_outside_are_clipped_missing_or_refused() {
        let line = |outside| Line {
            x: vec![0.0, 1.0],
            y: vec![2.0, 4.0],
            range: (0.0, 1.0),
            outside,
        };
        assert_eq!(line(Outside::Clip).at(5.0), Some(4.0));
        assert!(line(Outside::Missing).at(-0.1).is_some_and(f64::is_nan));
        assert_eq!(line(Outside::Refuse).at(1.1), None);
        assert_eq!(line(Outside::Refuse).at(0.5), Some(3.0));
    }
}
