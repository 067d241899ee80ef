//! The attributes of a node, by name, with errors that say which node and attribute.

use std::sync::Arc;

use super::error::{OnnxError, shown};
use super::graph::Context;
use super::proto::{Attribute, Node, Stored};
use super::tensor::Tensor;
use super::wire::Message;

/// A node while it is compiled.
pub(super) struct Spec<'a> {
    /// `node 3 `name` (`MatMul`)`.
    pub(super) place: String,
    /// Version of the operator's domain that the file imports.
    pub(super) opset: i64,
    /// How many outputs the node names.
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    attributes: Vec<Attribute<'a>>,
    pub(super) context: &'a Context<'a>,
}

impl<'a> Spec<'a> {
    pub(super) fn new(
        node: &Node<'a>,
        position: usize,
        opset: i64,
        context: &'a Context<'a>,
    ) -> Result<Self, OnnxError> {
        let place = place(node, position);
        let mut attributes: Vec<Attribute<'a>> = Vec::with_capacity(node.attributes.len());
        for message in &node.attributes {
            let attribute = Attribute::read(*message)?;
            if attribute.reference {
                return Err(OnnxError::unsupported(
                    place,
                    "functions of the file are not understood",
                ));
            }
            if attributes.iter().any(|other| other.name == attribute.name) {
                return Err(OnnxError::content(place, "two attributes have one name"));
            }
            attributes.push(attribute);
        }
        Ok(Self {
            place,
            opset,
            outputs: node.outputs.len(),
            inputs: node.inputs.len(),
            attributes,
            context,
        })
    }

    pub(super) fn content<T>(&self, problem: impl Into<String>) -> Result<T, OnnxError> {
        Err(OnnxError::content(self.place.clone(), problem))
    }

    pub(super) fn unsupported<T>(&self, problem: impl Into<String>) -> Result<T, OnnxError> {
        Err(OnnxError::unsupported(self.place.clone(), problem))
    }

    fn find(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.find(name).and_then(|attribute| attribute.int)
    }

    pub(super) fn int_or(&self, name: &str, default: i64) -> i64 {
        self.int(name).unwrap_or(default)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        self.find(name).and_then(|attribute| attribute.float)
    }

    pub(super) fn float_or(&self, name: &str, default: f32) -> f32 {
        self.float(name).unwrap_or(default)
    }

    /// An empty list when it is absent.
    pub(super) fn ints(&self, name: &str) -> Vec<i64> {
        self.find(name)
            .map_or_else(Vec::new, |attribute| attribute.ints.clone())
    }

    pub(super) fn floats(&self, name: &str) -> Vec<f32> {
        self.find(name)
            .map_or_else(Vec::new, |attribute| attribute.floats.clone())
    }

    pub(super) fn texts(&self, name: &str) -> Vec<Arc<str>> {
        let texts = self.find(name).map_or(&[][..], |attribute| &attribute.texts);
        texts.iter().map(|text| Arc::from(*text)).collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, OnnxError> {
        match self.find(name).and_then(|attribute| attribute.text) {
            None => Ok(None),
            Some(message) => match std::str::from_utf8(message.bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => self.content(format!("attribute `{name}` is not UTF-8")),
            },
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<Tensor>, OnnxError> {
        match self.find(name).and_then(|attribute| attribute.tensor) {
            None => Ok(None),
            Some(message) => Ok(Some(self.context.storage.tensor(&Stored::read(message)?)?)),
        }
    }

    pub(super) fn graph(&self, name: &str) -> Option<Message<'a>> {
        self.find(name).and_then(|attribute| attribute.graph)
    }

    /// One of some words; an unknown one is not understood.
    pub(super) fn choice<T: Copy>(&self, name: &str, default: T, words: &[(&str, T)]) -> Result<T, OnnxError> {
        let Some(text) = self.text(name)? else {
            return Ok(default);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(*value),
            None => self.unsupported(format!("attribute `{name}` has a word that is not understood")),
        }
    }

    /// A count that is at least 0.
    pub(super) fn count(&self, name: &str, value: i64) -> Result<usize, OnnxError> {
        match usize::try_from(value) {
            Ok(count) => Ok(count),
            Err(_) => self.content(format!("attribute `{name}` is out of range")),
        }
    }
}

/// What error texts call a node.
pub(super) fn place(node: &Node<'_>, position: usize) -> String {
    let domain = if node.domain.is_empty() || node.domain == "ai.onnx" {
        String::new()
    } else {
        format!("{}.", shown(node.domain))
    };
    let name = if node.name.is_empty() {
        String::new()
    } else {
        format!("`{}` ", shown(node.name))
    };
    format!("node {position} {name}(`{domain}{}`)", shown(node.op))
}
