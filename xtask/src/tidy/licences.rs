//! Licences, sources and bans of every crate in the lock file, held against `deny.toml`.
//!
//! An SPDX expression is satisfied when its `AND`s and `OR`s are, by the allowed licences; `/` is the old spelling of
//! `OR`.

use super::Finding;
use super::policy::Policy;
use cargo_metadata::Package;
use std::collections::BTreeSet;

/// One finding per crate with a licence, source or name that may not enter.
pub(super) fn check(packages: &[Package], policy: &Policy) -> Vec<Finding> {
    packages
        .iter()
        .filter(|package| package.source.is_some())
        .flat_map(|package| of_package(package, policy))
        .collect()
}

fn of_package(package: &Package, policy: &Policy) -> Vec<Finding> {
    let name = format!("`{} {}`", package.name, package.version);
    let mut findings = Vec::new();
    let mut add = |what: String, why, fix| {
        findings.push(Finding {
            path: "Cargo.lock".into(),
            line: 1,
            what,
            why,
            fix,
        });
    };
    let mut allowed: BTreeSet<&str> = policy.licences.iter().map(String::as_str).collect();
    if let Some(more) = policy.exceptions.get(package.name.as_str()) {
        allowed.extend(more.iter().map(String::as_str));
    }
    match package.license.as_deref() {
        Some(expression) if satisfied(expression, &allowed) => {}
        Some(expression) => add(
            format!("{name} is under `{expression}`"),
            "that is not among the licences of deny.toml",
            "choose another crate, or argue the licence in deny.toml",
        ),
        None => add(
            format!("{name} states no licence"),
            "nobody may use what has none",
            "choose another crate, or read its licence file and add an exception to deny.toml",
        ),
    }
    if policy.banned.contains(package.name.as_str()) {
        add(
            format!("{name} is in the tree"),
            "deny.toml bans it",
            "find who asks with `cargo tree -i` and choose the rustls feature",
        );
    }
    let source = package
        .source
        .as_ref()
        .map(|source| source.repr.as_str())
        .unwrap_or_default();
    if !policy
        .registries
        .iter()
        .any(|registry| source.strip_prefix("registry+") == Some(registry))
    {
        add(
            format!("{name} comes from `{source}`"),
            "crates come from the registries of deny.toml only",
            "depend on a published version",
        );
    }
    findings
}

/// Whether the licences in `allowed` suffice for an SPDX expression; what cannot be read does not suffice.
fn satisfied(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let verdict = any(&tokens, &mut at, allowed);
    verdict == Some(true) && at == tokens.len()
}

fn any(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut verdict = all(tokens, at, allowed)?;
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= all(tokens, at, allowed)?;
    }
    Some(verdict)
}

fn all(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut verdict = one(tokens, at, allowed)?;
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(tokens, at, allowed)?;
    }
    Some(verdict)
}

fn one(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> Option<bool> {
    let token = *tokens.get(*at)?;
    *at += 1;
    if token == "(" {
        let verdict = any(tokens, at, allowed)?;
        (tokens.get(*at) == Some(&")")).then_some(())?;
        *at += 1;
        return Some(verdict);
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1)?;
        *at += 2;
        return Some(allowed.contains(format!("{token} WITH {exception}").as_str()));
    }
    Some(allowed.contains(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enough(expression: &str) -> bool {
        satisfied(
            expression,
            &BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]),
        )
    }

    #[test]
    fn one_side_of_or_and_both_sides_of_and_must_be_allowed() {
        assert!(enough("MIT OR Apache-2.0"));
        assert!(enough("Apache-2.0/MIT"));
        assert!(enough("(MIT OR GPL-3.0) AND ISC"));
        assert!(!enough("MIT AND GPL-3.0"));
        assert!(!enough("GPL-3.0 OR MIT AND Apache-2.0"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(enough("Apache-2.0 WITH LLVM-exception"));
        assert!(!enough("MIT WITH LLVM-exception"));
    }

    #[test]
    fn what_cannot_be_read_does_not_suffice() {
        for broken in ["", "MIT MIT", "(MIT", "MIT OR", "MIT WITH"] {
            assert!(!enough(broken), "{broken}");
        }
    }
}
