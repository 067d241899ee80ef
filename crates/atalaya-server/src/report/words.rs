//! The words and figures of a report, the same for page and image.

use atalaya_domain::alert::{Alert, AlertKind};
use chrono::{DateTime, Utc};

use super::Facts;
use super::svg::ink;
use crate::watch::{ColumnDrift, MonitorReport, Quality, Verdict, small};

/// Columns named in the headline.
const NAMED_MAX: usize = 3;

/// The verdict in a few words, with its colour.
pub(super) fn headline(run: &MonitorReport) -> (String, &'static str) {
    let of = |verdict: Verdict| run.checks.iter().filter(|check| check.verdict == verdict).count();
    if of(Verdict::Breached) > 0 {
        let breached = run.checks.iter().filter(|check| check.verdict == Verdict::Breached);
        let what: Vec<String> = breached.map(|check| told(run, &check.kind)).collect();
        return (what.join(" · "), ink::BAD);
    }
    if of(Verdict::Fine) == 0 {
        return ("Too little seen to decide".to_owned(), ink::OPEN);
    }
    ("All quiet".to_owned(), ink::GOOD)
}

/// A breached check; drift with the columns that moved.
fn told(run: &MonitorReport, kind: &str) -> String {
    let names = &run.drifted_columns;
    if kind != AlertKind::DataDrift.as_str() || names.is_empty() {
        return spoken(kind);
    }
    let more = if names.len() > NAMED_MAX {
        format!(" and {} more", names.len() - NAMED_MAX)
    } else {
        String::new()
    };
    let named = names
        .iter()
        .take(NAMED_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    format!("{}: {named}{more}", spoken(kind))
}

/// An alert kind as people say it: `DATA_DRIFT` is "Data drift".
pub(super) fn spoken(kind: &str) -> String {
    let lower = kind.replace('_', " ").to_lowercase();
    let mut letters = lower.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The word and colour of a verdict.
pub(super) fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Breached => ("breached", ink::BAD),
        Verdict::Fine => ("fine", ink::GOOD),
        Verdict::Undecided => ("undecided", ink::OPEN),
    }
}

/// What was looked at, in one line.
pub(super) fn subtitle(run: &MonitorReport) -> String {
    let sampled = if run.counts.rows_read < run.counts.rows {
        ", sampled"
    } else {
        ""
    };
    format!(
        "{} to {} UTC · {} mode · baseline {} ({} rows) · run {}{sampled}",
        minute(run.window_start),
        minute(run.window_end),
        run.mode,
        run.baseline,
        grouped(run.counts.baseline_rows),
        run.run_id
    )
}

/// A time to the minute.
pub(super) fn minute(ms: i64) -> String {
    time(ms, "%Y-%m-%d %H:%M")
}

/// A time in a form of chrono's.
pub(super) fn time(ms: i64, form: &str) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).map_or_else(|| "–".to_owned(), |at| at.format(form).to_string())
}

/// The figures of the first row: name and value.
pub(super) fn tiles(run: &MonitorReport) -> Vec<(&'static str, String)> {
    let mut tiles = vec![
        ("Requests", grouped(run.counts.requests)),
        ("Rows", grouped(run.counts.rows)),
        ("Labelled rows", grouped(run.counts.labelled_rows)),
        (
            "Error rate",
            run.error_rate
                .map_or("–".to_owned(), |rate| format!("{:.2} %", rate * 100.0)),
        ),
        (
            "p95 latency",
            run.latency_ms
                .map_or("–".to_owned(), |l| format!("{} ms", short(l.p95))),
        ),
    ];
    tiles.push(match run.quality {
        Some(Quality::Classification { accuracy, .. }) => ("Accuracy", format!("{:.1} %", accuracy * 100.0)),
        Some(Quality::Regression { rmse, .. }) => ("RMSE", short(rmse)),
        None => ("Accuracy", "–".to_owned()),
    });
    tiles
}

/// A table: its headings and its rows.
pub(super) struct Table {
    pub(super) headings: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// A row of a table; the colour is that of its last cell.
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) colour: Option<&'static str>,
}

