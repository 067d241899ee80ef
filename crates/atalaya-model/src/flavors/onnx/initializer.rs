//! Stored tensors: raw bytes, typed lists, or bytes of another file of the model directory.

use std::sync::Arc;

use super::error::{OnnxError, shown};
use super::proto::Stored;
use super::tensor::{Elements, Kind, MAX_RANK, Tensor, places};
use crate::files::{ModelFiles, check_path};

/// Where stored tensors may find their bytes.
pub(super) struct Storage<'a> {
    pub(super) files: &'a ModelFiles,
    /// The folder of the ONNX file, with its final `/`, or empty.
    pub(super) folder: &'a str,
}

/// `TensorProto.DataType`s that only attributes have here: they are read as int32.
const SMALL_INTS: [(i64, usize); 4] = [(2, 1), (3, 1), (4, 2), (5, 2)];

impl Storage<'_> {
    /// The tensor, its number of elements checked against its shape before anything is allocated for them.
    pub(super) fn tensor(&self, stored: &Stored<'_>) -> Result<Tensor, OnnxError> {
        let place = format!("tensor `{}`", shown(stored.name));
        let Some(kind) = Kind::of_code(stored.kind) else {
            return self.small_ints(stored, &place);
        };
        let (shape, count) = shape(stored, &place)?;
        let elements = match (kind, self.raw(stored, &place)?) {
            (Kind::Text, Some(_)) => return Err(OnnxError::content(place, "texts are no raw bytes")),
            (Kind::Text, None) => Elements::Text(stored.texts.iter().map(|text| Arc::from(*text)).collect()),
            (kind, Some(bytes)) => from_bytes(kind, bytes, count, &place)?,
            (kind, None) => from_lists(kind, stored, &place)?,
        };
        Tensor::new(shape, elements)
            .map_err(|_| OnnxError::content(place, "the number of elements is not that of its shape"))
    }

    /// Bytes and short integers, widened.
    fn small_ints(&self, stored: &Stored<'_>, place: &str) -> Result<Tensor, OnnxError> {
        let Some((_, size)) = SMALL_INTS.into_iter().find(|(kind, _)| *kind == stored.kind) else {
            return Err(OnnxError::unsupported(
                place,
                format!("elements of the type {} are not understood", stored.kind),
            ));
        };
        let (shape, count) = shape(stored, place)?;
        let values = match self.raw(stored, place)? {
            Some(bytes) if count.checked_mul(size) != Some(bytes.len()) => {
                return Err(OnnxError::content(
                    place,
                    "the number of bytes is not that of its shape",
                ));
            }
            Some(bytes) => match stored.kind {
                2 => bytes.iter().map(|byte| i32::from(*byte)).collect(),
                3 => bytes.iter().map(|byte| i32::from(byte.cast_signed())).collect(),
                4 => (bytes.as_chunks::<2>().0.iter())
                    .map(|two| i32::from(u16::from_le_bytes(*two)))
                    .collect(),
                _ => (bytes.as_chunks::<2>().0.iter())
                    .map(|two| i32::from(i16::from_le_bytes(*two)))
                    .collect(),
            },
            None => narrow(&stored.ints, place)?,
        };
        Tensor::new(shape, values)
            .map_err(|_| OnnxError::content(place, "the number of elements is not that of its shape"))
    }

    /// The bytes of the elements, when they are stored as such.
    fn raw<'a>(&'a self, stored: &Stored<'a>, place: &str) -> Result<Option<&'a [u8]>, OnnxError> {
        if stored.segmented {
            return Err(OnnxError::unsupported(place, "tensors in segments are not understood"));
        }
        if !stored.external {
            return Ok(stored.raw);
        }
        let value = |key: &str| stored.location.iter().find(|(name, _)| *name == key).map(|(_, v)| *v);
        let location = value("location").unwrap_or_default();
        let path = format!("{}{location}", self.folder);
        check_path(location)
            .and_then(|()| check_path(&path))
            .map_err(|reason| {
                OnnxError::content(
                    place,
                    format!("its elements are outside of the model directory: {reason}"),
                )
            })?;
        let Some(file) = self.files.read(&path) else {
            return Err(OnnxError::content(
                place,
                "the file of its elements is not in the model directory",
            ));
        };
        let number = |key: &str| match value(key) {
            None => Ok(None),
            Some(text) => text
                .parse::<usize>()
                .map(Some)
                .map_err(|_| OnnxError::content(place, "its elements' place in their file is no number")),
        };
        let start = number("offset")?.unwrap_or(0);
        let end = match number("length")? {
            Some(length) => start.checked_add(length),
            None => Some(file.len()),
        };
        let bytes = end.and_then(|end| file.get(start..end));
        let bytes = bytes.ok_or_else(|| OnnxError::content(place, "its elements lie beyond the end of their file"))?;
        Ok(Some(bytes))
    }
}

fn shape(stored: &Stored<'_>, place: &str) -> Result<(Vec<usize>, usize), OnnxError> {
    if stored.dims.len() > MAX_RANK {
        return Err(OnnxError::content(place, "it has too many dimensions"));
    }
    let sizes = stored.dims.iter().map(|size| usize::try_from(*size));
    let shape = sizes
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| OnnxError::content(place, "a dimension is negative"))?;
    let count = places(&shape).ok_or_else(|| OnnxError::content(place, "its shape has too many places"))?;
    Ok((shape, count))
}

fn from_bytes(kind: Kind, bytes: &[u8], count: usize, place: &str) -> Result<Elements, OnnxError> {
    let size = match kind {
        Kind::F64 | Kind::I64 => 8,
        Kind::Bool => 1,
        Kind::F32 | Kind::I32 | Kind::Text => 4,
    };
    if count.checked_mul(size) != Some(bytes.len()) {
        return Err(OnnxError::content(
            place,
            "the number of bytes is not that of its shape",
        ));
    }
    let fours = bytes.as_chunks::<4>().0.iter();
    let eights = bytes.as_chunks::<8>().0.iter();
    Ok(match kind {
        Kind::F32 => Elements::F32(fours.map(|four| f32::from_le_bytes(*four)).collect()),
        Kind::I32 => Elements::I32(fours.map(|four| i32::from_le_bytes(*four)).collect()),
        Kind::F64 => Elements::F64(eights.map(|eight| f64::from_le_bytes(*eight)).collect()),
        Kind::I64 => Elements::I64(eights.map(|eight| i64::from_le_bytes(*eight)).collect()),
        Kind::Bool => Elements::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
        Kind::Text => return Err(OnnxError::content(place, "texts are no raw bytes")),
    })
}

fn from_lists(kind: Kind, stored: &Stored<'_>, place: &str) -> Result<Elements, OnnxError> {
    Ok(match kind {
        Kind::F32 => Elements::F32(stored.floats.clone()),
        Kind::F64 => Elements::F64(stored.doubles.clone()),
        Kind::I64 => Elements::I64(stored.ints.clone()),
        Kind::I32 => Elements::I32(narrow(&stored.ints, place)?),
        Kind::Bool => Elements::Bool(stored.ints.iter().map(|value| *value != 0).collect()),
        Kind::Text => Elements::Text(stored.texts.iter().map(|text| Arc::from(*text)).collect()),
    })
}

fn narrow(values: &[i64], place: &str) -> Result<Vec<i32>, OnnxError> {
    let narrowed = values.iter().map(|value| i32::try_from(*value));
    narrowed
        .collect::<Result<_, _>>()
        .map_err(|_| OnnxError::content(place, "an element is out of the range of its type"))
}
