//! `OneVsRestClassifier`: a classifier of two classes for each class or label.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Values, Wanted};
use super::labels::Labels;
use super::members::{Member, all_have, binary_scores, binary_threshold, need_binary};
use super::part::Part;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// First minor version that leaves rows without any probability as they are.
const KEEPS_ZEROS: u32 = 7;
/// First minor version in which the first of equal classes wins, not the last.
const FIRST_WINS: u32 = 8;

/// What was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Binary,
    Multiclass,
    /// Every row has any number of labels.
    Multilabel,
}

/// `_ConstantPredictor`: every training row was of one class.
struct Constant(f64);

impl Estimator for Constant {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba, Method::DecisionFunction]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let answer = || Output::floats(vec![self.0; x.rows()]);
        Ok(Evaluation {
            predict: answer(),
            probabilities: Some(Output::wide([1.0 - self.0, self.0].repeat(x.rows()), 2)),
            scores: Some(answer()),
        })
    }
}

/// `OneVsRestClassifier`.
pub(super) struct OneVsRest {
    labels: Labels,
    members: Vec<Member>,
    target: Target,
    version: u32,
}

impl OneVsRest {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let binarizer = part.field("label_binarizer_")?;
        let target = match binarizer.attr("y_type_").and_then(View::as_str) {
            Some("binary") => Target::Binary,
            Some("multiclass") => Target::Multiclass,
            Some("multilabel-indicator") => Target::Multilabel,
            Some(_) => return part.unsupported("of this type of target"),
            None => return part.content("attribute `label_binarizer_` has no text `y_type_`"),
        };
        let Some(classes) = binarizer.attr("classes_") else {
            return part.content("attribute `label_binarizer_` has no `classes_`");
        };
        let labels = Labels::read_view(compiler, part, classes)?;
        if labels.len() < 2 {
            return part.unsupported("with one class");
        }
        let views = part.items("estimators_")?;
        let expected = if target == Target::Binary { 1 } else { labels.len() };
        if views.len() != expected || (target == Target::Binary && labels.len() != 2) {
            return part.content("attribute `estimators_` does not have one member per class");
        }
        let member = |(position, view)| member(compiler, part, position, view, names);
        let members = views
            .into_iter()
            .enumerate()
            .map(member)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(Self {
            labels,
            members,
            target,
            version: compiler.version,
        }))
    }

    /// The class of each row, or whether it has each of the labels.
    fn predict(&self, x: &Block) -> Result<Output, PredictError> {
        let scores = self.members.iter().map(|member| binary_scores(&**member, x));
        let scores = scores.collect::<Result<Vec<_>, _>>()?;
        let rows = 0..x.rows();
        let threshold = binary_threshold(&*self.members[0]);
        Ok(match self.target {
            Target::Binary => Output::labels(scores[0].iter().map(|score| usize::from(*score > threshold)).collect()),
            Target::Multiclass => Output::labels(rows.map(|row| self.best(&scores, row)).collect()),
            Target::Multilabel => {
                let above = |row: usize| scores.iter().map(move |scores| i64::from(scores[row] > threshold));
                Output {
                    values: Values::Ints(rows.flat_map(above).collect()),
                    width: Some(self.members.len()),
                    single: false,
                }
            }
        })
    }

    /// The class with the largest score. NaN is never the largest, and nothing is after it.
    fn best(&self, scores: &[Vec<f64>], row: usize) -> usize {
        let mut largest = f64::NEG_INFINITY;
        let mut best = 0;
        let mut look = |class: usize| {
            let score = scores[class][row];
            if score >= largest {
                (largest, best) = (score, class);
            } else if score.is_nan() {
                largest = score;
            }
        };
        if self.version >= FIRST_WINS {
            (0..scores.len()).rev().for_each(&mut look);
        } else {
            (0..scores.len()).for_each(&mut look);
        }
        best
    }

    fn probabilities(&self, x: &Block) -> Result<Output, PredictError> {
        let members = self.members.iter();
        let columns = members.map(|member| {
            let pairs = member.probabilities(x)?;
            let method = Method::PredictProba;
            if pairs.len() != 2 * x.rows() {
                return Err(PredictError::Method { method });
            }
            Ok(pairs.chunks_exact(2).map(|pair| pair[1]).collect::<Vec<f64>>())
        });
        let columns = columns.collect::<Result<Vec<_>, PredictError>>()?;
        let mut values = Vec::with_capacity(x.rows() * self.labels.len());
        for row in 0..x.rows() {
            let start = values.len();
            if self.target == Target::Binary {
                values.push(1.0 - columns[0][row]);
            }
            values.extend(columns.iter().map(|column| column[row]));
            let row = &mut values[start..];
            let total = row.iter().fold(0.0, |total, p| total + p);
            let kept = self.target == Target::Multilabel || (total == 0.0 && self.version >= KEEPS_ZEROS);
            if !kept {
                row.iter_mut().for_each(|p| *p /= total);
            }
        }
        Ok(Output::wide(values, self.labels.len()))
    }

    fn scores(&self, x: &Block) -> Result<Output, PredictError> {
        if let [only] = &self.members[..] {
            return only.call(Method::DecisionFunction, x);
        }
        let columns = self.members.iter().map(|member| Ok((member.scores(x)?.0, 1)));
        let columns = columns.collect::<Result<Vec<_>, PredictError>>()?;
        if columns.iter().any(|(column, _)| column.len() != x.rows()) {
            let method = Method::DecisionFunction;
            return Err(PredictError::Method { method });
        }
        let joined = super::members::beside(x.rows(), &columns, false);
        Ok(Output::wide(joined.values, joined.columns))
    }
}

