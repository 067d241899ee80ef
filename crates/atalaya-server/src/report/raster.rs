//! From SVG to PNG, with the font that is part of the program: the same image on every machine.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Largest image that is drawn, in pixels each way: a report is 1,200 wide and some thousand high.
const SIDE_MAX: u32 = 8_000;
/// Family name of the embedded font.
pub(super) const FAMILY: &str = "Ubuntu";

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        // For characters that the first lacks.
        fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(load))
}

/// Draws an SVG document.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, &'static str> {
    let options = Options {
        font_family: FAMILY.to_owned(),
        fontdb: fonts(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|_| "its SVG is not valid")?;
    let size = tree.size().to_int_size();
    if size.width() > SIDE_MAX || size.height() > SIDE_MAX {
        return Err("it is too large");
    }
    let mut image = Pixmap::new(size.width(), size.height()).ok_or("it is too large")?;
    resvg::render(&tree, Transform::default(), &mut image.as_mut());
    image.encode_png().map_err(|_| "the image cannot be encoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_drawn_by_the_embedded_font() {
        let family = fonts().faces().next().map(|face| face.families[0].0.clone());
        let document = |inside: &str| {
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"40\" font-family=\"{FAMILY}\">{inside}</svg>"
            )
        };
        let empty = png(&document("")).expect("drawn");
        let word = png(&document("<text x=\"5\" y=\"30\" font-size=\"24\">drift α</text>")).expect("drawn");
        assert!(word.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_ne!(word, empty, "no glyph was drawn; the font calls itself {family:?}");
    }

    #[test]
    fn what_is_no_svg_or_too_large_is_refused() {
        assert!(png("<svg").is_err());
        assert!(png("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9000\" height=\"10\"/>").is_err());
    }
}
