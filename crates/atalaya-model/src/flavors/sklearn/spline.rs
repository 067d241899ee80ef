//! `SplineTransformer`: the B-splines of each column, by de Boor's recurrence in SciPy's order of operations
//! (`scipy/interpolate/src/_dierckxmodule.cc`, `evaluate_spline`).

use super::block::{Block, Matrix, Names, refuse};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::round_to_f32;
use super::part::{Part, length};
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// Highest degree; people use three.
const MAX_DEGREE: usize = 64;

/// What is beyond the outer knots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    Refuse,
    Constant,
    Linear,
    Continue,
    Periodic,
}

/// The splines of one column.
#[derive(Debug)]
struct Basis {
    degree: usize,
    /// Ascending.
    knots: Vec<f64>,
    /// Splines; with periodic ones the last `degree` of the recurrence are the first ones again.
    count: usize,
    /// Whether the outermost pieces go on.
    extrapolate: bool,
}

/// A column's splines, and what they are at the ends.
#[derive(Debug)]
struct Column {
    basis: Basis,
    /// The ends, beyond which a constant or linear continuation starts.
    ends: [f64; 2],
    /// How many splines at each end are continued.
    continued: usize,
    /// Values at the ends, and slopes.
    values: [Vec<f64>; 2],
    slopes: [Vec<f64>; 2],
}

/// `SplineTransformer`.
#[derive(Debug)]
pub(super) struct Spline {
    names: Names,
    columns: Vec<Column>,
    beyond: Beyond,
    /// Splines of each column that are given.
    kept: usize,
    allow_missing: bool,
    sparse: bool,
    /// Whether float32 input is computed with in float32, as numpy did until version 2.
    narrow: bool,
    /// Whether a periodic column with a single value is 0, instead of nothing.
    empty_period: bool,
}

impl Spline {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let degree = part.count("degree")?;
        if degree > MAX_DEGREE {
            return part.unsupported("with such a high degree");
        }
        let beyond = match part.text("extrapolation")? {
            "error" => Beyond::Refuse,
            "constant" => Beyond::Constant,
            "linear" => Beyond::Linear,
            "continue" => Beyond::Continue,
            "periodic" => Beyond::Periodic,
            _ => return part.content("attribute `extrapolation` is not one of its words"),
        };
        let allow_missing = match part.optional("handle_missing").map(View::as_str) {
            None | Some(Some("error")) => false,
            Some(Some("zeros")) => true,
            Some(_) => return part.content("attribute `handle_missing` is not one of its words"),
        };
        let sparse = part.flag("sparse_output", false)?;
        if sparse && allow_missing && !matches!(beyond, Beyond::Constant | Beyond::Linear) {
            return part.unsupported("with sparse output of missing values, which is a bug of some versions");
        }
        if sparse && degree == 0 && beyond == Beyond::Periodic {
            return part.unsupported("with sparse periodic output of degree 0");
        }
        let views = part.items("bsplines_")?;
        if views.len() != names.len() {
            return part.content("attribute `bsplines_` does not have one spline per column");
        }
        let mut columns = Vec::with_capacity(views.len());
        let mut reach = degree;
        for view in views {
            let basis = Basis::read(compiler, part, view, degree, beyond)?;
            columns.push(Column::new(part, basis, &mut reach, beyond)?);
        }
        let count = columns.first().map_or(0, |column: &Column| column.basis.count);
        if columns.iter().any(|column| column.basis.count != count) {
            return part.content("attribute `bsplines_` has not as many splines in one column as in the others");
        }
        let kept = count - usize::from(!part.flag("include_bias", true)?);
        compiler.charge(names.len() * kept * size_of::<std::sync::Arc<str>>())?;
        let out = names
            .iter()
            .flat_map(|name| std::iter::repeat_n(name, kept).cloned())
            .collect();
        let spline = Self {
            names: Names::clone(names),
            columns,
            beyond,
            kept,
            allow_missing,
            sparse,
            narrow: compiler.version <= 3,
            empty_period: compiler.version >= 8,
        };
        Ok((Box::new(spline), out))
    }

    /// The splines of `x` into `out`; false when it is beyond the knots of splines that do not go on.
    fn evaluate(&self, column: &Column, x: f64, narrow: bool, work: &mut Work, out: &mut [f64]) -> bool {
        let [low, high] = column.ends;
        match self.beyond {
            Beyond::Periodic => column.basis.evaluate(self.wrap(&column.basis, x, narrow), 0, work, out),
            Beyond::Continue => column.basis.evaluate(x, 0, work, out),
            Beyond::Refuse => return column.basis.evaluate(x, 0, work, out),
            Beyond::Constant | Beyond::Linear if low <= x && x <= high => column.basis.evaluate(x, 0, work, out),
            Beyond::Constant => return self.constant(column, x, out),
            Beyond::Linear => {
                linear(column, x, narrow, out);
                true
            }
        };
        true
    }

    /// Splines beyond the ends keep their values.
    fn constant(&self, column: &Column, x: f64, out: &mut [f64]) -> bool {
        let (count, degree) = (out.len(), column.basis.degree);
        let [low, high] = &column.values;
        if x < column.ends[0] {
            out[..degree].copy_from_slice(&low[..degree]);
        }
        if x <= column.ends[1] {
            return true;
        }
        if degree > 0 {
            out[count - degree..].copy_from_slice(&high[count - degree..]);
        } else if self.sparse {
            out.copy_from_slice(high);
        } else {
            // numpy refuses to put the values of several splines into none.
            return count == 1;
        }
        true
    }

    /// Where `x` is in the first period.
    fn wrap(&self, basis: &Basis, x: f64, narrow: bool) -> f64 {
        let round = |value: f64| if narrow { round_to_f32(value) } else { value };
        let (start, end) = basis.range();
        let period = end - start;
        if self.empty_period && period <= 0.0 {
            return 0.0;
        }
        round(round(start) + round(remainder(round(x - round(start)), round(period))))
    }
}

