//! Support vector machines with kernels, in libsvm's order of operations: every kernel value, then one sum per pair of
//! classes over the support vectors of both.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::Part;
use super::sparse::Sparse;
use super::weights::{Weights, read_sparse};
use crate::predictor::{Method, PredictError};

/// A kernel with its parameters.
#[derive(Debug, Clone, Copy)]
enum Kernel {
    Linear,
    Polynomial { gamma: f64, coef0: f64, degree: u32 },
    Gaussian { gamma: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
}

/// Support vectors: sparse ones when the model was fitted on sparse rows.
#[derive(Debug)]
enum Vectors {
    Dense(Weights),
    Sparse(Sparse),
}

/// What classifiers, regressors and outlier detectors share.
#[derive(Debug)]
struct Machine {
    names: Names,
    kernel: Kernel,
    vectors: Vectors,
    /// `_dual_coef_`, one row for each class but the last; one row when there are no classes.
    coefficients: Weights,
    /// `_intercept_`, one per pair of classes.
    intercepts: Vec<f64>,
}

impl Machine {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        outputs: usize,
    ) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let kernel = Kernel::read(part)?;
        let (vectors, coefficients) = if part.flag("_sparse", false)? {
            let vectors = read_sparse(compiler, part, "support_vectors_")?;
            let coefficients = read_sparse(compiler, part, "_dual_coef_")?;
            let (rows, columns) = (coefficients.rows, coefficients.columns);
            // libsvm reads the stored numbers of this matrix as if all were stored.
            if coefficients.values.len() != rows * columns {
                return part.unsupported("with zeros among sparse `_dual_coef_`");
            }
            let coefficients = Weights {
                rows,
                columns,
                values: coefficients.values,
                single: false,
            };
            (Vectors::Sparse(vectors), coefficients)
        } else {
            let vectors = Weights::read(compiler, part, "support_vectors_")?;
            (Vectors::Dense(vectors), Weights::read(compiler, part, "_dual_coef_")?)
        };
        let (count, columns) = match &vectors {
            Vectors::Dense(vectors) => (vectors.rows, vectors.columns),
            Vectors::Sparse(vectors) => (vectors.rows, vectors.columns),
        };
        // Without support vectors libsvm forgets how many columns there were.
        if columns != names.len() && count > 0 {
            return part.content("attribute `support_vectors_` does not have one number per column");
        }
        if coefficients.columns != count || (coefficients.rows != outputs && count > 0) {
            return part.content("attribute `_dual_coef_` does not fit `support_vectors_`");
        }
        Ok(Self {
            names: Names::clone(names),
            kernel,
            vectors,
            coefficients,
            intercepts: part.floats(compiler, "_intercept_")?,
        })
    }

    fn vectors(&self) -> usize {
        self.coefficients.columns
    }

    /// Calls `each` with the kernel values of every row.
    fn for_each_row(&self, x: &Block, mut each: impl FnMut(&[f64])) -> Result<(), PredictError> {
        let mut values = vec![0.0; self.vectors()];
        match &self.vectors {
            Vectors::Dense(vectors) => {
                let x = x.numbers(&self.names)?;
                x.check(&self.names, false)?;
                for row in x.values.chunks_exact(x.columns.max(1)) {
                    for (value, vector) in values.iter_mut().zip(vectors.iter()) {
                        *value = self.kernel.dense(row, vector);
                    }
                    each(&values);
                }
            }
            Vectors::Sparse(vectors) => {
                let x = self.sparse(x)?;
                x.check(&self.names, false)?;
                for row in x.rows() {
                    let row = sorted(row);
                    for (value, (columns, stored)) in values.iter_mut().zip(vectors.rows()) {
                        *value = self.kernel.sparse(&row, columns, stored);
                    }
                    each(&values);
                }
            }
        }
        Ok(())
    }

    /// The block as sparse rows; zeros are not stored.
    fn sparse(&self, x: &Block) -> Result<Sparse, PredictError> {
        match x {
            Block::Sparse(sparse) => Ok(sparse.clone()),
            Block::Numbers(_) | Block::Columns { .. } => Sparse::beside(x.rows(), std::slice::from_ref(x), &self.names),
        }
    }

    /// The only sum of a machine without classes.
    fn only(&self, kernel: &[f64]) -> f64 {
        let pairs = self.coefficients.values.iter().zip(kernel);
        pairs.fold(0.0, |total, (coefficient, value)| total + coefficient * value) + self.intercepts[0]
    }
}

