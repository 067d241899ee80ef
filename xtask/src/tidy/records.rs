//! Every dependency of the workspace has a line that says why, and no line outlives its dependency.

use super::Finding;
use anyhow::Context as _;
use std::collections::BTreeSet;
use toml::Value;

/// Where the reasons are.
pub(super) const DEPENDENCIES: &str = "docs/design/dependencies.md";

/// Holds `[workspace.dependencies]` of the root manifest against the table rows of the record.
pub(super) fn check(manifest: &str, record: &str) -> anyhow::Result<Vec<Finding>> {
    let parsed: Value = toml::from_str(manifest).context("Cargo.toml")?;
    let declared: BTreeSet<&str> = parsed
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(Value::as_table)
        .context("Cargo.toml has no [workspace.dependencies]")?
        .iter()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let recorded: BTreeSet<&str> = record.lines().filter_map(row_name).collect();
    let missing = declared.difference(&recorded).map(|name| Finding {
        path: "Cargo.toml".into(),
        line: line_of(manifest, |line| line.starts_with(&format!("{name} ="))),
        what: format!("dependency `{name}` has no reason"),
        why: "a dependency is a cost that somebody has to defend",
        fix: "add a row `| `name` | why |` to docs/design/dependencies.md",
    });
    let stale = recorded.difference(&declared).map(|name| Finding {
        path: DEPENDENCIES.into(),
        line: line_of(record, |line| row_name(line) == Some(name)),
        what: format!("`{name}` is not a dependency of the workspace"),
        why: "a reason for something that is gone misleads",
        fix: "delete the row",
    });
    Ok(missing.chain(stale).collect())
}

/// The name in the first cell of a table row that starts with one in backticks.
fn row_name(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)
}

fn line_of(text: &str, matches: impl Fn(&str) -> bool) -> usize {
    text.lines().position(matches).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace.dependencies]\nours = { path = \"x\" }\nserde = \"1\"\nurl = \"2\"\n";

    #[test]
    fn reasons_and_dependencies_match_one_to_one() {
        assert_eq!(
            check(MANIFEST, "| `serde` | wire |\n| `url` | links |\n").expect("parses"),
            []
        );
        let found = check(
            MANIFEST,
            "| Crate | Why |\n|---|---|\n| `serde` | wire |\n| `gone` | once |\n",
        )
        .expect("parses");
        let places: Vec<_> = found
            .iter()
            .map(|finding| (finding.path.as_str(), finding.line))
            .collect();
        assert_eq!(places, [("Cargo.toml", 4), (DEPENDENCIES, 4)]);
    }

    #[test]
    fn a_manifest_without_dependencies_is_an_error() {
        assert!(check("[workspace]\n", "").is_err());
    }
}
