//! `SelectFromModel`: the importances of columns, found again from the estimator inside, and a threshold.

use super::block::Names;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::kept::{Kept, lenient};
use super::members::double;
use super::numeric::sum;
use super::part::{Part, length};
use super::precision::Precision;
use super::transform::Compiled;
use super::weights::Weights;
use crate::object::View;

/// An estimator whose importances are asked for, and what `SelectFromModel` says.
struct Inside<'t, 'a> {
    /// `SelectFromModel`, whose place and name errors have.
    part: &'a Part<'t, 'a>,
    estimator: View<'t>,
    columns: usize,
}

/// Compiles `SelectFromModel`.
pub(super) fn from_model(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    let attribute = if part.view.attr("estimator_").is_some() {
        "estimator_"
    } else {
        "estimator"
    };
    let inside = Inside {
        part,
        estimator: part.field(attribute)?,
        columns: names.len(),
    };
    let (importances, precision) = inside.importances(compiler)?;
    let threshold = inside.threshold(compiler, &importances, precision)?;
    let most = match part.optional("max_features") {
        None => None,
        Some(_) if part.optional("max_features_").is_some() => Some(part.count("max_features_")?),
        Some(view) if view.as_i64().is_some() => Some(part.count("max_features")?),
        Some(_) => return part.unsupported("with a `max_features` that is no number"),
    };
    let mut mask = vec![most.is_none(); names.len()];
    if let Some(most) = most {
        for position in largest(&importances).take(most) {
            mask[position] = true;
        }
    }
    for (kept, importance) in mask.iter_mut().zip(&importances) {
        *kept &= !matches!(importance.partial_cmp(&threshold), Some(std::cmp::Ordering::Less));
    }
    Ok(Kept::compiled(names, &mask, lenient(part, "estimator")))
}

/// Positions by importance, the largest first; of equal ones the first first, missing ones last.
fn largest(importances: &[f64]) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..importances.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (importances[*a], importances[*b]);
        b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    });
    order.into_iter()
}