/// A sparse row with its columns ascending, as `sort_indices` makes it.
fn sorted((columns, values): (&[u32], &[f64])) -> Vec<(u32, f64)> {
    let mut row: Vec<_> = columns.iter().copied().zip(values.iter().copied()).collect();
    row.sort_by_key(|(column, _)| *column);
    row
}

impl Kernel {
    fn read(part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        let Some(name) = part.field("kernel")?.as_str() else {
            return part.unsupported("with a kernel of its own");
        };
        let gamma = || part.number("_gamma");
        let coef0 = || part.number("coef0");
        Ok(match name {
            "linear" => Self::Linear,
            "poly" => Self::Polynomial {
                gamma: gamma()?,
                coef0: coef0()?,
                degree: match u32::try_from(part.count("degree")?) {
                    Ok(degree) if i32::try_from(degree).is_ok() => degree,
                    _ => return part.content("attribute `degree` is out of range"),
                },
            },
            "rbf" => Self::Gaussian { gamma: gamma()? },
            "sigmoid" => Self::Sigmoid {
                gamma: gamma()?,
                coef0: coef0()?,
            },
            _ => return part.unsupported("with a kernel that is not known"),
        })
    }

    fn dense(self, row: &[f64], vector: &[f64]) -> f64 {
        let pairs = row.iter().zip(vector);
        if let Self::Gaussian { .. } = self {
            return self.finish(pairs.fold(0.0, |total, (x, s)| total + (x - s) * (x - s)));
        }
        self.finish(pairs.fold(0.0, |total, (x, s)| total + x * s))
    }

    /// The same of two sparse rows whose columns ascend.
    fn sparse(self, row: &[(u32, f64)], columns: &[u32], stored: &[f64]) -> f64 {
        let gaussian = matches!(self, Self::Gaussian { .. });
        let (mut total, mut at, mut other) = (0.0, 0, 0);
        while at < row.len() || other < columns.len() {
            let left = row.get(at).map_or(u32::MAX, |(column, _)| *column);
            let right = columns.get(other).copied().unwrap_or(u32::MAX);
            // A column is below `u32::MAX`, so that the end of one row never looks like a column of the other.
            let x = if left <= right { row[at].1 } else { 0.0 };
            let s = if right <= left { stored[other] } else { 0.0 };
            at += usize::from(left <= right);
            other += usize::from(right <= left);
            if gaussian {
                total += (x - s) * (x - s);
            } else if left == right {
                total += x * s;
            }
        }
        self.finish(total)
    }

    /// From a dot product; from a sum of squares for the Gaussian kernel.
    fn finish(self, sum: f64) -> f64 {
        match self {
            Self::Linear => sum,
            Self::Polynomial { gamma, coef0, degree } => power(gamma * sum + coef0, degree),
            Self::Gaussian { gamma } => (-gamma * sum).exp(),
            Self::Sigmoid { gamma, coef0 } => (gamma * sum + coef0).tanh(),
        }
    }
}

/// libsvm's `powi`: repeated squaring from the lowest bit.
fn power(base: f64, mut times: u32) -> f64 {
    let (mut square, mut result) = (base, 1.0);
    while times > 0 {
        if times % 2 == 1 {
            result *= square;
        }
        square *= square;
        times /= 2;
    }
    result
}

/// `SVC` and `NuSVC`.
#[derive(Debug)]
pub(super) struct SupportClassifier {
    machine: Machine,
    labels: Labels,
    /// Where the support vectors of each class start, and where the last ones end.
    starts: Vec<usize>,
    /// Whether several classes have one score each, instead of one per pair of them.
    one_versus_rest: bool,
    break_ties: bool,
    /// `_probA` and `_probB`, one pair per pair of classes, when probabilities were asked for.
    sigmoids: Option<Vec<(f64, f64)>>,
}

