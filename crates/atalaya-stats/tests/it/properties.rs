//! What must hold for any input: symmetry, bounds, order of the rows, and merging.

use atalaya_stats::drift::{ChiSquared, DriftTest, TESTS, Verdict, chi_squared, holm, ks_two_sample};
use atalaya_stats::latency::{AtomicLatencyHistogram, LatencyHistogram, RELATIVE_ERROR, summary};
use atalaya_stats::profile::{ColumnProfile, Moments};
use atalaya_stats::quality::{classification_numeric, regression};
use atalaya_stats::{CategoricalSample, ColumnKind, NumericSample, Sample};
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers with many ties, so that both the tied and the continuous paths are taken.
fn values() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![(-5_i32..5).prop_map(f64::from), -10.0..10.0_f64], 1..60)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    vec("[a-e]{1,2}", 1..60)
}

/// The rows in another order.
fn turned<T: Clone>(values: &[T]) -> Vec<T> {
    let mut turned: Vec<T> = values.iter().rev().cloned().collect();
    turned.rotate_left(values.len() / 3);
    turned
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

proptest! {
    #[test]
    fn ks_is_symmetric_bounded_and_blind_to_order(a in values(), b in values()) {
        let ks = ks_two_sample(&a, &b).expect("valid samples");
        prop_assert!((0.0..=1.0).contains(&ks.statistic) && (0.0..=1.0).contains(&ks.p_value));
        let back = ks_two_sample(&b, &a).expect("valid samples");
        prop_assert_eq!(ks.statistic, back.statistic);
        prop_assert!(near(ks.p_value, back.p_value), "{} and {}", ks.p_value, back.p_value);
        prop_assert_eq!(ks, ks_two_sample(&turned(&a), &turned(&b)).expect("valid samples"));
    }

    #[test]
    fn ks_does_not_see_an_increasing_transformation(a in values(), b in values()) {
        let cube = |values: &[f64]| values.iter().map(|value| value.powi(3) + 2.0 * value).collect::<Vec<f64>>();
        prop_assert_eq!(ks_two_sample(&a, &b), ks_two_sample(&cube(&a), &cube(&b)));
    }

    #[test]
    fn every_test_is_at_ease_with_numbers(a in values(), b in values()) {
        for test in TESTS.iter().filter(|test| test.kinds().contains(&ColumnKind::Numeric)) {
            let outcome = test.run(&Sample::numeric(&a), &Sample::numeric(&b)).expect("comparable");
            prop_assert!(outcome.statistic >= -1e-12 && outcome.statistic.is_finite(), "{}", test.name());
            prop_assert!(outcome.effect_size >= -1e-12);
            prop_assert_eq!(outcome.p_value.is_some(), test.verdict() == Verdict::PValueBelow);
            prop_assert!(outcome.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)));
            let same = test.run(&Sample::numeric(&turned(&a)), &Sample::numeric(&turned(&b))).expect("comparable");
            prop_assert_eq!(outcome, same, "{}", test.name());
        }
    }

    #[test]
    fn categorical_tests_are_symmetric(a in words(), b in words()) {
        let (left, right) = (Sample::categorical(&a), Sample::categorical(&b));
        for test in TESTS.iter().filter(|test| test.kinds().contains(&ColumnKind::Categorical)) {
            let outcome = test.run(&left, &right).expect("comparable");
            let back = test.run(&right, &left).expect("comparable");
            prop_assert!(near(outcome.statistic, back.statistic), "{}", test.name());
            let same = test.run(&Sample::categorical(turned(&a)), &right).expect("comparable");
            prop_assert_eq!(outcome, same);
        }
        let effect = ChiSquared.run(&left, &right).expect("comparable").effect_size;
        prop_assert!((0.0..=1.0 + 1e-12).contains(&effect));
    }

    #[test]
    fn equal_shares_have_no_chi_squared(counts in vec(1_u64..500, 2..10), times in 1_u64..5) {
        let multiplied: Vec<u64> = counts.iter().map(|count| count * times).collect();
        let test = chi_squared(&counts, &multiplied).expect("a valid table");
        prop_assert!(test.statistic.abs() < 1e-9 && test.p_value > 1.0 - 1e-4, "{test:?}");
    }

    #[test]
    fn holm_only_raises_and_keeps_the_order(p_values in vec(0.0..=1.0_f64, 0..20)) {
        let corrected = holm(&p_values);
        prop_assert_eq!(corrected.len(), p_values.len());
        for (i, (raw, high)) in p_values.iter().zip(&corrected).enumerate() {
            prop_assert!(raw <= high && *high <= 1.0);
            for (other_raw, other_high) in p_values.iter().zip(&corrected).skip(i) {
                prop_assert!((raw <= other_raw && high <= other_high) || (raw >= other_raw && high >= other_high));
            }
        }
    }

    #[test]
    fn merged_moments_are_those_of_the_whole(a in values(), b in values()) {
        let whole: Vec<f64> = a.iter().chain(&b).copied().collect();
        let (merged, whole) = (Moments::of(&a).merge(Moments::of(&b)), Moments::of(&whole));
        prop_assert_eq!((merged.count(), merged.min(), merged.max()), (whole.count(), whole.min(), whole.max()));
        prop_assert!(near(merged.mean().expect("values"), whole.mean().expect("values")));
        prop_assert!(near(merged.std().expect("two values"), whole.std().expect("two values")));
        prop_assert_eq!(Moments::default().merge(merged), merged.merge(Moments::default()));
    }

    #[test]
    fn a_profile_counts_every_row(
        numbers in vec(proptest::option::of(-3.0..3.0_f64), 0..50),
        text in vec(proptest::option::of("[a-c]"), 0..50),
    ) {
        let sample: NumericSample = numbers.iter().copied().collect();
        let profile = ColumnProfile::of(&Sample::Numeric(sample));
        prop_assert_eq!(profile.count + profile.nulls, numbers.len() as u64);
        let sample: CategoricalSample = text.iter().map(Option::as_deref).collect();
        let profile = ColumnProfile::of(&Sample::Categorical(sample));
        prop_assert_eq!(profile.count + profile.nulls, text.len() as u64);
        prop_assert!(profile.distinct <= profile.count);
    }

    #[test]
    fn merged_histograms_are_those_of_the_whole(a in vec(any::<u64>(), 0..50), b in vec(0_u64..100_000, 0..50)) {
        let (mut left, mut right, mut whole) =
            (LatencyHistogram::default(), LatencyHistogram::default(), LatencyHistogram::default());
        let live = AtomicLatencyHistogram::default();
        a.iter().for_each(|micros| left.record(*micros));
        b.iter().for_each(|micros| right.record(*micros));
        a.iter().chain(&b).for_each(|micros| { whole.record(*micros); live.record(*micros); });
        left.merge(&right);
        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&live.snapshot(), &whole);
    }

    #[test]
    fn histogram_quantiles_keep_their_stated_error(micros in vec(prop_oneof![0_u64..500, 0_u64..50_000_000], 1..200)) {
        let mut histogram = LatencyHistogram::default();
        micros.iter().for_each(|value| histogram.record(*value));
        let exact = summary(&micros.iter().map(|value| *value as f64).collect::<Vec<f64>>()).expect("values");
        let live = histogram.summary().expect("values");
        prop_assert_eq!(live.count, exact.count);
        prop_assert!(near(live.mean, exact.mean));
        let pairs = [(live.p50, exact.p50), (live.p90, exact.p90), (live.p95, exact.p95), (live.p99, exact.p99)];
        for (live, exact) in pairs {
            prop_assert!((live - exact).abs() <= RELATIVE_ERROR * exact + 1e-9, "{live} is too far from {exact}");
        }
    }

    #[test]
    fn quality_is_bounded_and_blind_to_order(pairs in vec((0_u8..4, 0_u8..4), 1..80)) {
        let split = |pairs: &[(u8, u8)]| -> (Vec<f64>, Vec<f64>) {
            pairs.iter().map(|(a, p)| (f64::from(*a), f64::from(*p))).unzip()
        };
        let (actual, predicted) = split(&pairs);
        let quality = classification_numeric(&actual, &predicted).expect("pairs");
        // Weighted recall is accuracy by another name.
        prop_assert!(near(quality.weighted.recall, quality.accuracy));
        prop_assert!((0.0..=1.0 + 1e-12).contains(&quality.weighted.f1));
        prop_assert_eq!(quality.confusion.iter().flatten().sum::<u64>(), pairs.len() as u64);
        let (other_actual, other_predicted) = split(&turned(&pairs));
        prop_assert_eq!(quality, classification_numeric(&other_actual, &other_predicted).expect("pairs"));
        let errors = regression(&actual, &predicted).expect("pairs");
        prop_assert!(errors.mae <= errors.rmse + 1e-12 && errors.r2.is_none_or(|r2| r2 <= 1.0));
    }
}
