#!/usr/bin/env python3
"""Writes golden.json: inputs and the answers of SciPy, scikit-learn and numpy to them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scipy==1.17.1 scikit-learn==1.9.1 numpy
    /tmp/venv/bin/python make_golden.py

Large samples are not written but described (a linear congruential generator, a shift, a rounding), so that
the reader makes the same numbers bit for bit; small ones are written out.
"""

import json
import pathlib
import warnings

import numpy as np
import scipy
import sklearn
from scipy import spatial, stats
from sklearn import metrics

warnings.simplefilter("ignore")

MULTIPLIER, INCREMENT, MASK = 6364136223846793005, 1442695040888963407, (1 << 64) - 1


def uniforms(seed, count):
    """Uniform doubles in [0, 1): the upper 53 bits of a 64-bit linear congruential generator."""
    state, values = seed, np.empty(count)
    for i in range(count):
        state = (state * MULTIPLIER + INCREMENT) & MASK
        values[i] = (state >> 11) * 2.0**-53
    return values


def recipe(seed, count, shift=0.0, steps=0):
    """Description of a sample: uniforms, moved by `shift`, floored to `1/steps` when steps > 0."""
    return {"seed": seed, "count": count, "shift": shift, "steps": steps}


def build(r):
    values = uniforms(r["seed"], r["count"]) + r["shift"]
    return np.floor(values * r["steps"]) / r["steps"] if r["steps"] else values


def ks_cases():
    pairs = []
    seed = iter(range(1, 10_000))

    def add(n, m, shift=0.0, steps=0):
        pairs.append((recipe(next(seed), n, 0.0, steps), recipe(next(seed), m, shift, steps)))

    for n, m in [(1, 1), (1, 2), (2, 3), (3, 3), (5, 7), (7, 5), (10, 10), (12, 18), (20, 50), (33, 100), (1, 40)]:
        add(n, m)
        add(n, m, 0.3)
        add(n, m, 0.1, 5)
    for n in [2, 7, 25, 100, 500, 2000, 10_000]:  # equal sizes: closed form
        for shift in [0.0, 0.05, 0.25]:
            add(n, n, shift)
    for n, m in [(97, 101), (499, 1000), (1500, 1000), (1009, 2003), (1500, 10_000), (9973, 7919), (3000, 9000)]:
        for shift in [0.0, 0.02, 0.15]:  # coprime, and large common divisors
            add(n, m, shift)
        add(n, m, 0.05, 20)
    add(1500, 10_000, 0.31)
    add(9999, 10_000, 0.12)
    add(9999, 10_000, 0.001)
    for m in [1, 2, 5, 17, 60, 120, 140, 141, 142, 150]:  # limiting form at a small effective size
        for shift in [0.0, 0.12, 0.3, 0.6]:
            add(20_000, m, shift)
    for n, m in [(10_001, 500), (10_001, 10_001), (50_000, 2500), (100_000, 70_000)]:  # and at a large one
        for shift in [0.0, 0.004, 0.03, 0.08]:
            add(n, m, shift)
        add(n, m, 0.01, 50)
    cases = []
    for a, b in pairs:
        result = stats.ks_2samp(build(a), build(b))
        cases.append({"a": a, "b": b, "statistic": float(result.statistic), "p_value": float(result.pvalue)})
    # Equal sizes and the least distance: the closed form may leave 0..1 by rounding, and SciPy then falls back.
    for n in range(1, 41):
        a, b = np.arange(n, dtype=float), np.arange(n) + 0.5
        result = stats.ks_2samp(a, b)
        cases.append({"a": a.tolist(), "b": b.tolist(), "statistic": float(result.statistic),
                      "p_value": float(result.pvalue)})
    return cases


def kolmogorov_cases():
    cases = []
    for n in [1, 2, 3, 10, 50, 140, 141, 500, 5000, 65_535, 100_000, 100_001, 999_999, 1_000_001, 30_000_000]:
        for z in [0.2, 0.35, 0.5, 0.8, 0.868, 1.2, 1.48, 1.5, 1.9, 2.1, 3.0, 6.0, 12.0, 19.0]:
            x = z / np.sqrt(n)
            if x < 1:
                cases.append({"n": n, "x": float(x), "sf": float(stats.kstwo.sf(x, n))})
        for x in [0.5 / n, 0.7 / n, 1 / n, 1 - 1 / n, 1 - 0.5 / n, 0.6]:
            if 0 < x < 1:
                cases.append({"n": n, "x": float(x), "sf": float(stats.kstwo.sf(x, n))})
    return cases


