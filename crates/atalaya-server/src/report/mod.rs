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
