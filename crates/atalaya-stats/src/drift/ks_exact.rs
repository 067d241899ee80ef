//! Exact p-value of the two-sample Kolmogorov–Smirnov statistic by counting lattice paths.
//!
//! Under the null hypothesis every order of the two samples is one path from `(0, 0)` to `(m, n)`, all equally
//! likely; the p-value is the share of paths that reach the distance. Hodges (1958); for equal sizes the
//! reflection formula of Gnedenko & Korolyuk (1951).

/// `P(D >= distance / lcm(a, b))`, `divisor` being the sizes' greatest common divisor. `None` where the closed
/// form has lost the range 0 to 1 by rounding: SciPy then falls back to the limiting form, and so does the caller.
pub(super) fn exact_p_value(a: usize, b: usize, divisor: usize, distance: u128) -> Option<f64> {
    // Sizes are at most 10 000 here, hence the distance at most 10⁸.
    let distance = u64::try_from(distance).ok()?;
    if distance == 0 {
        return Some(1.0);
    }
    let p_value = if a == b {
        equal_sizes(a as u64, distance)
    } else {
        outside_share(a as i64, b as i64, divisor as i64, distance)
    };
    (0.0..=1.0).contains(&p_value).then_some(p_value)
}

/// Reflection for `m = n`: `2 Σ_{k≥1} (−1)^{k−1} C(2n, n−kh) / C(2n, n)`, nested so that the alternating terms
/// do not cancel: `2 A₀ (1 − A₁ (1 − A₂ …))`. The order of operations decides the last bit, and with it whether
/// the range 0 to 1 is left for tiny `n`; it is the order that SciPy's results imply.
fn equal_sizes(n: u64, h: u64) -> f64 {
    let mut nested = 0.0;
    for k in (0..=n / h).rev() {
        let shift = k * h;
        let mut ratio = 1.0;
        for j in 0..h {
            // Below zero the binomial coefficient vanishes, and the factor 0 has made the product 0 before.
            let numerator = n as f64 - (shift + j) as f64;
            ratio = numerator * ratio / (n + shift + j + 1) as f64;
        }
        nested = ratio * (1.0 - nested);
    }
    2.0 * nested
}

/// Share of the paths to `(m, n)` that leave the band `|n x − m y| < h·gcd`.
///
/// `P(x, y) = (x P(x−1, y) + y P(x, y−1)) / (x + y)` inside, 1 outside: the share at a point is the mean over
/// its two predecessors. Only positive terms, so tiny shares keep their relative accuracy. Points of one
/// antidiagonal do not depend on each other; walking along antidiagonals lets the compiler use vector
/// instructions, which a column-wise walk forbids.
fn outside_share(m: i64, n: i64, divisor: i64, distance: u64) -> f64 {
    let (m_step, n_step) = (m / divisor, n / divisor);
    let h = distance as i64;
    // Index x + 1, so that the predecessor of x = 0 exists; cells outside the band read as 1.
    let mut previous = vec![1.0_f64; m as usize + 3];
    let mut current = previous.clone();
    let xs: Vec<f64> = (0..=m).map(|x| x as f64).collect();
    previous[1] = 0.0;
    for s in 1..=m + n {
        // Strictly inside: m_step·(s − x) − n_step·x < h and > −h, within the rectangle.
        let low = ((m_step * s - h).div_euclid(m_step + n_step) + 1).max(s - n).max(0);
        let high = (m_step * s + h - 1).div_euclid(m_step + n_step).min(s).min(m);
        if low > high {
            return 1.0;
        }
        let (low, high) = (low as usize, high as usize);
        let steps = s as f64;
        let targets = &mut current[low + 1..=high + 1];
        let left = &previous[low..=high];
        let below = &previous[low + 1..=high + 1];
        for (((target, left), below), x) in targets.iter_mut().zip(left).zip(below).zip(&xs[low..=high]) {
            *target = (left * x + below * (steps - x)) / steps;
        }
        current[low] = 1.0;
        current[high + 2] = 1.0;
        std::mem::swap(&mut previous, &mut current);
    }
    previous[m as usize + 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the same paths one by one.
    fn by_enumeration(m: u32, n: u32, distance: i64) -> f64 {
        let (mut outside, mut all) = (0_u32, 0_u32);
        for order in 0..1_u32 << (m + n) {
            if order.count_ones() != m {
                continue;
            }
            all += 1;
            let (mut x, mut y, mut left) = (0_i64, 0_i64, false);
            for step in 0..m + n {
                if order >> step & 1 == 1 {
                    x += 1
                } else {
                    y += 1
                }
                left |= (x * i64::from(n) - y * i64::from(m)).abs() >= distance;
            }
            outside += u32::from(left);
        }
        f64::from(outside) / f64::from(all)
    }

    #[test]
    fn equals_counting_every_path() {
        for (m, n) in [(1, 2), (2, 5), (5, 3), (4, 6), (6, 4), (7, 7), (1, 9), (9, 2)] {
            let divisor = (1..=m).filter(|d| m % d == 0 && n % d == 0).max().expect("1 divides");
            for distance in 1..=u64::from(m * n / divisor) {
                let expected = by_enumeration(m, n, distance as i64 * i64::from(divisor));
                if let Some(p) = exact_p_value(m as usize, n as usize, divisor as usize, u128::from(distance)) {
                    assert!(
                        (p - expected).abs() < 1e-14,
                        "{m} {n} {distance}: {p} is not {expected}"
                    );
                } else {
                    assert_eq!(
                        (m, distance, expected),
                        (7, 1, 1.0),
                        "only a certainty may lose its range"
                    );
                }
            }
        }
    }

    #[test]
    fn the_lab_figures() {
        // scipy.stats.ks_2samp on the lab's four features: 1 500 reference rows against 1 000 of a drifted window;
        // distances in steps of 1/3000.
        for (distance, expected) in [
            (824, 2.675_224_288_917_545e-40),
            (708, 9.102_488_331_313_904e-30),
            (487, 3.007_850_442_930_78e-14),
            (856, 1.685_767_170_686_837_3e-43),
            (79, 0.792_520_966_476_244_3),
        ] {
            let p = exact_p_value(1500, 1000, 500, distance).expect("in range");
            assert!((p / expected - 1.0).abs() < 1e-10, "{distance}: {p} is not {expected}");
        }
    }

    #[test]
    fn no_distance_is_certain() {
        assert_eq!(exact_p_value(3, 5, 1, 0), Some(1.0));
    }
}
