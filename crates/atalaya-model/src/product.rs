//! Products of matrices. Each element is one chain of additions in the order of the inner dimension, fused with the
//! multiplications, as OpenBLAS and MLAS do it for matrices; several elements are computed side by side.

use crate::simd::{Kernel, Level};

/// Sizes of a product: `rows × inner` times `inner × columns`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) columns: usize,
    /// Whether the second matrix is stored as `columns × inner`.
    pub(crate) transposed: bool,
}

/// A number that is multiplied and added without rounding in between.
pub(crate) trait Fused: Copy + Default {
    fn fused(self, by: Self, plus: Self) -> Self;
}

macro_rules! fused {
    ($($number:ty),*) => {$(
        impl Fused for $number {
            #[inline(always)]
            fn fused(self, by: Self, plus: Self) -> Self {
                self.mul_add(by, plus)
            }
        }
    )*};
}

fused!(f32, f64);

macro_rules! wrapping {
    ($($number:ty),*) => {$(
        impl Fused for $number {
            #[inline(always)]
            fn fused(self, by: Self, plus: Self) -> Self {
                self.wrapping_mul(by).wrapping_add(plus)
            }
        }
    )*};
}

wrapping!(i32, i64);

/// `x * w + total` in float32, of doubles that are float32.
#[expect(clippy::cast_possible_truncation, reason = "the arguments are representable")]
#[inline(always)]
pub(crate) fn fused_single(x: f64, w: f64, total: f64) -> f64 {
    f64::from((x as f32).mul_add(w as f32, total as f32))
}

/// The product of two matrices, whose slices have as many elements as `sizes` says.
pub(crate) fn multiply<T: Fused>(a: &[T], b: &[T], sizes: Product) -> Vec<T> {
    let mut out = vec![T::default(); sizes.rows * sizes.columns];
    multiply_with(a, b, sizes, T::fused, &mut out);
    out
}

/// [`multiply`] with a step of its own, added to what `out` has: `rows × columns`.
pub(crate) fn multiply_with<T: Copy + Default>(
    a: &[T],
    b: &[T],
    sizes: Product,
    fused: impl Fn(T, T, T) -> T + Copy,
    out: &mut [T],
) {
    /// As many rows and columns pay for turning the second matrix around.
    const WORTH_TURNING: usize = 4;
    if sizes.columns == 0 || sizes.inner == 0 {
        return;
    }
    let turned: Vec<T>;
    let (b, transposed) = if sizes.transposed && sizes.rows >= WORTH_TURNING && sizes.columns >= WORTH_TURNING {
        let places = (0..sizes.inner).flat_map(|i| (0..sizes.columns).map(move |j| j * sizes.inner + i));
        turned = places.map(|place| b[place]).collect();
        (&turned[..], false)
    } else {
        (b, sizes.transposed)
    };
    Level::best().run(Multiply {
        a,
        b,
        sizes: Product { transposed, ..sizes },
        fused,
        out,
    });
}

struct Multiply<'a, T, F> {
    a: &'a [T],
    b: &'a [T],
    sizes: Product,
    fused: F,
    out: &'a mut [T],
}

impl<T: Copy + Default, F: Fn(T, T, T) -> T + Copy> Kernel for Multiply<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        /// Elements of a row whose chains run side by side.
        const SIDE_BY_SIDE: usize = 8;
        let Self {
            a,
            b,
            sizes: Product { inner, columns, .. },
            fused,
            out,
        } = self;
        for (row, sums) in a.chunks_exact(inner).zip(out.chunks_exact_mut(columns)) {
            if !self.sizes.transposed {
                for (x, weights) in row.iter().zip(b.chunks_exact(columns)) {
                    for (sum, w) in sums.iter_mut().zip(weights) {
                        *sum = fused(*x, *w, *sum);
                    }
                }
                continue;
            }
            let (blocks, rest) = sums.as_chunks_mut::<SIDE_BY_SIDE>();
            let mut weights = b.chunks_exact(SIDE_BY_SIDE * inner);
            for (block, weights) in blocks.iter_mut().zip(&mut weights) {
                let mut rows = [&weights[..inner]; SIDE_BY_SIDE];
                for (row, weights) in rows.iter_mut().zip(weights.chunks_exact(inner)) {
                    *row = weights;
                }
                let mut totals = *block;
                for (i, x) in row.iter().enumerate() {
                    for (total, weights) in totals.iter_mut().zip(rows) {
                        *total = fused(*x, weights[i], *total);
                    }
                }
                *block = totals;
            }
            for (sum, weights) in rest.iter_mut().zip(weights.remainder().chunks_exact(inner)) {
                *sum = row.iter().zip(weights).fold(*sum, |sum, (x, w)| fused(*x, *w, sum));
            }
        }
    }
}

/// The sum of the squares of each row of `columns` numbers, fused.
pub(crate) fn squares(values: &[f64], columns: usize) -> Vec<f64> {
    Level::best().run(Squares { values, columns })
}

struct Squares<'a> {
    values: &'a [f64],
    columns: usize,
}

impl Kernel for Squares<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let rows = self.values.chunks_exact(self.columns.max(1));
        rows.map(|row| row.iter().fold(0.0, |total, x| x.mul_add(*x, total)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: f64) -> Vec<f64> {
        (0..count)
            .map(|n| f64::from(u32::try_from(n).unwrap_or(0)).mul_add(seed, 0.3).sin())
            .collect()
    }

    /// One element after the other, as the definition says.
    fn defined(a: &[f64], b: &[f64], sizes: Product) -> Vec<f64> {
        let element = |at: usize| {
            let (i, j) = (at / sizes.columns, at % sizes.columns);
            (0..sizes.inner).fold(0.0, |total, k| {
                let w = if sizes.transposed {
                    b[j * sizes.inner + k]
                } else {
                    b[k * sizes.columns + j]
                };
                a[i * sizes.inner + k].mul_add(w, total)
            })
        };
        (0..sizes.rows * sizes.columns).map(element).collect()
    }

    #[test]
    fn every_way_to_multiply_adds_in_the_same_order() {
        for (rows, inner, columns) in [
            (1, 1, 1),
            (1, 30, 19),
            (3, 7, 8),
            (5, 40, 3),
            (9, 20, 33),
            (2, 0, 4),
            (4, 3, 0),
        ] {
            for transposed in [false, true] {
                let sizes = Product {
                    rows,
                    inner,
                    columns,
                    transposed,
                };
                let (a, b) = (numbers(rows * inner, 1.7), numbers(inner * columns, 2.3));
                let bits = |all: Vec<f64>| all.into_iter().map(f64::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(multiply(&a, &b, sizes)), bits(defined(&a, &b, sizes)), "{sizes:?}");
                let narrow = |all: &[f64]| all.iter().map(|x| *x as f32).collect::<Vec<_>>();
                let singles = multiply(&narrow(&a), &narrow(&b), sizes);
                let widen = |all: &[f64]| all.iter().map(|x| f64::from(*x as f32)).collect::<Vec<_>>();
                let mut widened = vec![0.0; rows * columns];
                multiply_with(&widen(&a), &widen(&b), sizes, fused_single, &mut widened);
                assert_eq!(
                    bits(widened),
                    bits(singles.into_iter().map(f64::from).collect()),
                    "{sizes:?}"
                );
            }
        }
    }

    #[test]
    fn squares_are_one_chain_per_row() {
        let values = numbers(30, 0.9);
        let expected = values
            .chunks(10)
            .map(|row| row.iter().fold(0.0, |total: f64, x| x.mul_add(*x, total)));
        assert_eq!(squares(&values, 10), expected.collect::<Vec<_>>());
    }
}
