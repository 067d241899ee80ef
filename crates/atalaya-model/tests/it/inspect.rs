//! What a person is told about a model before it serves.

use atalaya_model::{LoadError, Method, ModelFiles, OutlinePart, Verdict, inspect};

use crate::sklearn_case::Case;

fn small(case: &str, variant: &str) -> ModelFiles {
    Case::read(&atalaya_testkit::fixture(&format!("models/{case}"))).model(variant)
}

/// The parts as indented lines.
fn lines(parts: &[OutlinePart], depth: usize, out: &mut Vec<String>) {
    for part in parts {
        let times = if part.count > 1 {
            format!("{} × ", part.count)
        } else {
            String::new()
        };
        let native = if part.native.is_some() { "" } else { " (not native)" };
        out.push(format!(
            "{}{}: {times}{}{native}; {}",
            "  ".repeat(depth),
            part.name,
            part.class,
            part.detail
        ));
        lines(&part.parts, depth + 1, out);
    }
}

#[test]
fn a_pipeline_is_shown_with_its_steps_and_sizes() {
    let found = inspect(&small("sk19_mixed_onehot", "model_cloudpickle")).unwrap();
    assert_eq!(found.verdict, Verdict::Native);
    assert!(found.methods().contains(&Method::PredictProba));
    let (flavor, outline) = &found.outlines[0];
    let outline = outline.as_ref().unwrap();
    assert_eq!((*flavor, outline.format.as_str()), ("sklearn", "pickle, protocol 4"));
    let mut text = Vec::new();
    lines(&outline.parts, 0, &mut text);
    let text = text.join("\n");
    for line in [
        ": sklearn.pipeline.Pipeline; ",
        "ColumnTransformer; ",
        "sklearn.preprocessing._encoders.OneHotEncoder; ",
        "remainder: drop; ",
        "sklearn.tree._classes.DecisionTreeClassifier; 12 features, 2 classes, ",
    ] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
    assert!(!text.contains("not native"), "{text}");
    let survey = outline.survey.as_ref().unwrap();
    assert!(survey.instructions["STOP"] == 1 && survey.instructions["BUILD"] > 3);
    assert_eq!(survey.globals["sklearn.pipeline.Pipeline"], 1);
    assert!(survey.values > 50 && !survey.globals_cut);
    assert!(found.files.iter().any(|(path, bytes)| path == "MLmodel" && *bytes > 0));
}

#[test]
fn equal_trees_are_one_part() {
    let found = inspect(&small("sk19_rf_clf_str", "model_cloudpickle")).unwrap();
    let outline = found.outlines[0].1.as_ref().unwrap();
    let forest = &outline.parts[0];
    assert_eq!(forest.class, "sklearn.ensemble._forest.RandomForestClassifier");
    assert!(
        forest.detail.contains("features") && forest.detail.contains("classes"),
        "{}",
        forest.detail
    );
    let [trees] = &forest.parts[..] else {
        panic!("{} parts", forest.parts.len())
    };
    assert_eq!(trees.class, "sklearn.tree._classes.DecisionTreeClassifier");
    assert!(trees.count > 5, "{}", trees.count);
}

#[test]
fn a_skops_archive_says_its_loaders() {
    let found = inspect(&small("sk19_logreg_binary", "model_skops")).unwrap();
    let outline = found.outlines[0].1.as_ref().unwrap();
    let survey = outline.survey.as_ref().unwrap();
    assert_eq!(survey.container, "skops");
    assert!(survey.instructions["NdArrayNode"] >= 2, "{:?}", survey.instructions);
}

/// The model of another case with its file replaced.
fn with_file(pickle: Vec<u8>) -> ModelFiles {
    let model = small("sk19_logreg_binary", "model_cloudpickle");
    let pairs = model.paths().map(|path| {
        let bytes = if path == "model.pkl" {
            pickle.clone()
        } else {
            model.read(path).unwrap().to_vec()
        };
        (path.to_owned(), bytes)
    });
    ModelFiles::from_pairs(pairs.collect::<Vec<_>>()).unwrap()
}

#[test]
fn user_code_is_named_and_left_to_python() {
    // An instance of `__main__.Clip` with an empty state.
    let found = inspect(&with_file(b"\x80\x04\x8c\x08__main__\x8c\x04Clip\x93)\x81}b.".to_vec())).unwrap();
    assert_eq!(found.verdict, Verdict::Python);
    assert!(
        found.reason.contains("`__main__.Clip`") && found.reason.ends_with("only Python can run it"),
        "{}",
        found.reason
    );
    let outline = found.outlines[0].1.as_ref().unwrap();
    assert_eq!(outline.parts[0].native, None);
    assert_eq!(outline.survey.as_ref().unwrap().globals["__main__.Clip"], 1);
}

#[test]
fn a_call_of_the_system_is_shown_but_not_made_and_damage_is_refused() {
    let found = inspect(&with_file(
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.".to_vec(),
    ))
    .unwrap();
    assert_eq!(
        found.outlines[0].1.as_ref().unwrap().survey.as_ref().unwrap().globals["posix.system"],
        1
    );
    assert_eq!(found.verdict, Verdict::Refused);
    assert_eq!(found.reason, "loading it in Python would call `posix.system`");
    let found = inspect(&with_file(b"\x80\x04\x8c\x05posix".to_vec())).unwrap();
    assert_eq!(found.verdict, Verdict::Refused);
    assert!(found.outlines[0].1.is_err());
    assert!(matches!(
        inspect(&ModelFiles::default()),
        Err(LoadError::FileMissing { .. })
    ));
}
