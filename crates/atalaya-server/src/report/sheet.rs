//! The report as one drawing, from which the image is made.

use super::Facts;
use super::chart::{HEIGHT, WIDTH};
use super::page::charts;
use super::raster::FAMILY;
use super::svg::{Anchor, Font, Rect, Svg, fitted, ink, wrapped};
use super::words::{Table, alerts, columns, headline, quality, spoken, subtitle, tiles, verdict};

/// Width of the image, in pixels.
const PAGE: f64 = 1200.0;
const MARGIN: f64 = 36.0;
const INNER: f64 = PAGE - 2.0 * MARGIN;
const GAP: f64 = INNER - 2.0 * WIDTH;
/// Rows of a table that are drawn; the page has all of them.
const ROWS_MAX: usize = 24;
/// Open alerts that are drawn.
const ALERTS_MAX: usize = 6;
/// Lines of one message.
const LINES_MAX: usize = 3;

const H1: Font = Font::new(30.0, ink::TEXT).bold();
const H2: Font = Font::new(19.0, ink::TEXT).bold();
const BODY: Font = Font::new(15.0, ink::TEXT);
const SMALL: Font = Font::new(14.0, ink::MUTED);

/// A drawing that grows downwards.
struct Sheet {
    svg: Svg,
    y: f64,
}

/// The whole report as an SVG document.
pub(super) fn svg(facts: &Facts) -> String {
    let mut sheet = Sheet {
        svg: Svg::default(),
        y: MARGIN,
    };
    sheet.head(facts);
    sheet.tiles(facts);
    sheet.checks(facts);
    sheet.alerts(facts);
    sheet.charts(facts);
    sheet.heading("Columns against the baseline");
    let shares = [0.19, 0.165, 0.09, 0.08, 0.105, 0.075, 0.155, 0.14];
    sheet.table(&columns(&facts.run), &shares, "No column was compared.");
    if let Some(table) = quality(&facts.run) {
        sheet.heading("Quality against labels");
        sheet.table(&table, &[0.34, 0.16, 0.125, 0.125, 0.125, 0.125], "");
    }
    let height = sheet.y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{PAGE}\" height=\"{height:.0}\" viewBox=\"0 0 {PAGE} {height:.0}\" \
         font-family=\"{FAMILY}\"><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>{}</svg>",
        sheet.svg.0
    )
}

impl Sheet {
    fn head(&mut self, facts: &Facts) {
        let (words, colour) = headline(&facts.run);
        self.svg.rect(
            Rect {
                x: MARGIN,
                y: self.y,
                width: 7.0,
                height: 82.0,
            },
            colour,
            1.0,
            3.0,
        );
        let x = MARGIN + 24.0;
        self.svg
            .text((x, self.y + 24.0), H1, &fitted(&words, INNER - 30.0, H1.size));
        let what = format!("{} on endpoint {}", facts.run.monitor, facts.run.endpoint);
        self.svg.text(
            (x, self.y + 51.0),
            Font::new(18.0, ink::TEXT),
            &fitted(&what, INNER - 30.0, 18.0),
        );
        self.svg.text(
            (x, self.y + 76.0),
            SMALL,
            &fitted(&subtitle(&facts.run), INNER - 30.0, SMALL.size),
        );
        self.y += 82.0 + 22.0;
    }

    fn tiles(&mut self, facts: &Facts) {
        let tiles = tiles(&facts.run);
        let width = (INNER - 12.0 * (tiles.len() - 1) as f64) / tiles.len() as f64;
        for (place, (name, value)) in tiles.iter().enumerate() {
            let x = MARGIN + place as f64 * (width + 12.0);
            self.svg.rect(
                Rect {
                    x,
                    y: self.y,
                    width,
                    height: 68.0,
                },
                ink::PANEL,
                1.0,
                6.0,
            );
            self.svg.text((x + 14.0, self.y + 24.0), SMALL, name);
            self.svg.text(
                (x + 14.0, self.y + 53.0),
                Font::new(23.0, ink::TEXT).bold(),
                &fitted(value, width - 20.0, 23.0),
            );
        }
        self.y += 68.0 + 20.0;
    }

