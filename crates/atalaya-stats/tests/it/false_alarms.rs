//! The two decision modes over many comparisons without drift, and with it: how often each raises an alarm.

use atalaya_stats::Sample;
use atalaya_stats::drift::{ColumnPair, DecisionMode, compare_columns};

use crate::samples::uniforms;

const COMPARISONS: u64 = 400;
const COLUMNS: u64 = 4;

/// Share of the comparisons in which any of four columns is called drifted, the last column moved by `shift`.
fn alarm_share(mode: DecisionMode, shift: f64) -> f64 {
    let alarms = (0..COMPARISONS).filter(|comparison| {
        let samples: Vec<(Sample, Sample)> = (0..COLUMNS)
            .map(|column| {
                let seed = (comparison * COLUMNS + column).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let moved = if column == COLUMNS - 1 { shift } else { 0.0 };
                let window: Vec<f64> = uniforms(!seed, 300).iter().map(|value| value + moved).collect();
                (Sample::numeric(&uniforms(seed, 500)), Sample::numeric(&window))
            })
            .collect();
        let pairs: Vec<ColumnPair<'_>> = samples.iter().map(|(a, b)| ColumnPair::new("x", a, b)).collect();
        compare_columns(&pairs, mode)
            .into_iter()
            .any(|result| result.expect("comparable").drifted)
    });
    alarms.count() as f64 / COMPARISONS as f64
}

#[test]
fn the_budget_keeps_false_alarms_below_its_threshold() {
    let (lab, budget) = (
        alarm_share(DecisionMode::Lab, 0.0),
        alarm_share(DecisionMode::Budget, 0.0),
    );
    // Four independent looks at 0.05 alarm in 1 − 0.95⁴ = 18.5 % of the comparisons; KS, being discrete, a little less.
    assert!((0.12..0.23).contains(&lab), "lab mode alarmed in {lab}");
    assert!(budget <= 0.05, "budget mode alarmed in {budget}");
}

#[test]
fn the_budget_still_sees_a_shift_that_matters() {
    let found = alarm_share(DecisionMode::Budget, 0.2);
    assert!(found > 0.95, "budget mode found the shift in {found}");
}
