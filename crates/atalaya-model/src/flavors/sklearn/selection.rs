//! Univariate feature selection and `VarianceThreshold`: the mask is found again from what was learned.

use super::block::Names;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::kept::Kept;
use super::part::Part;
use super::transform::Compiled;

/// The columns that a score chose.
pub(super) fn selection(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    let width = names.len();
    part.check_width(width)?;
    let (mode, parameter) = match part.name {
        "VarianceThreshold" => ("variance", "threshold"),
        "SelectKBest" => ("k_best", "k"),
        "SelectPercentile" => ("percentile", "percentile"),
        "SelectFpr" => ("fpr", "alpha"),
        "SelectFdr" => ("fdr", "alpha"),
        "SelectFwe" => ("fwe", "alpha"),
        _ => (part.text("mode")?, "param"),
    };
    let mask = match mode {
        "variance" => {
            let threshold = part.number(parameter)?;
            let learned = part.vector(compiler, "variances_", width)?;
            learned.iter().map(|variance| *variance > threshold).collect()
        }
        "k_best" => {
            let scores = scores(compiler, part, width)?;
            if part.field(parameter)?.as_str() == Some("all") {
                vec![true; width]
            } else {
                best(&scores, part.count(parameter)?)
            }
        }
        "percentile" => percentile(&scores(compiler, part, width)?, part.number(parameter)?),
        "fpr" | "fdr" | "fwe" => {
            let alpha = part.number(parameter)?;
            let learned = part.vector(compiler, "pvalues_", width)?;
            significant(&learned, alpha, mode)
        }
        _ => return part.content("attribute `mode` is not one of its words"),
    };
    Ok(Kept::compiled(names, &mask, part.name == "VarianceThreshold"))
}

/// The scores; what is missing is worst.
fn scores(compiler: &mut Compiler, part: &Part<'_, '_>, width: usize) -> Result<Vec<f64>, SklearnError> {
    let scores = part.vector(compiler, "scores_", width)?;
    Ok(scores
        .into_iter()
        .map(|score| if score.is_nan() { f64::MIN } else { score })
        .collect())
}

/// Of equal scores the later ones are kept.
fn best(scores: &[f64], count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    // Equal as Python compares: -0.0 is 0.0.
    order.sort_by(|a, b| (scores[*a] + 0.0).total_cmp(&(scores[*b] + 0.0)));
    let mut mask = vec![false; scores.len()];
    for position in order.into_iter().rev().take(count) {
        mask[position] = true;
    }
    mask
}

/// `SelectPercentile`: of scores at the threshold the first ones are kept.
#[expect(clippy::float_cmp, reason = "scikit-learn compares for equality")]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of columns, and a part of it"
)]
fn percentile(scores: &[f64], percentile: f64) -> Vec<bool> {
    if percentile == 100.0 || scores.is_empty() {
        return vec![true; scores.len()];
    }
    if percentile == 0.0 {
        return vec![false; scores.len()];
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    // `numpy.percentile`.
    let place = (100.0 - percentile) / 100.0 * (sorted.len() - 1) as f64;
    let below = (place.floor().max(0.0) as usize).min(sorted.len() - 1);
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    let (step, share) = (high - low, place - below as f64);
    let threshold = if share >= 0.5 {
        high - step * (1.0 - share)
    } else {
        low + step * share
    };
    let mut mask: Vec<bool> = scores.iter().map(|score| *score > threshold).collect();
    let most = (scores.len() as f64 * percentile / 100.0) as usize;
    let left = most.saturating_sub(mask.iter().filter(|kept| **kept).count());
    let ties = (0..scores.len()).filter(|position| scores[*position] == threshold);
    ties.take(left).for_each(|position| mask[position] = true);
    mask
}

/// `SelectFpr`, `SelectFdr`, `SelectFwe`.
#[expect(clippy::cast_precision_loss, reason = "the number of columns")]
fn significant(values: &[f64], alpha: f64, mode: &str) -> Vec<bool> {
    let count = values.len() as f64;
    match mode {
        "fpr" => values.iter().map(|p| *p < alpha).collect(),
        "fwe" => values.iter().map(|p| *p < alpha / count).collect(),
        _ => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let share = alpha / count;
            let mut passed = sorted
                .iter()
                .enumerate()
                .filter(|(rank, p)| **p <= share * (rank + 1) as f64);
            let last = passed.next_back().map(|(_, p)| *p);
            values.iter().map(|p| last.is_some_and(|last| *p <= last)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_cut_as_scikit_learn_does() {
        assert_eq!(best(&[1.0, 2.0, 2.0, 0.5, 2.0], 2), [false, false, true, false, true]);
        assert_eq!(percentile(&[2.0, 2.0, 2.0, 1.0], 50.0), [true, true, false, false]);
        assert_eq!(significant(&[0.04, 0.01, 0.5], 0.06, "fdr"), [true, true, false]);
    }
}