impl SupportClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        let classes = labels.len();
        if classes < 2 {
            return part.content("attribute `classes_` has fewer than two classes");
        }
        let machine = Machine::compile(compiler, part, names, classes - 1)?;
        let pairs = classes * (classes - 1) / 2;
        if machine.intercepts.len() != pairs {
            return part.content("attribute `_intercept_` does not have one number per pair of classes");
        }
        let counts = part.field("_n_support")?.ints().unwrap_or_default();
        let mut starts = vec![0];
        let mut end = 0usize;
        for count in counts {
            end = usize::try_from(count).map_or(usize::MAX, |count| end.saturating_add(count));
            starts.push(end);
        }
        if starts.len() != classes + 1 || end != machine.vectors() {
            return part.content("attribute `_n_support` does not fit `support_vectors_`");
        }
        let one_versus_rest = part.text("decision_function_shape")? == "ovr";
        let break_ties = part.flag("break_ties", false)?;
        if break_ties && !one_versus_rest {
            return part.unsupported("cannot break ties with `decision_function_shape` `ovo`");
        }
        Ok(Box::new(Self {
            sigmoids: sigmoids(compiler, part, pairs)?,
            machine,
            labels,
            starts,
            one_versus_rest,
            break_ties: break_ties && classes > 2,
        }))
    }

    /// One number per pair of classes: positive for the first of the two.
    fn decisions(&self, kernel: &[f64], decisions: &mut [f64]) {
        let classes = self.labels.len();
        let mut pair = 0;
        let sum = |total: f64, row: usize, class: usize| {
            let range = self.starts[class]..self.starts[class + 1];
            let coefficients = &self.machine.coefficients.row(row)[range.clone()];
            let pairs = coefficients.iter().zip(&kernel[range]);
            pairs.fold(total, |total, (coefficient, value)| total + coefficient * value)
        };
        for first in 0..classes {
            for second in first + 1..classes {
                let total = if self.machine.vectors() == 0 {
                    0.0
                } else {
                    sum(sum(0.0, second - 1, first), first, second)
                };
                decisions[pair] = total + self.machine.intercepts[pair];
                pair += 1;
            }
        }
    }
}

/// Platt's parameters, when the model was fitted with them.
fn sigmoids(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    pairs: usize,
) -> Result<Option<Vec<(f64, f64)>>, SklearnError> {
    // From 1.9 on the default is the text "deprecated", which means no.
    if part.field("probability")?.as_bool() != Some(true) {
        return Ok(None);
    }
    let (a, b) = (part.floats(compiler, "_probA")?, part.floats(compiler, "_probB")?);
    if a.is_empty() && b.is_empty() {
        return Ok(None);
    }
    if a.len() != pairs || b.len() != pairs {
        return part.content("attributes `_probA` and `_probB` do not have one number per pair of classes");
    }
    Ok(Some(a.into_iter().zip(b).collect()))
}

impl Estimator for SupportClassifier {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict, Method::DecisionFunction];
        if self.sigmoids.is_some() {
            methods.extend([Method::PredictProba, Method::PredictLogProba]);
        }
        methods
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let classes = self.labels.len();
        let mut decisions = vec![0.0; self.machine.intercepts.len()];
        let width = match (classes, self.one_versus_rest) {
            (2, _) => 1,
            (_, true) => classes,
            (_, false) => decisions.len(),
        };
        let mut labels = Vec::with_capacity(x.rows());
        let mut scores = Vec::with_capacity(x.rows() * width);
        let mut probabilities = Vec::new();
        self.machine.for_each_row(x, |kernel| {
            self.decisions(kernel, &mut decisions);
            let start = scores.len();
            match (classes, self.one_versus_rest) {
                (2, _) => scores.push(-decisions[0]),
                (_, true) => scores.extend(one_versus_rest(&decisions, classes)),
                (_, false) => scores.extend(&decisions),
            }
            labels.push(if self.break_ties {
                argmax(&scores[start..])
            } else {
                most_votes(&decisions, classes)
            });
            if let (Some(sigmoids), true) = (&self.sigmoids, wanted.probabilities) {
                probabilities.extend(couple(&decisions, sigmoids, classes));
            }
        })?;
        let probabilities =
            (wanted.probabilities && self.sigmoids.is_some()).then(|| Output::wide(probabilities, classes));
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities,
            scores: Some(if classes == 2 {
                Output::floats(scores)
            } else {
                Output::wide(scores, width)
            }),
        })
    }
}

