//! Clusters around centres: the nearest centre as the label, distances to all of them as columns.

use super::block::{Block, Matrix, Names};
use super::centroid::least;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::part::{Part, length};
use super::precision::Precision;
use super::projection::component_names;
use super::transform::{Compiled, Transform};
use super::weights::Weights;
use crate::object::View;
use crate::predictor::{Method, PredictError};
use crate::product::{Product, squares};

/// Centres, and the sum of squares of each.
#[derive(Debug)]
struct Centers {
    names: Names,
    centers: Weights,
    squares: Vec<f64>,
}

impl Centers {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let centers = Weights::with_columns(compiler, part, "cluster_centers_", names.len())?;
        if centers.rows == 0 {
            return part.content("attribute `cluster_centers_` has no rows");
        }
        Ok(Self::new(names, centers))
    }

    fn new(names: &Names, centers: Weights) -> Self {
        let precision = Precision::of(centers.single);
        let squares = centers.iter().map(|center| squared(precision, center)).collect();
        Self {
            names: Names::clone(names),
            centers,
            squares,
        }
    }

    /// Calls `each` with the products of every row with every centre, and the row's own sum of squares.
    fn for_each_row(&self, x: &Block, mut each: impl FnMut(&[f64], f64, Precision)) -> Result<(), PredictError> {
        if let Block::Sparse(x) = x {
            let mut products = vec![0.0; self.centers.rows];
            x.check(&self.names, false)?;
            let precision = Precision::of(x.single && self.centers.single);
            for (columns, values) in x.rows() {
                for (product, center) in products.iter_mut().zip(self.centers.iter()) {
                    let pairs = columns.iter().zip(values);
                    *product = pairs.fold(0.0, |total, (column, x)| {
                        precision.round(total + precision.round(center[*column as usize] * x))
                    });
                }
                each(&products, squared(Precision::Double, values), precision);
            }
            return Ok(());
        }
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let precision = Precision::of(x.single && self.centers.single);
        for rows in x.values.chunks(PIECE_ROWS * x.columns.max(1)) {
            let sizes = Product {
                rows: rows.len() / x.columns.max(1),
                inner: x.columns,
                columns: self.centers.rows,
                transposed: true,
            };
            let products = precision.multiply(rows, &self.centers.values, sizes);
            let squares = squares(rows, x.columns);
            for (products, squared) in products.chunks_exact(self.centers.rows).zip(squares) {
                each(products, squared, precision);
            }
        }
        Ok(())
    }
}

/// Rows that are multiplied before anything is made of the products.
const PIECE_ROWS: usize = 256;

fn squared(precision: Precision, row: &[f64]) -> f64 {
    row.iter().fold(0.0, |total, x| precision.mul_add(*x, *x, total))
}

/// `KMeans` and `MiniBatchKMeans`.
#[derive(Debug)]
pub(super) struct KMeans(Centers);

impl KMeans {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self(Centers::compile(compiler, part, names)?)))
    }
}

impl Estimator for KMeans {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut labels = Vec::with_capacity(x.rows());
        let mut distances = vec![0.0; self.0.squares.len()];
        self.0.for_each_row(x, |products, _, precision| {
            for ((distance, product), square) in distances.iter_mut().zip(products).zip(&self.0.squares) {
                *distance = precision.round(square + -2.0 * product);
            }
            labels.push(label(least(&distances)));
        })?;
        Ok(Evaluation::of(Output::ints(labels)))
    }
}

