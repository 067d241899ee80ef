//! The lists of `deny.toml` that tidy holds too, because cargo-deny is not on every machine.

use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// Licences, bans and sources, as `deny.toml` writes them.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// SPDX licences (with their exception, if any) that any crate may have.
    pub(super) licences: BTreeSet<String>,
    /// Further licences of single crates.
    pub(super) exceptions: BTreeMap<String, BTreeSet<String>>,
    /// Crates that may not be in the tree at any version.
    pub(super) banned: BTreeSet<String>,
    /// Registries that crates may come from.
    pub(super) registries: BTreeSet<String>,
}

impl Policy {
    /// Reads `deny.toml`. Bans of versions are left to cargo-deny and to the one-major rule.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Value = toml::from_str(text).context("deny.toml")?;
        let licences = strings(&file, "licenses", "allow")?;
        let registries = strings(&file, "sources", "allow-registry")?;
        let mut policy = Self {
            licences,
            registries,
            ..Self::default()
        };
        for entry in tables(&file, "licenses", "exceptions") {
            let allow = entry
                .get("allow")
                .and_then(Value::as_array)
                .context("deny.toml: exception without `allow`")?;
            let allow = allow.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            policy.exceptions.insert(name(entry)?, allow);
        }
        for entry in tables(&file, "bans", "deny")
            .iter()
            .filter(|entry| entry.get("version").is_none())
        {
            policy.banned.insert(name(entry)?);
        }
        Ok(policy)
    }
}

fn strings(file: &Value, section: &str, key: &str) -> anyhow::Result<BTreeSet<String>> {
    let list = file
        .get(section)
        .and_then(|section| section.get(key))
        .and_then(Value::as_array);
    let list = list.with_context(|| format!("deny.toml has no list `{section}.{key}`"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn tables<'a>(file: &'a Value, section: &str, key: &str) -> &'a [Value] {
    file.get(section)
        .and_then(|section| section.get(key))
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn name(entry: &Value) -> anyhow::Result<String> {
    entry
        .get("name")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .context("deny.toml: an entry has no `name`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_s_own_file_is_read() {
        let policy = Policy::parse(include_str!("../../../deny.toml")).expect("deny.toml parses");
        assert!(policy.licences.contains("Apache-2.0") && !policy.licences.contains("GPL-3.0"));
        assert!(policy.exceptions["option-ext"].contains("MPL-2.0"));
        assert!(policy.banned.contains("openssl-sys") && !policy.banned.contains("arrow"));
        assert_eq!(policy.registries.len(), 1);
    }

    #[test]
    fn a_file_without_licences_is_refused() {
        let error = Policy::parse("[sources]\nallow-registry = []\n").expect_err("no licences");
        assert!(error.to_string().contains("`licenses.allow`"));
    }
}
