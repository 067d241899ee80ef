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
/// Most values that are looked at to find members, of all estimators together.
const STEPS_MAX: usize = 1_000_000;
/// So many members of one class in a row are shown as one.
const RUN: usize = 4;

/// What may still be shown and looked at: an object may hold itself, and a list of a million of it.
struct Left {
    parts: usize,
    steps: usize,
}

/// The outline of the object in `path`.
pub(super) fn outline(tree: &Tree<'_>, path: &str, bytes: usize) -> Outline {
    let survey = tree.survey();
    let mut left = Left {
        parts: OUTLINE_PARTS_MAX,
        steps: STEPS_MAX,
    };
    Outline {
        file: path.to_owned(),
        bytes: bytes as u64,
        format: format!("{}, protocol {}", survey.container, survey.protocol),
        survey: Some(survey),
        parts: vec![part(tree.root(), "", 0, &mut left)],
    }
}

fn part(view: View<'_>, name: &str, depth: usize, left: &mut Left) -> OutlinePart {
    left.parts = left.parts.saturating_sub(1);
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

fn members(view: View<'_>, depth: usize, left: &mut Left) -> Vec<OutlinePart> {
    let calibrated = view
        .class()
        .is_some_and(|(module, name)| module.starts_with("sklearn.") && name == "_CalibratedClassifier");
    let attributes = MEMBERS.iter().chain(CALIBRATED.iter().filter(|_| calibrated));
    let mut found: Vec<OutlinePart> = Vec::new();
    for attribute in attributes {
        let Some(held) = view.attr(attribute) else { continue };
        let elements = held.elements().into_iter().flatten();
        for element in held.as_object().map(|_| held).into_iter().chain(elements) {
            if left.parts == 0 || left.steps == 0 {
                return found;
            }
            left.steps -= 1;
            let Some((name, member)) = named(element, attribute) else {
                continue;
            };
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
                _ => found.push(part(member, name, depth + 1, left)),
            }
        }
    }
    found
}

/// An estimator that an attribute or its list holds, itself or with its name.
fn named<'t>(element: View<'t>, attribute: &'t str) -> Option<(&'t str, View<'t>)> {
    if element.as_object().is_some() {
        return Some((attribute, element));
    }
    let mut pair = element.elements()?;
    let (name, member) = (pair.next()?.as_str()?, pair.next()?);
    (member.as_object().is_some() || member.as_str().is_some()).then_some((name, member))
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
