//! LightGBM's text format, versions 2 to 4: `key=value` lines of a header, a block per tree, parameters, and the categories
//! that pandas had.
//!
//! Source: `GBDT::LoadModelFromString` and `Tree::Tree(const char*)` of LightGBM 4.7, `_load_pandas_categorical` of its
//! Python package. What they take by chance (keys that stand twice, further numbers, sizes that lie) is refused.

use std::str::FromStr;

use super::categories::{self, Categories};
use super::error::LightgbmError;

/// Versions of the format whose trees mean the same.
const VERSIONS: [&str; 3] = ["v2", "v3", "v4"];
/// Most keys of one tree; LightGBM itself reads no more than 22 lines.
const MAX_KEYS: usize = 22;
/// Most keys of the header.
const MAX_HEADER: usize = 64;
/// Most outputs of a model that has fewer trees than that.
const MAX_EMPTY_OUTPUTS: usize = 1000;
/// What the header's line of column names starts with.
const NAMES: &str = "feature_names=";

/// A model's text, taken apart.
#[derive(Debug)]
pub(super) struct ModelText<'t> {
    /// Outputs per row, and trees per iteration.
    pub(super) outputs: usize,
    /// The columns' names.
    pub(super) names: Vec<&'t str>,
    /// `objective`, with its line.
    pub(super) objective: Option<(&'t str, usize)>,
    /// Whether `predict` gives the mean of the iterations (random forests).
    pub(super) average: bool,
    /// Every tree.
    pub(super) trees: Vec<Fields<'t>>,
    /// The columns that were declared as categories, in order, as far as the text says so.
    pub(super) categorical: Vec<usize>,
    /// The categories of each column that pandas had as such, in order.
    pub(super) pandas: Vec<Categories>,
    /// Whether the sizes of the trees are those that the header says.
    pub(super) sizes: Result<(), LightgbmError>,
}

/// `key=value` lines.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    /// Where they start, from 1.
    pub(super) line: usize,
    found: Vec<(&'t str, &'t str, usize)>,
}

impl<'t> Fields<'t> {
    fn new(line: usize) -> Self {
        Self {
            line,
            found: Vec::new(),
        }
    }

    fn add(&mut self, text: &'t str, line: usize, most: usize) -> Result<(), LightgbmError> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if self.optional(key).is_some() {
            return Err(LightgbmError::line(line, "a key stands twice"));
        }
        if self.found.len() == most {
            return Err(LightgbmError::line(line, "there are more keys than the format has"));
        }
        self.found.push((key, value, line));
        Ok(())
    }

    /// The value of `key` and its line.
    pub(super) fn optional(&self, key: &str) -> Option<(&'t str, usize)> {
        let found = self.found.iter().find(|(found, ..)| *found == key);
        found.map(|(_, value, line)| (*value, *line))
    }

    fn required(&self, key: &'static str) -> Result<(&'t str, usize), LightgbmError> {
        let missing = || LightgbmError::line(self.line, format!("`{key}` is missing"));
        self.optional(key).ok_or_else(missing)
    }

    /// The one number at `key`.
    pub(super) fn number<T: FromStr>(&self, key: &'static str) -> Result<T, LightgbmError> {
        let (value, line) = self.required(key)?;
        let wrong = |_| LightgbmError::line(line, format!("`{key}` is not a number"));
        value.trim().parse().map_err(wrong)
    }

    /// The `count` numbers at `key`.
    pub(super) fn numbers<T: FromStr>(&self, key: &'static str, count: usize) -> Result<Vec<T>, LightgbmError> {
        let (value, line) = self.required(key)?;
        let numbers = value.split_ascii_whitespace().map(T::from_str);
        match numbers.collect::<Result<Vec<T>, _>>() {
            Ok(numbers) if numbers.len() == count => Ok(numbers),
            Ok(_) => Err(LightgbmError::line(
                line,
                format!("`{key}` has not as many numbers as its tree needs"),
            )),
            Err(_) => Err(LightgbmError::line(
                line,
                format!("`{key}` has a value that is not a number"),
            )),
        }
    }
}

/// The lines of a text.
#[derive(Debug)]
struct Lines<'t> {
    text: &'t str,
    /// Byte at which the next line starts.
    at: usize,
    /// Its number, from 1.
    line: usize,
}