fn member(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    position: usize,
    view: View<'_>,
    names: &Names,
) -> Result<Member, SklearnError> {
    if view.class() == Some(("sklearn.multiclass", "_ConstantPredictor")) {
        let value = view.attr("y_").and_then(View::floats);
        return match value.as_deref() {
            Some([value]) => Ok(Box::new(Constant(*value))),
            _ => part.content("it has a constant member without one number `y_`"),
        };
    }
    let place = format!("{}, member {}", part.place, position + 1);
    let member = compiler.estimator(view, &place, names)?;
    need_binary(part, std::slice::from_ref(&member))?;
    Ok(member)
}

impl Estimator for OneVsRest {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict];
        let others = [Method::PredictProba, Method::DecisionFunction];
        methods.extend(others.into_iter().filter(|method| all_have(&self.members, *method)));
        methods
    }

    /// None when a row may have several: `predict` then says of each label whether a row has it.
    fn classes(&self) -> &[Labels] {
        match self.target {
            Target::Multilabel => &[],
            Target::Binary | Target::Multiclass => std::slice::from_ref(&self.labels),
        }
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let has = |method| all_have(&self.members, method);
        let probabilities = wanted.probabilities && has(Method::PredictProba);
        let scores = wanted.scores && has(Method::DecisionFunction);
        Ok(Evaluation {
            predict: self.predict(x)?,
            probabilities: probabilities.then(|| self.probabilities(x)).transpose()?,
            scores: scores.then(|| self.scores(x)).transpose()?,
        })
    }
}

/// `OutputCodeClassifier`: the class whose code word is nearest to what the members say.
pub(super) struct OutputCode {
    labels: Labels,
    members: Vec<Member>,
    /// `classes × members`.
    codes: Vec<f64>,
}

impl OutputCode {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        let views = part.items("estimators_")?;
        let member = |(position, view)| member(compiler, part, position, view, names);
        let members = views
            .into_iter()
            .enumerate()
            .map(member)
            .collect::<Result<Vec<_>, _>>()?;
        let codes = part.floats(compiler, "code_book_")?;
        if members.is_empty() || labels.len().checked_mul(members.len()) != Some(codes.len()) {
            return part.content("attribute `code_book_` does not have one word per class");
        }
        Ok(Box::new(Self { labels, members, codes }))
    }
}

impl Estimator for OutputCode {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let scores = self.members.iter().map(|member| Ok((binary_scores(&**member, x)?, 1)));
        let scores = scores.collect::<Result<Vec<_>, PredictError>>()?;
        let said = super::members::beside(x.rows(), &scores, false);
        // |c|² - 2 y·c, which orders classes as the distance does.
        let distance = |word: &[f64], said: &[f64]| {
            let product = word
                .iter()
                .zip(said)
                .fold(0.0, |total: f64, (c, y)| y.mul_add(*c, total));
            let norm = word.iter().fold(0.0, |total, c| total + c * c);
            norm - 2.0 * product
        };
        let nearest = |said: &[f64]| {
            let words = self.codes.chunks_exact(self.members.len()).enumerate();
            let mut best = (f64::INFINITY, 0);
            for (class, word) in words {
                let distance = distance(word, said);
                if distance < best.0 {
                    best = (distance, class);
                }
            }
            best.1
        };
        let labels = said.values.chunks_exact(self.members.len()).map(nearest).collect();
        Ok(Evaluation::of(Output::labels(labels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(version: u32) -> OneVsRest {
        OneVsRest {
            labels: Labels::Int(vec![0, 1, 2]),
            members: (0..3).map(|_| Box::new(Constant(0.0)) as Member).collect(),
            target: Target::Multiclass,
            version,
        }
    }

    #[test]
    fn which_of_equal_classes_wins_depends_on_the_version() {
        let scores = [vec![0.5, f64::NAN], vec![0.5, 1.0], vec![0.1, 2.0]];
        let best = |version: u32| [0, 1].map(|row| model(version).best(&scores, row));
        assert_eq!(best(7), [1, 0]);
        assert_eq!(best(8), [0, 2]);
    }

    #[test]
    fn a_row_without_any_probability_stays_or_becomes_nan() {
        let x = Block::Columns {
            rows: 1,
            columns: Vec::new(),
        };
        let of = |version: u32| model(version).probabilities(&x).map(|found| found.into_numbers(&[]));
        assert!(matches!(of(6), Ok(Some(values)) if values.iter().all(|p| p.is_nan())));
        assert!(matches!(of(7), Ok(Some(values)) if values == [0.0; 3]));
    }
}
