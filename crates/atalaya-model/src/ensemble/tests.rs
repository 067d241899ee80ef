//! The definition of what an ensemble computes, one row, one tree and one node at a time, and every kernel against it.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Builder, Categories, Ensemble, Level, Missing, Node, Number, Rules, Side, Table, Tree};

/// The leaf number that a row ends in.
fn leaf<X: Number, Y>(tree: &Tree<X, Y>, rules: &Rules<X>, row: &[X]) -> u32 {
    let zero = X::default();
    let read = |feature: u32| {
        let x = row[feature as usize];
        if x.magnitude() <= rules.zero_within { zero } else { x }
    };
    let mut at = 0;
    loop {
        let (side, left, right) = match &tree.nodes[at] {
            Node::Leaf { leaf } => return *leaf,
            Node::Number {
                feature,
                threshold,
                missing,
                left,
                right,
            } => {
                let x = read(*feature);
                let compare = |x: X| if x <= *threshold { Side::Left } else { Side::Right };
                let side = match missing {
                    Missing::Nan(side) if x.missing() => *side,
                    Missing::AsZero if x.missing() => compare(zero),
                    Missing::Zero(side) if x.missing() || x == zero => *side,
                    _ => compare(x),
                };
                (side, *left, *right)
            }
            Node::Category {
                feature,
                categories,
                left,
                right,
            } => (category(categories, rules, read(*feature).to_f64()), *left, *right),
        };
        at = if side == Side::Left { left } else { right } as usize;
    }
}

fn category<X: Number>(categories: &Categories, rules: &Rules<X>, x: f64) -> Side {
    if x.is_nan() {
        return categories.missing;
    }
    let whole = x.trunc();
    if (if rules.cut_before_sign { whole } else { x }) < 0.0 || whole >= 1e9 {
        return categories.other;
    }
    let whole = whole as usize;
    let has = |set: &[u32]| set.get(whole / 32).is_some_and(|word| word >> (whole % 32) & 1 == 1);
    if has(&categories.left) {
        Side::Left
    } else if has(&categories.right) {
        Side::Right
    } else {
        categories.other
    }
}

/// Every tree's leaf added in order.
fn sums<X: Number, Y: Number>(trees: &[Tree<X, Y>], rules: &Rules<X>, row: &[X], out: &mut [Y]) {
    for tree in trees {
        let leaf = leaf(tree, rules, row) as usize;
        let values = &tree.values[leaf * tree.width..][..tree.width];
        for (sum, value) in out[tree.first..].iter_mut().zip(values) {
            *sum += *value;
        }
    }
}

fn build<X: Number, Y: Number>(
    trees: &[Tree<X, Y>],
    columns: usize,
    outputs: usize,
    rules: Rules<X>,
) -> Ensemble<X, Y> {
    let mut builder = Builder::new(columns, outputs, rules);
    for tree in trees {
        builder.add(tree.clone()).unwrap();
    }
    builder.build()
}

/// Numbers in any order, the same for the same seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        // Steele, Lea and Flood, SplitMix64, 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn side(&mut self) -> Side {
        if self.below(2) == 0 { Side::Left } else { Side::Right }
    }
}

/// What kind of ensemble to draw.
#[derive(Debug, Clone, Copy)]
struct Shape {
    columns: usize,
    outputs: usize,
    trees: usize,
    leaves: usize,
    /// Distinct thresholds per column.
    thresholds: usize,
    vector: bool,
    missing: bool,
    categories: bool,
    rules: bool,
    seed: u64,
}

fn shape() -> impl Strategy<Value = Shape> {
    let sizes = (
        1..9usize,
        1..4usize,
        1..30usize,
        prop_oneof![1..9usize, 1..65usize, 60..300usize],
    );
    let thresholds = prop_oneof![1..20usize, 200..600usize];
    (sizes, thresholds, any::<[bool; 4]>(), any::<u64>()).prop_map(
        |((columns, outputs, trees, leaves), thresholds, [vector, missing, categories, rules], seed)| Shape {
            columns,
            outputs,
            trees,
            leaves,
            thresholds,
            vector,
            missing,
            categories,
            rules,
            seed,
        },
    )
}

/// A number type to draw.
trait Drawn: Number {
    const ODD: [Self; 8];
    fn of(value: f64) -> Self;
    fn above(self) -> Self;
    fn bits(self) -> u64;
}

