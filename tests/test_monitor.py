"""Watching: drift as SciPy computes it, figures of a monitor's run, alerts that are delivered once."""
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from harness import DIABETES, FEATURES, receiver, record, run, wait_until
from scipy import stats
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

RELATIVE_P = 1e-9


def ks_of(drift, column):
    """The Kolmogorov-Smirnov result of one column."""
    found = [row for row in drift if row["column"] == column and row["test"] == "ks"]
    assert len(found) == 1, drift
    return found[0]


def assert_as_scipy(row, baseline, window):
    statistic, p_value = stats.ks_2samp(baseline, window)
    assert abs(row["statistic"] - statistic) <= 1e-12
    assert row["p_value"] == pytest.approx(p_value, rel=RELATIVE_P, abs=0)
    assert (row["baseline_count"], row["window_count"]) == (len(baseline), len(window))


def drift_of(baseline, window, *flags):
    return json.loads(run("drift", "--baseline", baseline, "--window", window, "--json", *flags).stdout)["columns"]


def test_drift_on_files_equals_scipy(tmp_path, production):
    reference = pd.read_csv(DIABETES / "reference.csv")
    for name, window in {"quiet": production[:1000], "loud": production[1000:]}.items():
        window[FEATURES].to_csv(tmp_path / f"{name}.csv", index=False)
        drift = drift_of(DIABETES / "reference.csv", tmp_path / f"{name}.csv")
        for column in FEATURES:
            assert_as_scipy(ks_of(drift, column), reference[column], window[column])
        drifted = {row["column"] for row in drift if row["drifted"]}
        assert drifted == ({"bmi", "glucose"} if name == "loud" else set())


@pytest.mark.parametrize("sizes", [(1, 1), (7, 5), (30, 41), (200, 333), (3000, 2500), (12000, 11000)])
def test_small_and_large_samples_equal_scipy(tmp_path, sizes):
    """Up to 10,000 values SciPy's p-value is exact, above it is asymptotic; ties included."""
    dice = np.random.default_rng(sum(sizes))
    for tied in (False, True):
        samples = [dice.normal(shift, 1, size) for shift, size in zip((0, 0.1), sizes)]
        samples = [np.round(sample, 1) if tied else sample for sample in samples]
        for name, sample in zip(("a", "b"), samples):
            pd.DataFrame({"x": sample}).to_csv(tmp_path / f"{name}.csv", index=False)
        drift = drift_of(tmp_path / "a.csv", tmp_path / "b.csv")
        assert_as_scipy(ks_of(drift, "x"), *samples)


def test_categories_equal_scipy(tmp_path):
    dice = np.random.default_rng(5)
    a, b = (dice.choice(["basic", "plus", "pro"], 400, p=p) for p in ([0.5, 0.3, 0.2], [0.3, 0.3, 0.4]))
    for name, sample in (("a", a), ("b", b)):
        pd.DataFrame({"plan": sample}).to_csv(tmp_path / f"{name}.csv", index=False)
    row = next(row for row in drift_of(tmp_path / "a.csv", tmp_path / "b.csv") if row["test"] == "chi_squared")
    table = [[(sample == category).sum() for category in ("basic", "plus", "pro")] for sample in (a, b)]
    reference = stats.chi2_contingency(table, correction=False)
    assert row["statistic"] == pytest.approx(reference.statistic, rel=1e-12)
    assert row["p_value"] == pytest.approx(reference.pvalue, rel=RELATIVE_P)
    assert row["drifted"]


def test_a_file_without_the_columns_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("x\n1\n")
    (tmp_path / "mine.csv").write_text("y\n1\n")
    refused = run("drift", "--baseline", tmp_path / "mine.csv", "--window", tmp_path / "other.csv", check=False)
    assert refused.returncode == 1 and refused.stderr
    missing = run("drift", "--baseline", tmp_path / "nowhere.csv", "--window", tmp_path / "other.csv", check=False)
    assert missing.returncode == 1 and "nowhere.csv" in missing.stderr