impl<'t> Inside<'t, '_> {
    /// One number per column.
    fn importances(&self, compiler: &mut Compiler) -> Result<(Vec<f64>, Precision), SklearnError> {
        let Some(getter) = self.part.field("importance_getter")?.as_str() else {
            return self.part.unsupported("with an `importance_getter` that is code");
        };
        let (path, last) = getter.rsplit_once('.').unwrap_or(("", getter));
        let mut estimator = self.estimator;
        let mut path = path.split('.').filter(|name| !name.is_empty());
        while let Some(name) = path.next() {
            let found = match name {
                "named_steps" => path.next().and_then(|step| named_step(estimator, step)),
                _ => estimator.attr(name),
            };
            match found {
                Some(found) => estimator = found,
                None => {
                    return self
                        .part
                        .unsupported("with an `importance_getter` that is not a fitted attribute");
                }
            }
        }
        let of = Inside { estimator, ..*self };
        let found = match last {
            "auto" if estimator.attr("coef_").is_some() => of.coefficients(compiler, "coef_")?,
            "auto" | "feature_importances_" if estimator.attr("feature_importances_").is_none() => {
                (of.tree_importances(compiler, true)?, Precision::Double)
            }
            "auto" => of.coefficients(compiler, "feature_importances_")?,
            last => of.coefficients(compiler, last)?,
        };
        if found.0.len() == self.columns {
            Ok(found)
        } else {
            self.part
                .content("its estimator does not have one importance per column")
        }
    }

    /// The sizes of an attribute: absolute values of a vector, norms of the columns of a matrix.
    fn coefficients(&self, compiler: &mut Compiler, name: &str) -> Result<(Vec<f64>, Precision), SklearnError> {
        let part = self.part;
        let Some(view) = self.estimator.attr(name) else {
            return part.unsupported(format!(
                "with an estimator that computes its `{}`",
                super::part::shown(name)
            ));
        };
        let Some(array) = view.as_array() else {
            return part.unsupported("with importances that are not a dense array");
        };
        let precision = Precision::of(array.is_f32());
        if let [_] = array.shape[..] {
            compiler.charge(8 * length(view))?;
            return match view.floats() {
                Some(values) => Ok((values.into_iter().map(f64::abs).collect(), precision)),
                None => part.content("its estimator has importances that are not numbers"),
            };
        }
        let weights = Weights::read_view(compiler, part, view, "coef_")?;
        let order = part.number("norm_order")?;
        Ok((norms(&weights, order, precision), precision))
    }

    /// `feature_importances_` of trees, and of what is made of them.
    fn tree_importances(&self, compiler: &mut Compiler, normalize: bool) -> Result<Vec<f64>, SklearnError> {
        let Some((module, name)) = self.estimator.class() else {
            return self.part.content("its estimator is none");
        };
        if !module.starts_with("sklearn.") {
            return Err(SklearnError::unknown(
                &format!("{}, its estimator", self.part.place),
                self.estimator,
            ));
        }
        match name {
            "DecisionTreeClassifier" | "DecisionTreeRegressor" | "ExtraTreeClassifier" | "ExtraTreeRegressor" => {
                self.tree(compiler, normalize)
            }
            "RandomForestClassifier"
            | "RandomForestRegressor"
            | "ExtraTreesClassifier"
            | "ExtraTreesRegressor"
            | "RandomTreesEmbedding" => self.mean(compiler, true),
            "GradientBoostingClassifier" | "GradientBoostingRegressor" => self.mean(compiler, false),
            "AdaBoostClassifier" | "AdaBoostRegressor" => self.weighted(compiler),
            _ => self
                .part
                .unsupported("with an estimator whose importances are neither stored nor those of trees"),
        }
    }

    /// Decreases of impurity, by `sklearn.tree._tree.Tree.compute_feature_importances`.
    fn tree(&self, compiler: &mut Compiler, normalize: bool) -> Result<Vec<f64>, SklearnError> {
        let nodes = self.estimator.attr("tree_").and_then(|tree| tree.attr("nodes"));
        let Some(nodes) = nodes.and_then(View::as_array) else {
            return self.part.content("its estimator has a tree without nodes");
        };
        compiler.charge(nodes.len() * 5 * 8)?;
        let ints = |name: &str| nodes.field_ints(name);
        let floats = |name: &str| nodes.field_floats(name);
        let (Some(left), Some(right), Some(feature), Some(impurity), Some(weight)) = (
            ints("left_child"),
            ints("right_child"),
            ints("feature"),
            floats("impurity"),
            floats("weighted_n_node_samples"),
        ) else {
            return self.part.content("its estimator has a tree whose nodes lack a field");
        };
        let mut found = vec![0.0; self.columns];
        for node in (0..left.len()).filter(|node| left[*node] != -1) {
            let child = |child: i64| usize::try_from(child).ok().filter(|child| *child < left.len());
            let column = usize::try_from(feature[node])
                .ok()
                .and_then(|column| found.get_mut(column));
            let (Some(left), Some(right), Some(slot)) = (child(left[node]), child(right[node]), column) else {
                return self.part.content(format!(
                    "its estimator has a tree whose node {node} has a child or column that does not exist"
                ));
            };
            *slot += weight[node] * impurity[node] - weight[left] * impurity[left] - weight[right] * impurity[right];
        }
        let Some(all) = weight.first() else {
            return self.part.content("its estimator has a tree without nodes");
        };
        found.iter_mut().for_each(|importance| *importance /= all);
        let total = if normalize { sum(&found) } else { 0.0 };
        if total > 0.0 {
            found.iter_mut().for_each(|importance| *importance /= total);
        }
        Ok(found)
    }

    /// The estimator's members.
    fn members(&self) -> Result<impl Iterator<Item = Inside<'t, '_>>, SklearnError> {
        let Some(members) = self.estimator.attr("estimators_").and_then(View::elements) else {
            return self.part.content("its estimator has no members");
        };
        Ok(members.map(|estimator| Inside { estimator, ..*self }))
    }

    /// The mean importances of all trees that have more than a leaf, adding up to one.
    fn mean(&self, compiler: &mut Compiler, normalize: bool) -> Result<Vec<f64>, SklearnError> {
        let mut total = vec![0.0; self.columns];
        let mut count = 0;
        for member in self.members()? {
            let nodes = member.estimator.attr("tree_").and_then(|tree| tree.attr("nodes"));
            if nodes.is_some_and(|nodes| length(nodes) <= 1) {
                continue;
            }
            count += 1;
            for (total, importance) in total.iter_mut().zip(member.tree(compiler, normalize)?) {
                *total += importance;
            }
        }
        if count > 0 {
            total.iter_mut().for_each(|importance| *importance /= double(count));
            let all = sum(&total);
            total.iter_mut().for_each(|importance| *importance /= all);
        }
        Ok(total)
    }

    /// The importances of members by their weights.
    fn weighted(&self, compiler: &mut Compiler) -> Result<Vec<f64>, SklearnError> {
        let weights = self.estimator.attr("estimator_weights_").and_then(View::floats);
        let Some(weights) = weights else {
            return self.part.content("its estimator has no `estimator_weights_`");
        };
        let all = sum(&weights);
        let mut total = vec![0.0; self.columns];
        for (member, weight) in self.members()?.zip(weights) {
            compiler.charge(8 * self.columns)?;
            if member
                .estimator
                .class()
                .is_none_or(|(_, name)| name.starts_with("AdaBoost"))
            {
                return self
                    .part
                    .unsupported("with an estimator whose members have members with members");
            }
            let found = member.tree_importances(compiler, true)?;
            if found.len() != self.columns {
                return self
                    .part
                    .content("its estimator has a member of another number of columns");
            }
            for (total, importance) in total.iter_mut().zip(found) {
                *total += weight * importance;
            }
        }
        total.iter_mut().for_each(|importance| *importance /= all);
        Ok(total)
    }

    /// What an importance must reach.
    fn threshold(&self, compiler: &Compiler, importances: &[f64], precision: Precision) -> Result<f64, SklearnError> {
        let (scale, reference) = match self.part.optional("threshold") {
            None if self.l1(compiler.version) => return Ok(1e-5),
            None => (None, "mean"),
            Some(view) => match (view.as_str(), view.as_f64()) {
                (Some(text), _) => match text.split_once('*') {
                    Some((scale, reference)) => (Some(scale.trim().parse::<f64>()), reference.trim()),
                    None => (None, text),
                },
                (None, Some(number)) => return Ok(number),
                (None, None) => return self.part.content("attribute `threshold` is neither a number nor text"),
            },
        };
        let reference = match reference {
            "mean" => precision.round(precision.sum(importances) / double(importances.len())),
            "median" => median(importances, precision),
            _ => return self.part.content("attribute `threshold` is not one of its words"),
        };
        match scale {
            None => Ok(reference),
            Some(Ok(scale)) => Ok(precision.round(scale * reference)),
            Some(Err(_)) => self
                .part
                .content("attribute `threshold` has a factor that is no number"),
        }
    }

    /// Whether the estimator was fitted with a penalty that makes coefficients exactly zero.
    fn l1(&self, version: u32) -> bool {
        let name = self.estimator.class().map_or("", |(_, name)| name);
        let close = |ratio: f64| (ratio - 1.0).abs() <= 1e-8 + 1e-5;
        let one = |attribute: &str| {
            let view = self.estimator.attr(attribute).filter(|view| !view.is_none());
            view.is_some_and(|view| match view.as_f64() {
                Some(ratio) => close(ratio),
                None => view
                    .floats()
                    .is_some_and(|ratios| ratios.iter().all(|ratio| close(*ratio))),
            })
        };
        let penalty = self.estimator.attr("penalty").and_then(View::as_str);
        penalty == Some("l1")
            || name.contains("Lasso")
            || match name {
                "LogisticRegression" if version >= 8 => one("l1_ratio"),
                "LogisticRegressionCV" if version >= 8 => one("l1_ratio_"),
                "ElasticNet" => one("l1_ratio"),
                "ElasticNetCV" if version >= 8 => one("l1_ratio_"),
                _ => name.contains("ElasticNet") && version < 8 && (one("l1_ratio_") || one("l1_ratio")),
            }
    }
}

