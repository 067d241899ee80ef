//! The profile of one column, as the profile-metrics table stores it.

use super::Moments;
use crate::binning::quantile;
use crate::{CategoricalSample, NumericSample, Sample};

/// The quantiles that a profile of numbers holds.
pub const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// How many of the most frequent categories a profile keeps: enough for a chart, bounded for free text.
pub const TOP_CATEGORIES: usize = 20;

/// What a column looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Values, nulls not counted.
    pub count: u64,
    /// Missing values, and NaN in a numeric column.
    pub nulls: u64,
    /// Different values.
    pub distinct: u64,
    /// What depends on the kind of the column.
    pub detail: ProfileDetail,
}

/// The part of a profile that depends on the kind of the column.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileDetail {
    /// Of numbers.
    Numeric(NumericProfile),
    /// Of categories: the most frequent, first the greatest count, then the order of their text.
    Categorical(Vec<Category>),
}

/// The numbers of a numeric column; every field is `None` without values.
#[derive(Debug, Clone, PartialEq)]
pub struct NumericProfile {
    /// Arithmetic mean; `None` also when it is not finite.
    pub mean: Option<f64>,
    /// Standard deviation with `n − 1`; `None` also below two values.
    pub std: Option<f64>,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// (probability, value) for each of [`QUANTILES`], by linear interpolation; empty without values.
    pub quantiles: Vec<(f64, f64)>,
}

/// One category and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// The text of the category.
    pub value: String,
    /// Occurrences.
    pub count: u64,
}

impl ColumnProfile {
    /// Profiles one column.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        match sample {
            Sample::Numeric(numbers) => Self::of_numbers(numbers),
            Sample::Categorical(categories) => Self::of_categories(categories),
        }
    }

    fn of_numbers(sample: &NumericSample) -> Self {
        let sorted = sample.sorted();
        let moments = Moments::of(sorted);
        let steps = sorted.windows(2).filter(|pair| pair[0] < pair[1]).count() as u64;
        let quantiles = QUANTILES
            .iter()
            .filter_map(|probability| Some((*probability, quantile(sorted, *probability)?)))
            .collect();
        Self {
            count: moments.count(),
            nulls: sample.nulls(),
            distinct: if sorted.is_empty() { 0 } else { steps + 1 },
            detail: ProfileDetail::Numeric(NumericProfile {
                mean: moments.mean(),
                std: moments.std(),
                min: moments.min(),
                max: moments.max(),
                quantiles,
            }),
        }
    }

    fn of_categories(sample: &CategoricalSample) -> Self {
        let mut ranked: Vec<(&String, &u64)> = sample.counts().iter().collect();
        ranked.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let top = ranked
            .into_iter()
            .take(TOP_CATEGORIES)
            .map(|(value, count)| Category {
                value: value.clone(),
                count: *count,
            })
            .collect();
        Self {
            count: sample.count(),
            nulls: sample.nulls(),
            distinct: sample.counts().len() as u64,
            detail: ProfileDetail::Categorical(top),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_ties_and_nulls() {
        let sample = [Some(1.0), Some(3.0), None, Some(3.0), Some(5.0)].into_iter().collect();
        let profile = ColumnProfile::of(&Sample::Numeric(sample));
        assert_eq!((profile.count, profile.nulls, profile.distinct), (4, 1, 3));
        let ProfileDetail::Numeric(numbers) = profile.detail else {
            panic!("a numeric profile")
        };
        assert_eq!(
            (numbers.mean, numbers.min, numbers.max),
            (Some(3.0), Some(1.0), Some(5.0))
        );
        assert_eq!(numbers.quantiles[3], (0.5, 3.0));
        assert!((numbers.std.expect("four values") - (8.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn categories_by_frequency_then_text() {
        let profile = ColumnProfile::of(&Sample::categorical(["b", "a", "c", "b", "a"]));
        let ProfileDetail::Categorical(top) = &profile.detail else {
            panic!("a categorical profile")
        };
        let seen: Vec<(&str, u64)> = top
            .iter()
            .map(|category| (category.value.as_str(), category.count))
            .collect();
        assert_eq!(seen, [("a", 2), ("b", 2), ("c", 1)]);
        assert_eq!(profile.distinct, 3);
    }

    #[test]
    fn the_list_of_categories_is_bounded() {
        let profile = ColumnProfile::of(&Sample::categorical((0..100).map(|i| i.to_string())));
        let ProfileDetail::Categorical(top) = &profile.detail else {
            panic!("a categorical profile")
        };
        assert_eq!((top.len(), profile.distinct), (TOP_CATEGORIES, 100));
    }

    #[test]
    fn an_empty_column_has_no_numbers() {
        let profile = ColumnProfile::of(&Sample::numeric(&[]));
        let ProfileDetail::Numeric(numbers) = profile.detail else {
            panic!("a numeric profile")
        };
        assert_eq!(
            (profile.count, profile.distinct, numbers.mean, numbers.quantiles.len()),
            (0, 0, None, 0)
        );
    }
}
