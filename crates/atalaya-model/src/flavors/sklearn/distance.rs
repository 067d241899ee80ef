//! Distances between rows, in scikit-learn's order of operations.

use super::error::SklearnError;
use super::part::Part;
use super::sparse::Sparse;
use super::weights::Weights;
use crate::object::View;

/// How far two rows are apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Metric {
    Euclidean,
    SquaredEuclidean,
    Manhattan,
    Chebyshev,
    Minkowski {
        p: f64,
        /// One per column.
        weights: Option<Vec<f64>>,
    },
    Cosine,
    Hamming,
    Canberra,
    BrayCurtis,
}

impl Metric {
    /// The metric of that name, with the parameters that `params` has for it.
    pub(super) fn read(
        part: &Part<'_, '_>,
        name: &str,
        params: Option<View<'_>>,
        columns: usize,
    ) -> Result<Self, SklearnError> {
        let param = |name: &str| {
            params
                .and_then(|params| params.get(name))
                .filter(|view| !view.is_none())
        };
        Ok(match name {
            "euclidean" | "l2" => Self::Euclidean,
            "sqeuclidean" => Self::SquaredEuclidean,
            "manhattan" | "l1" | "cityblock" => Self::Manhattan,
            "chebyshev" | "infinity" => Self::Chebyshev,
            "minkowski" | "p" => {
                let weights = param("w").map(|view| view.floats().unwrap_or_default());
                if weights.as_ref().is_some_and(|weights| weights.len() != columns) {
                    return part.content("the weights of its metric are not one number per column");
                }
                let p = param("p").and_then(View::as_f64).unwrap_or(2.0);
                if p.is_nan() || p <= 0.0 {
                    return part.content("the power of its metric is not positive");
                }
                match (weights, p) {
                    (None, 1.0) => Self::Manhattan,
                    (None, 2.0) => Self::Euclidean,
                    (_, f64::INFINITY) => Self::Chebyshev,
                    (weights, p) => Self::Minkowski { p, weights },
                }
            }
            "cosine" => Self::Cosine,
            "hamming" => Self::Hamming,
            "canberra" => Self::Canberra,
            "braycurtis" => Self::BrayCurtis,
            _ => return part.unsupported("with a metric that is not known"),
        })
    }

    /// A number that grows with the distance and is cheaper: what neighbours are ordered by.
    fn reduced(&self, x: &[f64], y: &[f64]) -> f64 {
        let differences = x.iter().zip(y).map(|(x, y)| x - y);
        match self {
            Self::Euclidean | Self::SquaredEuclidean => differences.fold(0.0, |total, d| total + d * d),
            Self::Manhattan => differences.fold(0.0, |total, d| total + d.abs()),
            Self::Chebyshev => differences.fold(0.0, |most, d| most.max(d.abs())),
            Self::Minkowski { p, weights: None } => differences.fold(0.0, |total, d| total + d.abs().powf(*p)),
            Self::Minkowski {
                p,
                weights: Some(weights),
            } => differences
                .zip(weights)
                .fold(0.0, |total, (d, w)| total + w * d.abs().powf(*p)),
            Self::Cosine => {
                let (xx, yy) = (squared(x), squared(y));
                cosine(
                    x.iter()
                        .zip(y)
                        .fold(0.0, |total, (x, y)| total + unit(*x, xx) * unit(*y, yy)),
                )
            }
            #[expect(clippy::cast_precision_loss, reason = "columns are few")]
            Self::Hamming => x.iter().zip(y).filter(|(x, y)| x != y).count() as f64 / x.len().max(1) as f64,
            Self::Canberra => {
                let both = x.iter().zip(y).map(|(x, y)| x.abs() + y.abs());
                differences
                    .zip(both)
                    .filter(|(_, both)| *both > 0.0)
                    .fold(0.0, |total, (d, both)| total + d.abs() / both)
            }
            Self::BrayCurtis => {
                let apart = differences.fold(0.0, |total, d| total + d.abs());
                let both = x.iter().zip(y).fold(0.0, |total, (x, y)| total + (x.abs() + y.abs()));
                if both > 0.0 { apart / both } else { 0.0 }
            }
        }
    }

    /// The distance from a reduced one.
    pub(super) fn distance(&self, reduced: f64) -> f64 {
        match self {
            Self::Euclidean => reduced.sqrt(),
            Self::Minkowski { p, .. } => reduced.powf(1.0 / p),
            _ => reduced,
        }
    }

    /// The reduced distance from a distance.
    pub(super) fn reduce(&self, distance: f64) -> f64 {
        match self {
            Self::Euclidean => distance * distance,
            Self::Minkowski { p, .. } => distance.powf(*p),
            _ => distance,
        }
    }
}