def watched(server, production, bodies_url):
    """An endpoint with traffic and labels, a notifier and a monitor; returns the truth and the answers."""
    server.create_endpoint("watched")
    truth = pd.read_csv(DIABETES / "production_truth.csv").actual.to_numpy()
    labels, answers = [], []
    for index, row in enumerate(production[FEATURES].itertuples(index=False)):
        if index < 1000 and index % 4:
            continue  # a quarter of the quiet half is enough
        reply = server.invoke("watched", {"dataframe_records": [record(*row)]})
        labels.append({"request_id": reply.headers["x-request-id"], "label": int(truth[index])})
        answers.append(reply.json()["predictions"][0])
    server.invoke("watched", {"dataframe_records": []})
    for start in range(0, len(labels), 500):
        server.call("POST", "/api/atalaya/v1/endpoints/watched/labels", {"labels": labels[start : start + 500]})
    server.flush("watched")
    (server.home / "lake" / "baselines").mkdir(parents=True)
    shutil.copy(DIABETES / "reference.csv", server.home / "lake" / "baselines" / "reference.csv")
    server.call("POST", "/api/atalaya/v1/notifiers", {"name": "hook", "kind": "webhook", "url": bodies_url})
    server.call("POST", "/api/atalaya/v1/notifiers", {"name": "slack", "kind": "slack", "url": bodies_url})
    monitor = {
        "name": "watch",
        "endpoint": "watched",
        "baseline": "baselines/reference.csv",
        "window_ms": 24 * 3600 * 1000,
        "thresholds": {"min_accuracy": 0.99, "max_latency_ms": 60_000, "max_drift_pvalue": 0.05},
        "notifiers": ["hook", "slack"],
    }
    server.call("POST", "/api/atalaya/v1/monitors", monitor)
    return [label["label"] for label in labels], answers


def test_a_monitor_finds_what_moved_and_tells_once(fresh_server, production):
    with receiver() as (url, bodies):
        truth, answers = watched(fresh_server, production, url)
        assert [monitor["name"] for monitor in fresh_server.call("GET", "/api/atalaya/v1/monitors")["monitors"]] == ["watch"]
        found = fresh_server.call("POST", "/api/atalaya/v1/monitors/watch/run", {})

        rows = fresh_server.table("watched", "rows")
        reference = pd.read_csv(DIABETES / "reference.csv")
        for column in FEATURES:
            assert_as_scipy(ks_of(found["columns"], column), reference[column], rows[column])
        assert {row["column"] for row in found["columns"] if row["drifted"]} == {"bmi", "glucose"}

        latency = found["latency_ms"]
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p95"] <= latency["p99"]
        assert latency["mean"] == pytest.approx((rows.latency_us / 1000).mean(), rel=0.5)
        assert found["error_rate"] == pytest.approx(1 / (len(answers) + 1))
        quality = found["quality"]
        precision, recall, f1, _ = precision_recall_fscore_support(truth, answers, average="weighted", zero_division=0)
        assert quality["accuracy"] == pytest.approx(accuracy_score(truth, answers), rel=1e-12)
        assert [quality["precision"], quality["recall"], quality["f1"]] == pytest.approx([precision, recall, f1], rel=1e-12)

        firing = {alert["kind"] for alert in fresh_server.call("GET", "/api/atalaya/v1/alerts")["alerts"]}
        assert firing == {"DATA_DRIFT", "PERFORMANCE_DEGRADATION"}
        # Two alerts, two notifiers.
        wait_until(lambda: len(bodies) >= 4, 30, "the notifications")
        slack = [body for body in bodies if "text" in body]
        plain = [body for body in bodies if "text" not in body]
        assert (len(slack), len(plain)) == (2, 2)
        assert {body["kind"] for body in plain} == firing
        # A second look at the same facts tells nothing new, nor does a restart.
        fresh_server.call("POST", "/api/atalaya/v1/monitors/watch/run", {})
        assert fresh_server.stop() == 0
        fresh_server.start()
        fresh_server.call("POST", "/api/atalaya/v1/monitors/watch/run", {})
        assert fresh_server.stop() == 0
        assert len(bodies) == 4
