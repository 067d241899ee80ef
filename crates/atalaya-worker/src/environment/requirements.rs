//! What a model's folder says about its environment: `python_env.yaml`, `conda.yaml`, `requirements.txt`. Read as data,
//! checked line by line: options that change where packages come from are not a model's to choose.

use std::collections::VecDeque;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::EnvironmentError;

/// Longest file, most lines and longest line: real files have some hundred short lines.
const MOST_FILE_BYTES: usize = 1 << 20;
const MOST_LINES: usize = 2_000;
const MOST_LINE_BYTES: usize = 1_000;
/// Files that include one another.
const MOST_FILES: usize = 8;

/// What is to be installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The Python version that the model names, `3.11.7` or `3.11`.
    pub python: Option<String>,
    /// Requirements, one per line, as pip reads them.
    pub lines: Vec<String>,
    /// Constraints, one per line.
    pub constraints: Vec<String>,
    /// Conda packages, which pip cannot install and which are left out, as MLflow does.
    pub left_out: Vec<String>,
}

impl Requirements {
    /// Reads what the folder has: `read` gives a file's bytes by its path in the model's folder. `allow_urls` takes
    /// requirements that name an address.
    ///
    /// # Errors
    /// [`EnvironmentError::File`] and [`EnvironmentError::Requirement`].
    pub fn read(read: impl Fn(&str) -> Option<Vec<u8>>, allow_urls: bool) -> Result<Self, EnvironmentError> {
        let mut found = Self::default();
        let mut reader = Reader {
            read: &read,
            allow_urls,
            files: VecDeque::new(),
            taken: 0,
        };
        if let Some(bytes) = read("python_env.yaml") {
            let wire: PythonEnv = yaml("python_env.yaml", &bytes)?;
            found.python = wire.python;
            let lines = wire.dependencies.unwrap_or_default();
            reader.lines("python_env.yaml", lines.iter().map(String::as_str), false, &mut found)?;
        } else if let Some(bytes) = read("conda.yaml") {
            let wire: Conda = yaml("conda.yaml", &bytes)?;
            let mut pip = Vec::new();
            for item in wire.dependencies.unwrap_or_default() {
                match item {
                    CondaItem::Pip(lines) => pip.extend(lines),
                    CondaItem::Package(text) => found.conda_package(&text),
                }
            }
            reader.lines("conda.yaml", pip.iter().map(String::as_str), false, &mut found)?;
        } else {
            reader.files.push_back(("requirements.txt".to_owned(), false));
        }
        reader.files(&mut found)?;
        Ok(found)
    }

    fn conda_package(&mut self, text: &str) {
        let name: String = text.chars().take_while(|c| !"<>=! ~[".contains(*c)).collect();
        let version = text[name.len()..].trim_start_matches(['=', ' ']);
        match name.as_str() {
            "python" if version.chars().all(|c| c.is_ascii_digit() || c == '.') && !version.is_empty() => {
                self.python = Some(version.to_owned());
            }
            // The tools of the installation itself.
            "python" | "pip" | "setuptools" | "wheel" => {}
            _ => self.left_out.push(name),
        }
    }

    /// Adds what a worker itself needs and the model does not name. `mlflow_version` is that of the `MLmodel` file.
    #[must_use]
    pub fn with_worker_needs(mut self, mlflow_version: Option<&str>) -> Self {
        let names: Vec<String> = self.lines.iter().map(|line| package_name(line)).collect();
        let has = |name: &str| names.iter().any(|other| other == name);
        let mut more = Vec::new();
        if !has("mlflow") {
            let plain = mlflow_version.filter(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'));
            if !has("mlflow-skinny") {
                more.push(plain.map_or("mlflow-skinny".to_owned(), |version| {
                    format!("mlflow-skinny=={version}")
                }));
            }
            more.extend(
                ["pandas", "pyarrow"]
                    .into_iter()
                    .filter(|name| !has(name))
                    .map(str::to_owned),
            );
        }
        self.lines.extend(more);
        self
    }
}

struct Reader<'a> {
    read: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    allow_urls: bool,
    /// Files to be read, and whether each has constraints.
    files: VecDeque<(String, bool)>,
    taken: usize,
}

