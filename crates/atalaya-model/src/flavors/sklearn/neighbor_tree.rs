//! The KD tree or ball tree of a model of neighbours, walked as scikit-learn walks it, so that the same of several equally
//! far rows are found. The tree comes from the model file and is checked before it is believed.

use super::compiler::Compiler;
use super::distance::Metric;
use super::error::SklearnError;
use super::neighbors::Neighbor;
use super::part::{Part, length};
use super::weights::Weights;
use crate::object::View;

/// A tree over training rows.
#[derive(Debug)]
pub(super) struct NeighborTree {
    /// Positions of the training rows; each node has a range of them.
    order: Vec<usize>,
    /// The halves of the node at `i` are at `2 i + 1` and `2 i + 2`.
    nodes: Vec<Node>,
    bounds: Bounds,
    columns: usize,
}

/// A range of rows.
#[derive(Debug)]
struct Node {
    start: usize,
    end: usize,
    leaf: bool,
}

/// Where the rows of a node are: `columns` numbers per node.
#[derive(Debug)]
enum Bounds {
    Boxes { low: Vec<f64>, high: Vec<f64>, p: f64 },
    Balls { centers: Vec<f64>, radii: Vec<f64> },
}

impl NeighborTree {
    /// The tree of an estimator of neighbours; `None` when it has none, or one that cannot be read.
    pub(super) fn read(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        rows: &Weights,
        metric: &Metric,
    ) -> Result<Option<Self>, SklearnError> {
        let Some(view) = part.optional("_tree") else {
            return Ok(None);
        };
        let boxes = match view.class() {
            Some(("sklearn.neighbors._kd_tree", _)) => true,
            Some(("sklearn.neighbors._ball_tree", _)) => false,
            _ => return Ok(None),
        };
        let p = match metric {
            Metric::Euclidean => 2.0,
            Metric::Manhattan => 1.0,
            Metric::Chebyshev => f64::INFINITY,
            Metric::Minkowski { p, weights: None } => *p,
            _ if boxes => return Ok(None),
            _ => 0.0,
        };
        let state: Vec<View<'_>> = view.state().and_then(View::elements).into_iter().flatten().collect();
        let [_, order, nodes, bounds, ..] = state[..] else {
            return Ok(None);
        };
        compiler.charge(8 * length(order) + 48 * length(nodes) + 16 * length(bounds))?;
        let unsound = "attribute `_tree` contradicts itself";
        let order = order.ints().unwrap_or_default();
        let order: Option<Vec<_>> = order
            .into_iter()
            .map(|position| usize::try_from(position).ok())
            .collect();
        let Some((order, (nodes, radii))) = order.zip(read_nodes(nodes)) else {
            return part.content(unsound);
        };
        let size = nodes.len() * rows.columns;
        let Some(mut bounds) = bounds
            .floats()
            .filter(|all| all.len() == if boxes { 2 * size } else { size })
        else {
            return part.content(unsound);
        };
        if !sound(&order, &nodes, rows.rows) {
            return part.content(unsound);
        }
        let bounds = if boxes {
            let high = bounds.split_off(size);
            Bounds::Boxes { low: bounds, high, p }
        } else {
            Bounds::Balls { centers: bounds, radii }
        };
        Ok(Some(Self {
            order,
            nodes,
            bounds,
            columns: rows.columns,
        }))
    }

    /// The `count` nearest rows to `x`, nearest first.
    pub(super) fn nearest(&self, metric: &Metric, rows: &Weights, x: &[f64], count: usize) -> Vec<Neighbor> {
        let mut heap = vec![(f64::INFINITY, 0); count];
        // What is still to be visited; the last is next.
        let mut pending = vec![(0, self.least(metric, 0, x))];
        while let Some((at, least)) = pending.pop() {
            if heap.first().is_some_and(|largest| least > largest.0) {
                continue;
            }
            let node = &self.nodes[at];
            if node.leaf {
                for position in &self.order[node.start..node.end] {
                    push(&mut heap, (metric.reduced(x, rows.row(*position)), *position));
                }
                continue;
            }
            let (first, second) = (2 * at + 1, 2 * at + 2);
            let (near, far) = (self.least(metric, first, x), self.least(metric, second, x));
            if near <= far {
                pending.extend([(second, far), (first, near)]);
            } else {
                pending.extend([(first, near), (second, far)]);
            }
        }
        sorted(heap)
    }

