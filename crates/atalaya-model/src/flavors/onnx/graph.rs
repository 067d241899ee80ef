//! Graphs: checked and put in order once, then evaluated node by node.

use std::collections::HashMap;
use std::sync::Arc;

use super::attributes::{Spec, place};
use super::error::{EvalError, Failure, OnnxError, shown};
use super::initializer::Storage;
use super::ops::{self, Budget, Inputs, Operator};
use super::proto::{Graph, Node};
use super::tensor::Tensor;
use super::wire::Message;

/// Deepest nesting of bodies (`Scan`) within bodies.
const MAX_DEPTH: usize = 3;

/// What all nodes of a file share.
pub(super) struct Context<'a> {
    pub(super) storage: Storage<'a>,
    /// Domain and version.
    pub(super) opsets: Vec<(&'a str, i64)>,
    pub(super) depth: usize,
}

/// The class names that a `ZipMap` gives to the columns of its input.
#[derive(Debug, Clone)]
pub(super) struct Keys(pub(super) Vec<Arc<str>>);

/// A graph in order of evaluation. Values are numbered: first the inputs, then the constants, then what nodes give.
pub(super) struct Program {
    constants: Vec<(usize, Arc<Tensor>)>,
    steps: Vec<Step>,
    slots: usize,
    pub(super) inputs: usize,
    outputs: Vec<usize>,
    /// For each output, its keys when it is a sequence of maps.
    pub(super) keys: Vec<Option<Keys>>,
}

struct Step {
    place: String,
    operator: Box<dyn Operator>,
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
    /// Values that nothing needs after this step.
    last_use: Vec<usize>,
}

impl Program {
    /// Compiles what the outputs of a graph need.
    pub(super) fn compile(message: Message<'_>, context: &Context<'_>) -> Result<(Self, Vec<String>), OnnxError> {
        let graph = Graph::read(message)?;
        if graph.sparse_initializers {
            return Err(OnnxError::unsupported("the graph", "sparse tensors are not understood"));
        }
        Compiler::new(&graph, context)?.finish()
    }

    /// Evaluates the graph.
    pub(super) fn run(&self, inputs: Vec<Arc<Tensor>>, budget: &Budget) -> Result<Vec<Arc<Tensor>>, Failure> {
        let mut values: Vec<Option<Arc<Tensor>>> = vec![None; self.slots];
        for (slot, tensor) in inputs.into_iter().enumerate().take(self.inputs) {
            values[slot] = Some(tensor);
        }
        for (slot, tensor) in &self.constants {
            values[*slot] = Some(Arc::clone(tensor));
        }
        for step in &self.steps {
            let inputs: Vec<_> = (step.inputs.iter())
                .map(|slot| slot.and_then(|slot| values[slot].clone()))
                .collect();
            let failed = |error| Failure {
                place: step.place.clone(),
                error,
            };
            let results = step.operator.run(&Inputs(inputs), budget).map_err(failed)?;
            if results.len() < step.outputs.len() {
                return Err(failed(EvalError::Value("it has fewer outputs than the graph names")));
            }
            for (slot, result) in step.outputs.iter().zip(results) {
                if let Some(slot) = slot {
                    values[*slot] = Some(result);
                }
            }
            for slot in &step.last_use {
                if let Some(tensor) = values[*slot].take()
                    && Arc::strong_count(&tensor) == 1
                {
                    budget.give_back(tensor.len());
                }
            }
        }
        let output = |slot: &usize| {
            values[*slot].clone().ok_or(Failure {
                place: "the graph".to_owned(),
                error: EvalError::Value("an output is missing"),
            })
        };
        self.outputs.iter().map(output).collect()
    }
}

/// A graph while it is compiled.
struct Compiler<'a, 'c> {
    graph: &'c Graph<'a>,
    context: &'c Context<'c>,
    slots: HashMap<&'a str, usize>,
    constants: Vec<(usize, Arc<Tensor>)>,
    inputs: Vec<String>,
    /// For each node, whether it is needed.
    needed: Vec<bool>,
    keys: HashMap<usize, Keys>,
}

