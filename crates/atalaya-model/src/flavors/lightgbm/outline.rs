//! A Booster's text for people: what it is of, how many trees.

use super::error::LightgbmError;
use super::text::ModelText;
use crate::flavors::shown;
use crate::inspect::{Outline, OutlinePart};

/// How near answers are to LightGBM's.
const PARITY: &str = "exact up to the C library's exp and log";

/// The outline of the Booster in `path`.
pub(super) fn outline(path: &str, bytes: &[u8]) -> Result<Outline, LightgbmError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LightgbmError::content("it is not UTF-8"))?;
    let text = ModelText::parse(text)?;
    let mut detail = vec![
        text.objective
            .map_or("no objective".to_owned(), |(objective, _)| shown(objective)),
        format!("{} features", text.names.len()),
    ];
    if text.outputs > 1 {
        detail.push(format!("{} outputs", text.outputs));
    }
    if text.average {
        detail.push("averaged".to_owned());
    }
    let part = |name: &str, class: &str, count, detail, parts| OutlinePart {
        name: name.to_owned(),
        class: class.to_owned(),
        count,
        native: Some(PARITY),
        detail,
        parts,
    };
    let trees = part("trees", "regression tree", text.trees.len(), String::new(), Vec::new());
    Ok(Outline {
        file: path.to_owned(),
        bytes: bytes.len() as u64,
        format: "LightGBM text".to_owned(),
        survey: None,
        parts: vec![part("", "lightgbm.basic.Booster", 1, detail.join(", "), vec![trees])],
    })
}
