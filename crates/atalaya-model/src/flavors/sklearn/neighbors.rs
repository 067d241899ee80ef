//! Nearest neighbours. Every training row is looked at, whatever tree the model has for finding them: the neighbours are the
//! same. Among rows that are exactly equally far, scikit-learn's choice depends on the tree; here it is that of brute force.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::distance::{Metric, Points};
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::Part;
use super::precision::Precision;
use super::weights::{Weights, read_sparse, sparse_rows};
use crate::predictor::{Method, PredictError};

/// Which training rows are neighbours.
#[derive(Debug, Clone, Copy)]
enum Reach {
    Count(usize),
    /// Reduced distance, included.
    Radius(f64),
}

/// What all estimators of neighbours share.
#[derive(Debug)]
struct Neighbors {
    names: Names,
    points: Points,
    metric: Metric,
    reach: Reach,
    /// Whether near neighbours count more.
    by_distance: bool,
}

/// A neighbour: its reduced distance, and its position among the training rows.
type Neighbor = (f64, usize);

impl Neighbors {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let by_distance = match part.optional("weights").map(|view| view.as_str()) {
            None | Some(Some("uniform")) => false,
            Some(Some("distance")) => true,
            Some(_) => return part.unsupported("with weights of its own"),
        };
        let Some(name) = part.field("effective_metric_")?.as_str() else {
            return part.unsupported("with a metric of its own");
        };
        let metric = Metric::read(part, name, part.optional("effective_metric_params_"), names.len())?;
        let view = part.field("_fit_X")?;
        let euclidean = matches!(metric, Metric::Euclidean | Metric::SquaredEuclidean);
        let points = if sparse_rows(view) {
            if !euclidean && metric != Metric::Cosine {
                return part.unsupported("with that metric on sparse rows");
            }
            let rows = read_sparse(compiler, part, "_fit_X")?;
            if rows.columns != names.len() {
                return part.content("attribute `_fit_X` does not have one number per column");
            }
            Points::sparse(rows)
        } else {
            let rows = Weights::with_columns(compiler, part, "_fit_X", names.len())?;
            if euclidean && part.text("_fit_method")? == "brute" {
                Points::expanded(rows)
            } else {
                Points::Dense(rows)
            }
        };
        let reach = if part.view.attr("n_neighbors").is_some() {
            let count = part.count("n_neighbors")?;
            if count == 0 || count > points.len() {
                return part.content("attribute `n_neighbors` is not between 1 and the number of rows of `_fit_X`");
            }
            Reach::Count(count)
        } else {
            Reach::Radius(metric.reduce(part.number("radius")?))
        };
        Ok(Self {
            names: Names::clone(names),
            points,
            metric,
            reach,
            by_distance,
        })
    }

    /// Calls `each` with the neighbours of every row, nearest first, and their weights: those of one row may be none.
    fn for_each_row(
        &self,
        x: &Block,
        mut each: impl FnMut(&[Neighbor], &[f64]) -> Result<(), PredictError>,
    ) -> Result<(), PredictError> {
        let mut distances = Vec::with_capacity(self.points.len());
        let mut weights = Vec::new();
        for_each_dense_row(x, &self.names, |row| {
            self.points.reduced(&self.metric, row, &mut distances);
            let neighbors = match self.reach {
                Reach::Count(count) => nearest(&distances, count),
                Reach::Radius(most) => {
                    let found = distances.iter().enumerate().filter(|(_, distance)| **distance <= most);
                    found.map(|(position, distance)| (*distance, position)).collect()
                }
            };
            weights.clear();
            if self.by_distance {
                weights.extend(
                    neighbors
                        .iter()
                        .map(|(reduced, _)| 1.0 / self.metric.distance(*reduced)),
                );
                // On top of training rows only those count.
                if weights.iter().any(|weight| weight.is_infinite()) {
                    weights
                        .iter_mut()
                        .for_each(|w| *w = f64::from(u8::from(w.is_infinite())));
                }
            } else {
                weights.resize(neighbors.len(), 1.0);
            }
            each(&neighbors, &weights)
        })
    }
}

/// Calls `each` with every row; sparse rows are written out one at a time.
fn for_each_dense_row(
    x: &Block,
    names: &Names,
    mut each: impl FnMut(&[f64]) -> Result<(), PredictError>,
) -> Result<(), PredictError> {
    if let Block::Sparse(sparse) = x {
        sparse.check(names, false)?;
        let mut row = vec![0.0; sparse.columns];
        for (columns, values) in sparse.rows() {
            row.fill(0.0);
            for (column, value) in columns.iter().zip(values) {
                row[*column as usize] = *value;
            }
            each(&row)?;
        }
        return Ok(());
    }
    let x = x.numbers(names)?;
    x.check(names, false)?;
    let Matrix { values, columns, .. } = &*x;
    values.chunks_exact((*columns).max(1)).try_for_each(each)
}

