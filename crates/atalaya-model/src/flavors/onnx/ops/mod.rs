//! The operators of `ai.onnx`, one row each in [`OPERATORS`] and its like. To add one: a compile function that reads the
//! node's attributes and gives what evaluates it, and a row. The arithmetic is that of onnxruntime's CPU provider.

mod arithmetic;
mod broadcast;
mod cast;
mod compare;
mod create;
mod layout;
mod matrix;
mod normalize;
mod reduce;
mod scan;
mod select;
mod unary;

use std::cell::Cell;
use std::sync::Arc;

use super::attributes::Spec;
use super::error::{EvalError, OnnxError};
use super::ml;
use super::tensor::Tensor;

pub(super) use matrix::{Product, multiply};
pub(super) use select::take;

/// What evaluates a node.
pub(super) trait Operator: Send + Sync {
    fn run(&self, inputs: &Inputs, budget: &Budget) -> Result<Vec<Arc<Tensor>>, EvalError>;
}

impl<F> Operator for F
where
    F: Fn(&Inputs, &Budget) -> Result<Vec<Arc<Tensor>>, EvalError> + Send + Sync,
{
    fn run(&self, inputs: &Inputs, budget: &Budget) -> Result<Vec<Arc<Tensor>>, EvalError> {
        self(inputs, budget)
    }
}

/// What a compile function gives.
pub(super) type Compiled = Result<Box<dyn Operator>, OnnxError>;

/// What an evaluation gives.
pub(super) type Results = Result<Vec<Arc<Tensor>>, EvalError>;

/// An operator by name, and how it is compiled.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) compile: fn(&Spec<'_>) -> Compiled,
}

/// One row of a table.
pub(super) const fn row(name: &'static str, compile: fn(&Spec<'_>) -> Compiled) -> Row {
    Row { name, compile }
}

/// Domains, and the tables of their operators.
static DOMAINS: &[(&str, &[&[Row]])] = &[
    (
        "",
        &[
            arithmetic::OPERATORS,
            cast::OPERATORS,
            compare::OPERATORS,
            create::OPERATORS,
            layout::OPERATORS,
            matrix::OPERATORS,
            normalize::OPERATORS,
            reduce::OPERATORS,
            scan::OPERATORS,
            select::OPERATORS,
            unary::OPERATORS,
        ],
    ),
    ("ai.onnx.ml", &[ml::OPERATORS]),
    ("com.microsoft", &[matrix::MICROSOFT]),
];

/// The row of an operator.
pub(super) fn find(domain: &str, name: &str) -> Option<&'static Row> {
    let (_, tables) = DOMAINS.iter().find(|(known, _)| *known == domain)?;
    tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|row| row.name == name)
}

/// Every operator that is understood, as `domain`, `name`; the domain of `ai.onnx` is empty.
pub fn operators() -> impl Iterator<Item = (&'static str, &'static str)> {
    let tables = DOMAINS
        .iter()
        .flat_map(|(domain, tables)| tables.iter().map(move |table| (*domain, *table)));
    tables.flat_map(|(domain, table)| table.iter().map(move |row| (domain, row.name)))
}

/// The tensors that a node takes; `None` for an optional one that is left out.
pub(super) struct Inputs(pub(super) Vec<Option<Arc<Tensor>>>);

impl Inputs {
    pub(super) fn get(&self, position: usize) -> Result<&Tensor, EvalError> {
        self.optional(position).ok_or(EvalError::NoInput(position))
    }

    pub(super) fn shared(&self, position: usize) -> Result<Arc<Tensor>, EvalError> {
        let found = self.0.get(position).and_then(Option::as_ref);
        found.cloned().ok_or(EvalError::NoInput(position))
    }

    pub(super) fn optional(&self, position: usize) -> Option<&Tensor> {
        self.0.get(position).and_then(Option::as_deref)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// How many elements an evaluation may still hold and make. A file of a few bytes can ask for any number of either.
pub(super) struct Budget {
    held: Cell<usize>,
    made: Cell<usize>,
    /// Whether unknown categories are let through: the evaluation only tries whether the shapes fit.
    pub(super) trial: bool,
}

impl Budget {
    pub(super) fn new(held: usize, made: usize, trial: bool) -> Self {
        Self {
            held: Cell::new(held),
            made: Cell::new(made),
            trial,
        }
    }

    /// Takes memory for a tensor of so many elements.
    pub(super) fn take(&self, elements: usize) -> Result<(), EvalError> {
        self.work(elements)?;
        let left = self.held.get().checked_sub(elements).ok_or(EvalError::TooLarge)?;
        self.held.set(left);
        Ok(())
    }

    /// Takes memory for a tensor of this shape; gives its number of elements.
    pub(super) fn take_shape(&self, shape: &[usize]) -> Result<usize, EvalError> {
        let elements = super::tensor::places(shape).ok_or(EvalError::TooLarge)?;
        self.take(elements)?;
        Ok(elements)
    }

    /// Takes time for so many steps.
    pub(super) fn work(&self, steps: usize) -> Result<(), EvalError> {
        let left = self.made.get().checked_sub(steps).ok_or(EvalError::TooLarge)?;
        self.made.set(left);
        Ok(())
    }

    pub(super) fn give_back(&self, elements: usize) {
        self.held.set(self.held.get().saturating_add(elements));
    }
}

/// One tensor as a node's results.
pub(super) fn one(tensor: Tensor) -> Results {
    Ok(vec![Arc::new(tensor)])
}

/// An axis, counted from the end when it is negative.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, EvalError> {
    let counted = if axis < 0 {
        axis.checked_add_unsigned(rank as u64)
    } else {
        Some(axis)
    };
    let found = counted.and_then(|axis| usize::try_from(axis).ok());
    found
        .filter(|axis| *axis < rank)
        .ok_or(EvalError::Shape("an axis is out of range"))
}
