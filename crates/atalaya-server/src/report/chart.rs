//! The charts of a report: bars, one distribution over another, and latency quantiles, each drawn into a rectangle.

use super::svg::{Anchor, Font, Rect, Svg, fitted, ink};
use super::words::{grouped, short, time};
use crate::watch::{Axis, Bars, Latency, Overlay};

/// Size of one chart, in pixels: two of them beside each other fill the report's width.
pub(super) const WIDTH: f64 = 556.0;
/// Its height.
pub(super) const HEIGHT: f64 = 290.0;

const TITLE: Font = Font::new(16.0, ink::TEXT).bold();
const TICK: Font = Font::new(12.5, ink::MUTED);
const LEFT: f64 = 58.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 36.0;
/// Lines behind the bars.
const GRID_LINES: usize = 4;
/// Texts below the bars.
const TICKS_MAX: usize = 6;
/// Room for the names of categories.
const NAMES: f64 = 168.0;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// A chart with its title, to be placed.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) svg: Svg,
}

/// Bars over time, numbers or categories.
pub(super) fn bars(bars: &Bars) -> Chart {
    let mut svg = panel(&bars.title);
    let top = bars.values.iter().copied().fold(0.0, f64::max);
    match &bars.axis {
        Axis::Category { names } => {
            let series = [Series {
                values: &bars.values,
                fill: ink::WINDOW,
            }];
            categories(&mut svg, names, &series, top, &|v| grouped_number(v));
        }
        axis => {
            let plot = plot();
            let top = grid(&mut svg, plot, top, &|v| grouped_number(v));
            columns(&mut svg, plot, &bars.values, top, ink::WINDOW, 0.85);
            below(&mut svg, plot, axis, bars.values.len());
        }
    }
    Chart {
        title: bars.title.clone(),
        svg,
    }
}

/// The baseline's distribution as grey bars with the window's over it.
pub(super) fn overlay(overlay: &Overlay) -> Chart {
    let verdict = if overlay.drifted { "drifted" } else { "quiet" };
    let colour = if overlay.drifted { ink::DRIFTED } else { ink::WINDOW };
    let title = format!("{}: {verdict}", fitted(&overlay.column, WIDTH - 320.0, TITLE.size));
    let mut svg = panel(&title);
    legend(&mut svg, colour);
    let top = overlay
        .baseline
        .iter()
        .chain(&overlay.window)
        .copied()
        .fold(0.0, f64::max);
    let percent = |v: f64| format!("{} %", short(v * 100.0));
    match &overlay.axis {
        Axis::Category { names } => {
            let series = [
                Series {
                    values: &overlay.baseline,
                    fill: ink::BASELINE,
                },
                Series {
                    values: &overlay.window,
                    fill: colour,
                },
            ];
            categories(&mut svg, names, &series, top, &percent);
        }
        axis => {
            let plot = plot();
            let top = grid(&mut svg, plot, top, &percent);
            columns(&mut svg, plot, &overlay.baseline, top, ink::BASELINE, 0.75);
            columns(&mut svg, plot, &overlay.window, top, colour, 0.28);
            outline(&mut svg, plot, &overlay.window, top, colour);
            below(&mut svg, plot, axis, overlay.window.len());
        }
    }
    Chart { title, svg }
}

/// Mean and quantiles as horizontal bars, with their bound.
pub(super) fn latency(latency: &Latency, bound_ms: Option<f64>) -> Chart {
    let title = format!("Latency per request, {} requests", grouped(latency.count));
    let mut svg = panel(&title);
    let rows = [
        ("mean", latency.mean),
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p95", latency.p95),
        ("p99", latency.p99),
    ];
    let names: Vec<String> = rows.iter().map(|(name, _)| (*name).to_owned()).collect();
    let values: Vec<f64> = rows.iter().map(|(_, value)| *value).collect();
    let top = values.iter().copied().fold(0.0, f64::max);
    let ms = |v: f64| format!("{} ms", short(v));
    categories(
        &mut svg,
        &names,
        &[Series {
            values: &values,
            fill: ink::WINDOW,
        }],
        top,
        &ms,
    );
    if let Some(bound) = bound_ms {
        let note = format!("bound for p95: {} ms", short(bound));
        svg.text((WIDTH - RIGHT, 30.0), TICK.at(Anchor::End), &note);
    }
    Chart { title, svg }
}

