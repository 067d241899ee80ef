//! A reader of numpy's `.npy` files (format versions 1 to 3, little-endian, C order) for expected values in tests.
//! Layout: magic, version, header length, a Python dict literal, then the elements.

use std::ops::Range;

const MAGIC: &[u8] = b"\x93NUMPY";
/// numpy stores text as UTF-32, four bytes a character, padded with NUL.
const BYTES_PER_CHARACTER: usize = 4;

/// One array as it was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of the axes; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements in C order: the last axis varies fastest.
    pub values: Values,
}

/// The elements of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `float64`.
    F64(Vec<f64>),
    /// `float32`.
    F32(Vec<f32>),
    /// `int64`.
    I64(Vec<i64>),
    /// `int32`.
    I32(Vec<i32>),
    /// `bool`.
    Bool(Vec<bool>),
    /// Unicode text.
    Text(Vec<String>),
}

/// Reads one array; panics with the reason when the bytes are something else.
#[must_use]
pub fn parse(bytes: &[u8]) -> Array {
    assert!(bytes.starts_with(MAGIC), "not an .npy file");
    let (header, data) = split(bytes);
    let header = str::from_utf8(header).expect("an .npy header is text");
    assert!(
        header.contains("'fortran_order': False"),
        "only C order is read: {header}"
    );
    let shape: Vec<usize> = between(header, "'shape': (", ")")
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse()
                .unwrap_or_else(|error| panic!("shape of {header}: {error}"))
        })
        .collect();
    let count = shape.iter().product();
    let values = elements(between(header, "'descr': '", "'"), count, data);
    Array { shape, values }
}

impl Array {
    /// The elements, which must be `float64`.
    #[must_use]
    pub fn f64(&self) -> &[f64] {
        match &self.values {
            Values::F64(values) => values,
            other => panic!("expected float64, found {other:?}"),
        }
    }

    /// The elements, which must be `int64`.
    #[must_use]
    pub fn i64(&self) -> &[i64] {
        match &self.values {
            Values::I64(values) => values,
            other => panic!("expected int64, found {other:?}"),
        }
    }

    /// The elements of row `index` of a two-dimensional `float64` array.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f64] {
        let &[_, width] = self.shape.as_slice() else {
            panic!("expected two axes, found {:?}", self.shape)
        };
        &self.f64()[index * width..(index + 1) * width]
    }
}

/// Header text and element bytes. The header's length has two bytes in version 1 and four later.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match bytes[MAGIC.len()] {
        1 => (usize::from(u16::from_le_bytes(array(bytes, 8..10))), 10),
        2 | 3 => (u32::from_le_bytes(array(bytes, 8..12)) as usize, 12),
        version => panic!("unknown .npy version {version}"),
    };
    bytes[start..].split_at(length)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
    let length = text[start..]
        .find(after)
        .unwrap_or_else(|| panic!("no {after} in {text}"));
    &text[start..start + length]
}

fn elements(kind: &str, count: usize, data: &[u8]) -> Values {
    match kind {
        "<f8" => Values::F64(chunks(count, data).map(f64::from_le_bytes).collect()),
        "<f4" => Values::F32(chunks(count, data).map(f32::from_le_bytes).collect()),
        "<i8" => Values::I64(chunks(count, data).map(i64::from_le_bytes).collect()),
        "<i4" => Values::I32(chunks(count, data).map(i32::from_le_bytes).collect()),
        "|b1" => Values::Bool(chunks(count, data).map(|[byte]| byte != 0).collect()),
        text if text.starts_with("<U") => {
            let width: usize = text[2..]
                .parse()
                .unwrap_or_else(|error| panic!("descr {text}: {error}"));
            Values::Text((0..count).map(|index| characters(index, width, data)).collect())
        }
        other => panic!("element type {other} is not read"),
    }
}

/// `count` fixed-size pieces of `data`, which must hold exactly those.
fn chunks<const WIDTH: usize>(count: usize, data: &[u8]) -> impl Iterator<Item = [u8; WIDTH]> {
    assert_eq!(data.len(), count * WIDTH, "element bytes");
    (0..count).map(|index| array(data, index * WIDTH..(index + 1) * WIDTH))
}

fn array<const WIDTH: usize>(bytes: &[u8], range: Range<usize>) -> [u8; WIDTH] {
    bytes[range].try_into().expect("the range is as wide as the array")
}

fn characters(index: usize, width: usize, data: &[u8]) -> String {
    let start = index * width * BYTES_PER_CHARACTER;
    (0..width)
        .map(|at| start + at * BYTES_PER_CHARACTER)
        .map(|at| u32::from_le_bytes(array(data, at..at + BYTES_PER_CHARACTER)))
        .take_while(|&code| code != 0)
        .map(|code| char::from_u32(code).expect("numpy text is Unicode"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What numpy writes for this header and these element bytes.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend(u16::try_from(header.len()).expect("short header").to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn expected_labels_and_probabilities_of_the_demo_are_read() {
        let labels = parse(&crate::read("diabetes/expected_version_1/lab_predict.npy"));
        assert_eq!(
            labels,
            Array {
                shape: vec![5],
                values: Values::I64(vec![0, 1, 0, 1, 0])
            }
        );
        let scores = parse(&crate::read("diabetes/expected_version_1/lab_predict_proba.npy"));
        assert_eq!(scores.shape, [5, 2]);
        let [no, yes] = scores.row(1) else {
            panic!("two classes")
        };
        assert!((no + yes - 1.0).abs() < 1e-12 && yes > no);
    }

    #[test]
    fn text_and_booleans_are_read() {
        let data: Vec<u8> = ['a', 'ñ', 'b', '\0']
            .iter()
            .flat_map(|c| u32::from(*c).to_le_bytes())
            .collect();
        let text = file("{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }\n", &data);
        assert_eq!(parse(&text).values, Values::Text(vec!["añ".into(), "b".into()]));
        let flags = file("{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", &[1]);
        assert_eq!(
            parse(&flags),
            Array {
                shape: vec![],
                values: Values::Bool(vec![true])
            }
        );
    }

    #[test]
    #[should_panic(expected = "element bytes")]
    fn a_short_file_is_refused() {
        let _ = parse(&file(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n",
            &[0; 8],
        ));
    }

    #[test]
    #[should_panic(expected = "only C order")]
    fn columns_first_are_refused() {
        let _ = parse(&file(
            "{'descr': '<f8', 'fortran_order': True, 'shape': (1, 1), }\n",
            &[0; 8],
        ));
    }
}
