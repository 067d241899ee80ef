//! Where a baseline may lie: below the lake, or below a root that the operator lists; nowhere else, links included.

use std::path::{Component, Path, PathBuf};

use crate::config::ServerConfig;

/// Why a baseline may not or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Leaves the lake, or is absolute and below no listed root.
    #[error(
        "`baseline` must be a path below the lake without `..`, or an absolute one below a root that the operator \
         lists in `baseline_roots`"
    )]
    Outside,
    /// Nothing is there.
    #[error("`baseline` names no file or folder")]
    Absent,
    /// It is there and cannot be read as a table.
    #[error("`baseline` cannot be read as a Delta table, Parquet files or a CSV file with a header")]
    Unreadable(#[source] atalaya_lake::LakeError),
}

/// The place that a monitor's `baseline` names.
///
/// # Errors
/// [`BaselineError::Outside`] and [`BaselineError::Absent`]. Touches the disk: to be called off the async threads.
pub(crate) fn baseline_path(config: &ServerConfig, baseline: &str) -> Result<PathBuf, BaselineError> {
    let asked = Path::new(baseline);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
    if baseline.is_empty() || baseline.contains('\0') || !asked.components().all(plain) {
        return Err(BaselineError::Outside);
    }
    let (path, roots) = if asked.is_absolute() {
        (asked.to_path_buf(), config.baseline_roots.clone())
    } else {
        (config.lake().join(asked), vec![config.lake()])
    };
    // Before the disk is asked, so that nobody learns what lies elsewhere.
    if !roots.iter().any(|root| path.starts_with(root)) {
        return Err(BaselineError::Outside);
    }
    let real = path.canonicalize().map_err(|_| BaselineError::Absent)?;
    // The operator may have linked a root itself; what is below it must not lead out again.
    let inside = roots
        .iter()
        .filter_map(|root| root.canonicalize().ok())
        .any(|root| real.starts_with(root));
    if inside { Ok(real) } else { Err(BaselineError::Outside) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_lie_below_the_lake_or_a_listed_root() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().canonicalize().expect("real");
        let mut config = ServerConfig::new(root.join("home"));
        let inside = config.lake().join("baselines");
        std::fs::create_dir_all(&inside).expect("dirs");
        std::fs::create_dir_all(root.join("shared")).expect("dirs");
        std::fs::write(inside.join("a.csv"), "x\n1\n").expect("write");
        std::fs::write(root.join("shared/b.csv"), "x\n1\n").expect("write");
        std::os::unix::fs::symlink(root.join("shared/b.csv"), inside.join("link.csv")).expect("link");
        let shared = root.join("shared/b.csv");
        let shared = shared.to_str().expect("text");

        assert_eq!(
            baseline_path(&config, "baselines/a.csv").expect("inside"),
            inside.join("a.csv")
        );
        assert!(matches!(
            baseline_path(&config, "baselines/none.csv"),
            Err(BaselineError::Absent)
        ));
        for outside in [
            "",
            "../atalaya.db",
            "baselines/../../x",
            "./baselines/a.csv",
            "/etc/passwd",
            shared,
            "baselines/link.csv",
        ] {
            assert!(
                matches!(baseline_path(&config, outside), Err(BaselineError::Outside)),
                "{outside}"
            );
        }
        config.baseline_roots.push(root.join("shared"));
        assert_eq!(
            baseline_path(&config, shared).expect("listed"),
            root.join("shared/b.csv")
        );
        assert!(matches!(
            baseline_path(&config, "/etc/passwd"),
            Err(BaselineError::Outside)
        ));
    }
}
