//! numpy's broadcasting: dimensions are matched from the last, and those of size 1 are repeated.

use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::strides;

/// The shape that two shapes broadcast to.
pub(in crate::flavors::onnx) fn shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, EvalError> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let sizes = (0..rank).map(|axis| match (size(a, axis), size(b, axis)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        _ => Err(EvalError::Shape("they do not broadcast")),
    });
    sizes.collect()
}

/// For each dimension of `target`, how far the elements of `shape` are apart: 0 where they repeat.
pub(in crate::flavors::onnx) fn steps(shape: &[usize], target: &[usize]) -> Vec<usize> {
    let own = strides(shape);
    let missing = target.len() - shape.len();
    let step = |axis: usize| match axis.checked_sub(missing) {
        Some(axis) if shape[axis] != 1 => own[axis],
        _ => 0,
    };
    (0..target.len()).map(step).collect()
}

/// Calls `visit` with the positions in N tensors of each place of `target`, in row-major order.
pub(in crate::flavors::onnx) fn walk<const N: usize>(
    target: &[usize],
    steps: [&[usize]; N],
    mut visit: impl FnMut([usize; N]),
) {
    if target.contains(&0) {
        return;
    }
    let Some(last) = target.len().checked_sub(1) else {
        visit([0; N]);
        return;
    };
    let mut index = vec![0usize; target.len()];
    let mut at = [0usize; N];
    loop {
        let mut inner = at;
        for _ in 0..target[last] {
            visit(inner);
            for (position, steps) in inner.iter_mut().zip(&steps) {
                *position += steps[last];
            }
        }
        // The next place of the outer dimensions.
        let mut axis = last;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            for (position, steps) in at.iter_mut().zip(&steps) {
                *position += steps[axis];
            }
            if index[axis] < target[axis] {
                break;
            }
            for (position, steps) in at.iter_mut().zip(&steps) {
                *position -= steps[axis] * target[axis];
            }
            index[axis] = 0;
        }
    }
}

/// `f` of each pair of elements.
pub(in crate::flavors::onnx) fn zip<A: Clone, B: Clone, R>(
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    target: &[usize],
    mut f: impl FnMut(A, B) -> R,
) -> Vec<R> {
    if a_shape == b_shape {
        return a.iter().zip(b).map(|(a, b)| f(a.clone(), b.clone())).collect();
    }
    let mut out = Vec::with_capacity(target.iter().product());
    walk(target, [&steps(a_shape, target), &steps(b_shape, target)], |[i, j]| {
        out.push(f(a[i].clone(), b[j].clone()));
    });
    out
}

/// The elements at the places that steps through a tensor give, from `start` on.
pub(in crate::flavors::onnx) fn stepped<T: Clone>(
    values: &[T],
    start: usize,
    target: &[usize],
    steps: &[usize],
) -> Vec<T> {
    let mut out = Vec::new();
    walk(target, [steps], |[at]| out.push(values[start + at].clone()));
    out
}

/// The elements at these places.
pub(in crate::flavors::onnx) fn picked<T: Clone>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|at| values[*at].clone()).collect()
}
