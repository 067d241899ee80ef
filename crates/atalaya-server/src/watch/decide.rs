//! From figures to decisions: the three alert kinds of the lab, and the least that must be seen before any is made.

use atalaya_domain::alert::{AlertKind, Finding};
use atalaya_domain::monitor::{DriftMode, Monitor};

use super::result::{Check, ColumnDrift, Latency, Quality, Verdict};

/// Rows, labelled rows or requests below which nothing is decided: of thirty values a KS test sees only a shift of about
/// half of them, and the 95th percentile is a single request.
pub(crate) const DECIDE_MIN: u64 = 30;
/// Columns named in a message; the report has the others.
const NAMED_MAX: usize = 5;

/// The figures that decisions rest on.
pub(super) struct Facts<'a> {
    pub(super) monitor: &'a Monitor,
    pub(super) rows: u64,
    pub(super) labelled_rows: u64,
    /// Features, and the prediction where it was compared.
    pub(super) columns: &'a [ColumnDrift],
    pub(super) prediction: Option<&'a ColumnDrift>,
    /// Why no column was compared, where that is so.
    pub(super) not_compared: Option<&'a str>,
    pub(super) latency: Option<Latency>,
    pub(super) quality: Option<Quality>,
}

/// One look at one alert kind.
struct Look {
    verdict: Verdict,
    message: String,
    value: f64,
    threshold: f64,
}

/// Every check with what it asks of the alert of its kind; `None` leaves that alert as it is.
pub(super) fn decide(facts: &Facts<'_>) -> Vec<(Check, Option<Finding>)> {
    let looks = [
        (AlertKind::DataDrift, drift(facts)),
        (AlertKind::PerformanceDegradation, quality(facts)),
        (AlertKind::HighLatency, latency(facts)),
    ];
    looks
        .into_iter()
        .map(|(kind, look)| {
            let finding = (look.verdict != Verdict::Undecided).then(|| Finding {
                kind,
                breached: look.verdict == Verdict::Breached,
                message: look.message.clone(),
                value: look.value,
                threshold: look.threshold,
            });
            let check = Check {
                kind: kind.as_str().to_owned(),
                verdict: look.verdict,
                message: look.message,
                value: look.value.is_finite().then_some(look.value),
                threshold: look.threshold,
            };
            (check, finding)
        })
        .collect()
}

fn undecided(message: String, threshold: f64) -> Look {
    Look {
        verdict: Verdict::Undecided,
        message,
        value: f64::NAN,
        threshold,
    }
}

fn judged(breached: bool) -> Verdict {
    if breached { Verdict::Breached } else { Verdict::Fine }
}

fn too_few(what: &str, seen: u64, threshold: f64) -> Look {
    undecided(
        format!("{seen} {what} in the window; nothing is decided below {DECIDE_MIN}"),
        threshold,
    )
}

/// In `lab` mode only the features count, as in the lab; otherwise the prediction does too.
fn drift(facts: &Facts<'_>) -> Look {
    let threshold = facts.monitor.thresholds.max_drift_pvalue;
    if facts.rows < DECIDE_MIN {
        return too_few("rows", facts.rows, threshold);
    }
    if let Some(reason) = facts.not_compared {
        return undecided(reason.to_owned(), threshold);
    }
    let lab = facts.monitor.mode == DriftMode::Lab;
    let p = |column: &ColumnDrift| if lab { column.p_value } else { column.corrected_p_value };
    let counted: Vec<&ColumnDrift> = facts.columns.iter().chain(facts.prediction.filter(|_| !lab)).collect();
    if counted.is_empty() {
        return undecided("no column could be compared with the baseline".to_owned(), threshold);
    }
    let value = counted.iter().filter_map(|column| p(column)).fold(1.0, f64::min);
    let drifted: Vec<&&ColumnDrift> = counted.iter().filter(|column| column.drifted).collect();
    let message = if drifted.is_empty() {
        format!("none of {} columns drifted", counted.len())
    } else {
        let mut names: Vec<String> = drifted
            .iter()
            .take(NAMED_MAX)
            .map(|column| told(column, p(column)))
            .collect();
        if drifted.len() > NAMED_MAX {
            names.push(format!("and {} more", drifted.len() - NAMED_MAX));
        }
        format!(
            "{} of {} columns drifted: {}",
            drifted.len(),
            counted.len(),
            names.join(", ")
        )
    };
    Look {
        verdict: judged(!drifted.is_empty()),
        message,
        value,
        threshold,
    }
}

fn told(column: &ColumnDrift, p: Option<f64>) -> String {
    let p = p.map_or(String::new(), |p| format!(", p {}", small(p)));
    format!(
        "`{}` ({} {:.3}{p}, PSI {:.2})",
        column.column, column.test, column.statistic, column.psi
    )
}

/// A p-value in few characters.
pub(crate) fn small(p: f64) -> String {
    if p == 0.0 || p >= 1e-3 {
        format!("{p:.3}")
    } else {
        format!("{p:.0e}")
    }
}

fn quality(facts: &Facts<'_>) -> Look {
    let threshold = facts.monitor.thresholds.min_accuracy;
    if facts.labelled_rows < DECIDE_MIN {
        return too_few("labelled rows", facts.labelled_rows, threshold);
    }
    match facts.quality {
        Some(Quality::Classification { accuracy, count, .. }) => {
            let message = format!("accuracy {accuracy:.4} over {count} labelled rows, bound {threshold}");
            Look {
                verdict: judged(accuracy < threshold),
                message,
                value: accuracy,
                threshold,
            }
        }
        Some(Quality::Regression { .. }) => undecided(
            "the predictions are numbers, for which `min_accuracy` is no bound".to_owned(),
            threshold,
        ),
        None => undecided("labels and predictions could not be compared".to_owned(), threshold),
    }
}