/// Every compared column, those that drifted first, then by size of the shift.
pub(super) fn columns(run: &MonitorReport) -> Table {
    let mut ranked: Vec<&ColumnDrift> = run.columns.iter().chain(&run.prediction).collect();
    ranked.sort_by(|a, b| b.drifted.cmp(&a.drifted).then(b.effect_size.total_cmp(&a.effect_size)));
    let p = |p: Option<f64>| p.map_or("–".to_owned(), small);
    let row = |c: &&ColumnDrift| Row {
        cells: vec![
            c.column.clone(),
            test(&c.test).to_owned(),
            short(c.statistic),
            p(c.p_value),
            p(c.corrected_p_value),
            format!("{:.3}", c.psi),
            format!("{} / {}", grouped(c.baseline_count), grouped(c.window_count)),
            if c.drifted { "drifted" } else { "quiet" }.to_owned(),
        ],
        colour: Some(if c.drifted { ink::DRIFTED } else { ink::GOOD }),
    };
    let skipped = run.skipped.iter().map(|s| {
        let mut cells = vec![String::new(); 8];
        cells[0].clone_from(&s.column);
        cells[1].clone_from(&s.reason);
        cells[7] = "not compared".to_owned();
        Row {
            cells,
            colour: Some(ink::OPEN),
        }
    });
    Table {
        headings: vec![
            "Column",
            "Test",
            "Statistic",
            "p",
            "p corrected",
            "PSI",
            "Baseline / window",
            "Verdict",
        ],
        rows: ranked.iter().map(row).chain(skipped).collect(),
    }
}

fn test(name: &str) -> &str {
    match name {
        "ks" => "Kolmogorov–Smirnov",
        "chi_squared" => "Chi-squared",
        other => other,
    }
}

/// Quality over all and per version; `None` without labels.
pub(super) fn quality(run: &MonitorReport) -> Option<Table> {
    let overall = run.quality?;
    let (headings, figures): (Vec<_>, fn(&Quality) -> Vec<String>) = match overall {
        Quality::Classification { .. } => (vec!["Accuracy", "Precision", "Recall", "F1"], |q| match q {
            Quality::Classification {
                accuracy,
                precision,
                recall,
                f1,
                ..
            } => [accuracy, precision, recall, f1].map(|v| format!("{v:.4}")).to_vec(),
            Quality::Regression { .. } => Vec::new(),
        }),
        Quality::Regression { .. } => (vec!["MAE", "RMSE", "R²", "MAPE"], |q| match q {
            Quality::Regression {
                mae, rmse, r2, mape, ..
            } => {
                let maybe = |v: &Option<f64>| v.map_or("–".to_owned(), short);
                vec![short(*mae), short(*rmse), maybe(r2), maybe(mape)]
            }
            Quality::Classification { .. } => Vec::new(),
        }),
    };
    let row = |name: String, quality: &Quality| {
        let mut cells = vec![name, grouped(quality.count())];
        cells.extend(figures(quality));
        Row { cells, colour: None }
    };
    let each = run
        .quality_by_version
        .iter()
        .map(|v| row(format!("{} (version {})", v.served_entity, v.model_version), &v.quality));
    let mut all = vec!["Served entity", "Labelled rows"];
    all.extend(headings);
    Some(Table {
        headings: all,
        rows: std::iter::once(row("all".to_owned(), &overall)).chain(each).collect(),
    })
}

/// Open alerts, one line each.
pub(super) fn alerts(facts: &Facts) -> Vec<String> {
    let line = |alert: &Alert| {
        format!(
            "{} · {} · since {} UTC · {}",
            alert.kind.severity(),
            alert.kind.as_str(),
            minute(alert.fired_at.0),
            alert.message
        )
    };
    facts.open_alerts.iter().map(line).collect()
}

/// A number in few characters.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    let decimals = match size {
        s if s >= 1_000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A whole number in groups of three digits.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (0.1234, "0.123"),
            (12.0, "12"),
            (12.345, "12.35"),
            (123.45, "123.5"),
            (1234.5, "1234"),
            (1.5e9, "1.50e9"),
            (0.00012, "1.20e-4"),
            (-2.0, "-2"),
            (100.0, "100"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
        assert_eq!(
            (grouped(7), grouped(1_000), grouped(1_234_567)),
            ("7".into(), "1,000".into(), "1,234,567".into())
        );
    }

    #[test]
    fn kinds_are_spoken() {
        assert_eq!(spoken("DATA_DRIFT"), "Data drift");
    }
}
