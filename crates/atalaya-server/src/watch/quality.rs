//! Quality against labels: which rows form pairs, and whether they are classes or numbers.
//!
//! Predictions are classes when prediction or label is text, or when every label and prediction is a whole number and
//! there are at most [`CLASSES_MAX`] different labels: a classifier answers with its labels, and a regression hardly
//! ever with nothing but whole numbers. A model that declares whole numbers, texts or truth values as its output is a
//! classifier whatever their number, up to what the confusion matrix holds.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch, StringArray};
use atalaya_stats::StatsError;
use atalaya_stats::quality::{classification, classification_numeric, regression};

use super::result::{Quality, VersionQuality};

/// Most different whole numbers that are taken for classes without the model saying so.
pub(super) const CLASSES_MAX: usize = 50;

/// What the served models declare about their output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// Whole numbers, texts or truth values.
    Classes,
    /// Fractions, or nothing.
    Open,
}

/// A label, or a prediction.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Text(String),
}

/// A row with both.
struct Pair {
    actual: Value,
    predicted: Value,
}

/// Quality of a window: overall and per version, with the number of pairs.
pub(super) struct Judged {
    pub(super) labelled_rows: u64,
    pub(super) overall: Option<Quality>,
    pub(super) by_version: Vec<VersionQuality>,
}

/// Compares the window's predictions with its labels.
///
/// # Errors
/// [`StatsError`] for predictions that no metric takes, such as infinities.
pub(super) fn judge(window: &RecordBatch, declared: Declared) -> Result<Judged, StatsError> {
    let mut by_version: BTreeMap<(String, String, String), Vec<usize>> = BTreeMap::new();
    let mut pairs = Vec::new();
    let text = |name: &str| {
        window
            .column_by_name(name)
            .and_then(|c| c.as_string_opt::<i32>().cloned())
    };
    let names = ["served_entity", "model_name", "model_version"].map(text);
    for row in 0..window.num_rows() {
        let Some(pair) = pair(window, row) else { continue };
        let [entity, model, version] = names
            .each_ref()
            .map(|column| cell(column.as_ref(), row).unwrap_or_default());
        by_version
            .entry((entity, model, version))
            .or_default()
            .push(pairs.len());
        pairs.push(pair);
    }
    let classes = are_classes(&pairs, declared);
    let measured = |chosen: &[&Pair]| measure(chosen, classes);
    let all: Vec<&Pair> = pairs.iter().collect();
    let overall = if all.is_empty() { None } else { Some(measured(&all)?) };
    let mut versions = Vec::with_capacity(by_version.len());
    for ((served_entity, model_name, model_version), rows) in by_version {
        let chosen: Vec<&Pair> = rows.iter().map(|&row| &pairs[row]).collect();
        versions.push(VersionQuality {
            served_entity,
            model_name,
            model_version,
            quality: measured(&chosen)?,
        });
    }
    Ok(Judged {
        labelled_rows: pairs.len() as u64,
        overall,
        by_version: versions,
    })
}

fn cell(column: Option<&StringArray>, row: usize) -> Option<String> {
    let column = column.filter(|c| c.is_valid(row))?;
    Some(column.value(row).to_owned())
}

fn pair(window: &RecordBatch, row: usize) -> Option<Pair> {
    let value = |number: &str, text: &str| {
        let numbers = window.column_by_name(number)?.as_primitive_opt::<Float64Type>()?;
        let words = window.column_by_name(text)?.as_string_opt::<i32>()?;
        let number = || {
            Some(Value::Number(
                numbers
                    .is_valid(row)
                    .then(|| numbers.value(row))
                    .filter(|n| !n.is_nan())?,
            ))
        };
        cell(Some(words), row).map(Value::Text).or_else(number)
    };
    Some(Pair {
        actual: value("label", "label_text")?,
        predicted: value("prediction", "prediction_text")?,
    })
}

fn are_classes(pairs: &[Pair], declared: Declared) -> bool {
    let mut labels = BTreeSet::new();
    for pair in pairs {
        let (Value::Number(actual), Value::Number(predicted)) = (&pair.actual, &pair.predicted) else {
            return true;
        };
        if declared == Declared::Classes {
            continue;
        }
        if actual.fract() != 0.0 || predicted.fract() != 0.0 {
            return false;
        }
        labels.insert(actual.to_bits());
        if labels.len() > CLASSES_MAX {
            return false;
        }
    }
    true
}

fn measure(pairs: &[&Pair], classes: bool) -> Result<Quality, StatsError> {
    let numbers: Option<(Vec<f64>, Vec<f64>)> = pairs
        .iter()
        .map(|pair| match (&pair.actual, &pair.predicted) {
            (Value::Number(actual), Value::Number(predicted)) => Some((*actual, *predicted)),
            _ => None,
        })
        .collect();
    match numbers {
        Some((actual, predicted)) if classes => Ok(classification_numeric(&actual, &predicted)?.into()),
        Some((actual, predicted)) => Ok(regression(&actual, &predicted)?.into()),
        None => {
            let actual: Vec<String> = pairs.iter().map(|pair| word(&pair.actual)).collect();
            let predicted: Vec<String> = pairs.iter().map(|pair| word(&pair.predicted)).collect();
            let actual: Vec<&str> = actual.iter().map(String::as_str).collect();
            let predicted: Vec<&str> = predicted.iter().map(String::as_str).collect();
            Ok(classification(&actual, &predicted)?.into())
        }
    }
}