impl<'a, 'c> Compiler<'a, 'c> {
    fn new(graph: &'c Graph<'a>, context: &'c Context<'c>) -> Result<Self, OnnxError> {
        if context.depth > MAX_DEPTH {
            return Err(OnnxError::unsupported("the graph", "bodies are nested too deeply"));
        }
        let mut compiler = Self {
            graph,
            context,
            slots: HashMap::new(),
            constants: Vec::new(),
            inputs: Vec::new(),
            needed: vec![false; graph.nodes.len()],
            keys: HashMap::new(),
        };
        let stored: HashMap<&str, usize> = (graph.initializers.iter().enumerate())
            .map(|(position, stored)| (stored.name, position))
            .collect();
        if stored.len() != graph.initializers.len() {
            return Err(OnnxError::content("the graph", "two stored tensors have one name"));
        }
        for input in &graph.inputs {
            // Up to version 3 of the format, stored tensors are listed among the inputs too.
            if !stored.contains_key(input.name) {
                compiler.define(input.name, "the graph")?;
                compiler.inputs.push(input.name.to_owned());
            }
        }
        let producers = compiler.producers()?;
        for stored in &graph.initializers {
            if producers.contains_key(stored.name) {
                return Err(OnnxError::content("the graph", "two values have one name"));
            }
        }
        compiler.mark(&producers)?;
        compiler.store()?;
        Ok(compiler)
    }

    fn define(&mut self, name: &'a str, place: &str) -> Result<usize, OnnxError> {
        let slot = self.slots.len();
        match self.slots.insert(name, slot) {
            None => Ok(slot),
            Some(_) => Err(OnnxError::content(place, "two values have one name")),
        }
    }