impl Reader<'_> {
    fn files(&mut self, found: &mut Requirements) -> Result<(), EnvironmentError> {
        while let Some((file, constraints)) = self.files.pop_front() {
            let problem = |reason: &str| EnvironmentError::File {
                file: file.clone(),
                reason: reason.to_owned(),
            };
            self.taken += 1;
            if self.taken > MOST_FILES {
                return Err(problem("too many files include one another"));
            }
            let bytes = (self.read)(&file).ok_or_else(|| problem("the model has no such file"))?;
            if bytes.len() > MOST_FILE_BYTES {
                return Err(problem("it is too long"));
            }
            let text = String::from_utf8(bytes).map_err(|_| problem("it is not UTF-8 text"))?;
            let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
            self.lines(&file, joined.lines(), constraints, found)?;
        }
        Ok(())
    }

    fn lines<'t>(
        &mut self,
        file: &str,
        lines: impl Iterator<Item = &'t str>,
        constraints: bool,
        found: &mut Requirements,
    ) -> Result<(), EnvironmentError> {
        for (index, line) in lines.enumerate() {
            let problem = |reason: String| EnvironmentError::Requirement {
                file: file.to_owned(),
                line: index + 1,
                reason,
            };
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() > MOST_LINE_BYTES || found.lines.len() + found.constraints.len() >= MOST_LINES {
                return Err(problem("there are too many lines, or one is too long".to_owned()));
            }
            if let Some((constraints, path)) = included(line) {
                atalaya_model::files::check_path(path)
                    .map_err(|reason| problem(format!("it includes a file by a path that cannot be used: {reason}")))?;
                self.files.push_back((path.to_owned(), constraints));
                continue;
            }
            check(line, self.allow_urls).map_err(problem)?;
            let target = if constraints {
                &mut found.constraints
            } else {
                &mut found.lines
            };
            target.push(line.to_owned());
        }
        Ok(())
    }
}

/// The file that a line includes, and whether as constraints.
fn included(line: &str) -> Option<(bool, &str)> {
    let options = [
        ("--requirement", false),
        ("-r", false),
        ("--constraint", true),
        ("-c", true),
    ];
    options.into_iter().find_map(|(option, constraints)| {
        let rest = line.strip_prefix(option)?;
        let path = rest.strip_prefix('=').or_else(|| rest.strip_prefix(' '))?;
        Some((constraints, path.trim()))
    })
}

/// Whether a line is a requirement of a named package.
fn check(line: &str, allow_urls: bool) -> Result<(), String> {
    if line.starts_with('-') {
        let option: String = line
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        return Err(format!(
            "the option `{option}` is for the server's configuration, not for a model"
        ));
    }
    if line.chars().any(char::is_control) || line.contains(" --") {
        return Err("it is not a plain requirement".to_owned());
    }
    let name = package_name(line);
    let rest = line.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "._-".contains(c));
    let begins_well = line.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || name.is_empty() || !(rest.is_empty() || rest.starts_with(|c: char| " [<>=!~;(@".contains(c))) {
        return Err("it does not name a package; files and folders cannot be installed".to_owned());
    }
    if (line.contains("://") || rest.contains('@')) && !allow_urls {
        return Err(format!(
            "`{name}` comes from an address; only named packages of the index are allowed"
        ));
    }
    Ok(())
}

/// The normalised name at the start of a requirement.
fn package_name(line: &str) -> String {
    let name = line
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c));
    name.map(|c| if "._".contains(c) { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

fn yaml<T: for<'a> Deserialize<'a>>(file: &str, bytes: &[u8]) -> Result<T, EnvironmentError> {
    let problem = |reason: String| EnvironmentError::File {
        file: file.to_owned(),
        reason,
    };
    if bytes.len() > MOST_FILE_BYTES {
        return Err(problem("it is too long".to_owned()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| problem("it is not UTF-8 text".to_owned()))?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 10,
            max_anchors: 10,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 1,
            max_nodes: 10_000,
            max_total_scalar_bytes: MOST_FILE_BYTES,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        problem(format!("it has not the shape that MLflow writes, at line {line}"))
    })
}

#[derive(Deserialize)]
struct PythonEnv {
    python: Option<String>,
    dependencies: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Conda {
    dependencies: Option<Vec<CondaItem>>,
}

enum CondaItem {
    Package(String),
    Pip(Vec<String>),
}

impl<'de> Deserialize<'de> for CondaItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CondaVisitor)
    }
}

