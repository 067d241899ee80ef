//! A Booster for people: what it is of, how many trees, how large.

use super::booster::Booster;
use super::value::Value;
use crate::flavors::shown;
use crate::inspect::{Outline, OutlinePart};

/// What answers are, beside XGBoost's own.
const PARITY: &str = "exact up to the C library's exp";

/// The outline of the Booster in `path`, which `MLmodel` says to be of `class`.
pub(super) fn outline(booster: &Booster<'_>, class: &str, path: &str, bytes: &[u8]) -> Outline {
    let json = matches!(bytes, [b'{', b'"' | b' ' | b'\t' | b'\r' | b'\n' | b'}', ..]);
    let trees = booster
        .gradient
        .get("model")
        .or_else(|| booster.gradient.at(&["gbtree", "model"]))
        .and_then(|model| model.get("trees"))
        .and_then(Value::list)
        .map_or(0, <[_]>::len);
    let mut detail = vec![
        booster.objective.name.to_owned(),
        format!("{} features", booster.features),
    ];
    if booster.classes > 0 {
        detail.push(format!("{} classes", booster.classes));
    }
    if let Some(best) = booster.best_round {
        detail.push(format!("best iteration {best}"));
    }
    let members = if trees > 0 {
        vec![OutlinePart {
            name: "trees".to_owned(),
            class: "regression tree".to_owned(),
            count: trees,
            native: Some(PARITY),
            detail: String::new(),
            parts: Vec::new(),
        }]
    } else {
        Vec::new()
    };
    Outline {
        file: path.to_owned(),
        bytes: bytes.len() as u64,
        format: if json { "XGBoost JSON" } else { "XGBoost UBJSON" }.to_owned(),
        survey: None,
        parts: vec![OutlinePart {
            name: shown(booster.kind),
            class: shown(class),
            count: 1,
            native: Some(PARITY),
            detail: detail.join(", "),
            parts: members,
        }],
    }
}