    /// The least reduced distance that a row of a node can have.
    fn least(&self, metric: &Metric, node: usize, x: &[f64]) -> f64 {
        let range = node * self.columns..(node + 1) * self.columns;
        match &self.bounds {
            Bounds::Boxes { low, high, p } => {
                let outside = low[range.clone()]
                    .iter()
                    .zip(&high[range])
                    .zip(x)
                    .map(|((low, high), x)| {
                        let (below, above) = (low - x, x - high);
                        0.5 * ((below + below.abs()) + (above + above.abs()))
                    });
                if p.is_infinite() {
                    outside.fold(0.0, f64::max)
                } else {
                    outside.fold(0.0, |total, d| total + d.powf(*p))
                }
            }
            Bounds::Balls { centers, radii } => {
                let distance = metric.distance(metric.reduced(x, &centers[range]));
                metric.reduce((distance - radii[node]).max(0.0))
            }
        }
    }
}

/// The ranges and radii of nodes.
fn read_nodes(view: View<'_>) -> Option<(Vec<Node>, Vec<f64>)> {
    let array = view.as_array()?;
    let starts = array.field_ints("idx_start")?;
    let ends = array.field_ints("idx_end")?;
    let leaves = array.field_ints("is_leaf")?;
    let radii = array.field_floats("radius")?;
    let position = |value: i64| usize::try_from(value).ok();
    let nodes = starts.into_iter().zip(ends).zip(leaves).map(|((start, end), leaf)| {
        Some(Node {
            start: position(start)?,
            end: position(end)?,
            leaf: leaf != 0,
        })
    });
    Some((nodes.collect::<Option<_>>()?, radii))
}

/// Whether every row is in exactly one leaf that is reached from the root.
fn sound(order: &[usize], nodes: &[Node], rows: usize) -> bool {
    let mut seen = vec![false; rows];
    for position in order {
        match seen.get_mut(*position) {
            Some(seen) if !*seen => *seen = true,
            _ => return false,
        }
    }
    // Halves come after the whole, and each node has one whole: so this ends.
    let (mut pending, mut leaves) = (vec![0], 0usize);
    while let Some(at) = pending.pop() {
        match nodes.get(at) {
            Some(node) if node.start > node.end || node.end > rows => return false,
            Some(node) if node.leaf => leaves = leaves.saturating_add(node.end - node.start),
            Some(_) => pending.extend([2 * at + 1, 2 * at + 2]),
            None => return false,
        }
    }
    order.len() == rows && leaves == rows
}

/// `sklearn.utils._heap.heap_push`: replaces the largest of a heap, unless the new one is not smaller.
pub(super) fn push(heap: &mut [Neighbor], new: Neighbor) {
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

/// A heap's neighbours, nearest first.
pub(super) fn sorted(mut heap: Vec<Neighbor>) -> Vec<Neighbor> {
    heap.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    heap
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(start: usize, end: usize, leaf: bool) -> Node {
        Node { start, end, leaf }
    }

    #[test]
    fn only_a_whole_partition_is_sound() {
        let tree = || vec![node(0, 3, false), node(0, 1, true), node(1, 3, true)];
        assert!(sound(&[2, 0, 1], &tree(), 3));
        // A row twice, a row missing, a leaf missing, a leaf too large, a half beyond the end.
        assert!(!sound(&[2, 2, 1], &tree(), 3));
        assert!(!sound(&[2, 1], &tree(), 3));
        assert!(!sound(&[2, 0, 1], &tree()[..2], 3));
        assert!(!sound(&[2, 0, 1], &[node(0, 4, true)], 3));
        assert!(!sound(
            &[2, 0, 1],
            &[node(0, 3, false), node(0, 3, true), node(0, 3, true)],
            3
        ));
        assert!(!sound(&[0], &[node(0, 1, false)], 1));
    }

    #[test]
    fn a_tree_finds_what_lies_nearest() {
        let rows = Weights {
            rows: 4,
            columns: 1,
            values: vec![0.0, 10.0, 1.0, 11.0],
            single: false,
        };
        for bounds in [
            Bounds::Boxes {
                low: vec![0.0, 0.0, 10.0],
                high: vec![11.0, 1.0, 11.0],
                p: 2.0,
            },
            Bounds::Balls {
                centers: vec![5.5, 0.5, 10.5],
                radii: vec![5.5, 0.5, 0.5],
            },
        ] {
            let tree = NeighborTree {
                order: vec![0, 2, 1, 3],
                nodes: vec![node(0, 4, false), node(0, 2, true), node(2, 4, true)],
                bounds,
                columns: 1,
            };
            let found = tree.nearest(&Metric::Euclidean, &rows, &[9.0], 3);
            assert_eq!(found, [(1.0, 1), (4.0, 3), (64.0, 2)]);
        }
    }
}
