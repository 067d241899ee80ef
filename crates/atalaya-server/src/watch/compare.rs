//! Two batches compared column by column: the drift of a window against its baseline.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use atalaya_stats::drift::{ColumnPair, DecisionMode, DriftResult, compare_columns};
use atalaya_stats::{ColumnKind, Sample};

/// What came of comparing two batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// One result per compared column, in the baseline's order.
    pub results: Vec<DriftResult>,
    /// Columns that could not be compared, and why.
    pub skipped: Vec<(String, String)>,
}

impl Comparison {
    /// Names of the columns that drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &str> {
        self.results.iter().filter(|r| r.drifted).map(|r| r.column.as_str())
    }
}

/// Why two batches could not be compared at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CompareError {
    /// A column was asked for that one side lacks.
    #[error("column `{column}` is not in the {side}")]
    NoColumn {
        /// The column asked for.
        column: String,
        /// `baseline` or `window`.
        side: &'static str,
    },
    /// The two sides share no column.
    #[error("baseline and window have no column in common")]
    NothingShared,
}

/// Compares `columns` of two batches; without any, those that both have and that are numbers, texts or truth values.
///
/// # Errors
/// [`CompareError`] when a named column is missing or nothing is shared.
pub fn compare_batches(
    baseline: &RecordBatch,
    window: &RecordBatch,
    columns: &[String],
    mode: DecisionMode,
    threshold: f64,
) -> Result<Comparison, CompareError> {
    let chosen = choose(baseline, window, columns)?;
    let mut skipped = Vec::new();
    let mut samples = Vec::new();
    for (name, left, right) in chosen {
        match pair(&left, &right) {
            Some((left, right)) => samples.push((name, left, right)),
            None => skipped.push((name, "it is neither a number nor a text in both".to_owned())),
        }
    }
    let pairs: Vec<ColumnPair<'_>> = samples
        .iter()
        .map(|(name, left, right)| ColumnPair {
            threshold: Some(threshold),
            ..ColumnPair::new(name, left, right)
        })
        .collect();
    let mut results = Vec::new();
    for compared in compare_columns(&pairs, mode) {
        match compared {
            Ok(result) => results.push(result),
            Err(error) => skipped.push((error.column, error.source.to_string())),
        }
    }
    Ok(Comparison { results, skipped })
}

type Chosen = Vec<(String, ArrayRef, ArrayRef)>;

fn choose(baseline: &RecordBatch, window: &RecordBatch, columns: &[String]) -> Result<Chosen, CompareError> {
    let named = |batch: &RecordBatch, column: &str, side| {
        let missing = || CompareError::NoColumn {
            column: column.to_owned(),
            side,
        };
        batch.column_by_name(column).cloned().ok_or_else(missing)
    };
    if !columns.is_empty() {
        let both = |c: &String| Ok((c.clone(), named(baseline, c, "baseline")?, named(window, c, "window")?));
        return columns.iter().map(both).collect();
    }
    let shared: Chosen = baseline
        .schema_ref()
        .fields()
        .iter()
        .zip(baseline.columns())
        .filter(|(field, _)| kind(field.data_type()).is_some())
        .filter_map(|(field, left)| {
            Some((
                field.name().clone(),
                left.clone(),
                window.column_by_name(field.name())?.clone(),
            ))
        })
        .collect();
    if shared.is_empty() {
        Err(CompareError::NothingShared)
    } else {
        Ok(shared)
    }
}

/// How a column of this type is compared; `None` for one that is not.
pub(super) fn kind(data_type: &DataType) -> Option<ColumnKind> {
    match data_type {
        t if t.is_numeric() => Some(ColumnKind::Numeric),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => Some(ColumnKind::Categorical),
        DataType::Dictionary(_, value) => kind(value),
        _ => None,
    }
}

/// Both columns as samples of one kind; numbers against texts are compared as texts.
pub(super) fn pair(left: &ArrayRef, right: &ArrayRef) -> Option<(Sample, Sample)> {
    match (kind(left.data_type())?, kind(right.data_type())?) {
        (ColumnKind::Numeric, ColumnKind::Numeric) => Some((numbers(left)?, numbers(right)?)),
        _ => Some((texts(left)?, texts(right)?)),
    }
}

/// A column as numbers.
pub(super) fn numbers(column: &ArrayRef) -> Option<Sample> {
    let column = cast(column, &DataType::Float64).ok()?;
    Some(Sample::Numeric(column.as_primitive::<Float64Type>().iter().collect()))
}

/// A column as categories.
pub(super) fn texts(column: &ArrayRef) -> Option<Sample> {
    let column = cast(column, &DataType::Utf8).ok()?;
    Some(Sample::Categorical(column.as_string::<i32>().iter().collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn batch(ages: Vec<i64>, cities: Vec<&str>) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("age", Arc::new(Int64Array::from(ages))),
            ("city", Arc::new(StringArray::from(cities))),
        ];
        RecordBatch::try_from_iter(columns).expect("batch")
    }

    #[test]
    fn numbers_and_texts_are_compared_by_their_own_tests() {
        let baseline = batch((0..400).collect(), vec!["lima"; 400]);
        let window = batch((300..700).collect(), [["lima"; 200], ["quito"; 200]].concat());
        let found = compare_batches(&baseline, &window, &[], DecisionMode::Budget, 0.05).expect("compared");
        assert_eq!(found.drifted().collect::<Vec<_>>(), ["age", "city"]);
        let same = compare_batches(&baseline, &baseline, &[], DecisionMode::Budget, 0.05).expect("compared");
        assert_eq!(same.drifted().count(), 0);
    }

    #[test]
    fn an_integer_baseline_meets_a_double_window() {
        let baseline = batch(vec![1, 2, 3], vec!["a", "b", "c"]);
        let ages: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]));
        let window = RecordBatch::try_from_iter([("age", ages)]).expect("batch");
        let found = compare_batches(&baseline, &window, &[], DecisionMode::Lab, 0.05).expect("compared");
        assert_eq!(found.results.len(), 1);
        assert_eq!(found.results[0].statistic, 0.0);
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let b = batch(vec![1], vec!["a"]);
        let error = compare_batches(&b, &b, &["bmi".into()], DecisionMode::Lab, 0.05);
        assert_eq!(
            error,
            Err(CompareError::NoColumn {
                column: "bmi".into(),
                side: "baseline"
            })
        );
    }
}