impl<'t> Lines<'t> {
    /// The next line without its end; it stays the next.
    fn peek(&self) -> Option<&'t str> {
        let rest = &self.text[self.at..];
        let line = rest.split('\n').next().unwrap_or(rest);
        (!rest.is_empty()).then(|| line.strip_suffix('\r').unwrap_or(line))
    }

    fn next(&mut self) -> Option<(&'t str, usize)> {
        let found = self.peek()?;
        let number = self.line;
        let length = self.text[self.at..].find('\n').map(|end| end + 1);
        self.at = length.map_or(self.text.len(), |length| self.at + length);
        self.line += 1;
        Some((found, number))
    }
}

impl<'t> ModelText<'t> {
    /// Takes a text apart. Numbers of trees are not looked at yet.
    ///
    /// # Errors
    /// When it is not such a text, of an unknown version, or contradicts itself.
    pub(super) fn parse(text: &'t str) -> Result<Self, LightgbmError> {
        let mut lines = Lines { text, at: 0, line: 1 };
        if lines.next() != Some(("tree", 1)) {
            return Err(LightgbmError::line(1, "a model starts with `tree`"));
        }
        let header = read_header(&mut lines)?;
        let (version, _) = header.required("version")?;
        if !VERSIONS.contains(&version) {
            return Err(LightgbmError::unsupported(
                "the model text",
                "is of a version of the format that is not known",
            ));
        }
        let (trees, sizes) = read_trees(&mut lines)?;
        let (names, _) = header.required("feature_names")?;
        let names: Vec<&str> = split_names(names);
        let last: usize = header.number("max_feature_idx")?;
        if last.checked_add(1) != Some(names.len()) {
            return Err(LightgbmError::content(
                "`feature_names` has not as many names as `max_feature_idx` says",
            ));
        }
        let outputs: usize = header.number("num_class")?;
        let per_iteration = match header.optional("num_tree_per_iteration") {
            Some(_) => header.number("num_tree_per_iteration")?,
            None => outputs,
        };
        if outputs == 0 || per_iteration != outputs {
            return Err(LightgbmError::content(
                "`num_class` is not the number of trees of an iteration",
            ));
        }
        if outputs > trees.len().max(MAX_EMPTY_OUTPUTS) {
            return Err(LightgbmError::TooLarge { what: "`num_class`" });
        }
        let end = read_end(&mut lines, names.len())?;
        Ok(Self {
            outputs,
            categorical: end
                .categorical
                .unwrap_or_else(|| categorical_infos(&header, names.len())),
            names,
            sizes: check_sizes(&header, &sizes),
            objective: header.optional("objective"),
            average: header.optional("average_output").is_some(),
            trees,
            pandas: end.pandas,
        })
    }
}

/// The columns' names of a text that may be none.
pub(in crate::flavors) fn feature_names(text: &str) -> Vec<&str> {
    let mut lines = text.lines().take(MAX_HEADER);
    split_names(lines.find_map(|line| line.strip_prefix(NAMES)).unwrap_or_default())
}

/// A model's text without its trees; `None` for a text that has none.
pub(in crate::flavors) fn without_trees(text: &str) -> Option<String> {
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut kept = String::new();
    while let Some(line) = lines.peek().filter(|line| !line.starts_with("Tree=")) {
        if !line.starts_with("tree_sizes=") {
            kept.push_str(line);
            kept.push('\n');
        }
        lines.next();
    }
    while lines.peek().is_some_and(|line| !is_end(line)) {
        lines.next();
    }
    let end = text.get(lines.at..).filter(|end| !end.is_empty())?;
    kept.push_str(end);
    Some(kept)
}

fn split_names(names: &str) -> Vec<&str> {
    names.split(' ').filter(|name| !name.is_empty()).collect()
}