    /// Which node gives a value.
    fn producers(&self) -> Result<HashMap<&'a str, usize>, OnnxError> {
        let mut producers = HashMap::new();
        for (position, node) in self.graph.nodes.iter().enumerate() {
            for output in node.outputs.iter().filter(|output| !output.is_empty()) {
                if producers.insert(*output, position).is_some() || self.slots.contains_key(output) {
                    return Err(OnnxError::content(place(node, position), "two values have one name"));
                }
            }
        }
        Ok(producers)
    }

    /// Finds the nodes that the outputs need.
    fn mark(&mut self, producers: &HashMap<&'a str, usize>) -> Result<(), OnnxError> {
        let mut open: Vec<&str> = self.graph.outputs.iter().map(|output| output.name).collect();
        while let Some(name) = open.pop() {
            if let Some(&position) = producers.get(name)
                && !self.needed[position]
            {
                self.needed[position] = true;
                open.extend(&self.graph.nodes[position].inputs);
            }
        }
        if self.graph.outputs.is_empty() {
            return Err(OnnxError::content("the graph", "it has no outputs"));
        }
        Ok(())
    }

    /// Reads the stored tensors that needed nodes or outputs name.
    fn store(&mut self) -> Result<(), OnnxError> {
        let used: std::collections::HashSet<&str> = (self.graph.nodes.iter().zip(&self.needed))
            .filter(|(_, needed)| **needed)
            .flat_map(|(node, _)| node.inputs.iter().copied())
            .chain(self.graph.outputs.iter().map(|output| output.name))
            .collect();
        for stored in &self.graph.initializers {
            if used.contains(stored.name) {
                let tensor = self.context.storage.tensor(stored)?;
                let slot = self.define(stored.name, "the graph")?;
                self.constants.push((slot, Arc::new(tensor)));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Program, Vec<String>), OnnxError> {
        let mut steps = Vec::new();
        for position in self.order()? {
            let step = self.step(position)?;
            steps.push(step);
        }
        let mut outputs = Vec::new();
        for output in &self.graph.outputs {
            match self.slots.get(output.name) {
                Some(slot) => outputs.push(*slot),
                None => return Err(OnnxError::content("the graph", "an output is given by no node")),
            }
        }
        free(&mut steps, &outputs, self.slots.len());
        let program = Program {
            constants: self.constants,
            steps,
            slots: self.slots.len(),
            inputs: self.inputs.len(),
            keys: outputs.iter().map(|slot| self.keys.get(slot).cloned()).collect(),
            outputs,
        };
        Ok((program, self.inputs))
    }

    /// The needed nodes, each after those whose values it takes (Kahn's algorithm; first come, first served).
    fn order(&self) -> Result<Vec<usize>, OnnxError> {
        let mut waiting: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut missing = vec![0usize; self.graph.nodes.len()];
        let mut ready = std::collections::VecDeque::new();
        let needed = || (0..self.graph.nodes.len()).filter(|position| self.needed[*position]);
        for position in needed() {
            for input in &self.graph.nodes[position].inputs {
                if !input.is_empty() && !self.slots.contains_key(input) {
                    waiting.entry(input).or_default().push(position);
                    missing[position] += 1;
                }
            }
            if missing[position] == 0 {
                ready.push_back(position);
            }
        }
        let mut order = Vec::new();
        while let Some(position) = ready.pop_front() {
            order.push(position);
            for output in &self.graph.nodes[position].outputs {
                for waiter in waiting.remove(output).unwrap_or_default() {
                    missing[waiter] -= 1;
                    if missing[waiter] == 0 {
                        ready.push_back(waiter);
                    }
                }
            }
        }
        match needed().find(|position| missing[*position] > 0) {
            None => Ok(order),
            Some(position) => {
                let problem = "it takes a value that no node gives before it: an unknown name, or a cycle";
                Err(OnnxError::content(
                    place(&self.graph.nodes[position], position),
                    problem,
                ))
            }
        }
    }

    fn step(&mut self, position: usize) -> Result<Step, OnnxError> {
        let node = &self.graph.nodes[position];
        let inputs: Vec<Option<usize>> = node.inputs.iter().map(|name| self.slots.get(name).copied()).collect();
        let (operator, keys) = compile(node, position, self.context)?;
        if inputs.iter().flatten().any(|slot| self.keys.contains_key(slot)) {
            return Err(OnnxError::unsupported(
                place(node, position),
                "it takes a sequence of maps, which is understood as an output only",
            ));
        }
        let mut outputs = Vec::new();
        for name in &node.outputs {
            outputs.push(match name.is_empty() {
                true => None,
                false => Some(self.define(name, &place(node, position))?),
            });
        }
        if let (Some(keys), Some(Some(slot))) = (keys, outputs.first()) {
            self.keys.insert(*slot, keys);
        }
        Ok(Step {
            place: place(node, position),
            operator,
            inputs,
            outputs,
            last_use: Vec::new(),
        })
    }
}

fn compile(
    node: &Node<'_>,
    position: usize,
    context: &Context<'_>,
) -> Result<(Box<dyn Operator>, Option<Keys>), OnnxError> {
    let domain = if node.domain == "ai.onnx" { "" } else { node.domain };
    let Some(row) = ops::find(domain, node.op) else {
        return Err(OnnxError::unsupported(
            place(node, position),
            "the operator is not understood",
        ));
    };
    let opset = context
        .opsets
        .iter()
        .find(|(name, _)| *name == domain || (domain.is_empty() && *name == "ai.onnx"));
    let Some((_, opset)) = opset else {
        return Err(OnnxError::content(
            place(node, position),
            format!("the file does not say which version of `{}` it means", shown(domain)),
        ));
    };
    let spec = Spec::new(node, position, *opset, context)?;
    let operator = (row.compile)(&spec)?;
    let keys = match node.op {
        "ZipMap" => Some(super::ml::zip_map_keys(&spec)?),
        _ => None,
    };
    Ok((operator, keys))
}

/// Notes after which step each value is needed no more.
fn free(steps: &mut [Step], outputs: &[usize], slots: usize) {
    let mut last = vec![None; slots];
    for (position, step) in steps.iter().enumerate() {
        for slot in step.inputs.iter().chain(&step.outputs).flatten() {
            last[*slot] = Some(position);
        }
    }
    for slot in outputs {
        last[*slot] = None;
    }
    for (slot, position) in last.into_iter().enumerate() {
        if let Some(position) = position {
            steps[position].last_use.push(slot);
        }
    }
}
