//! MLflow's filter grammar as a syntax tree: conditions on keys, joined by `and`.

use std::fmt;

/// A whole filter; all conditions must hold. Empty means everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter(pub Vec<Comparison>);

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What the key belongs to.
    pub entity: Entity,
    /// The key or the attribute's name.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Value,
}

/// What a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A property of the thing itself; written bare or with `attributes.`.
    Attribute,
    /// `metrics.k`.
    Metric,
    /// `params.k`.
    Param,
    /// `tags.k`.
    Tag,
    /// `datasets.k`.
    Dataset,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `LIKE`, case matters.
    Like,
    /// `ILIKE`, case does not matter.
    Ilike,
    /// `IN (…)`
    In,
    /// `NOT IN (…)`
    NotIn,
    /// `IS NULL`
    Absent,
    /// `IS NOT NULL`
    Present,
}

/// The right-hand side of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Quoted text.
    Text(String),
    /// A finite number.
    Number(f64),
    /// Quoted texts in parentheses.
    List(Vec<String>),
    /// Nothing, for `IS NULL` and `IS NOT NULL`.
    Nothing,
}

/// Why a filter could not be read. Never echoes a value.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("at character {position}: {message}")]
pub struct FilterError {
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What was expected there.
    pub message: &'static str,
}

impl Entity {
    /// The canonical prefix.
    fn prefix(self) -> &'static str {
        match self {
            Self::Attribute => "attributes",
            Self::Metric => "metrics",
            Self::Param => "params",
            Self::Tag => "tags",
            Self::Dataset => "datasets",
        }
    }
}

impl Operator {
    /// How it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "LIKE",
            Self::Ilike => "ILIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Absent => "IS NULL",
            Self::Present => "IS NOT NULL",
        }
    }
}

/// Writes the canonical form: every key prefixed and in backticks.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, comparison) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" AND ")?;
            }
            let key = comparison.key.replace('`', "``");
            write!(
                f,
                "{}.`{key}` {}",
                comparison.entity.prefix(),
                comparison.operator.as_str()
            )?;
            match &comparison.value {
                Value::Nothing => {}
                Value::Number(number) => write!(f, " {number:?}")?,
                Value::Text(text) => write!(f, " {}", quoted(text))?,
                Value::List(texts) => {
                    let texts: Vec<String> = texts.iter().map(|t| quoted(t)).collect();
                    write!(f, " ({})", texts.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