/// Pairs of classes, in libsvm's order.
fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(move |first| (first + 1..classes).map(move |second| (first, second)))
}

/// The class that wins most of its pairs; the first of several.
fn most_votes(decisions: &[f64], classes: usize) -> usize {
    let mut votes = vec![0usize; classes];
    for ((first, second), decision) in pairs(classes).zip(decisions) {
        votes[if *decision > 0.0 { first } else { second }] += 1;
    }
    let mut best = 0;
    for (class, count) in votes.iter().enumerate() {
        if *count > votes[best] {
            best = class;
        }
    }
    best
}

/// `sklearn.utils.multiclass._ovr_decision_function(decisions < 0, -decisions)`.
fn one_versus_rest(decisions: &[f64], classes: usize) -> Vec<f64> {
    let mut votes = vec![0.0; classes];
    let mut confidences = vec![0.0; classes];
    for ((first, second), decision) in pairs(classes).zip(decisions) {
        confidences[first] -= -decision;
        confidences[second] += -decision;
        votes[if *decision < 0.0 { second } else { first }] += 1.0;
    }
    let transformed = confidences.iter().map(|sum| sum / (3.0 * (sum.abs() + 1.0)));
    votes.iter().zip(transformed).map(|(votes, one)| votes + one).collect()
}

/// Least and most that a pairwise probability may be.
const MIN_PAIRWISE: f64 = 1e-7;

/// Probabilities of all classes from Platt's probabilities of pairs (libsvm's `predict_probability`).
fn couple(decisions: &[f64], sigmoids: &[(f64, f64)], classes: usize) -> Vec<f64> {
    let mut pairwise = vec![0.0; classes * classes];
    for (((first, second), decision), (a, b)) in pairs(classes).zip(decisions).zip(sigmoids) {
        let p = platt(*decision, *a, *b).clamp(MIN_PAIRWISE, 1.0 - MIN_PAIRWISE);
        pairwise[first * classes + second] = p;
        pairwise[second * classes + first] = 1.0 - p;
    }
    multiclass_probability(&pairwise, classes)
}

/// libsvm's `sigmoid_predict`.
fn platt(decision: f64, a: f64, b: f64) -> f64 {
    let exponent = decision * a + b;
    if exponent >= 0.0 {
        (-exponent).exp() / (1.0 + (-exponent).exp())
    } else {
        1.0 / (1.0 + exponent.exp())
    }
}

/// libsvm's `multiclass_probability`: the second method of Wu, Lin and Weng, "Probability Estimates for Multi-class
/// Classification by Pairwise Coupling" (JMLR 5, 2004).
fn multiclass_probability(r: &[f64], k: usize) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "classes are few")]
    let count = k as f64;
    let mut q = vec![0.0; k * k];
    for t in 0..k {
        for j in (0..k).filter(|j| *j != t) {
            q[t * k + t] += r[j * k + t] * r[j * k + t];
            q[t * k + j] = if j < t {
                q[j * k + t]
            } else {
                -r[j * k + t] * r[t * k + j]
            };
        }
    }
    let mut p = vec![1.0 / count; k];
    let mut qp = vec![0.0; k];
    for _ in 0..k.max(100) {
        let mut pqp = 0.0;
        for t in 0..k {
            qp[t] = (0..k).fold(0.0, |total, j| total + q[t * k + j] * p[j]);
            pqp += p[t] * qp[t];
        }
        let error = qp.iter().map(|value| (value - pqp).abs()).fold(0.0, f64::max);
        if error < 0.005 / count {
            break;
        }
        for t in 0..k {
            let step = (-qp[t] + pqp) / q[t * k + t];
            p[t] += step;
            pqp = (pqp + step * (step * q[t * k + t] + 2.0 * qp[t])) / (1.0 + step) / (1.0 + step);
            for j in 0..k {
                qp[j] = (qp[j] + step * q[t * k + j]) / (1.0 + step);
                p[j] /= 1.0 + step;
            }
        }
    }
    p
}