fn read_header<'t>(lines: &mut Lines<'t>) -> Result<Fields<'t>, LightgbmError> {
    let mut header = Fields::new(1);
    while let Some(next) = lines.peek() {
        if next.starts_with("Tree=") || is_end(next) {
            break;
        }
        let Some((text, line)) = lines.next() else { break };
        let several = text.matches('=').count() > 1;
        if several && !text.starts_with(NAMES) && !text.starts_with("parser_config_str=") {
            return Err(LightgbmError::line(line, "a line of the header has more than one `=`"));
        }
        if !text.is_empty() {
            header.add(text, line, MAX_HEADER)?;
        }
    }
    Ok(header)
}

/// Whether a line ends the trees.
fn is_end(line: &str) -> bool {
    let starts = [
        "end of trees",
        "feature importances:",
        "feature_importances:",
        "parameters:",
    ];
    starts.iter().any(|start| line.starts_with(start)) || line.starts_with(categories::KEY)
}

/// The trees, and the bytes that each takes; those of the last one only when it is followed by `end of trees`.
fn read_trees<'t>(lines: &mut Lines<'t>) -> Result<(Vec<Fields<'t>>, Vec<usize>), LightgbmError> {
    let (mut trees, mut starts): (Vec<Fields<'t>>, _) = (Vec::new(), Vec::new());
    while let Some(next) = lines.peek() {
        if next.starts_with("end of trees") {
            starts.push(lines.at);
            break;
        }
        if is_end(next) {
            break;
        }
        let at = lines.at;
        let Some((text, line)) = lines.next() else { break };
        if text.is_empty() {
            continue;
        }
        if text.strip_prefix("Tree=").and_then(|number| number.parse().ok()) != Some(trees.len()) {
            return Err(LightgbmError::line(line, "the next tree was expected"));
        }
        starts.push(at);
        let mut fields = Fields::new(line);
        while let Some((text, line)) = lines.next() {
            if text.is_empty() {
                break;
            }
            fields.add(text, line, MAX_KEYS)?;
        }
        trees.push(fields);
    }
    let sizes = starts.windows(2).map(|pair| pair[1] - pair[0]);
    Ok((trees, sizes.collect()))
}

/// LightGBM finds trees by their sizes, so those have to be true.
fn check_sizes(header: &Fields<'_>, sizes: &[usize]) -> Result<(), LightgbmError> {
    let Some((declared, line)) = header.optional("tree_sizes") else {
        return Ok(());
    };
    let declared: Result<Vec<usize>, _> = declared.split_ascii_whitespace().map(str::parse).collect();
    match declared {
        Ok(declared) if declared.starts_with(sizes) && declared.len() <= sizes.len() + 1 => Ok(()),
        _ => Err(LightgbmError::line(line, "`tree_sizes` are not the sizes of the trees")),
    }
}

/// What stands after the trees.
struct End {
    categorical: Option<Vec<usize>>,
    pandas: Vec<Categories>,
}

fn read_end(lines: &mut Lines<'_>, features: usize) -> Result<End, LightgbmError> {
    let mut end = End {
        categorical: None,
        pandas: Vec::new(),
    };
    let mut last = None;
    while let Some((text, line)) = lines.next() {
        if let Some(list) = text.strip_prefix("[categorical_feature: ") {
            let list = list.strip_suffix(']').unwrap_or(list).split(',').map(str::trim);
            let list: Result<Vec<usize>, _> = list.filter(|one| !one.is_empty()).map(str::parse).collect();
            // By names they are not written by the Python package; then `feature_infos` says which they are.
            end.categorical = list.ok().map(|mut list| {
                list.retain(|feature| *feature < features);
                list.sort_unstable();
                list.dedup();
                list
            });
        }
        if !text.is_empty() {
            last = Some((text, line));
        }
    }
    if let Some((text, line)) = last
        && let Some(list) = text.strip_prefix(categories::KEY)
    {
        end.pandas = categories::parse(list, line)?;
    }
    Ok(end)
}

/// The columns that `feature_infos` lists the values of, rather than their range.
fn categorical_infos(header: &Fields<'_>, features: usize) -> Vec<usize> {
    let infos = header.optional("feature_infos").map_or("", |(infos, _)| infos);
    let infos = infos
        .split(' ')
        .filter(|info| !info.is_empty())
        .take(features)
        .enumerate();
    let listed = infos.filter(|(_, info)| !info.starts_with('[') && *info != "none");
    listed.map(|(feature, _)| feature).collect()
}
