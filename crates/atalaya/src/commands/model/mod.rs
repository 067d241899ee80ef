//! `atalaya model`: registering model folders, listing what is registered, looking into a model.

mod check;
mod inspect;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use atalaya_domain::ModelName;
use atalaya_model::ModelFiles;
use atalaya_server::{App, RegisterModel};
use atalaya_store::Search;

use crate::cli::{List, Model, Register};
use crate::config::user;
use crate::home::open_beside;
use crate::output::{json, say, table};

/// Files deeper than this are not part of a model.
const DEPTH_MAX: usize = 16;

/// Runs a `model` command.
pub(crate) async fn run(model: Model) -> anyhow::Result<ExitCode> {
    match model {
        Model::Register(register) => register_folder(register).await,
        Model::List(list) => list_models(list).await,
        Model::Inspect(args) => inspect::run(args).await,
        Model::Check(args) => check::run(args).await,
    }
}

async fn register_folder(register: Register) -> anyhow::Result<ExitCode> {
    let name = ModelName::new(&register.name).context("--name")?;
    let files = read_model_folder(&register.dir)?;
    let app = open_beside(&register.home.home).await?;
    let source = std::path::absolute(&register.dir)?.display().to_string();
    let request = RegisterModel {
        name,
        files,
        source: format!("file://{source}"),
        run_id: String::new(),
        user: user(),
    };
    let found = atalaya_model::inspect(&request.files)?;
    let version = app.register_model(request).await?;
    let executor = inspect::word(found.verdict);
    if register.json {
        json(&serde_json::json!({
            "name": version.name.as_str(),
            "version": version.version,
            "executor": executor,
            "reason": found.reason,
        }))?;
    } else {
        say(&format!(
            "registered {} version {} ({}: {})",
            version.name, version.version, executor, found.reason
        ))?;
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Every file of a model folder, by relative path. Links are refused: they may lead outside.
pub(crate) fn read_model_folder(dir: &Path) -> anyhow::Result<ModelFiles> {
    anyhow::ensure!(
        dir.join("MLmodel").is_file(),
        "{} has no MLmodel file; give the folder that `mlflow.sklearn.save_model` wrote",
        dir.display()
    );
    let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
    let mut folders: Vec<(PathBuf, String, usize)> = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        anyhow::ensure!(
            depth <= DEPTH_MAX,
            "{} is nested more than {DEPTH_MAX} folders deep",
            folder.display()
        );
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            anyhow::ensure!(
                !kind.is_symlink(),
                "{} is a link; a model folder holds plain files",
                path.display()
            );
            let name = entry
                .file_name()
                .into_string()
                .map_err(|_| anyhow::anyhow!("a file name is not UTF-8"))?;
            let relative = format!("{prefix}{name}");
            if kind.is_dir() {
                folders.push((path, format!("{relative}/"), depth + 1));
            } else {
                let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                pairs.push((relative, bytes));
            }
        }
    }
    Ok(ModelFiles::from_pairs(pairs)?)
}

async fn list_models(list: List) -> anyhow::Result<ExitCode> {
    let app = open_beside(&list.home.home).await?;
    let rows = version_rows(&app).await?;
    app.close().await;
    if list.json {
        json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            vec![
                r.name.clone(),
                r.version.to_string(),
                r.stage.to_owned(),
                r.status.to_owned(),
                r.aliases.join(", "),
            ]
        })
        .collect();
    say(&table(&["model", "version", "stage", "status", "aliases"], &cells))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(serde::Serialize)]
struct VersionRow {
    name: String,
    version: u32,
    stage: &'static str,
    status: &'static str,
    aliases: Vec<String>,
}

async fn version_rows(app: &App) -> anyhow::Result<Vec<VersionRow>> {
    let mut rows = Vec::new();
    let mut search = Search {
        order_by: vec!["name ASC".into(), "version_number ASC".into()],
        ..Search::default()
    };
    loop {
        let page = app.store().search_model_versions(&search).await?;
        rows.extend(page.items.into_iter().map(|v| VersionRow {
            name: v.name.as_str().to_owned(),
            version: v.version,
            stage: v.stage.as_str(),
            status: v.status.as_str(),
            aliases: v.aliases,
        }));
        if page.next_page_token.is_none() {
            return Ok(rows);
        }
        search.page_token = page.next_page_token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_manifest_is_refused_with_a_hint() {
        let dir = tempfile::tempdir().expect("temp dir");
        let error = read_model_folder(dir.path()).expect_err("no MLmodel").to_string();
        assert!(error.contains("has no MLmodel file"), "{error}");
    }

    #[test]
    fn files_are_read_with_their_relative_paths_and_links_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::create_dir(dir.path().join("code")).expect("mkdir");
        std::fs::write(dir.path().join("MLmodel"), "flavors: {}").expect("write");
        std::fs::write(dir.path().join("code/a.py"), "pass").expect("write");
        let files = read_model_folder(dir.path()).expect("read");
        assert_eq!(files.paths().collect::<Vec<_>>(), ["MLmodel", "code/a.py"]);
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("out")).expect("link");
        assert!(read_model_folder(dir.path()).is_err());
    }
}
