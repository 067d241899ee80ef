//! Count, mean, variance, least and greatest value in one pass, mergeable.
//!
//! Welford (1962) for one value, Chan, Golub & LeVeque (1979) for merging: no catastrophic cancellation.

/// Running moments of a stream of numbers. NaN is refused by [`Moments::push`] (it returns `false`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Moments {
    /// The moments of `values`; NaN is left out.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.push(*value);
        }
        moments
    }

    /// Adds one value; `false` and unchanged for NaN, which the caller counts as null.
    pub fn push(&mut self, value: f64) -> bool {
        if value.is_nan() {
            return false;
        }
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        true
    }

    /// The moments of both streams together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.count == 0 {
            return other;
        }
        if other.count == 0 {
            return self;
        }
        let (left, right) = (self.count as f64, other.count as f64);
        let total = left + right;
        let gap = other.mean - self.mean;
        Self {
            count: self.count + other.count,
            mean: self.mean + gap * (right / total),
            squares: self.squares + other.squares + gap * gap * (left * right / total),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Arithmetic mean; `None` without values or when it is not finite.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0 && self.mean.is_finite()).then_some(self.mean)
    }

    /// Standard deviation of the sample (divided by `n − 1`, as pandas does); `None` below two values or when
    /// it is not finite.
    #[must_use]
    pub fn std(&self) -> Option<f64> {
        let variance = self.squares / self.count.checked_sub(1).filter(|degrees| *degrees > 0)? as f64;
        variance.is_finite().then(|| variance.max(0.0).sqrt())
    }

    /// Standard deviation of the values as a whole population (divided by `n`, as numpy does).
    #[must_use]
    pub fn population_std(&self) -> Option<f64> {
        let variance = self.squares / self.count as f64;
        (self.count > 0 && variance.is_finite()).then(|| variance.max(0.0).sqrt())
    }

    /// Least value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// Greatest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_sample() {
        let moments = Moments::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(moments.mean(), Some(5.0));
        assert_eq!(moments.population_std(), Some(2.0));
        assert_eq!(
            (moments.min(), moments.max(), moments.count()),
            (Some(2.0), Some(9.0), 8)
        );
    }

    #[test]
    fn a_large_offset_does_not_swallow_the_spread() {
        let moments = Moments::of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]);
        assert!((moments.std().expect("three values") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_has_no_moments() {
        let mut moments = Moments::default();
        assert!(!moments.push(f64::NAN));
        assert_eq!(
            (moments.mean(), moments.std(), moments.min(), moments.max()),
            (None, None, None, None)
        );
        assert!(moments.push(3.0));
        assert_eq!(
            (moments.mean(), moments.std(), moments.population_std()),
            (Some(3.0), None, Some(0.0))
        );
    }

    #[test]
    fn an_infinity_leaves_no_mean() {
        let moments = Moments::of(&[1.0, f64::INFINITY]);
        assert_eq!(
            (moments.mean(), moments.std(), moments.max()),
            (None, None, Some(f64::INFINITY))
        );
    }
}
