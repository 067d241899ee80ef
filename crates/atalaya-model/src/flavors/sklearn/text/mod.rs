//! `sklearn.feature_extraction.text`: a column of texts in, sparse rows of term counts or weights out.

mod analyze;
mod hash;
mod stop_words;
mod unicode;
mod weigh;
mod word;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::Part;
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;
use analyze::Analyzer;
use weigh::{Norm, Tfidf};

/// The module of all of them.
pub(super) const MODULE: &str = "sklearn.feature_extraction.text";

/// `TfidfTransformer`'s compile function.
pub(super) fn weights(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    Tfidf::compile(compiler, part, names)
}

/// Where terms are counted.
enum Columns {
    Vocabulary(HashMap<Box<str>, u32>),
    /// `HashingVectorizer`: so many columns, and whether half of the terms count negatively.
    Hashed {
        count: u32,
        signs: bool,
    },
}

/// `CountVectorizer`, `TfidfVectorizer`, `HashingVectorizer`.
pub(super) struct Vectorizer {
    name: Arc<str>,
    analyzer: Analyzer,
    columns: Columns,
    width: usize,
    binary: bool,
    norm: Norm,
    weights: Option<Tfidf>,
}

impl Vectorizer {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let [name] = &names[..] else {
            return part.unsupported("gets more than one column; it reads one of text");
        };
        let dtype = part.field("dtype")?;
        let known = [
            ("numpy", "int64"),
            ("numpy", "float64"),
            ("builtins", "float"),
            ("builtins", "int"),
        ];
        if !dtype.class().is_some_and(|class| known.contains(&class)) {
            return part.unsupported("attribute `dtype` is neither int64 nor float64");
        }
        let analyzer = Analyzer::compile(compiler, part)?;
        let columns = if part.name == "HashingVectorizer" {
            let count = part.count("n_features")?;
            let Some(count) = u32::try_from(count).ok().filter(|count| (1..=1 << 31).contains(count)) else {
                return part.content("attribute `n_features` is not a number of columns");
            };
            Columns::Hashed {
                count,
                signs: part.flag("alternate_sign", true)?,
            }
        } else {
            Columns::Vocabulary(vocabulary(compiler, part)?)
        };
        let width = match &columns {
            Columns::Vocabulary(terms) => terms.len(),
            Columns::Hashed { count, .. } => *count as usize,
        };
        compiler.charge(width.saturating_mul(size_of::<Arc<str>>()))?;
        let out: Names = std::iter::repeat_n(name, width).map(Arc::clone).collect();
        let weights = if part.name == "TfidfVectorizer" {
            let place = format!("{}, its weights", part.place);
            let inner = Part::new(part.field("_tfidf")?, &place)?;
            if inner.name != "TfidfTransformer" {
                return part.content("attribute `_tfidf` is not a TfidfTransformer");
            }
            Some(Tfidf::read(compiler, &inner, &out)?)
        } else {
            None
        };
        let vectorizer = Self {
            name: Arc::clone(name),
            analyzer,
            norm: if let Columns::Hashed { .. } = columns {
                Norm::read(part)?
            } else {
                Norm::None
            },
            columns,
            width,
            binary: part.flag("binary", false)?,
            weights,
        };
        Ok((Box::new(vectorizer), out))
    }

    /// The counted columns of a text, ascending.
    fn count(&self, text: &str, found: &mut Vec<(u32, f64)>) {
        found.clear();
        match &self.columns {
            Columns::Vocabulary(terms) => self.analyzer.terms(text, &mut |term| {
                found.extend(terms.get(term).map(|column| (*column, 1.0)));
            }),
            Columns::Hashed { count, signs } => self.analyzer.terms(text, &mut |term| {
                let hash = hash::murmur(term.as_bytes());
                let value = if *signs && hash < 0 { -1.0 } else { 1.0 };
                found.push((hash::column(hash, *count), value));
            }),
        }
        // Counts are whole numbers, so the order of their sums does not matter.
        found.sort_unstable_by_key(|(column, _)| *column);
        found.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        if self.binary {
            found.iter_mut().for_each(|(_, value)| *value = 1.0);
        }
    }

    fn rows<'t>(&self, texts: impl Iterator<Item = Option<&'t str>>) -> Result<Sparse, PredictError> {
        let mut sparse = Sparse::new(self.width);
        let mut found = Vec::new();
        for (row, text) in texts.enumerate() {
            let missing = || PredictError::Missing {
                column: self.name.to_string(),
                row,
            };
            self.count(text.ok_or_else(missing)?, &mut found);
            sparse.push(found.iter().copied());
        }
        Ok(sparse)
    }
}

impl Transform for Vectorizer {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let expected = || PredictError::Column {
            column: self.name.to_string(),
            expected: "text".to_owned(),
        };
        let Block::Columns { columns, .. } = block else {
            return Err(expected());
        };
        let [texts] = &columns[..] else { return Err(expected()) };
        let mut sparse = match texts.data_type() {
            DataType::Utf8 => self.rows(texts.as_string::<i32>().iter())?,
            DataType::LargeUtf8 => self.rows(texts.as_string::<i64>().iter())?,
            DataType::Utf8View => self.rows(texts.as_string_view().iter())?,
            DataType::Null => self.rows(std::iter::repeat_n(None, texts.len()))?,
            _ => return Err(expected()),
        };
        match &self.weights {
            Some(weights) => weights.weigh(&mut sparse),
            None => self.norm.apply(&mut sparse),
        }
        Ok(Block::Sparse(sparse))
    }
}

/// `vocabulary_`: a column for each term, and a term for each column.
fn vocabulary(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<HashMap<Box<str>, u32>, SklearnError> {
    let Some(view) = part.optional("vocabulary_") else {
        if part.optional("vocabulary").is_some() {
            return part.unsupported("has a `vocabulary` but was not fitted");
        }
        return part.content("no attribute `vocabulary_`");
    };
    let Some(pairs) = view.pairs() else {
        return part.content("attribute `vocabulary_` is not a dict");
    };
    let count = pairs.len();
    compiler.charge(count.saturating_mul(64))?;
    let mut terms = HashMap::with_capacity(count);
    let mut taken = vec![false; count];
    for (term, column) in pairs {
        let column = column.as_i64().and_then(|column| usize::try_from(column).ok());
        let slot = column.and_then(|column| Some((column, taken.get_mut(column)?)));
        let (Some(term), Some((column, slot))) = (View::as_str(term), slot) else {
            return part.content("attribute `vocabulary_` does not have a text for each column");
        };
        compiler.charge(term.len())?;
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        if std::mem::replace(slot, true) || terms.insert(Box::from(term), column).is_some() {
            return part.content("attribute `vocabulary_` names a column or a term twice");
        }
    }
    Ok(terms)
}