impl Drawn for f32 {
    const ODD: [Self; 8] = [
        Self::NAN,
        Self::INFINITY,
        Self::NEG_INFINITY,
        0.0,
        -0.0,
        1e-36,
        -1e-36,
        -0.5,
    ];

    fn of(value: f64) -> Self {
        value as Self
    }

    fn above(self) -> Self {
        self.next_up()
    }

    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
}

impl Drawn for f64 {
    const ODD: [Self; 8] = [
        Self::NAN,
        Self::INFINITY,
        Self::NEG_INFINITY,
        0.0,
        -0.0,
        1e-36,
        -1e-36,
        -0.5,
    ];

    fn of(value: f64) -> Self {
        value
    }

    fn above(self) -> Self {
        self.next_up()
    }

    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// A threshold from a small pool, so that trees share them and rows meet them.
fn threshold<X: Drawn>(draw: &mut Draw, shape: &Shape) -> X {
    match draw.below(40) {
        0 => X::ODD[1 + draw.below(7)],
        _ => X::of(draw.below(shape.thresholds) as f64 * 0.37 - 3.0),
    }
}

fn split<X: Drawn>(draw: &mut Draw, shape: &Shape, left: u32, right: u32) -> Node<X> {
    let feature = draw.below(shape.columns) as u32;
    if shape.categories && draw.below(4) == 0 {
        let words = [1, 2, 9][draw.below(3)];
        let mut set = || (0..words).map(|_| draw.next() as u32 & draw.next() as u32).collect();
        let (one, other): (Vec<u32>, Vec<u32>) = (set(), set());
        let (left_set, right_set) = match draw.below(3) {
            0 => (one, vec![]),
            1 => (vec![], one),
            _ => (one, other),
        };
        return Node::Category {
            feature,
            categories: Categories {
                left: left_set,
                right: right_set,
                other: draw.side(),
                missing: draw.side(),
            },
            left,
            right,
        };
    }
    let missing = match draw.below(6) {
        _ if !shape.missing => Missing::Nan(Side::Right),
        0 => Missing::AsZero,
        1 if shape.rules => Missing::Zero(draw.side()),
        _ => Missing::Nan(draw.side()),
    };
    let threshold = threshold(draw, shape);
    match draw.below(2) {
        0 => Node::at_most(feature, threshold, missing, left, right),
        _ => Node::less_than(feature, threshold, missing, left, right),
    }
}

fn tree<X: Drawn, Y: Drawn>(draw: &mut Draw, shape: &Shape) -> Tree<X, Y> {
    let width = if shape.vector { 1 + draw.below(shape.outputs) } else { 1 };
    let leaves = 1 + draw.below(shape.leaves);
    let mut nodes = vec![Node::Leaf { leaf: 0 }];
    // Splits a leaf until there are enough; now and then always the newest, which makes a deep tree.
    let deep = draw.below(3) == 0;
    let mut ends = vec![0usize];
    while ends.len() < leaves {
        let chosen = if deep { ends.len() - 1 } else { draw.below(ends.len()) };
        let at = ends.swap_remove(chosen);
        let new = nodes.len();
        nodes[at] = split(draw, shape, new as u32, new as u32 + 1);
        nodes.extend([Node::Leaf { leaf: 0 }, Node::Leaf { leaf: 0 }]);
        ends.extend([new, new + 1]);
    }
    for (leaf, at) in ends.iter().enumerate() {
        nodes[*at] = Node::Leaf { leaf: leaf as u32 };
    }
    let values: Vec<Y> = (0..leaves * width)
        .map(|_| Y::of(draw.below(2_000_000) as f64 * 1e-3 - 1000.0))
        .collect();
    Tree {
        first: draw.below(shape.outputs - width + 1),
        width,
        nodes,
        values,
    }
}

fn value<X: Drawn>(draw: &mut Draw, shape: &Shape) -> X {
    let threshold: X = threshold(draw, shape);
    match draw.below(9) {
        0 if shape.missing => X::ODD[0],
        0 | 1 => X::ODD[1 + draw.below(7)],
        2 => threshold,
        3 => threshold.below(),
        4 => threshold.above(),
        5 => X::of(draw.below(300) as f64),
        _ => X::of(draw.below(100_000) as f64 * 0.003 - 100.0),
    }
}

/// Draws an ensemble and rows, and compares every kernel with the definition.
fn agree<X: Drawn, Y: Drawn>(shape: Shape, rows: usize) {
    let mut draw = Draw(shape.seed);
    let rules = Rules {
        zero_within: X::of(if shape.rules { 1.000_000_001_800_250_9e-35 } else { 0.0 }),
        cut_before_sign: shape.rules,
    };
    let trees: Vec<Tree<X, Y>> = (0..shape.trees).map(|_| tree(&mut draw, &shape)).collect();
    let ensemble = build(&trees, shape.columns, shape.outputs, rules);
    let values: Vec<X> = (0..rows * shape.columns).map(|_| value(&mut draw, &shape)).collect();
    let by_column: Vec<Vec<X>> = (0..shape.columns)
        .map(|column| values.iter().skip(column).step_by(shape.columns).copied().collect())
        .collect();
    let columns: Vec<&[X]> = by_column.iter().map(Vec::as_slice).collect();
    let tables = [
        Table::from_rows(&values, shape.columns),
        Table::from_columns(&columns, rows),
    ];
    let start: Vec<Y> = (0..rows * shape.outputs).map(|at| Y::of(at as f64 * 0.1)).collect();
    let mut expected = start.clone();
    for (row, out) in values.chunks(shape.columns).zip(expected.chunks_mut(shape.outputs)) {
        sums(&trees, &rules, row, out);
    }
    let expected: Vec<u64> = expected.into_iter().map(Drawn::bits).collect();
    let leaves: Vec<u32> = values
        .chunks(shape.columns)
        .flat_map(|row| trees.iter().map(|tree| leaf(tree, &rules, row)))
        .collect();
    for table in tables {
        for level in Level::available() {
            let mut found = start.clone();
            ensemble.add_on(*level, table, &mut found);
            let found: Vec<u64> = found.into_iter().map(Drawn::bits).collect();
            assert_eq!(found, expected, "{level:?}");
        }
        assert_eq!(ensemble.leaves(table), leaves);
    }
    for level in Level::available() {
        let mut found = start.clone();
        for (row, out) in values.chunks(shape.columns).zip(found.chunks_mut(shape.outputs)) {
            ensemble.add_on(*level, Table::from_rows(row, shape.columns), out);
        }
        let found: Vec<u64> = found.into_iter().map(Drawn::bits).collect();
        assert_eq!(found, expected, "row by row, {level:?}");
    }
    assert!(ensemble.size_bytes() > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_kernel_adds_what_the_definition_says_in_float32(shape in shape(), rows in 1..200usize) {
        agree::<f32, f32>(shape, rows);
    }

    #[test]
    fn every_kernel_adds_what_the_definition_says_in_float64(shape in shape(), rows in 1..200usize) {
        agree::<f64, f64>(shape, rows);
    }

    #[test]
    fn every_kernel_adds_doubles_for_float32_rows(shape in shape(), rows in 1..200usize) {
        agree::<f32, f64>(shape, rows);
    }
}

/// Boosted trees as libraries grow them: many, over few columns, so that a single row is evaluated by words.
#[test]
fn words_of_leaves_find_what_walks_find() {
    let shape = Shape {
        columns: 3,
        outputs: 1,
        trees: 700,
        leaves: 32,
        thresholds: 250,
        vector: false,
        missing: true,
        categories: false,
        rules: true,
        seed: 0,
    };
    for (seed, leaves, outputs) in [(1, 8, 1), (2, 31, 1), (3, 32, 3), (4, 33, 1), (5, 64, 2)] {
        let shape = Shape {
            leaves,
            outputs,
            seed,
            vector: outputs == 2,
            ..shape
        };
        assert!(by_words(&shape), "{leaves} leaves");
        agree::<f32, f64>(shape, 70);
        agree::<f64, f64>(shape, 70);
        agree::<f32, f32>(
            Shape {
                categories: true,
                rules: false,
                ..shape
            },
            70,
        );
    }
}

/// Whether an ensemble of that shape has words.
fn by_words(shape: &Shape) -> bool {
    let mut draw = Draw(shape.seed);
    let trees: Vec<Tree<f64, f64>> = (0..shape.trees).map(|_| tree(&mut draw, shape)).collect();
    build(&trees, shape.columns, shape.outputs, Rules::default()).has_words()
}

/// Rows of more values than a cache line, and trees of more nodes than the shorter window.
#[test]
fn windows_of_every_length_are_walked_alike() {
    let shape = Shape {
        columns: 3,
        outputs: 2,
        trees: 3,
        leaves: 1_000,
        thresholds: 5_000,
        vector: true,
        missing: true,
        categories: false,
        rules: false,
        seed: 11,
    };
    for (columns, leaves) in [(32, 1_000), (33, 1_000), (128, 9_000), (5, 9_000), (129, 1_000)] {
        let shape = Shape {
            columns,
            leaves,
            ..shape
        };
        agree::<f32, f64>(shape, 500);
        agree::<f64, f64>(shape, 150);
    }
}

/// A tree of more nodes than 16 bits count.
#[test]
fn large_trees_are_walked_alike() {
    let shape = Shape {
        columns: 3,
        outputs: 1,
        trees: 2,
        leaves: 60_000,
        thresholds: 50_000,
        vector: false,
        missing: true,
        categories: false,
        rules: false,
        seed: 7,
    };
    for seed in 0..4 {
        agree::<f32, f64>(Shape { seed, ..shape }, 100);
    }
}

#[test]
fn an_ensemble_without_columns_adds_its_only_leaves() {
    let tree = Tree {
        first: 0,
        width: 1,
        nodes: vec![Node::Leaf { leaf: 0 }],
        values: vec![0.5],
    };
    let ensemble = build::<f64, f64>(&vec![tree; 9], 0, 1, Rules::default());
    let mut sums = vec![0.0; 70];
    ensemble.add_to(Table::from_columns(&[], 70), &mut sums);
    assert_eq!(sums, [4.5; 70]);
    assert_eq!(ensemble.leaves(Table::from_columns(&[], 2)), [0; 18]);
}

fn leaves(node: Node<f64>, rules: Rules<f64>, rows: &[f64]) -> Vec<u32> {
    let tree = Tree {
        first: 0,
        width: 0,
        nodes: vec![node, Node::Leaf { leaf: 0 }, Node::Leaf { leaf: 1 }],
        values: vec![],
    };
    build::<f64, f64>(&[tree], 1, 0, rules).leaves(Table::from_rows(rows, 1))
}

#[test]
fn missing_values_go_where_each_library_sends_them() {
    let rows = [-1.0, 0.0, 1e-36, 1.0, f64::NAN];
    let node = |missing| Node::at_most(0, -0.5, missing, 1, 2);
    let rules = Rules {
        zero_within: 1e-35,
        ..Rules::default()
    };
    assert_eq!(
        leaves(node(Missing::Nan(Side::Left)), Rules::default(), &rows),
        [0, 1, 1, 1, 0]
    );
    assert_eq!(leaves(node(Missing::AsZero), rules, &rows), [0, 1, 1, 1, 1]);
    assert_eq!(leaves(node(Missing::Zero(Side::Left)), rules, &rows), [0, 0, 0, 1, 0]);
}

#[test]
fn less_than_minus_infinity_is_never() {
    let rows = [f64::NEG_INFINITY, 0.0, f64::INFINITY, f64::NAN];
    let node = Node::less_than(0, f64::NEG_INFINITY, Missing::Nan(Side::Left), 1, 2);
    assert_eq!(leaves(node, Rules::default(), &rows), [1, 1, 1, 0]);
    let node = Node::less_than(0, f64::INFINITY, Missing::Nan(Side::Right), 1, 2);
    assert_eq!(leaves(node, Rules::default(), &rows), [0, 0, 1, 1]);
}

#[test]
fn categories_go_where_each_library_sends_them() {
    let rows = [-1.0, -0.5, 0.0, 1.9, 2.0, 31.0, 32.0, 1e30, f64::NAN];
    let node = |left, right, other, missing| Node::Category {
        feature: 0,
        categories: Categories {
            left,
            right,
            other,
            missing,
        },
        left: 1,
        right: 2,
    };
    let lightgbm = node(vec![0b11], vec![], Side::Right, Side::Right);
    let rules = Rules {
        cut_before_sign: true,
        ..Rules::default()
    };
    assert_eq!(leaves(lightgbm, rules, &rows), [1, 0, 0, 0, 1, 1, 1, 1, 1]);
    let xgboost = node(vec![], vec![0b11], Side::Left, Side::Right);
    assert_eq!(leaves(xgboost, Rules::default(), &rows), [0, 0, 1, 1, 0, 0, 0, 0, 1]);
    let histogram = node(vec![0b1], vec![0b110], Side::Left, Side::Left);
    assert_eq!(leaves(histogram, Rules::default(), &rows), [0, 0, 0, 1, 1, 0, 0, 0, 0]);
}
