//! The compiled form of a model: one file that holds its ensembles as they are in memory and the little else that its loader
//! asks for, so that waking it reads neither a pickle nor a tree. `docs/design/compiled-form.md` says what is where.
//!
//! A form is made from a model and belongs to it: it is named by a key of the caller's (the digest of the model's files), is
//! good for one version of this program, and is refused by [`wake`] when a single bit of it has changed. Whoever refuses it
//! loads the model as before and makes the form anew; [`load_through`] does both.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use twox_hash::XxHash3_64;

use crate::ensemble::Ensembles;
use crate::files::ModelFiles;
use crate::flavors::FLAVORS;
use crate::load::{LoadError, LoadedModel, MANIFEST_PATH, load_by};
use crate::manifest::Manifest;
use crate::object::NodeId;
use crate::object::compact::Instead;
use crate::wire::{Reader, Writer};

/// What a form starts with. The line ends show a file that was copied as text.
const MAGIC: [u8; 8] = *b"ATLYCF\r\n";
/// Of the layout, and of what its nodes and values mean. To be counted up whenever either changes.
const FORMAT: u32 = 1;
/// Magic, format, reserved, length, checksum.
const HEADER_BYTES: usize = 32;
/// Most bytes of a key.
const MAX_KEY_BYTES: usize = 256;

/// What a loader leaves for waking a model, or takes when it is woken.
#[derive(Debug, Default)]
pub struct Form {
    pub(crate) ensembles: Ensembles,
    /// What replaces values of a Python object in `rest`.
    pub(crate) instead: HashMap<NodeId, Instead>,
    /// All but the ensembles.
    pub(crate) rest: Option<Vec<u8>>,
}

/// Why a form cannot be used. The model itself can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCompiled {
    /// It is another program's, another version's, or another model's.
    Foreign,
    /// It is not what was written.
    Damaged,
}

impl fmt::Display for NotCompiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the compiled form is of another program, version or model",
            Self::Damaged => "the compiled form is damaged",
        })
    }
}

impl std::error::Error for NotCompiled {}

/// As [`crate::load()`], with the model's compiled form; `None` for a model that has no ensemble, which loads as fast without.
///
/// # Errors
/// As [`crate::load()`].
pub fn load_compiling(files: &ModelFiles, key: &str) -> Result<(LoadedModel, Option<Vec<u8>>), LoadError> {
    let mut form = Form::default();
    let model = load_by(files, FLAVORS, |flavor, manifest| {
        form = Form {
            ensembles: Ensembles::Kept(Vec::new()),
            ..Form::default()
        };
        flavor.load_keeping(manifest, files, &mut form)
    })?;
    let bytes = files
        .read(MANIFEST_PATH)
        .and_then(|manifest| write(form, key, model.flavor, manifest))
        .map(Bytes::from);
    // What was left out may be asked for by a class that nobody thought of: then there is no form.
    let bytes = bytes.filter(|bytes| wake(bytes.clone(), key).is_ok());
    Ok((model, bytes.map(Vec::from)))
}

/// The model whose form was written for `key`. It keeps `bytes`, which must not change while it lives.
///
/// # Errors
/// [`NotCompiled`] when the form is not this model's, of this version of the program, and whole.
pub fn wake(bytes: Bytes, key: &str) -> Result<LoadedModel, NotCompiled> {
    let (found, mut from) = open(bytes)?;
    if found != key {
        return Err(NotCompiled::Foreign);
    }
    wake_body(&mut from).ok_or(NotCompiled::Damaged)
}

/// Wakes the model when `read` has its form, and otherwise loads it from `files` and gives `keep` a new form.
///
/// # Errors
/// As `files`, and as [`crate::load()`].
pub fn load_through<E: From<LoadError>>(
    key: &str,
    read: impl FnOnce() -> Option<Bytes>,
    files: impl FnOnce() -> Result<ModelFiles, E>,
    keep: impl FnOnce(&[u8]),
) -> Result<LoadedModel, E> {
    if let Some(Ok(model)) = read().map(|bytes| wake(bytes, key)) {
        return Ok(model);
    }
    let (model, form) = load_compiling(&files()?, key)?;
    if let Some(form) = form {
        keep(&form);
    }
    Ok(model)
}