/// The step of a pipeline that has a name.
fn named_step<'t>(pipeline: View<'t>, name: &str) -> Option<View<'t>> {
    pipeline.attr("steps")?.elements()?.find_map(|pair| {
        let mut pair = pair.elements()?;
        (pair.next()?.as_str()? == name).then(|| pair.next())?
    })
}

/// `numpy.linalg.norm` of every column.
#[expect(clippy::float_cmp, reason = "orders that numpy knows by name")]
fn norms(weights: &Weights, order: f64, precision: Precision) -> Vec<f64> {
    let column = |j: usize| weights.iter().map(move |row: &[f64]| row[j].abs());
    let total = |sizes: &mut dyn Iterator<Item = f64>| sizes.fold(0.0, |total, size| precision.round(total + size));
    let norm = |j: usize| {
        if order == f64::INFINITY {
            column(j).fold(0.0, f64::max)
        } else if order == f64::NEG_INFINITY {
            column(j).fold(f64::INFINITY, f64::min)
        } else if order == 1.0 {
            total(&mut column(j))
        } else if order == 2.0 {
            let squares = total(&mut column(j).map(|size| precision.round(size * size)));
            precision.round(squares.sqrt())
        } else if order == 0.0 {
            total(&mut column(j).map(|size| f64::from(u8::from(size != 0.0))))
        } else {
            let powers = total(&mut column(j).map(|size| precision.round(size.powf(order))));
            precision.round(powers.powf(1.0 / order))
        }
    };
    (0..weights.columns).map(norm).collect()
}

/// `numpy.median`; NaN when one is.
fn median(values: &[f64], precision: Precision) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.is_empty() || sorted.iter().any(|value| value.is_nan()) {
        f64::NAN
    } else if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        precision.round(precision.round(sorted[half - 1] + sorted[half]) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_those_of_the_textbook() {
        let weights = Weights {
            rows: 2,
            columns: 2,
            values: vec![3.0, -1.0, -4.0, 0.0],
            single: false,
        };
        let of = |order| norms(&weights, order, Precision::Double);
        assert_eq!([of(1.0), of(2.0), of(0.0)], [[7.0, 1.0], [5.0, 1.0], [2.0, 1.0]]);
        assert_eq!([of(f64::INFINITY), of(f64::NEG_INFINITY)], [[4.0, 1.0], [3.0, 0.0]]);
        assert!((of(3.0)[0] - 91.0f64.cbrt()).abs() < 1e-15);
    }

    #[test]
    fn of_equal_importances_the_first_are_kept() {
        let order: Vec<usize> = largest(&[1.0, f64::NAN, 2.0, 2.0, 0.0]).collect();
        assert_eq!(order, [2, 3, 0, 4, 1]);
        assert!(median(&[1.0, f64::NAN], Precision::Double).is_nan());
        assert!((median(&[4.0, 1.0, 3.0, 2.0], Precision::Double) - 2.5).abs() < f64::EPSILON);
    }
}
