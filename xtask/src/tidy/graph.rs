//! The crate arrows, what the pure crates may not reach, which crates a heavy engine rebuilds, and the families of
//! which one major must do. Works on a small picture of `cargo metadata`, so that tests can draw their own.

use super::Finding;
use anyhow::Context as _;
use cargo_metadata::{DependencyKind, Metadata};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Who may depend on whom; the drawing is in `ARCHITECTURE.md`. A crate that is missing here is a finding.
const ARROWS: &[(&str, &[&str])] = &[
    ("atalaya-stats", &[]),
    ("atalaya-log", &[]),
    ("atalaya-testkit", &[]),
    ("xtask", &[]),
    ("atalaya-model", &["atalaya-stats"]),
    ("atalaya-domain", &["atalaya-stats"]),
    ("atalaya-store", &["atalaya-domain"]),
    ("atalaya-lake", &["atalaya-model", "atalaya-stats"]),
    ("atalaya-worker", &["atalaya-model"]),
    (
        "atalaya-server",
        &[
            "atalaya-stats",
            "atalaya-model",
            "atalaya-domain",
            "atalaya-log",
            "atalaya-store",
            "atalaya-lake",
            "atalaya-worker",
        ],
    ),
    (
        "atalaya",
        &[
            "atalaya-stats",
            "atalaya-model",
            "atalaya-domain",
            "atalaya-log",
            "atalaya-store",
            "atalaya-lake",
            "atalaya-worker",
            "atalaya-server",
        ],
    ),
];

/// Support for tests: any crate may use it there, none elsewhere.
const TEST_SUPPORT: &str = "atalaya-testkit";

const PURE: &[&str] = &["atalaya-stats", "atalaya-model", "atalaya-domain"];
/// A pure crate that reaches one of these has left its trade.
const IMPURE: &[&str] = &[
    "tokio",
    "axum",
    "hyper",
    "sqlx",
    "reqwest",
    "datafusion",
    "deltalake",
    "object_store",
];

/// Engines that are slow to build or link, and the only crates that may be rebuilt with them.
const REACH: &[(&str, &[&str])] = &[
    ("deltalake", &["atalaya-lake", "atalaya-server", "atalaya"]),
    ("datafusion", &["atalaya-lake", "atalaya-server", "atalaya"]),
    ("axum", &["atalaya-server", "atalaya"]),
    ("sqlx", &["atalaya-store", "atalaya-server", "atalaya"]),
];

/// Families that share types; a trailing `*` stands for any rest of the name.
const ONE_MAJOR: &[&str] = &[
    "arrow",
    "arrow-*",
    "parquet",
    "datafusion",
    "datafusion-*",
    "object_store",
];

/// The dependency graph as far as the rules look at it.
pub(super) struct Graph {
    members: Vec<Member>,
    /// Crates that a build of the crate needs, by package id; development dependencies are left out.
    needs: BTreeMap<String, Vec<String>>,
    packages: BTreeMap<String, Package>,
}

struct Package {
    name: String,
    major: String,
}

struct Member {
    id: String,
    name: String,
    manifest: String,
    manifest_text: String,
    /// Name of each crate of ours that it names, and whether only tests use it.
    ours: Vec<(String, bool)>,
}

