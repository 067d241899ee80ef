//! What the report draws, computed once per run and kept with it: a few hundred numbers, however long the window.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use atalaya_stats::binning::quantile;
use atalaya_stats::{CategoricalSample, NumericSample, Sample};
use serde::{Deserialize, Serialize};

/// Bars of the histogram of predictions; the lab's number.
const PREDICTION_BINS: usize = 30;
/// Bars of the comparison of a column with its baseline; the lab's number.
const OVERLAY_BINS: usize = 20;
/// Columns that are drawn, those that drifted first.
pub(super) const OVERLAYS_MAX: usize = 6;
/// Bars over time.
const TIMES_MAX: i64 = 60;
/// Categories drawn of a column, the most frequent first.
const CATEGORIES_MAX: usize = 10;
/// Longest text of a category, in characters.
const CATEGORY_CHARS_MAX: usize = 24;
/// Share of the values at either end that is counted into the outermost bar, so that one outlier does not flatten the rest.
const TAIL: f64 = 0.002;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Lengths of a bar over time, with the word for each.
const STEPS: [(i64, &str); 9] = [
    (SECOND_MS, "second"),
    (10 * SECOND_MS, "10 seconds"),
    (MINUTE_MS, "minute"),
    (5 * MINUTE_MS, "5 minutes"),
    (15 * MINUTE_MS, "15 minutes"),
    (HOUR_MS, "hour"),
    (DAY_MS, "day"),
    (7 * DAY_MS, "week"),
    (30 * DAY_MS, "30 days"),
];

/// Everything that is drawn of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Predictions over time.
    pub counts: Option<Bars>,
    /// Histogram of the predictions, or of their probability.
    pub predictions: Option<Bars>,
    /// Baseline and window of a column, one over the other.
    pub overlays: Vec<Overlay>,
}

/// Where bars stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "axis", rename_all = "lowercase")]
pub enum Axis {
    /// Bar `i` begins `i · step` milliseconds after `from`.
    Time {
        /// Milliseconds since 1970 UTC.
        from: i64,
        /// Milliseconds.
        step: i64,
    },
    /// Bar `i` begins at `from + i · step`.
    Number {
        /// Start of the first bar.
        from: f64,
        /// Width of a bar.
        step: f64,
    },
    /// Bar `i` is category `i`.
    Category {
        /// The categories, clipped.
        names: Vec<String>,
    },
}

/// A bar chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bars {
    /// What is shown.
    pub title: String,
    /// Where the bars stand.
    pub axis: Axis,
    /// How high they are.
    pub values: Vec<f64>,
}

/// Two histograms over the same bars, as shares of their side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlay {
    /// The column.
    pub column: String,
    /// Whether it drifted.
    pub drifted: bool,
    /// Where the bars stand.
    pub axis: Axis,
    /// Shares of the baseline.
    pub baseline: Vec<f64>,
    /// Shares of the window.
    pub window: Vec<f64>,
}

/// Predictions over time, in bars of the shortest usual length that needs at most [`TIMES_MAX`] of them.
pub(super) fn counts(window: &RecordBatch) -> Option<Bars> {
    let times = window
        .column_by_name("request_time")?
        .as_primitive_opt::<TimestampMicrosecondType>()?;
    let at_ms = |us: i64| us.div_euclid(1_000);
    let first = at_ms(times.iter().flatten().min()?);
    let last = at_ms(times.iter().flatten().max()?);
    let fits = |step: i64| last.div_euclid(step) - first.div_euclid(step) < TIMES_MAX;
    let (step, word) = match STEPS.iter().find(|(step, _)| fits(*step)) {
        Some((step, word)) => (*step, (*word).to_owned()),
        None => {
            let days = (last - first) / DAY_MS / (TIMES_MAX - 1) + 1;
            (days * DAY_MS, format!("{days} days"))
        }
    };
    let from = first.div_euclid(step) * step;
    let bars = usize::try_from((last - from) / step).unwrap_or(0) + 1;
    let mut values = vec![0.0; bars];
    for time in times.iter().flatten() {
        let bar = usize::try_from((at_ms(time) - from) / step).unwrap_or(0);
        values[bar.min(bars - 1)] += 1.0;
    }
    Some(Bars {
        title: format!("Predictions per {word}"),
        axis: Axis::Time { from, step },
        values,
    })
}