/// A chart that has nothing to show.
pub(super) fn nothing(title: &str, reason: &str) -> Chart {
    let mut svg = panel(title);
    svg.text(
        (WIDTH / 2.0, HEIGHT / 2.0),
        Font::new(14.0, ink::MUTED).at(Anchor::Middle),
        reason,
    );
    Chart {
        title: title.to_owned(),
        svg,
    }
}

fn panel(title: &str) -> Svg {
    let mut svg = Svg::default();
    svg.rect(
        Rect {
            x: 0.0,
            y: 0.0,
            width: WIDTH,
            height: HEIGHT,
        },
        ink::PANEL,
        1.0,
        6.0,
    );
    svg.text((18.0, 30.0), TITLE, &fitted(title, WIDTH - 36.0, TITLE.size));
    svg
}

fn plot() -> Rect {
    Rect {
        x: LEFT,
        y: TOP,
        width: WIDTH - LEFT - RIGHT,
        height: HEIGHT - TOP - BOTTOM,
    }
}

fn legend(svg: &mut Svg, window: &'static str) {
    let entries = [
        ("baseline", ink::BASELINE, WIDTH - 178.0),
        ("window", window, WIDTH - 86.0),
    ];
    for (word, fill, x) in entries {
        svg.rect(
            Rect {
                x,
                y: 20.0,
                width: 12.0,
                height: 12.0,
            },
            fill,
            0.9,
            2.0,
        );
        svg.text((x + 17.0, 30.5), TICK, word);
    }
}

/// Lines behind the bars with their values; gives the value at the top.
fn grid(svg: &mut Svg, plot: Rect, highest: f64, word: &dyn Fn(f64) -> String) -> f64 {
    // Nothing but zeros stands on an axis to one.
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let step = usual_step(highest, GRID_LINES);
    let lines = (highest / step).ceil().max(1.0);
    for line in 0..=lines as usize {
        let y = plot.y + plot.height * (1.0 - line as f64 / lines);
        svg.line((plot.x, y), (plot.x + plot.width, y), ink::GRID);
        svg.text((plot.x - 8.0, y + 4.0), TICK.at(Anchor::End), &word(line as f64 * step));
    }
    lines * step
}

/// 1, 2 or 5 times a power of ten, so that at most `parts` of it reach `span`.
fn usual_step(span: f64, parts: usize) -> f64 {
    let rough = span / parts as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let lead = rough / power;
    let usual = if lead <= 1.0 {
        1.0
    } else if lead <= 2.0 {
        2.0
    } else if lead <= 5.0 {
        5.0
    } else {
        10.0
    };
    usual * power
}

fn columns(svg: &mut Svg, plot: Rect, values: &[f64], top: f64, fill: &str, opacity: f64) {
    let width = plot.width / values.len().max(1) as f64;
    // A hair between bars; few bars stand apart further.
    let gap = (width * 0.08).clamp(0.5, 10.0);
    for (place, value) in values.iter().enumerate() {
        let height = plot.height * value / top;
        if height > 0.0 {
            let x = plot.x + place as f64 * width + gap / 2.0;
            let bar = Rect {
                x,
                y: plot.y + plot.height - height,
                width: width - gap,
                height,
            };
            svg.rect(bar, fill, opacity, 0.0);
        }
    }
}

/// The upper edge of a histogram.
fn outline(svg: &mut Svg, plot: Rect, values: &[f64], top: f64, stroke: &str) {
    let width = plot.width / values.len().max(1) as f64;
    let floor = plot.y + plot.height;
    let mut points = vec![(plot.x, floor)];
    for (place, value) in values.iter().enumerate() {
        let y = floor - plot.height * value / top;
        let x = plot.x + place as f64 * width;
        points.extend([(x, y), (x + width, y)]);
    }
    points.push((plot.x + plot.width, floor));
    svg.outline(&points, stroke);
}