    fn checks(&mut self, facts: &Facts) {
        for check in &facts.run.checks {
            let (word, colour) = verdict(check.verdict);
            self.svg.rect(
                Rect {
                    x: MARGIN,
                    y: self.y + 5.0,
                    width: 12.0,
                    height: 12.0,
                },
                colour,
                1.0,
                6.0,
            );
            self.svg
                .text((MARGIN + 24.0, self.y + 16.5), BODY.bold(), &spoken(&check.kind));
            self.svg
                .text((MARGIN + 232.0, self.y + 16.5), Font::new(15.0, colour).bold(), word);
            for line in wrapped(&check.message, INNER - 330.0, BODY.size, LINES_MAX) {
                self.svg.text((MARGIN + 330.0, self.y + 16.5), BODY, &line);
                self.y += 21.0;
            }
            self.y += 6.0;
        }
        self.y += 10.0;
    }

    fn alerts(&mut self, facts: &Facts) {
        let lines = alerts(facts);
        if lines.is_empty() {
            return;
        }
        self.heading("Open alerts");
        for line in lines.iter().take(ALERTS_MAX) {
            for line in wrapped(line, INNER, BODY.size, LINES_MAX) {
                self.svg.text((MARGIN, self.y + 12.0), BODY, &line);
                self.y += 21.0;
            }
            self.y += 4.0;
        }
        self.more(lines.len(), ALERTS_MAX);
    }

    fn charts(&mut self, facts: &Facts) {
        self.y += 8.0;
        let charts = charts(&facts.run);
        for pair in charts.chunks(2) {
            for (place, chart) in pair.iter().enumerate() {
                self.svg
                    .group((MARGIN + place as f64 * (WIDTH + GAP), self.y), &chart.svg);
            }
            self.y += HEIGHT + GAP;
        }
    }

    fn heading(&mut self, text: &str) {
        self.svg.text((MARGIN, self.y + 26.0), H2, text);
        self.y += 44.0;
    }

    fn more(&mut self, all: usize, shown: usize) {
        if all > shown {
            let note = format!("and {} more, on the HTML page", all - shown);
            self.svg.text((MARGIN, self.y + 14.0), SMALL, &note);
            self.y += 26.0;
        }
    }

    /// `shares` are the widths of the columns, summing up to one.
    fn table(&mut self, table: &Table, shares: &[f64], empty: &str) {
        if table.rows.is_empty() {
            self.svg.text((MARGIN, self.y + 12.0), SMALL, empty);
            self.y += 28.0;
            return;
        }
        let starts: Vec<f64> = shares
            .iter()
            .scan(0.0, |at, share| {
                let start = *at;
                *at += share * INNER;
                Some(MARGIN + start)
            })
            .collect();
        for (x, heading) in starts.iter().zip(&table.headings) {
            self.svg
                .text((*x, self.y + 12.0), SMALL.bold().at(Anchor::Start), heading);
        }
        self.y += 20.0;
        for row in table.rows.iter().take(ROWS_MAX) {
            self.svg.line((MARGIN, self.y), (PAGE - MARGIN, self.y), ink::GRID);
            let last = row.cells.len() - 1;
            for (place, cell) in row.cells.iter().enumerate() {
                let font = match row.colour {
                    Some(colour) if place == last => Font::new(BODY.size, colour).bold(),
                    _ => BODY,
                };
                let width = shares[place] * INNER - 8.0;
                self.svg
                    .text((starts[place], self.y + 20.0), font, &fitted(cell, width, BODY.size));
            }
            self.y += 30.0;
        }
        self.svg.line((MARGIN, self.y), (PAGE - MARGIN, self.y), ink::GRID);
        self.y += 8.0;
        self.more(table.rows.len(), ROWS_MAX);
    }
}