/// The sum of squares.
pub(super) fn squared(row: &[f64]) -> f64 {
    row.iter().fold(0.0, |total, x| total + x * x)
}

/// A value of a row whose sum of squares is `squares`, as in the row of length one.
fn unit(x: f64, squares: f64) -> f64 {
    if squares == 0.0 { x } else { x / squares.sqrt() }
}

/// `cosine_distances` of a cosine.
fn cosine(similarity: f64) -> f64 {
    (1.0 - similarity).clamp(0.0, 2.0)
}

/// Rows that distances are measured to.
#[derive(Debug)]
pub(super) enum Points {
    /// Differences are squared.
    Dense(Weights),
    /// As `x·x - 2 x·y + y·y`, which is how brute force multiplies matrices; with the sum of squares of each row.
    Expanded(Weights, Vec<f64>),
    /// The same of sparse rows.
    Sparse(Sparse, Vec<f64>),
}

impl Points {
    pub(super) fn expanded(rows: Weights) -> Self {
        let squares = rows.iter().map(squared).collect();
        Self::Expanded(rows, squares)
    }

    pub(super) fn sparse(rows: Sparse) -> Self {
        let squares = rows.rows().map(|(_, values)| squared(values)).collect();
        Self::Sparse(rows, squares)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Dense(rows) | Self::Expanded(rows, _) => rows.rows,
            Self::Sparse(rows, _) => rows.rows,
        }
    }

    /// The reduced distance of `x` to every row, in their order. Expanded and sparse points know the Euclidean metrics
    /// only, sparse ones the cosine too.
    pub(super) fn reduced(&self, metric: &Metric, x: &[f64], distances: &mut Vec<f64>) {
        distances.clear();
        match self {
            Self::Dense(rows) => distances.extend(rows.iter().map(|row| metric.reduced(x, row))),
            Self::Expanded(rows, squares) => {
                let xx = squared(x);
                let products = rows.iter().map(|row| super::numeric::dot(x, row));
                distances.extend(products.zip(squares).map(|(xy, yy)| apart(xx, xy, *yy)));
            }
            Self::Sparse(rows, squares) => {
                let xx = squared(x);
                for ((columns, values), yy) in rows.rows().zip(squares) {
                    let pairs = columns.iter().zip(values).map(|(column, y)| (x[*column as usize], *y));
                    distances.push(if *metric == Metric::Cosine {
                        cosine(pairs.fold(0.0, |total, (x, y)| total + unit(x, xx) * unit(y, *yy)))
                    } else {
                        apart(xx, pairs.fold(0.0, |total, (x, y)| total + x * y), *yy)
                    });
                }
            }
        }
    }
}

/// The squared distance from the products of two rows.
fn apart(xx: f64, xy: f64, yy: f64) -> f64 {
    ((xx + -2.0 * xy) + yy).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(metric: &Metric) -> f64 {
        metric.distance(metric.reduced(&[1.0, -2.0, 0.0], &[4.0, 2.0, 0.0]))
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (metric, expected) in [
            (Metric::Euclidean, 5.0),
            (Metric::SquaredEuclidean, 25.0),
            (Metric::Manhattan, 7.0),
            (Metric::Chebyshev, 4.0),
            (Metric::Cosine, 1.0),
            (Metric::Hamming, 2.0 / 3.0),
            (Metric::Canberra, 3.0 / 5.0 + 1.0),
            (Metric::BrayCurtis, 7.0 / 9.0),
        ] {
            assert!((distance(&metric) - expected).abs() < 1e-15, "{metric:?}");
        }
        let cubic = |weights| Metric::Minkowski { p: 3.0, weights };
        assert!((distance(&cubic(None)) - 91.0f64.cbrt()).abs() < 1e-14);
        assert!((distance(&cubic(Some(vec![1.0, 0.0, 9.0]))) - 3.0).abs() < 1e-14);
        assert!((cubic(None).reduce(2.0) - 8.0).abs() < 1e-14);
    }

    #[test]
    fn all_kinds_of_points_agree() {
        let rows = Weights {
            rows: 2,
            columns: 3,
            values: vec![4.0, 2.0, 0.0, 0.0, 0.0, 3.0],
            single: false,
        };
        let mut sparse = Sparse::new(3);
        sparse.push([(0, 4.0), (1, 2.0)]);
        sparse.push([(2, 3.0)]);
        let mut found = Vec::new();
        for points in [
            Points::Dense(rows.clone()),
            Points::expanded(rows),
            Points::sparse(sparse),
        ] {
            points.reduced(&Metric::Euclidean, &[1.0, -2.0, 0.0], &mut found);
            assert_eq!((found.clone(), points.len()), (vec![25.0, 14.0], 2));
        }
    }
}