/// What the bars stand on.
fn below(svg: &mut Svg, plot: Rect, axis: &Axis, bars: usize) {
    let y = plot.y + plot.height + 18.0;
    let font = TICK.at(Anchor::Middle);
    match axis {
        Axis::Number { from, step } => {
            let to = from + step * bars as f64;
            if to.partial_cmp(from) != Some(std::cmp::Ordering::Greater) {
                return;
            }
            let tick = usual_step(to - from, TICKS_MAX);
            let mut at = (from / tick).ceil() * tick;
            for _ in 0..=TICKS_MAX {
                if at > to + tick * 1e-9 {
                    break;
                }
                let x = plot.x + plot.width * (at - from) / (to - from);
                svg.line((x, plot.y + plot.height), (x, plot.y + plot.height + 4.0), ink::MUTED);
                // Rounding to the tick takes the dust of repeated addition off.
                svg.text((x, y), font, &short((at / tick).round() * tick));
                at += tick;
            }
        }
        Axis::Time { from, step } => {
            let every = bars.div_ceil(TICKS_MAX).max(1);
            let span = *step * bars as i64;
            let form = if *step >= DAY_MS {
                "%b %d"
            } else if span > DAY_MS {
                "%b %d %H:%M"
            } else if *step >= MINUTE_MS {
                "%H:%M"
            } else {
                "%H:%M:%S"
            };
            let width = plot.width / bars.max(1) as f64;
            for bar in (0..bars).step_by(every) {
                let x = plot.x + (bar as f64 + 0.5) * width;
                svg.text((x, y), font, &time(from + step * bar as i64, form));
            }
        }
        Axis::Category { .. } => {}
    }
}

/// One set of horizontal bars.
struct Series<'a> {
    values: &'a [f64],
    fill: &'static str,
}

/// Horizontal bars, so that names can be read.
fn categories(svg: &mut Svg, names: &[String], series: &[Series<'_>], top: f64, word: &dyn Fn(f64) -> String) {
    let row = ((HEIGHT - TOP - 14.0) / names.len().max(1) as f64).min(44.0);
    let (left, room) = (NAMES, WIDTH - NAMES - 96.0);
    let thick = (row * 0.74 / series.len() as f64).min(26.0);
    for (place, name) in names.iter().enumerate() {
        let y = TOP + place as f64 * row;
        svg.text(
            (left - 10.0, y + row / 2.0 + 4.0),
            TICK.at(Anchor::End),
            &fitted(name, NAMES - 24.0, TICK.size),
        );
        for (of, one) in series.iter().enumerate() {
            let value = one.values.get(place).copied().unwrap_or(0.0);
            let width = if top > 0.0 { room * value / top } else { 0.0 };
            let at = y + (row - thick * series.len() as f64) / 2.0 + of as f64 * thick;
            svg.rect(
                Rect {
                    x: left,
                    y: at,
                    width: width.max(0.5),
                    height: thick - 1.5,
                },
                one.fill,
                0.9,
                1.0,
            );
            if thick >= 9.0 {
                svg.text((left + width + 7.0, at + thick / 2.0 + 3.5), TICK, &word(value));
            }
        }
    }
    svg.line((left, TOP), (left, TOP + row * names.len() as f64), ink::MUTED);
}

fn grouped_number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        grouped(value as u64)
    } else {
        short(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_usual_ones() {
        for (span, parts, step) in [
            (10.0, 4, 5.0),
            (1.0, 4, 0.5),
            (0.07, 4, 0.02),
            (4_000.0, 4, 1_000.0),
            (60.0, 6, 10.0),
        ] {
            let found = usual_step(span, parts);
            assert!((found - step).abs() < 1e-9 * step, "{span}: {found}");
        }
    }

    #[test]
    fn a_chart_of_nothing_and_one_of_zeros_can_be_drawn() {
        let axis = Axis::Number { from: 0.0, step: 1.0 };
        for values in [Vec::new(), vec![0.0; 3]] {
            let chart = bars(&Bars {
                title: "t".into(),
                axis: axis.clone(),
                values,
            });
            assert!(
                !chart.svg.0.contains("NaN") && !chart.svg.0.contains("inf"),
                "{}",
                chart.svg.0
            );
        }
    }

    #[test]
    fn names_of_columns_and_categories_are_escaped() {
        let drawn = overlay(&Overlay {
            column: "<script>".into(),
            drifted: true,
            axis: Axis::Category {
                names: vec!["<b>&".into()],
            },
            baseline: vec![1.0],
            window: vec![1.0],
        });
        assert!(!drawn.svg.0.contains("<script") && drawn.svg.0.contains("&lt;b&gt;&amp;"));
    }
}