struct CondaVisitor;

impl<'de> Visitor<'de> for CondaVisitor {
    type Value = CondaItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a package or `pip: [...]`")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<CondaItem, E> {
        Ok(CondaItem::Package(text.to_owned()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<CondaItem, A::Error> {
        let mut pip = Vec::new();
        while let Some((_pip, lines)) = entries.next_entry::<String, Vec<String>>()? {
            pip.extend(lines);
        }
        Ok(CondaItem::Pip(pip))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Requirements, EnvironmentError> {
        let found = |path: &str| {
            files
                .iter()
                .find(|(name, _)| *name == path)
                .map(|(_, text)| text.as_bytes().to_vec())
        };
        Requirements::read(found, false)
    }

    #[test]
    fn the_three_files_that_mlflow_writes() {
        let python_env = "python: 3.11.7\nbuild_dependencies:\n- pip==26.3\ndependencies:\n- -r requirements.txt\n";
        let requirements = "mlflow==3.17.2\nscikit-learn==1.9.1 # why\n\n# none\n-c constraints.txt\n";
        let found = read(&[
            ("python_env.yaml", python_env),
            ("requirements.txt", requirements),
            ("constraints.txt", "numpy<3\n"),
        ])
        .unwrap();
        assert_eq!(found.python.as_deref(), Some("3.11.7"));
        assert_eq!(found.lines, ["mlflow==3.17.2", "scikit-learn==1.9.1"]);
        assert_eq!(found.constraints, ["numpy<3"]);
    }

    #[test]
    fn conda_has_a_pip_section_and_packages_that_pip_cannot_install() {
        let conda = "channels:\n- conda-forge\ndependencies:\n- python=3.10.4\n- pip<=26.3\n- xgboost=2.1\n- pip:\n  - mlflow\n  - a[b]>=1; python_version<'3.12'\nname: e\n";
        let found = read(&[("conda.yaml", conda)]).unwrap();
        assert_eq!(found.python.as_deref(), Some("3.10.4"));
        assert_eq!(found.lines, ["mlflow", "a[b]>=1; python_version<'3.12'"]);
        assert_eq!(found.left_out, ["xgboost"]);
    }

    #[test]
    fn options_addresses_paths_and_files_outside_are_refused() {
        for (line, word) in [
            ("--index-url http://evil", "`--index-url`"),
            ("-e .", "`-e`"),
            ("a @ https://evil/a.whl", "`a` comes from an address"),
            ("git+https://evil/a", "it does not name a package"),
            ("./code/a.whl", "it does not name a package"),
            ("a --hash=sha256:00", "not a plain requirement"),
            ("-r ../secret", "includes a file by a path"),
            ("-r missing.txt", "the model has no such file"),
        ] {
            let error = read(&[("requirements.txt", line)]).unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("evil"), "{line}: {error}");
        }
        let circle = read(&[("requirements.txt", "-r requirements.txt")])
            .unwrap_err()
            .to_string();
        assert!(circle.contains("too many files"), "{circle}");
    }

    #[test]
    fn what_the_worker_needs_is_added_once() {
        let needs = |lines: &[&str]| {
            let found = Requirements {
                lines: lines.iter().map(|line| (*line).to_owned()).collect(),
                ..Requirements::default()
            };
            found.with_worker_needs(Some("3.17.2")).lines.split_off(lines.len())
        };
        assert_eq!(needs(&["mlflow==3.17.2"]), [""; 0]);
        assert_eq!(needs(&["MLflow_skinny==3.1", "pandas"]), ["pyarrow"]);
        assert_eq!(needs(&[]), ["mlflow-skinny==3.17.2", "pandas", "pyarrow"]);
    }

    proptest! {
        #[test]
        fn any_text_is_requirements_or_a_typed_error(text in "[ -~\\n]{0,200}") {
            for file in ["requirements.txt", "conda.yaml", "python_env.yaml"] {
                if let Ok(found) = read(&[(file, &text)]) {
                    prop_assert!(found.lines.iter().all(|line| !line.starts_with('-')));
                }
            }
        }
    }
}
