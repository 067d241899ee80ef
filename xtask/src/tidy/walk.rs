//! The files that tidy reads: Rust and the Python tests, wherever they are in the repository.

use anyhow::Context as _;
use std::path::Path;

/// Folders that hold what others made.
const FOREIGN: &[&str] = &["target", ".git", ".venv", "node_modules", "__pycache__"];

/// One text file, with its path relative to the repository.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Parts are joined by `/` on every system.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

/// Every `.rs` and `.py` file below `root`, by path.
pub(super) fn files(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
            let entry = entry.with_context(|| folder.display().to_string())?;
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type().with_context(|| path.display().to_string())?.is_dir() {
                if !FOREIGN.iter().any(|foreign| name == *foreign) {
                    open.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "py")
            {
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                let relative = path
                    .strip_prefix(root)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push(SourceFile { path: relative, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_found_and_the_build_s_outputs_are_not() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .canonicalize()
            .expect("the repository");
        let files = files(&root).expect("readable");
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy/walk.rs"));
        assert!(files.iter().all(|file| !file.path.contains("target/")));
    }
}
