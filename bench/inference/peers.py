#!/usr/bin/env python3
"""Times models in the libraries that made them, in their peers and in Atalaya, in turns, and prints the ratios.

    python peers.py OURS [--rows N] [--turns N] [--only gb,rf] [--compile gb,lgb] [--table FILE]

OURS is the built example `inference_bench`. Models (20 features, fixed seeds, data drawn here), all for two classes:
    gb   GradientBoostingClassifier, 100 trees of depth 3      hgb  HistGradientBoostingClassifier, 200 trees of 31 leaves
    rf   RandomForestClassifier, 100 trees of depth 10         xgb  XGBClassifier, 500 trees of depth 6
    lgb  LGBMClassifier, 500 trees of 31 leaves               logreg  StandardScaler and LogisticRegression, 4 features
Every peer gets the arrays that it likes best, in memory, and one thread. One row: the median over calls that cycle through
512 different rows. Many rows: the median of the turns, in each of which the best of up to three runs counts. Peers give probabilities; Atalaya gives labels and probabilities from
an Arrow batch ("whole"), and the sums of leaves alone. What is not installed is left out. `--compile` also builds the named
models with tl2cgen and gcc, which takes minutes.
"""
import argparse
import ctypes
import ctypes.util
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TREELITE_BIND_THREADS"] = "0"
warnings.filterwarnings("ignore")
import numpy as np

LEAF = -1
MANIFEST = """flavors:
  {flavor}
  python_function:
    loader_module: mlflow.{name}
    python_version: 3.11.7
mlflow_version: 3.17.2
signature:
  inputs: '{inputs}'
"""


def draw(rows, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 20)).astype(np.float32)
    x[:, ::4] = np.round(x[:, ::4], 1)
    weights = np.random.default_rng(123).normal(size=20)
    score = x @ weights + 1.5 * np.sin(2 * x[:, 0]) * x[:, 1] + np.where(x[:, 2] > 0.3, 1.2, -0.4) * x[:, 3]
    return x, (score + random.normal(size=rows) > 0).astype(int)


def logf(value):
    """The C library's logarithm of a float32: numpy has its own, which differs in the last bit."""
    function = ctypes.CDLL(ctypes.util.find_library("m")).logf
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function(value)


def optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


def write(folder, name, single_input, single_sum, strict, base, trees, raw):
    """Trees as plain numbers: (feature or -1, left, right, missing goes left, threshold, value) per node, root first."""
    with open(folder / f"{name}.trees", "wb") as file:
        file.write(struct.pack("<iiiidi", single_input, single_sum, strict, 20, base, len(trees)))
        for tree in trees:
            file.write(struct.pack("<i", len(tree)))
            for node in tree:
                file.write(struct.pack("<iiiidd", *node))
    np.asarray(raw, dtype=np.float64).tofile(folder / f"{name}.raw")


def write_model(folder, name, kind, columns, flavor, save, whole):
    """The model as MLflow logs it, over columns of `kind`, and the library's answers."""
    (folder / name).mkdir()
    save(folder / name / "model")
    inputs = [{"type": kind, "name": f"c{column}", "required": True} for column in range(columns)]
    manifest = MANIFEST.format(flavor="\n    ".join(flavor), name=flavor[0].rstrip(":"), inputs=json.dumps(inputs))
    (folder / name / "MLmodel").write_text(manifest)
    np.ascontiguousarray(whole, dtype=np.float64).tofile(folder / f"{name}.whole")


def on_haswell(model, x):
    """Probabilities with the one grouping of sums that Atalaya has: OpenBLAS has others for processors with AVX-512. Columns
    lie one after the other, as a data frame and an Arrow batch have them."""
    code = "import pickle, sys, numpy as np; model, x = pickle.load(sys.stdin.buffer); "
    code += "sys.stdout.buffer.write(model.predict_proba(np.asfortranarray(x)).tobytes())"
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell"}
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, input=pickle.dumps((model, x)), env=environment, check=True, capture_output=True)
    return np.frombuffer(found.stdout)


