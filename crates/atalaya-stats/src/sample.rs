//! The values of one column as the drift tests take them: sorted numbers or counted categories.
//! Nulls (a missing value, and NaN in a number column) are dropped and counted here, once.

use std::collections::BTreeMap;
use std::fmt;

use crate::StatsError;

/// Which family of formulas a column belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Integers and floats.
    Numeric,
    /// Text, booleans, and codes that have no order.
    Categorical,
}

impl ColumnKind {
    /// The word used in files and messages: `numeric` or `categorical`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Categorical => "categorical",
        }
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The numbers of one column, sorted, without nulls. Infinities stay: they have an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NumericSample {
    sorted: Vec<f64>,
    nulls: u64,
}

impl NumericSample {
    /// The values in ascending order; none is NaN.
    #[must_use]
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// How many values were missing or NaN.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Sorts `values` and refuses NaN, for formulas whose original refuses it too.
    ///
    /// # Errors
    /// [`StatsError::NotANumber`] and [`StatsError::Empty`], naming `input`.
    pub fn strict(input: &'static str, values: &[f64]) -> Result<Self, StatsError> {
        if values.iter().any(|value| value.is_nan()) {
            return Err(StatsError::NotANumber { input });
        }
        if values.is_empty() {
            return Err(StatsError::Empty { input });
        }
        Ok(Self::from(values))
    }
}

impl FromIterator<Option<f64>> for NumericSample {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(values: I) -> Self {
        let mut sample = Self::default();
        for value in values {
            match value {
                Some(number) if !number.is_nan() => sample.sorted.push(number),
                _ => sample.nulls += 1,
            }
        }
        sample.sorted.sort_unstable_by(f64::total_cmp);
        sample
    }
}

impl From<&[f64]> for NumericSample {
    fn from(values: &[f64]) -> Self {
        values.iter().copied().map(Some).collect()
    }
}

/// The values of one categorical column, counted, without nulls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoricalSample {
    counts: BTreeMap<String, u64>,
    nulls: u64,
}

impl CategoricalSample {
    /// Occurrences of each category, in the order of their text.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// How many values were missing.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Number of values, nulls not counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The two samples as a contingency table: one (self, other) pair for every category seen in either.
    #[must_use]
    pub fn table(&self, other: &Self) -> Vec<(u64, u64)> {
        let mut joined: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (category, count) in &self.counts {
            joined.entry(category).or_default().0 += count;
        }
        for (category, count) in &other.counts {
            joined.entry(category).or_default().1 += count;
        }
        joined.into_values().filter(|pair| *pair != (0, 0)).collect()
    }
}

impl<S: AsRef<str>> FromIterator<Option<S>> for CategoricalSample {
    fn from_iter<I: IntoIterator<Item = Option<S>>>(values: I) -> Self {
        let mut sample = Self::default();
        for value in values {
            let Some(category) = value else {
                sample.nulls += 1;
                continue;
            };
            // Looking up before inserting saves one allocation per repeated category.
            match sample.counts.get_mut(category.as_ref()) {
                Some(count) => *count += 1,
                None => {
                    sample.counts.insert(category.as_ref().to_owned(), 1);
                }
            }
        }
        sample
    }
}

/// One column of a baseline or of a window.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// An ordered column.
    Numeric(NumericSample),
    /// A column of categories.
    Categorical(CategoricalSample),
}

impl Sample {
    /// A numeric column without missing values; NaN counts as null.
    #[must_use]
    pub fn numeric(values: &[f64]) -> Self {
        Self::Numeric(NumericSample::from(values))
    }

    /// A categorical column without missing values.
    pub fn categorical<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Self {
        Self::Categorical(values.into_iter().map(Some).collect())
    }

    /// The family of formulas that applies.
    #[must_use]
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Numeric(_) => ColumnKind::Numeric,
            Self::Categorical(_) => ColumnKind::Categorical,
        }
    }

    /// Number of values, nulls not counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Numeric(sample) => sample.sorted.len() as u64,
            Self::Categorical(sample) => sample.count(),
        }
    }

    /// Number of nulls.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        match self {
            Self::Numeric(sample) => sample.nulls,
            Self::Categorical(sample) => sample.nulls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_missing_are_nulls() {
        let sample: NumericSample = [Some(2.0), None, Some(f64::NAN), Some(-1.0)].into_iter().collect();
        assert_eq!(sample.sorted(), [-1.0, 2.0]);
        assert_eq!(sample.nulls(), 2);
    }

    #[test]
    fn strict_refuses_nan_and_nothing() {
        assert_eq!(
            NumericSample::strict("window", &[1.0, f64::NAN]),
            Err(StatsError::NotANumber { input: "window" })
        );
        assert_eq!(
            NumericSample::strict("window", &[]),
            Err(StatsError::Empty { input: "window" })
        );
    }

    #[test]
    fn the_table_has_every_category_of_both_sides() {
        let a: CategoricalSample = [Some("x"), Some("y"), Some("x"), None].into_iter().collect();
        let b: CategoricalSample = [Some("z"), Some("y")].into_iter().collect();
        assert_eq!(a.table(&b), [(2, 0), (1, 1), (0, 1)]);
        assert_eq!((a.count(), a.nulls()), (3, 1));
    }
}