fn label(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Distances to the centres, of every estimator with centres.
pub(super) fn distances(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    let centers = Centers::compile(compiler, part, names)?;
    let columns = component_names(part, centers.centers.rows);
    Ok((Box::new(centers), columns))
}

impl Transform for Centers {
    /// `sklearn.metrics.euclidean_distances`, which computes float32 distances in double.
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let mut values = Vec::with_capacity(block.rows() * self.centers.rows);
        let centers = Self {
            names: Names::clone(&self.names),
            centers: Weights {
                single: false,
                ..self.centers.clone()
            },
            squares: Vec::new(),
        };
        let single = self.centers.single
            && match &block {
                Block::Numbers(x) => x.single,
                Block::Sparse(x) => x.single,
                Block::Columns { .. } => block.numbers(&self.names)?.single,
            };
        let result = Precision::of(single);
        let squares: Vec<f64> = self.centers.iter().map(|row| squared(Precision::Double, row)).collect();
        centers.for_each_row(&block, |products, square, _| {
            values.extend(products.iter().zip(&squares).map(|(product, center)| {
                let apart = result.round((-2.0 * product + square) + center);
                result.round(apart.max(0.0).sqrt())
            }));
        })?;
        Ok(Block::Numbers(Matrix {
            rows: block.rows(),
            columns: self.centers.rows,
            values,
            single,
            sparse: false,
        }))
    }
}

/// `BisectingKMeans`: halves of halves, each row to the nearer centre.
#[derive(Debug)]
pub(super) struct Bisecting {
    names: Names,
    nodes: Vec<Node>,
}

/// A cluster: two others, or a label.
#[derive(Debug)]
enum Node {
    Leaf(i64),
    /// The centres of both, and the position of the first; the second follows it.
    Halves {
        centers: Box<Centers>,
        first: usize,
    },
}

impl Bisecting {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let most = part
            .field("cluster_centers_")?
            .as_array()
            .map_or(0, |array| array.shape.first().copied().unwrap_or(0));
        let shift = part
            .optional("_X_mean")
            .map(|_| part.vector(compiler, "_X_mean", names.len()))
            .transpose()?;
        // Views of the nodes that are to be read, in the order of `nodes`.
        let mut views = vec![part.field("_bisecting_tree")?];
        let mut nodes = Vec::new();
        while let Some(view) = views.get(nodes.len()).copied() {
            let child = |name: &str| view.attr(name).filter(|child| !child.is_none());
            nodes.push(match (child("left"), child("right")) {
                (Some(left), Some(right)) => {
                    let first = views.len();
                    views.extend([left, right]);
                    if views.len() > 2 * most {
                        return part.content("attribute `_bisecting_tree` has more clusters than `cluster_centers_`");
                    }
                    let mut values = center(compiler, part, left, names.len())?;
                    values.extend(center(compiler, part, right, names.len())?);
                    if let Some(shift) = &shift {
                        values
                            .iter_mut()
                            .zip(shift.iter().cycle())
                            .for_each(|(x, shift)| *x += shift);
                    }
                    let weights = Weights {
                        rows: 2,
                        columns: names.len(),
                        values,
                        single: false,
                    };
                    Node::Halves {
                        centers: Box::new(Centers::new(names, weights)),
                        first,
                    }
                }
                (None, None) => match view.attr("label").and_then(View::as_i64) {
                    Some(label) => Node::Leaf(label),
                    None => return part.content("attribute `_bisecting_tree` has a cluster without a label"),
                },
                _ => return part.content("attribute `_bisecting_tree` has a cluster with one half"),
            });
        }
        Ok(Box::new(Self {
            names: Names::clone(names),
            nodes,
        }))
    }
}

fn center(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    node: View<'_>,
    columns: usize,
) -> Result<Vec<f64>, SklearnError> {
    let view = node.attr("center");
    compiler.charge(8 * view.map_or(0, length))?;
    match view.and_then(View::floats) {
        Some(values) if values.len() == columns => Ok(values),
        _ => part.content("attribute `_bisecting_tree` has a cluster without a centre"),
    }
}

impl Estimator for Bisecting {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let mut labels = Vec::with_capacity(x.rows);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let mut at = 0;
            // Halves come after the whole, so that this ends.
            labels.push(loop {
                match &self.nodes[at] {
                    Node::Leaf(label) => break *label,
                    Node::Halves { centers, first } => {
                        let distance = |half: usize| {
                            let product = super::numeric::dot(row, centers.centers.row(half));
                            centers.squares[half] + -2.0 * product
                        };
                        at = first + usize::from(distance(1) < distance(0));
                    }
                }
            });
        }
        Ok(Evaluation::of(Output::ints(labels)))
    }
}
