//! The estimators of a model as a tree, for people. Follows the attributes that hold fitted estimators, compiles nothing.

use super::part::{length, shown};
use super::row::Row;
use crate::inspect::{OUTLINE_DEPTH_MAX, OUTLINE_PARTS_MAX, Outline, OutlinePart};
use crate::object::{Tree, View};

/// Attributes that hold fitted estimators, in the order in which they act.
const MEMBERS: &[&str] = &[
    "steps",
    "transformers_",
    "transformer_list",
    "best_estimator_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator_",
    "base_estimator_",
    "final_estimator_",
    "transformer_",
    "regressor_",
    "init_",
    "_Booster",
];
/// Attributes of one class alone: elsewhere they hold templates that were never fitted.
const CALIBRATED: &[&str] = &["estimator", "base_estimator", "calibrators"];
/// So many members of one class in a row are shown as one.
const RUN: usize = 4;

/// The outline of the object in `path`.
pub(super) fn outline(tree: &Tree<'_>, path: &str, bytes: usize) -> Outline {
    let survey = tree.survey();
    let mut left = OUTLINE_PARTS_MAX;
    Outline {
        file: path.to_owned(),
        bytes: bytes as u64,
        format: format!("{}, protocol {}", survey.container, survey.protocol),
        survey: Some(survey),
        parts: vec![part(tree.root(), "", 0, &mut left)],
    }
}

fn part(view: View<'_>, name: &str, depth: usize, left: &mut usize) -> OutlinePart {
    *left = left.saturating_sub(1);
    let parts = if depth < OUTLINE_DEPTH_MAX {
        members(view, depth, left)
    } else {
        Vec::new()
    };
    OutlinePart {
        name: shown(name),
        class: class(view),
        count: 1,
        native: native(view),
        detail: detail(view),
        parts,
    }
}

fn native(view: View<'_>) -> Option<&'static str> {
    match view.as_str() {
        Some("drop" | "passthrough") => Some("exact"),
        _ => Row::of(view).map(Row::parity_text),
    }
}

/// The class, or the word that stands where an estimator could.
fn class(view: View<'_>) -> String {
    view.as_str().map_or_else(|| view.describe(), shown)
}

fn members(view: View<'_>, depth: usize, left: &mut usize) -> Vec<OutlinePart> {
    let calibrated = view
        .class()
        .is_some_and(|(module, name)| module.starts_with("sklearn.") && name == "_CalibratedClassifier");
    let attributes = MEMBERS.iter().chain(CALIBRATED.iter().filter(|_| calibrated));
    let mut found: Vec<OutlinePart> = Vec::new();
    for attribute in attributes {
        let Some(held) = view.attr(attribute) else { continue };
        for (name, member) in named(held, attribute) {
            if *left == 0 {
                return found;
            }
            let same = |last: &OutlinePart| last.count > 0 && last.class == class(member) && last.parts.is_empty();
            let run = found.iter().rev().take_while(|last| same(last)).count();
            match found.last_mut() {
                // The whole run becomes one part once it is long enough; its details would differ.
                Some(last) if last.count > 1 && same(last) => last.count += 1,
                _ if run == RUN => {
                    found.truncate(found.len() - run);
                    found.push(OutlinePart {
                        name: (*attribute).to_owned(),
                        class: class(member),
                        count: run + 1,
                        native: native(member),
                        detail: String::new(),
                        parts: Vec::new(),
                    });
                }
                _ => found.push(part(member, &name, depth + 1, left)),
            }
        }
    }
    found
}

/// The estimators that an attribute holds: one, a list of them, or a list of names and them.
fn named<'t>(held: View<'t>, attribute: &str) -> Vec<(String, View<'t>)> {
    if held.as_object().is_some() {
        return vec![(attribute.to_owned(), held)];
    }
    let Some(elements) = held.elements() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for element in elements {
        if element.as_object().is_some() {
            found.push((attribute.to_owned(), element));
            continue;
        }
        let mut pair = element.elements().into_iter().flatten();
        let (Some(name), Some(member)) = (pair.next().and_then(View::as_str), pair.next()) else {
            continue;
        };
        if member.as_object().is_some() || member.as_str().is_some() {
            found.push((name.to_owned(), member));
        }
    }
    found
}

/// Sizes that say what an estimator costs and needs.
fn detail(view: View<'_>) -> String {
    let mut words = Vec::new();
    let mut say = |count: Option<usize>, one: &str, many: &str| {
        if let Some(count) = count {
            words.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    };
    let count = |view: View<'_>| view.as_i64().and_then(|count| usize::try_from(count).ok());
    say(view.attr("n_features_in_").and_then(count), "feature", "features");
    say(view.attr("classes_").map(length), "class", "classes");
    say(
        view.attr("support_vectors_").map(rows),
        "support vector",
        "support vectors",
    );
    say(view.attr("_predictors").map(length), "iteration", "iterations");
    let tree = view.attr("tree_");
    say(
        tree.and_then(|tree| tree.attr("node_count")).and_then(count),
        "node",
        "nodes",
    );
    say(view.attr("vocabulary_").map(pairs), "term", "terms");
    words.join(", ")
}

fn rows(view: View<'_>) -> usize {
    view.as_array()
        .and_then(|array| array.shape.first().copied())
        .unwrap_or_else(|| length(view))
}

fn pairs(view: View<'_>) -> usize {
    match view.node() {
        crate::object::Node::Dict(pairs) => pairs.len(),
        _ => 0,
    }
}