/// Splines beyond the ends go on with their slopes. Where the low end is above the high one, a number is beyond both.
fn linear(column: &Column, x: f64, narrow: bool, out: &mut [f64]) {
    let round = |value: f64| if narrow { round_to_f32(value) } else { value };
    let count = out.len();
    let beyond = [x < column.ends[0], x > column.ends[1]];
    for j in 0..column.continued {
        for (end, at) in [(0, j), (1, count - 1 - j)] {
            if beyond[end] {
                let distance = round(x - round(column.ends[end]));
                let (value, slope) = (round(column.values[end][at]), round(column.slopes[end][at]));
                out[at] = round(value + round(distance * slope));
            }
        }
    }
}

impl Transform for Spline {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let matrix = block.into_numbers(&self.names)?;
        matrix.check(&self.names, self.allow_missing)?;
        let count = self.columns.first().map_or(0, |column| column.basis.count);
        let width = self.kept * self.columns.len();
        let narrow = self.narrow && matrix.single;
        let single = matrix.single && !self.sparse;
        let mut values = Vec::with_capacity(matrix.rows * width);
        let mut out = vec![0.0; count];
        let mut work = Work::default();
        for (row, numbers) in matrix.values.chunks_exact(matrix.columns.max(1)).enumerate() {
            for (position, (x, column)) in numbers.iter().zip(&self.columns).enumerate() {
                out.fill(0.0);
                if !x.is_nan() && !self.evaluate(column, *x, narrow, &mut work, &mut out) {
                    return Err(refuse(
                        row * matrix.columns + position,
                        matrix.columns,
                        &self.names,
                        false,
                    ));
                }
                let given = out[..self.kept].iter();
                values.extend(given.map(|value| if single { round_to_f32(*value) } else { *value }));
            }
        }
        Ok(Block::Numbers(Matrix {
            rows: matrix.rows,
            columns: width,
            values,
            single,
            sparse: self.sparse,
        }))
    }
}