fn latency(facts: &Facts<'_>) -> Look {
    let threshold = facts.monitor.thresholds.max_latency_ms;
    match facts.latency {
        Some(latency) if latency.count >= DECIDE_MIN => {
            let message = format!(
                "p95 latency {:.3} ms over {} requests, bound {threshold} ms",
                latency.p95, latency.count
            );
            Look {
                verdict: judged(latency.p95 > threshold),
                message,
                value: latency.p95,
                threshold,
            }
        }
        seen => too_few("answered requests", seen.map_or(0, |latency| latency.count), threshold),
    }
}

#[cfg(test)]
mod tests {
    use atalaya_domain::monitor::Thresholds;
    use atalaya_domain::{EndpointName, Timestamp};

    use super::*;

    fn monitor(mode: DriftMode) -> Monitor {
        Monitor {
            name: "m".into(),
            endpoint: EndpointName::new("e").expect("name"),
            baseline: "b.csv".into(),
            columns: Vec::new(),
            window_ms: 1,
            every_ms: None,
            mode,
            thresholds: Thresholds::default(),
            notifiers: Vec::new(),
            created_at: Timestamp(0),
        }
    }

    fn column(name: &str, drifted: bool) -> ColumnDrift {
        ColumnDrift {
            column: name.into(),
            test: "ks".into(),
            statistic: 0.25,
            p_value: Some(1e-9),
            corrected_p_value: Some(2e-9),
            effect_size: 0.25,
            psi: 0.4,
            baseline_count: 100,
            window_count: 100,
            baseline_nulls: 0,
            window_nulls: 0,
            threshold: 0.05,
            drifted,
        }
    }

    fn facts(monitor: &Monitor) -> Facts<'_> {
        let latency = Latency {
            count: 100,
            mean: 1.0,
            p50: 1.0,
            p90: 1.0,
            p95: 250.0,
            p99: 300.0,
        };
        let quality = Quality::Classification {
            count: 100,
            accuracy: 0.8,
            precision: 0.8,
            recall: 0.8,
            f1: 0.8,
        };
        Facts {
            monitor,
            rows: 100,
            labelled_rows: 100,
            columns: &[],
            prediction: None,
            not_compared: None,
            latency: Some(latency),
            quality: Some(quality),
        }
    }

    fn verdicts(facts: &Facts<'_>) -> Vec<Verdict> {
        decide(facts).into_iter().map(|(check, _)| check.verdict).collect()
    }

    #[test]
    fn the_labs_bounds_decide() {
        let monitor = monitor(DriftMode::Budget);
        let columns = [column("bmi", true), column("age", false)];
        let breached = Facts {
            columns: &columns,
            ..facts(&monitor)
        };
        let decided = decide(&breached);
        assert_eq!(verdicts(&breached), [Verdict::Breached; 3]);
        assert_eq!(
            decided[0].0.message,
            "1 of 2 columns drifted: `bmi` (ks 0.250, p 2e-9, PSI 0.40)"
        );
        assert_eq!(
            decided[1].0.message,
            "accuracy 0.8000 over 100 labelled rows, bound 0.85"
        );
        assert!(
            decided
                .iter()
                .all(|(_, finding)| finding.as_ref().is_some_and(|f| f.breached))
        );
        let columns = [column("age", false)];
        let fine = Facts {
            columns: &columns,
            latency: facts(&monitor).latency.map(|l| Latency { p95: 200.0, ..l }),
            quality: Some(Quality::Classification {
                count: 100,
                accuracy: 0.85,
                precision: 0.8,
                recall: 0.8,
                f1: 0.8,
            }),
            ..facts(&monitor)
        };
        assert_eq!(verdicts(&fine), [Verdict::Fine; 3]);
    }

    #[test]
    fn a_prediction_that_drifts_counts_in_budget_mode_only() {
        let (columns, prediction) = ([column("age", false)], column("prediction", true));
        for (mode, expected) in [(DriftMode::Budget, Verdict::Breached), (DriftMode::Lab, Verdict::Fine)] {
            let monitor = monitor(mode);
            let facts = Facts {
                columns: &columns,
                prediction: Some(&prediction),
                ..facts(&monitor)
            };
            assert_eq!(verdicts(&facts)[0], expected, "{mode:?}");
        }
    }

    #[test]
    fn too_little_decides_nothing_and_says_so() {
        let monitor = monitor(DriftMode::Budget);
        let columns = [column("bmi", true)];
        let few = Facts {
            rows: 29,
            labelled_rows: 0,
            columns: &columns,
            latency: None,
            ..facts(&monitor)
        };
        for (check, finding) in decide(&few) {
            assert_eq!((check.verdict, finding), (Verdict::Undecided, None));
            assert!(
                check.message.contains("nothing is decided below 30"),
                "{}",
                check.message
            );
        }
    }

    #[test]
    fn numbers_have_no_accuracy() {
        let monitor = monitor(DriftMode::Budget);
        let numbers = Quality::Regression {
            count: 100,
            mae: 1.0,
            rmse: 1.0,
            r2: None,
            mape: None,
        };
        let facts = Facts {
            quality: Some(numbers),
            ..facts(&monitor)
        };
        assert_eq!(verdicts(&facts)[1], Verdict::Undecided);
    }
}