/// `SVR` and `NuSVR`.
#[derive(Debug)]
pub(super) struct SupportRegressor(Machine);

impl SupportRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        single_machine(compiler, part, names).map(|machine| Box::new(Self(machine)) as Box<dyn Estimator>)
    }
}

/// A machine without classes.
fn single_machine(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Machine, SklearnError> {
    let machine = Machine::compile(compiler, part, names, 1)?;
    if machine.intercepts.len() != 1 {
        return part.content("attribute `_intercept_` is not one number");
    }
    Ok(machine)
}

impl Estimator for SupportRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut values = Vec::with_capacity(x.rows());
        self.0.for_each_row(x, |kernel| values.push(self.0.only(kernel)))?;
        Ok(Evaluation::of(Output::floats(values)))
    }
}

/// `OneClassSVM`.
#[derive(Debug)]
pub(super) struct SupportOneClass {
    machine: Machine,
    offset: f64,
}

impl SupportOneClass {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let machine = single_machine(compiler, part, names)?;
        let offset = part.number("offset_")?;
        Ok(Box::new(Self { machine, offset }))
    }
}

impl Estimator for SupportOneClass {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::DecisionFunction, Method::ScoreSamples]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut scores = Vec::with_capacity(x.rows());
        self.machine
            .for_each_row(x, |kernel| scores.push(self.machine.only(kernel)))?;
        let sides = scores.iter().map(|score| if *score > 0.0 { 1 } else { -1 });
        Ok(Evaluation {
            predict: Output::ints(sides.collect()),
            probabilities: None,
            scores: Some(Output::floats(scores)),
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        if method != Method::ScoreSamples {
            return call_evaluated(self, method, x);
        }
        let mut scores = Vec::with_capacity(x.rows());
        self.machine
            .for_each_row(x, |kernel| scores.push(self.machine.only(kernel) + self.offset))?;
        Ok(Output::floats(scores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_winners_wins() {
        // Each of three classes beats one of the others.
        assert_eq!(most_votes(&[1.0, -1.0, 1.0], 3), 0);
        assert_eq!(most_votes(&[-1.0, -1.0, 1.0], 3), 1);
        // A decision of zero is for the second of a pair.
        assert_eq!(most_votes(&[0.0], 2), 1);
    }

    #[test]
    fn scores_keep_the_order_of_votes() {
        let scores = one_versus_rest(&[2.0, 3.0, -1.0], 3);
        assert!(scores[0] > 2.0 && scores[2] > scores[1], "{scores:?}");
    }

    #[test]
    fn coupled_probabilities_add_up_to_one() {
        let found = couple(&[0.3, -2.0, 0.9], &[(-1.0, 0.1), (-2.0, 0.0), (-0.5, -0.2)], 3);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12 && found.iter().all(|p| *p > 0.0));
        // With two classes nothing is to be coupled.
        let two = couple(&[1.0], &[(-1.0, 0.0)], 2);
        assert!((two[0] - 1.0 / (1.0 + (-1.0f64).exp())).abs() < 1e-3, "{two:?}");
    }

    #[test]
    fn sparse_and_dense_rows_have_the_same_kernels() {
        let (row, vector) = ([0.0, 1.5, 0.0, -2.0], [0.5, 0.0, 0.0, 3.0]);
        for kernel in [
            Kernel::Linear,
            Kernel::Gaussian { gamma: 0.3 },
            Kernel::Sigmoid { gamma: 0.1, coef0: 0.2 },
            Kernel::Polynomial {
                gamma: 0.7,
                coef0: 1.0,
                degree: 3,
            },
        ] {
            let sparse = kernel.sparse(&[(1, 1.5), (3, -2.0)], &[0, 3], &[0.5, 3.0]);
            assert_eq!(kernel.dense(&row, &vector).to_bits(), sparse.to_bits(), "{kernel:?}");
        }
        assert_eq!(
            power(1.1, 5).to_bits(),
            (1.1 * ((1.1f64 * 1.1) * (1.1 * 1.1))).to_bits()
        );
    }
}
