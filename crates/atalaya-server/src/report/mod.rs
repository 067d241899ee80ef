//! A monitor's report: one self-contained HTML page, and the same as a PNG image.
//!
//! No script, nothing fetched, every text of a user escaped. Both forms say the same words ([`words`]) and show the
//! same charts ([`chart`]); the page lays them out by HTML, the sheet by coordinates.

mod chart;
mod page;
mod raster;
mod sheet;
mod svg;
mod words;

use atalaya_domain::alert::Alert;

use crate::watch::MonitorReport;

pub(crate) use page::{content_security_policy, html};

/// What a report is made of.
pub(crate) struct Facts {
    pub(crate) run: MonitorReport,
    /// Open when the report is made, which may be later than the run.
    pub(crate) open_alerts: Vec<Alert>,
}

/// The report as a PNG image, 1,200 pixels wide.
pub(crate) fn png(facts: &Facts) -> Result<Vec<u8>, &'static str> {
    raster::png(&sheet::svg(facts))
}

#[cfg(test)]
mod tests {
    use atalaya_domain::Timestamp;
    use atalaya_domain::alert::{AlertKind, AlertState};
    use resvg::usvg::roxmltree::Document;

    use super::*;
    use crate::watch::{
        Axis, Bars, Check, ColumnDrift, Counts, Figures, Latency, Overlay, Quality, Skipped, Verdict, VersionQuality,
    };

    /// What a user may have named a column, a category, a monitor.
    const HOSTILE: &str = "</text><script>alert(1)</script>\"'&\u{0}\u{202e}";

    fn column(drifted: bool) -> ColumnDrift {
        ColumnDrift {
            column: HOSTILE.to_owned(),
            test: HOSTILE.to_owned(),
            statistic: 0.5,
            p_value: Some(1e-300),
            corrected_p_value: None,
            effect_size: 0.5,
            psi: 12.0,
            baseline_count: 1,
            window_count: u64::MAX,
            baseline_nulls: 0,
            window_nulls: 0,
            threshold: 0.05,
            drifted,
        }
    }

    fn figures(name: &str) -> Figures {
        let name = || name.to_owned();
        let categories = Axis::Category {
            names: vec![name(), name()],
        };
        let bars = Bars {
            title: name(),
            axis: categories.clone(),
            values: vec![1.0, 0.0],
        };
        let overlay = Overlay {
            column: name(),
            drifted: true,
            axis: categories,
            baseline: vec![1.0, 0.0],
            window: vec![0.0, 1.0],
        };
        Figures {
            counts: Some(bars),
            predictions: None,
            overlays: vec![overlay],
        }
    }

    fn alert(name: &str) -> Alert {
        let name = || name.to_owned();
        Alert {
            id: name(),
            monitor: name(),
            kind: AlertKind::DataDrift,
            state: AlertState::Firing,
            message: name(),
            value: f64::NAN,
            threshold: 0.05,
            fired_at: Timestamp(i64::MAX),
            resolved_at: None,
        }
    }

    fn facts(name: &str) -> Facts {
        let name = || name.to_owned();
        let quality = Quality::Classification {
            count: 1,
            accuracy: 1.0,
            precision: 1.0,
            recall: 1.0,
            f1: 1.0,
        };
        let version = VersionQuality {
            served_entity: name(),
            model_name: name(),
            model_version: name(),
            quality,
        };
        let check = Check {
            kind: name(),
            verdict: Verdict::Breached,
            message: name(),
            value: None,
            threshold: 0.05,
        };
        let run = MonitorReport {
            run_id: 1,
            monitor: name(),
            endpoint: name(),
            baseline: name(),
            mode: name(),
            window_start: i64::MIN,
            window_end: 0,
            ran_at: 0,
            counts: Counts::default(),
            columns: vec![column(true); 40],
            prediction: Some(column(false)),
            drifted_columns: vec![name()],
            skipped: vec![Skipped {
                column: name(),
                reason: name(),
            }],
            profiles: Vec::new(),
            latency_ms: Some(Latency {
                count: 1,
                mean: 1e9,
                p50: 0.0,
                p90: 0.0,
                p95: 0.0,
                p99: 1e9,
            }),
            error_rate: Some(1.0),
            quality: Some(quality),
            quality_by_version: vec![version],
            checks: vec![check],
            alerts: Vec::new(),
            figures: figures(&name()),
        };
        Facts {
            run,
            open_alerts: vec![alert(&name()); 9],
        }
    }

    #[test]
    fn nothing_that_a_user_named_is_markup_on_page_or_sheet() {
        let facts = facts(HOSTILE);
        let page = html(&facts);
        let page = page.strip_prefix("<!DOCTYPE html>").expect("a page").trim();
        for document in [page.to_owned(), sheet::svg(&facts)] {
            let parsed = Document::parse(&document).expect("well-formed");
            assert!(parsed.descendants().all(|node| !node.has_tag_name("script")));
            assert!(!document.contains("<script"), "{document}");
        }
        assert!(png(&facts).expect("drawn").starts_with(b"\x89PNG"));
    }

    #[test]
    fn a_long_report_is_cut_on_the_sheet_and_whole_on_the_page() {
        let facts = facts("x");
        assert!(sheet::svg(&facts).contains("and 18 more, on the HTML page"));
        assert!(!html(&facts).contains("more, on the HTML page"));
    }

    #[test]
    fn a_stored_run_is_read_back_as_it_was() {
        let run = facts(HOSTILE).run;
        let stored = serde_json::to_string(&run).expect("JSON");
        assert_eq!(serde_json::from_str::<MonitorReport>(&stored).expect("read"), run);
    }
}
