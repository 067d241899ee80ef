//! scikit-learn models against what Python answered: the small set of the repository always, every recorded model of the
//! large set where it is at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atalaya_model::LoadError;

use crate::sklearn_case::{Case, Outcome};

/// Folders below `folder` that have a `case.json`.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let files = atalaya_testkit::read_folder(folder);
    files
        .keys()
        .filter_map(|path| path.strip_suffix("/case.json"))
        .map(|case| folder.join(case))
        .collect()
}

#[test]
fn every_small_model_answers_as_python_did() {
    let folders = cases(&atalaya_testkit::fixture("models"));
    assert!(folders.len() >= 20, "only {} small models", folders.len());
    let mut differences = Vec::new();
    for folder in folders {
        let case = Case::read(&folder);
        for variant in case.variants() {
            match case.run(variant) {
                Outcome::Ran {
                    compared,
                    differences: found,
                } => {
                    assert!(compared > 0, "{} has nothing to compare", case.name);
                    differences.extend(found.into_iter().map(|what| format!("{} {variant}: {what}", case.name)));
                }
                Outcome::Refused(error) => differences.push(format!("{} {variant}: {error}", case.name)),
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_large_set_is_answered_or_refused_by_name() {
    let Some(folder) = atalaya_testkit::large_fixtures("the large set of models") else {
        return;
    };
    let mut differences = Vec::new();
    let (mut native, mut other) = (0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for profile in ["sk13", "sk15", "sk19"] {
        for folder in cases(&folder.join(profile)) {
            let case = Case::read(&folder);
            for variant in case.variants() {
                if !case.manifest_text(variant).contains("\n  sklearn:\n") {
                    other += 1;
                    continue;
                }
                match case.run(variant) {
                    Outcome::Ran { differences: found, .. } => {
                        native += 1;
                        differences.extend(found.into_iter().map(|what| format!("{} {variant}: {what}", case.name)));
                    }
                    Outcome::Refused(LoadError::Unsupported { reason }) => {
                        let named = reason.split('`').rev().nth(1).unwrap_or_default().to_owned();
                        assert!(!named.is_empty(), "{}: no class is named: {reason}", case.name);
                        *refused
                            .entry(
                                reason
                                    .split_once(": ")
                                    .map_or(reason.clone(), |(_, what)| what.to_owned()),
                            )
                            .or_default() += 1;
                    }
                    Outcome::Refused(error) => differences.push(format!("{} {variant}: {error}", case.name)),
                }
            }
        }
    }
    println!(
        "native: {native}, of other flavors only: {other}, refused: {}",
        refused.values().sum::<usize>()
    );
    for (class, count) in &refused {
        println!("{count:>5}  {class}");
    }
    assert!(native > 0);
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