/// A number among texts is compared by its shortest form: label `1` and class `"1"` are the same.
fn word(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => (number + 0.0).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array};

    use super::*;

    struct Rows {
        predictions: Vec<Option<f64>>,
        prediction_texts: Vec<Option<&'static str>>,
        labels: Vec<Option<f64>>,
        label_texts: Vec<Option<&'static str>>,
        versions: Vec<&'static str>,
    }

    impl Rows {
        fn numbers(predictions: &[f64], labels: &[f64]) -> Self {
            let rows = predictions.len();
            Self {
                predictions: predictions.iter().copied().map(Some).collect(),
                prediction_texts: vec![None; rows],
                labels: labels.iter().copied().map(Some).collect(),
                label_texts: vec![None; rows],
                versions: vec!["1"; rows],
            }
        }

        fn batch(self) -> RecordBatch {
            let entity: ArrayRef = Arc::new(StringArray::from(
                self.versions.iter().map(|v| format!("m-{v}")).collect::<Vec<_>>(),
            ));
            let model: ArrayRef = Arc::new(StringArray::from(vec!["m"; self.versions.len()]));
            RecordBatch::try_from_iter([
                ("served_entity", entity),
                ("model_name", model),
                ("model_version", Arc::new(StringArray::from(self.versions)) as ArrayRef),
                ("prediction", Arc::new(Float64Array::from(self.predictions)) as ArrayRef),
                (
                    "prediction_text",
                    Arc::new(StringArray::from(self.prediction_texts)) as ArrayRef,
                ),
                ("label", Arc::new(Float64Array::from(self.labels)) as ArrayRef),
                ("label_text", Arc::new(StringArray::from(self.label_texts)) as ArrayRef),
            ])
            .expect("batch")
        }
    }

    fn accuracy(quality: Option<Quality>) -> f64 {
        match quality {
            Some(Quality::Classification { accuracy, .. }) => accuracy,
            other => panic!("classes, not {other:?}"),
        }
    }

    #[test]
    fn whole_numbers_of_few_kinds_are_classes_and_versions_are_told_apart() {
        let mut rows = Rows::numbers(&[1.0, 0.0, 1.0, 1.0], &[1.0, 0.0, 0.0, 1.0]);
        rows.versions = vec!["1", "1", "2", "2"];
        let judged = judge(&rows.batch(), Declared::Open).expect("judged");
        assert_eq!((judged.labelled_rows, accuracy(judged.overall)), (4, 0.75));
        let each: Vec<_> = judged
            .by_version
            .iter()
            .map(|v| (v.model_version.as_str(), accuracy(Some(v.quality))))
            .collect();
        assert_eq!(each, [("1", 1.0), ("2", 0.5)]);
    }

    #[test]
    fn fractions_are_a_regression_unless_the_model_declares_classes() {
        let rows = || Rows::numbers(&[1.5, 2.0], &[1.0, 2.0]).batch();
        let Some(Quality::Regression { mae, .. }) = judge(&rows(), Declared::Open).expect("judged").overall else {
            panic!("a regression");
        };
        assert_eq!(mae, 0.25);
        assert_eq!(
            accuracy(judge(&rows(), Declared::Classes).expect("judged").overall),
            0.5
        );
    }

    #[test]
    fn many_whole_numbers_are_a_regression() {
        let values: Vec<f64> = (0..=CLASSES_MAX).map(|i| i as f64).collect();
        let judged = judge(&Rows::numbers(&values, &values).batch(), Declared::Open).expect("judged");
        assert!(
            matches!(judged.overall, Some(Quality::Regression { mae: 0.0, .. })),
            "{:?}",
            judged.overall
        );
    }

    #[test]
    fn texts_meet_numbers_by_their_shortest_form_and_unlabelled_rows_do_not_count() {
        let mut rows = Rows::numbers(&[1.0, 0.0, 0.0], &[1.0, 1.0, 1.0]);
        rows.prediction_texts = vec![Some("1"), Some("yes"), None];
        rows.label_texts = vec![None, Some("yes"), None];
        rows.labels[2] = None;
        let judged = judge(&rows.batch(), Declared::Open).expect("judged");
        assert_eq!((judged.labelled_rows, accuracy(judged.overall)), (2, 1.0));
    }

    #[test]
    fn no_label_no_quality() {
        let mut rows = Rows::numbers(&[1.0], &[1.0]);
        rows.labels[0] = None;
        let judged = judge(&rows.batch(), Declared::Open).expect("judged");
        assert_eq!((judged.labelled_rows, judged.overall), (0, None));
    }
}
