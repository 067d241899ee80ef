//! A small writer of SVG: rectangles, lines and texts with plain attributes, so that no style and no font file is needed.

use std::fmt::Write as _;

/// Colours of the report; dark enough on white for small text, and told apart without seeing red and green.
pub(super) mod ink {
    /// Text.
    pub(in super::super) const TEXT: &str = "#1b2733";
    /// Lesser text.
    pub(in super::super) const MUTED: &str = "#566575";
    /// Lines behind charts.
    pub(in super::super) const GRID: &str = "#e4e9ee";
    /// Panels.
    pub(in super::super) const PANEL: &str = "#f7f9fb";
    /// The baseline.
    pub(in super::super) const BASELINE: &str = "#9aa8b6";
    /// The window.
    pub(in super::super) const WINDOW: &str = "#1769aa";
    /// The window of a column that drifted.
    pub(in super::super) const DRIFTED: &str = "#d9480f";
    /// A condition that holds.
    pub(in super::super) const BAD: &str = "#b3261e";
    /// A condition that does not hold.
    pub(in super::super) const GOOD: &str = "#1d7a46";
    /// Nothing decided.
    pub(in super::super) const OPEN: &str = "#8a6100";
}

/// Which point of a text its position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) fill: &'static str,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
}

impl Font {
    pub(super) const fn new(size: f64, fill: &'static str) -> Self {
        Self {
            size,
            fill,
            bold: false,
            anchor: Anchor::Start,
        }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) const fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// A place on the drawing, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// SVG elements under way.
#[derive(Debug, Default)]
pub(super) struct Svg(pub(super) String);

impl Svg {
    /// A filled rectangle with slightly rounded corners.
    pub(super) fn rect(&mut self, rect: Rect, fill: &str, opacity: f64, radius: f64) {
        let Rect { x, y, width, height } = rect;
        let _ = write!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.0}\" fill=\"{fill}\" \
             fill-opacity=\"{opacity}\"/>"
        );
    }

    /// A horizontal or vertical line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = write!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\" stroke-width=\"1\"/>"
        );
    }

    /// An open line through points.
    pub(super) fn outline(&mut self, points: &[(f64, f64)], stroke: &str) {
        self.0.push_str("<polyline points=\"");
        for (x, y) in points {
            let _ = write!(self.0, "{x:.1},{y:.1} ");
        }
        let _ = write!(
            self.0,
            "\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"2\" stroke-linejoin=\"round\"/>"
        );
    }

    /// A text on a line.
    pub(super) fn text(&mut self, (x, y): (f64, f64), font: Font, text: &str) {
        let Font { size, fill, .. } = font;
        let anchor = match font.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        // The embedded font has one weight; a thin outline of the same colour makes the other.
        let weight = if font.bold {
            format!(" stroke=\"{fill}\" stroke-width=\"{:.2}\"", size / 32.0)
        } else {
            String::new()
        };
        let _ = write!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{fill}\"{weight}>{}</text>",
            escape(text)
        );
    }

    /// Elements moved to a place.
    pub(super) fn group(&mut self, (x, y): (f64, f64), inside: &Self) {
        let _ = write!(self.0, "<g transform=\"translate({x:.1} {y:.1})\">{}</g>", inside.0);
    }
}

/// Text that is neither markup nor unreadable to an XML parser, and that does not turn the text around it about.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Controls, non-characters, and the marks that reverse the direction of writing.
            c if c.is_control() => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Width of a letter in font sizes: the mean of the embedded font over English text is 0.43; capitals are wider.
const LETTER: f64 = 0.46;

fn letters(width: f64, size: f64) -> usize {
    (width / (size * LETTER)).max(2.0) as usize
}

/// The text within about `width` pixels at a font size, with an ellipsis where something is missing.
pub(super) fn fitted(text: &str, width: f64, size: f64) -> String {
    let most = letters(width, size);
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The text in at most `lines` lines of about `width` pixels, broken between words; the last one is cut.
pub(super) fn wrapped(text: &str, width: f64, size: f64, lines: usize) -> Vec<String> {
    let most = letters(width, size);
    let (mut full, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let needed = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > most && full.len() + 1 < lines {
            full.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    full.push(line);
    full.iter().map(|line| fitted(line, width, size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escape("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
        assert_eq!(escape("a\u{0}b\u{202e}c\n"), "a\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut_where_its_place_ends() {
        assert_eq!(fitted("short", 100.0, 12.0), "short");
        assert_eq!(fitted(&"x".repeat(100), 56.0, 12.0), format!("{}…", "x".repeat(9)));
    }

    #[test]
    fn a_message_is_broken_between_words() {
        let lines = |most| wrapped("one two three four five", 56.0, 12.0, most);
        assert_eq!(lines(9), ["one two", "three four", "five"]);
        assert_eq!(lines(2), ["one two", "three fou…"]);
        assert_eq!(wrapped("", 56.0, 12.0, 2), [""]);
    }
}
