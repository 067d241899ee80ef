//! A graph for people: which operators it has, and how many of each.

use std::collections::{BTreeMap, BTreeSet};

use super::error::OnnxError;
use super::operators;
use super::proto::{Graph, Model};
use crate::flavors::shown;
use crate::inspect::{OUTLINE_PARTS_MAX, Outline, OutlinePart};

/// How near answers are to onnxruntime's.
const PARITY: &str = "within 1e-5 of onnxruntime";

/// The outline of the model in `path`.
pub(super) fn outline(path: &str, bytes: &[u8]) -> Result<Outline, OnnxError> {
    let file = Model::read(bytes)?;
    let graph = Graph::read(file.graph)?;
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for node in &graph.nodes {
        *counts.entry((node.domain, node.op)).or_default() += 1;
    }
    let known: BTreeSet<_> = operators().collect();
    let part = |((domain, op), count): ((&str, &str), usize)| OutlinePart {
        name: String::new(),
        class: shown(&if domain.is_empty() {
            op.to_owned()
        } else {
            format!("{domain}.{op}")
        }),
        count,
        native: known.contains(&(domain, op)).then_some(PARITY),
        detail: String::new(),
        parts: Vec::new(),
    };
    let opsets: Vec<_> = file
        .opsets
        .iter()
        .map(|(domain, version)| format!("{} {version}", if domain.is_empty() { "ai.onnx" } else { domain }))
        .collect();
    Ok(Outline {
        file: path.to_owned(),
        bytes: bytes.len() as u64,
        format: shown(&format!("ONNX IR {}, {}", file.ir_version, opsets.join(", "))),
        survey: None,
        parts: vec![OutlinePart {
            name: String::new(),
            class: "graph".to_owned(),
            count: 1,
            native: Some(PARITY),
            detail: format!("{} inputs, {} outputs", graph.inputs.len(), graph.outputs.len()),
            parts: counts.into_iter().take(OUTLINE_PARTS_MAX).map(part).collect(),
        }],
    })
}
