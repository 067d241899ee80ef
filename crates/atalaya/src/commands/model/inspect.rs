//! `atalaya model inspect`: what a model folder holds, how it would run and why, before anything of it runs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use atalaya_model::{Inspection, ModelFiles, OutlinePart, Verdict, inspect};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::read_model_folder;
use crate::cli::Inspect;
use crate::home::open_beside;
use crate::output;

/// Most instructions and names that are listed for people; `--json` has all.
const LISTED: usize = 12;
/// Most columns that are listed for people.
const COLUMNS: usize = 40;

/// Looks and prints. The exit code is 0 when the model can be served, 1 when it is refused.
pub(super) async fn run(args: Inspect) -> anyhow::Result<ExitCode> {
    let files = files_of(&args.model, &args.home.home).await?;
    let found = inspect(&files)?;
    if args.json {
        output::json(&as_json(&found))?;
    } else {
        output::say(&as_text(&args.model, &found))?;
    }
    Ok(if found.verdict == Verdict::Refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The files of a folder, or of a registered version.
pub(super) async fn files_of(model: &str, home: &Path) -> anyhow::Result<ModelFiles> {
    let folder = Path::new(model);
    if folder.is_dir() {
        return read_model_folder(folder);
    }
    let uri = model
        .parse()
        .context("expected models:/NAME/VERSION, models:/NAME@ALIAS, or a folder with an MLmodel file")?;
    let app = open_beside(home).await?;
    let version = app.resolve_model(&uri).await?;
    let files = app.version_files(&version).await;
    app.close().await;
    Ok(files?)
}

/// The executor that a verdict means.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Native => "native",
        Verdict::Python => "python",
        Verdict::Refused => "refused",
    }
}

fn as_json(found: &Inspection) -> Value {
    let signature = found.loaded.as_ref().map(|model| {
        let columns = model.signature().inputs().iter();
        columns
            .map(|column| json!({"name": column.name, "type": column.kind.as_str(), "required": column.required}))
            .collect::<Vec<_>>()
    });
    let outlines: serde_json::Map<String, Value> = found
        .outlines
        .iter()
        .map(|(flavor, outline)| {
            let value = match outline {
                Ok(outline) => json!(outline),
                Err(error) => json!({"error": error}),
            };
            ((*flavor).to_owned(), value)
        })
        .collect();
    let passed_over = found
        .passed_over
        .iter()
        .map(|one| json!({"flavor": one.flavor, "reason": one.reason, "refused": one.refused}));
    json!({
        "verdict": found.verdict,
        "executor": match found.verdict {
            Verdict::Native => Some("native"),
            Verdict::Python => Some("python"),
            Verdict::Refused => None,
        },
        "reason": found.reason,
        "flavor": found.loaded.as_ref().map(|model| model.flavor),
        "flavors": found.manifest.flavor_names().collect::<Vec<_>>(),
        "passed_over": passed_over.collect::<Vec<_>>(),
        "methods": found.methods().iter().map(|method| method.name()).collect::<Vec<_>>(),
        "predict_fn": found.manifest.predict_fn(),
        "inputs": signature,
        "mlflow_version": found.manifest.mlflow_version,
        "run_id": found.manifest.run_id,
        "utc_time_created": found.manifest.utc_time_created,
        "files": found.files.iter().map(|(path, bytes)| json!({"path": path, "bytes": bytes})).collect::<Vec<_>>(),
        "outlines": outlines,
    })
}

fn as_text(model: &str, found: &Inspection) -> String {
    let mut lines = vec![model.to_owned()];
    let mut say = |label: &str, text: String| lines.push(format!("{label:<12}{text}"));
    say("verdict", format!("{}: {}", word(found.verdict), found.reason));
    if let Some(loaded) = &found.loaded {
        let methods: Vec<_> = found.methods().iter().map(|method| method.name()).collect();
        say("flavor", format!("{}; answers {}", loaded.flavor, methods.join(", ")));
        say("serves", found.manifest.predict_fn().to_owned());
    }
    let version = found.manifest.mlflow_version.as_deref().unwrap_or("unknown");
    let created = found.manifest.utc_time_created.as_deref();
    say(
        "logged",
        format!(
            "by MLflow {version}{}",
            created.map_or(String::new(), |at| format!(", {at} UTC"))
        ),
    );
    let bytes: u64 = found.files.iter().map(|(_, bytes)| bytes).sum();
    say("files", format!("{}, {} in all", found.files.len(), HumanBytes(bytes)));
    if let Some(loaded) = &found.loaded {
        let columns = loaded.signature().inputs();
        let shown = columns.iter().take(COLUMNS).map(|column| {
            let optional = if column.required { "" } else { "?" };
            format!("{}{optional} {}", column.name, column.kind.as_str())
        });
        let more = columns.len().saturating_sub(COLUMNS);
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        say("inputs", format!("{}{more}", shown.collect::<Vec<_>>().join(", ")));
    }
    for one in &found.passed_over {
        say("passed over", format!("{}: {}", one.flavor, one.reason));
    }
    for (flavor, outline) in &found.outlines {
        lines.push(String::new());
        match outline {
            Err(error) => lines.push(format!("{flavor}: {error}")),
            Ok(outline) => {
                lines.push(format!(
                    "{flavor}: {} ({}, {})",
                    outline.file,
                    outline.format,
                    HumanBytes(outline.bytes)
                ));
                tree(&outline.parts, "", &mut lines);
                if let Some(survey) = &outline.survey {
                    lines.push(format!(
                        "instructions  {}",
                        most(survey.instructions.iter().map(|(n, c)| (*n, *c)))
                    ));
                    lines.push(format!(
                        "names         {}",
                        most(survey.globals.iter().map(|(n, c)| (n.as_str(), *c)))
                    ));
                    lines.push(format!("values        {}; nothing of the file was run", survey.values));
                }
            }
        }
    }
    lines.join("\n")
}

/// The most frequent first.
fn most<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let more = counts.len().saturating_sub(LISTED);
    let mut shown: Vec<_> = counts
        .iter()
        .take(LISTED)
        .map(|(name, count)| {
            if *count > 1 {
                format!("{name} ×{count}")
            } else {
                (*name).to_owned()
            }
        })
        .collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn tree(parts: &[OutlinePart], indent: &str, lines: &mut Vec<String>) {
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let class = part.class.rsplit('.').next().unwrap_or(&part.class);
        let times = if part.count > 1 {
            format!("{} × ", part.count)
        } else {
            String::new()
        };
        let name = if part.name.is_empty() {
            String::new()
        } else {
            format!("{}: ", part.name)
        };
        let detail = if part.detail.is_empty() {
            String::new()
        } else {
            format!(" · {}", part.detail)
        };
        let native = match part.native {
            Some(parity) => format!(" · {parity}"),
            None => format!(" · NOT NATIVE ({})", part.class),
        };
        lines.push(format!(
            "{indent}{}{name}{times}{class}{detail}{native}",
            if last { "└─ " } else { "├─ " }
        ));
        tree(
            &part.parts,
            &format!("{indent}{}", if last { "   " } else { "│  " }),
            lines,
        );
    }
}
