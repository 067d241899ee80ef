//! `OrdinalEncoder` and `TargetEncoder`: numbers in place of categories.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::categories::{Categories, Groups, for_each_category, infrequent, unknown_category};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::members::double;
use super::numeric::round_to_f32;
use super::part::{Part, length};
use super::transform::{Compiled, Transform};
use crate::object::{Node, Scalar, View};
use crate::predictor::PredictError;

/// What the categories of an input column become.
#[derive(Debug)]
struct Column {
    /// `width` numbers per category, side by side.
    codes: Vec<f64>,
    /// The `width` numbers of everything else; refused when there are none.
    unknown: Option<Vec<f64>>,
    /// Numbers per category.
    width: usize,
    /// Where they are in a row.
    offset: usize,
}

/// `OrdinalEncoder` or `TargetEncoder`.
#[derive(Debug)]
pub(super) struct Encode {
    names: Names,
    categories: Vec<Categories>,
    columns: Vec<Column>,
    width: usize,
    single: bool,
}

/// The types of numbers that an `OrdinalEncoder` gives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Double,
    Single,
    /// Whole numbers, up to the largest.
    Whole(usize),
}

impl Encode {
    pub(super) fn ordinal(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let categories = Categories::read_each(compiler, part, names.len())?;
        let dtype = dtype(part)?;
        let round = |value: f64| {
            if dtype == Type::Single {
                round_to_f32(value)
            } else {
                value
            }
        };
        let unknown = match part.text("handle_unknown")? {
            "error" => None,
            "use_encoded_value" => Some(vec![round(part.number("unknown_value")?)]),
            _ => return part.content("attribute `handle_unknown` is not one of its words"),
        };
        let missing = match part.optional("encoded_missing_value") {
            Some(_) => round(part.number("encoded_missing_value")?),
            None => f64::NAN,
        };
        let groups = infrequent(part, names.len())?;
        let mut columns = Vec::with_capacity(names.len());
        for (position, categories) in categories.iter().enumerate() {
            let groups = groups.get(position).and_then(Option::as_ref);
            if matches!(dtype, Type::Whole(most) if categories.len() > most) {
                return part.unsupported("with more categories than its `dtype` can count");
            }
            columns.push(Column {
                codes: ordinal_codes(part, categories, groups, round(missing))?,
                unknown: unknown.clone(),
                width: 1,
                offset: position,
            });
        }
        Ok(Self::compiled(names, categories, columns, dtype == Type::Single))
    }

    pub(super) fn target(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let categories = Categories::read_each(compiler, part, names.len())?;
        let means = match part.field("target_mean_")?.as_f64() {
            Some(mean) => vec![mean],
            None => part.floats(compiler, "target_mean_")?,
        };
        let width = means.len();
        let encodings = part.items("encodings_")?;
        if width == 0 || encodings.len() != names.len() * width {
            return part.content("attribute `encodings_` does not have one array per column and class");
        }
        let mut columns = Vec::with_capacity(names.len());
        for (position, (categories, arrays)) in categories.iter().zip(encodings.chunks_exact(width)).enumerate() {
            let mut codes = vec![0.0; categories.len() * width];
            for (class, array) in arrays.iter().enumerate() {
                compiler.charge(16 * length(*array))?;
                let Some(values) = array.floats().filter(|values| values.len() == categories.len()) else {
                    return part.content("attribute `encodings_` does not have one number per category");
                };
                for (slot, value) in codes.iter_mut().skip(class).step_by(width).zip(values) {
                    *slot = value;
                }
            }
            columns.push(Column {
                codes,
                unknown: Some(means.clone()),
                width,
                offset: position * width,
            });
        }
        Ok(Self::compiled(names, categories, columns, false))
    }

    fn compiled(names: &Names, categories: Vec<Categories>, columns: Vec<Column>, single: bool) -> Compiled {
        let repeated = names.iter().zip(&columns);
        let out: Names = repeated
            .flat_map(|(name, column)| std::iter::repeat_n(Arc::clone(name), column.width))
            .collect();
        let encode = Self {
            names: Names::clone(names),
            categories,
            columns,
            width: out.len(),
            single,
        };
        (Box::new(encode), out)
    }
}

impl Transform for Encode {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let rows = block.rows();
        let mut values = vec![0.0; rows * self.width];
        for_each_category(block, &self.names, &self.categories, |position, row, found| {
            let column = &self.columns[position];
            let codes = match (found, &column.unknown) {
                (Some(category), _) => &column.codes[category * column.width..(category + 1) * column.width],
                (None, Some(unknown)) => unknown,
                (None, None) => return Err(unknown_category(&self.names, position, row)),
            };
            let start = row * self.width + column.offset;
            values[start..start + column.width].copy_from_slice(codes);
            Ok(())
        })?;
        Ok(Block::Numbers(Matrix {
            rows,
            columns: self.width,
            values,
            single: self.single,
            sparse: false,
        }))
    }
}

/// The number of each category of a column. A missing one is in no group.
fn ordinal_codes(
    part: &Part<'_, '_>,
    categories: &Categories,
    groups: Option<&Groups>,
    missing: f64,
) -> Result<Vec<f64>, SklearnError> {
    let code = |category: usize| {
        if categories.missing(category) {
            return Some(missing);
        }
        match groups {
            Some(groups) => groups.of.get(category).copied().map(double),
            None => Some(double(category)),
        }
    };
    match (0..categories.len()).map(code).collect() {
        Some(codes) => Ok(codes),
        None => part.content("attribute `_default_to_infrequent_mappings` does not fit `categories_`"),
    }
}

/// The type of the numbers that it gives.
fn dtype(part: &Part<'_, '_>) -> Result<Type, SklearnError> {
    Ok(match dtype_name(part.field("dtype")?) {
        Some("float64" | "float" | "double" | "f8") => Type::Double,
        Some("float32" | "single" | "f4") => Type::Single,
        Some("int64" | "int" | "intp" | "uint64" | "i8" | "u8") => Type::Whole(usize::MAX),
        Some("int32" | "i4") => Type::Whole(0x7fff_ffff),
        Some("uint32" | "u4") => Type::Whole(0xffff_ffff),
        Some("int16" | "i2") => Type::Whole(0x7fff),
        Some("uint16" | "u2") => Type::Whole(0xffff),
        Some("int8" | "i1") => Type::Whole(0x7f),
        Some("uint8" | "u1") => Type::Whole(0xff),
        _ => return part.unsupported("with a `dtype` that is not known"),
    })
}

/// What a parameter `dtype` calls a type: a class, a text, or a numpy dtype.
pub(super) fn dtype_name(view: View<'_>) -> Option<&str> {
    let Node::Dtype(dtype) = view.node() else {
        return view.as_str().or_else(|| view.class().map(|(_, name)| name));
    };
    match (dtype.scalar, dtype.itemsize) {
        (Scalar::Float, 8) => Some("f8"),
        (Scalar::Float, 4) => Some("f4"),
        (Scalar::Int, 8) => Some("i8"),
        (Scalar::Int, 4) => Some("i4"),
        (Scalar::Int, 2) => Some("i2"),
        (Scalar::Int, 1) => Some("i1"),
        (Scalar::UInt, 8) => Some("u8"),
        (Scalar::UInt, 4) => Some("u4"),
        (Scalar::UInt, 2) => Some("u2"),
        (Scalar::UInt, 1) => Some("u1"),
        _ => None,
    }
}
