//! Paths and bytes of the repository's `fixtures/`, and of the larger set that some machines have besides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Names the folder of the large fixture set; tests that want it skip where it is not set.
const LARGE_FIXTURES: &str = "ATALAYA_FIXTURES";
/// Has a part of the names of the recorded models that tests are to run; all of them run where it is not set.
const CASE: &str = "ATALAYA_CASE";

/// Names the Python that tests run models with; set, it must be there.
const TEST_PYTHON: &str = "ATALAYA_TEST_PYTHON";

/// The interpreter with the packages of `tests/requirements.txt`: what `ATALAYA_TEST_PYTHON` names, or the repository's
/// `.venv`. `None`, said aloud, where neither is: `make venv` makes one, and `make test` always has one.
///
/// # Panics
/// When `ATALAYA_TEST_PYTHON` names something that is not there.
#[must_use]
pub fn test_python(test: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(TEST_PYTHON).map(PathBuf::from) {
        assert!(
            named.is_file(),
            "{TEST_PYTHON} names {}, which is not there",
            named.display()
        );
        return Some(named);
    }
    let own = fixtures()
        .parent()
        .map(|root| root.join(".venv/bin/python"))
        .filter(|own| own.is_file());
    if own.is_none() {
        println!("skipped: {test} needs a Python with models' libraries; `make venv`, or name one in {TEST_PYTHON}");
    }
    own
}

/// The repository's `fixtures/` folder. Cargo tells each test where its crate is when it starts it; what was true when
/// this crate was compiled may be another clone that shares the target directory.
#[must_use]
pub fn fixtures() -> PathBuf {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = crate_folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let mut folders = start.ancestors().map(|folder| folder.join("fixtures"));
    folders
        .find(|folder| folder.join("README.md").is_file())
        .unwrap_or_else(|| panic!("no folder above {} has fixtures/README.md", start.display()))
}

/// One file or folder under `fixtures/`, for example `diabetes/version_1`.
#[must_use]
pub fn fixture(relative: &str) -> PathBuf {
    let path = fixtures().join(relative);
    assert!(
        path.exists(),
        "no fixture `{relative}`: {} does not exist",
        path.display()
    );
    path
}

/// The bytes of one fixture.
#[must_use]
pub fn read(relative: &str) -> Vec<u8> {
    let path = fixture(relative);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One fixture as UTF-8 text.
#[must_use]
pub fn text(relative: &str) -> String {
    String::from_utf8(read(relative)).unwrap_or_else(|error| panic!("fixture `{relative}`: {error}"))
}

/// One fixture as JSON.
#[must_use]
pub fn json(relative: &str) -> serde_json::Value {
    serde_json::from_slice(&read(relative)).unwrap_or_else(|error| panic!("fixture `{relative}`: {error}"))
}

/// Every file below a folder, by its path relative to that folder with `/` between the parts.
#[must_use]
pub fn read_folder(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(current) = open.pop() {
        let entries = fs::read_dir(&current).unwrap_or_else(|error| panic!("{}: {error}", current.display()));
        for entry in entries {
            let path = entry
                .unwrap_or_else(|error| panic!("{}: {error}", current.display()))
                .path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let relative = path.strip_prefix(folder).expect("a folder's entries lie below it");
            let name = relative.to_string_lossy().replace('\\', "/");
            files.insert(
                name,
                fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            );
        }
    }
    files
}

/// The large fixture set that `ATALAYA_FIXTURES` names (its `models` folder, or the folder around that), or `None` after saying that the caller's test is skipped.
#[must_use]
pub fn large_fixtures(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(LARGE_FIXTURES)
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: {test} needs {LARGE_FIXTURES} to name the folder of the large fixture set");
    }
    folder.map(|folder| {
        let models = folder.join("models");
        if models.is_dir() { models } else { folder }
    })
}

/// A part of the paths of those recorded models that a person wants to run alone: what `ATALAYA_CASE` says.
#[must_use]
pub fn case_part() -> Option<String> {
    std::env::var(CASE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_models_are_there_with_their_manifests() {
        for version in 1..=3 {
            let files = read_folder(&fixture(&format!("diabetes/version_{version}")));
            assert!(files.contains_key("MLmodel"), "version {version}");
        }
        assert_eq!(json("diabetes/manifest.json")["features"][1], "bmi");
    }

    #[test]
    fn a_folder_is_read_to_its_leaves() {
        let files = read_folder(&fixture("diabetes"));
        assert!(files.contains_key("version_1/model.skops"));
        assert_eq!(files["reference.csv"], read("diabetes/reference.csv"));
    }

    #[test]
    #[should_panic(expected = "no fixture `diabetes/nothing`")]
    fn a_missing_fixture_is_named() {
        let _ = fixture("diabetes/nothing");
    }
}