def chi_squared_cases():
    rng = np.random.default_rng(11)
    cases = []
    for k in [1, 2, 3, 5, 10, 40, 200]:
        for size in [30, 1000, 50_000]:
            for skew in [0.0, 0.2, 0.8]:
                shares = rng.dirichlet(np.ones(k) * 5)
                other = (1 - skew) * shares + skew * rng.dirichlet(np.ones(k) * 5)
                a, b = rng.multinomial(size, shares), rng.multinomial(size // 2, other)
                seen = (a + b) > 0
                result = stats.chi2_contingency(np.array([a[seen], b[seen]]), correction=False)
                cases.append({"a": a.tolist(), "b": b.tolist(), "statistic": float(result.statistic),
                              "p_value": float(result.pvalue), "degrees": int(result.dof)})
    return cases


def distance_cases():
    cases = []
    for i, (n, m, shift, steps) in enumerate([(50, 50, 0.0, 0), (200, 77, 0.2, 0), (31, 400, 0.1, 8), (1, 5, 1.0, 0)]):
        a, b = recipe(7000 + i, n, 0.0, steps), recipe(8000 + i, m, shift, steps)
        cases.append({"a": a, "b": b, "wasserstein": float(stats.wasserstein_distance(build(a), build(b)))})
    tables = []
    for left, right in [([10, 20, 70], [30, 30, 40]), ([5, 0, 5], [0, 9, 1]), ([1, 2, 3, 4], [4, 3, 2, 1])]:
        tables.append({"a": left, "b": right, "distance": float(spatial.distance.jensenshannon(left, right, base=2))})
    return {"wasserstein": cases, "jensen_shannon": tables}


def classification_cases():
    rng = np.random.default_rng(5)
    cases = []
    words = np.array(["b", "a", "é", "Z", "c d"])
    for k in [1, 2, 3, 5]:
        for size in [1, 7, 200, 3000]:
            for noise in [0.0, 0.3, 1.0]:
                codes = rng.integers(0, k, size)
                guessed = np.where(rng.random(size) < noise, rng.integers(0, k, size), codes)
                for text in [False, True]:
                    y, p = (words[codes], words[guessed]) if text else (codes * 1.5, guessed * 1.5)
                    if size > 200:
                        y, p = y[:1000], p[:1000]
                    y_in, p_in = y, p
                    if not text:  # scikit-learn refuses fractions as classes, so it sees the codes
                        y_in, p_in = codes[: len(y)], guessed[: len(p)]
                    scores = metrics.precision_recall_fscore_support(y_in, p_in, zero_division=0)
                    case = {"actual": y.tolist(), "predicted": p.tolist(),
                            "accuracy": float(metrics.accuracy_score(y_in, p_in)),
                            "confusion": metrics.confusion_matrix(y_in, p_in).tolist(),
                            "classes": [s.tolist() for s in scores]}
                    for average in ["weighted", "macro"]:
                        case[average] = [float(score(y_in, p_in, average=average, zero_division=0)) for score in
                                         (metrics.precision_score, metrics.recall_score, metrics.f1_score)]
                    if size <= 200 or noise == 0.3:
                        cases.append(case)
    return cases


def regression_cases():
    rng = np.random.default_rng(6)
    cases = []
    for size in [2, 10, 500]:
        for scale in [1e-3, 1.0, 1e6]:
            y = rng.normal(5, 2, size) * scale
            p = y + rng.normal(0, 1, size) * scale
            cases.append({"actual": y.tolist(), "predicted": p.tolist(),
                          "mae": float(metrics.mean_absolute_error(y, p)), "mse": float(metrics.mean_squared_error(y, p)),
                          "rmse": float(metrics.root_mean_squared_error(y, p)), "r2": float(metrics.r2_score(y, p)),
                          "mape": float(metrics.mean_absolute_percentage_error(y, p))})
    return cases


def latency_cases():
    cases = []
    for count in [1, 2, 3, 10, 101, 1000]:
        r = recipe(9000 + count, count, 0.5)
        values = build(r)
        cases.append({"values": r, "mean": float(values.mean()),
                      "percentiles": [float(v) for v in np.percentile(values, [50, 90, 95, 99])],
                      "std": float(values.std(ddof=1)) if count > 1 else None})
    return cases


def main():
    golden = {
        "versions": {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "ks": ks_cases(),
        "kolmogorov": kolmogorov_cases(),
        "chi_squared": chi_squared_cases(),
        **distance_cases(),
        "classification": classification_cases(),
        "regression": regression_cases(),
        "latency": latency_cases(),
    }
    target = pathlib.Path(__file__).with_name("golden.json")
    lines = [f"{json.dumps(key)}: " + (json.dumps(value) if isinstance(value, dict) else
             "[\n" + ",\n".join(json.dumps(case) for case in value) + "\n]") for key, value in golden.items()]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print({key: len(value) for key, value in golden.items()})


if __name__ == "__main__":
    main()
