//! Which columns of a baseline and a window belong together, and under which name.
//!
//! A feature whose name the `rows` table uses itself is stored as `feature_<name>`; results name it as the baseline
//! does. A baseline column `prediction` is compared with the model's answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use atalaya_lake::tables::inference::ROWS_COLUMNS;
use atalaya_stats::ColumnKind;

use super::compare::{CompareError, kind};
use super::quality::CLASSES_MAX;
use super::result::Skipped;

/// Name of the prediction in a baseline, in `rows` and in results.
pub(super) const PREDICTION: &str = "prediction";
/// Columns that a window adds to `rows`.
const LABELS: [&str; 2] = ["label", "label_text"];
/// Most columns compared in one run: their results must fit into one stored JSON text.
const COLUMNS_MAX: usize = 1_000;

/// Columns of both sides under the same names, in the baseline's order.
pub(super) struct Shared {
    pub(super) baseline: RecordBatch,
    pub(super) window: RecordBatch,
    pub(super) skipped: Vec<Skipped>,
}

/// Pairs the columns. `wanted` limits them; empty means all.
///
/// # Errors
/// [`CompareError::NoColumn`] for a wanted column that one side lacks, [`CompareError::NothingShared`].
pub(super) fn shared(baseline: &RecordBatch, window: &RecordBatch, wanted: &[String]) -> Result<Shared, CompareError> {
    let mut chosen: Vec<(String, ArrayRef, ArrayRef)> = Vec::new();
    let mut skipped = Vec::new();
    for (field, left) in baseline.schema_ref().fields().iter().zip(baseline.columns()) {
        let name = field.name();
        if kind(left.data_type()).is_none() || !(wanted.is_empty() || wanted.contains(name)) {
            continue;
        }
        let pair = match name.as_str() {
            PREDICTION => predictions(left, window),
            _ => window
                .column_by_name(&rows_column(name))
                .map(|right| (Arc::clone(left), Arc::clone(right))),
        };
        let Some((left, right)) = pair else { continue };
        if chosen.len() == COLUMNS_MAX {
            let reason =
                format!("more than {COLUMNS_MAX} columns; name the ones to compare in the monitor's `columns`");
            skipped.push(Skipped {
                column: name.clone(),
                reason,
            });
            break;
        }
        chosen.push((name.clone(), left, right));
    }
    if let Some(missing) = wanted
        .iter()
        .find(|name| !chosen.iter().any(|(known, ..)| known == *name))
    {
        let side = if baseline.column_by_name(missing).is_some() {
            "window"
        } else {
            "baseline"
        };
        return Err(CompareError::NoColumn {
            column: missing.clone(),
            side,
        });
    }
    if chosen.is_empty() {
        return Err(CompareError::NothingShared);
    }
    let left = chosen.iter().map(|(name, left, _)| (name.clone(), Arc::clone(left)));
    let right = chosen.iter().map(|(name, _, right)| (name.clone(), Arc::clone(right)));
    let built = |batch: Result<RecordBatch, ArrowError>| batch.map_err(|_| CompareError::NothingShared);
    Ok(Shared {
        baseline: built(RecordBatch::try_from_iter(left))?,
        window: built(RecordBatch::try_from_iter(right))?,
        skipped,
    })
}

/// The column of `rows` that holds a feature.
fn rows_column(feature: &str) -> String {
    let taken = ROWS_COLUMNS
        .iter()
        .chain(&LABELS)
        .any(|own| own.eq_ignore_ascii_case(feature));
    if taken {
        format!("feature_{feature}")
    } else {
        feature.to_owned()
    }
}

/// The baseline's and the window's predictions in one type: numbers, or texts where they are classes.
fn predictions(baseline: &ArrayRef, window: &RecordBatch) -> Option<(ArrayRef, ArrayRef)> {
    let numbers = window.column_by_name(PREDICTION)?;
    let words = window.column_by_name("prediction_text")?;
    let as_words = |column: &ArrayRef| cast(column, &DataType::Utf8).ok();
    let number_like =
        *baseline.data_type() == DataType::Boolean || kind(baseline.data_type()) == Some(ColumnKind::Numeric);
    if !number_like {
        let answers = if words.null_count() < words.len() {
            words
        } else {
            numbers
        };
        return Some((as_words(baseline)?, as_words(answers)?));
    }
    let baseline = cast(baseline, &DataType::Float64).ok()?;
    if few_whole_numbers(&baseline) && few_whole_numbers(numbers) {
        // Classes have no order that a test of distributions could use.
        return Some((as_words(&baseline)?, as_words(numbers)?));
    }
    Some((baseline, Arc::clone(numbers)))
}

fn few_whole_numbers(column: &ArrayRef) -> bool {
    let Some(numbers) = column.as_primitive_opt::<Float64Type>() else {
        return false;
    };
    let mut seen = BTreeSet::new();
    for number in numbers.iter().flatten() {
        seen.insert(number.to_bits());
        if number.fract() != 0.0 || seen.len() > CLASSES_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn window() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("prediction", Arc::new(Float64Array::from(vec![0.0, 1.0])) as ArrayRef),
            (
                "prediction_text",
                Arc::new(StringArray::from(vec![None::<&str>, None])) as ArrayRef,
            ),
            ("age", Arc::new(Float64Array::from(vec![40.0, 50.0])) as ArrayRef),
            (
                "feature_model_version",
                Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef,
            ),
            ("label", Arc::new(Float64Array::from(vec![None, Some(1.0)])) as ArrayRef),
        ])
        .expect("batch")
    }

    fn baseline() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("model_version", Arc::new(StringArray::from(vec!["a"])) as ArrayRef),
            ("age", Arc::new(Int64Array::from(vec![41])) as ArrayRef),
            ("label", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
            ("prediction", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ])
        .expect("batch")
    }

    fn names(batch: &RecordBatch) -> Vec<String> {
        batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    #[test]
    fn features_keep_the_baselines_names_and_labels_are_no_features() {
        let both = shared(&baseline(), &window(), &[]).expect("shared");
        assert_eq!(names(&both.baseline), ["model_version", "age", "prediction"]);
        assert_eq!(names(&both.window), names(&both.baseline));
    }

    #[test]
    fn predicted_classes_are_compared_as_categories_and_numbers_as_numbers() {
        let both = shared(&baseline(), &window(), &["prediction".to_owned()]).expect("shared");
        for side in [&both.baseline, &both.window] {
            assert_eq!(side.column(0).data_type(), &DataType::Utf8);
        }
        assert_eq!(
            both.baseline.column(0).as_string::<i32>().value(0),
            both.window.column(0).as_string::<i32>().value(1)
        );
        let prices: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
        let prices = RecordBatch::try_from_iter([("prediction", prices)]).expect("batch");
        let both = shared(&prices, &window(), &[]).expect("shared");
        assert_eq!(both.window.column(0).data_type(), &DataType::Float64);
    }

    #[test]
    fn a_wanted_column_that_is_not_there_is_named_with_its_side() {
        let missing = |column: &str| shared(&baseline(), &window(), &[column.to_owned()]).err();
        assert_eq!(
            missing("bmi"),
            Some(CompareError::NoColumn {
                column: "bmi".into(),
                side: "baseline"
            })
        );
        assert_eq!(
            missing("label"),
            Some(CompareError::NoColumn {
                column: "label".into(),
                side: "window"
            })
        );
    }
}
