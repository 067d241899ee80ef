//! The rules of `ARCHITECTURE.md` and `CONTRIBUTING.md` that a machine can hold. Each module looks at one thing and
//! returns findings; none stops at its first.

mod finding;
mod graph;
mod licences;
mod policy;
mod records;
mod rust;
mod sources;
mod walk;

pub(crate) use finding::Finding;

use anyhow::Context as _;
use cargo_metadata::MetadataCommand;
use std::path::Path;

/// Everything to mend in the repository at `root`, by path and line.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let root = root.canonicalize().context("the repository's folder")?;
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .exec()
        .context("cargo metadata")?;
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?;
    let policy = policy::Policy::parse(&std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?)?;
    let record = std::fs::read_to_string(root.join(records::DEPENDENCIES)).context(records::DEPENDENCIES)?;

    let graph = graph::Graph::from_metadata(&root, &metadata)?;
    let mut findings = graph.check();
    findings.extend(licences::check(&metadata.packages, &policy));
    findings.extend(records::check(&manifest, &record)?);
    for file in walk::files(&root)? {
        findings.extend(sources::check(&file));
    }
    findings.sort();
    Ok(findings)
}
