//! The report as one HTML page: no script, nothing fetched, the charts as SVG inside.

use std::fmt::Write as _;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Facts;
use super::chart::{self, Chart, HEIGHT, WIDTH};
use super::svg::escape;
use super::words::{Table, alerts, columns, headline, quality, spoken, subtitle, tiles, verdict};
use crate::watch::{Axis, Bars, MonitorReport};

const STYLE: &str = "\
*{box-sizing:border-box}\
body{margin:0 auto;padding:32px 36px;max-width:1200px;color:#1b2733;background:#fff;font:15px/1.45 Ubuntu,'Segoe UI',system-ui,sans-serif}\
header{border-left:7px solid;padding:0 0 0 18px;margin-bottom:20px}\
h1{margin:0;font-size:30px;line-height:1.15;color:#1b2733}\
h2{font-size:19px;margin:28px 0 10px}\
header p{margin:4px 0 0;color:#1b2733}\
.lesser{color:#566575}\
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:12px;padding:0;margin:0 0 18px}\
.tiles div{background:#f7f9fb;border-radius:6px;padding:10px 14px}\
.tiles dt{color:#566575;font-size:14px}\
.tiles dd{margin:2px 0 0;font-size:23px;font-weight:600}\
.charts{display:grid;grid-template-columns:1fr 1fr;gap:16px;margin-top:18px}\
svg{width:100%;height:auto;display:block}\
table{border-collapse:collapse;width:100%}\
th{text-align:left;color:#566575;font-size:14px}\
td,th{padding:6px 12px 6px 0;border-bottom:1px solid #e4e9ee;overflow-wrap:anywhere}\
.c0{color:#b3261e}.c1{color:#1d7a46}.c2{color:#8a6100}.c3{color:#d9480f}\
@media(max-width:800px){.charts{grid-template-columns:1fr}.tiles{grid-template-columns:repeat(2,1fr)}}";

/// The policy under which the page is served: nothing but its own style, known by its hash.
pub(crate) fn content_security_policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
        )
    })
}

/// The page.
pub(crate) fn html(facts: &Facts) -> String {
    let run = &facts.run;
    let (words, colour) = headline(run);
    let mut page = String::with_capacity(64 * 1024);
    let title = escape(&format!("{} on {}: {words}", run.monitor, run.endpoint));
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"/><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <header class=\"{}\"><h1>{}</h1><p>{} on endpoint {}</p><p class=\"lesser\">{}</p></header>\n",
        class(colour),
        escape(&words),
        escape(&run.monitor),
        escape(&run.endpoint),
        escape(&subtitle(run))
    );
    page.push_str("<dl class=\"tiles\">");
    for (name, value) in tiles(run) {
        let _ = write!(page, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(&value));
    }
    page.push_str("</dl>\n<table>");
    for check in &run.checks {
        let (word, colour) = verdict(check.verdict);
        let (kind, message) = (escape(&spoken(&check.kind)), escape(&check.message));
        let _ = write!(
            page,
            "<tr><td><b>{kind}</b></td><td class=\"{}\"><b>{word}</b></td><td>{message}</td></tr>",
            class(colour)
        );
    }
    page.push_str("</table>\n<h2>Open alerts</h2>");
    let lines = alerts(facts);
    if lines.is_empty() {
        page.push_str("<p class=\"lesser\">None.</p>");
    } else {
        page.push_str("<ul>");
        for line in lines {
            let _ = write!(page, "<li>{}</li>", escape(&line));
        }
        page.push_str("</ul>");
    }
    page.push_str("\n<div class=\"charts\">");
    for chart in charts(run) {
        let _ = writeln!(
            page,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\" font-family=\"Ubuntu,Segoe UI,system-ui,sans-serif\">{}</svg>",
            escape(&chart.title),
            chart.svg.0
        );
    }
    page.push_str("</div>\n<h2>Columns against the baseline</h2>");
    table(&mut page, &columns(run), "No column was compared.");
    page.push_str("<h2>Quality against labels</h2>");
    match quality(run) {
        Some(figures) => table(&mut page, &figures, ""),
        None => page.push_str("<p class=\"lesser\">No label has come for the rows of this window.</p>"),
    }
    page.push_str("</body></html>\n");
    page
}

fn table(page: &mut String, table: &Table, empty: &str) {
    if table.rows.is_empty() {
        let _ = write!(page, "<p class=\"lesser\">{}</p>", escape(empty));
        return;
    }
    page.push_str("<table><thead><tr>");
    for heading in &table.headings {
        let _ = write!(page, "<th>{}</th>", escape(heading));
    }
    page.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        page.push_str("<tr>");
        let last = row.cells.len().saturating_sub(1);
        for (place, cell) in row.cells.iter().enumerate() {
            match row.colour {
                Some(colour) if place == last => {
                    let _ = write!(page, "<td class=\"{}\"><b>{}</b></td>", class(colour), escape(cell));
                }
                _ => {
                    let _ = write!(page, "<td>{}</td>", escape(cell));
                }
            }
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table>\n");
}

/// The style's name for a colour.
fn class(colour: &str) -> &'static str {
    use super::svg::ink;
    match colour {
        ink::BAD => "c0",
        ink::GOOD => "c1",
        ink::OPEN => "c2",
        ink::DRIFTED => "c3",
        _ => "",
    }
}

/// The charts in their order: predictions over time, their distribution, the columns that moved most, latency.
pub(super) fn charts(run: &MonitorReport) -> Vec<Chart> {
    let (figures, none) = (&run.figures, "no prediction in the window");
    let or_nothing = |bars: &Option<Bars>, title: &str| match bars {
        Some(bars) => chart::bars(bars),
        None => chart::nothing(title, none),
    };
    let mut charts = vec![
        or_nothing(&figures.counts, "Predictions over time"),
        or_nothing(&figures.predictions, "Predictions"),
    ];
    charts.extend(figures.overlays.iter().map(chart::overlay));
    charts.push(requests(run));
    let bound = run
        .checks
        .iter()
        .find(|check| check.kind == "HIGH_LATENCY")
        .map(|check| check.threshold);
    charts.push(match &run.latency_ms {
        Some(latency) => chart::latency(latency, bound),
        None => chart::nothing("Latency per request", none),
    });
    charts
}

/// How the requests of the window ended.
fn requests(run: &MonitorReport) -> Chart {
    let counts = &run.counts;
    if counts.requests == 0 {
        return chart::nothing("Requests by outcome", "no request in the window");
    }
    let answered = counts
        .requests
        .saturating_sub(counts.client_errors + counts.server_errors);
    let names = ["answered", "refused (4xx)", "failed (5xx)"]
        .map(str::to_owned)
        .to_vec();
    let values = [answered, counts.client_errors, counts.server_errors]
        .map(|n| n as f64)
        .to_vec();
    chart::bars(&Bars {
        title: "Requests by outcome".to_owned(),
        axis: Axis::Category { names },
        values,
    })
}