impl Column {
    /// `reach` is how far the ends are from the first and last knot, and how many splines a linear continuation goes on
    /// with. In a linear continuation of degree 0 or 1 scikit-learn widens it with each column, up to 2.
    fn new(part: &Part<'_, '_>, basis: Basis, reach: &mut usize, beyond: Beyond) -> Result<Self, SklearnError> {
        let wrong = || part.unsupported("with fewer knots than its extrapolation needs");
        let knots = &basis.knots;
        let (Some(low), Some(high)) = (
            knots.get(*reach),
            knots.len().checked_sub(*reach + 1).and_then(|at| knots.get(at)),
        ) else {
            return wrong();
        };
        let ends = [*low, *high];
        if beyond == Beyond::Linear && *reach <= 1 {
            *reach += 1;
        }
        if matches!(beyond, Beyond::Constant | Beyond::Linear) && *reach > basis.count {
            return wrong();
        }
        let mut work = Work::default();
        let mut at = |end: f64, order: usize| {
            let mut out = vec![0.0; basis.count];
            if matches!(beyond, Beyond::Constant | Beyond::Linear) {
                basis.evaluate(end, order, &mut work, &mut out);
            }
            out
        };
        let values = ends.map(|end| at(end, 0));
        let slopes = ends.map(|end| at(end, 1));
        Ok(Self {
            basis,
            ends,
            continued: *reach,
            values,
            slopes,
        })
    }
}

impl Basis {
    fn read(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        degree: usize,
        beyond: Beyond,
    ) -> Result<Self, SklearnError> {
        if view.class() != Some(("scipy.interpolate._bsplines", "BSpline")) {
            return Err(SklearnError::unknown(
                &format!("{}, attribute `bsplines_`", part.place),
                view,
            ));
        }
        // Their names from SciPy 1.15 on, and before.
        let array = |new: &str, old: &str| {
            view.attr(new)
                .or_else(|| view.attr(old))
                .filter(|view| view.as_array().is_some())
        };
        let (Some(t), Some(c)) = (array("_t", "t"), array("_c", "c")) else {
            return part.content("attribute `bsplines_` has a spline without knots or coefficients");
        };
        compiler.charge(8 * (length(t) + length(c)))?;
        let shape = c.as_array().map(|array| &array.shape[..]);
        let (Some([rows, count]), Some(knots), Some(coefficients)) = (shape, t.floats(), c.floats()) else {
            return part.content("attribute `bsplines_` has a spline that is not made of numbers");
        };
        let periodic = beyond == Beyond::Periodic;
        let extra = if periodic { degree } else { 0 };
        if *count == 0
            || *rows != count + extra
            || extra > *count
            || rows + degree + 1 != knots.len()
            || knots.len() < 2 * degree + 2
            || view
                .attr("k")
                .and_then(View::as_i64)
                .and_then(|k| usize::try_from(k).ok())
                != Some(degree)
        {
            return part.content("attribute `bsplines_` has a spline whose sizes contradict each other");
        }
        let one = |(at, value): (usize, &f64)| *value == f64::from(u8::from(at / count % count == at % count));
        if !coefficients.iter().enumerate().all(one) {
            return part.unsupported("with splines of other coefficients than its own");
        }
        if !knots.iter().all(|knot| knot.is_finite()) || !knots.is_sorted() {
            return part.content("attribute `bsplines_` has knots that are not ascending numbers");
        }
        let extrapolate = matches!(beyond, Beyond::Continue | Beyond::Periodic);
        Ok(Self {
            degree,
            knots,
            count: *count,
            extrapolate,
        })
    }

    /// The first and last knot of the range that was fitted on.
    fn range(&self) -> (f64, f64) {
        (self.knots[self.degree], self.knots[self.knots.len() - self.degree - 1])
    }