/// The bytes of a form; `None` when its loader left nothing.
fn write(form: Form, key: &str, flavor: &str, manifest: &[u8]) -> Option<Vec<u8>> {
    let Ensembles::Kept(ensembles) = form.ensembles else {
        return None;
    };
    if ensembles.is_empty() || key.len() > MAX_KEY_BYTES || cfg!(target_endian = "big") {
        return None;
    }
    let mut out = Writer::default();
    out.raw(&[0; HEADER_BYTES]);
    out.bytes(env!("CARGO_PKG_VERSION").as_bytes());
    out.bytes(key.as_bytes());
    out.bytes(flavor.as_bytes());
    out.bytes(manifest);
    out.bytes(&form.rest?);
    out.count(ensembles.len());
    for ensemble in &ensembles {
        out.aligned(ensemble.len(), |out| out.extend_from_slice(ensemble));
    }
    let mut bytes = out.finish();
    let checksum = XxHash3_64::oneshot(bytes.get(HEADER_BYTES..)?);
    let mut header = Writer::default();
    header.raw(&MAGIC);
    header.number(FORMAT);
    header.number(0);
    header.count(bytes.len());
    header.raw(&checksum.to_le_bytes());
    bytes.get_mut(..HEADER_BYTES)?.copy_from_slice(&header.finish());
    Some(bytes)
}

/// The key of a form that is whole and of this program, and what follows it.
fn open(bytes: Bytes) -> Result<(String, Reader), NotCompiled> {
    use NotCompiled::{Damaged, Foreign};
    let body = bytes.get(HEADER_BYTES..).ok_or(Damaged)?;
    let length = bytes.len() as u64;
    let mut from = Reader::new(bytes.clone());
    if from.raw(MAGIC.len()).ok_or(Damaged)? != MAGIC[..] || from.number() != Some(FORMAT) || from.number() != Some(0) {
        return Err(Foreign);
    }
    if from.word() != Some(length) || from.word() != Some(XxHash3_64::oneshot(body)) {
        return Err(Damaged);
    }
    if from.text().ok_or(Damaged)? != env!("CARGO_PKG_VERSION") || cfg!(target_endian = "big") {
        return Err(Foreign);
    }
    Ok((from.text().ok_or(Damaged)?, from))
}

fn wake_body(from: &mut Reader) -> Option<LoadedModel> {
    let flavor = from.text()?;
    let flavor = FLAVORS.iter().find(|one| one.name() == flavor)?;
    let manifest = Manifest::parse(&from.bytes()?).ok()?;
    let rest = from.bytes()?;
    let count = from.pieces(8)?;
    let mut ensembles = (0..count).map(|_| from.aligned()).collect::<Option<Vec<Bytes>>>()?;
    ensembles.reverse();
    let mut form = Form {
        ensembles: Ensembles::Taken(ensembles),
        ..Form::default()
    };
    let predictor = flavor.wake(&manifest, &rest, &mut form).ok()?;
    let all_taken = matches!(&form.ensembles, Ensembles::Taken(left) if left.is_empty());
    (all_taken && from.left() == 0).then(|| LoadedModel::native(Arc::clone(&predictor), manifest, flavor.name()))
}

/// A form with the checksum that its bytes have now: for tests and fuzzing of what lies behind the checksum.
#[doc(hidden)]
#[must_use]
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len() as u64;
    if let Some((header, body)) = bytes.split_at_mut_checked(HEADER_BYTES) {
        header[16..24].copy_from_slice(&length.to_le_bytes());
        header[24..].copy_from_slice(&XxHash3_64::oneshot(body).to_le_bytes());
    }
    bytes
}
