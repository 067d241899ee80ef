//! What a command prints: tables for people, JSON for scripts, a progress bar only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Prints a value as one JSON document.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    say(&text)
}

/// Prints a line; a closed pipe ends the output, not the program.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A table whose columns are as wide as they need to be; numbers read best right-aligned, so every column but the
/// first is.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |i: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(i))
            .map(|cell| cell.chars().count());
        cells.chain([head[i].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().enumerate().map(|(i, cell)| {
            let w = widths[i];
            if i == 0 {
                format!("{cell:<w$}")
            } else {
                format!("{cell:>w$}")
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = vec![line(head.to_vec())];
    out.push(widths.iter().map(|w| "─".repeat(*w)).collect::<Vec<_>>().join("  "));
    out.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    out.join("\n")
}

/// A progress bar of `total` steps; hidden when standard error is not a terminal.
pub(crate) fn progress(total: Option<u64>, label: &'static str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = match total {
        Some(total) => ProgressBar::with_draw_target(Some(total), target),
        None => ProgressBar::with_draw_target(None, target),
    };
    let template = if total.is_some() {
        "{msg} [{bar:32}] {human_pos}/{human_len} {per_sec} {eta}"
    } else {
        "{msg} {spinner} {human_pos} {per_sec}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_message(label);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up() {
        let text = table(
            &["column", "p"],
            &[vec!["age".into(), "0.5".into()], vec!["glucose".into(), "1e-40".into()]],
        );
        assert_eq!(text, "column       p\n───────  ─────\nage        0.5\nglucose  1e-40");
    }
}