impl Graph {
    /// The picture of what cargo resolved.
    pub(super) fn from_metadata(root: &Path, metadata: &Metadata) -> anyhow::Result<Self> {
        let names: BTreeSet<&str> = metadata
            .workspace_packages()
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        let mut members = Vec::new();
        for package in metadata.workspace_packages() {
            let path = package.manifest_path.as_std_path();
            let ours = package
                .dependencies
                .iter()
                .filter(|dependency| names.contains(dependency.name.as_str()))
                .map(|dependency| (dependency.name.clone(), dependency.kind == DependencyKind::Development))
                .collect();
            members.push(Member {
                id: package.id.repr.clone(),
                name: package.name.to_string(),
                manifest: path.strip_prefix(root).unwrap_or(path).display().to_string(),
                manifest_text: std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
                ours,
            });
        }
        let resolve = metadata.resolve.as_ref().context("cargo metadata resolved nothing")?;
        let needs = resolve.nodes.iter().map(|node| {
            let built = node.deps.iter().filter(|dependency| {
                dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind != DependencyKind::Development)
            });
            (
                node.id.repr.clone(),
                built.map(|dependency| dependency.pkg.repr.clone()).collect(),
            )
        });
        let packages = metadata.packages.iter().map(|package| {
            let major = match package.version.major {
                0 => format!("0.{}", package.version.minor),
                major => major.to_string(),
            };
            (
                package.id.repr.clone(),
                Package {
                    name: package.name.to_string(),
                    major,
                },
            )
        });
        Ok(Self {
            members,
            needs: needs.collect(),
            packages: packages.collect(),
        })
    }

    /// Every rule of this module.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = self.arrows();
        findings.extend(self.purity());
        findings.extend(self.reach());
        findings.extend(self.one_major());
        findings
    }

    fn arrows(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for member in &self.members {
            let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
                findings.push(member.finding(
                    "name",
                    format!("crate `{}` is not in the drawing", member.name),
                    "nobody can tell what it may depend on",
                    "add it to ARCHITECTURE.md and to ARROWS in xtask/src/tidy/graph.rs",
                ));
                continue;
            };
            for (name, only_tests) in &member.ours {
                let support = name == TEST_SUPPORT && *only_tests;
                if !support && !allowed.contains(&name.as_str()) {
                    findings.push(member.finding(
                        name,
                        format!("`{}` depends on `{name}`", member.name),
                        "that arrow is not in the drawing of ARCHITECTURE.md",
                        "move the code to the crate that may, or argue the arrow in ARCHITECTURE.md first",
                    ));
                }
            }
        }
        findings
    }

    fn purity(&self) -> Vec<Finding> {
        self.members
            .iter()
            .filter(|member| PURE.contains(&member.name.as_str()))
            .flat_map(|member| {
                IMPURE
                    .iter()
                    .filter_map(move |name| Some((member, self.path_to(&member.id, name)?)))
            })
            .map(|(member, path)| {
                member.finding(
                    &path[1],
                    format!("pure crate reaches {}", path.join(" -> ")),
                    "pure crates compute and decide, they do no I/O",
                    "drop the dependency or turn the feature off that brings it",
                )
            })
            .collect()
    }

    fn reach(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (engine, allowed) in REACH {
            for member in self
                .members
                .iter()
                .filter(|member| !allowed.contains(&member.name.as_str()))
            {
                if let Some(path) = self.path_to(&member.id, engine) {
                    findings.push(member.finding(
                        &path[1],
                        format!("heavy engine reached by {}", path.join(" -> ")),
                        "every crate above an engine is rebuilt and linked with it",
                        "keep the engine behind the crate that owns it",
                    ));
                }
            }
        }
        findings
    }

    fn one_major(&self) -> Vec<Finding> {
        let mut majors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in self.packages.values().filter(|package| of_one_family(&package.name)) {
            majors.entry(&package.name).or_default().insert(&package.major);
        }
        majors
            .into_iter()
            .filter(|(_, majors)| majors.len() > 1)
            .map(|(name, majors)| Finding {
                path: "Cargo.lock".into(),
                line: 1,
                what: format!(
                    "`{name}` in majors {}",
                    majors.into_iter().collect::<Vec<_>>().join(" and ")
                ),
                why: "a second one makes two types of `RecordBatch` and doubles the build",
                fix: "find who asks with `cargo tree -d` and pin it to DataFusion's",
            })
            .collect()
    }

    /// Names along a shortest way from a package to one called `target`.
    fn path_to(&self, start: &str, target: &str) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(current) = queue.pop_front() {
            if current != start && self.packages.get(current).is_some_and(|package| package.name == target) {
                let mut path = vec![current];
                while let Some(before) = came_from.get(path[path.len() - 1]) {
                    path.push(before);
                }
                return Some(path.iter().rev().map(|id| self.packages[*id].name.clone()).collect());
            }
            for next in self.needs.get(current).into_iter().flatten() {
                if next != start && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, current);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

impl Member {
    /// A finding at the line of the manifest that names `word`, or at its first.
    fn finding(&self, word: &str, what: String, why: &'static str, fix: &'static str) -> Finding {
        let line = self
            .manifest_text
            .lines()
            .position(|line| line.starts_with(word))
            .map_or(1, |index| index + 1);
        Finding {
            path: self.manifest.clone(),
            line,
            what,
            why,
            fix,
        }
    }
}

fn of_one_family(name: &str) -> bool {
    ONE_MAJOR.iter().any(|family| match family.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *family,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph of members and foreign crates; ids are `name@major`.
    fn graph(members: &[(&str, &[(&str, bool)])], needs: &[(&str, &[&str])]) -> Graph {
        let mut packages = BTreeMap::new();
        let ids = needs.iter().flat_map(|(id, to)| to.iter().chain([id]));
        for id in ids.copied().chain(members.iter().map(|(name, _)| *name)) {
            let (name, major) = id.split_once('@').unwrap_or((id, "0.1"));
            packages.insert(
                id.to_owned(),
                Package {
                    name: name.to_owned(),
                    major: major.to_owned(),
                },
            );
        }
        Graph {
            members: members
                .iter()
                .map(|(name, ours)| Member {
                    id: (*name).to_owned(),
                    name: (*name).to_owned(),
                    manifest: format!("crates/{name}/Cargo.toml"),
                    manifest_text: "[package]\nname = \"x\"\n\n[dependencies]\natalaya-lake.workspace = true\n".into(),
                    ours: ours.iter().map(|(name, tests)| ((*name).to_owned(), *tests)).collect(),
                })
                .collect(),
            needs: needs
                .iter()
                .map(|(id, to)| ((*id).to_owned(), to.iter().map(|to| (*to).to_owned()).collect()))
                .collect(),
            packages,
        }
    }

    #[test]
    fn an_arrow_against_the_drawing_is_found_at_its_line() {
        let found = graph(
            &[("atalaya-model", &[("atalaya-lake", false), ("atalaya-stats", false)])],
            &[],
        )
        .check();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].path.as_str(), found[0].line),
            ("crates/atalaya-model/Cargo.toml", 5)
        );
        assert!(found[0].what.contains("depends on `atalaya-lake`"));
    }

    #[test]
    fn test_support_is_for_tests_only() {
        assert!(
            graph(&[("atalaya-log", &[("atalaya-testkit", true)])], &[])
                .check()
                .is_empty()
        );
        assert_eq!(
            graph(&[("atalaya-log", &[("atalaya-testkit", false)])], &[])
                .check()
                .len(),
            1
        );
    }

    #[test]
    fn a_crate_outside_the_drawing_is_found() {
        let found = graph(&[("atalaya-common", &[])], &[]).check();
        assert!(found[0].what.contains("`atalaya-common` is not in the drawing"));
    }

    #[test]
    fn a_pure_crate_that_reaches_a_runtime_is_found_with_the_way() {
        let found = graph(
            &[("atalaya-stats", &[])],
            &[("atalaya-stats", &["a@1"]), ("a@1", &["tokio@1"])],
        )
        .check();
        assert_eq!(found.len(), 1);
        assert!(found[0].what.ends_with("atalaya-stats -> a -> tokio"), "{}", found[0]);
    }

    #[test]
    fn a_heavy_engine_stays_where_it_belongs() {
        let needs: &[(&str, &[&str])] = &[
            ("atalaya-log", &["deltalake@1"]),
            ("atalaya-lake", &["deltalake@1"]),
            ("deltalake@1", &["datafusion@55"]),
        ];
        let found = graph(&[("atalaya-log", &[]), ("atalaya-lake", &[])], needs).check();
        let whats: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "heavy engine reached by atalaya-log -> deltalake",
                "heavy engine reached by atalaya-log -> deltalake -> datafusion",
            ]
        );
    }

    #[test]
    fn a_second_arrow_major_is_found_and_other_doubles_are_not() {
        let found = graph(&[], &[("x@1", &["arrow-array@59", "arrow-array@60", "syn@1", "syn@2"])]).check();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "`arrow-array` in majors 59 and 60");
    }

    #[test]
    fn the_drawing_has_no_circle() {
        let rank = |name: &str| ARROWS.iter().position(|(crate_name, _)| *crate_name == name);
        for (name, allowed) in ARROWS {
            assert!(allowed.iter().all(|below| rank(below) < rank(name)), "{name}");
        }
    }
}