    /// Adds the derivative of `order` of all splines at `x` to `out`; all are NaN, and the result is false, where there
    /// are none.
    fn evaluate(&self, x: f64, order: usize, work: &mut Work, out: &mut [f64]) -> bool {
        let (degree, last) = (self.degree, self.knots.len() - self.degree - 1);
        let (start, end) = self.range();
        if x.is_nan() || ((x < start || x > end) && !self.extrapolate) {
            out.fill(f64::NAN);
            return false;
        }
        // The last knot that is not above `x`, of those that start a piece.
        let interval = degree + self.knots[degree + 1..last].partition_point(|knot| *knot <= x);
        work.recur(&self.knots, x, degree, interval, order);
        if work.values[..=degree].iter().any(|value| !value.is_finite()) {
            // Every spline is a sum in which it comes, at least times 0.
            out.fill(f64::NAN);
            return true;
        }
        for (a, value) in work.values[..=degree].iter().enumerate() {
            out[(interval - degree + a) % self.count] += value;
        }
        true
    }
}

/// What the recurrence works on.
#[derive(Debug, Default)]
struct Work {
    values: Vec<f64>,
    before: Vec<f64>,
}

impl Work {
    /// The derivatives of `order` of the `degree + 1` splines that are not zero between `interval` and the next knot.
    fn recur(&mut self, t: &[f64], x: f64, degree: usize, interval: usize, order: usize) {
        self.values.clear();
        self.values.resize(degree + 1, 0.0);
        self.before.resize(degree + 1, 0.0);
        let (h, before) = (&mut self.values, &mut self.before);
        h[0] = 1.0;
        let plain = degree.saturating_sub(order);
        for j in 1..=degree {
            before[..j].copy_from_slice(&h[..j]);
            h[0] = 0.0;
            for n in 1..=j {
                let (xb, xa) = (t[interval + n], t[interval + n - j]);
                if xb <= xa {
                    h[if j <= plain { n } else { order }] = 0.0;
                    continue;
                }
                if j <= plain {
                    let w = before[n - 1] / (xb - xa);
                    h[n - 1] += w * (xb - x);
                    h[n] = w * (x - xa);
                } else {
                    let w = super::members::double(j) * before[n - 1] / (xb - xa);
                    h[n - 1] -= w;
                    h[n] = w;
                }
            }
        }
        if order > degree {
            h[0] = 0.0;
        }
    }
}

/// `numpy.remainder`: of the sign of `b`.
fn remainder(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if b == 0.0 {
        rest
    } else if rest == 0.0 {
        0.0_f64.copysign(b)
    } else if (b < 0.0) != (rest < 0.0) {
        rest + b
    } else {
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(degree: usize, extrapolate: bool) -> Basis {
        let knots: Vec<f64> = (0..8).map(f64::from).collect();
        let count = knots.len() - degree - 1;
        Basis {
            degree,
            knots,
            count,
            extrapolate,
        }
    }

    #[test]
    fn splines_add_up_to_one_between_the_knots() {
        for degree in 0..=3 {
            let basis = basis(degree, false);
            let (start, end) = basis.range();
            for step in 0..=10 {
                let x = start + (end - start) * f64::from(step) / 10.0;
                let mut out = vec![0.0; basis.count];
                assert!(basis.evaluate(x, 0, &mut Work::default(), &mut out));
                assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-15, "degree {degree} at {x}");
                let mut slopes = vec![0.0; basis.count];
                basis.evaluate(x, 1, &mut Work::default(), &mut slopes);
                assert!(slopes.iter().sum::<f64>().abs() < 1e-15, "degree {degree} at {x}");
            }
        }
    }

    #[test]
    fn beyond_the_knots_there_is_nothing_unless_the_pieces_go_on() {
        let mut out = vec![0.0; 4];
        assert!(!basis(3, false).evaluate(2.5, 0, &mut Work::default(), &mut out));
        assert!(out[0].is_nan());
        let mut out = vec![0.0; 4];
        assert!(basis(3, true).evaluate(2.5, 0, &mut Work::default(), &mut out));
        assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    }

    #[test]
    fn remainders_have_the_sign_of_the_period() {
        assert_eq!(
            [remainder(-1.0, 3.0), remainder(7.0, 3.0), remainder(-6.0, 3.0)],
            [2.0, 1.0, 0.0]
        );
    }
}