/// The `count` smallest distances with their positions, smallest first. They go through a heap of scikit-learn's kind, so
/// that of equal distances the same are kept.
fn nearest(distances: &[f64], count: usize) -> Vec<Neighbor> {
    let mut heap = vec![(f64::INFINITY, 0); count];
    for (position, distance) in distances.iter().enumerate() {
        push(&mut heap, (*distance, position));
    }
    heap.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    heap
}

/// `sklearn.utils._heap.heap_push`: replaces the largest of a heap, unless the new one is not smaller.
fn push(heap: &mut [Neighbor], new: Neighbor) {
    if heap.first().is_none_or(|largest| new.0 >= largest.0) {
        return;
    }
    let mut current = 0;
    loop {
        let (left, right) = (2 * current + 1, 2 * current + 2);
        let next = if left >= heap.len() {
            break;
        } else if right >= heap.len() || heap[left].0 >= heap[right].0 {
            left
        } else {
            right
        };
        if new.0 >= heap[next].0 {
            break;
        }
        heap[current] = heap[next];
        current = next;
    }
    heap[current] = new;
}

/// `KNeighborsClassifier` and `RadiusNeighborsClassifier`.
#[derive(Debug)]
pub(super) struct NeighborsClassifier {
    neighbors: Neighbors,
    /// One set per output.
    labels: Vec<Labels>,
    /// `rows × outputs` indices into the labels.
    targets: Vec<usize>,
    /// Whether Python answers a row per sample.
    several: bool,
    /// The class of each output for rows without neighbours.
    outlier: Option<Vec<usize>>,
}

impl NeighborsClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let neighbors = Neighbors::compile(compiler, part, names)?;
        let several = part.flag("outputs_2d_", false)?;
        let labels = if several {
            Labels::read_several(compiler, part)?
        } else {
            vec![Labels::read(compiler, part)?]
        };
        compiler.charge(16 * super::part::length(part.field("_y")?))?;
        let targets = part.field("_y")?.ints().unwrap_or_default();
        if labels.is_empty() || targets.len() != neighbors.points.len() * labels.len() {
            return part.content("attribute `_y` does not have one label per row of `_fit_X` and output");
        }
        let encoded = targets
            .iter()
            .zip(labels.iter().cycle())
            .map(|(target, labels)| usize::try_from(*target).ok().filter(|target| *target < labels.len()));
        let Some(targets) = encoded.collect() else {
            return part.content("attribute `_y` has a label beyond `classes_`");
        };
        let outlier = outlier(compiler, part, &labels)?;
        Ok(Box::new(Self {
            neighbors,
            labels,
            targets,
            several,
            outlier,
        }))
    }

    /// The votes of neighbours for the classes of an output, as probabilities.
    fn probabilities(&self, neighbors: &[Neighbor], weights: &[f64], output: usize) -> Vec<f64> {
        let mut votes = vec![0.0; self.labels[output].len()];
        for ((_, position), weight) in neighbors.iter().zip(weights) {
            votes[self.targets[position * self.labels.len() + output]] += weight;
        }
        let total = Precision::Double.sum(&votes);
        votes
            .iter_mut()
            .for_each(|vote| *vote /= if total == 0.0 { 1.0 } else { total });
        votes
    }

    /// The class with most weight, by `sklearn.utils.extmath.weighted_mode`, whose sums go over the neighbours in pairs.
    fn weighted_mode(&self, neighbors: &[Neighbor], weights: &[f64], output: usize) -> usize {
        let (mut best, mut most) = (0, 0.0);
        let mut chosen = vec![0.0; weights.len()];
        for class in 0..self.labels[output].len() {
            for ((slot, weight), (_, position)) in chosen.iter_mut().zip(weights).zip(neighbors) {
                let target = self.targets[position * self.labels.len() + output];
                *slot = if target == class { *weight } else { 0.0 };
            }
            let count = Precision::Double.sum(&chosen);
            if count > most {
                (best, most) = (class, count);
            }
        }
        best
    }
}

/// What a row without neighbours is, as indices into the classes.
fn outlier(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    labels: &[Labels],
) -> Result<Option<Vec<usize>>, SklearnError> {
    let Some(view) = part.optional("outlier_label_") else {
        return Ok(None);
    };
    // Brute force over uniform weights compares the outlier's label with encoded labels, from 1.4 on.
    if compiler.version >= 4 && part.text("_fit_method")? == "brute" {
        return part.unsupported("with an outlier label and brute force");
    }
    let Some(found) = view.elements().filter(|found| found.len() == labels.len()) else {
        return part.content("attribute `outlier_label_` is not one label per output");
    };
    let places: Option<Vec<_>> = found.zip(labels).map(|(view, labels)| labels.position(view)).collect();
    match places {
        Some(places) => Ok(Some(places)),
        None => part.unsupported("with an outlier label that is not among `classes_`"),
    }
}