def sklearn_tree(tree, rate):
    return [
        (LEAF, 0, 0, 0, 0.0, rate * tree.value[at].ravel()[-1])
        if tree.children_left[at] < 0
        else (tree.feature[at], tree.children_left[at], tree.children_right[at], 0, tree.threshold[at], 0.0)
        for at in range(tree.node_count)
    ]


def histogram_tree(predictor):
    return [
        (LEAF, 0, 0, 0, 0.0, node["value"])
        if node["is_leaf"]
        else (node["feature_idx"], node["left"], node["right"], node["missing_go_to_left"], node["num_threshold"], 0.0)
        for node in predictor.nodes
    ]


def xgboost_tree(tree):
    left, right = tree["left_children"], tree["right_children"]
    # The text has as many digits as tell float32 numbers apart.
    split = np.array(tree["split_conditions"], dtype=np.float32)
    return [
        (LEAF, 0, 0, 0, 0.0, split[at])
        if left[at] < 0
        else (tree["split_indices"][at], left[at], right[at], tree["default_left"][at], split[at], 0.0)
        for at in range(len(left))
    ]


def lightgbm_tree(root):
    nodes = []

    def add(node):
        at = len(nodes)
        nodes.append(None)
        if "split_feature" not in node:
            nodes[at] = (LEAF, 0, 0, 0, 0.0, node["leaf_value"])
        else:
            left, right = add(node["left_child"]), add(node["right_child"])
            nodes[at] = (node["split_feature"], left, right, 0.0 <= node["threshold"], node["threshold"], 0.0)
        return at

    add(root)
    return nodes


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.peers = options, folder, {}
        self.x, _ = draw(options.rows, 2)
        self.train = draw(20_000, 1)
        self.x64 = self.x.astype(np.float64)
        self.x.tofile(folder / "x")
        self.x4 = self.x64[:, :4].copy()
        arrays = {32: self.x, 64: self.x64, "4": self.x4, "4s": self.x[:, :4].copy()}
        self.arrays = arrays
        self.singles = {kind: [all[at : at + 1].copy() for at in range(512)] for kind, all in arrays.items()}

    def add(self, model, peer, run, kind=32, wrap=lambda rows: rows):
        try:
            run(wrap(self.singles[kind][0]))
        except Exception as error:
            print(f"  {model}: {peer} left out: {type(error).__name__} {str(error)[:90]}", flush=True)
            return
        everything = wrap(self.arrays[kind])
        self.peers.setdefault(model, []).append((peer, run, [wrap(row) for row in self.singles[kind]], everything))

    def treelite(self, model, make, kind):
        treelite, tl2cgen = optional("treelite"), optional("tl2cgen")
        if treelite is None:
            return
        made = make(treelite)
        self.add(model, f"treelite {treelite.__version__}", lambda rows: treelite.gtil.predict(made, rows, nthread=1), kind)
        if tl2cgen is not None and model in self.options.compile.split(","):
            library = str(self.folder / f"{model}.so")
            tl2cgen.export_lib(made, toolchain="gcc", libpath=library, params={"parallel_comp": 8}, verbose=False)
            compiled = tl2cgen.Predictor(library, nthread=1)
            self.add(model, f"tl2cgen {tl2cgen.__version__} and gcc", compiled.predict, kind, tl2cgen.DMatrix)

    def onnx(self, model, make, kind=32):
        runtime = optional("onnxruntime")
        if runtime is None or optional("onnxmltools") is None or optional("skl2onnx") is None:
            return
        try:
            blob = make()
        except Exception as error:
            print(f"  {model}: no ONNX: {type(error).__name__} {str(error)[:90]}", flush=True)
            return
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        session = runtime.InferenceSession(blob, settings, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        self.add(model, f"onnxruntime {runtime.__version__}", lambda rows: session.run(None, {name: rows}), kind)

    def sklearn(self):
        import sklearn
        from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier

        def to_onnx(model, columns=20):
            from skl2onnx import to_onnx

            kind = np.zeros((1, columns), np.float32)
            key = type(model[-1]) if columns == 4 else id(model)
            return to_onnx(model, kind, options={key: {"zipmap": False}}, target_opset=17).SerializeToString()

        def save(name, model, kind, columns, whole):
            flavor = ["sklearn:", "pickled_model: model", "serialization_format: cloudpickle"]
            flavor.append(f"sklearn_version: {sklearn.__version__}")
            dump = lambda path: path.write_bytes(pickle.dumps(model, protocol=4))
            write_model(self.folder, name, kind, columns, flavor, dump, whole)

        def peers(name, model, kind):
            x = self.x if kind == 32 else self.x64
            save(name, model, "float" if kind == 32 else "double", 20, model.predict_proba(x))
            self.add(name, f"scikit-learn {sklearn.__version__}", model.predict_proba, kind)
            self.treelite(name, lambda treelite: treelite.sklearn.import_model(model), 64)
            self.onnx(name, lambda: to_onnx(model))

        if self.wants("gb"):
            model = GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0).fit(*self.train)
            start = model._raw_predict_init(self.x[:1])[0, 0]
            trees = [sklearn_tree(stage[0].tree_, model.learning_rate) for stage in model.estimators_]
            write(self.folder, "gb", 1, 0, 0, start, trees, model.decision_function(self.x))
            peers("gb", model, 32)
        if self.wants("rf"):
            model = RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=1).fit(*self.train)
            raw = np.zeros(len(self.x))
            for tree in model.estimators_:
                raw += tree.predict_proba(self.x)[:, 1]
            write(self.folder, "rf", 1, 0, 0, 0.0, [sklearn_tree(tree.tree_, 1.0) for tree in model.estimators_], raw)
            peers("rf", model, 32)
        if self.wants("hgb"):
            model = HistGradientBoostingClassifier(max_iter=200, max_leaf_nodes=31, early_stopping=False, random_state=0)
            model.fit(*self.train)
            trees = [histogram_tree(stage[0]) for stage in model._predictors]
            base = float(model._baseline_prediction.ravel()[0])
            write(self.folder, "hgb", 0, 0, 0, base, trees, model.decision_function(self.x64))
            peers("hgb", model, 64)

        if self.wants("logreg"):
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler

            x, y = self.train
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:, :4].astype(np.float64), y)
            save("logreg", model, "double", 4, on_haswell(model, self.x4))
            self.add("logreg", f"scikit-learn {sklearn.__version__}", model.predict_proba, "4")
            self.onnx("logreg", lambda: to_onnx(model, 4), "4s")

    def xgboost(self):
        xgboost = optional("xgboost")
        if xgboost is None or not self.wants("xgb"):
            return
        model = xgboost.XGBClassifier(n_estimators=500, max_depth=6, n_jobs=1, random_state=0).fit(*self.train)
        booster = model.get_booster()
        raw = booster.predict(xgboost.DMatrix(self.x), output_margin=True)
        content = json.loads(booster.save_raw("json"))["learner"]
        score = np.float32(float(content["learner_model_param"]["base_score"].strip("[]")))
        base = -logf(float(np.float32(1) / score - np.float32(1)))
        trees = [xgboost_tree(tree) for tree in content["gradient_booster"]["model"]["trees"]]
        write(self.folder, "xgb", 1, 1, 1, base, trees, raw)
        flavor = ["xgboost:", "data: model.ubj", "model_class: xgboost.sklearn.XGBClassifier"]
        save = lambda path: model.save_model(path.with_suffix(".ubj"))
        write_model(self.folder, "xgb", "float", 20, flavor, save, model.predict_proba(self.x))
        self.add("xgb", f"xgboost {xgboost.__version__}", booster.inplace_predict)
        self.treelite("xgb", lambda treelite: treelite.frontend.from_xgboost(booster), 32)

        def convert():
            from onnxmltools import convert_xgboost
            from onnxmltools.convert.common.data_types import FloatTensorType

            kind = [("X", FloatTensorType([None, 20]))]
            return convert_xgboost(model, initial_types=kind, target_opset=15).SerializeToString()

        self.onnx("xgb", convert)

    def lightgbm(self):
        lightgbm = optional("lightgbm")
        if lightgbm is None or not self.wants("lgb"):
            return
        model = lightgbm.LGBMClassifier(n_estimators=500, num_leaves=31, n_jobs=1, random_state=0, verbose=-1)
        booster = model.fit(*self.train).booster_
        trees = [lightgbm_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
        write(self.folder, "lgb", 0, 0, 0, 0.0, trees, booster.predict(self.x64, raw_score=True, num_threads=1))
        flavor = ["lightgbm:", "data: model", "model_class: lightgbm.basic.Booster"]
        write_model(self.folder, "lgb", "double", 20, flavor, booster.save_model, booster.predict(self.x64, num_threads=1))
        self.add("lgb", f"lightgbm {lightgbm.__version__}", lambda rows: booster.predict(rows, num_threads=1), 64)
        self.treelite("lgb", lambda treelite: treelite.frontend.from_lightgbm(booster), 64)
        def convert():
            from onnxmltools import convert_lightgbm
            from onnxmltools.convert.common.data_types import FloatTensorType

            kind = [("X", FloatTensorType([None, 20]))]
            return convert_lightgbm(model, initial_types=kind, zipmap=False, target_opset=15).SerializeToString()

        self.onnx("lgb", convert)

        lleaves = optional("lleaves")
        if lleaves is not None:
            path = str(self.folder / "lgb.txt")
            booster.save_model(path)
            compiled = lleaves.Model(model_file=path)
            try:
                compiled.compile()
            except AttributeError as error:
                print(f"  lgb: lleaves left out, it needs an older llvmlite: {error}", flush=True)
                return
            self.add("lgb", f"lleaves {getattr(lleaves, '__version__', '')}", lambda rows: compiled.predict(rows, n_jobs=1), 64)

    def wants(self, model):
        return not self.options.only or model in self.options.only.split(",")

    def run(self):
        self.sklearn()
        self.xgboost()
        self.lightgbm()
        lines = []
        for model, peers in self.peers.items():
            many = {peer: [] for peer, *_ in peers}
            one = {peer: [] for peer, *_ in peers}
            ours = {}
            for _ in range(self.options.turns):
                for peer, run, singles, everything in peers:
                    many[peer].append(clock(lambda: run(everything)) / len(self.x))
                    one[peer].append(one_row(run, singles))
                command = [self.options.ours, str(self.folder), model]
                for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
                    name, nanoseconds = line.rsplit(" ", 1)
                    ours.setdefault(name, []).append(float(nanoseconds))
            lines.append(self.report(model, one, many, ours))
        return lines

    def report(self, model, one, many, ours):
        middle = lambda all: {name: float(np.median(values)) for name, values in all.items()}
        one, many, ours = middle(one), middle(many), middle(ours)
        for peer in many:
            print(f"  {model:6} {peer:28} one row {one[peer]:10.0f} ns   many {many[peer]:10.0f} ns/row", flush=True)
        best_one, best_many = min(one, key=one.get), min(many, key=many.get)
        print(f"  {model:6} Atalaya " + ", ".join(f"{name} {value:.0f}" for name, value in ours.items()), flush=True)
        wide = min((ours[level] for level in ("avx2", "avx512") if level in ours), default=None)
        ratio = lambda peer, own: f"{peer / own:.1f}" if own else "–"
        return "| " + " | ".join([
            f"`{model}`",
            best_many,
            ratio(many[best_many], ours["whole portable"]),
            ratio(many[best_many], ours["whole widest"]),
            ratio(many[best_many], ours.get("portable")),
            ratio(many[best_many], wide),
            best_one,
            ratio(one[best_one], ours["whole widest one row"]),
            ratio(one[best_one], ours.get("one row")),
        ]) + " |"


def clock(run):
    """The best of three runs, or of those that a second is enough for."""
    times = []
    while not times or (len(times) < 3 and sum(times) < 1e9):
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return min(times)


def one_row(run, singles):
    times = []
    for at in range(1500):
        row = singles[at % len(singles)]
        start = time.perf_counter_ns()
        run(row)
        times.append(time.perf_counter_ns() - start)
    return float(np.median(times))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--compile", default="")
    parser.add_argument("--table", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = Bench(options, pathlib.Path(folder)).run()
    head = [
        f"| model | best peer, {options.rows:,} rows | whole, portable | whole | sums, portable | sums | best peer, one row | whole | sums |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    table = "\n".join(head + lines) + "\n"
    print(table)
    if options.table:
        options.table.write_text(table)


if __name__ == "__main__":
    sys.exit(main())