/// Histogram of what the models answered: probabilities where they give them, else numbers, else classes.
pub(super) fn predictions(window: &RecordBatch) -> Option<Bars> {
    let (mut probabilities, mut binary) = (Vec::new(), true);
    if let Some(lists) = window
        .column_by_name("probabilities")
        .and_then(|c| c.as_list_opt::<i32>())
    {
        for list in lists.iter().flatten() {
            let values = list.as_primitive_opt::<Float64Type>()?.values().to_vec();
            binary &= values.len() == 2;
            let shown = if values.len() == 2 {
                values[1]
            } else {
                values.iter().copied().fold(0.0, f64::max)
            };
            probabilities.push(shown);
        }
    }
    if !probabilities.is_empty() {
        let title = if binary {
            "Predicted probability of the second class"
        } else {
            "Probability of the predicted class"
        };
        let sample = NumericSample::from(probabilities.as_slice());
        return Some(histogram(
            title,
            &sample,
            (0.0, 1.0 / PREDICTION_BINS as f64, PREDICTION_BINS),
        ));
    }
    let numbers = window.column_by_name("prediction")?.as_primitive_opt::<Float64Type>()?;
    let sample: NumericSample = numbers.iter().filter(Option::is_some).collect();
    if let Some(places) = places(&[sample.sorted()], PREDICTION_BINS) {
        let distinct = sample.sorted().windows(2).filter(|pair| pair[0] < pair[1]).count() + 1;
        if distinct > CATEGORIES_MAX {
            return Some(histogram("Predictions", &sample, places));
        }
        let classes: CategoricalSample = sample.sorted().iter().map(|n| Some(n.to_string())).collect();
        return Some(classes_bars(&classes));
    }
    let words = window.column_by_name("prediction_text")?.as_string_opt::<i32>()?;
    let words: CategoricalSample = words.iter().filter(Option::is_some).collect();
    (words.count() > 0).then(|| classes_bars(&words))
}

fn histogram(title: &str, sample: &NumericSample, (from, step, count): (f64, f64, usize)) -> Bars {
    let values = bins(sample.sorted(), from, step, count);
    Bars {
        title: title.to_owned(),
        axis: Axis::Number { from, step },
        values,
    }
}

fn classes_bars(classes: &CategoricalSample) -> Bars {
    let names = most_frequent(classes.counts().iter().map(|(name, count)| (name.as_str(), *count)));
    let values = names
        .iter()
        .map(|name| classes.counts().get(name).copied().unwrap_or(0) as f64)
        .collect();
    Bars {
        title: "Predicted classes".to_owned(),
        axis: Axis::Category { names: clipped(names) },
        values,
    }
}

/// One column's baseline and window; `None` where there is nothing to draw.
pub(super) fn overlay(column: &str, drifted: bool, baseline: &Sample, window: &Sample) -> Option<Overlay> {
    let (axis, left, right) = match (baseline, window) {
        (Sample::Numeric(baseline), Sample::Numeric(window)) => {
            let (from, step, count) = places(&[baseline.sorted(), window.sorted()], OVERLAY_BINS)?;
            let of = |sample: &NumericSample| bins(sample.sorted(), from, step, count);
            (Axis::Number { from, step }, of(baseline), of(window))
        }
        (Sample::Categorical(baseline), Sample::Categorical(window)) => {
            let mut joint: BTreeMap<&str, u64> = BTreeMap::new();
            for (name, count) in baseline.counts().iter().chain(window.counts()) {
                *joint.entry(name).or_default() += count;
            }
            let names = most_frequent(joint.into_iter());
            let of = |sample: &CategoricalSample| -> Vec<f64> {
                names
                    .iter()
                    .map(|name| sample.counts().get(name).copied().unwrap_or(0) as f64)
                    .collect()
            };
            let (left, right) = (of(baseline), of(window));
            (Axis::Category { names: clipped(names) }, left, right)
        }
        _ => return None,
    };
    let share = |values: Vec<f64>, total: u64| values.into_iter().map(|v| v / (total.max(1) as f64)).collect();
    Some(Overlay {
        column: column.to_owned(),
        drifted,
        axis,
        baseline: share(left, baseline.count()),
        window: share(right, window.count()),
    })
}

/// Where the first bar stands, how wide bars are, and how many there are (at most `most`). Outliers and infinities go
/// into the outermost ones.
fn places(samples: &[&[f64]], most: usize) -> Option<(f64, f64, usize)> {
    let at = |share: f64, pick: fn(f64, f64) -> f64| {
        samples
            .iter()
            .filter_map(|sorted| quantile(sorted, share))
            .filter(|q| q.is_finite())
            .reduce(pick)
    };
    let (low, high) = (at(TAIL, f64::min)?, at(1.0 - TAIL, f64::max)?);
    if low >= high || !(high - low).is_finite() {
        // One value only, or numbers too large to subtract: width one, the value in the middle.
        return Some((low - 0.5, 1.0 / most as f64, most));
    }
    let whole = |value: &f64| value.fract() == 0.0 || !value.is_finite();
    if samples.iter().all(|sorted| sorted.iter().all(whole)) {
        // Whole numbers: each bar covers as many of them as the others, or counting would draw combs.
        let (first, last) = (low.floor(), high.ceil());
        let step = ((last - first + 1.0) / most as f64).ceil().max(1.0);
        return Some((
            first - 0.5,
            step,
            (((last - first + 1.0) / step).ceil() as usize).clamp(1, most),
        ));
    }
    Some((low, (high - low) / most as f64, most))
}