impl Estimator for NeighborsClassifier {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba]
    }

    fn classes(&self) -> &[Labels] {
        &self.labels
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let outputs = self.labels.len();
        let width = self.labels.iter().map(Labels::len).sum();
        let mut labels = Vec::with_capacity(x.rows() * outputs);
        let mut probabilities = Vec::with_capacity(x.rows() * width);
        let mode = matches!(self.neighbors.reach, Reach::Count(_)) && self.neighbors.by_distance;
        let mut row = 0;
        self.neighbors.for_each_row(x, |neighbors, weights| {
            for output in 0..outputs {
                let mut found = self.probabilities(neighbors, weights, output);
                if neighbors.is_empty() {
                    let Some(outlier) = &self.outlier else {
                        return Err(no_neighbor(&self.neighbors.names, row));
                    };
                    found[outlier[output]] = 1.0;
                }
                labels.push(if mode {
                    self.weighted_mode(neighbors, weights, output)
                } else {
                    argmax(&found)
                });
                probabilities.extend(found);
            }
            row += 1;
            Ok(())
        })?;
        Ok(Evaluation {
            predict: if self.several {
                Output::wide_labels(labels, outputs)
            } else {
                Output::labels(labels)
            },
            probabilities: Some(Output::wide(probabilities, width)),
            scores: None,
        })
    }
}

fn no_neighbor(names: &Names, row: usize) -> PredictError {
    PredictError::Column {
        column: names.first().map_or_else(String::new, ToString::to_string),
        expected: format!("values within the model's radius of a training row, in row {row} too"),
    }
}

/// `KNeighborsRegressor` and `RadiusNeighborsRegressor`.
#[derive(Debug)]
pub(super) struct NeighborsRegressor {
    neighbors: Neighbors,
    /// `rows × outputs`.
    targets: Vec<f64>,
    outputs: usize,
    /// Whether Python answers a row per sample.
    several: bool,
    precision: Precision,
    /// What a row without neighbours gets: the nearest that the targets' type has to NaN.
    nothing: f64,
}

impl NeighborsRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let neighbors = Neighbors::compile(compiler, part, names)?;
        let targets = part.floats(compiler, "_y")?;
        let Some(array) = part.field("_y")?.as_array() else {
            return part.content("attribute `_y` is not an array");
        };
        let (outputs, several) = match array.shape[..] {
            [_] => (1, false),
            [_, outputs] if outputs > 0 => (outputs, true),
            _ => return part.content("attribute `_y` is not a vector or matrix"),
        };
        if targets.len() != neighbors.points.len() * outputs {
            return part.content("attribute `_y` does not have one row per row of `_fit_X`");
        }
        // NaN becomes the least of whole numbers.
        #[expect(clippy::cast_precision_loss, reason = "a power of two")]
        let least = i64::MIN as f64;
        Ok(Box::new(Self {
            neighbors,
            targets,
            outputs,
            several,
            precision: Precision::of(array.is_f32()),
            nothing: if array.dtype.scalar == crate::object::Scalar::Float {
                f64::NAN
            } else {
                least
            },
        }))
    }

    /// The mean of the neighbours' targets.
    fn mean(&self, neighbors: &[Neighbor], output: usize) -> f64 {
        let targets = neighbors
            .iter()
            .map(|(_, position)| self.targets[position * self.outputs + output]);
        // With one output numpy adds in pairs; with several, row after row.
        let total = if self.outputs == 1 {
            self.precision.sum(&targets.collect::<Vec<_>>())
        } else {
            targets.fold(0.0, |total, target| self.precision.round(total + target))
        };
        #[expect(clippy::cast_precision_loss, reason = "neighbours are far fewer than 2^53")]
        self.precision.round(total / neighbors.len() as f64)
    }

    fn weighted_mean(&self, neighbors: &[Neighbor], weights: &[f64], output: usize) -> f64 {
        let pairs = neighbors.iter().zip(weights);
        let products: Vec<f64> = pairs
            .map(|((_, position), weight)| self.targets[position * self.outputs + output] * weight)
            .collect();
        Precision::Double.sum(&products) / Precision::Double.sum(weights)
    }
}

impl Estimator for NeighborsRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut values = Vec::with_capacity(x.rows() * self.outputs);
        self.neighbors.for_each_row(x, |neighbors, weights| {
            for output in 0..self.outputs {
                values.push(if neighbors.is_empty() {
                    self.nothing
                } else if self.neighbors.by_distance {
                    self.weighted_mean(neighbors, weights, output)
                } else {
                    self.mean(neighbors, output)
                });
            }
            Ok(())
        })?;
        let precision = if self.neighbors.by_distance {
            Precision::Double
        } else {
            self.precision
        };
        Ok(Evaluation::of(
            precision.output(values, self.several.then_some(self.outputs)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_keeps_the_smallest_and_of_equals_the_first() {
        let found = nearest(&[5.0, 1.0, 3.0, 1.0, 0.5, 1.0], 3);
        assert_eq!(found, [(0.5, 4), (1.0, 1), (1.0, 3)]);
        let found = nearest(&[2.0, 2.0, 2.0, 2.0], 2);
        assert_eq!(found.iter().map(|(_, position)| *position).collect::<Vec<_>>(), [0, 1]);
    }
}
