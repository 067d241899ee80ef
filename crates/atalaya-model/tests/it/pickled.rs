//! Pickles of estimators written by hand, for models that no recorded file has.

use std::sync::Arc;

use atalaya_model::ModelFiles;

/// The instructions that push one value.
pub(crate) struct Pickled(Vec<u8>);

pub(crate) fn text(text: &str) -> Pickled {
    let length = u8::try_from(text.len()).unwrap();
    Pickled([b"\x8c", &[length][..], text.as_bytes()].concat())
}

pub(crate) fn bytes(bytes: &[u8]) -> Pickled {
    let length = u32::try_from(bytes.len()).unwrap();
    Pickled([b"B", &length.to_le_bytes()[..], bytes].concat())
}

pub(crate) fn flag(value: bool) -> Pickled {
    Pickled(if value { b"\x88" } else { b"\x89" }.to_vec())
}

pub(crate) fn number(value: f64) -> Pickled {
    Pickled([b"G", &value.to_be_bytes()[..]].concat())
}

pub(crate) fn numbers(values: &[f64]) -> Pickled {
    list(values.iter().map(|value| number(*value)))
}

pub(crate) fn list(items: impl IntoIterator<Item = Pickled>) -> Pickled {
    let items: Vec<u8> = items.into_iter().flat_map(|item| item.0).collect();
    Pickled([b"](", &items[..], b"e"].concat())
}

pub(crate) fn pair(first: Pickled, second: Pickled) -> Pickled {
    Pickled([&first.0[..], &second.0, b"\x86"].concat())
}

/// An instance without arguments, with the attributes as its state.
pub(crate) fn object(module: &str, class: &str, attributes: Vec<(&str, Pickled)>) -> Pickled {
    let mut bytes = format!("c{module}\n{class}\n").into_bytes();
    bytes.extend_from_slice(b")\x81}(");
    for (name, value) in attributes {
        bytes.extend(text(name).0);
        bytes.extend(value.0);
    }
    bytes.extend_from_slice(b"ub");
    Pickled(bytes)
}

/// A `Pipeline` of steps named `a`, `b`, ….
pub(crate) fn pipeline(steps: Vec<Pickled>) -> Pickled {
    let names = ('a'..='z').map(|name| text(&name.to_string()));
    let steps = list(names.zip(steps).map(|(name, step)| pair(name, step)));
    object("sklearn.pipeline", "Pipeline", vec![("steps", steps)])
}

/// A model folder around it, fitted by scikit-learn 1.9, with `more` flavors in its manifest.
pub(crate) fn model(root: Pickled, more: &str) -> ModelFiles {
    let manifest = format!(
        "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\n    sklearn_version: 1.9.1\n{more}"
    );
    let pickle = [b"\x80\x04", &root.0[..], b"."].concat();
    let files: [(&str, Arc<[u8]>); 2] = [
        ("MLmodel", Arc::from(manifest.into_bytes())),
        ("model.pkl", Arc::from(pickle)),
    ];
    ModelFiles::from_pairs(files).unwrap()
}