fn bins(sorted: &[f64], low: f64, step: f64, count: usize) -> Vec<f64> {
    let mut values = vec![0.0; count];
    for value in sorted {
        // The cast saturates: what lies outside, infinities included, goes to the outermost bars.
        let bar = ((value - low) / step).floor().max(0.0) as usize;
        values[bar.min(count - 1)] += 1.0;
    }
    values
}

fn most_frequent<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<String> {
    let mut ranked: Vec<(&str, u64)> = counts.collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked
        .into_iter()
        .take(CATEGORIES_MAX)
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn clipped(names: Vec<String>) -> Vec<String> {
    let clip = |name: String| match name.char_indices().nth(CATEGORY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    };
    names.into_iter().map(clip).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, ListArray, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn times(at_ms: &[i64]) -> RecordBatch {
        let us: Vec<i64> = at_ms.iter().map(|ms| ms * 1_000).collect();
        let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(us).with_timezone("UTC"));
        RecordBatch::try_from_iter([("request_time", column)]).expect("batch")
    }

    #[test]
    fn every_request_stands_in_one_bar_of_a_usual_length() {
        let spans = [
            (5 * SECOND_MS, SECOND_MS),
            (5 * MINUTE_MS, 10 * SECOND_MS),
            (2 * DAY_MS, HOUR_MS),
            (7 * DAY_MS, DAY_MS),
            (40 * DAY_MS, DAY_MS),
        ];
        for (span, expected) in spans {
            let bars = counts(&times(&[1_000_000, 1_000_000 + span / 2, 1_000_000 + span])).expect("bars");
            let Axis::Time { step, from } = bars.axis else {
                panic!("times")
            };
            assert_eq!((step, from % step), (expected, 0), "{span}");
            assert_eq!(bars.values.iter().sum::<f64>(), 3.0, "{span}");
            assert!(bars.values.len() <= 60, "{span}");
        }
        let centuries = counts(&times(&[0, 200_000 * DAY_MS])).expect("bars");
        assert!(centuries.values.len() <= 60 && centuries.values.iter().sum::<f64>() == 2.0);
        assert_eq!(counts(&times(&[])), None);
    }

    #[test]
    fn probabilities_come_before_predictions_and_few_numbers_are_classes() {
        let prediction: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.0, 1.0]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; 3]));
        let lists = vec![
            Some(vec![Some(0.25), Some(0.75)]),
            None,
            Some(vec![Some(1.0), Some(0.0)]),
        ];
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists));
        let plain = [("prediction", prediction), ("prediction_text", texts)];
        let bars = predictions(&RecordBatch::try_from_iter(plain.clone()).expect("batch")).expect("bars");
        assert_eq!(
            bars.axis,
            Axis::Category {
                names: vec!["1".to_owned(), "0".to_owned()]
            }
        );
        assert_eq!(bars.values, [2.0, 1.0]);
        let with = RecordBatch::try_from_iter(plain.into_iter().chain([("probabilities", lists)])).expect("batch");
        let bars = predictions(&with).expect("bars");
        assert_eq!((bars.values.len(), bars.values[0], bars.values[22]), (30, 1.0, 1.0));
    }

    #[test]
    fn shares_of_both_sides_sum_to_one_and_outliers_do_not_flatten_the_rest() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.extend([f64::INFINITY, 1e300]);
        let baseline = Sample::numeric(&values[..1000]);
        let drawn = overlay("x", true, &baseline, &Sample::numeric(&values)).expect("drawn");
        for side in [&drawn.baseline, &drawn.window] {
            assert!((side.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(side.iter().all(|share| *share < 0.1), "{side:?}");
        }
        let constant = Sample::numeric(&[3.0; 4]);
        assert!(overlay("x", false, &constant, &constant).is_some());
        assert_eq!(overlay("x", false, &Sample::numeric(&[]), &Sample::numeric(&[])), None);
    }

    #[test]
    fn bars_over_whole_numbers_cover_equally_many_of_them() {
        let values: Vec<f64> = (0..=28).flat_map(|n| [f64::from(n); 3]).collect();
        let even = Sample::numeric(&values);
        let drawn = overlay("x", false, &even, &even).expect("drawn");
        assert_eq!(drawn.axis, Axis::Number { from: -0.5, step: 2.0 });
        assert!(
            drawn.window[..14].iter().all(|share| *share == drawn.window[0]),
            "{:?}",
            drawn.window
        );
        let few = overlay("x", false, &Sample::numeric(&[0.0, 1.0]), &Sample::numeric(&[1.0])).expect("drawn");
        assert_eq!((few.baseline, few.window), (vec![0.5, 0.5], vec![0.0, 1.0]));
    }

    #[test]
    fn categories_are_bounded_in_number_and_length() {
        let many = Sample::categorical((0..100).map(|i| format!("{i:->40}")));
        let drawn = overlay("x", false, &many, &many).expect("drawn");
        let Axis::Category { names } = drawn.axis else {
            panic!("categories")
        };
        assert_eq!(
            (names.len(), names[0].chars().count()),
            (CATEGORIES_MAX, CATEGORY_CHARS_MAX + 1)
        );
    }
}
